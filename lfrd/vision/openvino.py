"""Models on Intel's OpenVINO, which also runs on other makers' processors: the only file that
imports it.

The runtime itself is used and not its onnxruntime plugin, because the plugin offers processors of
one maker only. Inputs and outputs are the caller's own arrays here too.
"""

from collections.abc import Sequence
from typing import Any, Literal

from lfrd.errors import InferenceFailed, ModelError
from lfrd.types import F32
from lfrd.vision.session import TensorSpec

Precision = Literal["f32", "bf16"]


def can_bf16() -> bool:
    """Whether this processor computes in bf16 by itself. Raises InferenceFailed."""
    return "BF16" in _runtime().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def version() -> str:
    """The runtime's version. Raises InferenceFailed where it is not installed."""
    return str(_runtime().__version__)


def open_model(model: bytes, label: str, precision: Precision) -> "OpenVino":
    """Compile a serialised ONNX model for one thread. Raises ModelError, InferenceFailed."""
    runtime = _runtime()
    core = runtime.Core()
    try:
        graph = core.read_model(model)
    except Exception as error:  # the library raises plain RuntimeError
        raise ModelError(f"{label} is not a model that OpenVINO can open") from error
    wanted = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": 1,
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,
    }
    try:
        compiled = core.compile_model(graph, "CPU", wanted)
    except Exception as error:
        raise InferenceFailed(f"provider openvino cannot run {label}") from error
    got = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
    if got != precision:
        raise InferenceFailed(f"provider openvino runs {label} in {got} and not in {precision}")
    return OpenVino(compiled, runtime.Tensor)


class OpenVino:
    """One compiled model with one request; belongs to one thread at a time."""

    def __init__(self, compiled: Any, tensor: Any) -> None:
        self._tensor = tensor
        self._request = compiled.create_infer_request()
        self.inputs = tuple(_spec(port) for port in compiled.inputs)
        self.outputs = tuple(_spec(port) for port in compiled.outputs)
        self._bound: tuple[tuple[int, tuple[int, ...]], ...] = ()

    def run(self, arrays: Sequence[F32]) -> None:
        """See `session.Opened`."""
        key = tuple((array.ctypes.data, array.shape) for array in arrays)
        if key != self._bound:
            self._bound = ()
            self._bind(arrays)
            self._bound = key
        self._request.infer()

    def _bind(self, arrays: Sequence[F32]) -> None:
        for index, array in enumerate(arrays):
            assert array.flags.c_contiguous, index
            tensor = self._tensor(array, shared_memory=True)
            if index < len(self.inputs):
                self._request.set_input_tensor(index, tensor)
            else:
                self._request.set_output_tensor(index - len(self.inputs), tensor)


def _spec(port: Any) -> TensorSpec:
    if port.element_type.get_type_name() != "f32":
        raise ModelError(f"{port.any_name} is of type {port.element_type}; only f32 is handled")
    sizes = port.partial_shape
    return TensorSpec(
        port.any_name,
        tuple(size.get_length() if size.is_static else None for size in sizes),
    )


def _runtime() -> Any:
    try:
        import openvino
    except ImportError as error:
        raise InferenceFailed(
            "provider openvino is not installed; install lfrd[openvino], "
            "or choose another provider in [models]"
        ) from error
    return openvino

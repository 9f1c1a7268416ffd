"""Models on Intel's OpenVINO, which also runs on other makers' processors: the only file that
imports it.

The runtime itself is used and not its onnxruntime plugin, because the plugin offers processors of
one maker only. Inputs and outputs are the caller's own arrays here too.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from lfrd.errors import InferenceFailed, ModelError
from lfrd.vision.session import Feed, Shape, TensorSpec, same

Precision = Literal["f32", "bf16"]

COMPILED_AFTER = 16
"""Runs after which a shape is compiled for itself: that takes 0.1 s and makes each run a sixth
faster. Cameras come back to the same shape, photos of every size do not."""

SHAPES_LIMIT = 4
"""Shapes compiled for themselves, each with 12 MB of its own; all others share one model."""

LEAST_NUMBERS = 150_000
"""Smaller inputs gain too little to be compiled for themselves; the patch around a face is none."""


def can_bf16() -> bool:
    """Whether this processor computes in bf16 by itself. Raises InferenceFailed."""
    return "BF16" in _runtime().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def version() -> str:
    """The runtime's version. Raises InferenceFailed where it is not installed."""
    return str(_runtime().__version__)


def open_model(
    model: bytes, label: str, precision: Precision, shapes: Sequence[Shape] = ()
) -> "OpenVino":
    """Compile a serialised ONNX model for one thread, for `shapes` only where given.

    Raises ModelError, InferenceFailed.
    """
    compiler = _Compiler(model, label, precision)
    return OpenVino(compiler, shapes)


class _Compiler:
    """Makes requests out of a model, for any shape or for one."""

    def __init__(self, model: bytes, label: str, precision: Precision) -> None:
        self._runtime = _runtime()
        self._core = self._runtime.Core()
        self._model = model
        self._label = label
        self._precision = precision

    def make(self, shape: Shape | None) -> "_Request":
        """For inputs of `shape` only; None: for every shape that the model takes."""
        try:
            graph = self._core.read_model(self._model)
        except Exception as error:  # the library raises plain RuntimeError
            raise ModelError(f"{self._label} is not a model that OpenVINO can open") from error
        wanted = {
            "INFERENCE_PRECISION_HINT": self._precision,
            "INFERENCE_NUM_THREADS": 1,
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,
        }
        try:
            if shape is not None:
                graph.reshape(list(shape))
            compiled = self._core.compile_model(graph, "CPU", wanted)
        except Exception as error:
            raise InferenceFailed(f"provider openvino cannot run {self._label}") from error
        got = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        if got != self._precision:
            raise InferenceFailed(
                f"provider openvino runs {self._label} in {got} and not in {self._precision}"
            )
        return _Request(compiled, self._runtime.Tensor)


class _Request:
    """One compiled model with one request, whose bindings are kept from call to call."""

    def __init__(self, compiled: Any, tensor: Any) -> None:
        self._tensor = tensor
        self._request = compiled.create_infer_request()
        self.inputs = tuple(_spec(port, _FED) for port in compiled.inputs)
        self.outputs = tuple(_spec(port, _GIVEN) for port in compiled.outputs)
        self._bound: tuple[Feed, ...] = ()

    def run(self, arrays: Sequence[Feed]) -> None:
        if not same(arrays, self._bound):
            self._bound = ()
            self._bind(arrays)
            self._bound = tuple(arrays)
        self._request.infer()

    def _bind(self, arrays: Sequence[Feed]) -> None:
        for index, array in enumerate(arrays):
            assert array.flags.c_contiguous, index
            tensor = self._tensor(array, shared_memory=True)
            if index < len(self.inputs):
                self._request.set_input_tensor(index, tensor)
            else:
                self._request.set_output_tensor(index - len(self.inputs), tensor)


class OpenVino:
    """One model; belongs to one thread at a time.

    A request that is made for one shape knows all sizes beforehand: nothing is derived or taken
    from the heap in a run. So shapes that come often get one of their own.
    """

    def __init__(self, compiler: _Compiler, shapes: Sequence[Shape]) -> None:
        self._compiler = None if shapes else compiler  # it holds the model, up to 40 MB
        self._of_shape = {shape: compiler.make(shape) for shape in shapes}
        self._of_any = None if shapes else compiler.make(None)
        described = self._of_any or next(iter(self._of_shape.values()))
        self.inputs, self.outputs = described.inputs, described.outputs
        self._runs: Counter[Shape] = Counter()

    def run(self, arrays: Sequence[Feed]) -> None:
        """See `session.Opened`."""
        request = self._of_shape.get(arrays[0].shape) or self._for(arrays)
        request.run(arrays)

    def _for(self, arrays: Sequence[Feed]) -> _Request:
        """The request for any shape, or from now on one for this shape."""
        assert self._of_any is not None, arrays[0].shape
        assert self._compiler is not None
        shape = arrays[0].shape
        worth_it = arrays[0].size >= LEAST_NUMBERS and len(self._of_shape) < SHAPES_LIMIT
        if not worth_it or self._is_fixed():
            return self._of_any
        self._runs[shape] += 1
        if self._runs[shape] <= COMPILED_AFTER:
            return self._of_any
        del self._runs[shape]
        made = self._of_shape[shape] = self._compiler.make(shape)
        # What the other request remembers of pictures of this shape would stay there.
        self._of_any.run([np.zeros_like(arrays[0]), *arrays[1:]])
        return made

    def _is_fixed(self) -> bool:
        return all(size is not None for size in self.inputs[0].shape)


_GIVEN = ("f32",)
_FED = (*_GIVEN, "u8")


def _spec(port: Any, handled: tuple[str, ...]) -> TensorSpec:
    if port.element_type.get_type_name() not in handled:
        raise ModelError(
            f"{port.any_name} is of type {port.element_type}; only f32 is handled, and u8 pictures"
        )
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

"""ONNX models run on arrays of our own: the only file that imports onnxruntime.

onnxruntime copies a non-contiguous input and keeps the copy after the call, so every input and
output here is a contiguous array that the caller owns and can overwrite. One session has one
owner at a time and one intra-op thread: several single-threaded sessions use the cores better than
one session with several threads. Whatever runs a model looks the same from outside (`Opened`).
"""

import contextlib
import io
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from lfrd.errors import ConfigError, InferenceFailed, ModelError
from lfrd.types import F32, U8

Shape = tuple[int, ...]

Feed = F32 | U8
"""What a model takes: numbers, or pictures as they are."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name and shape of a model's input or output; None stands for a dimension that may vary."""

    name: str
    shape: tuple[int | None, ...]


class Opened(Protocol):
    """A model that a provider has opened. Errors are the library's own; `Session` translates."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]: ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]: ...

    def run(self, arrays: Sequence[Feed]) -> None:
        """Run on arrays in the order of inputs, then outputs."""


class Session:
    """One model on one execution provider, without fallback to another one."""

    def __init__(
        self, model: bytes, *, label: str, provider: str = "cpu", shapes: Sequence[Shape] = ()
    ) -> None:
        """Open a serialised ONNX model; `label` names it in messages. Where `shapes` are given the
        input will have no others, so that a provider may prepare for them.

        Raises ConfigError for an unknown provider, ModelError where the bytes are no usable model
        and InferenceFailed where the provider cannot be had.
        """
        self.label = label
        self.provider = provider
        self._opened = _open(model, label, provider, shapes)
        self.inputs, self.outputs = self._opened.inputs, self._opened.outputs
        if len(self.inputs) != 1:
            raise ModelError(f"{label} wants {len(self.inputs)} inputs; a face model has one")

    def run(self, feed: Feed, results: Sequence[F32]) -> None:
        """Run on `feed` and write the outputs, in the model's order, into `results`.

        All arrays are contiguous and of exactly the model's shapes and types: f32, or u8 for a feed
        of pictures. Raises InferenceFailed.
        """
        assert len(results) == len(self.outputs), (len(results), len(self.outputs))
        try:
            self._opened.run((feed, *results))
        except Exception as error:  # the libraries' exceptions share no nearer base class
            raise InferenceFailed(
                f"{self.label} failed on provider {self.provider}: {_first_line(error)}"
            ) from error


class _OnnxRuntime:
    """A model in onnxruntime; keeps the bindings of the last call, so that calls with the same
    arrays cost nothing extra.

    `copies`: the provider has memory of its own, to which an input is copied as it is bound, so
    that it must be bound anew for each run. On the CPU a bound array is read where it lies.
    """

    def __init__(self, session: Any, label: str, *, copies: bool = False) -> None:
        self._session = session
        self._copies = copies
        self.inputs = tuple(_spec(value, label, _FED) for value in session.get_inputs())
        self.outputs = tuple(_spec(value, label, _GIVEN) for value in session.get_outputs())
        self._binding = session.io_binding()
        self._bound: tuple[Feed, ...] = ()

    def run(self, arrays: Sequence[Feed]) -> None:
        try:
            self._bind(arrays)
            self._session.run_with_iobinding(self._binding)
        except Exception:
            self._bound = ()
            raise

    def _bind(self, arrays: Sequence[Feed]) -> None:
        known = same(arrays, self._bound)
        if not known or self._copies:
            self._binding.clear_binding_inputs()
            _bind(self._binding.bind_input, self.inputs[0], arrays[0])
        if not known:
            self._binding.clear_binding_outputs()
            for spec, array in zip(self.outputs, arrays[1:], strict=True):
                _bind(self._binding.bind_output, spec, array)
        self._bound = tuple(arrays)


def _bind(bind: Callable[..., None], spec: TensorSpec, array: Feed) -> None:
    assert array.flags.c_contiguous, spec.name
    bind(spec.name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)


def same(arrays: Sequence[Feed], bound: Sequence[Feed]) -> bool:
    """Whether these are the very arrays that are bound (and so kept alive) already."""
    return len(arrays) == len(bound) and all(map(operator.is_, arrays, bound))


def _open(model: bytes, label: str, provider: str, shapes: Sequence[Shape]) -> Opened:
    opener = _PROVIDERS.get(provider)
    if opener is None:
        known = ", ".join(_PROVIDERS)
        raise ConfigError(f"execution provider {provider!r} is not known; choose one of: {known}")
    return opener(model, label, shapes)


def _open_cpu(model: bytes, label: str, _: Sequence[Shape]) -> Opened:
    import onnxruntime  # here, so that commands which run no model do not pay for it

    try:
        session = onnxruntime.InferenceSession(
            model, _options(onnxruntime), providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # a foreign or damaged file; see `Session.run`
        raise ModelError(
            f"{label} is not a model that onnxruntime can open: {_first_line(error)}"
        ) from error
    return _OnnxRuntime(session, label)


CUDA_OPTIONS: Final[dict[str, str]] = {
    # Trying every way of a convolution takes seconds, anew for each number and size of pictures.
    "cudnn_conv_algo_search": "HEURISTIC",
    "arena_extend_strategy": "kSameAsRequested",  # else what is taken doubles each time
    "use_tf32": "0",  # templates as the CPU makes them
}
"""How convolutions are chosen, memory taken and numbers rounded (docs/performance.md)."""


def _open_cuda(model: bytes, label: str, _: Sequence[Shape]) -> Opened:
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise InferenceFailed(
            "provider cuda is not in this onnxruntime: onnxruntime-gpu has to be installed in its "
            "place, as `lfrd doctor` says, or choose another provider in [models]"
        )
    missing = _load_cuda(onnxruntime)
    options = _options(onnxruntime)
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")  # never half a GPU
    try:
        session = onnxruntime.InferenceSession(
            model, options, providers=[("CUDAExecutionProvider", dict(CUDA_OPTIONS))]
        )
    except Exception as error:
        why = missing or _first_line(error)
        raise InferenceFailed(f"provider cuda cannot run {label}: {why}") from error
    if session.get_providers()[0] != "CUDAExecutionProvider":
        raise InferenceFailed(f"provider cuda cannot be had for {label}; is there a GPU?")
    return _OnnxRuntime(session, label, copies=True)


def _load_cuda(onnxruntime: Any) -> str:
    """Find CUDA and cuDNN in the packages that the extra brings, where the system has none; what is
    missing, which the library would print."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        onnxruntime.preload_dlls()
    failed = re.findall(r"Failed to load (lib[\w.+-]+)", said.getvalue())
    return f"{failed[0]} is not on this machine (requirements-cuda.txt has it)" if failed else ""


_Opener = Callable[[bytes, str, Sequence[Shape]], Opened]


def _open_openvino(precision: Literal["f32", "bf16"]) -> _Opener:
    def open_(model: bytes, label: str, shapes: Sequence[Shape]) -> Opened:
        from lfrd.vision import openvino  # an extra of its own

        return openvino.open_model(model, label, precision, shapes)

    return open_


_PROVIDERS: dict[str, _Opener] = {
    "cpu": _open_cpu,
    "cpu-int8": _open_cpu,
    "openvino-f32": _open_openvino("f32"),
    "openvino-bf16": _open_openvino("bf16"),
    "cuda": _open_cuda,
}


def _options(onnxruntime: Any) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors; they arrive as exceptions too
    return options


_GIVEN = ("tensor(float)",)
_FED = (*_GIVEN, "tensor(uint8)")


def _spec(value: Any, label: str, handled: tuple[str, ...]) -> TensorSpec:
    if value.type not in handled:
        raise ModelError(
            f"{label} has {value.name} of type {value.type}; only f32 is handled, and u8 pictures"
        )
    shape = tuple(size if isinstance(size, int) and size > 0 else None for size in value.shape)
    return TensorSpec(value.name, shape)


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__

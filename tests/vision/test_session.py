"""Models run on the caller's own arrays, and what goes wrong is said plainly."""

import ctypes
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from lfrd.errors import ConfigError, InferenceFailed, ModelError
from lfrd.types import F32
from lfrd.vision import session
from lfrd.vision.session import Session, TensorSpec


def _model(*, inputs: int = 1, kind: int = TensorProto.FLOAT) -> bytes:
    """y = 2 x, z = x + x over [batch, 3]."""
    names = [f"x{index}" for index in range(inputs)]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x0", "x0"], ["y"]), helper.make_node("Neg", ["x0"], ["z"])],
        "double",
        [helper.make_tensor_value_info(name, kind, ["batch", 3]) for name in names],
        [helper.make_tensor_value_info(name, kind, ["batch", 3]) for name in ("y", "z")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def test_results_land_in_the_arrays_that_were_passed() -> None:
    session = Session(_model(), label="double.onnx")
    assert session.inputs == (TensorSpec("x0", (None, 3)),)
    feed = np.arange(6, dtype=np.float32).reshape(2, 3)
    doubled, negated = np.zeros_like(feed), np.zeros_like(feed)
    session.run(feed, [doubled, negated])
    assert np.array_equal(doubled, 2 * feed)
    assert np.array_equal(negated, -feed)


def test_the_same_arrays_are_read_anew_and_other_arrays_are_bound_anew() -> None:
    session = Session(_model(), label="double.onnx")
    feed, out, other = (np.zeros((1, 3), np.float32) for _ in range(3))
    for value in (1, 2):
        feed[:] = value
        session.run(feed, [out, other])
        assert (out == 2 * value).all()
    part = np.full((4, 3), 5, np.float32)
    results = [np.zeros((4, 3), np.float32), np.zeros((4, 3), np.float32)]
    session.run(part[:3], [array[:3] for array in results])
    assert (results[0][:3] == 10).all()
    assert not results[0][3].any()
    session.run(feed, [out, other])
    assert (out == 4).all()


def test_a_wrong_shape_is_a_failure_that_names_the_model_and_does_not_stick() -> None:
    session = Session(_model(), label="double.onnx")
    good = [np.zeros((1, 3), np.float32) for _ in range(3)]
    bad = [np.zeros((1, 4), np.float32) for _ in range(3)]
    with pytest.raises(InferenceFailed, match=r"double\.onnx failed on provider cpu"):
        session.run(bad[0], bad[1:])
    session.run(good[0], good[1:])


def test_a_strided_input_is_a_mistake_of_ours() -> None:
    session = Session(_model(), label="double.onnx")
    strided = np.zeros((2, 6), np.float32)[:, ::2]
    results = [np.zeros((2, 3), np.float32) for _ in range(2)]
    with pytest.raises(InferenceFailed) as failure:
        session.run(strided, results)
    assert isinstance(failure.value.__cause__, AssertionError)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a model"),
        (b"no model at all", "not a model"),
        (_model()[:-40], "not a model"),
        (_model(inputs=2), "wants 2 inputs"),
        (_model(kind=TensorProto.DOUBLE), "only f32"),
    ],
)
def test_a_foreign_or_damaged_file_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(ModelError, match=words) as refusal:
        Session(content, label="strange.onnx")
    assert "strange.onnx" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_an_unknown_provider_is_refused_and_never_replaced() -> None:
    with pytest.raises(ConfigError, match="choose one of: cpu, cpu-int8, openvino"):
        Session(_model(), label="double.onnx", provider="abacus")


def test_importing_the_engine_does_not_import_heavy_libraries() -> None:
    program = (
        "import lfrd.vision.engine, sys;"
        "print([name for name in ('onnxruntime', 'onnx', 'insightface') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


class _CopiesAsItBinds:
    """As a device does that has memory of its own: what an input holds later is not seen."""

    def __init__(self) -> None:
        self.bound: F32 | None = None
        self.out = 0

    def io_binding(self) -> "_CopiesAsItBinds":
        return self

    def get_inputs(self) -> list[object]:
        return [SimpleNamespace(name="x", type="tensor(float)", shape=[2])]

    get_outputs = get_inputs

    def clear_binding_inputs(self) -> None:
        self.bound = None

    def clear_binding_outputs(self) -> None: ...

    def bind_input(self, *given: Any) -> None:
        self.bound = np.copy(_at(given[5]))

    def bind_output(self, *given: Any) -> None:
        self.out = given[5]

    def run_with_iobinding(self, _: object) -> None:
        assert self.bound is not None
        _at(self.out)[:] = self.bound


def _at(address: int) -> F32:
    return np.asarray(np.ctypeslib.as_array((ctypes.c_float * 2).from_address(address)), np.float32)


def test_a_device_with_its_own_memory_is_given_each_picture_anew() -> None:
    model = session._OnnxRuntime(_CopiesAsItBinds(), "m", copies=True)
    feed, result = np.ones(2, np.float32), np.zeros(2, np.float32)
    for value in (1.0, 5.0):
        feed[:] = value
        model.run((feed, result))
        assert result.tolist() == [value, value]

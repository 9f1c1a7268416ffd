"""A shape that keeps coming is compiled for itself, and nothing changes but the time it takes."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from lfrd.vision.openvino import (
    COMPILED_AFTER,
    LEAST_NUMBERS,
    SHAPES_LIMIT,
    OpenVino,
    open_model,
)

pytest.importorskip("openvino")


def _model() -> bytes:
    """y = x + x over [batch, 3]."""
    node = helper.make_node("Add", ["x", "x"], ["y"])
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", 3]) for n in "xy"]
    graph = helper.make_graph([node], "double", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return bytes(model.SerializeToString())


def _run(opened: OpenVino, rows: int, value: float) -> np.ndarray:
    feed = np.full((rows, 3), value, np.float32)
    doubled = np.zeros_like(feed)
    opened.run((feed, doubled))
    return doubled


def test_a_shape_that_keeps_coming_gets_a_request_of_its_own() -> None:
    opened = open_model(_model(), "double.onnx", "f32")
    rows = LEAST_NUMBERS // 3
    for turn in range(COMPILED_AFTER + 3):
        assert (_run(opened, rows, float(turn)) == 2 * turn).all()
        assert (_run(opened, 1, float(turn)) == 2 * turn).all()
    assert list(opened._of_shape) == [(rows, 3)], "small ones share the common request"


def test_shapes_are_bounded() -> None:
    opened = open_model(_model(), "double.onnx", "f32")
    for more in range(SHAPES_LIMIT + 2):
        for _ in range(COMPILED_AFTER + 1):
            _run(opened, LEAST_NUMBERS + more, 1.0)
    assert len(opened._of_shape) == SHAPES_LIMIT


def test_known_shapes_are_all_there_is() -> None:
    opened = open_model(_model(), "double.onnx", "f32", shapes=[(2, 3)])
    assert (_run(opened, 2, 5.0) == 10).all()
    with pytest.raises(AssertionError):
        _run(opened, 3, 5.0)

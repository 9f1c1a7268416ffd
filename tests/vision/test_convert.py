"""Block-quantised weights become the f32 weights they stand for."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lfrd.vision.graph import to_dynamic_f32, with_open_axes
from lfrd.vision.session import Session


def _quantised() -> tuple[bytes, np.ndarray]:
    """A 1 x 1 convolution whose weights are quantised in blocks of 2, as published files have it:
    with the weights among the graph's inputs, a fixed batch and a reshape to batch 1."""
    random = np.random.default_rng(0)
    values = random.integers(-128, 128, (4, 3), np.int8)
    scales = random.uniform(0.01, 0.1, (4, 2)).astype(np.float32)
    zeros = random.integers(-5, 5, (4, 2), np.int8)
    tensors = {
        "quantised": values,
        "scales": scales,
        "zeros": zeros,
        "shape": np.array([4, 3, 1, 1]),
        "flat": np.array([1, -1, 4]),
    }
    nodes = [
        helper.make_node(
            "DequantizeLinear", ["quantised", "scales", "zeros"], ["rows"], axis=1, block_size=2
        ),
        helper.make_node("Reshape", ["rows", "shape"], ["weight"]),
        helper.make_node("Conv", ["input", "weight"], ["convolved"]),
        helper.make_node("Transpose", ["convolved"], ["last"], perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["last", "flat"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "published",
        [
            helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 8, 8]),
            helper.make_tensor_value_info("weight", TensorProto.FLOAT, [4, 3, 1, 1]),
        ],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 64, 4])],
        [numpy_helper.from_array(tensor, name) for name, tensor in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    model.ir_version = 10
    blocks = [0, 0, 1]
    weight = (values.astype(np.float32) - zeros[:, blocks]) * scales[:, blocks]
    return bytes(model.SerializeToString()), weight


def test_the_converted_model_computes_what_the_weights_stand_for() -> None:
    source, weight = _quantised()
    session = Session(to_dynamic_f32(source, dynamic_axes=(0, 2, 3)), label="converted")
    feed = np.random.default_rng(1).normal(size=(2, 3, 4, 6)).astype(np.float32)
    result = np.zeros((2, 24, 4), np.float32)
    session.run(feed, [result])
    expected = np.einsum("oc,bchw->bhwo", weight, feed).reshape(2, 24, 4)
    assert np.allclose(result, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("axes", "shape"), [((0,), (None, 3, 8, 8)), ((0, 2, 3), (None, 3, None, None))]
)
def test_only_the_named_axes_are_opened(
    axes: tuple[int, ...], shape: tuple[int | None, ...]
) -> None:
    source, _ = _quantised()
    session = Session(to_dynamic_f32(source, dynamic_axes=axes), label="converted")
    assert session.inputs[0].shape == shape


def test_conversion_leaves_neither_quantised_weights_nor_stale_inputs_and_repeats_exactly() -> None:
    source, _ = _quantised()
    first = to_dynamic_f32(source, dynamic_axes=(0,))
    graph = onnx.load_model_from_string(first).graph
    assert {node.op_type for node in graph.node} == {"Conv", "Transpose", "Reshape"}
    assert [value.name for value in graph.input] == ["input"]
    assert {tensor.name for tensor in graph.initializer} == {"weight", "flat"}
    assert to_dynamic_f32(source, dynamic_axes=(0,)) == first


def test_a_plain_model_is_opened_and_keeps_its_weights() -> None:
    """As the published CenterFace is: weights among the inputs, and one size of picture."""
    weight = np.random.default_rng(0).normal(size=(2, 3, 1, 1)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["input", "weight"], ["output"])],
        "published",
        [
            helper.make_tensor_value_info("input", TensorProto.FLOAT, [10, 3, 32, 32]),
            helper.make_tensor_value_info("weight", TensorProto.FLOAT, [2, 3, 1, 1]),
        ],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [10, 2, 32, 32])],
        [numpy_helper.from_array(weight, "weight")],
        value_info=[helper.make_tensor_value_info("stale", TensorProto.FLOAT, [10, 2, 8, 8])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    source = model.SerializeToString()
    opened = with_open_axes(source)
    assert with_open_axes(source) == opened, "it repeats exactly"
    assert [value.name for value in onnx.load_model_from_string(opened).graph.input] == ["input"]
    session = Session(opened, label="opened")
    for batch, height, width in ((1, 8, 24), (3, 16, 4)):
        feed = np.random.default_rng(1).normal(size=(batch, 3, height, width)).astype(np.float32)
        result = np.zeros((batch, 2, height, width), np.float32)
        session.run(feed, [result])
        expected = np.einsum("oi,nihw->nohw", weight[:, :, 0, 0], feed)
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)

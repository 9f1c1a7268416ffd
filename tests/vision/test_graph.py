"""The rewritten graph is the same function, and what it is made of stays in the fast layout."""

import collections

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lfrd.types import F32
from lfrd.vision.graph import from_pixels, prepared, to_dynamic_f32
from lfrd.vision.packs import published_recogniser
from lfrd.vision.session import Session

RNG = np.random.default_rng(7)


def _vectors(model: bytes, faces: F32, dim: int) -> F32:
    result = np.zeros((len(faces), dim), np.float32)
    Session(model, label="model").run(faces, [result])
    return result


@pytest.mark.slow
def test_the_default_recogniser_gives_the_same_templates() -> None:
    plain = to_dynamic_f32(published_recogniser(), dynamic_axes=(0,))
    faces = RNG.uniform(0, 255, (3, 3, 112, 112)).astype(np.float32)
    first, second = _vectors(plain, faces, 128), _vectors(prepared(plain), faces, 128)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second /= np.linalg.norm(second, axis=1, keepdims=True)
    assert float(np.abs(first - second).max()) < 1e-5
    assert float(np.abs(first).max()) > 0.05, "the templates are not empty"


def test_slopes_below_zero_and_over_one_are_kept() -> None:
    faces = RNG.normal(0, 3, (2, 4, 6, 6)).astype(np.float32)
    plain = _small_model(np.array([-0.8, 0.0, 0.3, 1.4], np.float32))
    fast = prepared(plain)
    first, second = _vectors(plain, faces, 5), _vectors(fast, faces, 5)
    assert np.allclose(first, second, atol=1e-4)
    kinds = collections.Counter(
        node.op_type for node in onnx.load_model_from_string(fast).graph.node
    )
    assert not kinds.keys() & {"PRelu", "BatchNormalization", "Dropout"}


def test_a_normalisation_that_others_need_unfolded_stays() -> None:
    """Its input is used twice, so folding it would change the other use."""
    model = onnx.load_model_from_string(_small_model(np.full(4, 0.5, np.float32)))
    model.graph.node.insert(2, helper.make_node("Identity", ["convolved"], ["seen"]))
    kinds = [node.op_type for node in onnx.load_model_from_string(
        prepared(model.SerializeToString())).graph.node]  # fmt: skip
    assert (
        kinds.count("BatchNormalization") == 1
    )  # the one after the product is folded all the same


def test_a_graph_without_such_nodes_is_left_alone() -> None:
    nodes = [helper.make_node("Relu", ["in"], ["out"])]
    value = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in ("in", "out")
    ]
    graph = helper.make_graph(nodes, "plain", value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    after = onnx.load_model_from_string(prepared(model.SerializeToString()))
    assert [node.op_type for node in after.graph.node] == ["Relu"]


def _small_model(slopes: F32) -> bytes:
    """Convolution, normalisation, PReLU, dropout, product, normalisation."""

    def normal(*shape: int) -> F32:
        return RNG.normal(0, 1, shape).astype(np.float32)

    constants = {"weights": normal(4, 4, 3, 3), "slopes": slopes.reshape(4, 1, 1)}
    constants["product"], constants["bias"] = normal(5, 4 * 4 * 4), normal(5)
    for name, size in (("a", 4), ("b", 5)):
        constants |= {f"{name}{part}": normal(size) for part in ("gamma", "beta", "mean")}
        constants[f"{name}variance"] = np.abs(normal(size)) + 0.5
    names = ("gamma", "beta", "mean", "variance")
    nodes = [
        helper.make_node("Conv", ["in", "weights"], ["convolved"], kernel_shape=[3, 3]),
        helper.make_node("BatchNormalization", ["convolved", *(f"a{name}" for name in names)],
                         ["normal"], epsilon=1e-3),
        helper.make_node("PRelu", ["normal", "slopes"], ["bent"]),
        helper.make_node("Dropout", ["bent"], ["kept"]),
        helper.make_node("Flatten", ["kept"], ["flat"]),
        helper.make_node("Gemm", ["flat", "product", "bias"], ["made"], transB=1),
        helper.make_node("BatchNormalization", ["made", *(f"b{name}" for name in names)], ["out"]),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes, "small",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, ["n", 4, 6, 6])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 5])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (127.5, 128.0), (0.0, 255.0)])
def test_pictures_go_in_as_they_are(mean: float, std: float) -> None:
    nodes = [helper.make_node("Identity", ["in"], ["out"])]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, "h", 8])
        for name in ("in", "out")
    ]
    graph = helper.make_graph(nodes, "same", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = Session(from_pixels(model.SerializeToString(), mean=mean, std=std), label="same")
    assert session.inputs[0].shape == (None, None, 8, 3)
    pixels = RNG.integers(0, 256, (2, 5, 8, 3), np.uint8)
    made = np.zeros((2, 3, 5, 8), np.float32)
    session.run(pixels, [made])
    assert np.allclose(made, (pixels.transpose(0, 3, 1, 2) - np.float32(mean)) / np.float32(std))

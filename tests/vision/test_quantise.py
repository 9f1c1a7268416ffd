"""Eight bits: the same faces from a third of the bytes, and nothing made of what cannot gain."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lfrd.types import F32, U8
from lfrd.vision.graph import from_pixels, prepared
from lfrd.vision.quantise import quantised, variants
from lfrd.vision.session import Session

RNG = np.random.default_rng(11)
CROP: U8 = RNG.integers(0, 256, (112, 112, 3)).astype(np.uint8)


def _vector(model: bytes, crop: U8, dim: int) -> F32:
    made = np.zeros((1, dim), np.float32)
    Session(model, label="small").run(crop[None], [made])
    return np.asarray(made[0], np.float32)


@pytest.mark.parametrize("slope", [0.3, 1.2])
def test_a_wide_convolution_and_the_last_product_are_rounded(slope: float) -> None:
    plain = _model(outputs=512, slope=slope)
    crops = variants(CROP, 8, seed=1)
    rounded = quantised(plain, crops)
    assert rounded is not None
    kinds = {node.op_type for node in onnx.load_model_from_string(rounded).graph.node}
    assert {"QuantizeLinear", "MatMulNBits"} <= kinds
    assert ("Max" in kinds) == (slope <= 1.0)
    for crop in crops:
        first, second = _vector(plain, crop, 8), _vector(rounded, crop, 8)
        cosine = first @ second / (np.linalg.norm(first) * np.linalg.norm(second))
        assert 0.99 < cosine < 1.0


def test_nothing_is_made_of_a_narrow_model() -> None:
    assert quantised(_model(outputs=64, slope=0.3), variants(CROP, 2, seed=1)) is None


def test_variants_are_the_same_for_a_seed_and_differ() -> None:
    first, again, other = (variants(CROP, 3, seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[0], first[1])


def _model(*, outputs: int, slope: float) -> bytes:
    """A 4 x 4 mean of pixels, a 1 x 1 convolution, PReLU, and a product: 8 numbers of a crop."""

    def normal(*shape: int) -> F32:
        return RNG.normal(0, 1, shape).astype(np.float32)

    constants: dict[str, F32] = {
        "coarse": normal(16, 3, 28, 28) / np.float32(28),
        "wide": normal(outputs, 16, 1, 1),
        "bias": normal(outputs),
        "slopes": np.full((outputs, 1, 1), slope, np.float32),
        "product": normal(8, outputs * 16),
        "offset": normal(8),
    }
    nodes = [
        helper.make_node("Conv", ["in", "coarse"], ["small"], strides=[28, 28]),
        helper.make_node("Conv", ["small", "wide", "bias"], ["much"]),
        helper.make_node("PRelu", ["much", "slopes"], ["bent"]),
        helper.make_node("Flatten", ["bent"], ["flat"]),
        helper.make_node("Gemm", ["flat", "product", "offset"], ["out"], transB=1),
    ]
    graph = helper.make_graph(
        nodes, "small",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, ["n", 3, 112, 112])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 8])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return from_pixels(prepared(bytes(model.SerializeToString())), mean=127.5, std=128.0)

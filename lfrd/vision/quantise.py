"""A recogniser in eight bits, for processors that multiply many bytes at once (AVX2, VNNI).

The wide 1 x 1 convolutions, which are most of SFace's sums, and the last product, which is most of
its bytes, take int8 weights, with a scale for each output or block (Jacob et al. 2018,
"Quantization and training of neural networks"; onnxruntime's static quantisation does it). What
goes in and out of such a convolution is rounded to a byte, over the range it had on faces made of
one photo. All else stays f32. Whether the templates are near enough, and made faster, is measured
where it runs (see `providers`).
"""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lfrd.types import CROP_SIDE_PX, F32, U8
from lfrd.vision.graph import ABOVE, PIXELS, SLOPE, plain_gemm

QUANTISED_VERSION = 1
"""Raise it when what is written here changes; kept files are named by it."""

WIDE = 512
"""Outputs from which a convolution gains more than going to bytes and back costs it."""

BLOCK_SIDES = (128, 64, 32)
"""Weights of the last product that share a scale: the first of these that divides their number."""

BYTE_PRODUCTS = frozenset({"avx2", "avx512_vnni", "avx_vnni"})
"""Flags of processors that can. Without VNNI onnxruntime adds two products in 16 bits, which could
overflow; templates came out equally near to f32's (docs/decisions/0009)."""


def quantised(model: bytes, crops: Sequence[U8]) -> bytes | None:
    """The recogniser with int8 weights; None where it has nothing that would gain by it.

    `model` takes pictures u8[n, h, w, 3] (see `graph`); `crops` u8[h, w, 3] are what it is shown to
    see how far its numbers go.
    """
    import onnx

    proto = onnx.load_model_from_string(model)
    _name_nodes(proto.graph)
    constants = {
        tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in proto.graph.initializer
    }
    wide = [node for node in proto.graph.node if _is_wide(node, constants)]
    if not wide:
        return None
    _shorten_slopes(proto.graph, {node.output[0] for node in wide}, constants)
    _round_last_product(proto, constants)
    return _with_rounded_convolutions(proto, [node.name for node in wide], crops)


def variants(crop: U8, count: int, *, seed: int) -> tuple[U8, ...]:
    """`count` crops u8[112, 112, 3] as cameras make them of one face: turned, mirrored, near and
    far, light and dark, coloured, noisy, coarse, covered in part. The same ones for a seed."""
    rng = np.random.default_rng(seed)
    return tuple(_variant(crop, rng) for _ in range(count))


def _name_nodes(graph: Any) -> None:
    """onnxruntime picks nodes by name; ours have none, and their outputs' are unique."""
    for node in graph.node:
        node.name = node.name or node.output[0]


def _is_wide(node: Any, constants: dict[str, Any]) -> bool:
    if node.op_type != "Conv" or node.input[1] not in constants:
        return False
    outputs, *_, height, width = constants[node.input[1]].shape
    return bool(outputs >= WIDE and (height, width) == (1, 1))


def _shorten_slopes(graph: Any, wide: set[str], constants: dict[str, Any]) -> None:
    """PReLU(x) = max(x, a x) for slopes of at most 1: outside the blocked layout, which a rounded
    convolution leaves, that is two steps in place of four."""
    import onnx

    makers = {name: node for node in graph.node for name in node.output}
    kept = []
    for node in graph.node:
        result = node.output[0]
        slope, product = f"{result}/{SLOPE}", f"{result}/below"
        x = makers[product].input[0] if node.op_type == "Add" and product in makers else ""
        if x not in wide or constants[slope].max() > 1.0:
            kept.append(node)
            continue
        kept = [other for other in kept if not other.output[0].startswith(f"{result}/")]
        for kind, inputs, output in (("Mul", [x, slope], product), ("Max", [x, product], result)):
            kept.append(onnx.helper.make_node(kind, inputs, [output], name=output))
    used = {name for node in kept for name in node.input}
    weights = [
        tensor for tensor in graph.initializer
        if tensor.name in used or not tensor.name.endswith(f"/{ABOVE}")
    ]  # fmt: skip
    for field, items in (("node", kept), ("initializer", weights)):
        graph.ClearField(field)
        getattr(graph, field).extend(items)


def _round_last_product(proto: Any, constants: dict[str, Any]) -> None:
    """The last product's weights in blocks of bytes, each with a scale (MatMulNBits)."""
    import onnx

    graph = proto.graph
    last = graph.node[-1]
    if last.op_type != "Gemm" or last.input[1] not in constants or not plain_gemm(last):
        return
    replaced = last.input[1]
    weights = constants[replaced]
    outputs, inputs = weights.shape
    side = next((side for side in BLOCK_SIDES if inputs % side == 0), None)
    if side is None:
        return
    names = [f"{last.output[0]}/{part}" for part in ("bytes", "scales")]
    rounded: dict[str, Any] = dict(zip(names, _in_blocks(weights, side), strict=True))
    product = onnx.helper.make_node(
        "MatMulNBits", [last.input[0], *names, "", "", *last.input[2:3]], list(last.output),
        name=last.name, domain="com.microsoft", K=inputs, N=outputs, bits=8, block_size=side,
        accuracy_level=4,
    )  # fmt: skip
    graph.node[-1].CopyFrom(product)
    kept = [tensor for tensor in graph.initializer if tensor.name != replaced]
    kept += [onnx.numpy_helper.from_array(value, name) for name, value in rounded.items()]
    graph.ClearField("initializer")
    graph.initializer.extend(kept)
    proto.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))


def _in_blocks(weights: F32, side: int) -> tuple[U8, F32]:
    """u8[n, k / side, side], 128 standing for nought, and their scales f32[n, k / side]."""
    blocks = weights.reshape(len(weights), -1, side)
    scales = np.abs(blocks).max(axis=2) / 127
    scales[scales == 0.0] = 1.0
    rounded = np.clip(np.rint(blocks / scales[..., None]) + 128, 0, 255)
    return rounded.astype(np.uint8), scales.astype(np.float32)


def _with_rounded_convolutions(proto: Any, names: Sequence[str], crops: Sequence[U8]) -> bytes:
    from onnxruntime import quantization

    class Crops(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left: Iterator[U8] = iter(crops)

        def get_next(self) -> dict[str, U8] | None:
            crop = next(self._left, None)
            return None if crop is None else {PIXELS: crop[None]}

    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "int8.onnx"
        before = logging.root.level
        logging.root.setLevel(logging.ERROR)  # it advises on the root logger
        try:
            quantization.quantize_static(
                proto, str(made), Crops(), per_channel=True, nodes_to_quantize=list(names),
                op_types_to_quantize=["Conv"], activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
            )  # fmt: skip
        finally:
            logging.root.setLevel(before)
        return made.read_bytes()


def _variant(crop: U8, rng: np.random.Generator) -> U8:
    side = CROP_SIDE_PX
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(-25, 25),
                                   rng.uniform(0.8, 1.25))  # fmt: skip
    turn[:, 2] = turn[:, 2] + rng.uniform(-8, 8, 2)
    face = crop[:, ::-1] if rng.random() < 0.5 else crop
    border = cv2.BORDER_REFLECT if rng.random() < 0.5 else cv2.BORDER_CONSTANT
    seen = cv2.warpAffine(np.ascontiguousarray(face), turn, (side, side), borderMode=border)
    if rng.random() < 0.3:
        coarse = int(rng.integers(side // 8, side // 2))
        small = cv2.resize(seen, (coarse, coarse), interpolation=cv2.INTER_AREA)
        seen = cv2.resize(small, (side, side))
    lit = (seen.astype(np.float64) - 128) * rng.uniform(0.4, 1.5) + 128 + rng.uniform(-60, 60)
    lit = lit * rng.uniform(0.7, 1.2, 3)
    if rng.random() < 0.3:
        lit[:] = lit.mean(axis=2, keepdims=True)
    lit = lit + rng.normal(0, rng.uniform(0, 12), lit.shape)
    if rng.random() < 0.3:
        x, y = rng.integers(0, 80, 2)
        lit[y : y + 40, x : x + 40] = rng.uniform(0, 255)
    return np.asarray(np.clip(lit, 0, 255), np.uint8)

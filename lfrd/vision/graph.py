"""Rewrite graphs: pictures go in as they are, and onnxruntime's CPU kernels run a recogniser twice
as fast.

onnxruntime keeps convolutions in a blocked layout of its own, but has no PReLU for it: before and
after each PReLU the whole picture is reordered, and the PReLU itself runs unvectorised. Together
they take more than half of SFace's time. With x the input and a the slope of a channel,

    PReLU(x) = max(x, 0) + a min(x, 0) = (1 - a) max(x, 0) + a x

which is made of operators that exist in the blocked layout. It is exact for every slope, negative
ones and those over 1 included; only the rounding differs (1e-6 in a template). Where no slope is
over 1, (1 - a) max(x, 0) is max((1 - a) x, 0): the maximum then costs nothing, since it is taken
where the product is written.

Batch normalisations are folded into the convolution or product before them (Jacob et al. 2018,
"Quantization and training of neural networks", section 3.2), in f64.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

CONVERTER_VERSION = 1
"""Raise it when the output of `to_dynamic_f32` changes; the cache is keyed by it."""


def to_dynamic_f32(source: bytes, *, dynamic_axes: tuple[int, ...]) -> bytes:
    """Return the model with f32 weights and with `dynamic_axes` of its NCHW input left open.

    Axis 0 must be among them. The caller has checked that `source` is the file it expects.

    The published int8 files store their weights block-quantised: onnxruntime refuses one of them
    and wants 174 stale inputs fed for the other. Here the weights are dequantised once, and batch
    (and, for detectors, height and width) become dynamic.
    """
    import onnx  # only needed the first time, so only imported then

    model = onnx.load_model_from_string(source)
    graph = model.graph
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes = [node for node in graph.node if not _fold_constants(node, constants)]
    _keep_batch(nodes, constants)
    used = {name for node in nodes for name in node.input}
    tensors = [
        onnx.numpy_helper.from_array(np.ascontiguousarray(constants[name]), name)
        for name in sorted(used & constants.keys())
    ]
    inputs = [value for value in graph.input if value.name in used - constants.keys()]
    for field, items in (("node", nodes), ("initializer", tensors), ("input", inputs)):
        graph.ClearField(field)
        getattr(graph, field).extend(items)
    graph.ClearField("value_info")
    _open_axes(graph, dynamic_axes)
    return bytes(model.SerializeToString())


def with_open_axes(source: bytes) -> bytes:
    """A model of plain f32 weights with batch, height and width of its NCHW input left open, and
    its weights no longer among its inputs. The caller has checked what `source` is."""
    import onnx

    model = onnx.load_model_from_string(source)
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    graph.ClearField("input")
    graph.input.extend(inputs)
    graph.ClearField("value_info")
    for value in (*graph.input, *graph.output):
        for axis in (0, 2, 3):
            value.type.tensor_type.shape.dim[axis].dim_param = f"{value.name} {axis}"
    return bytes(model.SerializeToString())


def _fold_constants(node: Any, constants: dict[str, npt.NDArray[Any]]) -> bool:
    """Compute a dequantisation or reshape of constants; True if the node is no longer needed."""
    if node.op_type not in ("DequantizeLinear", "Reshape"):
        return False
    if not all(name in constants for name in node.input):
        return False
    operands = [constants[name] for name in node.input]
    if node.op_type == "Reshape":
        constants[node.output[0]] = operands[0].reshape(operands[1])
        return True
    attributes = {attribute.name: attribute.i for attribute in node.attribute}
    constants[node.output[0]] = _dequantise(*operands, **attributes)
    return True


def _dequantise(
    values: npt.NDArray[Any],
    scales: npt.NDArray[Any],
    zero_points: npt.NDArray[Any],
    *,
    axis: int,
    block_size: int,
) -> npt.NDArray[np.float32]:
    """ONNX DequantizeLinear (opset 21), blocked: (value - zero point) x scale, in f32."""
    length = values.shape[axis]
    scales = np.repeat(scales, block_size, axis).take(range(length), axis)
    zero_points = np.repeat(zero_points, block_size, axis).take(range(length), axis)
    difference = values.astype(np.float32) - zero_points.astype(np.float32)
    return np.asarray(difference * scales, np.float32)


def _keep_batch(nodes: list[Any], constants: dict[str, npt.NDArray[Any]]) -> None:
    """Let a reshape to (1, -1, n) copy its batch from the input: 0 means "as it is"."""
    for node in nodes:
        target = constants.get(node.input[1]) if node.op_type == "Reshape" else None
        if target is not None and target.size == 3 and target[0] == 1:
            constants[node.input[1]] = np.array([0, *target[1:]], np.int64)


def _open_axes(graph: Any, dynamic_axes: tuple[int, ...]) -> None:
    names = ("batch", "channels", "height", "width")
    for axis in dynamic_axes:
        graph.input[0].type.tensor_type.shape.dim[axis].dim_param = names[axis]
    for output in graph.output:
        dimensions = output.type.tensor_type.shape.dim
        dimensions[0].dim_param = "batch"
        if 2 in dynamic_axes:
            dimensions[1].ClearField("dim_value")


GRAPH_VERSION = 3
"""Raise it when what is written here changes; prepared files are named by it."""

LEVELS = 3
"""Sizes at which a detector looks."""

PIXELS, _JOINED = "lfrd/pixels", "lfrd/joined"

SLOPE, ABOVE = "a", "1-a"
"""Last parts of the names of a PReLU's constants: they follow the name of its result."""

_Constants = dict[str, npt.NDArray[Any]]


def prepared(model: bytes) -> bytes:
    """The same function as a graph that runs faster. A graph without such nodes stays as it is."""
    import onnx  # only needed when a pack is made, so only imported then

    proto = onnx.load_model_from_string(model)
    graph = proto.graph
    constants: _Constants = {
        tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer
    }
    _drop_dropout(graph)
    _fold_normalisations(graph, constants)
    nodes: list[Any] = []
    for node in graph.node:
        if node.op_type == "PRelu" and node.input[1] in constants:
            nodes += _without_prelu(node, constants, onnx.helper.make_node)
        else:
            nodes.append(node)
    used = {name for node in nodes for name in node.input}
    nodes = [node for node in nodes if node.op_type != "Constant" or node.output[0] in used]
    tensors = [
        onnx.numpy_helper.from_array(np.ascontiguousarray(constants[name]), name)
        for name in sorted(used & constants.keys())
    ]
    for field, items in (("node", nodes), ("initializer", tensors)):
        graph.ClearField(field)
        getattr(graph, field).extend(items)
    graph.ClearField("value_info")
    return bytes(proto.SerializeToString())


def from_pixels(model: bytes, *, mean: float, std: float) -> bytes:
    """The same model for pictures u8[n, h, w, 3] of 0-255 in place of f32[n, 3, h, w] of
    (pixel - mean) / std.

    A provider then makes the one out of the other together with what comes next, and a quarter of
    the bytes is written for it. The model's first input is the picture, its rank 4.
    """
    import onnx

    make_node = onnx.helper.make_node
    proto = onnx.load_model_from_string(model)
    graph = proto.graph
    number, _, height, width = graph.input[0].type.tensor_type.shape.dim
    pixels = onnx.helper.make_tensor_value_info(PIXELS, onnx.TensorProto.UINT8, [None] * 4)
    sides = pixels.type.tensor_type.shape.dim
    for side, known in zip(sides, (number, height, width), strict=False):
        side.CopyFrom(known)
    sides[3].dim_value = 3
    steps: list[tuple[str, list[str], dict[str, Any]]] = [
        ("Transpose", [], {"perm": [0, 3, 1, 2]}),
        ("Cast", [], {"to": onnx.TensorProto.FLOAT}),
    ]
    for operator, value, neutral in (("Sub", mean, 0.0), ("Div", std, 1.0)):
        if value != neutral:
            name = f"{PIXELS}/{operator}"
            constant = onnx.numpy_helper.from_array(np.array(value, np.float32), name)
            graph.initializer.append(constant)
            steps.append((operator, [name], {}))
    names = [PIXELS, *(f"{PIXELS}/{step}" for step in range(1, len(steps))), graph.input[0].name]
    nodes = [
        make_node(operator, [names[step], *constants], [names[step + 1]], **attributes)
        for step, (operator, constants, attributes) in enumerate(steps)
    ]
    nodes += graph.node
    graph.ClearField("node")
    graph.node.extend(nodes)
    graph.input[0].CopyFrom(pixels)
    return bytes(proto.SerializeToString())


def levels_joined(model: bytes) -> bytes:
    """A detector whose outputs come at LEVELS sizes, the larger grid first, with one output for
    each kind of number: the levels' rows one after the other."""
    import onnx

    proto = onnx.load_model_from_string(model)
    graph = proto.graph
    apart = list(graph.output)
    graph.ClearField("output")
    for first in range(0, len(apart), LEVELS):
        levels = apart[first : first + LEVELS]
        sides = levels[0].type.tensor_type.shape.dim
        joined = onnx.helper.make_tensor_value_info(
            f"{_JOINED}/{first // LEVELS}", onnx.TensorProto.FLOAT, [None] * len(sides)
        )
        for side, known in zip(joined.type.tensor_type.shape.dim, sides, strict=True):
            side.CopyFrom(known)
        rows = joined.type.tensor_type.shape.dim[-2]
        known_rows = [level.type.tensor_type.shape.dim[-2].dim_value for level in levels]
        rows.Clear()
        if all(known_rows):
            rows.dim_value = sum(known_rows)
        names = [level.name for level in levels]
        axis = len(sides) - 2
        graph.node.append(onnx.helper.make_node("Concat", names, [joined.name], axis=axis))
        graph.output.append(joined)
    return bytes(proto.SerializeToString())


def _without_prelu(node: Any, constants: _Constants, make_node: Any) -> list[Any]:
    """(1 - a) max(x, 0) + a x, the slopes shaped to broadcast over NCHW."""
    (x, slope), result = node.input, node.output[0]
    slopes = constants[slope].reshape(1, -1, 1, 1)
    above, below, sum_above, sum_below, between = (
        f"{result}/{part}" for part in (ABOVE, SLOPE, "above", "below", "between")
    )
    constants[above] = (1.0 - slopes.astype(np.float64)).astype(np.float32)
    constants[below] = slopes.astype(np.float32)
    steps = ["Mul", "Relu"] if slopes.max() <= 1.0 else ["Relu", "Mul"]
    ends = {steps[0]: ([x], [between]), steps[1]: ([between], [sum_above])}
    ends["Mul"][0].append(above)
    return [
        *(make_node(step, *ends[step]) for step in steps),
        make_node("Mul", [x, below], [sum_below]),
        make_node("Add", [sum_above, sum_below], [result]),
    ]


def _drop_dropout(graph: Any) -> None:
    """Dropout does nothing outside training."""
    for node in [node for node in graph.node if node.op_type == "Dropout"]:
        for other in graph.node:
            for index, name in enumerate(other.input):
                if name == node.output[0]:
                    other.input[index] = node.input[0]
        graph.node.remove(node)


def _fold_normalisations(graph: Any, constants: _Constants) -> None:
    makers = {name: node for node in graph.node for name in node.output}
    uses = [name for node in graph.node for name in node.input]
    for node in [node for node in graph.node if node.op_type == "BatchNormalization"]:
        maker = makers.get(node.input[0])
        if maker is None or uses.count(node.input[0]) != 1:
            continue
        if maker.op_type == "Conv" or (maker.op_type == "Gemm" and plain_gemm(maker)):
            _fold(node, maker, constants)
            maker.output[0] = node.output[0]
            graph.node.remove(node)


def _fold(normalisation: Any, maker: Any, constants: _Constants) -> None:
    """y = (x - mean) gamma / sqrt(var + epsilon) + beta, as new weights and bias of `maker`."""
    gamma, beta, mean, variance = (
        constants[name].astype(np.float64) for name in normalisation.input[1:5]
    )
    epsilon = next((item.f for item in normalisation.attribute if item.name == "epsilon"), 1e-5)
    factor = gamma / np.sqrt(variance + epsilon)
    weights = constants[maker.input[1]].astype(np.float64)
    bias = constants[maker.input[2]].astype(np.float64) if len(maker.input) > 2 else 0.0
    names = [f"{normalisation.output[0]}/{part}" for part in ("weights", "bias")]
    shape = (-1, *[1] * (weights.ndim - 1))  # outputs lie along the first axis
    constants[names[0]] = (weights * factor.reshape(shape)).astype(np.float32)
    constants[names[1]] = ((bias - mean) * factor + beta).astype(np.float32)
    del maker.input[1:]
    maker.input.extend(names)


def plain_gemm(node: Any) -> bool:
    """Whether the weights' first axis is that of the outputs, and nothing else is scaled."""
    values = {item.name: (item.f, item.i) for item in node.attribute}
    alpha, beta = values.get("alpha", (1.0, 0))[0], values.get("beta", (1.0, 0))[0]
    turned = values.get("transA", (0.0, 0))[1], values.get("transB", (0.0, 0))[1]
    return alpha == beta == 1.0 and turned == (0, 1)

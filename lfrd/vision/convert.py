"""Turn block-quantised ONNX files into plain f32 graphs that onnxruntime runs well.

The published int8 files store their weights block-quantised: onnxruntime refuses one of them and
wants 174 stale inputs fed for the other. Here the weights are dequantised once, and batch (and,
for detectors, height and width) become dynamic.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

CONVERTER_VERSION = 1
"""Raise it when the output of `to_dynamic_f32` changes; the cache is keyed by it."""


def to_dynamic_f32(source: bytes, *, dynamic_axes: tuple[int, ...]) -> bytes:
    """Return the model with f32 weights and with `dynamic_axes` of its NCHW input left open.

    Axis 0 must be among them. The caller has checked that `source` is the file it expects.
    """
    import onnx  # only needed the first time, so only imported then

    model = onnx.load_model_from_string(source)
    graph = model.graph
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes = [node for node in graph.node if not _fold(node, constants)]
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


def _fold(node: Any, constants: dict[str, npt.NDArray[Any]]) -> bool:
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

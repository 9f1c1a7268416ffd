"""Crops reach the recogniser in the order it wants, and nothing of them stays behind."""

from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto, helper

from lfrd.errors import InferenceFailed
from lfrd.vision.embedder import CUDA_BATCH_LIMIT, Embedder, batch_limit
from lfrd.vision.graph import from_pixels
from lfrd.vision.packs import RecogniserFile
from lfrd.vision.session import Session

MODEL = RecogniserFile(
    file="means.onnx",
    sha256="",
    source="",
    source_sha256="",
    licence="",
    converter=0,
    colour="rgb",
    mean=0.0,
    std=1.0,
    fixed_batch=False,
    dim=3,
)


def _session(mean: float = 0.0, std: float = 1.0) -> Session:
    """A recogniser whose vector is the mean of each channel of its input."""
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["crop"], ["vector"], axes=[2, 3], keepdims=0)],
        "means",
        [helper.make_tensor_value_info("crop", TensorProto.FLOAT, ["batch", 3, 112, 112])],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["batch", 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    content = from_pixels(model.SerializeToString(), mean=mean, std=std)
    return Session(content, label="means.onnx")


def _crop(*rgb: int) -> np.ndarray:
    return np.full((112, 112, 3), rgb, np.uint8)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (MODEL, [30, 60, 90]),
        (replace(MODEL, colour="bgr"), [90, 60, 30]),
        (replace(MODEL, mean=127.5, std=127.5), [-97.5, -67.5, -37.5]),
    ],
)
def test_colour_order_and_normalisation_are_the_manifests(
    model: RecogniserFile, expected: list[float]
) -> None:
    template = np.zeros(3, np.float32)
    session = _session(model.mean, model.std)
    Embedder(session, model).embed([_crop(30, 60, 90)], [template])
    assert template == pytest.approx(np.array(expected) / np.linalg.norm(expected), abs=1e-5)


def test_each_crop_of_a_batch_gets_its_own_template() -> None:
    crops = [_crop(200, 0, 0), _crop(0, 100, 0), _crop(0, 0, 7)]
    templates = [np.zeros(3, np.float32) for _ in crops]
    embedder = Embedder(_session(), MODEL, limit=2)
    embedder.embed(crops[:2], templates[:2])
    embedder.embed(crops[2:], templates[2:])
    assert np.array(templates) == pytest.approx(np.eye(3), abs=1e-6)
    embedder.drain()
    embedder.embed(crops[:1], templates[1:2])
    assert templates[1] == pytest.approx([1, 0, 0])


def test_a_vector_without_length_is_left_as_zeros() -> None:
    template = np.ones(3, np.float32)
    assert Embedder(_session(), MODEL).embed([_crop(0, 0, 0)], [template]) == [0.0]
    assert not template.any()


def test_the_norm_of_each_vector_is_told() -> None:
    templates = [np.zeros(3, np.float32) for _ in range(2)]
    norms = Embedder(_session(), MODEL, 2).embed([_crop(30, 0, 40), _crop(0, 7, 0)], templates)
    assert norms == pytest.approx([50, 7], rel=1e-4)


def test_inputs_and_outputs_are_overwritten_also_after_a_failure() -> None:
    embedder = Embedder(_session(), MODEL)
    embedder.embed([_crop(1, 2, 3)], [np.zeros(3, np.float32)])
    assert not embedder._feed.any()
    assert not embedder._vectors.any()
    embedder._vectors = np.zeros((1, 5), np.float32)  # not the model's shape
    with pytest.raises(InferenceFailed):
        embedder.embed([_crop(1, 2, 3)], [np.zeros(5, np.float32)])
    assert not embedder._feed.any()


def test_a_model_of_fixed_batch_is_run_one_by_one() -> None:
    assert batch_limit(MODEL, "cuda") == CUDA_BATCH_LIMIT
    assert batch_limit(replace(MODEL, fixed_batch=True), "cuda") == 1

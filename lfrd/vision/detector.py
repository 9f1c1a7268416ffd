"""Face detectors: how large their input is, and how their outputs become `Detections`.

All of it is pure. Two families are known: YuNet (Wu et al. 2023, "YuNet: a tiny millisecond-level
face detector") and SCRFD with landmarks (Guo et al. 2021, "Sample and computation redistribution
for efficient face detection").
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from lfrd.types import F32, Detections

Family = Literal["yunet", "scrfd"]

STRIDES = (8, 16, 32)
SIDE_MULTIPLE_PX = 32

FACES_LIMIT = 64
"""At most this many faces of a frame are passed on, the largest; the rest is only counted."""

SCORE_THRESHOLD: dict[Family, float] = {"yunet": 0.6, "scrfd": 0.5}
OVERLAP_LIMIT = 0.4
"""Of two boxes with more intersection over union than this, only the better one is kept."""

DETECTABLE_INTER_EYE_PX = 8.0
"""Smallest distance between the eyes, in the detector's input, that is found reliably."""

LEAST_LONG_SIDE_PX = 640
"""The picture is never shrunk below this long side: landmarks would become too coarse."""

_CANDIDATES_LIMIT = 1000
"""Best-scored raw boxes that are looked at in a frame; bounds the work of a hostile picture."""


@dataclass(frozen=True, slots=True)
class InputSize:
    """The detector's input: the scaled picture at the top left, the rest black padding."""

    picture_width_px: int
    picture_height_px: int
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class Found:
    """The faces of one picture, and how many more there were than FACES_LIMIT."""

    detections: Detections
    skipped: int


def choose_size(width_px: int, height_px: int, smallest_inter_eye_px: float) -> InputSize:
    """Input for a frame so that the smallest face of interest is still found.

    The frame is shrunk until that face has DETECTABLE_INTER_EYE_PX between its eyes, but not
    below LEAST_LONG_SIDE_PX, and never enlarged.
    """
    long_side = max(width_px, height_px)
    wanted = max(DETECTABLE_INTER_EYE_PX / smallest_inter_eye_px, LEAST_LONG_SIDE_PX / long_side)
    return _sized(width_px, height_px, min(1.0, wanted), None)


def fit_size(width_px: int, height_px: int, input_size: tuple[int, int]) -> InputSize:
    """Input for a model that takes one (width, height) only: as large as fits."""
    scale = min(input_size[0] / width_px, input_size[1] / height_px)
    return _sized(width_px, height_px, scale, input_size)


def _sized(width_px: int, height_px: int, scale: float, fixed: tuple[int, int] | None) -> InputSize:
    picture = max(1, round(width_px * scale)), max(1, round(height_px * scale))
    padded = fixed or (_padded(picture[0]), _padded(picture[1]))
    return InputSize(*picture, *padded)


def _padded(side_px: int) -> int:
    return math.ceil(side_px / SIDE_MULTIPLE_PX) * SIDE_MULTIPLE_PX


def output_shapes(family: Family, batch: int, size: InputSize) -> tuple[tuple[int, ...], ...]:
    """Shapes of the outputs in the model's order, without a batch axis where a model has none."""
    anchors = 1 if family == "yunet" else 2
    channels = (1, 1, 4, 10) if family == "yunet" else (1, 4, 10)
    return tuple(
        (batch, (size.height_px // stride) * (size.width_px // stride) * anchors, width)
        for width in channels
        for stride in STRIDES
    )


def decode(
    family: Family, outputs: Sequence[F32], size: InputSize, frame_size: tuple[int, int]
) -> Found:
    """Faces of one picture from its raw outputs, each f32[priors, channels].

    `frame_size` is (width, height) of the full frame, to whose pixels the result is scaled.
    """
    raw = _decode_yunet(outputs, size) if family == "yunet" else _decode_scrfd(outputs, size)
    boxes, scores, landmarks = raw
    best = np.argsort(-scores, kind="stable")[:_CANDIDATES_LIMIT]
    kept = best[suppress(boxes[best])]
    areas = np.prod(boxes[kept, 2:] - boxes[kept, :2], axis=1)
    kept = kept[np.argsort(-areas, kind="stable")]
    skipped = max(0, len(kept) - FACES_LIMIT)
    kept = kept[:FACES_LIMIT]
    scale = np.array(
        [frame_size[0] / size.picture_width_px, frame_size[1] / size.picture_height_px], np.float32
    )
    return Found(
        Detections(boxes[kept] * np.tile(scale, 2), scores[kept], landmarks[kept] * scale), skipped
    )


def suppress(boxes: F32) -> npt.NDArray[np.intp]:
    """Indices of the boxes that stay when each one suppresses later ones it overlaps.

    Boxes f32[n, 4] come best first (greedy non-maximum suppression).
    """
    left, top, right, bottom = boxes.T
    areas = (right - left) * (bottom - top)
    open_ = np.arange(len(boxes))
    kept = []
    while open_.size:
        first, rest = open_[0], open_[1:]
        kept.append(first)
        width = np.minimum(right[first], right[rest]) - np.maximum(left[first], left[rest])
        height = np.minimum(bottom[first], bottom[rest]) - np.maximum(top[first], top[rest])
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        union = areas[first] + areas[rest] - shared
        open_ = rest[shared <= OVERLAP_LIMIT * union]
    return np.array(kept, np.intp)


def _decode_yunet(outputs: Sequence[F32], size: InputSize) -> tuple[F32, F32, F32]:
    """One prior a cell: centre = (cell + d) x stride, size = exp(d) x stride, and
    score = sqrt(class x objectness). Landmarks are relative to the cell too."""
    boxes, scores, landmarks = [], [], []
    for level, stride in enumerate(STRIDES):
        classes, objects, deltas, points = (outputs[level + 3 * kind] for kind in range(4))
        squared = classes[:, 0] * objects[:, 0]
        index = np.flatnonzero(squared >= SCORE_THRESHOLD["yunet"] ** 2)
        if not index.size:
            continue
        cell = _cells(index, size.width_px // stride)
        centre = cell + deltas[index, :2]
        # A side of more than exp(8) cells is no face, and must not overflow.
        half = np.exp(np.minimum(deltas[index, 2:], 8.0)) / 2
        box = np.hstack([centre - half, centre + half]) * stride
        boxes.append(box.astype(np.float32))
        scores.append(np.sqrt(squared[index]))
        landmarks.append((points[index].reshape(-1, 5, 2) + cell[:, None]) * stride)
    return _joined(boxes, scores, landmarks)


def _decode_scrfd(outputs: Sequence[F32], size: InputSize) -> tuple[F32, F32, F32]:
    """Two anchors a cell, both at its corner: boxes as distances to the four sides, landmarks as
    offsets, all in strides."""
    boxes, scores, landmarks = [], [], []
    for level, stride in enumerate(STRIDES):
        score, deltas, points = (outputs[level + 3 * kind] for kind in range(3))
        index = np.flatnonzero(score[:, 0] >= SCORE_THRESHOLD["scrfd"])
        if not index.size:
            continue
        cell = _cells(index // 2, size.width_px // stride)
        delta = deltas[index]
        boxes.append(np.hstack([cell - delta[:, :2], cell + delta[:, 2:]]) * stride)
        scores.append(score[index, 0])
        landmarks.append((points[index].reshape(-1, 5, 2) + cell[:, None]) * stride)
    return _joined(boxes, scores, landmarks)


def _cells(index: npt.NDArray[np.intp], columns: int) -> F32:
    return np.stack([index % columns, index // columns], axis=1).astype(np.float32)


def _joined(boxes: list[F32], scores: list[F32], landmarks: list[F32]) -> tuple[F32, F32, F32]:
    if not boxes:
        none = Detections.none()
        return none.boxes, none.scores, none.landmarks
    return (
        np.concatenate(boxes).astype(np.float32),
        np.concatenate(scores).astype(np.float32),
        np.concatenate(landmarks).astype(np.float32),
    )

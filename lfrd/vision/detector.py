"""Face detectors: how large their input is, and how their outputs become `Detections`.

All of it is pure. Three families are known: YuNet (Wu et al. 2023, "YuNet: a tiny millisecond-level
face detector"), SCRFD with landmarks (Guo et al. 2021, "Sample and computation redistribution for
efficient face detection") and CenterFace (Xu et al. 2020, "CenterFace: joint face detection and
alignment using face as point").
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from lfrd.types import F32, Detections

Family = Literal["yunet", "scrfd", "centerface"]

STRIDES = (8, 16, 32)
CENTERFACE_STRIDE = 4
SIDE_MULTIPLE_PX = 32

FACES_LIMIT = 64
"""At most this many faces of a frame are passed on, the largest; the rest is only counted."""

SCORE_THRESHOLD: dict[Family, float] = {"yunet": 0.6, "scrfd": 0.5, "centerface": 0.35}
CERTAIN_SCORE: dict[Family, float] = {"yunet": 0.92, "scrfd": 0.8, "centerface": 0.8}
"""A face that is seen upright, whole and from the front mostly has such a score; one that stands on
its head or lies on its side has not: of 250 photos that were turned, YuNet gave none more than
0.91, SCRFD none more than 0.79. (CenterFace finds no faces by itself here.)"""

OVERLAP_LIMIT = 0.4
"""Of two boxes with more intersection over union than this, only the better one is kept."""

DETECTABLE_INTER_EYE_PX = 8.0
"""Smallest distance between the eyes, in the detector's input, that is found reliably."""

LEAST_LONG_SIDE_PX = 640
"""The picture is never shrunk below this long side: landmarks would become too coarse."""

TRIMMED = 1 / 40
"""At most this part of a side is left out, half of it at each edge, where a detector's input would
otherwise have to be padded: of 1920 x 1080 twelve rows above and below, which are less than a face
that can be matched; 640 x 352 is a twelfth less to look through than 640 x 384."""

_CANDIDATES_LIMIT = 1000
"""Best-scored raw boxes that are looked at in a frame; bounds the work of a hostile picture."""


@dataclass(frozen=True, slots=True)
class InputSize:
    """The detector's input: the scaled picture, or most of it, at the top left; the rest black."""

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
    below LEAST_LONG_SIDE_PX, and never enlarged. Then each side may be TRIMMED.
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
    if fixed is not None:
        return InputSize(*picture, *fixed)
    trimmed = _trimmed(picture[0]), _trimmed(picture[1])
    return InputSize(*trimmed, _padded(trimmed[0]), _padded(trimmed[1]))


def _trimmed(side_px: int) -> int:
    over_px = side_px % SIDE_MULTIPLE_PX
    return side_px - over_px if over_px <= TRIMMED * side_px else side_px


def _padded(side_px: int) -> int:
    return math.ceil(side_px / SIDE_MULTIPLE_PX) * SIDE_MULTIPLE_PX


def output_shapes(family: Family, batch: int, size: InputSize) -> tuple[tuple[int, ...], ...]:
    """Shapes of the outputs in the model's order, without a batch axis where a model has none."""
    if family == "centerface":
        grid = size.height_px // CENTERFACE_STRIDE, size.width_px // CENTERFACE_STRIDE
        return tuple((batch, width, *grid) for width in (1, 2, 2, 10))
    anchors = 1 if family == "yunet" else 2
    channels = (1, 1, 4, 10) if family == "yunet" else (1, 4, 10)
    priors = sum((size.height_px // at) * (size.width_px // at) * anchors for at in STRIDES)
    return tuple((batch, priors, width) for width in channels)


def margins(width_px: int, height_px: int, size: InputSize) -> tuple[int, int]:
    """How much of a frame the detector's input leaves out at each side (left and right, above and
    below), in even numbers of its pixels.

    Never more than TRIMMED: of a tall or wide frame the short side is a few pixels of the input,
    and what their number was rounded by would be cut off the long side many times over.
    """
    scale = max(size.picture_width_px / width_px, size.picture_height_px / height_px)
    beside_px = min(width_px - size.picture_width_px / scale, TRIMMED * width_px)
    above_px = min(height_px - size.picture_height_px / scale, TRIMMED * height_px)
    return int(beside_px) // 4 * 2, int(above_px) // 4 * 2


def decode(
    family: Family, outputs: Sequence[F32], size: InputSize, frame_size: tuple[int, int]
) -> Found:
    """Faces of one picture from its raw outputs, each f32[priors, channels], of CenterFace each
    f32[channels, rows, columns].

    `frame_size` is (width, height) of the full frame, to whose pixels the result is brought.
    """
    if family == "centerface":
        boxes, scores, landmarks = _decode_centerface(outputs)
    elif family == "yunet":
        boxes, scores, landmarks = _decode_yunet(outputs, size)
    else:
        boxes, scores, landmarks = _decode_scrfd(outputs, size)
    best = np.argsort(-scores, kind="stable")[:_CANDIDATES_LIMIT]
    kept = best[suppress(boxes[best], scores[best])]
    sides = boxes[kept, 2:] - boxes[kept, :2]
    kept = kept[np.argsort(-sides[:, 0] * sides[:, 1], kind="stable")]
    skipped = max(0, len(kept) - FACES_LIMIT)
    kept = kept[:FACES_LIMIT]
    beside, above = margins(*frame_size, size)
    across = (frame_size[0] - 2 * beside) / size.picture_width_px
    down = (frame_size[1] - 2 * above) / size.picture_height_px
    scale = np.array([across, down, across, down], np.float32)
    corner = np.array([beside, above, beside, above], np.float32)
    return Found(
        Detections(
            boxes[kept] * scale + corner,
            scores[kept],
            landmarks[kept] * scale[:2] + corner[:2],
        ),
        skipped,
    )


def suppress(boxes: F32, scores: F32) -> npt.NDArray[np.intp]:
    """Indices of the boxes f32[n, 4] that stay, the best first, when each one suppresses those of
    lower score that it overlaps (greedy non-maximum suppression)."""
    cornered = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxes(cornered.tolist(), scores.tolist(), 0.0, OVERLAP_LIMIT)
    return np.array(kept, np.intp)


def _decode_yunet(outputs: Sequence[F32], size: InputSize) -> tuple[F32, F32, F32]:
    """One prior a cell: centre = (cell + d) x stride, size = exp(d) x stride, and
    score = sqrt(class x objectness). Landmarks are relative to the cell too."""
    classes, objects, deltas, points = outputs
    squared = classes[:, 0] * objects[:, 0]
    index = np.flatnonzero(squared >= SCORE_THRESHOLD["yunet"] ** 2)
    priors = _priors(size, 1)[index]
    cell, stride, delta = priors[:, :2], priors[:, 2:], deltas[index]
    centre = cell + delta[:, :2]
    # A side of more than exp(8) cells is no face, and must not overflow.
    half = np.exp(np.minimum(delta[:, 2:], 8.0)) / 2
    boxes = np.concatenate([centre - half, centre + half], axis=1) * stride
    return boxes, np.sqrt(squared[index]), _landmarks(points[index], cell, stride)


def _decode_scrfd(outputs: Sequence[F32], size: InputSize) -> tuple[F32, F32, F32]:
    """Two anchors a cell, both at its corner: boxes as distances to the four sides, landmarks as
    offsets, all in strides."""
    scores, deltas, points = outputs
    index = np.flatnonzero(scores[:, 0] >= SCORE_THRESHOLD["scrfd"])
    priors = _priors(size, 2)[index]
    cell, stride, delta = priors[:, :2], priors[:, 2:], deltas[index]
    boxes = np.concatenate([cell - delta[:, :2], cell + delta[:, 2:]], axis=1) * stride
    return boxes, scores[index, 0], _landmarks(points[index], cell, stride)


def _decode_centerface(outputs: Sequence[F32]) -> tuple[F32, F32, F32]:
    """A heat map of centres: centre = (cell + offset + 1/2) x stride, side = exp(scale) x stride;
    landmarks lie in the box, as parts of its sides, y before x."""
    heat, scale, offset, points = outputs
    rows, columns = np.nonzero(heat[0] > SCORE_THRESHOLD["centerface"])
    at = rows, columns
    # A side of more than exp(8) cells is no face, and must not overflow.
    sides = np.exp(np.minimum(scale[::-1, *at], 8.0)).T * CENTERFACE_STRIDE
    cells = np.stack([columns, rows], axis=1).astype(np.float32)
    centres = (cells + offset[::-1, *at].T + 0.5) * CENTERFACE_STRIDE
    corners = centres - sides / 2
    within = points[:, *at].T.reshape(-1, 5, 2)[..., ::-1]
    landmarks = within * sides[:, None] + corners[:, None]
    boxes = np.hstack([corners, corners + sides])
    return (
        np.asarray(boxes, np.float32),
        heat[0][at],
        np.asarray(landmarks, np.float32),
    )


def _landmarks(points: F32, cell: F32, stride: F32) -> F32:
    return np.asarray((points.reshape(-1, 5, 2) + cell[:, None]) * stride[:, None])


@functools.lru_cache(maxsize=16)
def _priors(size: InputSize, anchors: int) -> F32:
    """Column and row of its cell, and the stride, for each row of the outputs: f32[priors, 3]."""
    levels = []
    for stride in STRIDES:
        columns, rows = size.width_px // stride, size.height_px // stride
        index = np.repeat(np.arange(columns * rows), anchors)
        levels.append(np.stack([index % columns, index // columns, np.full(len(index), stride)]))
    return np.hstack(levels).T.astype(np.float32)

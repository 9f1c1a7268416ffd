"""A lab picture laid into what a camera sees, so that a decoy's probe is like any other.

Of the camera's own picture only cells are taken: no more of a passer-by than any scene shows.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from lfrd.types import F32, U8, Planes
from lfrd.vision.picture import CELLS_ACROSS
from lfrd.vision.planes import rgb_full
from lfrd.vision.quality import inter_eye_px

SIDES_PX = 2
"""A cell is so many luma pixels on a side when its colour is made: chroma covers two."""


@dataclass(frozen=True, slots=True)
class Laid:
    """The frame u8[h, w, 3] RGB, and where its faces are: boxes f32[n, 4], landmarks f32[5, 2]."""

    rgb: U8
    box: F32
    others: F32
    landmarks: F32


@dataclass(frozen=True, slots=True)
class Place:
    """Where the face goes: the frame's size, the face's middle as shares of it, and how large."""

    width_px: int
    height_px: int
    x: float
    y: float
    inter_eye_px: float


def cells_of(planes: Planes) -> U8:
    """A picture as cells of one colour each, u8[rows, CELLS_ACROSS, 3] RGB; no face can be
    recognised."""
    columns = CELLS_ACROSS
    rows = max(1, round(columns * planes.height_px / planes.width_px))
    luma, *chroma = (
        np.asarray(cv2.resize(plane, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
        for plane in (planes.y, planes.u, planes.v)
    )
    doubled = np.repeat(np.repeat(luma, SIDES_PX, 0), SIDES_PX, 1)
    small = Planes(doubled, chroma[0], chroma[1], planes.full_range, planes.bt709)
    return rgb_full(small)[::SIDES_PX, ::SIDES_PX].copy()


def lay(rgb: U8, box: F32, others: F32, landmarks: F32, cells: U8, place: Place) -> Laid:
    """Scale a picture u8[h, w, 3] down to `place.inter_eye_px` (never up), its face at the place,
    before the camera's `cells` u8[rows, columns, 3].

    What of the picture lies outside the frame is cut off.
    """
    scale = min(1.0, place.inter_eye_px / inter_eye_px(landmarks))
    size = max(2, round(rgb.shape[1] * scale)), max(2, round(rgb.shape[0] * scale))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    middle = (box[:2] + box[2:]) / 2 * scale
    shift = np.rint(np.array([place.x * place.width_px, place.y * place.height_px]) - middle)
    shift = shift.astype(int)
    frame = np.asarray(
        cv2.resize(cells, (place.width_px, place.height_px), interpolation=cv2.INTER_NEAREST),
        np.uint8,
    )
    low = np.maximum(shift, 0)
    high = np.minimum(shift + size, (place.width_px, place.height_px))
    (x0, y0), (x1, y1) = low.tolist(), high.tolist()
    dx, dy = shift.tolist()
    frame[y0:y1, x0:x1] = small[y0 - dy : y1 - dy, x0 - dx : x1 - dx]
    twice = np.tile(shift, 2)
    return Laid(
        frame,
        (box * scale + twice).astype(np.float32),
        (others * scale + twice).astype(np.float32),
        (landmarks * scale + shift).astype(np.float32),
    )

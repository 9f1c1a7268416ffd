"""Pictures for people: the candidate's surroundings, with everybody else painted over."""

import io

import cv2
import numpy as np
from PIL import Image

from lfrd.types import F32, U8, Planes
from lfrd.vision.planes import rgb_full

AROUND = 1.4
"""How much more than the detector's box a portrait shows, as a factor of its sides."""
LONGEST_SIDE_PX = 480
COVER_RGB = (96, 96, 96)

SCENE_SIDE_PX = 960
CELLS_ACROSS = 16
"""A scene has at most so many cells across the frame ..."""
CELLS_ACROSS_A_FACE = 8
"""... and across a face of the median width: too few to know anybody, and to find a face."""
ROWS_A_CELL = 8
"""So many rows of a cell are read: reading them all takes longer and tells no more."""


def portrait(planes: Planes, box: F32, others: F32) -> U8:
    """The face in `box` f32[4] with a little around it, as u8[h, w, 3] RGB.

    Faces in `others` f32[n, 4] that reach into it are painted over. At most LONGEST_SIDE_PX.
    """
    left, top, right, bottom = _around(box, planes.width_px, planes.height_px)
    rgb = rgb_full(_region(planes, left, top, right, bottom))
    for x0, y0, x1, y1 in np.rint(others).astype(int).tolist():
        if x1 > left and x0 < right and y1 > top and y0 < bottom:
            hidden = (max(x0 - left, 0), max(y0 - top, 0)), (x1 - left, y1 - top)
            cv2.rectangle(rgb, *hidden, COVER_RGB, thickness=cv2.FILLED)
    scale = LONGEST_SIDE_PX / max(rgb.shape[:2])
    if scale < 1:
        size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return rgb


def scene(planes: Planes, box: F32, others: F32) -> U8:
    """The whole frame as u8[h, w, 3] RGB, in which only the candidate can be recognised.

    What lies outside `box` f32[4], widened by AROUND, is cells of one colour each: blurring what a
    detector found would fail on what it missed. The cells are made from the planes directly, so
    no other person is ever in the picture. Inside, `others` f32[n, 4] are painted over.
    """
    width, height = planes.width_px, planes.height_px
    shown = min(1.0, SCENE_SIDE_PX / max(width, height))
    size = max(2, round(width * shown)), max(2, round(height * shown))
    widths = np.append(others[:, 2] - others[:, 0], box[2] - box[0])
    cell_px = max(width / CELLS_ACROSS, float(np.median(widths)) / CELLS_ACROSS_A_FACE)
    columns, rows = max(1, int(width / cell_px)), max(1, int(height / cell_px))
    rgb = np.asarray(
        cv2.resize(_cells(planes, columns, rows), size, interpolation=cv2.INTER_NEAREST), np.uint8
    )
    left, top, right, bottom = _around(box, width, height)
    x0, y0 = int(left * shown), int(top * shown)
    x1, y1 = max(x0 + 1, int(right * shown)), max(y0 + 1, int(bottom * shown))
    inside = portrait(planes, box, others)
    rgb[y0:y1, x0:x1] = cv2.resize(inside, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
    return rgb


def _cells(planes: Planes, columns: int, rows: int) -> U8:
    """The mean colour of each cell, u8[rows, columns, 3] RGB."""
    means = [
        cv2.resize(
            plane[:: max(1, plane.shape[0] // (rows * ROWS_A_CELL))],
            (columns, rows),
            interpolation=cv2.INTER_AREA,
        )
        for plane in (planes.y, planes.u, planes.v)
    ]
    luma, *chroma = (np.asarray(mean, np.uint8) for mean in means)
    doubled = np.repeat(np.repeat(luma, 2, 0), 2, 1)
    small = Planes(doubled, chroma[0], chroma[1], planes.full_range, planes.bt709)
    return rgb_full(small)[::2, ::2].copy()


def decoded(image: bytes) -> U8:
    """The picture u8[h, w, 3] RGB of an image file that `png` or `jpeg` made."""
    with Image.open(io.BytesIO(image)) as opened:
        return np.asarray(opened.convert("RGB"), np.uint8)


def jpeg(rgb: U8) -> bytes:
    """Encode u8[h, w, 3] RGB as JPEG."""
    return _encoded(".jpg", rgb, cv2.IMWRITE_JPEG_QUALITY, 90)


def png(rgb: U8) -> bytes:
    """Encode u8[h, w, 3] RGB without loss, uncompressed: a crop is then 38 instead of 25 KB, and
    takes a fifth of the time; thousands may be enrolled."""
    stored = cv2.IMWRITE_PNG_COMPRESSION, 0, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE
    return _encoded(".png", rgb, *stored)


def _encoded(kind: str, rgb: U8, *options: int) -> bytes:
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    try:
        done, encoded = cv2.imencode(kind, bgr, options)
        assert done, kind
        return encoded.tobytes()
    finally:
        bgr.fill(0)  # it shows a face


def _around(box: F32, width_px: int, height_px: int) -> tuple[int, int, int, int]:
    """The box widened by AROUND, inside the picture, on even pixels (chroma covers two)."""
    left, top, right, bottom = (float(value) for value in box)
    dx, dy = (right - left) * (AROUND - 1) / 2, (bottom - top) * (AROUND - 1) / 2
    x0 = int(np.clip(left - dx, 0, width_px - 2)) // 2 * 2
    y0 = int(np.clip(top - dy, 0, height_px - 2)) // 2 * 2
    x1 = int(np.clip(right + dx, x0 + 2, width_px)) // 2 * 2
    y1 = int(np.clip(bottom + dy, y0 + 2, height_px)) // 2 * 2
    return x0, y0, x1, y1


def _region(planes: Planes, left: int, top: int, right: int, bottom: int) -> Planes:
    """A part of the picture with even corners, as views."""
    chroma = slice(top // 2, bottom // 2), slice(left // 2, right // 2)
    return Planes(
        planes.y[top:bottom, left:right],
        planes.u[chroma],
        planes.v[chroma],
        planes.full_range,
        planes.bt709,
    )

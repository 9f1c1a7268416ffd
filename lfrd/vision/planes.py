"""Pictures as YUV 4:2:0 planes: scaled, cropped or converted, and only as far as needed.

A 1080p frame is never converted as a whole on the hot path: the detector's input is scaled from
the planes first, and a face is warped from the planes. Chroma samples are taken to lie in the
middle of the four luma samples they belong to.
"""

import functools
import math

import cv2
import numpy as np

from lfrd.types import F64, U8, Colour, Planes
from lfrd.vision.align import inverse

_SMALLEST_AREA_SCALE = 1e-9
"""A face larger than 3 million pixels on a side is no face."""


def scaled_into(planes: Planes, out: U8, colour: Colour, scratch: U8 | None = None) -> None:
    """Write the picture, at the size of `out`, into it: u8[height, width, 3], whose rows may lie
    further apart than they are long. `scratch` u8[2, 3, height, width] is written to on the way,
    and stays the caller's to overwrite."""
    height, width = out.shape[:2]
    apart, mixed = np.empty((2, 3, height, width), np.uint8) if scratch is None else scratch
    y, u, v = apart
    chroma = cv2.INTER_LINEAR if width > planes.u.shape[1] else cv2.INTER_NEAREST_EXACT
    for plane, target in ((planes.u, u), (planes.v, v)):
        cv2.resize(plane, (width, height), dst=target, interpolation=chroma)
    yuv = mixed.reshape(height, width, 3)  # in `out` itself OpenCV would turn a copy of it
    cv2.merge([_resize(planes.y, y), u, v], dst=yuv)
    cv2.transform(yuv, _from_yuv(colour, planes.full_range, planes.bt709), dst=out)


def rgb_full(planes: Planes) -> U8:
    """The whole picture as u8[h, w, 3] RGB; for evidence and previews, not for the hot path."""
    rgb = np.empty((planes.height_px, planes.width_px, 3), np.uint8)
    scaled_into(planes, rgb, "rgb")
    return rgb


def planes_from_rgb(rgb: U8) -> Planes:
    """A photo u8[h, w, 3] as JPEG-style planes: full range, BT.601, chroma averaged over 2 x 2."""
    height, width = rgb.shape[:2]
    yuv = cv2.transform(rgb, _from_rgb())
    even = cv2.copyMakeBorder(yuv, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    half = cv2.resize(even, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    y, u, v = (
        np.ascontiguousarray(part, np.uint8) for part in (yuv[..., 0], half[..., 1], half[..., 2])
    )
    return Planes(y, u, v, full_range=True)


def turned(planes: Planes, degrees: int) -> Planes:
    """The picture turned clockwise by a multiple of 90 degrees."""
    turns = -degrees // 90 % 4
    y, u, v = (np.ascontiguousarray(np.rot90(p, turns)) for p in (planes.y, planes.u, planes.v))
    return Planes(y, u, v, planes.full_range, planes.bt709)


class CropScratch:
    """The intermediate planes of one square crop at a time; for one thread and one size of crop.

    They hold pieces of a face, so they are overwritten after every crop.
    """

    def __init__(self, side_px: int) -> None:
        # A region is shrunk by a whole factor until it has less than two pixels to one of the
        # crop (1.5 at the most, seen over the diagonal), and three more at each edge.
        region_px = math.ceil(1.5 * math.sqrt(2) * side_px) + 8
        self.region = np.zeros((region_px, region_px), np.uint8)
        self.yuv = np.zeros((3, side_px, side_px), np.uint8)
        self.mixed = np.zeros((side_px, side_px, 3), np.uint8)

    def clear(self) -> None:
        self.region.fill(0)
        self.yuv.fill(0)
        self.mixed.fill(0)


def crop_into(
    planes: Planes, matrix: F64, out: U8, scratch: CropScratch, colour: Colour = "rgb"
) -> None:
    """Warp a face from the planes into `out`, u8[side, side, 3] of the scratch's side.

    `matrix` f64[2, 3] maps frame pixels to crop pixels (a similarity). What lies outside the
    picture is black. Large faces are first shrunk by a whole factor, each pixel a mean over its
    area, so that fine detail does not alias. A mapping without extent (landmarks that all fall
    together) gives a black crop; the quality of such a look is 0.
    """
    (a, b, _), (c, d, _) = matrix.tolist()
    if a * d - b * c < _SMALLEST_AREA_SCALE:
        out.fill(0)
        return
    black = 0 if planes.full_range else 16
    to_luma = inverse(matrix)
    to_chroma = _half(to_luma)
    channels = ((planes.y, to_luma, black), (planes.u, to_chroma, 128), (planes.v, to_chroma, 128))
    try:
        for (plane, from_crop, border), target in zip(channels, scratch.yuv, strict=True):
            _warp(plane, from_crop, border, target, scratch.region)
        cv2.merge(list(scratch.yuv), dst=scratch.mixed)
        to_colour = _from_yuv(colour, planes.full_range, planes.bt709)
        cv2.transform(scratch.mixed, to_colour, dst=out)
    finally:
        scratch.clear()


def _resize(plane: U8, target: U8) -> U8:
    """The plane at the size of `target`, in it unless it has that size already."""
    if plane.shape == target.shape:
        return plane
    height, width = target.shape
    across, down = plane.shape[1] / width, plane.shape[0] / height
    factor = round(across)
    # In the middle of an odd number of pixels lies one: there is nothing to interpolate.
    odd = factor > 1 and factor % 2 == 1 and max(abs(across - factor), abs(down - factor)) < 0.1
    way = cv2.INTER_NEAREST_EXACT if odd else cv2.INTER_LINEAR
    cv2.resize(plane, (width, height), dst=target, interpolation=way)
    return target


def _warp(plane: U8, from_crop: F64, border: int, target: U8, region: U8) -> None:
    """Sample `plane` at `from_crop` (crop pixel to plane pixel) into `target`, u8[side, side]."""
    step = math.hypot(from_crop[0, 0], from_crop[1, 0])  # plane pixels to a crop pixel
    factor = int(step)
    source = plane
    if factor >= 2:
        source, from_crop = _shrunk(plane, from_crop, factor, target.shape[0], region)
    cv2.warpAffine(
        source,
        from_crop,
        target.shape,
        dst=target,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=border,
    )


def _shrunk(plane: U8, from_crop: F64, factor: int, side_px: int, region: U8) -> tuple[U8, F64]:
    """The part of `plane` that the crop shows, shrunk by `factor`, and the mapping into it."""
    far = side_px - 1
    axes = from_crop.tolist()
    lows = (start + far * (min(a, 0.0) + min(b, 0.0)) for a, b, start in axes)
    highs = (start + far * (max(a, 0.0) + max(b, 0.0)) for a, b, start in axes)
    height, width = plane.shape
    left, top = (max(0, math.floor(low) - factor) for low in lows)
    right, bottom = (math.ceil(high) + 2 * factor for high in highs)
    columns = (min(right, width) - left) // factor
    rows = (min(bottom, height) - top) // factor
    if columns < 1 or rows < 1:  # the crop lies outside the picture
        return plane, from_crop
    assert rows <= region.shape[0], (rows, factor)
    assert columns <= region.shape[1], (columns, factor)
    cut = plane[top : top + rows * factor, left : left + columns * factor]
    small = region[:rows, :columns]
    cv2.resize(cut, (columns, rows), dst=small, interpolation=cv2.INTER_AREA)
    # The middle of shrunk pixel i is plane pixel factor * i + (factor - 1) / 2 + left.
    middle = (factor - 1) / 2
    mapped = from_crop.copy()
    mapped[0, 2] -= left + middle
    mapped[1, 2] -= top + middle
    return small, mapped / factor


def _half(from_crop: F64) -> F64:
    """The same mapping into a chroma plane: the middle of chroma pixel c is luma 2 c + 1/2."""
    half = from_crop / 2
    half[:, 2] -= 0.25
    return half


@functools.cache
def _to_rgb(full_range: bool, bt709: bool) -> F64:
    """Y'CbCr to R'G'B' with offsets, f64[3, 4] (ITU-R BT.601-7 and BT.709-6, section 3)."""
    red, blue = (0.2126, 0.0722) if bt709 else (0.299, 0.114)
    green = 1 - red - blue
    luma, chroma, black = (1.0, 1.0, 0.0) if full_range else (255 / 219, 255 / 224, 16.0)
    from_cr = 2 * (1 - red) * chroma
    from_cb = 2 * (1 - blue) * chroma
    linear = np.array(
        [
            [luma, 0, from_cr],
            [luma, -from_cb * blue / green, -from_cr * red / green],
            [luma, from_cb, 0],
        ]
    )
    return np.column_stack([linear, -linear @ np.array([black, 128.0, 128.0])])


@functools.cache
def _from_yuv(colour: Colour, full_range: bool, bt709: bool) -> F64:
    to_rgb = _to_rgb(full_range, bt709)
    return to_rgb if colour == "rgb" else np.ascontiguousarray(to_rgb[::-1])


@functools.cache
def _from_rgb() -> F64:
    """The inverse of `_to_rgb` for full range and BT.601."""
    forward = _to_rgb(True, False)
    linear = np.linalg.inv(forward[:, :3])
    return np.column_stack([linear, -linear @ forward[:, 3]])

"""The decoder's frame as planes: views where the layout fits, one conversion where it does not."""

from collections.abc import Callable
from fractions import Fraction
from typing import Final

import av
import numpy as np
from av.video.reformatter import Colorspace

from lfrd.errors import SourceError
from lfrd.ingest.settings import AS_SENT, Correction
from lfrd.types import U8, Planes

_PLANAR_420: Final = {"yuv420p", "yuvj420p"}
_BT709: Final = 1  # AVCOL_SPC_BT709
_UNSPECIFIED: Final = {0, 2}  # AVCOL_SPC_RGB (nothing else says so in YUV), AVCOL_SPC_UNSPECIFIED
_FULL_RANGE: Final = 2  # AVCOL_RANGE_JPEG
_HD_HEIGHT_PX: Final = 576

LEAST_DISTORTION, MOST_DISTORTION = 0.02, 4.0
"""Pixels nearer to square stay as they are; what is declared beyond is a fault of the stream."""
COMB_STEP, COMB_SPREAD_PX = 8, 2
"""A line that differs by more than this, of 255, from both neighbours is a tooth; so far beside it
the picture is mended too."""

MIN_SIDE_PX: Final = 16
MAX_SIDE_PX: Final = 16384
MAX_PIXELS: Final = 7680 * 4320
"""Pictures outside these sizes are no camera's and are refused (a decompression bomb)."""


def check_size(frame: av.VideoFrame, shown: str) -> None:
    """Refuse sizes that no camera has, before anything is made of them. Raises SourceError."""
    sides = (frame.width, frame.height)
    small, large = min(sides) < MIN_SIDE_PX, max(sides) > MAX_SIDE_PX
    if small or large or frame.width * frame.height > MAX_PIXELS:
        raise SourceError(
            f"{shown} sends pictures of {frame.width}x{frame.height}, "
            "which is not between 16x16 and 7680x4320"
        )


def planes_of(
    frame: av.VideoFrame,
    correction: Correction = AS_SENT,
    pixel_aspect: Callable[[], Fraction | None] = lambda: None,
) -> Planes:
    """Return the frame as 4:2:0 planes, upright, with square pixels and progressive; they are
    read-only views that keep its buffer alive where nothing had to be corrected.

    `pixel_aspect` is the width to height of a pixel as the stream declares it. Pixel formats other
    than planar 4:2:0 with eight bits (10 bit, 4:2:2, NV12 from a graphics card) are converted once.
    Where the stream does not name its matrix, heights above 576 count as BT.709, as players do.
    """
    bt709 = _is_bt709(frame)
    full_range = frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj")
    if frame.format.name not in _PLANAR_420 or frame.planes[0].line_size <= 0:
        space = Colorspace.ITU709 if bt709 else Colorspace.ITU601
        frame = frame.reformat(
            format="yuv420p", src_colorspace=space, dst_colorspace=space, dst_color_range="MPEG"
        )
        full_range = False
    interlaced = _is_interlaced(frame, correction)
    size = square_size(frame.width, frame.height, _aspect(frame, correction, pixel_aspect))
    if interlaced and size[1] != frame.height:  # lines of two moments are not to be mixed
        size = max(MIN_SIDE_PX, 2 * round(size[0] * frame.height / size[1] / 2)), frame.height
    turns = _quarter_turns(frame, correction)
    if size != (frame.width, frame.height):
        frame = frame.reformat(*size, interpolation="BICUBIC")
    width, height = size
    half = ((width + 1) // 2, (height + 1) // 2)
    views = [
        _view(plane, *shape)
        for plane, shape in zip(frame.planes, ((width, height), half, half), strict=True)
    ]
    if interlaced:
        views = [without_combs(view) for view in views]
    y, u, v = (_turned(view, turns) for view in views)
    return Planes(y, u, v, full_range, bt709)


class FrameView:
    """What a frame shows, for `source.Picture`. Nothing is made of it before somebody asks, and of
    a frame that needs no correction only the luma until all of it is asked for."""

    __slots__ = ("_correction", "_frame", "_pixel_aspect", "_planes")

    def __init__(
        self,
        frame: av.VideoFrame,
        correction: Correction = AS_SENT,
        pixel_aspect: Callable[[], Fraction | None] = lambda: None,
    ) -> None:
        """See `planes_of`."""
        self._frame = frame
        self._correction = correction
        self._pixel_aspect = pixel_aspect
        self._planes: Planes | None = None

    def planes(self) -> Planes:
        """All planes, made once."""
        if self._planes is None:
            self._planes = planes_of(self._frame, self._correction, self._pixel_aspect)
        return self._planes

    def luma(self) -> U8:
        """The luma plane, u8[h, w]."""
        frame = self._frame
        if self._planes is None and _is_right(frame, self._correction, self._pixel_aspect):
            plane = frame.planes[0]
            if plane.line_size > 0:
                return _view(plane, frame.width, frame.height)
        return self.planes().y


def _is_right(
    frame: av.VideoFrame, correction: Correction, declared: Callable[[], Fraction | None]
) -> bool:
    """Whether `planes_of` has nothing to correct."""
    if frame.format.name not in _PLANAR_420:
        return False
    if _is_interlaced(frame, correction) or _quarter_turns(frame, correction):
        return False
    size = frame.width, frame.height
    return square_size(*size, _aspect(frame, correction, declared)) == size


def square_size(width: int, height: int, pixel_aspect: float) -> tuple[int, int]:
    """The size of a picture whose pixels become square: the shorter side of a pixel is stretched,
    so that nothing is lost, unless that would make a picture larger than any camera's."""
    if abs(pixel_aspect - 1) < LEAST_DISTORTION:
        return width, height
    wide, high = width * max(1.0, pixel_aspect), height * max(1.0, 1 / pixel_aspect)
    shrink = min(1.0, MAX_SIDE_PX / max(wide, high), (MAX_PIXELS / (wide * high)) ** 0.5)
    return max(MIN_SIDE_PX, 2 * round(wide * shrink / 2)), max(
        MIN_SIDE_PX, 2 * round(high * shrink / 2)
    )


def without_combs(plane: U8) -> U8:
    """The plane with the teeth of combs gone, u8[h, w], where its odd lines are of another moment.

    An odd line that lies above both neighbours in brightness, or below both, is of a thing that
    moved, and becomes their mean there; where nothing moved every line stays.
    """
    rows = (plane.shape[0] - 1) // 2
    if rows < 1:
        return plane
    whole = plane.astype(np.int16)
    above, odd, below = whole[0 : 2 * rows : 2], whole[1 : 2 * rows : 2], whole[2::2][:rows]
    over, under = odd - above, odd - below
    teeth = ((over > COMB_STEP) & (under > COMB_STEP)) | (
        (over < -COMB_STEP) & (under < -COMB_STEP)
    )
    spread = teeth.copy()
    for by in range(1, COMB_SPREAD_PX + 1):
        spread[:, by:] |= teeth[:, :-by]
        spread[:, :-by] |= teeth[:, by:]
    mended = plane.copy()
    mended[1 : 2 * rows : 2] = np.where(spread, (above + below + 1) >> 1, odd).astype(np.uint8)
    return mended


def _aspect(
    frame: av.VideoFrame, correction: Correction, declared: Callable[[], Fraction | None]
) -> float:
    """Width to height of a pixel."""
    if correction.aspect is not None:
        return correction.aspect_ratio * frame.height / frame.width
    said = float(declared() or 1)
    return said if 1 / MOST_DISTORTION <= said <= MOST_DISTORTION else 1.0


def _is_interlaced(frame: av.VideoFrame, correction: Correction) -> bool:
    if correction.deinterlace == "auto":
        return frame.interlaced_frame
    return correction.deinterlace == "on"


def _quarter_turns(frame: av.VideoFrame, correction: Correction) -> int:
    return (round(frame.rotation / 90) - correction.rotate_deg // 90) % 4


def _is_bt709(frame: av.VideoFrame) -> bool:
    if frame.colorspace in _UNSPECIFIED:
        return frame.height > _HD_HEIGHT_PX
    return bool(frame.colorspace == _BT709)


def _turned(view: U8, quarter_turns: int) -> U8:
    """Copy only what a phone that was held upright sends: rare."""
    return np.ascontiguousarray(np.rot90(view, quarter_turns)) if quarter_turns else view


def _view(plane: av.video.plane.VideoPlane, width: int, height: int) -> U8:
    stride = plane.line_size
    view: U8 = np.ndarray((height, width), np.uint8, memoryview(plane), 0, (stride, 1))
    view.flags.writeable = False  # the decoder still reads it as a reference
    return view

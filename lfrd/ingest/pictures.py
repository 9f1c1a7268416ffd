"""The decoder's frame as planes: views where the layout fits, one conversion where it does not."""

from typing import Final

import av
import numpy as np
from av.video.reformatter import Colorspace

from lfrd.errors import SourceError
from lfrd.types import U8, Planes

_PLANAR_420: Final = {"yuv420p", "yuvj420p"}
_BT709: Final = 1  # AVCOL_SPC_BT709
_UNSPECIFIED: Final = {0, 2}  # AVCOL_SPC_RGB (nothing else says so in YUV), AVCOL_SPC_UNSPECIFIED
_FULL_RANGE: Final = 2  # AVCOL_RANGE_JPEG
_HD_HEIGHT_PX: Final = 576

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


def planes_of(frame: av.VideoFrame) -> Planes:
    """Return the frame as 4:2:0 planes; they are read-only views and keep its buffer alive.

    Pixel formats other than planar 4:2:0 with eight bits (10 bit, 4:2:2, NV12 from a graphics
    card) are converted once. Where the stream does not name its matrix, heights above 576 count
    as BT.709, as players do.
    """
    bt709 = _is_bt709(frame)
    full_range = frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj")
    if frame.format.name not in _PLANAR_420 or frame.planes[0].line_size <= 0:
        space = Colorspace.ITU709 if bt709 else Colorspace.ITU601
        frame = frame.reformat(
            format="yuv420p", src_colorspace=space, dst_colorspace=space, dst_color_range="MPEG"
        )
        full_range = False
    width, height = frame.width, frame.height
    half = ((width + 1) // 2, (height + 1) // 2)
    y, u, v = frame.planes
    turns = round(frame.rotation / 90) % 4
    return Planes(
        _turned(_view(y, width, height), turns),
        _turned(_view(u, *half), turns),
        _turned(_view(v, *half), turns),
        full_range,
        bt709,
    )


def _is_bt709(frame: av.VideoFrame) -> bool:
    if frame.colorspace in _UNSPECIFIED:
        return frame.height > _HD_HEIGHT_PX
    return bool(frame.colorspace == _BT709)


def _turned(view: U8, quarter_turns: int) -> U8:
    """Copy only what a phone that was held upright sends: rare."""
    return np.ascontiguousarray(np.rot90(view, quarter_turns)) if quarter_turns else view


def _view(plane: av.video.plane.VideoPlane, width: int, height: int) -> U8:
    stride = plane.line_size
    rows: U8 = np.frombuffer(memoryview(plane), np.uint8)[: stride * height].reshape(height, stride)
    view = rows[:, :width]
    view.flags.writeable = False  # the decoder still reads it as a reference
    return view

"""Regions of a picture that are never looked at.

Include zones say where to look; privacy masks say where not to, and win. Both are polygons in
relative coordinates, so that they hold for every resolution of the camera. What is masked is
painted black before anything else sees the picture: a masked face cannot be found.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from lfrd.errors import BadInput
from lfrd.types import U8, Planes

MAX_POLYGONS = 32
MAX_CORNERS = 64
_SUBPIXEL_BITS = 4


@dataclass(frozen=True, slots=True)
class Polygon:
    """Corners (x, y) in 0..1 of the picture's width and height, in order, not repeated."""

    corners: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if not 3 <= len(self.corners) <= MAX_CORNERS:
            raise BadInput(f"a region has 3 to {MAX_CORNERS} corners, not {len(self.corners)}")
        if not all(0.0 <= value <= 1.0 for corner in self.corners for value in corner):
            raise BadInput("the corners of a region are fractions of the picture, 0 to 1")
        shifted = (*self.corners[1:], self.corners[0])
        doubled = sum(
            x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(self.corners, shifted, strict=True)
        )
        if abs(doubled) < 2e-5:
            raise BadInput("a region needs an area: its corners lie on one line")


@dataclass(frozen=True, slots=True)
class Regions:
    """Where to look: inside any of `include` (everywhere if empty) and outside every `privacy`."""

    include: tuple[Polygon, ...] = ()
    privacy: tuple[Polygon, ...] = ()

    def __post_init__(self) -> None:
        if len(self.include) + len(self.privacy) > MAX_POLYGONS:
            raise BadInput(f"a camera has at most {MAX_POLYGONS} regions")

    def __bool__(self) -> bool:
        return bool(self.include or self.privacy)


EVERYWHERE = Regions()
"""Nothing is hidden."""


def hidden_pixels(regions: Regions, width_px: int, height_px: int) -> npt.NDArray[np.bool_]:
    """Return bool[h, w], True where the picture is hidden.

    Privacy masks hide all that their line encloses, also where it crosses itself, and grow by two
    pixels, so that rounding never shows too much.
    """
    size = (width_px, height_px)
    private = cv2.dilate(_enclosed(regions.privacy, size), np.ones((5, 5), np.uint8)) > 0
    return private | (_drawn(regions.include, size) == 0) if regions.include else private


class Masker:
    """Paints regions over pictures; keeps the painted masks of the last picture size."""

    def __init__(self, regions: Regions) -> None:
        self._regions = regions
        self._size: tuple[int, int] | None = None
        self._luma: _Stencil | None = None
        self._chroma: _Stencil | None = None

    def apply(self, planes: Planes) -> Planes:
        """Return the planes with everything hidden painted black.

        The decoder's own buffer is never written to, since it predicts later pictures from it: a
        plane is copied where a part of it is hidden, and passed on as it is where not.
        """
        if not self._regions:
            return planes
        self._fit(planes.width_px, planes.height_px)
        if self._luma is None or self._chroma is None:
            return planes
        return replace(
            planes,
            y=self._luma.painted(planes.y),
            u=self._chroma.painted(planes.u),
            v=self._chroma.painted(planes.v),
        )

    def luma(self, luma: U8) -> U8:
        """The luma of what `apply` returns for planes with this one, u8[h, w]."""
        if not self._regions:
            return luma
        height_px, width_px = luma.shape
        self._fit(width_px, height_px)
        if self._luma is None or self._chroma is None:
            return luma
        return self._luma.painted(luma)

    def _fit(self, width_px: int, height_px: int) -> None:
        """Paint the masks for pictures of this size."""
        if (width_px, height_px) == self._size:
            return
        hidden = hidden_pixels(self._regions, width_px, height_px)
        self._luma = _Stencil.of(hidden, fill=16)
        self._chroma = _Stencil.of(_halved(hidden), fill=128)
        self._size = (width_px, height_px)


@dataclass(frozen=True, slots=True)
class _Stencil:
    """`keep` is 255 where a sample stays and 0 where not, `fill` the opposite: two fast passes."""

    keep: U8
    fill: U8

    @staticmethod
    def of(hidden: npt.NDArray[np.bool_], fill: int) -> "_Stencil | None":
        if not hidden.any():
            return None
        keep = np.where(hidden, np.uint8(0), np.uint8(255))
        return _Stencil(keep, np.where(hidden, np.uint8(fill), np.uint8(0)))

    def painted(self, samples: U8) -> U8:
        painted = np.bitwise_and(samples, self.keep)
        np.bitwise_or(painted, self.fill, out=painted)
        return painted


def _halved(hidden: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """A chroma sample is hidden where any of its four luma samples is."""
    height, width = hidden.shape
    padded = np.pad(hidden, ((0, height % 2), (0, width % 2)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2)
    return np.asarray(blocks.any(axis=(1, 3)))


def _enclosed(polygons: tuple[Polygon, ...], size: tuple[int, int]) -> U8:
    """Return u8[h, w], 1 on the line of any polygon and everywhere that a line encloses."""
    canvas = np.zeros(size[::-1], np.uint8)
    for polygon in polygons:
        line = _drawn((polygon,), size)
        cv2.polylines(line, [_fixed(polygon, size)], True, 1, shift=_SUBPIXEL_BITS)
        outlines, _ = cv2.findContours(line, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(canvas, outlines, -1, 1, cv2.FILLED)
    return canvas


def _drawn(polygons: tuple[Polygon, ...], size: tuple[int, int]) -> U8:
    """Return u8[h, w], 1 inside any polygon."""
    canvas = np.zeros(size[::-1], np.uint8)
    for polygon in polygons:  # one by one: together, overlaps would count as outside
        cv2.fillPoly(canvas, [_fixed(polygon, size)], 1, shift=_SUBPIXEL_BITS)
    return canvas


def _fixed(polygon: Polygon, size: tuple[int, int]) -> npt.NDArray[np.int32]:
    """Corners i32[n, 2] in parts of a pixel, on the canvas: what lies off it is not drawn."""
    scaled = np.array(polygon.corners) * size - 0.5  # whole numbers are centres of pixels
    kept = np.clip(scaled, 0, np.array(size) - 1)
    return np.asarray(np.round(kept * 2**_SUBPIXEL_BITS), np.int32)

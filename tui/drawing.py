"""Drawing regions over a camera's picture: a cursor, corners, the regions. Pure values."""

from dataclasses import dataclass, field, replace
from typing import Literal

from PIL import Image, ImageDraw

from lfrd.wire.cameras import Corners, Regions
from tui.regions import HALO_RGB, MASK_RGB, ZONE_RGB, outlined

STEP = 0.02
COARSE = 0.1
CORNERS_MAX, REGIONS_MAX = 64, 32
CURSOR_RGB = (255, 255, 255)
FACE_RGB = (86, 180, 233)
FACE_OF_EYES = 2.3
"""A face is so many times as wide as its eyes are apart, and a quarter higher than wide."""
SMALLEST_INTER_EYE_PX, GOOD_INTER_EYE_PX = 32.0, 60.0
"""From the first on a face can be matched, from the second on well."""
Kind = Literal["include", "privacy"]


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn so far; every step gives another one. Places are fractions of the picture."""

    regions: Regions
    x: float = 0.5
    y: float = 0.5
    corners: tuple[tuple[float, float], ...] = field(default=())

    def move(self, right: float, down: float) -> "Drawing":
        """The cursor goes by these fractions, and stays in the picture."""
        return self.at(self.x + right, self.y + down)

    def at(self, x: float, y: float) -> "Drawing":
        """The cursor is there."""
        x, y = (min(1.0, max(0.0, round(value, 4))) for value in (x, y))
        return replace(self, x=x, y=y)

    def corner(self) -> "Drawing":
        """A corner where the cursor is; twice at one place is once."""
        here = (self.x, self.y)
        if len(self.corners) >= CORNERS_MAX or (self.corners and self.corners[-1] == here):
            return self
        return replace(self, corners=(*self.corners, here))

    def back(self) -> "Drawing":
        """The last corner is gone."""
        return replace(self, corners=self.corners[:-1])

    def close(self, kind: Kind) -> "Drawing | None":
        """The corners become a region; None where they are too few, or there are too many."""
        known = getattr(self.regions, kind)
        if len(self.corners) < 3 or len(known) >= REGIONS_MAX:
            return None
        grown = self.regions.model_copy(update={kind: (*known, self.corners)})
        return replace(self, regions=grown, corners=())

    def remove(self) -> "Drawing | None":
        """The region under the cursor is gone, the last one of several; None: there is none."""
        for kind in ("privacy", "include"):
            known = getattr(self.regions, kind)
            for number in reversed(range(len(known))):
                if inside(known[number], self.x, self.y):
                    left = (*known[:number], *known[number + 1 :])
                    return replace(self, regions=self.regions.model_copy(update={kind: left}))
        return None

    def over(self, picture: Image.Image, width_px: int | None) -> Image.Image:
        """The picture with all of it; `width_px` is the camera's, for the size of faces."""
        side_px = 960
        large = picture.resize(
            (side_px, max(1, round(side_px * picture.height / picture.width))),
            Image.Resampling.NEAREST,
        )
        shown = outlined(large, self.regions)
        pen = ImageDraw.Draw(shown)
        points = [(x * shown.width, y * shown.height) for x, y in self.corners]
        if len(points) > 1:
            pen.line(points, HALO_RGB, 16)
            pen.line(points, CURSOR_RGB, 8)
        for x, y in points:
            pen.ellipse((x - 12, y - 12, x + 12, y + 12), fill=CURSOR_RGB)
        if width_px:
            self._draw_faces(pen, shown, width_px)
        at_x, at_y = self.x * (shown.width - 1), self.y * (shown.height - 1)
        for thick, ink in ((14, HALO_RGB), (6, CURSOR_RGB)):
            pen.line((at_x - 40, at_y, at_x + 40, at_y), ink, thick)
            pen.line((at_x, at_y - 40, at_x, at_y + 40), ink, thick)
        return shown

    def _draw_faces(self, pen: ImageDraw.ImageDraw, shown: Image.Image, width_px: int) -> None:
        """How large a face has to be: the smaller oval can be matched, the larger one well."""
        for eyes_px, thick in ((SMALLEST_INTER_EYE_PX, 6), (GOOD_INTER_EYE_PX, 3)):
            half = eyes_px * FACE_OF_EYES / width_px * shown.width / 2
            x, y = self.x * shown.width, self.y * shown.height
            pen.ellipse(
                (x - half, y - half * 1.25, x + half, y + half * 1.25),
                outline=FACE_RGB,
                width=thick,
            )


def inside(corners: Corners, x: float, y: float) -> bool:
    """Whether a point lies in a polygon (the crossings of a ray are odd)."""
    crossings = 0
    for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            crossings += 1
    return crossings % 2 == 1


LEGEND = (
    ("━━ look only in here", ZONE_RGB),
    ("╍╍ hidden", MASK_RGB),
    ("◯ the least a face needs, and what is good", FACE_RGB),
)

"""A camera's regions as text and as lines over its preview.

An include zone says where to look, a privacy mask where not to. As text each is a line of corners,
`0.1,0.1 0.9,0.1 0.5,0.8`, in fractions of the picture.
"""

import re

from PIL import Image, ImageDraw
from pydantic import ValidationError

from lfrd.errors import BadInput
from lfrd.wire.cameras import Corners, Regions

ZONE_RGB = (240, 228, 66)
MASK_RGB = (240, 121, 58)
HALO_RGB = (0, 0, 0)
THICKNESS = 1 / 64
DASH = 1 / 22
"""Of the picture's width: a zone's outline is a whole line, a mask's is dashed."""


def corners_text(corners: Corners) -> str:
    """One polygon as a line."""
    return " ".join(f"{x:g},{y:g}" for x, y in corners)


def polygons_text(polygons: tuple[Corners, ...]) -> str:
    """Several, a line each."""
    return "\n".join(map(corners_text, polygons))


def read_regions(include: str, privacy: str) -> Regions:
    """The regions that these lines describe. Raises BadInput, naming the line."""
    zones, masks = _polygons(include, "include zone"), _polygons(privacy, "privacy mask")
    try:
        return Regions(include=zones, privacy=masks)
    except ValidationError:
        raise BadInput("a camera has at most 32 regions with at most 64 corners each") from None


def _polygons(text: str, what: str) -> tuple[Corners, ...]:
    lines = [line for line in text.splitlines() if line.strip()]
    return tuple(_corners(line, f"{what} {number}") for number, line in enumerate(lines, 1))


def _corners(line: str, what: str) -> Corners:
    try:
        numbers = [float(part) for part in re.split(r"[\s,;]+", line.strip(" ,;\t"))]
    except ValueError:
        raise BadInput(
            f"{what}: write corners as numbers, such as 0.1,0.1 0.9,0.1 0.5,0.8"
        ) from None
    if len(numbers) < 6 or len(numbers) % 2:
        raise BadInput(f"{what}: give x,y for three corners or more")
    if not all(0.0 <= number <= 1.0 for number in numbers):
        raise BadInput(f"{what}: corners are fractions of the picture, from 0 to 1")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def regions_rows(regions: Regions) -> tuple[tuple[str, str], ...]:
    """Each region as a label and its corners; what holds where there is none."""
    zones = [(f"look in {n}", corners_text(c)) for n, c in enumerate(regions.include, 1)]
    masks = [(f"hide {n}", corners_text(c)) for n, c in enumerate(regions.privacy, 1)]
    return tuple(zones + masks) or (("regions", "none: the whole picture is looked at"),)


def outlined(picture: Image.Image, regions: Regions) -> Image.Image:
    """The picture with a whole line round each zone and a dashed one round each mask."""
    drawn = picture.copy()
    pen = ImageDraw.Draw(drawn)
    for corners in regions.include:
        _outline(pen, drawn.size, corners, ZONE_RGB, dashed=False)
    for corners in regions.privacy:
        _outline(pen, drawn.size, corners, MASK_RGB, dashed=True)
    return drawn


def _outline(
    pen: ImageDraw.ImageDraw,
    size_px: tuple[int, int],
    corners: Corners,
    rgb: tuple[int, int, int],
    *,
    dashed: bool,
) -> None:
    width_px, height_px = size_px
    thick_px = max(1, round(width_px * THICKNESS))
    inset_px = thick_px // 2  # a line along the picture's edge stays inside it
    points = [
        (
            inset_px + x * (width_px - 1 - 2 * inset_px),
            inset_px + y * (height_px - 1 - 2 * inset_px),
        )
        for x, y in corners
    ]
    for start, end in zip(points, [*points[1:], points[0]], strict=True):
        if dashed:
            pen.line((start, end), HALO_RGB, thick_px)
            for dash in _dashes(start, end, width_px * DASH):
                pen.line(dash, rgb, thick_px)
        else:
            pen.line((start, end), rgb, thick_px)


Point = tuple[float, float]


def _dashes(start: Point, end: Point, dash_px: float) -> list[tuple[Point, Point]]:
    """Every other piece of a line, beginning and ending with one that is drawn."""
    (x0, y0), (x1, y1) = start, end
    length_px = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    pieces = 2 * int(length_px / dash_px / 2) + 1
    marks = [(x0 + (x1 - x0) * n / pieces, y0 + (y1 - y0) * n / pieces) for n in range(pieces + 1)]
    return list(zip(marks[::2], marks[1::2], strict=True))

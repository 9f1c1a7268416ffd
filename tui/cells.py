"""A picture as character cells: two colours each, and a glyph that says which part has which.

Of all glyphs that the terminal has, the one is taken whose two parts lose least, and where there
is a palette its colours are chosen together with the glyph. Distances are between lightness and hue
as BT.601 parts them. Two ways that look better on paper were measured beside it, and are worse
(docs/performance.md): Oklab takes grey beside orange for skin, between the few colours of the
palette; and a face speckles when cells hand on to their neighbours what they lose, for two colours
and a glyph mix already.
"""

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from tui.abilities import DOTS, Colours, Glyphs

F32: TypeAlias = NDArray[np.float32]
U8: TypeAlias = NDArray[np.uint8]
Ints: TypeAlias = NDArray[np.intp]
Mask: TypeAlias = NDArray[np.bool_]


ACROSS, DOWN = 8, 16
"""A cell is looked at in so many parts: no glyph that is used has an edge elsewhere."""
SHAPES_TRIED = 4
"""Of those that lose least in any colours, so many are tried with the palette's."""
LIGHTNESS = 1.5
"""How much a difference of lightness counts, beside one of hue: a face is known by its shades."""
TRIMMED_MAX = 0.16
"""So much of a picture's longer side may go, in equal parts at both ends, to fill its place."""


@dataclass(frozen=True, slots=True)
class Cells:
    """What to draw: `front` and `back` u8[rows, columns, 3] RGB, or where there is a palette
    u8[rows, columns] places in it; `letters` is a line for each row."""

    letters: tuple[str, ...]
    front: U8
    back: U8
    colours: Colours

    @property
    def columns(self) -> int:
        return int(self.front.shape[1])

    @property
    def rows(self) -> int:
        return int(self.front.shape[0])


def fitted(
    size: tuple[int, int], columns: int, rows: int, cell_aspect: float = 2.0
) -> tuple[int, int]:
    """How many cells a picture of `size` (width, height in pixels) fills of so many; a cell is
    `cell_aspect` times as high as wide."""
    width, height = size
    if min(width, height, columns, rows) < 1:
        return 0, 0
    scale = min(columns / width, rows * cell_aspect / height)
    return max(1, round(width * scale)), max(1, round(height * scale / cell_aspect))


def trimmed(image: PILImage.Image, aspect: float) -> PILImage.Image:
    """The picture with at most `TRIMMED_MAX` of its longer side gone, so that it comes near to
    `aspect` (width over height) and fills its place; the face is in its middle."""
    width, height = image.size
    wanted_w, wanted_h = min(width, height * aspect), min(height, width / aspect)
    kept_w = max(wanted_w, width * (1 - TRIMMED_MAX))
    kept_h = max(wanted_h, height * (1 - TRIMMED_MAX))
    left, top = (width - kept_w) / 2, (height - kept_h) / 2
    box = round(left), round(top), round(left + kept_w), round(top + kept_h)
    return image.crop(box)


def draw(image: PILImage.Image, columns: int, rows: int, glyphs: Glyphs, colours: Colours) -> Cells:
    """The RGB picture as exactly so many cells."""
    rgb = parts(image, columns, rows)
    alphabet, masks = shapes(glyphs)
    fit = best_fit(rgb @ TO_SEEN, masks)
    if colours is Colours.TRUE:
        chosen = fit.lost.argmin(1)
        front, back = _means(rgb, masks[chosen])
    else:
        chosen, front, back = from_palette(fit, palette(colours))
    letters_of = [[alphabet[n] for n in row] for row in chosen.reshape(rows, columns).tolist()]
    front, back = (plane.reshape(rows, columns, *plane.shape[1:]) for plane in (front, back))
    return Cells(tuple("".join(row) for row in letters_of), front, back, colours)


def parts(image: PILImage.Image, columns: int, rows: int) -> F32:
    """The picture in so many cells, f32[rows * columns, DOWN * ACROSS, 3] RGB 0..255."""
    size = columns * ACROSS, rows * DOWN
    large = np.asarray(image.resize(size, PILImage.Resampling.LANCZOS), np.float32)
    apart = large.reshape(rows, DOWN, columns, ACROSS, 3).transpose(0, 2, 1, 3, 4)
    return apart.reshape(rows * columns, DOWN * ACROSS, 3)


def _means(rgb: F32, masks: F32) -> tuple[U8, U8]:
    """The mean colours of both parts of each cell."""
    ones = masks.sum(1)[:, None]
    front = np.einsum("nk,nkc->nc", masks, rgb)
    back = rgb.sum(1) - front
    parts = front / np.maximum(ones, 1), back / (masks.shape[1] - ones)
    first, second = (np.asarray(np.rint(np.clip(part, 0, 255)), np.uint8) for part in parts)
    return first, second


@dataclass(frozen=True, slots=True)
class Fit:
    """How m shapes fit n cells: `share` f32[m] of a cell that is in front, the mean of both parts
    f32[n, m, 3], and what is `lost` f32[n, m] in just these colours (mean squared distance)."""

    share: F32
    front: F32
    back: F32
    lost: F32


def best_fit(seen: F32, masks: F32) -> Fit:
    """Of cells f32[n, k, 3] as they are seen."""
    k = masks.shape[1]
    ones = masks.sum(1)
    front = np.einsum("mk,nkc->nmc", masks, seen, optimize=True)
    back = (seen.sum(1)[:, None] - front) / (k - ones)[:, None]
    front /= np.maximum(ones, 1)[:, None]
    share = ones / k
    kept = share * (front**2).sum(-1) + (1 - share) * (back**2).sum(-1)
    return Fit(share, front, back, (seen**2).mean(1).sum(-1)[:, None] - kept)


def from_palette(fit: Fit, known: F32) -> tuple[Ints, U8, U8]:
    """Which shape each cell has, and the places of both its colours in the palette."""
    tried = min(SHAPES_TRIED, fit.lost.shape[1])
    best = np.argpartition(fit.lost, tried - 1, axis=1)[:, :tried]
    cell = np.arange(len(best))
    total = fit.lost[cell[:, None], best]
    places = []
    for means, share in ((fit.front, fit.share[best]), (fit.back, 1 - fit.share[best])):
        wanted = means[cell[:, None], best]
        place = _nearest(wanted, known)
        total = total + share * ((known[place] - wanted) ** 2).sum(-1)
        places.append(place)
    pick = total.argmin(1)
    front, back = (place[cell, pick].astype(np.uint8) for place in places)
    return best[cell, pick], front, back


def _nearest(wanted: F32, palette: F32) -> Ints:
    flat = wanted.reshape(-1, 3)
    apart = (palette**2).sum(1) - 2 * flat @ palette.T
    return np.asarray(apart.argmin(1), np.intp).reshape(wanted.shape[:-1])


@cache
def palette_rgb(colours: Colours) -> U8:
    """u8[n, 3] RGB of the colours by their numbers. Of the 256 the first 16 are the user's own, so
    they are left to those who have no others."""
    basic = [(0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205),
             (0, 205, 205), (229, 229, 229), (127, 127, 127), (255, 0, 0), (0, 255, 0),
             (255, 255, 0), (92, 92, 255), (255, 0, 255), (0, 255, 255),
             (255, 255, 255)]  # fmt: skip
    if colours is Colours.BASIC:
        return np.array(basic, np.uint8)
    steps = (0, 95, 135, 175, 215, 255)
    cube = [(r, g, b) for r in steps for g in steps for b in steps]
    greys = [(8 + 10 * step,) * 3 for step in range(24)]
    return np.array(basic + cube + greys, np.uint8)


TO_SEEN = (
    np.array([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]], np.float32).T
    / 255
    * np.array([LIGHTNESS, 1, 1], np.float32)
).astype(np.float32)
"""From sRGB 0..255 to what distances are taken of: lightness, blue, red (BT.601)."""


@cache
def palette(colours: Colours) -> F32:
    """Where the colours lie, f32[n, 3]; those that are not to be used lie far away."""
    places = palette_rgb(colours).astype(np.float32) @ TO_SEEN
    if colours is Colours.PALETTE:
        places[:16] = 1e3
    return places


@cache
def shapes(glyphs: Glyphs) -> tuple[tuple[str, ...], F32]:
    """Letters, and which parts of a cell each fills, f32[m, DOWN * ACROSS]. Of two that part the
    cell alike, one the other's opposite, there is one."""
    across, down = DOTS[glyphs]
    ys, xs = np.arange(DOWN) * down // DOWN, np.arange(ACROSS) * across // ACROSS
    dots = ys[:, None] * across + xs
    found = [(a, (n >> dots & 1).astype(bool)) for n, a in enumerate(letters(glyphs))]
    if glyphs in (Glyphs.QUADRANTS, Glyphs.SEXTANTS, Glyphs.OCTANTS):
        found += _eighths()
    if glyphs is Glyphs.OCTANTS:  # who draws these draws the wedges too
        found += [*_bars(), *_wedges(), *_triangles()]
    kept: dict[bytes, tuple[str, Mask]] = {}
    for letter, mask in found:
        kept.setdefault((mask ^ mask[-1, -1]).tobytes(), (letter, mask))
    masks = np.array([mask.ravel() for _, mask in kept.values()], np.float32)
    return tuple(letter for letter, _ in kept.values()), masks


def _grid() -> tuple[F32, F32]:
    """Across and down of the middle of each part, 0..1."""
    y, x = np.mgrid[0:DOWN, 0:ACROSS].astype(np.float32)
    return (x + 0.5) / ACROSS, (y + 0.5) / DOWN


def _eighths() -> list[tuple[str, Mask]]:
    """From below and from the left, by eighths."""
    x, y = _grid()
    lower = [(chr(0x2580 + n), y > 1 - n / 8) for n in range(1, 8)]
    return lower + [(chr(0x2590 - n), x < n / 8) for n in range(1, 8)]


def _bars() -> list[tuple[str, Mask]]:
    """One eighth wide or high, anywhere but at an edge."""
    x, y = _grid()
    upright = [(chr(0x1FB6F + n), (x > n / 8) & (x < (n + 1) / 8)) for n in range(1, 7)]
    return upright + [(chr(0x1FB75 + n), (y > n / 8) & (y < (n + 1) / 8)) for n in range(1, 7)]


def _wedges() -> list[tuple[str, Mask]]:
    """A corner cut off by a line, which Unicode's names describe: LOWER LEFT BLOCK DIAGONAL LOWER
    MIDDLE LEFT TO LOWER CENTRE."""
    x, y = _grid()
    found = []
    for number in range(0x1FB3C, 0x1FB68):
        corner, _, line = unicodedata.name(chr(number)).partition(" BLOCK DIAGONAL ")
        (x0, y0), (x1, y1) = map(_point, line.split(" TO "))
        cx, cy = _point(corner)
        corner_side = (x1 - x0) * (cy - y0) - (y1 - y0) * (cx - x0)
        found.append((chr(number), ((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) * corner_side > 0))
    return found


def _point(words: str) -> tuple[float, float]:
    *down, across = words.split()
    heights = {"UPPER": 0.0, "UPPER MIDDLE": 1 / 3, "LOWER MIDDLE": 2 / 3, "LOWER": 1.0}
    return {"LEFT": 0.0, "CENTRE": 0.5, "RIGHT": 1.0}[across], heights[" ".join(down)]


def _triangles() -> list[tuple[str, Mask]]:
    """From the middle to an edge: left, upper, right, lower."""
    x, y = _grid()
    sides = ((x < y) & (x < 1 - y), (y < x) & (y < 1 - x), (x > y) & (x > 1 - y),
             (y > x) & (y > 1 - x))  # fmt: skip
    return [(chr(0x1FB6C + n), side) for n, side in enumerate(sides)]


@cache
def letters(glyphs: Glyphs) -> tuple[str, ...]:
    """The letter for each pattern: bit n is dot n, counted across and then down."""
    quadrants = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
    match glyphs:
        case Glyphs.SPACES:
            return (" ",)
        case Glyphs.HALVES:
            return tuple(" ▀▄█")
        case Glyphs.QUADRANTS:
            return tuple(quadrants)
        case Glyphs.SEXTANTS:
            known = {0: " ", 0b010101: "▌", 0b101010: "▐", 0b111111: "█"}
            return _counted(64, 0x1FB00, known)
        case Glyphs.OCTANTS:
            known = {_doubled(pattern): letter for pattern, letter in enumerate(quadrants)}
            known |= {0b1: "\U0001cea8", 0b10: "\U0001ceab", 0b1000000: "\U0001cea3",
                      0b10000000: "\U0001cea0", 0b11: "\U0001fb82", 0b111111: "\U0001fb85",
                      0b11000000: "▂", 0b11111100: "▆", 0b10100: "\U0001fbe6",
                      0b101000: "\U0001fbe7"}  # fmt: skip
            return _counted(256, 0x1CD00, known)


def _doubled(pattern: int) -> int:
    """A quadrant's pattern as an octant's."""
    upper, lower = pattern & 0b11, pattern >> 2
    return upper | upper << 2 | lower << 4 | lower << 6


def _counted(patterns: int, first: int, known: dict[int, str]) -> tuple[str, ...]:
    """Those that Unicode had before keep their place; the others were added in order."""
    numbers = iter(range(first, first + patterns))
    return tuple(known[p] if p in known else chr(next(numbers)) for p in range(patterns))

"""A picture as character cells: two colours each, and a glyph that says which dot has which.

Of all ways to part the dots of a cell in two the one is taken that loses least, in Oklab
(Ottosson 2020, "A perceptual color space for image processing"), in which distances are as large as
they look. Where the terminal has a palette, the two colours are chosen from it together with the
parting, and what is lost is handed on to the cells beside and below, by a third: in full it would
speckle a face.
"""

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


PARTINGS_TRIED = 12
"""Of those that lose least in any colours, so many are tried with the palette's."""
HANDED_ON = 0.3
EVENNESS = 0.5
"""How much the mean of a cell counts, beside each of its dots."""
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
    across, down = DOTS[glyphs]
    small = image.resize((columns * across, rows * down), PILImage.Resampling.LANCZOS)
    dots = np.asarray(small, np.float32).reshape(rows, down, columns, across, 3)
    dots = dots.transpose(0, 2, 1, 3, 4).reshape(rows, columns, down * across, 3)
    seen = _oklab(dots) * np.array([LIGHTNESS, 1, 1], np.float32)
    parted = _Parted.of(seen.reshape(-1, down * across, 3))
    if colours is Colours.TRUE:
        masks = parted.masks[parted.lost.argmin(1)].reshape(rows, columns, -1)
        front, back = _means(dots, masks)
    else:
        palette = _palette(colours)
        front, back, masks = _from_palette(parted, rows, columns, palette)
    return Cells(_letters(masks, glyphs), front, back, colours)


def _letters(masks: F32, glyphs: Glyphs) -> tuple[str, ...]:
    alphabet = letters(glyphs)
    patterns = (masks.astype(np.intp) * (1 << np.arange(masks.shape[-1]))).sum(-1)
    return tuple("".join(alphabet[p] for p in row) for row in patterns.tolist())


def _means(dots: F32, masks: F32) -> tuple[U8, U8]:
    """The mean colours of the dots of both parts, in linear light: dots next to each other add up
    as light does."""
    light = _linear(dots)
    ones = masks.sum(-1)[..., None]
    front = np.einsum("yxk,yxkc->yxc", masks, light)
    back = light.sum(2) - front
    k = masks.shape[-1]
    return _srgb(front / np.maximum(ones, 1)), _srgb(back / np.maximum(k - ones, 1))


@dataclass(frozen=True, slots=True)
class _Parted:
    """Every way to part the dots of n cells: `masks` f32[m, k], their dots `ones` f32[m], the sums
    of the dots in front f32[n, m, 3], of all f32[n, 1, 3], and what is `lost` f32[n, m] in the
    best two colours there could be (squared distance)."""

    masks: F32
    ones: F32
    front: F32
    all: F32
    lost: F32

    @classmethod
    def of(cls, seen: F32) -> "_Parted":
        k = seen.shape[1]
        numbers = np.arange(1 << (k - 1))
        masks = ((numbers[:, None] >> np.arange(k)) & 1).astype(np.float32)
        ones = masks.sum(1)
        front = np.einsum("mk,nkc->nmc", masks, seen, optimize=True)
        total = seen.sum(1)[:, None]
        kept = (front**2).sum(-1) / np.maximum(ones, 1) + ((total - front) ** 2).sum(-1) / (
            k - ones
        )
        return cls(masks, ones, front, total, (seen**2).sum((1, 2))[:, None] - kept)


def _from_palette(parted: _Parted, rows: int, columns: int, palette: F32) -> tuple[U8, U8, F32]:
    """Places in the palette for front and back, and the masks. Cells are decided along slanted
    lines, all of a line at once: each knows what its neighbours above and to the left handed on."""
    m, k = parted.masks.shape
    tried = min(PARTINGS_TRIED, m)
    best = np.argpartition(parted.lost, tried - 1, axis=1)[:, :tried]
    cell = np.arange(rows * columns)[:, None]
    ones, lost = parted.ones[best], parted.lost[cell, best]
    front = parted.front[cell, best]
    means = np.stack(
        [front / np.maximum(ones, 1)[..., None], (parted.all - front) / (k - ones)[..., None]], 2
    )
    shares = np.stack([ones, k - ones], 2)
    places = np.zeros((rows * columns, 2), np.uint8)
    chosen = np.zeros(rows * columns, np.intp)
    owed = np.zeros((rows + 1, columns + 2, 3), np.float32)
    for line in range(columns + 2 * (rows - 1)):
        y = np.arange(max(0, (line - columns + 2) // 2), min(rows, line // 2 + 1))
        x = line - 2 * y
        at = y * columns + x
        wanted = means[at] + owed[y, x + 1][:, None, None]
        near = _nearest(wanted, palette)
        off = (palette[near] - wanted) * shares[at][..., None]
        uneven = off.sum(2) / k
        cost = (off**2).sum(-1) / np.maximum(shares[at], 1)
        total = lost[at] + cost.sum(-1) + EVENNESS * k * (uneven**2).sum(-1)
        pick = total.argmin(1)
        i = np.arange(len(at))
        places[at], chosen[at] = near[i, pick], best[at, pick]
        give = -HANDED_ON * uneven[i, pick]
        owed[y, x + 2] += give * np.float32(7 / 16)
        owed[y + 1, x] += give * np.float32(3 / 16)
        owed[y + 1, x + 1] += give * np.float32(5 / 16)
        owed[y + 1, x + 2] += give * np.float32(1 / 16)
    both = places.reshape(rows, columns, 2)
    masks = parted.masks[chosen].reshape(rows, columns, k)
    return both[..., 0], both[..., 1], masks


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


@cache
def _palette(colours: Colours) -> F32:
    """Where the colours lie, f32[n, 3]; those that are not to be used lie far away."""
    places = _oklab(palette_rgb(colours).astype(np.float32))
    places *= np.array([LIGHTNESS, 1, 1], np.float32)
    if colours is Colours.PALETTE:
        places[:16] = 1e3
    return places


def _linear(rgb: F32) -> F32:
    """sRGB 0..255 as linear light 0..1."""
    value = rgb / np.float32(255)
    high = ((value + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
    return np.where(value <= 0.04045, value / np.float32(12.92), high).astype(np.float32)


def _srgb(light: F32) -> U8:
    low = light * 12.92
    high = 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055
    shown = np.where(light <= 0.0031308, low, high)
    return np.asarray(np.rint(255 * np.clip(shown, 0, 1)), np.uint8)


_TO_CONES = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929],
     [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]], np.float32)  # fmt: skip
_TO_LAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468],
     [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]], np.float32)  # fmt: skip


def _oklab(rgb: F32) -> F32:
    """Oklab of sRGB 0..255, f32[..., 3]: lightness, green to red, blue to yellow."""
    return np.asarray(np.cbrt(_linear(rgb) @ _TO_CONES.T) @ _TO_LAB.T, np.float32)


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

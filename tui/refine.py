"""A picture of cells in a palette, made more alike to what it shows.

`tui.cells` gives each cell the glyph and colours that lose least by themselves. People see edges
and shades, over more than a cell: here each cell in turn takes that glyph and those two colours
with which the structural similarity (SSIM, Gaussian window of 1.5 px, of the lightness) of its
surroundings is highest, while its hue is held near what it was. Speckles of two colours in one
cheek, of which neither is there, go.

Cells that are two rows or three columns apart share no window, so a sixth of all is done at once.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from PIL import Image as PILImage

from tui.abilities import Colours, Glyphs
from tui.cells import (
    ACROSS,
    DOWN,
    F32,
    TO_SEEN,
    Cells,
    Ints,
    best_fit,
    from_palette,
    palette,
    palette_rgb,
    parts,
    shapes,
)

SIGMA_PX, REACH = 1.5, 5
"""The Gaussian window, and how far it reaches."""
C1, C2 = 0.01**2, 0.03**2
SWEEPS = 2
SHAPES, COLOURS = 6, 3
"""So many glyphs are tried for a cell, each with so many colours for either part."""
HUE_WEIGHT = 16.0 * ACROSS * DOWN
"""What a difference of hue costs beside lost similarity."""
STEP = 2
"""Every so many pixels there is a window."""
AT_ONCE = 128
"""Cells; more would not stay in the processor's cache."""
CELLS_MAX = 2_500
"""A larger picture shows enough without."""
SURROUNDED = DOWN + 4 * REACH, ACROSS + 4 * REACH
"""Pixels of a cell and of all that is in a window with it."""
EDGE = 2 * REACH
_LIGHTNESS = (np.array([0.299, 0.587, 0.114]) / 255).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Tried:
    """What n cells may become: `shapes` [n, s]; for the front and the back their places in the
    palette, their lightness and how far their hue is off, each [n, s, c]."""

    shapes: Ints
    places: tuple[Ints, Ints]
    light: tuple[F32, F32]
    off: tuple[F32, F32]


def refined(image: PILImage.Image, cells: Cells, glyphs: Glyphs) -> Cells:
    """The RGB picture, drawn as `cells`, in glyphs and colours that show it better; as it is where
    there is no palette of 256 or it is too large."""
    rows, columns = cells.rows, cells.columns
    if cells.colours is not Colours.PALETTE or not 0 < rows * columns <= CELLS_MAX:
        return cells
    alphabet, masks = shapes(glyphs)
    rgb = parts(image, columns, rows)
    tried, chosen, front, back = _tried(rgb, masks)
    light = palette_rgb(Colours.PALETTE).astype(np.float32) @ _LIGHTNESS
    wanted = _padded(_joined(rgb @ _LIGHTNESS, rows, columns))
    drawn = _drawn(masks[chosen], light[front], light[back])
    canvas = _padded(_joined(drawn, rows, columns))
    here = _Surroundings(wanted, masks, tried, (rows, columns))
    for _ in range(SWEEPS):
        for group in _groups(rows, columns):
            shape, one, other = here.best(canvas, group)
            chosen[group] = tried.shapes[group, shape]
            front[group] = tried.places[0][group, shape, one]
            back[group] = tried.places[1][group, shape, other]
            new = _drawn(masks[chosen[group]], light[front[group]], light[back[group]])
            for at, pixels in zip(group.tolist(), new, strict=True):
                y, x = at // columns * DOWN + EDGE, at % columns * ACROSS + EDGE
                canvas[y : y + DOWN, x : x + ACROSS] = pixels.reshape(DOWN, ACROSS)
    letters = [[alphabet[n] for n in row] for row in chosen.reshape(rows, columns).tolist()]
    return replace(
        cells,
        letters=tuple("".join(row) for row in letters),
        front=front.astype(np.uint8).reshape(rows, columns),
        back=back.astype(np.uint8).reshape(rows, columns),
    )


def _drawn(masks: F32, front: F32, back: F32) -> F32:
    """The pixels f32[n, k] of cells of these masks, in two lightnesses f32[n]."""
    return np.asarray(masks * front[:, None] + (1 - masks) * back[:, None], np.float32)


def _tried(rgb: F32, masks: F32) -> tuple[_Tried, Ints, Ints, Ints]:
    """What each cell may become, and what it is at first: shape, front, back."""
    fit = best_fit(rgb @ TO_SEEN, masks)
    chosen, front, back = from_palette(fit, palette(Colours.PALETTE))
    number = min(SHAPES, fit.lost.shape[1])
    cell = np.arange(len(rgb))
    lost = fit.lost.copy()
    lost[cell, chosen] = -1.0
    best = np.argpartition(lost, number - 1, axis=1)[:, :number]
    known, light = palette(Colours.PALETTE), palette_rgb(Colours.PALETTE) @ _LIGHTNESS
    places, lights, off = [], [], []
    for means, share in ((fit.front, fit.share[best]), (fit.back, 1 - fit.share[best])):
        wanted = means[cell[:, None], best].reshape(-1, 3)
        apart = (wanted**2).sum(1)[:, None] + (known**2).sum(1) - 2 * wanted @ known.T
        near = np.argpartition(apart, COLOURS - 1, axis=1)[:, :COLOURS]
        hue = ((wanted[:, None, 1:] - known[near][..., 1:]) ** 2).sum(-1)
        of_cell = len(rgb), number, COLOURS
        places.append(near.reshape(of_cell))
        lights.append(light[near].reshape(of_cell).astype(np.float32))
        off.append(hue.reshape(of_cell) * share[..., None])
    tried = _Tried(best, (places[0], places[1]), (lights[0], lights[1]), (off[0], off[1]))
    return tried, chosen, front.astype(np.intp), back.astype(np.intp)


class _Surroundings:
    """The windows around each cell: what is in them of the picture, and of each shape."""

    def __init__(self, wanted: F32, masks: F32, tried: _Tried, size: tuple[int, int]) -> None:
        self._tried, self._size = tried, size
        self._wanted = _views(wanted, size)
        self._mean = _blurred(self._wanted)
        self._variance = _blurred(self._wanted**2) - self._mean**2
        own = np.ascontiguousarray(self._wanted[:, EDGE : EDGE + DOWN, EDGE : EDGE + ACROSS])
        self._whole, self._shape = (
            _spread(np.ones((DOWN, ACROSS), np.float32)),
            _spread(masks.reshape(-1, DOWN, ACROSS)),
        )
        self._own, self._masks, self._own_spread = own, masks, _spread(own)

    def best(self, canvas: F32, group: Ints) -> tuple[Ints, Ints, Ints]:
        """Which of the shapes, of the fronts and of the backs tried each of these cells takes."""
        found = [self._best(canvas, group[at : at + AT_ONCE])
                 for at in range(0, len(group), AT_ONCE)]  # fmt: skip
        shape, front, back = (np.concatenate(each) for each in zip(*found, strict=True))
        return shape, front, back

    def _best(self, canvas: F32, group: Ints) -> tuple[Ints, Ints, Ints]:
        around = _views(canvas, self._size)[group].copy()
        around[:, EDGE : EDGE + DOWN, EDGE : EDGE + ACROSS] = 0
        wanted, shapes_of = self._wanted[group], self._tried.shapes[group]
        own = self._masks[shapes_of].reshape(*shapes_of.shape, DOWN, ACROSS)
        with_front = _spread(own * self._own[group][:, None])[:, :, None, None]
        with_back = self._own_spread[group][:, None, None, None] - with_front
        in_front = self._shape[shapes_of][:, :, None, None]
        behind = self._whole - in_front
        front = self._tried.light[0][group][:, :, :, None, None, None]
        back = self._tried.light[1][group][:, :, None, :, None, None]

        def every(values: F32) -> F32:
            return values[:, None, None, None]

        mean = every(_blurred(around)) + front * in_front + back * behind
        square = every(_blurred(around**2)) + front**2 * in_front + back**2 * behind
        both = every(_blurred(around * wanted)) + front * with_front + back * with_back
        of_wanted, spread_of_wanted = every(self._mean[group]), every(self._variance[group])
        means = mean * of_wanted
        mean *= mean
        alike = (2 * means + C1) * (2 * (both - means) + C2)
        alike /= (mean + of_wanted**2 + C1) * (square - mean + spread_of_wanted + C2)
        score = alike.sum((-1, -2)) * STEP**2
        off = self._tried.off
        score -= HUE_WEIGHT * (off[0][group][:, :, :, None] + off[1][group][:, :, None, :])
        best = score.reshape(len(group), -1).argmax(1)
        shape, one, other = np.unravel_index(best, score.shape[1:])
        return shape, one, other


@cache
def _windows() -> tuple[F32, F32]:
    """From the pixels of a cell and its surroundings to their windows: down and across."""
    bell = np.exp(-(np.arange(-REACH, REACH + 1) ** 2) / (2 * SIGMA_PX**2))
    found = []
    for pixels in SURROUNDED:
        band = np.zeros((pixels, pixels - 2 * REACH), np.float32)
        for at in range(band.shape[1]):
            band[at : at + len(bell), at] = bell / bell.sum()
        found.append(np.ascontiguousarray(band[:, REACH % STEP :: STEP]))
    return found[0], found[1]


def _blurred(pixels: F32) -> F32:
    """In each window, of [..., *SURROUNDED]."""
    down, across = _windows()
    return np.asarray(down.T @ pixels @ across, np.float32)


def _spread(pixels: F32) -> F32:
    """The same of a cell alone, nothing around it: of [..., DOWN, ACROSS]."""
    down, across = _windows()
    return np.asarray(
        down[EDGE : EDGE + DOWN].T @ pixels @ across[EDGE : EDGE + ACROSS], np.float32
    )


def _views(canvas: F32, size: tuple[int, int]) -> F32:
    """Each cell with its surroundings, [n, *SURROUNDED]."""
    views = np.lib.stride_tricks.sliding_window_view(canvas, SURROUNDED)[::DOWN, ::ACROSS]
    return views.reshape(size[0] * size[1], *SURROUNDED)


def _padded(pixels: F32) -> F32:
    return np.pad(pixels, EDGE, "symmetric")


def _joined(cells: F32, rows: int, columns: int) -> F32:
    """From cells [n, pixels] to one picture."""
    apart = cells.reshape(rows, columns, DOWN, ACROSS).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(apart.reshape(rows * DOWN, columns * ACROSS))


def _groups(rows: int, columns: int) -> list[Ints]:
    """Cells that share no window."""
    row, column = np.divmod(np.arange(rows * columns), columns)
    groups = [np.flatnonzero((row % 2 == a) & (column % 3 == b)) for a in (0, 1) for b in range(3)]
    return [group for group in groups if len(group)]

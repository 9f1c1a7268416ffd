"""Cells in a palette are made more alike to the picture, in edges and in colours."""

import io

import numpy as np
from PIL import Image

from lfrd.demo.clip import listed_photo
from tui.abilities import Colours, Glyphs
from tui.cells import ACROSS, DOWN, F32, Cells, draw, palette_rgb, shapes
from tui.refine import CELLS_MAX, refined


def face(size: tuple[int, int]) -> Image.Image:
    photo = Image.open(io.BytesIO(listed_photo())).convert("RGB")
    return photo.resize(size)


def pixels(cells: Cells, glyphs: Glyphs) -> F32:
    """What is seen, [rows * DOWN, columns * ACROSS, 3]."""
    alphabet, masks = shapes(glyphs)
    palette = palette_rgb(cells.colours).astype(np.float32)
    places = np.array([[alphabet.index(letter) for letter in row] for row in cells.letters])
    mask = masks[places].reshape(cells.rows, cells.columns, DOWN, ACROSS)
    shown = np.where(mask[..., None] > 0, palette[cells.front][:, :, None, None],
                     palette[cells.back][:, :, None, None])  # fmt: skip
    return shown.transpose(0, 2, 1, 3, 4).reshape(cells.rows * DOWN, cells.columns * ACROSS, 3)


def contrast_kept(drawn: F32, wanted: F32) -> float:
    """How alike the lightness is around each cell, -1 to 1: covariance over both deviations."""
    light = np.array([0.299, 0.587, 0.114], np.float32)
    blocks = []
    for picture in (drawn, wanted):
        grey = picture @ light
        rows, columns = grey.shape[0] // 8, grey.shape[1] // 8
        blocks.append(grey.reshape(rows, 8, columns, 8).transpose(0, 2, 1, 3).reshape(-1, 64))
    one, other = (block - block.mean(1, keepdims=True) for block in blocks)
    both = (one * other).mean(1)
    return float(np.mean((2 * both + 58.5) / ((one**2).mean(1) + (other**2).mean(1) + 58.5)))


def test_edges_and_colours_are_nearer_to_the_picture_in_every_alphabet() -> None:
    picture = face((24 * ACROSS, 12 * DOWN))
    wanted = np.asarray(picture, np.float32)
    for glyphs in (Glyphs.QUADRANTS, Glyphs.OCTANTS):
        first = draw(picture, 24, 12, glyphs, Colours.PALETTE)
        better = refined(picture, first, glyphs)
        before, after = pixels(first, glyphs), pixels(better, glyphs)
        assert contrast_kept(after, wanted) > contrast_kept(before, wanted) + 0.005
        smooth = [np.asarray(Image.fromarray(one.astype(np.uint8)).resize((48, 48)), float)
                  for one in (before, after, wanted)]  # fmt: skip
        off = [np.abs(one - smooth[2]).mean() for one in smooth[:2]]
        assert off[1] < off[0] * 1.1
        assert min(better.front.min(), better.back.min()) >= 16


def test_what_has_no_palette_or_is_large_stays_as_it_is() -> None:
    picture = face((80, 80))
    true = draw(picture, 10, 5, Glyphs.OCTANTS, Colours.TRUE)
    assert refined(picture, true, Glyphs.OCTANTS) is true
    large = draw(picture, CELLS_MAX, 2, Glyphs.HALVES, Colours.PALETTE)
    assert refined(picture, large, Glyphs.HALVES) is large


def test_a_flat_picture_and_one_cell_can_be_refined() -> None:
    flat = Image.new("RGB", (30, 30), (120, 120, 120))
    for size in ((1, 1), (5, 2), (3, 7)):
        first = draw(flat, *size, Glyphs.SEXTANTS, Colours.PALETTE)
        better = refined(flat, first, Glyphs.SEXTANTS)
        assert (better.columns, better.rows) == size
        assert np.abs(pixels(better, Glyphs.SEXTANTS) - 120).max() <= 12

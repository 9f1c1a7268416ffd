"""A picture in cells is as near to it as its dots and colours allow."""

import numpy as np
import pytest
from PIL import Image

from tui.abilities import DOTS, Colours, Glyphs
from tui.cells import Cells, _wedges, draw, fitted, letters, palette_rgb, shapes, trimmed


def split(left: tuple[int, int, int], right: tuple[int, int, int], at: int = 20) -> Image.Image:
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:, :at], pixels[:, at:] = left, right
    return Image.fromarray(pixels)


def colours_at(cells: Cells, row: int, column: int) -> set[tuple[int, ...]]:
    """The colours that can be seen in this cell."""
    pair = [plane[row, column] for plane in (cells.front, cells.back)]
    if cells.colours is not Colours.TRUE:
        pair = [palette_rgb(cells.colours)[place] for place in pair]
    letter = cells.letters[row][column]
    seen = {" ": pair[1:], "█": pair[:1]}.get(letter, pair)
    return {tuple(int(part) for part in colour) for colour in seen}


@pytest.mark.parametrize("glyphs", list(Glyphs))
def test_every_pattern_has_a_letter_of_its_own_one_cell_wide(glyphs: Glyphs) -> None:
    from rich.cells import cell_len

    across, down = DOTS[glyphs]
    alphabet = letters(glyphs)
    assert len(set(alphabet)) == len(alphabet)
    assert len(alphabet) == (1 if glyphs is Glyphs.SPACES else 2 ** (across * down))
    assert {cell_len(letter) for letter in alphabet} == {1}


def test_the_letters_are_those_of_unicode() -> None:
    assert letters(Glyphs.SEXTANTS)[0b000001] == "\U0001fb00"
    assert letters(Glyphs.SEXTANTS)[0b111110] == "\U0001fb3b"
    assert letters(Glyphs.OCTANTS)[0b00000100] == "\U0001cd00"
    assert letters(Glyphs.OCTANTS)[0b11111110] == "\U0001cde5"
    assert letters(Glyphs.OCTANTS)[0b00001111] == "▀"
    assert letters(Glyphs.OCTANTS)[0b01010101] == "▌"


@pytest.mark.parametrize("glyphs", [Glyphs.QUADRANTS, Glyphs.SEXTANTS, Glyphs.OCTANTS])
@pytest.mark.parametrize("colours", [Colours.TRUE, Colours.PALETTE])
def test_an_edge_inside_a_cell_is_drawn_where_it_is(glyphs: Glyphs, colours: Colours) -> None:
    red, grey = (255, 0, 0), (128, 128, 128)
    cells = draw(split(red, grey, at=6), 10, 4, glyphs, colours)  # in the middle of the second cell
    wanted = {0: {red}, 1: {red, grey}, 5: {grey}}
    for column, colours_there in wanted.items():
        seen = colours_at(cells, 1, column)
        for here, there in ((seen, colours_there), (colours_there, seen)):
            near = [any(np.allclose(one, two, atol=10) for two in there) for one in here]
            assert all(near), (column, seen)


def test_a_slanted_edge_is_drawn_by_a_wedge_where_the_terminal_has_them() -> None:
    y, x = np.mgrid[0:160, 0:80]
    pixels = np.where((x - 40 > (y - 80) / 2)[..., None], (220, 220, 220), (20, 20, 20))
    slanted = Image.fromarray(pixels.astype(np.uint8))
    wedges = {letter for letter, _ in _wedges()}
    drawn = "".join(draw(slanted, 10, 10, Glyphs.OCTANTS, Colours.TRUE).letters)
    assert wedges & set(drawn)
    for glyphs in (Glyphs.SEXTANTS, Glyphs.QUADRANTS):
        drawn = "".join(draw(slanted, 10, 10, glyphs, Colours.TRUE).letters)
        assert not wedges & set(drawn)


def test_a_corner_that_is_cut_off_is_the_one_that_unicode_names() -> None:
    shapes_of = dict(_wedges())
    lower_left = shapes_of["\U0001fb3c"]  # lower middle left to lower centre
    assert lower_left[-1, 0]
    assert not lower_left[-1, -1]
    assert not lower_left[0].any()
    rest = shapes_of["\U0001fb52"]  # upper right: the same line, and all of the rest
    assert (lower_left ^ rest).all()


@pytest.mark.parametrize("glyphs", list(Glyphs))
def test_no_two_glyphs_part_a_cell_alike(glyphs: Glyphs) -> None:
    alphabet, masks = shapes(glyphs)
    parted = {min(mask.tobytes(), (1 - mask).astype(mask.dtype).tobytes()) for mask in masks}
    assert len(alphabet) == len(masks) == len(parted)


def test_where_there_is_a_palette_grey_stays_grey_and_skin_is_no_olive() -> None:
    for grey in range(8, 256, 7):
        cells = draw(split((grey,) * 3, (grey,) * 3), 6, 3, Glyphs.OCTANTS, Colours.PALETTE)
        seen = set().union(*(colours_at(cells, 1, x) for x in range(6)))
        assert all(max(c) - min(c) <= 8 for c in seen), (grey, seen)
        assert np.mean([c[0] for c in seen]) == pytest.approx(grey, abs=12)
    skin = (224, 172, 140)
    cells = draw(split(skin, skin), 12, 6, Glyphs.OCTANTS, Colours.PALETTE)
    seen = [c for x in range(12) for c in colours_at(cells, 3, x)]
    red, green, blue = np.mean(seen, axis=0)
    assert red > green > blue


def test_the_users_own_colours_are_not_used_beside_a_palette() -> None:
    cells = draw(split((255, 0, 0), (0, 0, 0)), 8, 4, Glyphs.QUADRANTS, Colours.PALETTE)
    assert min(cells.front.min(), cells.back.min()) >= 16
    basic = draw(split((255, 0, 0), (0, 0, 0)), 8, 4, Glyphs.QUADRANTS, Colours.BASIC)
    assert max(basic.front.max(), basic.back.max()) < 16


def test_a_picture_keeps_its_shape_and_loses_little_to_fill_its_place() -> None:
    assert fitted((100, 100), 80, 18) == (36, 18)
    assert fitted((100, 200), 10, 80) == (10, 10)
    assert fitted((0, 5), 10, 10) == (0, 0)
    assert trimmed(Image.new("RGB", (76, 100)), 32 / 36).size == (76, 86)
    assert trimmed(Image.new("RGB", (100, 100)), 3.0).size == (100, 84)
    assert trimmed(Image.new("RGB", (50, 40)), 1.25).size == (50, 40)

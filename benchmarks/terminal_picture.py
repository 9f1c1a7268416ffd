"""A screen of the terminal as a PNG, and as an SVG with its text as text.

Block glyphs are drawn as what they mean, so that no font is needed that has them; in the SVG they
are one small picture under the text.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from rich.color import Color
from rich.style import Style
from rich.terminal_theme import DEFAULT_TERMINAL_THEME
from textual.strip import Strip

from tui.abilities import DOTS, Colours, Glyphs
from tui.cells import ACROSS, DOWN, Cells, letters, palette_rgb, shapes

CELL_PX = (ACROSS, DOWN)
FONT = "DejaVuSansMono"
FONT_PX = 13


@dataclass(frozen=True, slots=True)
class Cell:
    letter: str
    front: tuple[int, int, int]
    back: tuple[int, int, int]
    bold: bool


def cells_of(strips: Sequence[Strip]) -> list[list[Cell]]:
    """The letters of the screen with their colours; a wide letter is followed by an empty one."""
    rows = []
    for strip in strips:
        row: list[Cell] = []
        for text, style, _ in strip:
            front, back, bold = _colours(style or Style())
            row.extend(Cell(letter, front, back, bold) for letter in text)
        rows.append(row)
    return rows


def _colours(style: Style) -> tuple[tuple[int, int, int], tuple[int, int, int], bool]:
    front, back = _rgb(style.color, (223, 230, 238)), _rgb(style.bgcolor, (14, 18, 24))
    if style.reverse:
        front, back = back, front
    return front, back, bool(style.bold)


def _rgb(colour: Color | None, otherwise: tuple[int, int, int]) -> tuple[int, int, int]:
    if colour is None or colour.is_default:
        return otherwise
    return tuple(colour.get_truecolor(DEFAULT_TERMINAL_THEME))


@cache
def patterns() -> dict[str, NDArray[np.bool_]]:
    """Which pixels of a cell a block glyph fills."""
    width, height = CELL_PX
    found: dict[str, NDArray[np.bool_]] = {}
    for glyphs in Glyphs:
        across, down = DOTS[glyphs]
        ys, xs = np.arange(height) * down // height, np.arange(width) * across // width
        for pattern, letter in enumerate(letters(glyphs)):
            found[letter] = (pattern >> (ys[:, None] * across + xs) & 1).astype(bool)
        alphabet, masks = shapes(glyphs)
        drawn = masks.reshape(-1, height, width).astype(bool)
        found |= dict(zip(alphabet, drawn, strict=True))
    return found


def block_pixels(cells: Cells) -> NDArray[np.uint8]:
    """A picture in cells as the terminal shows it, u8[h, w, 3] RGB."""
    front, back = cells.front, cells.back
    if cells.colours is not Colours.TRUE:
        front, back = palette_rgb(cells.colours)[front], palette_rgb(cells.colours)[back]
    masks = np.array([[patterns()[letter] for letter in row] for row in cells.letters])
    filled = np.where(masks[..., None], front[:, :, None, None], back[:, :, None, None])
    width, height = CELL_PX
    size = cells.rows * height, cells.columns * width, 3
    return filled.transpose(0, 2, 1, 3, 4).reshape(size).astype(np.uint8)


@cache
def font(*, bold: bool) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(f"{FONT}{'-Bold' if bold else ''}.ttf", FONT_PX)


def _ground(rows: list[list[Cell]]) -> NDArray[np.uint8]:
    """Backgrounds and block glyphs, u8[h, w, 3] RGB."""
    width, height = CELL_PX
    canvas = np.zeros((len(rows) * height, max(map(len, rows)) * width, 3), np.uint8)
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            place = canvas[y * height : (y + 1) * height, x * width : (x + 1) * width]
            place[:] = cell.back
            if (pattern := patterns().get(cell.letter)) is not None:
                place[pattern] = cell.front
    return canvas


def pixels(strips: Sequence[Strip]) -> Image.Image:
    """The screen as a picture."""
    rows = cells_of(strips)
    image = Image.fromarray(_ground(rows))
    draw = ImageDraw.Draw(image)
    width, height = CELL_PX
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            if cell.letter.strip() and cell.letter not in patterns():
                place = (x * width, y * height + 1)
                draw.text(place, cell.letter, cell.front, font(bold=cell.bold))
    return image


def save(strips: Sequence[Strip], path: Path) -> None:
    """Write PATH.png and PATH.svg."""
    picture = pixels(strips).quantize(128, dither=Image.Dither.NONE)
    picture.save(path.with_suffix(".png"), optimize=True)
    path.with_suffix(".svg").write_text(_svg(cells_of(strips)), encoding="utf-8")


def _svg(rows: list[list[Cell]]) -> str:
    width, height = CELL_PX
    ground = Image.fromarray(_ground(rows)).quantize(128, dither=Image.Dither.NONE)
    encoded = io.BytesIO()
    ground.save(encoded, "PNG", optimize=True)
    size = f"{max(map(len, rows)) * width} {len(rows) * height}"
    data = base64.b64encode(encoded.getvalue()).decode()
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" '
        f'font-family="{FONT}, DejaVu Sans Mono, Menlo, Consolas, monospace" '
        f'font-size="{FONT_PX}" xml:space="preserve">',
        f'<image width="100%" height="100%" href="data:image/png;base64,{data}"/>',
    ]
    for y, row in enumerate(rows):
        for x, text, cell in _runs(row):
            weight = ' font-weight="bold"' if cell.bold else ""
            length = len(text) * width
            lines.append(
                f'<text x="{x * width}" y="{y * height + 12}" textLength="{length}" '
                f'fill="#{bytes(cell.front).hex()}"{weight}>{escape(text)}</text>'
            )
    return "\n".join([*lines, "</svg>\n"])


def _runs(row: list[Cell]) -> list[tuple[int, str, Cell]]:
    """Pieces of text of one look, without spaces around them."""
    found: list[tuple[int, str, Cell]] = []
    for x, cell in enumerate(row):
        if not cell.letter.strip() or cell.letter in patterns():
            continue
        if found:
            start, text, first = found[-1]
            gap = x - start - len(text)
            same = (first.front, first.bold) == (cell.front, cell.bold)
            if same and gap <= 1 and "".join(c.letter for c in row[x - gap : x]).strip() == "":
                found[-1] = start, text + " " * gap + cell.letter, first
                continue
        found.append((x, cell.letter, cell))
    return found

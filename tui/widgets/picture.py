"""One face on the screen: held in memory while it is looked at, never written anywhere.

textual_image asks the terminal what it can do when it is first imported, which works only before
Textual owns the terminal. So it is imported by `image_widget`, which is called before the app
runs, and only where the terminal takes pixels. Everywhere else a picture is cells (`tui.cells`),
made in a thread, so that no key waits for one.
"""

import asyncio
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from textwrap import wrap
from typing import TYPE_CHECKING, TypeAlias

from PIL import Image as PILImage
from PIL import ImageEnhance
from rich.color import Color as RichColor
from rich.color import ColorType
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from textual import work
from textual.app import ComposeResult
from textual.containers import Container
from textual.errors import NoWidget
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from lfrd.errors import BadInput
from tui.abilities import DOTS, Abilities, Colours, Glyphs, Pixels, colours_of

if TYPE_CHECKING:
    from textual_image.widget import SixelImage, TGPImage

    from tui.cells import Cells

    Image: TypeAlias = "CellImage | SixelImage | TGPImage"

ImageClass: TypeAlias = "Callable[[], Image]"
"""Makes the widget that draws one image."""

REST_S = 0.3
"""A picture that stays for so long is worth more work."""
MAX_SIDE_PX = 1024
"""No terminal shows more of a face."""

MAX_PIXELS = 40_000_000
"""More than any crop or reference photo that the daemon serves."""


@dataclass(slots=True)
class Drawing:
    """How pictures are drawn; all share one, so that it can be changed on the screen. `colours`
    None: as many as the terminal says that it has."""

    glyphs: Glyphs
    cell_aspect: float = 2.0
    pixels: Pixels | None = None
    colours: Colours | None = None

    def make(self) -> "Image":
        """A widget that draws an image so."""
        if self.pixels is None:
            return CellImage(self)
        from textual_image import widget

        kind = widget.TGPImage if self.pixels is Pixels.KITTY else widget.SixelImage
        return kind(classes="image")


def image_widget(able: Abilities) -> ImageClass:
    """Makes the widgets that draw images: pixels where the terminal takes them, else cells."""
    if able.pixels is not None:
        from textual_image import widget  # noqa: F401 - it asks the terminal as it is imported
    return Drawing(able.glyphs, able.cell_aspect, able.pixels).make


def drawing_of(image_class: ImageClass) -> Drawing | None:
    """What all pictures of this kind share."""
    owner = getattr(image_class, "__self__", None)
    return owner if isinstance(owner, Drawing) else None


def decode(data: bytes, what: str) -> PILImage.Image:
    """The image behind these bytes, RGB. Raises BadInput where they are none."""
    try:
        with PILImage.open(io.BytesIO(data)) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise BadInput(f"the {what} is too large to show ({opened.width}×{opened.height})")
            opened.draft("RGB", (MAX_SIDE_PX, MAX_SIDE_PX))  # a large JPEG is decoded smaller
            image = opened.convert("RGB")
            image.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX))
            return image
    except (OSError, ValueError, SyntaxError, PILImage.DecompressionBombError) as error:
        raise BadInput(f"the {what} cannot be shown: it is no image") from error


class CellImage(Widget):
    """An image as cells, as large as its place allows and in the middle of it."""

    class Drawn(Message):
        """The image can be seen from now on, at its present size."""

    def __init__(self, drawing: Drawing) -> None:
        super().__init__(classes="image")
        self._words = ""
        self._kept_styles: tuple[Style, Style] | None = None
        self.drawing = drawing
        self.trimming = False
        self._picture: PILImage.Image | None = None
        self._cells: Cells | None = None

    @property
    def image(self) -> PILImage.Image | None:
        return self._picture

    @image.setter
    def image(self, picture: PILImage.Image | None) -> None:
        self._picture = picture
        self._cells = None
        self.redraw()

    def say(self, words: str) -> None:
        """In place of an image; nothing else on the screen moves for it."""
        self._words = words
        self.image = None

    @property
    def drawn(self) -> tuple[int, int]:
        """How many cells across and down the image fills; none before it is drawn."""
        return (0, 0) if self._cells is None else (self._cells.columns, self._cells.rows)

    @property
    def dots(self) -> tuple[int, int]:
        """Dots of a cell, across and down."""
        return DOTS[self.drawing.glyphs]

    def on_resize(self) -> None:
        self.redraw()

    def redraw(self) -> None:
        """Draw it anew: it is another, its place has another size, or other glyphs are wanted."""
        if self._picture is None or not self.is_attached or not self.size:
            self.workers.cancel_group(self, "draw")
            self.refresh()
        else:
            self._draw(self._picture)

    @work(group="draw", exclusive=True)
    async def _draw(self, picture: PILImage.Image) -> None:
        drawing, (columns, rows) = self.drawing, self.size
        colours = drawing.colours or colours_of(self.app.console.color_system)

        def made() -> "tuple[PILImage.Image, Cells]":
            from tui import cells

            aspect = drawing.cell_aspect
            part = cells.trimmed(picture, columns / rows / aspect) if self.trimming else picture
            size = cells.fitted(part.size, columns, rows, aspect)
            return part, cells.draw(part, *size, drawing.glyphs, colours)

        def refined(part: PILImage.Image, drawn: "Cells") -> "Cells":
            from tui import refine

            return refine.refined(part, drawn, drawing.glyphs)

        part, drawn = await asyncio.to_thread(made)
        if picture is not self._picture:
            return
        self._cells = drawn
        self.refresh()
        self.post_message(self.Drawn())
        if colours is Colours.PALETTE:  # it can be looked at already
            await asyncio.sleep(REST_S)
            better = await asyncio.to_thread(refined, part, drawn)
            if self._cells is drawn:
                self._cells = better
                self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        width, height = self.size
        margin, _ = self._styles_here()
        empty = Strip([Segment(" " * width, margin)], width)
        if self._cells is None:
            return self._word_line(y) if self._picture is None and self._words else empty
        row = y - (height - self._cells.rows) // 2
        if not 0 <= row < self._cells.rows or self._cells.columns > width:
            return empty
        left = (width - self._cells.columns) // 2
        right = width - self._cells.columns - left
        segments = [Segment(" " * left, margin), *_segments(self._cells, row)]
        return Strip([*segments, Segment(" " * right, margin)], width)

    def _word_line(self, y: int) -> Strip:
        width, height = self.size
        lines = wrap(self._words, max(1, width - 2))
        at = y - (height - len(lines)) // 2
        text = lines[at] if 0 <= at < len(lines) else ""
        _, style = self._styles_here()
        return Strip([Segment(text.center(width)[:width], style)], width)

    def _styles_here(self) -> tuple[Style, Style]:
        """Around the image, and of words: worked out once, for they are wanted for each line."""
        if self._kept_styles is None:
            words = self.get_visual_style("cell-image--words").rich_style
            self._kept_styles = self.rich_style, words
        return self._kept_styles

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._kept_styles = None

    COMPONENT_CLASSES = {"cell-image--words"}  # noqa: RUF012 - Textual's own type


def _segments(cells: "Cells", row: int) -> list[Segment]:
    """A row, as few pieces as there are changes of colour."""
    pairs = zip(_keys(cells.front[row]), _keys(cells.back[row]), cells.letters[row], strict=True)
    found: list[tuple[tuple[int, int], str]] = []
    for front, back, letter in pairs:
        key = (back if letter == " " else front, back)
        if found and found[-1][0] == key:
            found[-1] = key, found[-1][1] + letter
        else:
            found.append((key, letter))
    style = _in_palette if cells.front.ndim == 2 else _in_all_colours
    return [Segment(text, style(*key)) for key, text in found]


def _keys(colours: object) -> list[int]:
    """One number for each colour of a row: its place in the palette, or its 24 bits."""
    listed: list[int] | list[list[int]] = colours.tolist()  # type: ignore[attr-defined]
    return [c if isinstance(c, int) else c[0] << 16 | c[1] << 8 | c[2] for c in listed]


@lru_cache(4096)
def _in_all_colours(front: int, back: int) -> Style:
    return Style.from_color(_rgb(front), _rgb(back))


def _rgb(bits: int) -> RichColor:
    return RichColor.from_rgb(bits >> 16, bits >> 8 & 255, bits & 255)


@lru_cache(4096)
def _in_palette(front: int, back: int) -> Style:
    return Style.from_color(_placed(front), _placed(back))


@lru_cache(256)
def _placed(place: int) -> RichColor:
    """A colour by its number, so that nothing rounds it to another; with its triplet, as which
    Textual would make it otherwise."""
    from tui.cells import palette_rgb

    kind = ColorType.STANDARD if place < 16 else ColorType.EIGHT_BIT
    rgb = (int(part) for part in palette_rgb(Colours.PALETTE)[place])
    return RichColor(f"color({place})", kind, place, ColorTriplet(*rgb))


class Picture(Container):
    """Shows one image as large as its place allows, or a few words instead.

    With `trimming` a little of its longer side may go, so that a face fills its place."""

    def __init__(
        self,
        image_class: ImageClass,
        *,
        id: str,  # noqa: A002 - Textual's own name
        trimming: bool = False,
    ) -> None:
        super().__init__(id=id)
        self._make, self._trimming = image_class, trimming
        self._image = self._made()
        self._words = Static("", classes="words", markup=False)
        self._said = ""
        self._shown: PILImage.Image | None = None
        self._brightness = 1.0

    def compose(self) -> ComposeResult:
        yield self._image
        if not isinstance(self._image, CellImage):
            yield self._words

    def _made(self) -> "Image":
        image = self._make()
        if isinstance(image, CellImage):
            image.trimming = self._trimming
        return image

    async def renew(self) -> None:
        """Draw it as is wanted now: in other cells, or in cells where pixels were."""
        if isinstance(self._image, CellImage):
            self._image.redraw()
            return
        await self._image.remove()
        await self._words.remove()
        self._image = self._made()
        await self.mount(self._image)
        if self._shown is None:
            self.say(self._said)
        else:
            self._draw()

    @property
    def has_image(self) -> bool:
        return self._shown is not None

    @property
    def image(self) -> PILImage.Image | None:
        """The image on the screen, as it came."""
        return self._shown

    @property
    def drawn_cells(self) -> tuple[int, int]:
        """How many cells across and down can be seen of the image."""
        if not self.has_image or not self.is_attached:
            return 0, 0
        try:
            seen = self.screen.find_widget(self._image).visible_region.size
        except NoWidget:
            return 0, 0
        if not isinstance(self._image, CellImage):
            return seen.width, seen.height
        across, down = self._image.drawn
        return min(across, seen.width), min(down, seen.height)

    @property
    def drawn_px(self) -> int:
        """The shorter side of what can be seen of the image, in dots; 0 where there is none."""
        (columns, rows), (across, down) = self.drawn_cells, self._dots_of_cell()
        return min(columns * across, rows * down)

    def _dots_of_cell(self) -> tuple[int, int]:
        """How many dots a character cell has: parts of it, or pixels where those are drawn."""
        if isinstance(self._image, CellImage):
            return self._image.dots
        from textual_image._terminal import get_cell_size

        cell = get_cell_size()
        return cell.width, cell.height

    def show(self, image: PILImage.Image) -> None:
        """Put this image on the screen."""
        self._shown = image
        self._draw()

    def brighten(self, factor: float) -> None:
        """Draw it brighter or darker; 1 is as it came."""
        self._brightness = factor
        self._draw()

    def _draw(self) -> None:
        if self._shown is None:
            return
        image = self._shown
        if self._brightness != 1.0:
            image = ImageEnhance.Brightness(image).enhance(self._brightness)
        self._image.image = image
        if not isinstance(self._image, CellImage):
            self._set()

    def say(self, words: str) -> None:
        """Let go of the image and show these words."""
        self._shown, self._said = None, words
        if isinstance(self._image, CellImage):
            self._image.say(words)
            return
        self._image.image = None
        self._words.update(words)
        self._set()

    def _set(self) -> None:
        self._image.display = self.has_image
        self._words.display = not self.has_image

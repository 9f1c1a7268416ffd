"""One face on the screen: held in memory while it is looked at, never written anywhere.

textual_image asks the terminal what it can do when it is first imported, which works only before
Textual owns the terminal. So it is imported by `image_widget`, which is called before the app runs.
"""

import io
import sys
from typing import TYPE_CHECKING, Literal, TypeAlias

from PIL import Image as PILImage
from textual.app import ComposeResult
from textual.containers import Container
from textual.errors import NoWidget
from textual.widgets import Static

from lfrd.errors import BadInput

if TYPE_CHECKING:
    from textual_image.widget import AutoImage, HalfcellImage, SixelImage

    ImageClass: TypeAlias = type[AutoImage] | type[SixelImage] | type[HalfcellImage]

MAX_SIDE_PX = 1024
"""No terminal shows more of a face."""

MAX_PIXELS = 40_000_000
"""More than any crop or reference photo that the daemon serves."""


def image_widget(graphics: Literal["best", "half-block"]) -> "ImageClass":
    """The widget class that draws images: sixel or kitty graphics where the terminal has them."""
    from textual_image import renderable, widget

    plain = renderable.Image is renderable.UnicodeImage or not sys.stdin.isatty()
    return widget.HalfcellImage if plain or graphics == "half-block" else widget.Image


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


class Picture(Container):
    """Shows one image as large as its place allows, or a few words instead."""

    def __init__(self, image_class: "ImageClass", *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._image = image_class(classes="image")
        self._words = Static("", classes="words", markup=False)
        self.has_image = False

    def compose(self) -> ComposeResult:
        yield self._image
        yield self._words

    @property
    def drawn_px(self) -> int:
        """The shorter side of what can be seen of the image, in dots; 0 where there is none."""
        if not self.has_image or not self.is_attached:
            return 0
        try:
            seen = self.screen.find_widget(self._image).visible_region.size
        except NoWidget:
            return 0
        across_px, down_px = self._dots_of_cell()
        return min(seen.width * across_px, seen.height * down_px)

    def _dots_of_cell(self) -> tuple[int, int]:
        """How many dots a character cell has: two halves, or pixels where those are drawn."""
        from textual_image._terminal import get_cell_size
        from textual_image.widget import HalfcellImage

        if isinstance(self._image, HalfcellImage):
            return 1, 2
        cell = get_cell_size()
        return cell.width, cell.height

    def show(self, image: PILImage.Image) -> None:
        """Put this image on the screen."""
        self._image.image = image
        self._set(has_image=True)

    def say(self, words: str) -> None:
        """Let go of the image and show these words."""
        self._image.image = None
        self._words.update(words)
        self._set(has_image=False)

    def _set(self, *, has_image: bool) -> None:
        self.has_image = has_image
        self._image.display = has_image
        self._words.display = not has_image

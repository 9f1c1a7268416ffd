"""Picking photos from the folders of this machine, with a preview."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.markup import escape
from textual.screen import ModalScreen
from textual.widgets import OptionList

from lfrd.errors import LfrdError
from lfrd.text import one_line
from tui.photos import FILES_SHOWN_MAX, is_photo, read_photo
from tui.widgets.picture import Picture, decode
from tui.widgets.rows import Row, RowList

if TYPE_CHECKING:
    from tui.widgets.picture import ImageClass

UP = ".."


class PhotoPicker(ModalScreen[tuple[Path, ...]]):
    """Enter opens a folder or takes a photo, Space marks several, Esc leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", show=False),
        Binding("space", "mark", "Mark", show=False),
        Binding("backspace,h,left", "up", "Up", show=False),
        Binding("j", "step(1)", show=False),
        Binding("k", "step(-1)", show=False),
    ]

    def __init__(self, folder: Path, image_class: "ImageClass") -> None:
        super().__init__()
        self._folder = folder
        self._list = RowList(id="files", classes="files")
        self._picture = Picture(image_class, id="photo-preview")
        self._marked: list[Path] = []
        self._box = Vertical(classes="dialogue preview")

    def compose(self) -> ComposeResult:
        self._box.border_subtitle = "Enter opens or takes · Space marks · Backspace up · Esc leaves"
        with self._box, Horizontal():
            yield self._list
            yield self._picture

    def on_mount(self) -> None:
        self._list.focus()
        self._open(self._folder)

    def _open(self, folder: Path) -> None:
        self._folder = folder
        self._box.border_title = escape(str(folder))
        try:
            inside = sorted(folder.iterdir(), key=lambda path: path.name.casefold())
        except OSError as error:
            self._picture.say(f"✗ this folder cannot be read: {error.strerror}")
            inside = []
        shown = [path for path in inside if not path.name.startswith(".")]
        folders = [path for path in shown if path.is_dir()]
        photos = [path for path in shown if is_photo(path) and path.is_file()]
        self._paths = [folder.parent, *folders[:FILES_SHOWN_MAX], *photos[:FILES_SHOWN_MAX]]
        self._draw()
        self._list.highlighted = 1 if len(self._paths) > 1 else 0

    def _draw(self) -> None:
        self._list.show_rows(
            tuple(Row(str(n), self._line(n, path)) for n, path in enumerate(self._paths))
        )

    def _line(self, number: int, path: Path) -> Content:
        if number == 0:
            return Content.styled(f"  {UP}", "$quiet")
        sign = "✓ " if path in self._marked else "  "
        name = one_line(path.name)
        return Content.assemble((sign, "bold $success"), f"{name}/" if path.is_dir() else name)

    def _here(self) -> Path | None:
        at = self._list.highlighted
        return None if at is None or at >= len(self._paths) else self._paths[at]

    def on_option_list_option_highlighted(self) -> None:
        path = self._here()
        if path is not None and path.is_file():
            self._show(path)
        elif path is not None:
            self._picture.say("a folder: Enter opens it")

    @work(group="preview", exclusive=True, thread=False)
    async def _show(self, path: Path) -> None:
        try:
            self._picture.show(decode(read_photo(path), "photo"))
        except LfrdError as error:
            self._picture.say(str(error))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        path = self._here()
        if path is None:
            return
        if path.is_dir():
            self._open(path)
        else:
            self.dismiss(tuple(self._marked) if path in self._marked else (*self._marked, path))

    def action_mark(self) -> None:
        path = self._here()
        if path is not None and path.is_file():
            if path in self._marked:
                self._marked.remove(path)
            else:
                self._marked.append(path)
            self._draw()
            self.action_step(1)

    def action_up(self) -> None:
        self._open(self._folder.parent)

    def action_step(self, step: int) -> None:
        here = self._list.highlighted or 0
        self._list.highlighted = min(len(self._paths) - 1, max(0, here + step))

    def action_leave(self) -> None:
        self.dismiss(())

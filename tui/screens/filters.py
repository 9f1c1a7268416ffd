"""Which candidates are listed: those that wait for this person, of one camera, of one list."""

from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.candidates_model import Filter, Which
from tui.screens.help import HelpScreen


class FilterScreen(ModalScreen[Filter | None]):
    """Enter takes the line; a camera or list narrows what is listed, and the same line again
    widens it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,F,q", "dismiss(None)", "Leave it as it is"),
        Binding("j", "down", "Down", show=False),
        Binding("k", "up", "Up", show=False),
        Binding("question_mark", "help", "Help", key_display="?"),
    ]

    def __init__(self, now: Filter, cameras: dict[str, str], lists: dict[str, str]) -> None:
        super().__init__()
        self._choices: list[tuple[str, Filter]] = [
            (which.value, replace(now, which=which)) for which in Which
        ]
        for camera_id, name in sorted(cameras.items(), key=lambda pair: pair[1]):
            other = None if now.camera_id == camera_id else camera_id
            self._choices.append((f"camera: {name}", replace(now, camera_id=other)))
        for list_id, name in sorted(lists.items(), key=lambda pair: pair[1]):
            other = None if now.watchlist_id == list_id else list_id
            named = name or "a list that is gone"
            self._choices.append((f"list: {named}", replace(now, watchlist_id=other)))
        self._now = now
        self._options = OptionList(
            *(Option(self._line(words, wanted)) for words, wanted in self._choices), compact=True
        )

    def _line(self, words: str, wanted: Filter) -> Content:
        """Marked where it is how the list is now."""
        chosen = wanted == self._now if words in tuple(Which) else None in self._narrowing(wanted)
        return Content(f"{'✓' if chosen else ' '} {words}")

    def _narrowing(self, wanted: Filter) -> tuple[str | None, ...]:
        """What this choice would take away again."""
        pairs = (
            (self._now.camera_id, wanted.camera_id),
            (self._now.watchlist_id, wanted.watchlist_id),
        )
        return tuple(after for before, after in pairs if before is not None and after != before)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialogue") as box:
            box.border_title = "Which candidates are listed"
            box.border_subtitle = "Enter takes it, Esc leaves it, ? helps"
            yield self._options

    def on_mount(self) -> None:
        self._options.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._choices[event.option_index][1])

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen("filter"))

    def action_down(self) -> None:
        self._options.action_cursor_down()

    def action_up(self) -> None:
        self._options.action_cursor_up()

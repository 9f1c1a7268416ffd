"""Asks for a reason: of the next decision, or of the end of a deployment."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input


class ReasonScreen(ModalScreen[str | None]):
    """One line of text; Enter keeps it, Esc leaves it as it was."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", show=False)]
    TITLE_TEXT = "Reason for your decision (optional)"
    KEYS_TEXT = "Enter keeps it, Esc leaves"
    EXAMPLE = "for example: different ears; same scar over the left eye"
    MAX_LENGTH = 2000
    """What the API takes."""

    def __init__(self, reason: str = "") -> None:
        super().__init__()
        self._reason = reason

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialogue") as box:
            box.border_title = self.TITLE_TEXT
            box.border_subtitle = self.KEYS_TEXT
            yield Input(self._reason, placeholder=self.EXAMPLE, max_length=self.MAX_LENGTH)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())

    def action_leave(self) -> None:
        self.dismiss(None)


class EndScreen(ReasonScreen):
    """Enter ends the deployment."""

    TITLE_TEXT = "End the deployment now: why?"
    KEYS_TEXT = "Enter ends it, Esc lets it run"
    EXAMPLE = "for example: the event is over"
    MAX_LENGTH = 200

"""Asks for the reason that goes with the next decision."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

MAX_REASON = 2000
"""What the API takes."""


class ReasonScreen(ModalScreen[str | None]):
    """One line of text; Enter keeps it, Esc leaves it as it was."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", show=False)]

    def __init__(self, reason: str) -> None:
        super().__init__()
        self._reason = reason

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialogue") as box:
            box.border_title = "Reason for your decision (optional)"
            box.border_subtitle = "Enter keeps it, Esc leaves"
            yield Input(
                self._reason,
                placeholder="for example: different ears; same scar over the left eye",
                max_length=MAX_REASON,
            )

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())

    def action_leave(self) -> None:
        self.dismiss(None)

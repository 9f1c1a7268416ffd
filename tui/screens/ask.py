"""Small dialogues: a question answered by one key, a reason in one line, a token shown once."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.markup import escape
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from lfrd.wire.cameras import CameraAdded
from tui.screens.form import ReasonForm


class AskScreen(ModalScreen[bool]):
    """True where the operator presses y; Esc and n leave everything as it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes", show=False),
        Binding("escape,n", "dismiss(False)", "No", show=False),
    ]

    def __init__(self, question: str, consequence: str, yes: str) -> None:
        super().__init__()
        self._question = question
        self._consequence = consequence
        self._yes = yes

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialogue") as box:
            box.border_title = escape(self._question)
            box.border_subtitle = f"y {self._yes.lower()}, Esc leaves it"
            yield Static(self._consequence, markup=False)
            button = Button(f"y {self._yes}", id="yes", action="screen.dismiss(True)")
            button.can_focus = False
            yield button


def token_content(camera: CameraAdded) -> Content:
    """How to publish to this camera, and that the token cannot be read again."""
    return Content.assemble(
        ("Write it down now: it is shown this once", "bold $warning"),
        " and cannot be read back.\nWithout it, remove the camera and add it again.\n\n",
        ("camera     ", "$quiet"),
        f"{camera.name}\n",
        ("publish to ", "$quiet"),
        f"POST /v1/whip/{camera.id}\n",
        ("token      ", "$quiet"),
        (camera.publish_token or "", "bold"),
        ("\n\nWhoever has it can send pictures as this camera.", "$quiet"),
    )


class TokenScreen(ModalScreen[None]):
    """Closes on Esc only, so that a key pressed once too often does not lose the token."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close", show=False),
        Binding("y", "copy", "Copy", show=False),
    ]

    def __init__(self, camera: CameraAdded) -> None:
        super().__init__()
        self._camera = camera

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialogue") as box:
            box.border_title = "Token for publishers"
            box.border_subtitle = "y copies it, Esc closes for good"
            yield Static(token_content(self._camera), markup=False)

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._camera.publish_token or "")


class ReasonScreen(ModalScreen[str | None]):
    """One line of text; Enter keeps it, Esc leaves it as it was."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", show=False)]
    TITLE_TEXT = "Reason for your decision (optional)"
    KEYS_TEXT = "Enter keeps it, Esc leaves"
    EXAMPLE = "for example: different ears; same scar over the left eye"
    MAX_LENGTH = 2000
    """What the API takes."""

    def __init__(self, reason: str = "", left: Callable[[str], None] | None = None) -> None:
        """`left` takes what was typed where it is left without Enter."""
        super().__init__()
        self._reason = reason
        self._left = left

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialogue") as box:
            box.border_title = self.TITLE_TEXT
            box.border_subtitle = self.KEYS_TEXT
            yield Input(self._reason, placeholder=self.EXAMPLE, max_length=self.MAX_LENGTH)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())

    def action_leave(self) -> None:
        if self._left is not None:
            self._left(self.query_one(Input).value)
        self.dismiss(None)


class EndScreen(ReasonForm):
    """Enter ends the deployment."""

    TITLE_TEXT = "End the deployment now: why?"
    KEYS_TEXT = "Enter ends it, Esc lets it run"
    EXAMPLE = "for example: the event is over"


class EndNearScreen(ModalScreen[str]):
    """Ten minutes before the planned end: extend it, end it, or let it end. Keys that decide about
    a candidate do nothing here, and neither does a key pressed once too often."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus", "dismiss('extend')", "Extend", show=False),
        Binding("E", "dismiss('end')", "End", show=False),
        Binding("escape", "dismiss('')", "Let it end", show=False),
    ]

    def __init__(self, ends: str, *, may_extend: bool) -> None:
        super().__init__()
        self._ends = ends
        self._may_extend = may_extend

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialogue") as box:
            box.border_title = f"The deployment {self._ends}"
            box.border_subtitle = "Esc lets it end"
            yield Static(
                Content.assemble(
                    ("+ ", "bold $primary"), "extends it: "
                    + ("a new authorisation." if self._may_extend else "a supervisor may do this."),
                    ("\nE ", "bold $primary"), "ends it now, with a reason.",
                    ("\nEsc ", "bold $primary"), "lets it end by itself.",
                ),
                markup=False,
            )  # fmt: skip

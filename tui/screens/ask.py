"""Small dialogues: a question that is answered by one key, and a token shown once."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.markup import escape
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from lfrd.wire.cameras import CameraAdded


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
    """How to publish to this camera, and that nobody can ask for the token again."""
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

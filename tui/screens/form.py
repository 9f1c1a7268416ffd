"""A dialogue of fields that is sent to the daemon and stays open until the daemon has taken it."""

from typing import ClassVar, TypeVar

from pydantic import ValidationError
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Checkbox, Input, Static

from lfrd.errors import LfrdError
from tui.labels import complaint

Answer = TypeVar("Answer")

WRONG = {
    "id": "the id holds lower-case letters, digits and hyphens, 63 at most, such as north-gate",
    "address": "an address is needed, such as rtsp://user:password@camera.local/stream",
}
"""In place of what the validating library says."""


def field(label: str, widget: Widget) -> Horizontal:
    """One row: what is asked, and where to answer."""
    return Horizontal(Static(label, classes="label", markup=False), widget, classes="field")


MAX_LENGTH = 4000
"""More than any field of the API takes."""


def line_input(name: str, placeholder: str = "", value: str = "", *, length: int = 0) -> Input:
    """A field for one line."""
    limit = length or MAX_LENGTH
    return Input(value, placeholder=placeholder, id=name, compact=True, max_length=limit)


def check(name: str, label: str, value: bool = False) -> "SignCheckbox":
    """A field for yes or no."""
    return SignCheckbox(label, value, id=name, compact=True)


def hint(text: str) -> Static:
    """What a field is for, under it."""
    return Static(text, classes="hint under", markup=False)


def first_wrong(error: ValidationError) -> str:
    """One sentence on the first wrong field. What was typed is not in it: it may be a password."""
    found = error.errors(include_input=False, include_url=False, include_context=False)[0]
    name = str(found["loc"][0]) if found["loc"] else "the form"
    return WRONG.get(name, f"{name.replace('_', ' ')}: {found['msg']}")


class FormScreen(ModalScreen[Answer | None]):
    """Enter or Ctrl+S sends, Esc leaves. A refusal is one line and keeps what was typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", show=False),
        Binding("enter,ctrl+s", "send", "Save", show=False),
        # With priority: at once, or what is typed ahead would land in the field before.
        Binding("tab", "app.focus_next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
    ]
    TITLE_TEXT = ""
    RULE_TEXT = ""
    """Which rule the form fulfils, in plain words; said above its fields."""

    def __init__(self) -> None:
        super().__init__()
        self._box = VerticalScroll(classes="dialogue form")
        self._said = Static("", id="form-said", markup=False)
        self._sending = False

    def compose(self) -> ComposeResult:
        self._box.border_title = self.TITLE_TEXT
        self._box.border_subtitle = "Enter or Ctrl+S saves, Tab goes on, Esc leaves"
        self._box.can_focus = False
        with self._box:
            if self.RULE_TEXT:
                yield Static(self.RULE_TEXT, classes="rule", markup=False)
            yield from self.fields()
            yield self._said

    def fields(self) -> ComposeResult:
        """The rows."""
        raise NotImplementedError

    async def send(self) -> Answer:
        """Ask the daemon. Raises LfrdError, or ValidationError for what cannot be asked."""
        raise NotImplementedError

    def on_input_submitted(self) -> None:
        self.action_send()

    def action_send(self) -> None:
        if not self._sending:
            self._sending = True
            self._say(Content.styled("◌ asking the daemon", "$quiet"))
            self._send()

    def action_leave(self) -> None:
        """Not while the daemon is asked: its answer may hold a token that is shown only once."""
        if not self._sending:
            self.dismiss(None)

    @work(group="form")
    async def _send(self) -> None:
        try:
            answer = await self.send()
        except ValidationError as error:
            self._say(complaint(first_wrong(error)))
        except LfrdError as error:
            self._say(complaint(str(error)))
        else:
            self.dismiss(answer)
        finally:
            self._sending = False

    def _say(self, content: Content) -> None:
        self._said.update(content)
        self._box.scroll_end(animate=False)

    def text_of(self, name: str) -> str | None:
        """What was typed into this field; None for nothing."""
        return self.query_one(f"#{name}", Input).value.strip() or None


class SignCheckbox(Checkbox, inherit_bindings=False):
    """`[✓]` or `[ ]`, changed by Space or a click; told by a sign and not by colour alone. Enter is
    left to the form."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "toggle_button", show=False)]
    BUTTON_LEFT = BUTTON_RIGHT = ""
    BUTTON_INNER = "[ ]"

    def watch_value(self) -> None:
        self.BUTTON_INNER = "[✓]" if self.value else "[ ]"
        super().watch_value()

"""A dialogue of fields that is sent to the daemon and stays open until the daemon has taken it."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import ClassVar, TypeVar

from pydantic import ValidationError
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Checkbox, Input, Static, TextArea

from lfrd.client import Client
from lfrd.errors import BadInput, Changed, LfrdError
from lfrd.wire.cameras import Camera
from lfrd.wire.deployments import Deployment
from lfrd.wire.lists import Entry, Watchlist
from tui.labels import complaint, cut
from tui.this_app import app_of
from tui.widgets.choice import Choice

Answer = TypeVar("Answer")
Item = TypeVar("Item", Camera, Watchlist, Entry, Deployment)

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
    KEYS_TEXT = "Enter or Ctrl+S saves, Tab goes on, Esc leaves"
    WAITS: ClassVar[bool] = False
    """Whether the daemon's answer is always waited for: it may hold what is shown only once."""

    def __init__(self) -> None:
        super().__init__()
        self._box = VerticalScroll(classes="dialogue form")
        self._said = Static("", id="form-said", markup=False)
        self._sending = False

    def compose(self) -> ComposeResult:
        self._box.border_title = self.TITLE_TEXT
        self._box.border_subtitle = self.KEYS_TEXT
        self._box.can_focus = self._said.display = False
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
        """Also while the daemon is asked, which may do it nevertheless."""
        if self._sending and self.WAITS:
            self._say(complaint("the answer is waited for: it may hold what is shown only once"))
            return
        if self._sending:
            self.workers.cancel_group(self, "form")
            app_of(self).main.complain("the daemon had not answered: look whether it was done")
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
        self._said.display = True

    def text_of(self, name: str) -> str | None:
        """What was typed into this field; None for nothing."""
        return self.query_one(f"#{name}", Input).value.strip() or None


class ReasonForm(FormScreen[bool]):
    """One line that goes to the daemon with what it is the reason of. Where that is refused, or no
    daemon answers, it stays as it was typed."""

    KEYS_TEXT = "Enter does it, Esc leaves it"
    EXAMPLE = ""
    MAX_LENGTH = 200
    EMPTY_TEXT = "say why: it is logged"

    def __init__(self, carry_out: Callable[[str], Awaitable[object]], value: str = "") -> None:
        """`carry_out` raises LfrdError."""
        super().__init__()
        self._carry_out = carry_out
        self._value = value

    def fields(self) -> ComposeResult:
        yield line_input("reason", self.EXAMPLE, self._value, length=self.MAX_LENGTH)

    async def send(self) -> bool:
        typed = self.text_of("reason")
        if typed is None:
            raise BadInput(self.EMPTY_TEXT)
        await self._carry_out(typed)
        return True


Text = str | bool
"""What stands in a field, or whether it is ticked."""


class EditScreen(FormScreen[Item]):
    """Changes something that somebody else may change meanwhile. Then nothing is sent: what they
    changed is shown, and stands in the fields that were not touched here; what was typed stays, and
    sending again puts it over theirs."""

    _client: Client

    def __init__(self, item: Item) -> None:
        super().__init__()
        self.item: Item = item
        self._tag: str | None = None

    def texts(self, item: Item) -> dict[str, Text]:
        """What the fields say of it before anything is typed, by their names."""
        raise NotImplementedError

    def facts(self, item: Item) -> dict[str, str]:
        """What else can be changed of it, and stands in no field, by what people call it."""
        raise NotImplementedError

    async def change(self, tag: str | None) -> Item:
        """Send what was changed. Raises Changed where the tag is an old one."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self._read_tag()

    @work(group="tag")
    async def _read_tag(self) -> None:
        """A list that is shown may be a moment old: the form begins with what is true now."""
        with suppress(LfrdError):  # it is read again before anything is sent
            self._take(*await self._client.read_again(self.item))

    def _take(self, now: Item, tag: str) -> list[str]:
        """What is true now, in the fields that were not touched; what is new of it, in words."""
        before, after = self.texts(self.item), self.texts(now)
        known = self.facts(self.item)
        self.item, self._tag = now, tag
        news = [f"{name}: {_quoted(text)}" for name, text in self.facts(now).items()
                if text != known[name]]  # fmt: skip
        for name, text in after.items():
            if text != before[name]:
                typed = _value(self.query_one(f"#{name}"))
                if typed == before[name]:
                    _put(self.query_one(f"#{name}"), text)
                news.append(f"{self._label(name)}: {_quoted(text)}")
        return news

    def _label(self, name: str) -> str:
        row = self.query_one(f"#{name}").parent
        label = row.query(".label") if row is not None else ()
        return str(label.first(Static).content).strip() or name if label else name

    async def send(self) -> Item:
        news: list[str] = []
        if self._tag is None:
            news = self._take(*await self._client.read_again(self.item))
        try:
            if not news:
                return await self.change(self._tag)
        except Changed:
            news = self._take(*await self._client.read_again(self.item))
        what = "; ".join(news) or "something that is not in this form"
        raise Changed(
            f"somebody else has changed it meanwhile. It has now {what}. What you typed is still "
            "here, and Enter puts it over theirs"
        )


def _quoted(text: Text) -> str:
    if isinstance(text, bool):
        return "ticked" if text else "not ticked"
    return f"“{cut(' '.join(text.split()), NEWS_CELLS)}”" if text else "empty"


NEWS_CELLS = 40


def _value(widget: Widget) -> Text:
    """What stands in a field."""
    if isinstance(widget, TextArea):
        return widget.text
    if isinstance(widget, Input | Choice | Checkbox):
        return widget.value
    raise TypeError(f"{widget} is no field")


def _put(widget: Widget, text: Text) -> None:
    """Let this stand in a field."""
    if isinstance(widget, TextArea):
        widget.text = str(text)
    elif isinstance(widget, Choice):
        widget.choose(str(text))
    elif isinstance(widget, Input):
        widget.value = str(text)
    elif isinstance(widget, Checkbox):
        widget.value = bool(text)


class SignCheckbox(Checkbox, inherit_bindings=False):
    """`[✓]` or `[ ]`, changed by Space or a click; told by a sign and not by colour alone. Enter is
    left to the form."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "toggle_button", show=False)]
    BUTTON_LEFT = BUTTON_RIGHT = ""
    BUTTON_INNER = "[ ]"

    def watch_value(self) -> None:
        self.BUTTON_INNER = "[✓]" if self.value else "[ ]"
        super().watch_value()

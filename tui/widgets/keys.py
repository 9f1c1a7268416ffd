"""The bottom line: the keys that matter now, what they do, and a click does the same."""

from dataclasses import dataclass

from textual.content import Content
from textual.style import Style

from tui.widgets.line import Line


@dataclass(frozen=True, slots=True)
class KeyHint:
    """A key, a word or two, and the action that a click runs."""

    key: str
    label: str
    action: str


class KeyBar(Line):
    """As many as fit, the most important first; the last ones keep their place at the end."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes="keys")
        self._hints: tuple[KeyHint, ...] = ()
        self._last: tuple[KeyHint, ...] = ()

    def show_keys(self, hints: tuple[KeyHint, ...], last: tuple[KeyHint, ...] = ()) -> None:
        """Show these."""
        self._hints, self._last = hints, last
        self.on_resize()

    def on_resize(self) -> None:
        self.show(keys_content(self._hints, self.size.width, self._last))


def keys_content(hints: tuple[KeyHint, ...], width: int, last: tuple[KeyHint, ...] = ()) -> Content:
    """`m Match  n Not a match`, without those that no longer fit; `last` fit before all others."""
    end = Content("").join(map(_hint_content, last))
    parts: list[Content] = []
    left = width - end.cell_length
    for text in map(_hint_content, hints):
        if text.cell_length > left:
            break
        left -= text.cell_length
        parts.append(text)
    return Content("").join([*parts, end])


def _hint_content(hint: KeyHint) -> Content:
    text = Content.assemble((f" {hint.key}", "bold $primary"), f" {hint.label} ")
    return text.stylize_before(Style.from_meta({"@click": hint.action}))

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
    """As many as fit, the most important first."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes="keys")
        self._hints: tuple[KeyHint, ...] = ()

    def show_keys(self, hints: tuple[KeyHint, ...]) -> None:
        """Show these."""
        self._hints = hints
        self.show(keys_content(hints, self.size.width))

    def on_resize(self) -> None:
        self.show(keys_content(self._hints, self.size.width))


def keys_content(hints: tuple[KeyHint, ...], width: int) -> Content:
    """`m Match  n Not a match`, without those that no longer fit."""
    parts: list[Content] = []
    left = width
    for hint in hints:
        text = Content.assemble((f" {hint.key}", "bold $primary"), f" {hint.label} ")
        left -= text.cell_length
        if left < 0:
            break
        parts.append(text.stylize(Style.from_meta({"@click": hint.action})))
    return Content("").join(parts)

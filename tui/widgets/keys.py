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
        self._always: tuple[KeyHint, ...] = ()

    def show_keys(self, hints: tuple[KeyHint, ...], *, always: tuple[KeyHint, ...] = ()) -> None:
        """Show these; for those of `always` others are left out."""
        self._hints, self._always = hints, always
        self.on_resize()

    def on_resize(self) -> None:
        self.show(keys_content(self._hints, self.size.width, always=self._always))


def keys_content(
    hints: tuple[KeyHint, ...], width: int, *, always: tuple[KeyHint, ...] = ()
) -> Content:
    """`m Match  n Not a match`, without those that no longer fit."""
    texts = [_text(hint) for hint in hints]
    left = width - sum(text.cell_length for text, hint in zip(texts, hints, strict=True)
                       if hint in always)  # fmt: skip
    parts: list[Content] = []
    full = False
    for text, hint in zip(texts, hints, strict=True):
        if hint not in always:
            full = full or text.cell_length > left
            left -= text.cell_length
        if hint in always or not full:
            parts.append(text.stylize_before(Style.from_meta({"@click": hint.action})))
    return Content("").join(parts)


def _text(hint: KeyHint) -> Content:
    return Content.assemble((f" {hint.key}", "bold $primary"), f" {hint.label} ")

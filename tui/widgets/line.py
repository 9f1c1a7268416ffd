"""Text of a fixed size: drawn again only where it changed, and rows of labels in two columns."""

from textwrap import wrap

from textual.content import Content
from textual.widgets import Static


class Line(Static):
    """A Static of fixed size. Its text never passes through markup, so a name cannot inject any."""

    def __init__(self, *, id: str, classes: str = "") -> None:  # noqa: A002 - Textual's own name
        super().__init__("", id=id, classes=classes, markup=False)
        self._shown = Content()

    def show(self, content: Content) -> None:
        """Show this text."""
        if not content.is_same(self._shown):
            self._shown = content
            self.update(content, layout=False)


LABEL_CELLS = 11
TEXT_CELLS_MIN = 12
MARK_CELLS = 2


def labelled(
    rows: tuple[tuple[str, str], ...], width: int, label_cells: int = LABEL_CELLS
) -> Content:
    """Rows of label and text in two columns, the text wrapped under itself; no line is longer than
    `width` cells."""
    room = max(TEXT_CELLS_MIN, width - label_cells)
    lines = []
    for label, text in rows:
        first, *rest = wrap(text, room) or [""]
        lines.append(Content.assemble((f"{label:<{label_cells}}", "$quiet"), first))
        lines += [Content(" " * label_cells + line) for line in rest]
    return Content("\n").join(lines)

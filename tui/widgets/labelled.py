"""Rows of label and text in two columns, the text wrapped under itself."""

from textwrap import wrap

from textual.content import Content

LABEL_CELLS = 11
TEXT_CELLS_MIN = 12
MARK_CELLS = 2


def labelled(
    rows: tuple[tuple[str, str], ...], width: int, label_cells: int = LABEL_CELLS
) -> Content:
    """All rows, no line longer than `width` cells."""
    room = max(TEXT_CELLS_MIN, width - label_cells)
    lines = []
    for label, text in rows:
        first, *rest = wrap(text, room) or [""]
        lines.append(Content.assemble((f"{label:<{label_cells}}", "$quiet"), first))
        lines += [Content(" " * label_cells + line) for line in rest]
    return Content("\n").join(lines)

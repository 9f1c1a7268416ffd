"""An option list whose rows are compared with what is on the screen; only what changed is drawn."""

from dataclasses import dataclass

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the id of what it shows, and its text."""

    id: str
    content: Content


class RowList(OptionList):
    """Rows by id. The owner keeps the truth, this shows it."""

    def __init__(self, *, id: str, classes: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes=classes)
        self._shown: dict[str, Content] = {}

    def show_rows(self, rows: tuple[Row, ...], selected_id: str | None = None) -> None:
        """Show these rows in this order; the selected one is highlighted and kept in view."""
        with self.prevent(OptionList.OptionHighlighted):
            if [row.id for row in rows] == list(self._shown):
                self._redraw_changed(rows)
            else:
                self.set_options(Option(row.content, id=row.id) for row in rows)
                self.highlighted = None
            if selected_id is not None:
                self.highlighted = self.get_option_index(selected_id)
        self._shown = {row.id: row.content for row in rows}

    def _redraw_changed(self, rows: tuple[Row, ...]) -> None:
        for row in rows:
            if not row.content.is_same(self._shown[row.id]):
                self.replace_option_prompt(row.id, row.content)

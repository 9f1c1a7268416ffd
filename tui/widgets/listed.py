"""A list of rows whose moves and choices are told to its screen."""

from textual.message import Message
from textual.widgets import OptionList

from tui.widgets.rows import RowList


class Listed(RowList):
    """The screen keeps what is chosen."""

    def move(self, step: int) -> None:
        """One row down, or up where `step` is negative."""
        if step > 0:
            self.action_cursor_down()
        else:
            self.action_cursor_up()

    class Moved(Message):
        """The operator moved to this row."""

        def __init__(self, listed: "Listed", row_id: str) -> None:
            super().__init__()
            self.listed = listed
            self.row_id = row_id

    class Taken(Message):
        """The operator pressed Enter on this row."""

        def __init__(self, listed: "Listed", row_id: str) -> None:
            super().__init__()
            self.listed = listed
            self.row_id = row_id

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option.id is not None and event.option_index == self.highlighted:
            self.post_message(self.Moved(self, event.option.id))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option.id is not None:
            self.post_message(self.Taken(self, event.option.id))

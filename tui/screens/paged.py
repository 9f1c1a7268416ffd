"""A place with a list that is read page by page, newest first, and a box that filters it."""

from collections.abc import Callable
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, Static

from lfrd.client import Client
from lfrd.errors import LfrdError
from tui.screens.place import MOVES, Owner, PlaceScreen
from tui.widgets.listed import Listed

PAGE = 100


class PagedScreen(PlaceScreen):
    """Beside the list stands all that is known of the chosen row."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("R", "read_again", "Read again", show=False),
        *MOVES,
    ]
    ALL_READ: ClassVar[str]
    """What is said where more is asked for, and there is none."""

    def __init__(
        self, client: Client, owner: Owner, now: Callable[[], float], list_id: str, hint: str
    ) -> None:
        super().__init__(client, owner, now)
        self._list = Listed(id=list_id, classes="people")
        self._box = Input(placeholder=hint, id="search", compact=True)
        self._text = Static("", markup=False)
        self._chosen_id: str | None = None

    @property
    def more(self) -> bool:
        """Whether there is a page after those that were read."""
        raise NotImplementedError

    async def read_page(self, *, go_on: bool) -> None:
        """The first page, or the one after those that were read. Raises LfrdError."""
        raise NotImplementedError

    def chosen_anew(self) -> None:
        """Another row is chosen, or the rows are others."""
        self.refresh_all()

    def read(self) -> None:
        self._read(go_on=False)

    @work(group="read", exclusive=True)
    async def _read(self, *, go_on: bool) -> None:
        try:
            await self.read_page(go_on=go_on)
        except LfrdError as error:
            self.complain(str(error))
        else:
            self.chosen_anew()

    def on_listed_moved(self, event: Listed.Moved) -> None:
        self.choose(event.row_id)

    def choose(self, row_id: str) -> None:
        """The operator moved to this row."""
        self._chosen_id = row_id
        self.chosen_anew()

    @on(Input.Submitted, "#search")
    def searched(self) -> None:
        self._box.display = bool(self._box.value)
        self._list.focus()
        self.read()

    def action_search(self) -> None:
        self._box.display = True
        self._box.focus()

    def action_move(self, step: int) -> None:
        self._list.move(step)

    def action_more(self) -> None:
        if self.more:
            self._read(go_on=True)
        else:
            self.complain(self.ALL_READ)

    def action_read_again(self) -> None:
        self._owner.say(Content("● read again"))
        self.read()

"""Everything that the terminal offers to one person: each key of each screen is pressed, and each
dialogue that opens is answered. What the daemon, or the client, refuses for want of a right is
kept: nothing may be asked for that was not theirs to ask."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from textual.command import CommandPalette
from textual.screen import ModalScreen
from textual.widgets import Input, TextArea
from textual.worker import WorkerState

from lfrd.errors import Denied
from support.desk import WAIT_S, Desk
from support.terminal import until
from tui.app import OperatorApp
from tui.screens.ask import AskScreen
from tui.screens.place import PlaceScreen

ALWAYS_AT_WORK = ("live", "me")
"""Groups of workers that do not end, or that others start."""
MOVES = ("move", "dismiss", "app.quit", "scroll_by", "into", "out", "app.command_palette")
LAST = ("erase", "remove", "end")
"""Actions after which there is less to offer: tried when all others were."""
ANSWERS_MAX = 4


@contextmanager
def refusals(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is refused for want of a right, on either side of the socket."""
    found: list[str] = []
    begin = Denied.__init__

    def noted(error: Denied, *said: object) -> None:
        found.append(" ".join(map(str, said)))
        begin(error, *said)

    with monkeypatch.context() as patched:
        patched.setattr(Denied, "__init__", noted)
        yield found


class Round:
    """`opened` are the dialogues by their kind, `said` what the last line said after a key, by kind
    of screen and action."""

    def __init__(self, at: Desk, folder: Path, photo: Path) -> None:
        self.at = at
        self.opened: set[str] = set()
        self.said: dict[tuple[str, str], str] = {}
        self._typed = {
            "file": str(folder / "file"), "folder": str(folder / "log"), "photos": str(photo),
            "source": str(photo.parent), "passphrase": "twelve letters", "again": "twelve letters",
            "hours": "1", "seconds": "1", "address": "rtsp://127.0.0.1:9/y",
        }  # fmt: skip

    @property
    def notice(self) -> str:
        """What the last line says."""
        app = self.at.pilot.app
        assert isinstance(app, OperatorApp)
        return app.main.situation().notice.plain

    async def settle(self) -> None:
        """Until nothing is at work, and all is drawn."""
        app = self.at.pilot.app

        def idle() -> bool:
            return not any(
                worker.group not in ALWAYS_AT_WORK
                and worker.state in (WorkerState.PENDING, WorkerState.RUNNING)
                for worker in app.workers
            )

        while True:
            await until(self.at.pilot, idle, WAIT_S)
            await self.at.pilot.pause()
            if idle():  # what came of that began nothing new
                return

    async def open(self, *keys: str) -> None:
        """Go to a place."""
        await self.at.press(*keys)
        await self.settle()

    async def leave(self) -> None:
        """Back to the screen before."""
        place = self.at.screen
        await self.at.press("escape")
        await until(self.at.pilot, lambda: self.at.screen is not place, WAIT_S)
        await self.settle()

    async def try_all(self, *left_out: str) -> None:
        """Press each key of this screen, and answer what opens; it is the screen in the end."""
        place = self.at.screen
        for key, action in offered(self.at):
            if action not in left_out:
                await self.at.press(key)
                await self.settle()
                said = self.said.setdefault((type(place).__name__, action), "")
                self.said[type(place).__name__, action] = f"{said}{self.notice}\n"
                await self._answer(place)
                if isinstance(place.focused, Input):  # a search: keys are letters there
                    await self.at.press("enter")
                    await self.settle()
                assert self.at.screen is place, (key, action, self.at.text())

    async def _answer(self, place: object) -> None:
        """Answer dialogues until the screen is there again; another place is left."""
        for _ in range(ANSWERS_MAX):
            if self.at.screen is place:
                return
            top = self.at.screen
            if isinstance(top, PlaceScreen):
                await self.leave()
                continue
            self.opened.add(type(top).__name__)
            await self._fill(top)
            for key in () if self.at.screen is not top else ("escape", "escape"):
                if self.at.screen is top:
                    await self.at.press(key)
                    await self.settle()

    async def _fill(self, top: object) -> None:
        """Say yes; or type something into each field, and send it."""
        if isinstance(top, AskScreen):
            await self.at.press("y")
        elif isinstance(top, ModalScreen) and not isinstance(top, CommandPalette):
            for box in top.query(Input):
                if not box.value and not box.disabled:
                    box.value = self._typed.get(box.id or "", "1")
            if top.query(Input) or top.query(TextArea):
                await self.at.press("enter" if top.query(Input) else "ctrl+s")
        await self.settle()


def offered(at: Desk) -> list[tuple[str, str]]:
    """The keys of the screen on top with their actions, those that take something away last."""
    found: dict[str, str] = {}
    for active in at.screen.active_bindings.values():
        binding = active.binding
        action = binding.action.removeprefix("screen.")
        if active.node is at.screen and action.partition("(")[0] not in MOVES and active.enabled:
            found.setdefault(action, binding.key)
    pairs = [(key, action) for action, key in found.items()]
    return sorted(pairs, key=lambda pair: pair[1] in LAST)

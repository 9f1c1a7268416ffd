"""The operator's terminal.

`run_tui` is what `lfrd tui` calls: it opens the client, asks the terminal what it can draw, and
runs the app. Faces are held in memory only; of the command palette nothing of Textual's own is
left, since a part of it saves the screen to a file.
"""

import asyncio
import gc
import logging
import math
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual._styles_cache import StylesCache
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.driver import Driver
from textual.events import Event, Key, MouseDown, Paste
from textual.screen import Screen
from textual.worker import Worker, WorkerCancelled

from lfrd.client import Client
from lfrd.errors import LfrdError, UserError
from lfrd.process import give_memory_back
from tui.abilities import Colours, Glyphs, abilities, takes_utf8
from tui.clock import steady_s
from tui.live import follow, read_me
from tui.notify import Notify, sequence
from tui.palette import Commands
from tui.screens.main import MainScreen
from tui.terminal import is_gone, require_terminal
from tui.themes import NAMES, THEMES
from tui.widgets.picture import ImageClass, Picture, drawing_of, image_widget

PRESENT_EVERY_S = 60.0
"""How often the daemon is told that an operator is here: heartbeats are counted in minutes."""
TERMINAL_LOOK_S = 2.0
FORGET_EVERY_S = 30.0
ROLE_EVERY_S = 30.0
"""So soon it is known that a role was taken away or given, where nothing was refused meanwhile."""


@dataclass(frozen=True, slots=True)
class Look:
    """How this person wants the screen. `read_only` shows and never decides."""

    theme: str = NAMES[0]
    notify: Notify = Notify.OFF
    bell: bool = True
    read_only: bool = False


async def forget_closed() -> None:
    """Let go of what is drawn on screens that were closed. A cache of Textual's keeps the lines of
    the last 1,024 widgets: 100 MB, and among them faces in cells. What an hour with many pictures
    took goes back to the system: else it is kept, 50 MB at a time."""
    StylesCache.get_inner_outer.cache_clear()
    await asyncio.to_thread(give_memory_back)


class OperatorApp(App[None]):
    """One screen on one daemon. The client is entered and left by the code that runs the app."""

    CSS_PATH = "theme.tcss"
    TITLE = "lfrd"
    COMMANDS = {Commands}  # noqa: RUF012 - Textual's own type
    COMMAND_PALETTE_DISPLAY = "^p"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+p,colon", "command_palette", "All commands", show=False),
    ]

    def __init__(
        self,
        client: Client,
        image_class: ImageClass,
        now: Callable[[], float] = steady_s,
        look: Look | None = None,
        driver_class: type[Driver] | None = None,
    ) -> None:
        super().__init__(driver_class)
        look = look or Look()
        for theme in THEMES:  # before the stylesheet, which uses their variables, is read
            self.register_theme(theme)
        self.theme = look.theme
        self.technical = False
        self._client = client
        self._image_class = image_class
        self._notify = look.notify
        self.main = MainScreen(client, image_class, now)
        self.main.bell, self.main.read_only = look.bell, look.read_only
        self.refusal: LfrdError | None = None
        self._now = now
        self._read_only = look.read_only
        self._present_at_s = -math.inf
        self._live: Worker[None] | None = None
        self._me: Worker[None] | None = None
        client.on_denied = self._read_me

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:  # noqa: ARG002
        """None of Textual's own: one saves the screen to a file."""
        return ()

    def action_technical(self) -> None:
        """Ids, digests and versions are for those who ask: show them, or leave them out again."""
        self.technical = not self.technical
        self.main.say(Content(f"● technical words are {'shown' if self.technical else 'left out'}"))

    def use(self, theme: str) -> None:
        """Change what the screen looks like."""
        self.theme = theme

    def draw_with(self, glyphs: Glyphs | None = None, colours: Colours | None = None) -> None:
        """Draw faces in these glyphs, or in so many colours: a terminal may claim more than it
        can."""
        drawing = drawing_of(self._image_class)
        if drawing is None:
            return
        drawing.pixels = None
        drawing.glyphs, drawing.colours = glyphs or drawing.glyphs, colours or drawing.colours
        for screen in self.screen_stack:
            for picture in screen.query(Picture):
                self.call_next(picture.renew)
        how = f"{drawing.glyphs}{f' and {drawing.colours} colours' * bool(drawing.colours)}"
        self.main.say(Content(f"● faces are drawn in {how} until you leave"))

    def tell_desktop(self, words: str) -> None:
        """As a notification, where this person wants one."""
        told = sequence(self._notify, words, in_tmux="TMUX" in os.environ)
        if told and self._driver is not None:
            self._driver.write(told)

    async def on_mount(self) -> None:
        await self.push_screen(self.main)
        gc.freeze()
        gc.enable()
        self._live = self.run_worker(self._follow(), group="live")
        self.set_interval(TERMINAL_LOOK_S, self._end_without_terminal)
        self.set_interval(FORGET_EVERY_S, forget_closed)
        self.set_interval(ROLE_EVERY_S, self._look_at_role)

    def _end_without_terminal(self) -> None:
        """The screen's library would go on reading where nothing comes, on half a processor."""
        if is_gone():
            self.exit()

    async def on_unmount(self) -> None:
        if self._live is not None:
            self._live.cancel()
            with suppress(WorkerCancelled):
                await self._live.wait()

    async def on_event(self, event: Event) -> None:
        """A key press shows that an operator is present: where the rules want a heartbeat, it is
        sent."""
        here = isinstance(event, Key | MouseDown | Paste) and not self._read_only
        if here and self.main.is_deployed:
            now_s = self._now()
            if now_s - self._present_at_s >= PRESENT_EVERY_S:
                self._present_at_s = now_s
                self.run_worker(self._tell_present(), group="present")
        await super().on_event(event)

    async def _tell_present(self) -> None:
        try:
            await self._client.governance.present()
        except LfrdError as error:
            self.main.complain(str(error))

    def _look_at_role(self) -> None:
        if self.main.situation().away_since_s is None:
            self._read_me()

    def _read_me(self) -> None:
        """Something was refused for want of a role, or it is time: it may have been taken away."""
        if self._me is None or self._me.is_finished:
            self._me = self.run_worker(read_me(self._client, self.main), group="me")

    async def _follow(self) -> None:
        """Follow the daemon for as long as the app runs; being refused for good ends both."""
        try:
            await follow(self._client, self.main)
        except LfrdError as error:
            self.refusal = error
            self.exit()


def run_tui(
    address: Path | str, token: str | None = None, look: Look | None = None, pictures: str = "auto"
) -> int:
    """Run the terminal on the daemon behind a Unix socket (Path) or a URL.

    A URL needs a token. On the socket a token takes the place of the system user, so that two
    people who share a login are two principals. `pictures` says how faces are drawn.

    Returns 0 when the operator leaves. Raises UserError where there is no terminal, and what the
    daemon refuses for good.
    """
    require_terminal()
    if isinstance(address, Path):
        client = Client.over_socket(address, token, printable=True)
    elif token is not None:
        client = Client.over_tcp(address, token, printable=True)
    else:
        raise UserError(f"{address} wants a token (--token-file); the Unix socket needs none")
    client.reads_only = look is not None and look.read_only
    able = abilities(pictures)
    if able.answer_is_due:
        from tui.answers import leave_out_late_answers

        leave_out_late_answers()
    return asyncio.run(_run(client, image_widget(able), look))


def _driver() -> type[Driver] | None:
    """None: the one that the library takes."""
    if takes_utf8():
        return None
    from tui.plain import PlainDriver

    return PlainDriver


async def _run(client: Client, image_class: ImageClass, look: Look | None = None) -> int:
    async with client:
        app = OperatorApp(client, image_class, look=look, driver_class=_driver())
        logging.disable(logging.CRITICAL)  # its lines would be drawn over the screen
        try:
            await app.run_async()
        finally:
            logging.disable(logging.NOTSET)
    if app.refusal is not None:
        raise app.refusal
    return app.return_code or 0

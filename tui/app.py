"""The operator's terminal.

`run_tui` is what `lfrd tui` calls: it opens the client, asks the terminal what it can draw, and
runs the app. Faces are held in memory only, and Textual's command palette, which can save
the screen to a file, is off.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import App
from textual.events import Event, Key, MouseDown, Paste
from textual.theme import Theme
from textual.worker import Worker, WorkerCancelled

from lfrd.client import Client
from lfrd.errors import LfrdError, UserError
from tui.live import follow
from tui.screens.main import MainScreen
from tui.terminal import require_terminal
from tui.widgets.picture import image_widget

if TYPE_CHECKING:
    from tui.widgets.picture import ImageClass

PRESENT_EVERY_S = 60.0
"""How often the daemon is told that an operator is here: heartbeats are counted in minutes."""

THEME = Theme(
    name="lfrd",
    dark=True,
    primary="#7cb7ff",
    secondary="#9aa7b8",
    accent="#7cb7ff",
    # Okabe and Ito's palette: told apart with any colour vision, and always beside a word. The
    # greys are grey enough to stay so where a terminal has 256 colours.
    success="#2fb58f",
    warning="#e6a01e",
    error="#f0793a",
    foreground="#dfe6ee",
    background="#0e1218",
    surface="#0e1218",
    panel="#1e2228",
    variables={
        "quiet": "#8493a6",
        "frame": "#343a45",
        "well": "#0a0d12",
        "selection": "#353b46",
        "decided": "#7cb7ff",
        "unread": "#f0e442",
        "lab": "#f0e442",
        "on-lab": "#101010",
        "on-error": "#101010",
        "footer-key-foreground": "#7cb7ff",
        "footer-background": "#1e2228",
    },
)


class OperatorApp(App[None]):
    """One screen on one daemon. The client is entered and left by the code that runs the app."""

    CSS_PATH = "theme.tcss"
    TITLE = "lfrd"
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self, client: Client, image_class: "ImageClass", now: Callable[[], float] = time.time
    ) -> None:
        super().__init__()
        self.register_theme(THEME)  # before the stylesheet, which uses its variables, is read
        self.theme = THEME.name
        self._client = client
        self.main = MainScreen(client, image_class, now)
        self.refusal: LfrdError | None = None
        self._now = now
        self._present_at_s = -math.inf
        self._live: Worker[None] | None = None

    async def on_mount(self) -> None:
        await self.push_screen(self.main)
        self._live = self.run_worker(self._follow(), group="live")

    async def on_unmount(self) -> None:
        if self._live is not None:
            self._live.cancel()
            with suppress(WorkerCancelled):
                await self._live.wait()

    async def on_event(self, event: Event) -> None:
        """A key press shows that an operator is present: where the rules want a heartbeat, it is
        sent."""
        if isinstance(event, Key | MouseDown | Paste) and self.main.is_deployed:
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

    async def _follow(self) -> None:
        """Follow the daemon for as long as the app runs; being refused for good ends both."""
        try:
            await follow(self._client, self.main)
        except LfrdError as error:
            self.refusal = error
            self.exit()


def run_tui(address: Path | str, token: str | None = None) -> int:
    """Run the terminal on the daemon behind a Unix socket (Path) or a URL.

    A URL needs a token. On the socket a token takes the place of the system user, so that two
    people who share a login are two principals.

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
    return asyncio.run(_run(client, image_widget("best")))


async def _run(client: Client, image_class: "ImageClass") -> int:
    async with client:
        app = OperatorApp(client, image_class)
        logging.disable(logging.CRITICAL)  # its lines would be drawn over the screen
        try:
            await app.run_async()
        finally:
            logging.disable(logging.NOTSET)
    if app.refusal is not None:
        raise app.refusal
    return app.return_code or 0

"""A real terminal: tmux with its own server, driven by send-keys and read by capture-pane."""

import asyncio
import shlex
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from support.program import environment

WAIT_S = 40.0
ENDED = "ended with code"
"""Said by the shell around the command: tmux does not always hear of the end of its children."""
LONGEST_S = 600
CONFIG = """set -g default-terminal tmux-256color
set -g status off
set -sg escape-time 20
"""


class Tmux:
    """One window; `pressed` counts keys, which names that are typed are not."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        """`variables` are those of the program, besides what it needs to be found."""
        left_out = ("TMUX", "COLORTERM", "TERM")
        self._variables = {n: v for n, v in environment(**variables).items() if n not in left_out}
        self._term = variables.get("TERM")
        self._socket = folder / "tmux.sock"
        self._config = folder / "tmux.conf"
        self._config.write_text(CONFIG)
        self.pressed = 0

    async def _run(self, *words: str) -> str:
        def run() -> str:
            command = ["tmux", "-u", "-S", str(self._socket), "-f", str(self._config), *words]
            done = subprocess.run(command, capture_output=True, env=self._variables, timeout=10)
            assert done.returncode == 0, (words, done.stderr)
            return done.stdout.decode("utf-8")

        return await asyncio.to_thread(run)

    async def open(self, command: list[str], size: tuple[int, int]) -> None:
        """Run the command in a window of this size, of a terminal `TERM` if that was given."""
        term = [] if self._term is None else ["env", f"TERM={self._term}"]
        across, down = map(str, size)
        told = f"{shlex.join([*term, *command])}; echo {ENDED} $?; exec sleep {LONGEST_S}"
        await self._run("new-session", "-d", "-x", across, "-y", down, told)

    async def close(self) -> None:
        await self._run("kill-server")

    async def press(self, *keys: str) -> None:
        """Keys by their names in tmux, one after the other."""
        self.pressed += len(keys)
        await self._run("send-keys", *keys)

    async def type(self, text: str) -> None:
        await self._run("send-keys", "-l", text)

    async def text(self) -> str:
        """What the terminal shows, its lines as they are."""
        return await self._run("capture-pane", "-p")

    async def said(self) -> str:
        """All that was written, lines that the window broke made whole."""
        return " ".join((await self._run("capture-pane", "-p", "-J", "-S", "-200")).split())

    async def ended(self, code: int) -> str:
        """Wait for the end of the command with this exit code; all that it said."""
        await self.sees(f"{ENDED} {code}")
        return await self.said()

    async def sees(self, words: str, limit_s: float = WAIT_S) -> str:
        """Wait for these words, line breaks aside; the text they are in."""
        return await self.until(lambda text: words in " ".join(text.split()), words, limit_s)

    async def until(self, holds: Callable[[str], bool], what: str, limit_s: float = WAIT_S) -> str:
        """Wait for a screen of which this holds."""
        deadline = time.monotonic() + limit_s
        while not holds(text := await self.text()):
            assert time.monotonic() < deadline, f"no {what!r} within {limit_s} s:\n{text}"
            await asyncio.sleep(0.1)
        return text


def tui(*words: str | Path) -> list[str]:
    """The command that opens the operator's terminal."""
    return [sys.executable, "-m", "lfrd", "tui", *map(str, words)]


@asynccontextmanager
async def terminal(
    folder: Path, command: list[str], size: tuple[int, int] = (80, 24), **variables: str
) -> AsyncIterator[Tmux]:
    """A command in a terminal of this size; it is closed in the end."""
    here = Tmux(folder, variables)
    await here.open(command, size)
    try:
        yield here
    finally:
        await here.close()

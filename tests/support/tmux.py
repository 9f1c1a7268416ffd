"""A real terminal: tmux with its own server, driven by send-keys and read by capture-pane."""

import asyncio
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from support.hands import Hands
from support.program import environment

KEYS = {"escape": "Escape", "enter": "Enter", "tab": "Tab"}
"""As tmux calls them."""
ENDED = "ended with code"
"""Said by the shell around the command: tmux does not always hear of the end of its children."""
LONGEST_S = 600
CONFIG = """set -g default-terminal tmux-256color
set -g status off
set -sg escape-time 20
"""


class Tmux(Hands):
    """At one window."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        """`variables` are those of the program, besides what it needs to be found."""
        left_out = ("TMUX", "COLORTERM", "TERM")
        self._variables = {n: v for n, v in environment(**variables).items() if n not in left_out}
        self._term = variables.get("TERM")
        self._socket = folder / "tmux.sock"
        self._config = folder / "tmux.conf"
        self._config.write_text(CONFIG)

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

    async def strike(self, key: str) -> None:
        await self._run("send-keys", KEYS.get(key, key))

    async def type(self, text: str) -> None:
        await self._run("send-keys", "-l", text)

    async def text(self) -> str:
        return await self._run("capture-pane", "-p")

    async def said(self) -> str:
        """All that was written, lines that the window broke made whole."""
        return " ".join((await self._run("capture-pane", "-p", "-J", "-S", "-200")).split())

    async def ended(self, code: int) -> str:
        """Wait for the end of the command with this exit code; all that it said."""
        await self.sees(f"{ENDED} {code}")
        return await self.said()


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

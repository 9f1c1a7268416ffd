"""How far a long command is, as one line on a terminal; where there is none, nothing is said."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TextIO

from lfrd.cli.terminal import redraw

PERIOD_S = 0.25
CELLS = 24


class Progress:
    """One line that is written over again and again. For the event loop only."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = stream.isatty()

    @asynccontextmanager
    async def following(
        self, what: str, total: int, done: Callable[[], int]
    ) -> AsyncIterator[None]:
        """Show `done()` of `total` frames while the block runs, and clear the line after it."""
        if not self._shown:
            yield
            return
        drawing = asyncio.create_task(self._draw(what, total, done), name="progress")
        try:
            yield
        finally:
            drawing.cancel()
            await asyncio.wait([drawing])
            redraw("", self._stream)

    async def _draw(self, what: str, total: int, done: Callable[[], int]) -> None:
        while True:
            redraw(line(what, total, done()), self._stream)
            await asyncio.sleep(PERIOD_S)


def line(what: str, total: int, done: int) -> str:
    """A bar with its numbers: short enough for a terminal where the name is."""
    share = min(1.0, done / total) if total else 0.0
    full = round(share * CELLS)
    return f"{what} [{'#' * full}{'.' * (CELLS - full)}] {done:,} of {total:,} frames"

"""How far a long command is, as one line on a terminal; where there is none, nothing is said."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TextIO

from lfrd.cli.terminal import redraw

PERIOD_S = 0.25
CELLS = 24


class Step:
    """What is being done, in words that change, on a line of standard error; see `step`."""

    def __init__(self) -> None:
        self._shown = sys.stderr is not None and sys.stderr.isatty()
        self._what, self._at_s = "", float("-inf")

    def __call__(self, what: str, share: float = 0.0, so_far: str = "") -> None:
        """`share` of it is done; 0: nobody knows how much, and it is said `so_far`. Drawn at once
        where something else is done, and every PERIOD_S at most while it goes on."""
        now_s = time.monotonic()
        if not self._shown or (what == self._what and now_s - self._at_s < PERIOD_S):
            return
        redraw(f"{what} {f'{share:4.0%}' if share else so_far}".rstrip())
        self._what, self._at_s = what, now_s

    def clear(self) -> None:
        if self._what:
            redraw("")


@contextmanager
def step() -> Iterator[Step]:
    """Say on a terminal what is being done while the block runs, and clear the line after it."""
    shown = Step()
    try:
        yield shown
    finally:
        shown.clear()


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

"""Rows of an import on their way to the store: a few are committed together.

A commit takes about as long whether it holds one row or eight. Rows come out of the models one by
one, so each waits a moment for others that are on the way; where none is, it does not wait at all.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

PHOTOS_AT_ONCE = 24
"""Photos on their way onto lists at the same time, and so in memory. A few are being looked at
(lfrd.vision.engine.ENROLMENTS_AT_ONCE); the others have been, or come next, so that the models have
work while the disk takes its time."""

LIMIT = 8
PATIENCE_S = 0.1
"""A photo may take seconds to read; no other waits longer than this for it."""


class CommitBatcher:
    """For the event loop only. It holds as many rows as callers are inside `join`."""

    def __init__(self, limit: int = LIMIT, patience_s: float = PATIENCE_S) -> None:
        self._limit = limit
        self._patience_s = patience_s
        self._coming = 0
        self._here: list[asyncio.Future[None]] = []

    @contextmanager
    def coming(self) -> Iterator[None]:
        """While inside, the row is on the way here: those who are here may wait for it."""
        self._coming += 1
        try:
            yield
        finally:
            self._coming -= 1
            self._look_soon()

    async def join(self) -> None:
        """Wait until so many are here, no other is coming, or the time is over."""
        loop = asyncio.get_running_loop()
        mine = loop.create_future()
        self._here.append(mine)
        late = loop.call_later(self._patience_s, self._go)
        self._look_soon()
        try:
            await mine
        finally:
            late.cancel()
            if mine in self._here:  # its caller no longer waits
                self._here.remove(mine)

    def _look_soon(self) -> None:
        """One turn of the loop later: who comes last leaves in the same turn as the others."""
        asyncio.get_running_loop().call_soon(self._go_if_complete)

    def _go_if_complete(self) -> None:
        if not self._coming or len(self._here) >= self._limit:
            self._go()

    def _go(self) -> None:
        here, self._here = self._here, []
        for row in here:
            if not row.done():  # its caller no longer waits
                row.set_result(None)

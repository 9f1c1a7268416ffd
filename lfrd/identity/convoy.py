"""Rows of an import on the last stretch to the store: a few go together, and share a commit.

A commit waits for two disks' worth of promises (the rows, and the keys that open them) whether it
holds one row or many. Rows come out of the models one by one, so each waits a moment for others
that are on the way; where none is, it does not wait at all.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

PHOTOS_AT_ONCE = 12
"""Photos on their way onto lists at the same time, and so in memory: half of them are being looked
at (lfrd.vision.engine.ENROLMENTS_AT_ONCE), the others wait for their commit."""

LIMIT = 4
PATIENCE_S = 0.1
"""A photo may take seconds to read; nobody waits longer than this for it."""


class Convoy:
    """For the event loop only. It holds as many rows as callers are inside `depart`."""

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
            if not self._coming:
                # One turn of the loop later: the last to come shall go with them.
                asyncio.get_running_loop().call_soon(self._go_if_complete)

    async def depart(self) -> None:
        """Wait until so many are here, nobody else is coming, or patience is over."""
        loop = asyncio.get_running_loop()
        mine = loop.create_future()
        self._here.append(mine)
        late = loop.call_later(self._patience_s, self._go)
        try:
            self._go_if_complete()
            await mine
        finally:
            late.cancel()

    def _go_if_complete(self) -> None:
        if not self._coming or len(self._here) >= self._limit:
            self._go()

    def _go(self) -> None:
        here, self._here = self._here, []
        for row in here:
            if not row.done():  # its caller no longer waits
                row.set_result(None)

"""Photos that are being sent: bounded in number and in bytes; who sends a further one waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request

from lfrd.api.request_guard import Limits
from lfrd.errors import BadInput
from lfrd.lists.commit_batcher import PHOTOS_AT_ONCE

LARGEST = Limits().photo_bytes
BYTES_AT_ONCE = 6 * LARGEST
"""Six of the largest photos, or more of the usual ones."""


class Uploads:
    """For the event loop only. Photos get their places in the order in which they came, so a large
    one does not wait without end."""

    def __init__(self, photos: int = PHOTOS_AT_ONCE, bytes_at_once: int = BYTES_AT_ONCE) -> None:
        self._places = asyncio.Semaphore(photos)
        self._turn = asyncio.Lock()
        self._room = bytes_at_once
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def photo(self, request: Request) -> AsyncIterator[bytes]:
        """The file that was sent; its place is taken while inside. Raises BadInput where there is
        none."""
        size = min(LARGEST, int(request.headers.get("content-length", LARGEST)))
        async with self._places:
            await self._take(size)
            try:
                data = await request.body()
                if not data:
                    raise BadInput("the body is empty: send the image file itself")
                yield data
            finally:
                self._room += size
                self._freed.set()

    async def _take(self, size: int) -> None:
        async with self._turn:
            while self._room < size:
                self._freed.clear()
                await self._freed.wait()
            self._room -= size

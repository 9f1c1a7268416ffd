"""The hand-over from a reader thread to the event loop.

`Latest` holds one item and the newest wins: the only place where a live frame is dropped, and it
counts what it dropped. `Every` holds a few items and makes the producer wait: for files that are
read as fast as possible without losing a frame. Both end when closed: the consumer gets what is
left, and then its iteration stops.
"""

import asyncio
import enum
import threading
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

T = TypeVar("T")


class _Nothing(enum.Enum):
    YET = "an item may come"
    EVER = "closed and empty"


class Latest(Generic[T]):
    """One item, newest wins. `put` and `close` are for any thread, iteration for one task.

    When full, the older item is dropped and counted in `dropped`.
    """

    capacity = 1

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._items: deque[T] = deque()
        self._closed = False
        self._ready = asyncio.Event()
        self.dropped = 0

    def put(self, item: T) -> None:
        """Hand an item over; returns at once. After `close` the item is discarded."""
        with self._lock:
            if self._closed:
                return
            if len(self._items) >= self.capacity:
                self._items.popleft()
                self.dropped += 1
            self._items.append(item)
        self._wake()

    def close(self) -> None:
        """No more items will come; wakes the consumer. Safe to call twice."""
        with self._lock:
            self._closed = True
        self._wake()

    def clear(self) -> None:
        """Drop what was not taken (the end of a deployment keeps no frame)."""
        with self._lock:
            self._items.clear()

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._ready.set)
        except RuntimeError:  # the loop has closed: no task is left to wake
            return

    def _take(self) -> T | _Nothing:
        with self._lock:
            if self._items:
                return self._items.popleft()
            self._ready.clear()
            return _Nothing.EVER if self._closed else _Nothing.YET

    async def __aiter__(self) -> AsyncIterator[T]:
        while True:
            item = self._take()
            if item is _Nothing.EVER:
                return
            if item is _Nothing.YET:
                await self._ready.wait()
            elif not isinstance(item, _Nothing):
                yield item


class Every(Latest[T]):
    """A few items, none lost: `put` blocks the producer's thread while the box is full.

    `close` releases a waiting producer; its item is then discarded.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, capacity: int = 4) -> None:
        super().__init__(loop)
        self.capacity = capacity
        self._room = threading.Condition(self._lock)

    def put(self, item: T) -> None:
        with self._room:
            self._room.wait_for(lambda: self._closed or len(self._items) < self.capacity)
            if self._closed:
                return
            self._items.append(item)
        self._wake()

    def close(self) -> None:
        with self._room:
            self._closed = True
            self._room.notify_all()
        self._wake()

    def _take(self) -> T | _Nothing:
        item = super()._take()
        if not isinstance(item, _Nothing):
            with self._room:
                self._room.notify()
        return item

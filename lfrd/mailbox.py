"""The hand-over from a reader thread to the event loop.

`Latest` holds one item and the newest wins: the only place where a live frame is dropped, and it
counts what it dropped. `Every` holds a few items and makes the producer wait: for files that are
read as fast as possible without losing a frame. Both end when closed: the consumer gets what is
left, and then its iteration stops.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


class Gate(Protocol):
    """Where a consumer waits before it takes an item that is there."""

    async def enter(self) -> None: ...

    def leave(self) -> None:
        """What was entered for is gone."""


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

    def put(self, item: T, *, renews: bool = False) -> None:
        """Hand an item over; returns at once. After `close` the item is discarded. `renews`: it is
        meant to take the place of one that waits, and nothing is lost by that."""
        with self._lock:
            if self._closed:
                return
            if len(self._items) >= self.capacity:
                self._items.popleft()
                self.dropped += not renews
            self._items.append(item)
        self._wake()

    @property
    def waiting(self) -> bool:
        """Whether an item was put and not taken. For any thread."""
        return bool(self._items)

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

    def __aiter__(self) -> AsyncIterator[T]:
        return self.items(None)

    async def items(self, gate: "Gate | None") -> AsyncIterator[T]:
        """The items, each taken only after `gate` was entered; the consumer leaves it again."""
        while self._open():
            if not self.waiting:
                await self._ready.wait()
                continue
            if gate is not None:
                await gate.enter()  # meanwhile a newer item may come
            item = self._take()
            if item is not None:
                yield item
            elif gate is not None:
                gate.leave()

    def _open(self) -> bool:
        """Whether an item is there or may come; in the second case `_ready` tells of it."""
        with self._lock:
            if not self._items:
                self._ready.clear()
            return bool(self._items) or not self._closed

    def _take(self) -> T | None:
        with self._lock:
            return self._items.popleft() if self._items else None


class Every(Latest[T]):
    """A few items, none lost: `put` blocks the producer's thread while the box is full.

    `close` releases a waiting producer; its item is then discarded.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, capacity: int = 4) -> None:
        super().__init__(loop)
        self.capacity = capacity
        self._room = threading.Condition(self._lock)

    def put(self, item: T, *, renews: bool = False) -> None:
        assert not renews  # none takes another's place
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

    def _take(self) -> T | None:
        item = super()._take()
        if item is not None:
            with self._room:
                self._room.notify()
        return item

"""Fixed pools of arrays for faces: what is released is overwritten, and all of it is counted.

Biometric data of people who are on no list must leave no trace in memory. So crops and templates
live in arrays that are made once, and a buffer is zeroed the moment it is released.
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

Item = TypeVar("Item", bound=np.generic)


@dataclass(frozen=True, slots=True)
class PoolCounts:
    """Buffers handed out, overwritten and still in use: made = destroyed + held."""

    made: int
    destroyed: int
    held: int


class Buffer(Generic[Item]):
    """One array of a pool, held until `release`. Its owner is the code that has it."""

    __slots__ = ("_pool", "_slot", "array")

    def __init__(self, pool: "Pool[Item]", slot: int, array: npt.NDArray[Item]) -> None:
        self._pool: Pool[Item] | None = pool
        self._slot = slot
        self.array = array

    def release(self) -> None:
        """Overwrite the array and give it back; safe to call twice, from any thread."""
        pool, self._pool = self._pool, None
        if pool is not None:
            self.array.fill(0)
            self.array = self.array[:0]  # later use of a released buffer finds nothing
            pool._give_back(self._slot)


class Pool(Generic[Item]):
    """`size` arrays of one shape. When all are held, `take` gives None and the caller skips."""

    def __init__(
        self, size: int, shape: tuple[int, ...], dtype: type[Item], *, name: str = "pool"
    ) -> None:
        self.name = name
        self.size = size
        self._arrays = np.zeros((size, *shape), dtype)
        self._free = list(range(size))
        self._made = 0
        self._lock = threading.Lock()
        self._on_whole: list[Callable[[], object]] = []
        """Called once nothing is held, by the thread that gave the last one back."""

    def take(self) -> Buffer[Item] | None:
        """A zeroed buffer, or None when `size` are held already."""
        with self._lock:
            if not self._free:
                return None
            slot = self._free.pop()
            self._made += 1
        return Buffer(self, slot, self._arrays[slot])

    def counts(self) -> PoolCounts:
        with self._lock:
            held = self.size - len(self._free)
            return PoolCounts(self._made, self._made - held, held)

    async def whole(self) -> None:
        """Returns once nothing is held: at once, or as the last one is given back."""
        given_back, loop = asyncio.Event(), asyncio.get_running_loop()

        def tell() -> None:
            loop.call_soon_threadsafe(given_back.set)

        with self._lock:
            if len(self._free) == self.size:
                return
            self._on_whole.append(tell)
        try:
            await given_back.wait()
        finally:
            with self._lock:
                self._on_whole.remove(tell)

    def _give_back(self, slot: int) -> None:
        with self._lock:
            self._free.append(slot)
            if len(self._free) == self.size:
                for tell in self._on_whole:
                    tell()

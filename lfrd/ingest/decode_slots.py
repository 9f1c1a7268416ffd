"""How many threads decode large pictures at the same time, over all cameras.

A site has a thread for each stream, many more than processors. Without a bound they all decode in
the same milliseconds whenever people come, and what is to be done with their pictures waits for
each of them: a search that takes 8 ms took 40.
"""

import threading
from collections import deque
from typing import Final

from lfrd.process import usable_cores

KNOWN_S: Final = 5.0
"""How long a picture takes is forgotten where none was decoded for so long."""
NEWEST: Final = 0.1
"""Weight of the newest picture in the mean time that one takes."""


class Slots:
    """A context manager for threads: inside it are at most `count`, the others wait in turn.

    A slot goes from who leaves to who waits longest, so that none is passed over by one that
    leaves and comes back at once.
    """

    def __init__(self, count: int) -> None:
        assert count >= 1, count
        self._mind = threading.Lock()
        self._free = count
        self._waiting: deque[threading.Lock] = deque()
        self._each_s, self._told_at_s = 0.0, float("-inf")

    def __enter__(self) -> None:
        with self._mind:
            if self._free:
                self._free -= 1
                return
            given = threading.Lock()
            given.acquire()
            self._waiting.append(given)
        given.acquire()  # until the one who leaves lets go of it

    def __exit__(self, *_: object) -> None:
        with self._mind:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1

    def took(self, each_s: float, now_s: float) -> None:
        """A picture took so long, with the wait for a slot. For any thread."""
        known_s = self.each_s(now_s) or each_s
        self._each_s, self._told_at_s = known_s + NEWEST * (each_s - known_s), now_s

    def each_s(self, now_s: float) -> float:
        """How long a picture takes at present; 0 where that is not known."""
        return self._each_s if now_s - self._told_at_s <= KNOWN_S else 0.0


DECODING: Final = Slots(usable_cores())
"""For all cameras of this process."""

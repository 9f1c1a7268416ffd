"""How far reading a live stream is behind its sender, because this machine is busy.

The sender's clock is not needed: what has the smallest distance between stamp and arrival came
without delay, and the others are late by what they have more. A reader that waits for data is not
behind, whatever the stamps say (they jump where a sender's reports set them right).

Pure: times are passed in.
"""

from typing import Final

WINDOW_S: Final = 30.0
"""The smallest distance is that of one to two windows: clocks drift apart."""
JUMP_S: Final = 5.0
"""Stamps that go on by more, or go back, have a new origin."""
WAITING_SHARE: Final = 0.5
JUDGED_S: Final = 1.0
MET_S: Final = 0.002
"""A packet that was waited for so long was read as it came."""


class Lateness:
    """One stream's. For the reader thread."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin anew: the next packet came without delay."""
        self._last_s: float | None = None
        self._least = self._least_before = float("inf")
        self._window_since_s = float("-inf")
        self._judged_since_s: float | None = None
        self._waited_s = 0.0

    def came(
        self, stream_s: float | None, at_s: float, waited_s: float, rested_s: float = 0.0
    ) -> float:
        """Return by how many seconds a packet is late: its stamp in the order of decoding (None:
        it has none), when it was read, for how long the reader had waited for it, and for how long
        it had rested before: then the packet may have come meanwhile."""
        if stream_s is None:
            return 0.0
        if self._last_s is not None and not -1.0 <= stream_s - self._last_s <= JUMP_S:
            self.restart()
        self._last_s = stream_s
        if at_s - self._window_since_s > WINDOW_S:
            self._least_before, self._least = self._least, float("inf")
            self._window_since_s = at_s
        distance_s = at_s - stream_s
        self._least = min(self._least, distance_s)
        self._waited_s += waited_s + rested_s
        since_s = self._judged_since_s
        is_time = since_s is None or at_s - since_s >= JUDGED_S
        if is_time and waited_s > MET_S and self._waits(at_s):
            self._least = self._least_before = distance_s
        return distance_s - min(self._least, self._least_before)

    def _waits(self, at_s: float) -> bool:
        """Whether the reader spent most of the second that is over waiting; at first not."""
        since_s = self._judged_since_s
        waits = since_s is not None and self._waited_s > WAITING_SHARE * (at_s - since_s)
        self._judged_since_s, self._waited_s = at_s, 0.0
        return waits

"""When a reader of a live stream lets packets gather, to take several of them at once.

A reader that waits for each packet wakes up at each part of one that the network brings, takes
Python's lock and gives it back, dozens of times a second for each stream. One that rests while
packets gather in the socket wakes up a few times a second.

Only stamps tell whether all that came has been read, so a reader rests only where they go as fast
as the clock, and waits for a packet now and then all the same: only of such a packet it is known
when it came.

Pure: times are passed in.
"""

from typing import Final

REST_S: Final = 0.125
"""A packet may lie for so long where nobody waits for it."""
LEAST_S: Final = 0.04
"""To rest for less is not worth while: hardly a second packet comes."""
FRESH_S: Final = 0.03
"""A packet that came so recently is taken for the last of those that have come."""
MET_S: Final = 0.01
"""A packet that was waited for so long was read as it came; for less, it may be Python's lock that
was waited for."""
MEETS_EVERY_S: Final = 1.0
"""So often a reader waits for a packet."""
TRUSTED_SHARE: Final = 0.1
"""Stamps that go faster or slower than the clock by more than this are not believed."""


class Rest:
    """One stream's. For the reader thread."""

    def __init__(self) -> None:
        self._met: tuple[float, float] | None = None
        """Stamp and arrival of a packet that was waited for."""
        self._trusted = False
        self._rested_s = 0.0
        """The longest rest since then: a packet may have lain for so long."""

    def lay_s(self, late_s: float) -> float:
        """For how long a packet that is so late lay in the socket while the reader rested."""
        return max(0.0, min(late_s, self._rested_s))

    def came(self, stream_s: float | None, at_s: float, waited_s: float) -> None:
        """A packet of this stamp was read after so long a wait, rests not counted."""
        if stream_s is None:
            self._met, self._trusted = None, False
        elif waited_s > MET_S:
            self._meet(stream_s, at_s)

    def _meet(self, stream_s: float, at_s: float) -> None:
        self._rested_s = 0.0
        if self._met is not None:
            spent_s = at_s - self._met[1]
            if spent_s < MEETS_EVERY_S / 2:
                return
            went_s = stream_s - self._met[0]
            self._trusted = abs(went_s - spent_s) <= TRUSTED_SHARE * spent_s
        self._met = stream_s, at_s

    def before_next(self, came_at_s: float, late_s: float, longest_s: float, now_s: float) -> float:
        """Seconds to rest now, after the packet that came last and was late; 0 while others may
        have come. `longest_s`: how long the next one may lie."""
        if not self._trusted or self._met is None or longest_s < LEAST_S or late_s > FRESH_S:
            return 0.0
        if now_s - self._met[1] > MEETS_EVERY_S:
            return 0.0
        rest_s = max(0.0, came_at_s - late_s + longest_s - now_s)
        self._rested_s = max(self._rested_s, rest_s)
        return rest_s

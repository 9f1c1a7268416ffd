"""Pictures that need not be decoded, because nobody would look at them.

Many streams hold pictures that no other one is predicted from (B-pictures, mostly). Where the
camera is looked at less often than the others come, a decoder can pass them over, and what it gives
is the same to the last bit. The decoder knows which ones they are; here it is decided whether they
may go, and counted how many went.
"""

from typing import Final

PAUSE_S: Final = 60.0
"""After a gap that was too long every picture is decoded for so long."""
_FED_LIMIT: Final = 256
"""Pictures that went into the decoder and have not come out; a damaged stream may lose many."""


class Sparing:
    """One stream's sparing; times are the stream's own, in seconds. For the reader thread."""

    def __init__(self) -> None:
        self._fed: dict[float, bool] = {}
        self._last_s: float | None = None
        self._not_before_s = float("-inf")

    def may_go(self, at_s: float | None, period_s: float | None) -> bool:
        """Whether the picture of this time may be passed over if none is predicted from it.

        `period_s`: how far apart the pictures may be that are needed; None: all are needed.
        """
        if at_s is None:
            return False
        waits = self._not_before_s - PAUSE_S <= at_s < self._not_before_s
        go = period_s is not None and not waits
        if len(self._fed) >= _FED_LIMIT:
            self._fed.clear()
        self._fed[at_s] = go
        return go

    def came(self, at_s: float | None, period_s: float | None) -> int:
        """The decoder gave this picture; return how many it passed over just before it."""
        if at_s is None:
            return 0
        before = [fed_s for fed_s in self._fed if fed_s <= at_s]
        gone = sum([self._fed.pop(fed_s) for fed_s in before if fed_s < at_s])
        self._fed.pop(at_s, None)
        too_far = period_s is not None and self._last_s is not None and gone > 0
        if too_far and at_s - self._last_s > period_s:  # type: ignore[operator]
            self._not_before_s = at_s + PAUSE_S
        self._last_s = at_s
        return gone

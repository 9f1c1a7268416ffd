"""Pictures that need not be decoded, because they would not be searched.

Many streams hold pictures that no other one is predicted from (B-pictures, mostly). Where the
camera is looked at less often than the others come, a decoder can pass them over, and what it gives
is the same to the last bit. The decoder knows which ones they are; here it is decided whether they
may go, and counted how many went.
"""

from typing import Final

from lfrd.ingest.timestamps import SLOW_STEP_S

WINDOW: Final = 50
"""After so many pictures it is judged whether enough of them are left."""
PAUSE_S: Final = 300.0
"""Where too few were left, every picture is decoded for so long."""
_FED_LIMIT: Final = 256
"""Pictures that went into the decoder and have not come out; a damaged stream may lose many."""


class Sparing:
    """One stream's sparing; times are the stream's own, in seconds. For the reader thread.

    Some servers stamp pictures in the order of decoding: then the numbers below hold in sum, and
    not before each picture.
    """

    def __init__(self) -> None:
        self._fed: dict[float, bool] = {}
        self._counted_too_soon = 0
        self._not_before_s = float("-inf")
        self._window: list[float] = []
        self._left = 0
        self._last_s: float | None = None

    def may_go(self, at_s: float | None, period_s: float | None) -> bool:
        """Whether the picture of this time may be passed over if none is predicted from it. One
        with the stamp of the last may not: where stamps do not tell the time, pictures count.

        `period_s`: how far apart the pictures may be that are needed; None: all are needed.
        """
        repeated, self._last_s = at_s == self._last_s, at_s
        if at_s is None or period_s is None or repeated:
            return False
        if len(self._window) >= WINDOW:
            self._judge(period_s)
        waits = self._not_before_s - PAUSE_S <= at_s < self._not_before_s
        if len(self._fed) >= _FED_LIMIT:
            self._fed.clear()
        self._fed[at_s] = not waits
        self._window.append(at_s)
        return not waits

    def came(self, at_s: float | None) -> int:
        """The decoder gave this picture; return how many it passed over just before it."""
        self._left += 1
        if at_s is None:
            return 0
        if at_s not in self._fed:
            self._counted_too_soon += 1
            return 0
        del self._fed[at_s]
        if not self._fed:  # every picture was given, as in most streams
            return 0
        gone = sum([self._fed.pop(fed_s) for fed_s in list(self._fed) if fed_s < at_s])
        too_soon = min(gone, self._counted_too_soon)
        self._counted_too_soon -= too_soon
        return gone - too_soon

    def _judge(self, period_s: float) -> None:
        """Were there enough pictures in the window, and do its stamps tell the time?"""
        last_s = max(self._window)
        span_s = last_s - min(self._window)
        if span_s > period_s * self._left or span_s < SLOW_STEP_S * len(self._window):
            self._not_before_s = last_s + PAUSE_S
        self._window.clear()
        self._left = 0

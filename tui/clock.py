"""The daemon's time, as far as it is known here: ages and times left are told by it alone.

The clock of the terminal's machine may be minutes off. How long somebody looked, and how long a
line stays, is measured here.
"""

import time
from collections.abc import Callable

from tui.labels import duration_text

SKEW_SAID_S = 20.0
"""From then on the screen says so: a person compares its times with other clocks."""

_BEGAN_S = time.time() - time.monotonic()


def steady_s() -> float:
    """Unix time by this machine, that goes on where its clock is set anew."""
    return _BEGAN_S + time.monotonic()


class DaemonClock:
    """Unix time of the daemon in seconds; until it told its own, that of this machine."""

    def __init__(self, here: Callable[[], float]) -> None:
        self.here = here
        self.ahead_s = 0.0
        """How much later it is here than at the daemon."""

    def now_s(self) -> float:
        return self.here() - self.ahead_s

    def told(self, at_s: float | None) -> None:
        """The daemon said how late it is. None: one that does not say it."""
        if at_s is not None:
            self.ahead_s = self.here() - at_s

    @property
    def said(self) -> str:
        """That this machine's clock is off, where people would notice; else nothing."""
        if abs(self.ahead_s) < SKEW_SAID_S:
            return ""
        words = "ahead of" if self.ahead_s > 0 else "behind"
        return f"▲ this machine's clock is {duration_text(abs(self.ahead_s))} {words} the daemon's"

"""The time by which deployments end and data is erased: it only ever goes forward, at its own pace.

Three rules:

1. While the daemon runs it counts on from its start by the time since boot. Setting the machine's
   clock, back or forward, neither shortens nor lengthens a deployment or the life of a face.
2. At start it takes the machine's clock, yet nothing earlier than the newest entry of its own log.
   A clock that was set back keeps nobody's face longer.
3. A clock that is ahead at a start cannot be told from a long pause. It is believed: windows are
   over, and what is due is erased; unless it is ahead by far and nothing vouches for it (see
   lfrd.governance.timekeeping).
"""

import time
from collections.abc import Callable

from lfrd.clock import Clock, SystemClock

STEP_S = 60.0
"""A difference to the machine's clock beyond this is a step that somebody should know of; network
time keeps a running clock well within it."""


def since_boot_s() -> float:
    """Seconds since boot, those asleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class SteadyClock:
    """A Clock over another one, whose wall time it reads at start only."""

    def __init__(self, base: Clock, steady_s: Callable[[], float]) -> None:
        self._base = base
        self._steady_s = steady_s
        self._anchor_s = base.wall_s() - steady_s()
        self.is_doubted = False
        """Whether it goes on from the log because nothing vouches for the machine's clock: until
        that is settled nobody is compared and nothing falls due."""

    @classmethod
    def over(cls, base: Clock | None) -> "SteadyClock":
        """Over the machine's clock, or over a clock that a test moves."""
        if base is None:
            return cls(SystemClock(), since_boot_s)
        return cls(base, base.monotonic_s)

    def monotonic_s(self) -> float:
        return self._base.monotonic_s()

    def wall_s(self) -> float:
        return self._anchor_s + self._steady_s()

    def not_before(self, at_s: float) -> None:
        """Rule 2: go on from `at_s` where the machine's clock is behind it."""
        behind_s = at_s - self.wall_s()
        if behind_s > 0:
            self._anchor_s += behind_s

    def hold(self, at_s: float) -> None:
        """Go on from `at_s`, although the machine's clock is ahead of it."""
        self._anchor_s = at_s - self._steady_s()
        self.is_doubted = True

    def believe(self) -> None:
        """Go on from what the machine's clock says now, where that is ahead."""
        self._anchor_s = max(self._anchor_s, self._base.wall_s() - self._steady_s())
        self.is_doubted = False

    @property
    def step_s(self) -> float:
        """How far the machine's clock is ahead of this one; 0 where that is no step."""
        ahead_s = self._base.wall_s() - self.wall_s()
        return ahead_s if abs(ahead_s) > STEP_S else 0.0

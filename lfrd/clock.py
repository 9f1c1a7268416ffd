"""Time as a value that is passed in, so that decisions are functions of values and a clock."""

import os
import time
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Two readings, in seconds."""

    def monotonic_s(self) -> float:
        """Seconds that never go back; for durations."""

    def wall_s(self) -> float:
        """Seconds since the Unix epoch, UTC; for records and expiry."""


class SystemClock:
    """The machine's clock. It is read several times for each picture, so no call lies between."""

    monotonic_s = staticmethod(time.monotonic)
    wall_s = staticmethod(time.time)


class ManualClock:
    """A clock that stands still until it is moved; for tests."""

    def __init__(self, wall_s: float = 1_700_000_000.0, monotonic_s: float = 1_000.0) -> None:
        self._wall_s = wall_s
        self._monotonic_s = monotonic_s

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def wall_s(self) -> float:
        return self._wall_s

    def advance(self, seconds: float) -> None:
        self._wall_s += seconds
        self._monotonic_s += seconds


def stamp(at_s: float) -> str:
    """A moment for people: `2026-03-01 14:05 UTC`."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at_s))


def process_age_s() -> float:
    """Seconds since this process was made, imports included; 0 where the system does not tell."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    made_at_s = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - made_at_s)

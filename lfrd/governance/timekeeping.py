"""Which clock counts at a start, and whether an administrator should look at it.

A clock that is far ahead when the daemon starts makes everything due at once; believed, it would
also stand in the log, and then hold every later start in the future. So:

- what the machine's clock says is believed where it is not far ahead of the log's newest entry, or
  where the kernel says that it is kept by network time;
- otherwise time goes on from that entry, nothing falls due by the clock's word alone and no
  deployment runs, until the kernel says so, an operator does (`lfrd clock accept`), or
  DOUBT_LIMIT_S have gone by: a site that was off for long, on no network, keeps what was due for
  that much longer and no more;
- a log that is ahead of the clock holds the start in its future, and that is said too.
"""

import asyncio
import ctypes
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lfrd.clock import Clock, SystemClock
from lfrd.health import HealthBoard
from lfrd.store.audit import AuditClass
from lfrd.store.clock_care import newest_entry_at_s
from lfrd.store.database import SYSTEM, Database

STEP_S = 60.0
"""A difference to the machine's clock beyond this is a step that an administrator should know of;
network time keeps a running clock well within it."""


def since_boot_s() -> float:
    """Seconds since boot, those asleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class SteadyClock:
    """A Clock over another one, whose wall time it reads at start only.

    Three rules:

    1. While the daemon runs it counts on from its start by the time since boot. Setting the
       machine's clock, back or forward, neither shortens nor lengthens a deployment or the life of
       a face.
    2. At start it takes the machine's clock, yet nothing earlier than the newest entry of its own
       log. A clock that was set back keeps no face longer.
    3. A clock that is ahead at a start cannot be told from a long pause. It is believed: windows
       are over, and what is due is erased; unless it is ahead by far and nothing vouches for it
       (see `Timekeeping`).
    """

    def __init__(self, base: Clock, steady_s: Callable[[], float]) -> None:
        self._base = base
        self._steady_s = steady_s
        self._anchor_s = base.wall_s() - steady_s()
        self.is_doubted = False
        """Whether it goes on from the log because nothing vouches for the machine's clock: until
        that is settled no face is compared and nothing falls due."""

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


COMPONENT = "clock"
HOUR_S = 3600.0
FAR_AHEAD_S = 14 * 24 * HOUR_S
"""A daemon that is used writes its log every day; holidays are shorter."""
DOUBT_LIMIT_S = 24 * HOUR_S
LOOK_EVERY_S = 60.0
TIME_ERROR = 5
"""adjtimex(2): the clock is not kept by anything."""

ACCEPT = "stop lfrd, run `lfrd clock accept --reason …`, and start it again"


TIMESYNCD_SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
"""Made by systemd-timesyncd when it has set the clock since the boot."""


def is_kept_by_network() -> bool:
    """Whether the clock is known to be kept by network time (Linux).

    The shipped unit forbids every call about the clock, asking the kernel included: there only
    systemd-timesyncd's word is known.
    """
    if sys.platform != "linux":
        return False
    if TIMESYNCD_SYNCHRONISED.exists():
        return True
    timex = ctypes.create_string_buffer(512)  # modes 0: only asks; struct timex has 208 bytes
    return int(ctypes.CDLL(None).adjtimex(timex)) not in (-1, TIME_ERROR)


class Timekeeping:
    """Settles the site's clock at its start, and watches the machine's clock afterwards."""

    def __init__(
        self,
        database: Database,
        clock: SteadyClock,
        health: HealthBoard,
        is_kept: Callable[[], bool] | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._health = health
        self._is_kept = is_kept or is_kept_by_network
        self._began_s = clock.monotonic_s()

    async def start(self) -> None:
        """Take the machine's clock, or go on from the log's newest entry."""
        newest_s = await self._database.read(newest_entry_at_s) or 0.0
        ahead_s = self._clock.wall_s() - newest_s
        self._clock.not_before(newest_s)
        if newest_s and ahead_s > FAR_AHEAD_S and not self._is_kept():
            self._clock.hold(newest_s)
            await self._log("clock.doubt", ahead_s)
        self._say()

    async def run(self) -> None:
        """Look at the machine's clock now and then, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Believe a clock that was doubted, once there is reason to; say what is wrong."""
        if self._clock.is_doubted:
            waited_s = self._clock.monotonic_s() - self._began_s
            step_s = self._clock.step_s
            if step_s <= FAR_AHEAD_S or self._is_kept() or waited_s >= DOUBT_LIMIT_S:
                self._clock.believe()
                await self._log("clock.believe", step_s)
        self._say()

    async def _log(self, action: str, ahead_s: float) -> None:
        await self._database.write(
            lambda tx: tx.audit(AuditClass.ALTERATION, action, (), {"ahead_s": f"{ahead_s:.0f}"}),
            principal=SYSTEM,
        )

    def _say(self) -> None:
        step_s = self._clock.step_s
        if not step_s:
            self._health.clear(COMPONENT)
            return
        apart = f"{abs(step_s) / HOUR_S:.1f} h {'ahead of' if step_s > 0 else 'behind'}"
        if self._clock.is_doubted:
            self._health.fail(
                COMPONENT,
                f"the machine's clock is {apart} the log's newest entry and no network time keeps "
                f"it: for a day nothing is compared and nothing falls due. If it is right, {ACCEPT}"
                "; if it is wrong, set it and start lfrd again",
            )
        else:
            self._health.degrade(
                COMPONENT,
                f"the machine's clock is {apart} the time that lfrd goes by: it was set while lfrd "
                "ran, or was wrong at an earlier start. Set it if it is wrong; if it is right and "
                f"a new start does not help, {ACCEPT}",
            )

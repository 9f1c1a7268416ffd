"""Which clock counts at a start, and whether anybody should look at it.

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
from collections.abc import Callable
from pathlib import Path

from lfrd.governance.clock import SteadyClock
from lfrd.governance.missing_keys import last_log_entry_at_s
from lfrd.health import HealthBoard
from lfrd.store.audit import AuditClass
from lfrd.store.database import SYSTEM, Database

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
        newest_s = await self._database.read(last_log_entry_at_s)
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

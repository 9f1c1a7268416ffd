"""The service manager's watchdog: fed only while the parts that must never stand still answer.

That this coroutine runs proves the event loop. The others are asked, and answer once they have
done what they are at: the writer with an empty transaction, each inference thread with nothing.
What does not answer in time is said on the health board, and not fed for: the service manager then
ends the daemon and starts it anew.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from lfrd.errors import LfrdError
from lfrd.health import HealthBoard
from lfrd.process import tell

log = logging.getLogger(__name__)

COMPONENT = "watchdog"
BEATS = 4
"""In the time that the service manager waits."""
UNWATCHED_S = 120.0
"""Where no service manager watches, health alone is told."""

Probe = Callable[[], Awaitable[object]]


def interval_s(environment: Mapping[str, str] = os.environ) -> float:
    """Between two beats (sd_watchdog_enabled(3))."""
    try:
        watched_s = int(environment["WATCHDOG_USEC"]) / 1e6
    except (KeyError, ValueError):
        watched_s = UNWATCHED_S
    meant = environment.get("WATCHDOG_PID")
    if meant and meant != str(os.getpid()):
        watched_s = UNWATCHED_S
    return watched_s / BEATS


class Watchdog:
    """Asks every part, beat for beat. A part that has not answered is not asked again."""

    def __init__(
        self,
        probes: Mapping[str, Probe],
        health: HealthBoard,
        feed: Callable[[], object] = lambda: tell("WATCHDOG=1"),
        every_s: float | None = None,
    ) -> None:
        self._probes = probes
        self._health = health
        self._feed = feed
        self._every_s = interval_s() if every_s is None else every_s
        self._asked: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self._beat()
        finally:
            left = list(self._asked.values())
            self._asked.clear()
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _beat(self) -> None:
        for name, probe in self._probes.items():
            if name not in self._asked:
                self._asked[name] = asyncio.create_task(_answer(probe), name=f"watchdog {name}")
        done, _ = await asyncio.wait(self._asked.values(), timeout=self._every_s)
        if len(done) == len(self._asked):
            await asyncio.sleep(self._every_s)
        silent = [name for name, task in self._asked.items() if not task.done()]
        self._asked = {name: task for name, task in self._asked.items() if name in silent}
        if silent:
            text = f"{' and '.join(silent)} did not answer for {self._every_s:g} s"
            self._health.fail(COMPONENT, f"{text}: the service manager starts lfrd anew soon")
            return
        self._health.clear(COMPONENT)
        self._feed()


async def _answer(probe: Probe) -> None:
    with suppress(LfrdError):  # a full disk, say: it answers, and health has it already
        await probe()

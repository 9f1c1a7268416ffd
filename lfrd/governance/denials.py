"""Refused requests in the log: who was refused what, and how often.

The first refusal of an actor at a request is written at once. Those that follow within QUIET_S are
counted, and the count is written as one entry when it has passed; so one actor adds at most one
entry a minute for each request there is, however often they ask. Beyond PAIRS_LIMIT pairs of actor
and request at a time the rest is counted together. A crash loses the counts of the last minute.
"""

import asyncio
import contextlib
from dataclasses import dataclass

from lfrd.clock import Clock
from lfrd.errors import StoreFailed
from lfrd.store.audit import AuditClass, Fact
from lfrd.store.database import SYSTEM, Database

QUIET_S = 60.0
RETRY_S = 5.0
PAIRS_LIMIT = 256


@dataclass(frozen=True, slots=True)
class Denial:
    """Who was refused what: `request` is a method and a route, never a path as it was sent."""

    actor: str
    request: str
    status: int | None


OTHERS = Denial(SYSTEM, "others", None)


@dataclass(slots=True)
class _Tally:
    unwritten: int
    quiet_until_s: float


class Denials:
    """`run` belongs into the daemon's task group; `flush` writes what is left at the end."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._tallies: dict[Denial, _Tally] = {}  # full: OTHERS
        self._noted = asyncio.Event()

    def note(self, denial: Denial) -> None:
        """A request was refused. Returns at once."""
        if denial not in self._tallies and len(self._tallies) >= PAIRS_LIMIT:
            denial = OTHERS
        self._tallies.setdefault(denial, _Tally(0, 0.0)).unwritten += 1
        self._noted.set()

    async def run(self) -> None:
        """Write what is due, until cancelled."""
        while True:
            self._noted.clear()
            await self.write_due()
            due_s = min((tally.quiet_until_s for tally in self._tallies.values()), default=None)
            wait_s = None if due_s is None else max(0.0, due_s - self._clock.monotonic_s())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._noted.wait()

    async def write_due(self) -> None:
        """Write the counts of those whose quiet time is over, and forget who has been quiet."""
        now_s = self._clock.monotonic_s()
        for denial, tally in list(self._tallies.items()):
            if tally.quiet_until_s > now_s:
                continue
            if not tally.unwritten:
                del self._tallies[denial]
            else:
                written = await self._write(denial, tally)
                tally.quiet_until_s = now_s + (QUIET_S if written else RETRY_S)

    async def flush(self) -> None:
        """Write all that was counted; for the end of the daemon."""
        for denial, tally in self._tallies.items():
            if tally.unwritten:
                await self._write(denial, tally)

    async def _write(self, denial: Denial, tally: _Tally) -> bool:
        """False where the disk takes nothing; health says so, and the count is kept."""
        count, tally.unwritten = tally.unwritten, 0
        facts: dict[str, Fact] = {
            "request": denial.request, "status": denial.status, "count": count,
        }  # fmt: skip
        try:
            await self._database.write(
                lambda tx: tx.audit(AuditClass.DENIAL, "request.deny", (), facts),
                principal=denial.actor,
            )
        except StoreFailed:
            tally.unwritten += count
            return False
        return True

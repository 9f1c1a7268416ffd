"""Lists and entries end on time: out of the running search at once, erased some hours later."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence

from lfrd.clock import Clock
from lfrd.errors import Conflict, NotFound, StoreFailed
from lfrd.events import EventKind
from lfrd.health import HealthBoard
from lfrd.matching.live_search import LiveGallery
from lfrd.store import watchlists
from lfrd.store.database import SYSTEM, Database
from lfrd.store.watchlists import Expired
from lfrd.vocabulary import ErasureKind

log = logging.getLogger(__name__)

LONGEST_WAIT_S = 20.0
"""The wall clock may be set, and lists change: no wait for the next expiry is longer."""

COMPONENT = "expiry"

Erase = Callable[[ErasureKind, str], Awaitable[object]]


class Expiry:
    """`run` belongs into the daemon's task group.

    What has expired is kept for `kept_s`, so that a date set wrongly can be set right, and then
    erased like anything that people delete; what is on legal hold stays.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        health: HealthBoard,
        live: LiveGallery,
        kept_s: float,
        erase: Erase,
    ) -> None:
        self._database = database
        self._clock = clock
        self._health = health
        self._live = live
        self._kept_s = kept_s
        self._erase = erase
        self._said: set[str] = set()
        """What could not be erased, and was said once."""

    async def run(self) -> None:
        """Sweep at every expiry and whenever a list changed, until cancelled."""
        changed = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(changed))
            while True:
                changed.clear()
                wait_s = await self._sweep_or_retry()
                with contextlib.suppress(TimeoutError):  # then something is due
                    async with asyncio.timeout(wait_s):
                        await changed.wait()

    async def sweep(self) -> float | None:
        """Take out and erase what is due; return when the next list or entry expires."""
        now_s = self._clock.wall_s()
        await self._take_out(now_s)
        lists, entries = await self._database.read(
            lambda reader: watchlists.long_expired(reader, now_s - self._kept_s)
        )
        await self._erase_all(ErasureKind.WATCHLIST, lists)
        await self._erase_all(ErasureKind.ENTRY, entries)
        return await self._database.read(lambda reader: watchlists.next_expiry(reader, now_s))

    async def _take_out(self, now_s: float) -> None:
        search = self._live.search
        if search is None:
            return
        lists = sorted(search.watchlist_ids)
        gone = await self._database.read(lambda reader: watchlists.expired(reader, lists, now_s))
        live = [item for item in gone if search.holds(item.template_ids)]
        if not live:
            return
        search.removed(
            [template_id for item in live for template_id in item.template_ids],
            [item.entry_id for item in live],
        )
        await self._note(live)
        log.info("%d entries have expired and left the running search", len(live))

    async def _note(self, live: Sequence[Expired]) -> None:
        await self._database.write(lambda tx: watchlists.note_expiry(tx, live), principal=SYSTEM)

    async def _erase_all(self, kind: ErasureKind, ids: Sequence[str]) -> None:
        for row_id in ids:
            try:
                await self._erase(kind, row_id)
            except (Conflict, NotFound) as error:
                if row_id not in self._said:
                    self._said.add(row_id)
                    log.warning("%s has expired and is not erased: %s", row_id, error)

    async def _sweep_or_retry(self) -> float:
        """A full disk must not end the daemon: health turns red and it is tried again."""
        try:
            next_s = await self.sweep()
        except StoreFailed as error:
            self._health.fail(COMPONENT, f"expiry cannot be enforced on disk: {error}")
            return LONGEST_WAIT_S
        self._health.clear(COMPONENT)
        if next_s is None:
            return LONGEST_WAIT_S
        return min(LONGEST_WAIT_S, max(0.05, next_s - self._clock.wall_s()))

    async def _follow(self, changed: asyncio.Event) -> None:
        """A changed list or a started deployment may have brought the next expiry nearer."""
        while True:
            async with self._database.events.subscribe() as changes:
                async for event in changes:
                    kind = getattr(event, "kind", None)
                    if kind in (EventKind.WATCHLIST_CHANGED, EventKind.DEPLOYMENT_CHANGED):
                        changed.set()
            await asyncio.sleep(1.0)  # cut off by a burst, or closing: the sweep's own pace holds

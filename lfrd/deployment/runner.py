"""Carrying out deployments, one after the other: opened, run to the end, and written down."""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence

from lfrd.clock import Clock
from lfrd.deployment.counts import before_restart
from lfrd.deployment.run import DeploymentRun
from lfrd.governance import planning
from lfrd.governance.profile import Policy
from lfrd.matching.live_search import LiveGallery, LiveSearch, Promise, open_search
from lfrd.store import deployments as stored
from lfrd.store import flows, tallies
from lfrd.store.database import SYSTEM, Database
from lfrd.store.deployments import Deployment
from lfrd.store.tallies import Tallies
from lfrd.store.transaction import Transaction
from lfrd.summary import SummaryLine, as_summary_json, from_summary_json
from lfrd.vision.engine import Vision

log = logging.getLogger(__name__)

MakeRun = Callable[[Deployment, LiveSearch, Policy, SummaryLine | None, Tallies], DeploymentRun]
"""Makes the run of a started deployment; the counts are those from before a restart."""


class DeploymentRunner:
    """Holds the running deployment, if any; `run` carries it out and is owned by the daemon."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        vision: Vision,
        live: LiveGallery,
        make_run: MakeRun,
    ) -> None:
        self.running: DeploymentRun | None = None
        self.last: SummaryLine | None = None
        self._database = database
        self._clock = clock
        self._vision = vision
        self._live = live
        self._make_run = make_run
        self._begin = asyncio.Event()
        self._over = asyncio.Event()

    async def take_up(self, row: Deployment, policy: Policy, promise: Promise | None) -> None:
        """Open the search, and have `run` carry the deployment out."""
        vision = self._vision
        search = LiveSearch(row.id, vision.model_digest, vision.dim, row.threshold, promise)
        lists: Sequence[str] = json.loads(row.watchlist_ids)
        await open_search(self._database, self._clock, self._live, search, lists)
        before = await self._database.read(lambda reader: tallies.of(reader, row.id))
        search.tracks.before = before_restart(before)
        counts = from_summary_json(row.summary)
        self.running = self._make_run(row, search, policy, counts, before)
        self._over.clear()
        self._begin.set()

    async def end(self, running: DeploymentRun, reason: str, principal: str) -> None:
        """End it, and wait until it has."""
        running.ask_to_end(reason, principal)
        await self._over.wait()

    async def until_over(self) -> None:
        """Wait until no deployment runs."""
        while self.running is not None:
            await self._over.wait()

    async def run(self, stop: asyncio.Event) -> None:
        """Carry out deployments one after the other until `stop` is set."""
        async with asyncio.TaskGroup() as tasks:
            stopping = tasks.create_task(stop.wait())
            while not stop.is_set():
                beginning = tasks.create_task(self._begin.wait())
                await asyncio.wait({stopping, beginning}, return_when=asyncio.FIRST_COMPLETED)
                beginning.cancel()
                if self.running is not None:
                    await self._carry_out(self.running, stopping)

    async def _carry_out(self, running: DeploymentRun, stopping: "asyncio.Task[bool]") -> None:
        self._begin.clear()

        def leave(_: object) -> None:
            running.leave()

        stopping.add_done_callback(leave)
        try:
            self.last = await running.run()
        except BaseException as error:
            running.fail(f"interrupted by {type(error).__name__}")
            raise
        finally:
            stopping.remove_done_callback(leave)  # else every run is kept until the daemon ends
            compared = len(self._live)
            self._live.close()
            self.running = None
            await self._close(running, compared)
            self._over.set()

    async def _close(self, running: DeploymentRun, compared: int) -> None:
        """Write how it ended; or that the daemon leaves, and it waits for the next one."""
        row, summary = running.deployment, as_summary_json(running.summary())
        flow, counted = running.flow(), running.tallies(is_open=False)

        def suspend(tx: Transaction) -> None:
            tallies.keep(tx, counted)
            flows.keep(tx, flow)
            stored.note(tx, row.id, "suspend", summary=summary)

        def end(tx: Transaction) -> None:
            tallies.keep(tx, counted)
            flows.keep(tx, flow)
            planning.end(tx, row, running.end_reason, summary, compared)

        if running.suspended:
            await self._database.write(suspend, principal=SYSTEM)
            log.info("deployment %s waits for the daemon to come back", row.id)
            return
        await self._database.write(end, principal=running.ended_by or SYSTEM)
        why = why_ended(running.end_reason, running.ended_by)
        log.info("deployment %s ended: %s", row.id, why)


def why_ended(reason: str, by: str) -> str:
    """For the daemon's log: what people wrote may name people, and is left out."""
    return reason if by in ("", SYSTEM) else f"by {by}"

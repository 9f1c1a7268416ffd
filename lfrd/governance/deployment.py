"""Deployments: the only state in which faces are compared. At most one runs at a time."""

import asyncio
import logging

from lfrd.errors import BadInput, Conflict, NotFound
from lfrd.identity.live_gallery import LiveGallery
from lfrd.identity.live_search import LiveSearch
from lfrd.identity.opening import open_search
from lfrd.lines import SummaryLine
from lfrd.running import Running, Tools, as_summary_json
from lfrd.store import deployments as stored
from lfrd.store.database import SYSTEM
from lfrd.store.deployments import Deployment, NewDeployment, Snapshot
from lfrd.store.transaction import Transaction

log = logging.getLogger(__name__)

LAB = "lab"
LAB_LIMIT_S = 4 * 3600.0


class Deployments:
    """Starts, ends and lists deployments; `run` carries them out and is owned by the daemon."""

    def __init__(self, tools: Tools, live: LiveGallery) -> None:
        self._tools = tools
        self._live = live
        self._running: Running | None = None
        self._begin = asyncio.Event()
        self._over = asyncio.Event()
        self.last: SummaryLine | None = None

    @property
    def current(self) -> Deployment | None:
        """The running deployment, if any."""
        return self._running.deployment if self._running else None

    def progress(self) -> SummaryLine | None:
        """The counts of the running deployment so far."""
        return self._running.summary() if self._running else None

    async def list_all(self) -> list[Deployment]:
        """The newest deployments, newest first."""
        return await self._tools.database.read(stored.list_all)

    async def get(self, deployment_id: str) -> Deployment:
        """Raises NotFound."""
        return await self._tools.database.read(lambda reader: stored.get(reader, deployment_id))

    async def snapshots(self, deployment_id: str) -> list[Snapshot]:
        """The lists that a deployment compares with."""
        return await self._tools.database.read(
            lambda reader: stored.snapshots(reader, deployment_id)
        )

    async def start(
        self,
        profile: str,
        purpose: str,
        place: str,
        watchlist_ids: tuple[str, ...],
        duration_s: float,
        *,
        principal: str,
    ) -> Deployment:
        """Start a deployment now. Raises Conflict where one runs, NotFound, BadInput."""
        if profile != LAB:
            raise BadInput(f"there is no policy profile {profile!r}; there is: {LAB}")
        if not 0 < duration_s <= LAB_LIMIT_S:
            raise BadInput(f"a lab deployment lasts at most {LAB_LIMIT_S / 3600:.0f} hours")
        if self._running is not None:
            raise Conflict(f"deployment {self._running.deployment.id} is running: end it first")
        tools = self._tools
        new = NewDeployment(
            profile=profile,
            purpose=purpose,
            use_case="test",
            place=place,
            threshold=tools.config.matching.threshold,
            detector_digest=tools.vision.detector_digest,
            embedder_digest=tools.vision.model_digest,
            planned_end_at_s=tools.clock.wall_s() + duration_s,
        )
        deployment = await tools.database.write(
            lambda tx: _start(tx, new, watchlist_ids), principal=principal
        )
        self._running = Running(deployment, await self._open_search(deployment), tools)
        self._over.clear()
        self._begin.set()
        log.info("deployment %s started by %s", deployment.id, principal)
        return deployment

    async def end(self, deployment_id: str, reason: str, *, principal: str) -> Deployment:
        """End the running deployment, and wait until it has. Raises NotFound, Conflict."""
        running = self._running
        if running is None or running.deployment.id != deployment_id:
            found = await self.get(deployment_id)
            raise Conflict(f"deployment {found.id} is {found.state}, not running")
        running.ask_to_end(reason, principal)
        await self._over.wait()
        return await self.get(deployment_id)

    def ask_to_end(self, reason: str, principal: str) -> None:
        """Have the running deployment, if any, end soon; for those who cannot wait for it."""
        if self._running is not None:
            self._running.ask_to_end(reason, principal)

    async def until_over(self) -> None:
        """Wait until no deployment runs."""
        while self._running is not None:
            await self._over.wait()

    async def end_interrupted(self) -> None:
        """At start-up: a deployment that a crash or power cut interrupted has ended."""
        row = await self._tools.database.read(stored.running)
        if row is not None:
            await self._tools.database.write(
                lambda tx: stored.end(
                    tx, row.id, reason="the daemon was interrupted", summary="{}"
                ),
                principal=SYSTEM,
            )
            log.warning("deployment %s was interrupted and has been ended", row.id)

    async def run(self, stop: asyncio.Event) -> None:
        """Carry out deployments one after the other until `stop` is set."""
        async with asyncio.TaskGroup() as tasks:
            stopping = tasks.create_task(stop.wait())
            while not stop.is_set():
                beginning = tasks.create_task(self._begin.wait())
                await asyncio.wait({stopping, beginning}, return_when=asyncio.FIRST_COMPLETED)
                beginning.cancel()
                if self._running is not None:
                    await self._carry_out(self._running, stopping)

    async def _carry_out(self, running: Running, stopping: "asyncio.Task[bool]") -> None:
        self._begin.clear()
        stopping.add_done_callback(lambda _: running.ask_to_end("the daemon is stopping", SYSTEM))
        try:
            self.last = await running.run()
        except BaseException as error:
            running.end_reason = f"interrupted by {type(error).__name__}"
            raise
        finally:
            self._live.close()
            self._running = None
            line = running.summary()
            await self._tools.database.write(
                lambda tx: stored.end(
                    tx,
                    running.deployment.id,
                    reason=running.end_reason,
                    summary=as_summary_json(line),
                ),
                principal=running.ended_by or SYSTEM,
            )
            self._over.set()
        log.info("deployment %s ended: %s", running.deployment.id, running.end_reason)

    async def _open_search(self, deployment: Deployment) -> LiveSearch:
        tools = self._tools
        vision = tools.vision
        search = LiveSearch(
            deployment.id, vision.model_digest, vision.dim, deployment.threshold
        )
        taken = await self.snapshots(deployment.id)
        await open_search(
            tools.database,
            tools.clock,
            self._live,
            search,
            tuple(snapshot.watchlist_id for snapshot in taken),
        )
        return search


def _start(tx: Transaction, new: NewDeployment, watchlist_ids: tuple[str, ...]) -> Deployment:
    """Draft, authority, snapshots and start of a lab deployment in one transaction."""
    if not watchlist_ids:
        raise NotFound("name at least one watchlist to compare with")
    draft = stored.add(tx, new)
    for watchlist_id in dict.fromkeys(watchlist_ids):
        stored.take_snapshot(tx, draft.id, watchlist_id)
    stored.authorise(tx, draft.id)
    return stored.start(tx, draft.id)

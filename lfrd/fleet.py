"""The site's cameras: which there are, and their life inside a deployment.

Outside a deployment no camera is opened and nothing is decoded. Inside one, each enabled camera
has a task of its own; cameras may come and go meanwhile, and one that fails touches no other.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from lfrd.clock import Clock
from lfrd.config import CameraSection
from lfrd.counters import CameraCounters
from lfrd.errors import Conflict, NotFound, SourceError
from lfrd.health import HealthBoard
from lfrd.ingest.camera import Camera
from lfrd.ingest.settings import CameraSettings, CameraStatus, State
from lfrd.ingest.sources import build_source
from lfrd.store import cameras as stored
from lfrd.store.database import SYSTEM, Database
from lfrd.types import Frame

CameraJob = Callable[[str, AsyncIterator[Frame], CameraCounters], Awaitable[None]]
"""What is done with a camera's frames until they end."""

CAMERAS_LIMIT = 64
READER_GRACE_S = 3.0
_UNWELL = frozenset({State.DEGRADED, State.FROZEN, State.LOST, State.REFUSED})


@dataclass(frozen=True, slots=True)
class Reading:
    """How sources are read. The defaults are the live ones; `try` and `demo` choose others."""

    every_frame: bool = False
    must_open: bool = False


@dataclass(frozen=True, slots=True)
class FleetCamera:
    """A camera as the site knows it: what is stored, how it is, and its counts if it runs.

    `shown` is its address without a password; `declared` says that the configuration holds it.
    """

    row: stored.Camera
    shown: str
    status: CameraStatus
    counters: CameraCounters | None
    declared: bool


class _Member:
    """One camera between being added and being removed."""

    def __init__(self, row: stored.Camera, settings: CameraSettings, now_s: float) -> None:
        self.row = row
        self.settings = settings
        self.status = CameraStatus(State.IDLE, now_s, "no deployment is running")
        self.counters: CameraCounters | None = None
        self.camera: Camera | None = None
        self.stop = asyncio.Event()


@dataclass(frozen=True, slots=True)
class _Run:
    """A deployment's use of the fleet."""

    tasks: asyncio.TaskGroup
    job: CameraJob
    changed: asyncio.Event


class Fleet:
    """All cameras of the site; for the event loop only."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        health: HealthBoard,
        declared: Sequence[CameraSection] = (),
        reading: Reading | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._health = health
        self._declared = {camera.id: camera for camera in declared}
        self._reading = reading or Reading()
        self._members: dict[str, _Member] = {}
        self._run: _Run | None = None
        self._live: set[str] = set()
        self._closing: list[Camera] = []
        self.stuck: tuple[str, ...] = ()
        self.failures: dict[str, SourceError] = {}
        """Cameras of the last run that gave up for good, and why."""

    async def load(self) -> None:
        """Read the stored cameras, after storing those that the configuration declares."""
        known = {row.id: row for row in await self._database.read(stored.list_all)}
        for section in self._declared.values():
            known[section.id] = await self._store_declared(section, known.get(section.id))
        for row in known.values():
            self._members[row.id] = self._member(row)

    def cameras(self) -> tuple[FleetCamera, ...]:
        """Every camera, by id."""
        return tuple(self._shown(self._members[name]) for name in sorted(self._members))

    def get(self, camera_id: str) -> FleetCamera:
        """Raises NotFound."""
        return self._shown(self._find(camera_id))

    async def add(
        self,
        camera_id: str,
        name: str,
        address: str,
        transport: Literal["tcp", "udp"],
        *,
        principal: str,
    ) -> FleetCamera:
        """Add a camera; it starts at once if a deployment runs. Raises BadInput, Conflict."""
        if len(self._members) >= CAMERAS_LIMIT:
            raise Conflict(f"a site has at most {CAMERAS_LIMIT} cameras; remove one first")
        settings = json.dumps({"transport": transport})
        draft = stored.Camera(camera_id, name, address, settings, True, 0.0, principal)
        build_source(self._settings(draft), self._clock)  # refuses an address that nobody can open
        row = await self._database.write(
            lambda tx: stored.add(tx, camera_id, name=name, address=address, settings=settings),
            principal=principal,
        )
        member = self._members[row.id] = self._member(row)
        self._launch(member)
        return self._shown(member)

    async def remove(self, camera_id: str, *, principal: str) -> None:
        """Stop and forget a camera. Raises NotFound, Conflict for a declared one."""
        self._find(camera_id)
        if camera_id in self._declared:
            raise Conflict(f"camera {camera_id} is declared in the configuration: remove it there")
        await self._database.write(lambda tx: stored.delete(tx, camera_id), principal=principal)
        member = self._members.pop(camera_id, None)
        if member is not None:
            member.stop.set()

    async def run(self, job: CameraJob, stop: asyncio.Event) -> None:
        """Run `job` over each enabled camera until `stop` is set or no camera has frames left.

        Returns when every job has ended. What a job raises ends the run.
        """
        if self._run is not None:
            raise Conflict("the cameras are in use by a deployment already")
        self.failures.clear()
        try:
            async with asyncio.TaskGroup() as tasks:
                self._run = _Run(tasks, job, asyncio.Event())
                for member in self._members.values():
                    self._launch(member)
                await self._finished(self._run, stop)
                for member in self._members.values():
                    member.stop.set()
        finally:
            self._run = None

    async def close(self) -> None:
        """Give readers that are still inside FFmpeg a last while; `stuck` then says whose are."""
        try:
            async with asyncio.timeout(READER_GRACE_S):
                for camera in self._closing:
                    await camera.wait_closed()
        except TimeoutError:
            self.stuck = tuple(
                camera.settings.id for camera in self._closing if camera.still_closing
            )

    async def _finished(self, run: _Run, stop: asyncio.Event) -> None:
        """Until told to stop, or all cameras that ran have come to their end."""
        ran = bool(self._live)
        waiting = run.tasks.create_task(stop.wait())
        while not stop.is_set() and (self._live or not ran):
            changed = run.tasks.create_task(run.changed.wait())
            await asyncio.wait({waiting, changed}, return_when=asyncio.FIRST_COMPLETED)
            changed.cancel()
            run.changed.clear()
            ran = ran or bool(self._live)
        waiting.cancel()

    def _launch(self, member: _Member) -> None:
        if self._run is None or not member.row.enabled:
            return
        member.stop.clear()
        self._live.add(member.row.id)
        self._run.changed.set()
        self._run.tasks.create_task(
            self._watch(member, self._run), name=f"watch camera {member.row.id}"
        )

    async def _watch(self, member: _Member, run: _Run) -> None:
        """One camera in one deployment. Leaving the camera ends its frames, and so the job."""
        counters = member.counters = CameraCounters()
        camera = Camera(
            member.settings, self._clock, counters, lambda status: self._noted(member, status)
        )
        try:
            async with asyncio.TaskGroup() as tasks, camera:
                member.camera = camera
                job = tasks.create_task(self._work(member, run, camera, counters))
                told = tasks.create_task(member.stop.wait())
                await asyncio.wait({job, told}, return_when=asyncio.FIRST_COMPLETED)
                told.cancel()
        finally:
            member.camera = None
            if camera.still_closing:
                self._closing.append(camera)
            self._health.clear(f"camera:{member.row.id}")
            self._live.discard(member.row.id)
            run.changed.set()

    async def _work(
        self, member: _Member, run: _Run, camera: Camera, counters: CameraCounters
    ) -> None:
        try:
            await run.job(member.row.id, camera.frames, counters)
        except SourceError as error:  # this camera is over; the others are not
            self.failures[member.row.id] = error

    def _noted(self, member: _Member, status: CameraStatus) -> None:
        member.status = status
        component = f"camera:{member.row.id}"
        if status.state in _UNWELL:
            self._health.degrade(component, f"camera {member.row.id}: {status.reason}")
        else:
            self._health.clear(component)

    def _shown(self, member: _Member) -> FleetCamera:
        return FleetCamera(
            member.row,
            member.settings.parsed().shown,
            member.camera.status if member.camera else member.status,
            member.counters,
            member.row.id in self._declared,
        )

    def _find(self, camera_id: str) -> _Member:
        member = self._members.get(camera_id)
        if member is None:
            raise NotFound(f"there is no camera {camera_id}")
        return member

    def _member(self, row: stored.Camera) -> _Member:
        return _Member(row, self._settings(row), self._clock.wall_s())

    def _settings(self, row: stored.Camera) -> CameraSettings:
        kept = json.loads(row.settings)
        return CameraSettings(
            row.id,
            row.address,
            transport=kept.get("transport", "tcp"),
            every_frame=self._reading.every_frame,
            must_open=self._reading.must_open,
        )

    async def _store_declared(
        self, section: CameraSection, known: stored.Camera | None
    ) -> stored.Camera:
        name = section.name or section.id
        settings = json.dumps({"transport": section.transport})
        wanted = stored.Camera(section.id, name, section.address, settings, True, 0.0, SYSTEM)
        build_source(self._settings(wanted), self._clock)
        if known is None:
            return await self._database.write(
                lambda tx: stored.add(
                    tx, section.id, name=name, address=section.address, settings=settings
                ),
                principal=SYSTEM,
            )
        same = (known.name, known.address, known.settings) == (name, section.address, settings)
        if same and known.enabled:
            return known
        return await self._database.write(lambda tx: stored.update(tx, wanted), principal=SYSTEM)

"""How cameras live: standing by outside a deployment, taking part inside one, one task for each.

Leaving a camera ends its frames, and with them whatever is done with them; nothing is cancelled
in the middle of a commit. What goes wrong with one camera, whatever it is and through however many
task groups it comes, ends no other and not the site. A Failure does: then the machine is at fault.
"""

import asyncio
import contextlib
import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from lfrd.clock import Clock
from lfrd.counters import CameraCounters
from lfrd.errors import (
    Conflict,
    Failure,
    SourceError,
    StoreFailed,
    UserError,
    each_of,
    place_of,
    trace_of,
)
from lfrd.events import EventKind
from lfrd.health import HealthBoard
from lfrd.ingest.camera import Camera, readers_at_work
from lfrd.ingest.masks import EVERYWHERE, Polygon, Regions
from lfrd.ingest.pacing import CameraPacer, PairPacer
from lfrd.ingest.paired_camera import PairedCamera
from lfrd.ingest.settings import AS_SENT, CameraSettings, CameraStatus, Correction, IceServer, State
from lfrd.ingest.whip import WhipIngest
from lfrd.store import camera_states
from lfrd.store import cameras as stored
from lfrd.store.database import SYSTEM, Database
from lfrd.store.transaction import Transaction
from lfrd.supervise import Backoff, keep_running
from lfrd.types import U8, Frame
from lfrd.vision.decoy_frame import cells_of

Transport = Literal["tcp", "udp"]


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """`keep_connected`: outside deployments the stream stays connected and is not decoded.

    `publish_digest` is the SHA-256 of the token that a WHIP publisher shows, `bearer_token` what
    we show a WHEP server. `look_address` may hold a password. See `CameraSettings` for the rest.

    Stored as JSON text in the camera's row. Unknown keys are ignored on reading, so that an older
    lfrd can still open a newer row after a downgrade of its own making.
    """

    transport: Transport = "tcp"
    ca_file: Path | None = None
    hwaccel: str | None = None
    keep_connected: bool = False
    regions: Regions = EVERYWHERE
    ice_servers: tuple[IceServer, ...] = ()
    bearer_token: str | None = field(default=None, repr=False)
    publish_digest: str | None = None
    correction: Correction = AS_SENT
    stream: int | None = None
    pin: str | None = None
    look_address: str | None = field(default=None, repr=False)

    def with_publish_token(self) -> tuple["CameraOptions", str]:
        """The same with a new token for publishers, and that token: it is shown this once."""
        token = secrets.token_urlsafe(32)
        return replace(self, publish_digest=_digest(token)), token

    def may_publish(self, token: str) -> bool:
        """Whether this is the camera's publishing token; compared in constant time."""
        return self.publish_digest is not None and hmac.compare_digest(
            self.publish_digest, _digest(token)
        )

    def to_json(self) -> str:
        """The text that the camera's row keeps."""
        return json.dumps(
            {
                "transport": self.transport,
                "ca_file": None if self.ca_file is None else str(self.ca_file),
                "hwaccel": self.hwaccel,
                "keep_connected": self.keep_connected,
                "include": [list(polygon.corners) for polygon in self.regions.include],
                "privacy": [list(polygon.corners) for polygon in self.regions.privacy],
                "ice_servers": [
                    {"url": s.url, "username": s.username, "password": s.password}
                    for s in self.ice_servers
                ],
                "bearer_token": self.bearer_token,
                "publish_digest": self.publish_digest,
                **self._shape(),
            }
        )

    def _shape(self) -> dict[str, Any]:
        """Of what is usual nothing is kept: rows of other versions stay as they are."""
        correction = self.correction
        given = {
            "rotate": correction.rotate_deg or None,
            "aspect": correction.aspect,
            "deinterlace": correction.deinterlace if correction.deinterlace != "auto" else None,
            "stream": self.stream,
            "pin": self.pin,
            "look_address": self.look_address,
        }
        return {name: value for name, value in given.items() if value is not None}

    @staticmethod
    def from_json(text: str) -> "CameraOptions":
        """What a row keeps; missing keys have their defaults."""
        kept: dict[str, Any] = json.loads(text)
        ca_file = kept.get("ca_file")
        return CameraOptions(
            transport=kept.get("transport", "tcp"),
            ca_file=Path(ca_file) if ca_file else None,
            hwaccel=kept.get("hwaccel"),
            keep_connected=bool(kept.get("keep_connected", False)),
            regions=Regions(_polygons(kept.get("include")), _polygons(kept.get("privacy"))),
            ice_servers=tuple(IceServer(**server) for server in kept.get("ice_servers") or ()),
            bearer_token=kept.get("bearer_token"),
            publish_digest=kept.get("publish_digest"),
            correction=Correction(
                kept.get("rotate", 0), kept.get("aspect"), kept.get("deinterlace", "auto")
            ),
            stream=kept.get("stream"),
            pin=kept.get("pin"),
            look_address=kept.get("look_address"),
        )


def _polygons(kept: list[list[list[float]]] | None) -> tuple[Polygon, ...]:
    return tuple(Polygon(tuple((x, y) for x, y in corners)) for corners in kept or ())


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


log = logging.getLogger(__name__)

AnyCamera = Camera | PairedCamera
AnyPacer = CameraPacer | PairPacer
PacerFor = Callable[[str, bool], AnyPacer | None]
"""Says which pictures of a camera are wanted in a run, of one with two streams where the second
argument is true; None: all."""

CameraJob = Callable[[str, AsyncIterator[Frame], CameraCounters], Awaitable[None]]
"""What is done with a camera's frames until they end."""

READER_POLLS, READER_POLL_S = 40, 0.05
AFTER_FAULT: Final = Backoff(first_s=5.0, cap_s=60.0)
"""A camera whose pictures made us fail begins anew after so long."""
RESTATED_LIMIT = 256
PAUSED = "paused"
GLANCE_S = 5.0
"""So long a request waits for a picture whose turn it is; where nothing moves few are taken."""
_ON_THE_WAY = frozenset({State.IDLE, State.CLOSING})
_UNWELL = frozenset({State.DEGRADED, State.FROZEN, State.LOST, State.REFUSED})


class Member:
    """One camera between being added and being removed.

    `stop` ends its part in the deployment or its standing by, `task` is that part.
    """

    def __init__(self, row: stored.Camera, now_s: float) -> None:
        self.become(row)
        self.status = CameraStatus(State.IDLE, now_s, "no deployment is running")
        self.counters: CameraCounters | None = None
        self.camera: AnyCamera | None = None
        self.stop = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def become(self, row: stored.Camera) -> None:
        """Be as this row says from now on."""
        self.row = row
        self.options = CameraOptions.from_json(row.settings)
        self.shown: tuple[str, str | None] | None = None
        """Its addresses without secrets, once somebody asked: to parse them takes 0.2 ms."""

    @property
    def component(self) -> str:
        """Its name on the health board."""
        return f"camera:{self.row.id}"

    @property
    def closing(self) -> bool:
        """Whether its reader is still inside FFmpeg although it was told to stop."""
        return self.camera is not None and self.camera.still_closing

    async def halt(self) -> None:
        """End what it does, and wait until it has."""
        if self.task is not None:
            self.stop.set()
            await asyncio.wait([self.task])
            self.task = None


@dataclass(frozen=True, slots=True)
class _Restated:
    """A camera's new state, in the words of the API; `is_told`: as an event, `is_kept`: in the
    history of its deployment."""

    camera_id: str
    state: str
    reason: str
    since_s: float
    is_told: bool
    is_kept: bool


@dataclass(frozen=True, slots=True)
class _Run:
    """A deployment's use of the cameras; `over` is set when files have come to their end."""

    job: CameraJob
    live: set[str]
    over: asyncio.Event
    pacer_for: PacerFor


class CameraLife:
    """Owns the tasks of all `members`, a mapping that the fleet changes. For the event loop."""

    def __init__(
        self,
        members: Mapping[str, Member],
        settings: Callable[[stored.Camera], CameraSettings],
        database: Database,
        clock: Clock,
        health: HealthBoard,
        whip: WhipIngest,
    ) -> None:
        self.failures: dict[str, SourceError] = {}
        self._members = members
        self._settings = settings
        self._database = database
        self._clock = clock
        self._health = health
        self._whip = whip
        self._tasks: asyncio.TaskGroup | None = None
        self._run: _Run | None = None
        self._closing: list[Member] = []
        self._restated: asyncio.Queue[_Restated] = asyncio.Queue(RESTATED_LIMIT)
        """Full: this change is neither told nor kept, the next one is."""

    def leaving(self) -> list[Member]:
        """Members that were removed and whose reader has not returned yet."""
        return [m for m in self._closing if m.closing and self._members.get(m.row.id) is not m]

    async def stay(self, stop: asyncio.Event) -> None:
        """Own the tasks of all cameras until `stop`: those that stand by, and those of a run."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            telling = tasks.create_task(self._tell())
            for member in self._members.values():
                self.launch(member)
            await stop.wait()
            for member in self._members.values():
                member.stop.set()
            telling.cancel()
        self._tasks = None

    async def run(
        self, job: CameraJob, stop: asyncio.Event, pacer_for: PacerFor = lambda _, __: None
    ) -> None:
        """Run `job` over each enabled camera until `stop` is set, or files have come to their end.

        Returns when every job has ended. A Failure that a job raises ends the site.
        """
        if self._run is not None:
            raise Conflict("the cameras are in use by a deployment already")
        self.failures.clear()
        run = self._run = _Run(job, set(), asyncio.Event(), pacer_for)
        try:
            await self._relaunch_all()
            async with asyncio.TaskGroup() as waiting:
                ends = {waiting.create_task(stop.wait()), waiting.create_task(run.over.wait())}
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                for end in ends:
                    end.cancel()
        finally:
            self._run = None
            await self._relaunch_all()

    async def glance(self, camera_id: str) -> U8:
        """The next picture as flat cells in which no face can be recognised, u8[rows, columns, 3]
        RGB.

        Raises Conflict where the camera gives none in time, or another one waits for it already.
        """
        member = self._members.get(camera_id)
        if member is None or member.camera is None:
            raise Conflict(f"camera {camera_id} is gone")
        try:
            async with asyncio.timeout(GLANCE_S):
                return cells_of((await member.camera.next_frame()).planes)
        except TimeoutError:
            raise Conflict(f"camera {camera_id} gave no picture in {GLANCE_S:.0f} s") from None

    async def close(self) -> None:
        """Give readers that are still inside FFmpeg a last while, also those of `camera test`."""
        for _ in range(READER_POLLS):
            if not readers_at_work():
                return
            await asyncio.sleep(READER_POLL_S)

    def lose(self, reason: str) -> None:
        """Nothing comes of any camera's pictures any more."""
        for member in self._members.values():
            if member.camera is not None:
                member.camera.lose(reason)

    async def _relaunch_all(self) -> None:
        """Move every camera from what it did to what it shall do now, all at the same time."""
        members = list(self._members.values())
        await asyncio.gather(*(member.halt() for member in members))
        for member in members:
            self.launch(member)

    def launch(self, member: Member) -> None:
        """Start what a camera shall do now, if anything: its part in the run, or standing by."""
        idle = "no deployment is running" if member.row.enabled else "paused"
        begins = self._tasks is not None and member.row.enabled and self._run is not None
        state, reason = (State.CONNECTING, "starting") if begins else (State.IDLE, idle)
        member.status = CameraStatus(state, self._clock.wall_s(), reason)
        if self._run is not None:
            self._restate(member, is_told=False)
        if self._tasks is None or not member.row.enabled:
            return
        member.stop.clear()
        if self._run is not None:
            self._run.live.add(member.row.id)
            work = self._take_part(member, self._run)
        elif member.options.keep_connected:
            work = self._stand_by(member)
        else:
            return
        member.task = self._tasks.create_task(work, name=f"camera {member.row.id}")

    async def _take_part(self, member: Member, run: _Run) -> None:
        """One camera in one deployment. Leaving the camera ends its frames, and so the job."""

        async def part() -> None:
            counters = member.counters = CameraCounters()

            async def work(camera: AnyCamera) -> None:
                await run.job(member.row.id, camera.frames, counters)

            pacer = run.pacer_for(member.row.id, member.options.look_address is not None)
            await self._with_camera(member, counters, work, decode=True, pacer=pacer)

        try:
            await self._apart(member, part)
        finally:
            run.live.discard(member.row.id)
            if not member.stop.is_set() and not run.live:
                run.over.set()

    async def _stand_by(self, member: Member) -> None:
        """Connected outside a deployment: packets come and are thrown away unread."""

        async def part() -> None:
            await self._with_camera(
                member, CameraCounters(), lambda _: member.stop.wait(), decode=False
            )

        await self._apart(member, part)

    async def _apart(self, member: Member, part: Callable[[], Awaitable[None]]) -> None:
        """Do a camera's part, and keep from all others what goes wrong with it.

        After a fault of ours it is done anew in a while. Where the camera itself gave up, its error
        is in `failures`; one that cannot even be begun waits until a user changes it.
        """

        async def attempt() -> None:
            if member.stop.is_set():
                return
            try:
                await part()
            except Exception as error:  # a group of them too
                if (fault := self._own_fault(member, error)) is not None:
                    raise fault from None
                if member.status.state is State.LOST:
                    await member.stop.wait()

        async def pause(seconds: float) -> None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await member.stop.wait()

        def failed(fault: SourceError, pause_s: float) -> None:
            reason = f"{fault}; next attempt in {pause_s:.0f} s"
            self._noted(member, CameraStatus(State.LOST, self._clock.wall_s(), reason))

        try:
            await keep_running(
                attempt, clock=self._clock, backoff=AFTER_FAULT, failed=failed, sleep=pause
            )
        finally:
            self._health.clear(member.component)

    def _own_fault(self, member: Member, error: Exception) -> SourceError | None:
        """What a camera's part raised: None where the camera is at fault, else what to say.

        Raises a Failure again, and any fault where a user waits for the outcome at a terminal.
        """
        causes = tuple(each_of(error))
        if any(isinstance(cause, Failure) for cause in causes):
            raise error
        faults = [cause for cause in causes if not isinstance(cause, UserError)]
        if not faults:
            self._gave_up(member, causes[0])
            return None
        if self._settings(member.row).must_open:
            raise error
        place = place_of(faults[0])
        log.error("camera %s: a fault with its pictures: %s", member.row.id, place)
        for fault in faults:
            log.debug("camera %s: %s", member.row.id, trace_of(fault))
        return SourceError(f"its pictures cannot be worked on: {place}")

    def _gave_up(self, member: Member, error: BaseException) -> None:
        if isinstance(error, SourceError):
            self.failures[member.row.id] = error
        else:  # its address or options were stored by another version
            self._noted(member, CameraStatus(State.LOST, self._clock.wall_s(), str(error)))

    async def _with_camera(
        self,
        member: Member,
        counters: CameraCounters,
        work: Callable[[AnyCamera], Coroutine[Any, Any, object]],
        *,
        decode: bool,
        pacer: AnyPacer | None = None,
    ) -> None:
        """Hold a camera open until `work` is done or the member is told to stop."""
        camera = member.camera = self._camera(member, counters, pacer)
        try:
            async with asyncio.TaskGroup() as tasks, camera:
                camera.decode(decode)
                working = tasks.create_task(work(camera))
                told = tasks.create_task(member.stop.wait())
                await asyncio.wait({working, told}, return_when=asyncio.FIRST_COMPLETED)
                told.cancel()
        finally:
            self._closing = [other for other in self._closing if other.closing]
            if camera.still_closing:
                self._closing.append(member)
            else:
                member.camera = None

    def _camera(
        self, member: Member, counters: CameraCounters, pacer: AnyPacer | None
    ) -> AnyCamera:
        settings, clock = self._settings(member.row), self._clock

        def noted(status: CameraStatus) -> None:
            self._noted(member, status)

        if settings.look_address is not None:
            assert pacer is None or isinstance(pacer, PairPacer)
            return PairedCamera(settings, clock, counters, noted, pacer=pacer)
        assert pacer is None or isinstance(pacer, CameraPacer)
        return Camera(settings, clock, counters, noted, whip=self._whip, pacer=pacer)

    def _noted(self, member: Member, status: CameraStatus) -> None:
        changed = member.status.state is not status.state
        member.status = status
        if status.state in _UNWELL:
            reason = f"camera {member.row.id}: {status.reason}"
            self._health.degrade(member.component, reason)
        else:
            self._health.clear(member.component)
        if changed:
            self._restate(member, is_told=True)

    def _restate(self, member: Member, *, is_told: bool) -> None:
        """Have what a camera is doing now told and kept; that it closes on its way to another state
        is kept only of one that was removed."""
        status = member.status
        paused = status.state is State.IDLE and not member.row.enabled and not is_told
        removed = self._members.get(member.row.id) is not member
        said = _Restated(
            member.row.id,
            PAUSED if paused else status.state.value,
            status.reason,
            status.since_s,
            is_told=is_told,
            is_kept=paused or removed or status.state not in _ON_THE_WAY,
        )
        if not self._restated.full():
            self._restated.put_nowait(said)

    async def _tell(self) -> None:
        """Write each change of state; of a full disk health tells without us."""
        while True:
            said = await self._restated.get()
            with contextlib.suppress(StoreFailed):
                await self._database.write(_write_of(said), principal=SYSTEM)


def _write_of(said: _Restated) -> Callable[[Transaction], None]:
    def write(tx: Transaction) -> None:
        if said.is_told:
            tx.event(EventKind.CAMERA_CHANGED, said.camera_id)
        if said.is_kept:
            camera_states.note(tx, said.camera_id, said.state, said.reason, said.since_s)

    return write

"""One deployment while it runs: cameras in, candidates out, and nothing left at the end."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from math import inf

from lfrd.cameras.fleet import Fleet
from lfrd.config import Config
from lfrd.counters import CameraCounters
from lfrd.deployment.pipeline import LookObserver, Parts, Rules, run_camera
from lfrd.deployment.recorder import DecisionQueue, EpisodeWriter
from lfrd.errors import FacesLeft, InferenceFailed, StoreFailed, each_of
from lfrd.events import EventKind, Reset
from lfrd.governance.operator_heartbeat import OperatorHeartbeat, Operators
from lfrd.governance.profile import Policy
from lfrd.governance.timekeeping import SteadyClock
from lfrd.health import HealthBoard
from lfrd.ingest.pacing import CameraPacer, RateController
from lfrd.matching.live_search import LiveSearch
from lfrd.matching.thresholds import Thresholds
from lfrd.store import deployments as stored
from lfrd.store import reviews
from lfrd.store.audit import AuditClass
from lfrd.store.database import SYSTEM, Database
from lfrd.store.deployments import Deployment
from lfrd.store.transaction import Transaction
from lfrd.summary import Report, SummaryLine, as_summary_json, over_restart, percentile
from lfrd.tracking.best_shot import BestShotRule
from lfrd.types import Frame
from lfrd.vision.engine import Vision

log = logging.getLogger(__name__)

HEARTBEAT, RECORD, INFERENCE = "heartbeat", "record", "inference"
"""Our names on the health board."""

COUNTS_EVERY_S = 60.0
TOLD_S = 1.0
"""So long clients may read that the models broke, before the service ends."""
TICK_S = 1.0

ENDS_SOON_S = (600.0, 60.0)
"""So long before the planned end it is told: time to extend it, or to be ready."""

LAST_WRITES_S = 10.0
"""A deployment that a fault ends waits so long for candidates that are not written yet."""

FRAMES_AHEAD = 8
"""Detections in flight beyond the frame whose turn it is, where a file is read at full speed."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast frames are taken. `media_clock`: files at full speed; `detect_hz` None: all.

    Under load live cameras slow down to `floor_hz`; files take the time they need. Where nothing
    moves a turn is taken every `still_look_s` only; 0 takes all.
    """

    detect_hz: float | None
    media_clock: bool = False
    floor_hz: float | None = None
    still_look_s: float = 0.0

    def rate_controller(self) -> RateController | None:
        """The common rate of all cameras; None means every frame."""
        if self.detect_hz is None:
            return None
        return RateController(self.detect_hz, self.floor_hz or self.detect_hz)


@dataclass(frozen=True, slots=True)
class RunContext:
    """What every deployment of this daemon works with."""

    config: Config
    database: Database
    clock: SteadyClock
    health: HealthBoard
    fleet: Fleet
    vision: Vision
    pace: Pace
    born_at_s: float
    thresholds: Thresholds
    report: Report | None = None
    observer: LookObserver | None = None


class DeploymentRun:
    """The running deployment; `run` is its whole life."""

    def __init__(
        self,
        deployment: Deployment,
        search: LiveSearch,
        context: RunContext,
        policy: Policy,
        before: SummaryLine | None = None,
    ) -> None:
        """`before`: the counts from before a restart; None for one that starts now."""
        self.deployment = deployment
        self.search = search
        self.stop = asyncio.Event()
        self.paused = False
        self.suspended = False
        """Whether it ends only because the daemon leaves, and goes on when that comes back."""
        self._policy = policy
        self._before = before
        self._heartbeat = OperatorHeartbeat(policy.rules.heartbeat_min, context.clock.monotonic_s())
        self._halt = asyncio.Event()
        self._wake = asyncio.Event()
        self.end_reason = "every camera came to its end"
        self.ended_by = ""
        self._broken = ""
        self._context = context
        self._counters: dict[str, CameraCounters] = {}
        self._earlier: list[CameraCounters] = []
        self._first_frame_s: float | None = None
        self._last_end_s: float | None = None
        self._cpu_at_first_s = 0.0
        self._made_before = context.vision.counts
        self._rate = context.pace.rate_controller()
        self._pacers: dict[str, CameraPacer] = {}
        self._writer = EpisodeWriter(
            context.database, context.clock, deployment.id, context.vision.model_digest,
            cooldown_s=context.config.review.cooldown_s, media_clock=context.pace.media_clock,
            report=context.report,
        )  # fmt: skip
        self._queue = DecisionQueue(self._writer)

    def ask_to_end(self, reason: str, principal: str) -> None:
        """End soon; the first reason counts."""
        if not self.stop.is_set():
            self.end_reason, self.ended_by = reason, principal
            self.stop.set()
            self._halt.set()
            self._wake.set()

    def leave(self) -> None:
        """The daemon stops: a lab deployment ends with it, any other goes on with the next one."""
        if not self.stop.is_set():
            self.suspended = not self._policy.is_lab
            self.ask_to_end("the daemon is stopping", SYSTEM)

    def fail(self, reason: str) -> None:
        """It was cut off by a fault."""
        if not self._broken:
            self.end_reason, self.suspended = reason, False

    def operator_seen(self) -> None:
        """An operator is present."""
        self._heartbeat.seen(self._context.clock.monotonic_s())

    async def run(self) -> SummaryLine:
        """Watch the cameras until the end, then make sure that no face is left in memory."""
        async with asyncio.TaskGroup() as tasks:
            clock = tasks.create_task(self._keep_time())
            listening = tasks.create_task(self._follow_reviews())
            tasks.create_task(self._queue.run())
            try:
                await self._watch_cameras()
            except BaseException:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LAST_WRITES_S):
                        await self._queue.close()
                raise
            await self._queue.close()
            clock.cancel()
            listening.cancel()
        await self._leave_nothing()
        return self.summary()

    def summary(self) -> SummaryLine:
        """The counts so far, those from before a restart included."""
        return over_restart(self._before, self._counts()) if self._before else self._counts()

    def _counts(self) -> SummaryLine:
        context, counts = self._context, self._context.vision.counts
        cameras = [*self._counters.values(), *self._earlier]
        begin_s, end_s = self._first_frame_s, self._last_end_s
        return SummaryLine(
            event="summary",
            frames_decoded=sum(camera.frames_decoded for camera in cameras),
            frames_detected=sum(camera.frames_detected for camera in cameras),
            frames_dropped=sum(camera.frames_dropped for camera in cameras),
            tracks=sum(camera.tracks for camera in cameras),
            candidates=self._writer.raised,
            templates_made=counts.made - self._made_before.made,
            templates_destroyed=counts.destroyed - self._made_before.destroyed,
            templates_enrolled=context.vision.enrolled,
            startup_s=(begin_s or time.monotonic()) - context.born_at_s,
            wall_s=end_s - begin_s if begin_s and end_s else 0.0,
            cpu_s=time.process_time() - self._cpu_at_first_s if begin_s and end_s else 0.0,
            latency_p50_ms=percentile(self._writer.latencies_ms, 0.50),
            latency_p95_ms=percentile(self._writer.latencies_ms, 0.95),
            deployment_id=self.deployment.id,
            tracks_split=sum(camera.tracks_split for camera in cameras),
        )

    async def _watch(
        self, camera_id: str, frames: AsyncIterator[Frame], counters: CameraCounters
    ) -> None:
        """One camera's part; its counts stay when the camera is removed or added again."""
        if camera_id in self._counters:
            self._earlier.append(self._counters[camera_id])
        self._counters[camera_id] = counters
        try:
            noted, pacer = self._noting(frames), self._pacers.get(camera_id)
            await run_camera(camera_id, noted, self._parts(), counters, pacer)
        except* InferenceFailed as broken:
            await self._announce(next(each_of(broken)))
            raise
        finally:
            self._last_end_s = time.monotonic()

    async def _announce(self, why: BaseException) -> None:
        """Models broke. No provider takes over at half the speed: it is said everywhere, then the
        service ends and is started anew, and with it any deployment but the lab's."""
        if not self._broken:
            self._broken = f"nothing is compared any more: {why}"
            self.end_reason, self.suspended = self._broken, not self._policy.is_lab
            self._context.health.fail(INFERENCE, self._broken)
            self._context.fleet.life.lose(self._broken)
            await self._log("inference-failed")
        await asyncio.sleep(TOLD_S)

    def _pacer_for(self, camera_id: str) -> CameraPacer | None:
        """A camera begins: which of its pictures shall be looked at."""
        if self._rate:
            still_look_s = self._context.pace.still_look_s
            self._pacers[camera_id] = CameraPacer(self._rate, camera_id, still_look_s)
        return self._pacers.get(camera_id)

    async def _noting(self, frames: AsyncIterator[Frame]) -> AsyncIterator[Frame]:
        async for frame in frames:
            if self._first_frame_s is None:
                self._first_frame_s = frame.arrived_at_s
                self._cpu_at_first_s = time.process_time()
            yield frame

    def _parts(self) -> Parts:
        config, pace = self._context.config, self._context.pace
        rules = Rules(
            best_shot=BestShotRule(
                smallest_inter_eye_px=config.detection.smallest_inter_eye_px,
                max_yaw_deg=config.matching.max_yaw_deg,
                max_looks=config.matching.max_looks,
            ),
            frames_ahead=FRAMES_AHEAD if pace.media_clock else 1,
        )
        return Parts(self._context.vision, self.search, self._queue, rules, self._context.observer)

    async def _watch_cameras(self) -> None:
        """Until the end; while no operator is present, no camera is decoded."""
        while not self.stop.is_set():
            self._halt.clear()
            self._wake.clear()
            if not self.paused:
                await self._context.fleet.life.run(self._watch, self._halt, self._pacer_for)
                if not self._only_paused():
                    return
                await self._context.vision.drain()
            await self._wake.wait()

    def _only_paused(self) -> bool:
        return self.paused and not self.stop.is_set()

    async def _keep_time(self) -> None:
        """Ask for the end when its time has come or the operators have gone."""
        kept_s = self._context.clock.monotonic_s()
        before_s = 0.0
        while not self.stop.is_set():
            now_s = self._context.clock.monotonic_s()
            planned_s = self.deployment.planned_end_at_s
            left_s = inf if planned_s is None else planned_s - self._context.clock.wall_s()
            if left_s <= 0:
                self.ask_to_end("the planned end has come", SYSTEM)
            elif ends_soon(before_s, left_s):
                await self._tell_end()
            before_s = left_s
            await self._mind_operators(self._heartbeat.at(now_s))
            if now_s - kept_s >= COUNTS_EVERY_S:
                kept_s = now_s
                self._note_counts()
                await self._log(None)
            await asyncio.sleep(min(max(left_s, 0.0), TICK_S))

    async def _tell_end(self) -> None:
        """Tell whoever listens that the planned end is near."""
        with contextlib.suppress(StoreFailed):  # what a full disk means, the record says
            await self._context.database.write(
                lambda tx: tx.event(EventKind.DEPLOYMENT_ENDING, self.deployment.id),
                principal=SYSTEM,
            )

    def _note_counts(self) -> None:
        """What each camera counted, for those who ask about a span of time."""
        for camera_id, counters in self._counters.items():
            self.search.tracks.note(camera_id, self._context.clock.wall_s(), counters)

    async def _mind_operators(self, operators: Operators) -> None:
        if operators is Operators.GONE:
            self.ask_to_end("no operator was present", SYSTEM)
        elif operators is Operators.AWAY and not self.paused:
            self.paused = True
            self._halt.set()
            self._context.health.degrade(HEARTBEAT, "matching pauses: no operator is present")
            await self._log("pause")
        elif operators is Operators.HERE and self.paused:
            self.paused = False
            self._wake.set()
            self._context.health.clear(HEARTBEAT)
            await self._log("go-on")

    async def _log(self, step: str | None) -> None:
        """Write the counts so far, and a step if there is one; a full disk turns health red."""
        row_id, summary = self.deployment.id, as_summary_json(self.summary())

        def write(tx: Transaction) -> None:
            if step is None:
                stored.keep_counts(tx, row_id, summary)
            else:
                stored.note(tx, row_id, step, summary=summary)

        try:
            await self._context.database.write(write, principal=SYSTEM)
        except StoreFailed as error:
            self._context.health.fail(RECORD, f"the deployment's record cannot be written: {error}")
        else:
            self._context.health.clear(RECORD)

    async def _follow_reviews(self) -> None:
        """After "not a match" an entry is silent for that track, as long as the track lives."""
        async with self._context.database.events.subscribe() as changes:
            async for event in changes:
                if isinstance(event, Reset) or event.kind is not EventKind.EPISODE_CLOSED:
                    continue
                seen = self._writer.track_of(event.subject_id)
                if seen is not None and await self._was_no_match(event.subject_id):
                    self.search.tracks.silence(seen.camera_id, seen.track_id, seen.entry_id)

    async def _was_no_match(self, episode_id: str) -> bool:
        """Whether every final decision about an episode was "not a match"."""
        given = await self._context.database.read(
            lambda reader: reviews.of_episode(reader, episode_id)
        )
        final = {review.decision for review in given if review.final_at_s is not None}
        return final == {reviews.ReviewDecision.NOT_MATCH}

    async def _leave_nothing(self) -> None:
        self.search.close()
        self._context.health.clear(HEARTBEAT)
        counts = await self._context.vision.drain()
        held = counts.held + self._context.vision.crops_held
        made = counts.made - self._made_before.made
        await self._context.database.write(
            lambda tx: tx.audit(
                AuditClass.ERASURE,
                "deployment.probes",
                (self.deployment.id,),
                {"made": made, "destroyed": made - held, "held": held},
            ),
            principal=SYSTEM,
        )
        if held:
            raise FacesLeft(f"{held} face buffers are still held after the deployment's end")


def ends_soon(before_s: float, left_s: float) -> bool:
    """Whether the time that is left to the planned end has just come down to a mark. What began or
    was taken up again below one was not above it a moment ago."""
    return any(before_s > mark_s >= left_s for mark_s in ENDS_SOON_S)

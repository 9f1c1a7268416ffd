"""One deployment while it runs: cameras in, candidates out, and nothing left at the end."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass

from lfrd.alerts import Alerts
from lfrd.clock import Clock
from lfrd.config import Config
from lfrd.counters import CameraCounters
from lfrd.errors import FacesLeft
from lfrd.events import EventKind, Reset
from lfrd.fleet import Fleet
from lfrd.governance.audit import AuditClass
from lfrd.health import HealthBoard
from lfrd.identity.live_search import LiveSearch
from lfrd.identity.thresholds import Thresholds
from lfrd.lines import Report, SummaryLine, percentile
from lfrd.pipeline import Parts, Rules, run_camera
from lfrd.store import reviews
from lfrd.store.database import SYSTEM, Database
from lfrd.store.deployments import Deployment
from lfrd.tempo import Tempo
from lfrd.tracking.best_shot import BestShotRule
from lfrd.types import Frame
from lfrd.vision.engine import Vision

log = logging.getLogger(__name__)

FRAMES_AHEAD = 3
"""Detections in flight beyond the frame whose turn it is, where a file is read at full speed."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast frames are taken. `media_clock`: files at full speed; `detect_hz` None: all.

    Under load live cameras slow down to `floor_hz`; files take the time they need.
    """

    detect_hz: float | None
    media_clock: bool = False
    floor_hz: float | None = None

    def tempo(self) -> Tempo | None:
        """The common rate of all cameras; None means every frame."""
        if self.detect_hz is None:
            return None
        return Tempo(self.detect_hz, self.floor_hz or self.detect_hz)


@dataclass(frozen=True, slots=True)
class Tools:
    """What every deployment of this daemon works with."""

    config: Config
    database: Database
    clock: Clock
    health: HealthBoard
    fleet: Fleet
    vision: Vision
    pace: Pace
    born_at_s: float
    thresholds: Thresholds
    report: Report | None = None


class Running:
    """The running deployment; `run` is its whole life."""

    def __init__(self, deployment: Deployment, search: LiveSearch, tools: Tools) -> None:
        self.deployment = deployment
        self.search = search
        self.stop = asyncio.Event()
        self.end_reason = "every camera came to its end"
        self.ended_by = ""
        self._tools = tools
        self._counters: dict[str, CameraCounters] = {}
        self._earlier: list[CameraCounters] = []
        self._first_frame_s: float | None = None
        self._last_end_s: float | None = None
        self._cpu_at_first_s = 0.0
        self._made_before = tools.vision.counts
        self._tempo = tools.pace.tempo()
        self._alerts = Alerts(
            tools.database,
            tools.clock,
            tools.health,
            deployment.id,
            tools.vision.model_digest,
            media_clock=tools.pace.media_clock,
            report=tools.report,
        )

    def ask_to_end(self, reason: str, principal: str) -> None:
        """End soon, because of `reason`; the first reason counts."""
        if not self.stop.is_set():
            self.end_reason, self.ended_by = reason, principal
            self.stop.set()

    async def run(self) -> SummaryLine:
        """Watch the cameras until the end, then make sure that no face is left in memory."""
        async with asyncio.TaskGroup() as tasks:
            clock = tasks.create_task(self._end_in_time())
            listening = tasks.create_task(self._follow_reviews())
            await self._tools.fleet.life.run(self._watch, self.stop)
            clock.cancel()
            listening.cancel()
        await self._leave_nothing()
        return self.summary()

    def summary(self) -> SummaryLine:
        """The counts so far."""
        tools, counts = self._tools, self._tools.vision.counts
        cameras = [*self._counters.values(), *self._earlier]
        begin_s, end_s = self._first_frame_s, self._last_end_s
        ran = begin_s is not None and end_s is not None
        return SummaryLine(
            event="summary",
            frames_decoded=sum(camera.frames_decoded for camera in cameras),
            frames_detected=sum(camera.frames_detected for camera in cameras),
            frames_dropped=sum(camera.frames_dropped for camera in cameras),
            tracks=sum(camera.tracks for camera in cameras),
            candidates=self._alerts.raised,
            templates_made=counts.made - self._made_before.made,
            templates_destroyed=counts.destroyed - self._made_before.destroyed,
            templates_enrolled=tools.vision.enrolled,
            startup_s=(begin_s or time.monotonic()) - tools.born_at_s,
            wall_s=end_s - begin_s if ran and begin_s and end_s else 0.0,
            cpu_s=time.process_time() - self._cpu_at_first_s if ran else 0.0,
            latency_p50_ms=percentile(self._alerts.latencies_ms, 0.50),
            latency_p95_ms=percentile(self._alerts.latencies_ms, 0.95),
            deployment_id=self.deployment.id,
        )

    async def _watch(
        self, camera_id: str, frames: AsyncIterator[Frame], counters: CameraCounters
    ) -> None:
        """One camera's part; its counts stay when the camera is removed or added again."""
        if camera_id in self._counters:
            self._earlier.append(self._counters[camera_id])
        self._counters[camera_id] = counters
        try:
            await run_camera(camera_id, self._noting(frames), self._parts(), counters)
        finally:
            self._last_end_s = time.monotonic()

    async def _noting(self, frames: AsyncIterator[Frame]) -> AsyncIterator[Frame]:
        async for frame in frames:
            if self._first_frame_s is None:
                self._first_frame_s = frame.arrived_at_s
                self._cpu_at_first_s = time.process_time()
            yield frame

    def _parts(self) -> Parts:
        config, pace = self._tools.config, self._tools.pace
        rules = Rules(
            best_shot=BestShotRule(
                smallest_inter_eye_px=config.detection.smallest_inter_eye_px,
                max_yaw_deg=config.matching.max_yaw_deg,
                max_looks=config.matching.max_looks,
            ),
            frames_ahead=FRAMES_AHEAD if pace.media_clock else 0,
        )
        return Parts(self._tools.vision, self.search, self._alerts, rules, self._tempo)

    async def _end_in_time(self) -> None:
        """Ask for the end when the planned time has come, by the wall clock."""
        planned_s = self.deployment.planned_end_at_s
        while planned_s is not None:
            left_s = planned_s - self._tools.clock.wall_s()
            if left_s <= 0:
                self.ask_to_end("the planned end has come", "system")
                return
            await asyncio.sleep(min(left_s, 1.0))

    async def _follow_reviews(self) -> None:
        """After "not a match" an entry is silent for that track, as long as the track lives."""
        async with self._tools.database.events.subscribe() as changes:
            async for event in changes:
                if isinstance(event, Reset) or event.kind is not EventKind.EPISODE_CLOSED:
                    continue
                seen = self._alerts.track_of(event.subject_id)
                if seen is not None and await self._was_no_match(event.subject_id):
                    self.search.tracks.silence(seen.camera_id, seen.track_id, seen.entry_id)

    async def _was_no_match(self, episode_id: str) -> bool:
        """Whether every final decision about an episode was "not a match"."""
        given = await self._tools.database.read(
            lambda reader: reviews.of_episode(reader, episode_id)
        )
        final = {review.decision for review in given if review.final_at_s is not None}
        return final == {reviews.ReviewDecision.NOT_MATCH}

    async def _leave_nothing(self) -> None:
        self.search.close()
        counts = await self._tools.vision.drain()
        held = counts.held + self._tools.vision.crops_held
        made = counts.made - self._made_before.made
        await self._tools.database.write(
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


def as_summary_json(line: SummaryLine) -> str:
    """The counts as the deployment's record keeps them."""
    return json.dumps(asdict(line))

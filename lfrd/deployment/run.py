"""One deployment while it runs: cameras in, candidates out, and nothing left at the end."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from math import inf

from lfrd.cameras.life import CameraLife
from lfrd.counters import CameraCounters
from lfrd.deployment.camera_watch import CameraWatch
from lfrd.deployment.counts import RunCounts
from lfrd.deployment.coverage import Coverage
from lfrd.deployment.recorder import DecisionQueue, EpisodeWriter
from lfrd.errors import FacesLeft, InferenceFailed, StoreFailed, each_of
from lfrd.events import EventKind, Reset
from lfrd.governance.operator_heartbeat import OperatorHeartbeat, Operators
from lfrd.governance.profile import Policy
from lfrd.governance.timekeeping import SteadyClock
from lfrd.health import HealthBoard
from lfrd.matching.live_search import LiveSearch
from lfrd.matching.why import CameraCounts
from lfrd.software import identity
from lfrd.store import deployments as stored
from lfrd.store import flows, reviews, tallies
from lfrd.store.audit import AuditClass
from lfrd.store.database import SYSTEM, Database
from lfrd.store.deployments import Deployment
from lfrd.store.flows import CameraFlow
from lfrd.store.tallies import CameraTally, RunTally, Tallies
from lfrd.store.transaction import Transaction
from lfrd.summary import SummaryLine, as_summary_json
from lfrd.types import Frame
from lfrd.vision.engine import Vision

log = logging.getLogger(__name__)

HEARTBEAT, RECORD, INFERENCE, LOAD = "heartbeat", "record", "inference", "load"
"""Our names on the health board."""
LOAD_TOLD_EVERY_S = 10.0

COUNTS_EVERY_S = 60.0
TOLD_S = 1.0
"""So long clients may read that the models broke, before the service ends."""
TICK_S = 1.0

ENDS_SOON_S = (600.0, 60.0)
"""So long before the planned end it is told: time to extend it, or to be ready."""
HELD_S = 5.0
"""So long, in the end, whoever still holds something of a face may take to give it back."""

LAST_WRITES_S = 10.0
"""A deployment that a fault ends waits so long for candidates that are not written yet."""


class DeploymentRun:
    """The running deployment: it begins, pauses and ends; `run` is its whole life."""

    def __init__(
        self,
        deployment: Deployment,
        search: LiveSearch,
        policy: Policy,
        cameras: CameraWatch,
        queue: DecisionQueue,
        writer: EpisodeWriter,
        counts: RunCounts,
        coverage: Coverage,
        *,
        before: Tallies,
        database: Database,
        clock: SteadyClock,
        health: HealthBoard,
        life: CameraLife,
        vision: Vision,
    ) -> None:
        self.deployment = deployment
        self.search = search
        self.stop = asyncio.Event()
        self.paused_by = before.run.paused_by
        """Who asked for the pause; empty where nobody did. It outlives the daemon."""
        self.paused = bool(self.paused_by)
        self.suspended = False
        """Whether it ends only because the daemon leaves, and goes on when that comes back."""
        self.end_reason = "every camera came to its end"
        self.ended_by = ""
        self._policy = policy
        self._cameras = cameras
        self._queue = queue
        self._writer = writer
        self._counts = counts
        self._coverage = coverage
        self._before = before
        self._database = database
        self._clock = clock
        self._health = health
        self._life = life
        self._vision = vision
        rules, now_s = policy.rules, clock.monotonic_s()
        self._heartbeat = OperatorHeartbeat(rules.heartbeat_min, now_s)
        self._team = OperatorHeartbeat(
            rules.street_team_min, now_s, at_once=rules.street_team_gone == "end"
        )
        self.team_away = False
        """Whether the rules want a sign of a team on the spot, and there was none for too long."""
        self._halt = asyncio.Event()
        self._wake = asyncio.Event()
        self._load_told_at_s = -inf
        self._broken = ""

    @property
    def unwritten(self) -> int:
        """Candidates that are not on the disk yet."""
        return self._queue.unwritten

    @property
    def raised(self) -> int:
        """Candidates raised since it began, those from before a restart included."""
        return self._counts.candidates

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
        self._heartbeat.seen(self._clock.monotonic_s())

    async def pause(self, principal: str, *, on: bool) -> None:
        """Pause matching because somebody asks for it, or let it go on; no camera is decoded
        meanwhile, and a daemon that is started anew goes on pausing."""
        asked = principal if on else ""
        changed, paused, self.paused_by = asked != self.paused_by, self.paused, asked
        self.operator_seen()
        now_s = self._clock.monotonic_s()
        await self._mind_presence(self._heartbeat.at(now_s), self._team.at(now_s), principal)
        if changed and paused is self.paused:  # it pauses for another reason too
            await self._log(None)

    def team_seen(self) -> None:
        """The team on the spot gave a sign."""
        self._team.seen(self._clock.monotonic_s())

    async def run(self) -> SummaryLine:
        """Watch the cameras until the end, then make sure that no face is left in memory."""
        await asyncio.to_thread(identity)  # reads this program once; the counts name it
        async with asyncio.TaskGroup() as tasks:
            clock = tasks.create_task(self._keep_time())
            listening = tasks.create_task(follow_reviews(self._database, self._writer, self.search))
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
        return self._counts.summary()

    def tallies(self, *, is_open: bool = True) -> Tallies:
        """The same for the record, by camera; `is_open` while a crash could cut it off."""
        covered, deployment_id = self._coverage, self.deployment.id
        run = RunTally(
            deployment_id=deployment_id, ran_s=covered.ran_s, paused_s=covered.paused_s,
            software=json.dumps([identity()]), is_open=is_open, paused_by=self.paused_by,
        )  # fmt: skip
        counted = self._counts.by_camera(self.search.tracks)
        known = counted.keys() | covered.active_s.keys() | covered.down_s.keys()
        cameras = {
            camera_id: replace(
                counted.get(camera_id)
                or CameraTally(deployment_id=deployment_id, camera_id=camera_id),
                active_s=covered.active_s.get(camera_id, 0.0),
                down_s=covered.down_s.get(camera_id, 0.0),
            )
            for camera_id in sorted(known)
        }
        return tallies.over_restart(self._before, Tallies(run, cameras))

    def flow(self) -> tuple[CameraFlow, ...]:
        """What each camera counted in these five minutes and those before."""
        self._note_counts()
        now_s = self._clock.wall_s()
        begin_s = now_s - now_s % flows.SPAN_S - flows.SPAN_S
        found = []
        for camera_id in self._counts.cameras:
            minutes = self.search.tracks.minutes(camera_id, begin_s)
            for at_s in (begin_s, begin_s + flows.SPAN_S):
                counts = CameraCounts()
                for minute_s, counted in minutes:
                    if at_s <= minute_s < at_s + flows.SPAN_S:
                        counts = counts + counted
                if counts.frames_decoded:
                    found.append(_flow_of(self.deployment.id, camera_id, at_s, counts))
        return tuple(found)

    async def _watch(
        self, camera_id: str, frames: AsyncIterator[Frame], counters: CameraCounters
    ) -> None:
        """One camera's part."""
        try:
            await self._cameras.watch(camera_id, frames, counters)
        except* InferenceFailed as broken:
            await self.announce(next(each_of(broken)))
            raise

    async def announce(self, why: BaseException) -> None:
        """Models broke. No provider takes over at half the speed: it is said everywhere, then the
        service ends and is started anew, and with it any deployment but the lab's."""
        if not self._broken:
            self._broken = f"nothing is compared any more: {why}"
            self.end_reason, self.suspended = self._broken, not self._policy.is_lab
            self._health.fail(INFERENCE, self._broken)
            self._life.lose(self._broken)
            await self._log("inference-failed")
        await asyncio.sleep(TOLD_S)

    async def _watch_cameras(self) -> None:
        """Until the end; while no operator is present, no camera is decoded."""
        while not self.stop.is_set():
            if self.paused:
                self._wake.clear()
                await self._wake.wait()
                continue
            self._halt.clear()
            await self._life.run(self._watch, self._halt, self._cameras.pacer_for)
            if not self._halt.is_set():  # every camera came to its end
                return
            await self._vision.drain()  # for a pause, which may be over by now

    async def _keep_time(self) -> None:
        """Ask for the end when its time has come or the operators have gone."""
        kept_s = self._clock.monotonic_s()
        before_s = 0.0
        await self._log(None)
        while not self.stop.is_set():
            now_s = self._clock.monotonic_s()
            self._coverage.tick(now_s, paused=self.paused)
            planned_s = self.deployment.planned_end_at_s
            left_s = inf if planned_s is None else planned_s - self._clock.wall_s()
            if left_s <= 0:
                self.ask_to_end("the planned end has come", SYSTEM)
            elif ends_soon(before_s, left_s):
                await self._tell_end()
            before_s = left_s
            self._mind_load(now_s)
            await self._mind_team(self._team.at(now_s))
            await self._mind_presence(self._heartbeat.at(now_s), self._team.at(now_s))
            if now_s - kept_s >= COUNTS_EVERY_S:
                kept_s = now_s
                await self._log(None)
            await asyncio.sleep(min(max(left_s, 0.0), TICK_S))

    def _mind_load(self, now_s: float) -> None:
        """Say that the machine is full, and how many cameras fit, while it is."""
        full = self._cameras.mind_load()
        if full is None:
            if now_s - self._load_told_at_s >= LOAD_TOLD_EVERY_S:
                self._health.clear(LOAD)
        elif now_s - self._load_told_at_s >= LOAD_TOLD_EVERY_S:
            self._load_told_at_s = now_s
            self._health.degrade(LOAD, full)

    async def _tell_end(self) -> None:
        """Tell subscribers that the planned end is near."""
        with contextlib.suppress(StoreFailed):  # what a full disk means, the record says
            await self._database.write(
                lambda tx: tx.event(EventKind.DEPLOYMENT_ENDING, self.deployment.id),
                principal=SYSTEM,
            )

    def _note_counts(self) -> None:
        """What each camera counted, for those who ask about a span of time."""
        for camera_id, counters in self._counts.cameras.items():
            self.search.tracks.note(camera_id, self._clock.wall_s(), counters)

    async def _mind_team(self, team: Operators) -> None:
        """Log that the team on the spot gave no sign any more, and that it is back."""
        away = team is not Operators.HERE
        if away is not self.team_away:
            self.team_away = away
            await self._log("team-away" if away else "team-back")

    async def _mind_presence(
        self, operators: Operators, team: Operators, principal: str = SYSTEM
    ) -> None:
        """Without an operator, or without the team that the rules want, matching pauses, and after
        a while, or at once, the deployment ends. It pauses too while somebody asks for it."""
        there = {"operator": operators, "team on the spot": team}
        gone = [who for who, state in there.items() if state is Operators.GONE]
        away = [who for who, state in there.items() if state is Operators.AWAY]
        if gone:
            self.ask_to_end(f"no {gone[0]} was present", SYSTEM)
        elif away or self.paused_by:
            why = f"no {' and no '.join(away)} is present"
            if not away:
                why = f"{self.paused_by} asked for it"
            self._health.degrade(HEARTBEAT, f"matching pauses: {why}")
            if not self.paused:
                self.paused = True
                self._halt.set()
                await self._log("pause", principal)
        elif self.paused:
            self.paused = False
            self._wake.set()
            self._health.clear(HEARTBEAT)
            await self._log("go-on", principal)

    async def _log(self, step: str | None, principal: str = SYSTEM) -> None:
        """Write the counts so far, and a step if there is one; a full disk turns health red."""
        row_id, summary = self.deployment.id, as_summary_json(self.summary())
        flow, counted = self.flow(), self.tallies()

        def write(tx: Transaction) -> None:
            tallies.keep(tx, counted)
            flows.keep(tx, flow)
            if step is None:
                stored.keep_counts(tx, row_id, summary)
            else:
                stored.note(tx, row_id, step, summary=summary)

        try:
            await self._database.write(write, principal=principal)
        except StoreFailed as error:
            self._health.fail(RECORD, f"the deployment's record cannot be written: {error}")
        else:
            self._health.clear(RECORD)

    async def _leave_nothing(self) -> None:
        self._coverage.tick(self._clock.monotonic_s(), paused=self.paused)
        self.search.close()
        self._health.clear(LOAD)
        self._health.clear(HEARTBEAT)
        await self._vision.drain()
        held = await self._held()
        made = self._counts.templates_made
        await self._database.write(
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

    async def _held(self) -> int:
        """Buffers of faces that are still held. Who replays an alert has one for a moment, and
        gets the time to give it back."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HELD_S):
                await self._vision.all_given_back()
        return self._vision.counts.held + self._vision.crops_held


def ends_soon(before_s: float, left_s: float) -> bool:
    """Whether the time that is left to the planned end has just come down to a mark. What began or
    was taken up again below one was not above it a moment ago."""
    return any(before_s > mark_s >= left_s for mark_s in ENDS_SOON_S)


async def follow_reviews(database: Database, writer: EpisodeWriter, search: LiveSearch) -> None:
    """Silence what reviewers refuse, until cancelled: after "not a match" an entry is not raised
    again for that track, as long as the track lives."""
    async with database.events.subscribe() as changes:
        async for event in changes:
            if isinstance(event, Reset) or event.kind is not EventKind.EPISODE_CLOSED:
                continue
            seen = writer.track_of(event.subject_id)
            if seen is not None and await _was_no_match(database, event.subject_id):
                search.tracks.silence(seen.camera_id, seen.track_id, seen.entry_id)


async def _was_no_match(database: Database, episode_id: str) -> bool:
    """Whether every final decision about an episode was "not a match"."""
    given = await database.read(lambda reader: reviews.of_episode(reader, episode_id))
    final = {review.decision for review in given if review.final_at_s is not None}
    return final == {reviews.ReviewDecision.NOT_MATCH}


def _flow_of(deployment_id: str, camera_id: str, at_s: float, counts: CameraCounts) -> CameraFlow:
    return CameraFlow(
        deployment_id=deployment_id,
        camera_id=camera_id,
        at_s=at_s,
        frames_detected=counts.frames_detected,
        frames_dropped=counts.frames_dropped,
        faces_detected=counts.faces_detected,
        tracks=counts.tracks,
        never_compared=counts.never_compared,
        candidates=counts.raised,
    )

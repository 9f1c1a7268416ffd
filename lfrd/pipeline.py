"""A frame's way, from the mailbox to a candidate: the whole story is `run_camera`."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lfrd.counters import CameraCounters
from lfrd.identity.live_search import LiveSearch
from lfrd.identity.mean_template import MeanTemplate
from lfrd.pacing import Pacer
from lfrd.recording import Sight
from lfrd.tracking.best_shot import BestShot, BestShotRule, Skip
from lfrd.tracking.tracker import Tracker
from lfrd.types import (
    F32,
    Decision,
    Detections,
    Frame,
    Look,
    Match,
    Planes,
    Quality,
    TrackUpdate,
    TrackView,
)  # fmt: skip
from lfrd.vision.engine import Vision
from lfrd.vision.pool import Buffer
from lfrd.vision.quality import inter_eye_px, measure, pose_deg, potential, potential_of

LOOKS_LIMIT = 8
"""Looks taken of one frame: a tenth of a second's work where every face is new."""

CANDIDATES_KEPT = 5
"""How many entries of each search the evidence sees."""

Found = tuple[Match, ...]
"""Entries, the nearest first."""

NEAR = 0.12
"""A look this far below an entry's bar may be followed by looks that reach it: those of one person
spread by about 0.1 (standard deviation, LFW), and single looks carry a handicap of 0.1."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How every camera is looked at.

    `frames_ahead` is how many frames may be in detection while the looks of another are taken: one
    of a live camera, where only the newest counts; a few where a file is read at full speed.
    """

    best_shot: BestShotRule
    frames_ahead: int = 1


class AlertSink(Protocol):
    """Where decisions go; returns when the decision is taken in (see lfrd.recording)."""

    async def record(self, camera_id: str, decision: Decision, sight: Sight) -> None: ...

    def track_ended(self, camera_id: str, track_id: int) -> None: ...


class LookObserver(Protocol):
    """Who measures the pipeline itself is told where each look was taken, and never of whom."""

    def looked(self, camera_id: str, track_id: int, sequence: int, box: F32) -> None:
        """A template was made of the face in `box` f32[4] of this frame, and counts for a track."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a camera's coroutine works with, shared by all cameras of a deployment."""

    vision: Vision
    search: LiveSearch
    alerts: AlertSink
    rules: Rules
    observer: LookObserver | None = None


async def run_camera(
    camera_id: str,
    frames: AsyncIterator[Frame],
    parts: Parts,
    counters: CameraCounters,
    pacer: Pacer | None = None,
) -> None:
    """Follow one camera until its frames end, and leave nothing behind.

    `pacer` chose the frames, and is told how long they take; None: they are all there are.
    """
    watch = _Watch(camera_id, parts, counters)
    try:
        async with asyncio.TaskGroup() as tasks:
            timed = _timed(frames, pacer) if pacer else frames
            async for frame, found in _detected(timed, parts, tasks, watch.tracker):
                if found is not None:
                    await watch.see(frame, found)
                if pacer:
                    pacer.over(frame.sequence, watch.tracker.follows_any)
    finally:
        watch.end(watch.tracker.close())
        if pacer:
            pacer.clear()


async def _timed(frames: AsyncIterator[Frame], pacer: Pacer) -> AsyncIterator[Frame]:
    """The same frames; how long the receiver works on one sets the common rate."""
    async for frame in frames:
        begun_s = time.monotonic()
        yield frame
        now_s = time.monotonic()
        pacer.took(now_s - begun_s, now_s)


async def _detected(
    frames: AsyncIterator[Frame], parts: Parts, tasks: asyncio.TaskGroup, tracker: Tracker
) -> AsyncIterator[tuple[Frame, Detections | None]]:
    """Frames with their faces, in order, with up to `frames_ahead` more in detection.

    In a frame in which nothing moved none are looked for, unless faces are being followed when its
    turn is.
    """
    smallest_px = parts.rules.best_shot.smallest_inter_eye_px

    async def detect(planes: Planes) -> Detections:
        return await parts.vision.detect(planes, smallest_inter_eye_px=smallest_px)

    # Full: no frame is taken until one of them has its faces, and its looks begin.
    room = asyncio.Semaphore(parts.rules.frames_ahead)
    ahead: asyncio.Queue[_Ahead | None] = asyncio.Queue()

    async def read_ahead() -> None:
        coming = aiter(frames)
        await room.acquire()
        while (frame := await anext(coming, None)) is not None:
            faces = None if frame.still else tasks.create_task(detect(frame.planes))
            ahead.put_nowait(_Ahead(frame, faces))
            await room.acquire()
        ahead.put_nowait(None)

    tasks.create_task(read_ahead())
    while (next_ := await ahead.get()) is not None:
        faces = next_.faces
        if faces is None and tracker.follows_any:
            faces = tasks.create_task(detect(next_.frame.planes))
        found = None if faces is None else await faces
        room.release()
        yield next_.frame, found


@dataclass(frozen=True, slots=True)
class _Ahead:
    """A frame whose faces are being looked for, or may be when its turn comes."""

    frame: Frame
    faces: asyncio.Task[Detections] | None


class _Passage:
    """What is known of one live track: which looks were taken, their mean, and what they say."""

    def __init__(self, camera_id: str, track_id: int, parts: Parts) -> None:
        self.shots = BestShot(parts.rules.best_shot)
        self.mean = MeanTemplate()
        self.evidence = parts.search.tracks.begin(camera_id, track_id)


class _Watch:
    """The tracks of one camera and their passages."""

    def __init__(self, camera_id: str, parts: Parts, counters: CameraCounters) -> None:
        self.tracker = Tracker()
        self._camera_id = camera_id
        self._parts = parts
        self._counters = counters
        self._passages: dict[int, _Passage] = {}

    async def see(self, frame: Frame, found: Detections) -> None:
        """One frame with its faces: which tracks go on, and the looks that are worth taking."""
        self._counters.frames_detected += 1
        self._counters.faces_detected += len(found)
        update = self.tracker.step(found, frame.captured_at_s)
        self.end(update)
        if wanted := self.wanted(frame, update.live):
            async with asyncio.TaskGroup() as looks:  # together, so that they share a batch
                for view in wanted:
                    looks.create_task(self.look(frame, view, update))

    def end(self, update: TrackUpdate) -> None:
        """Forget the tracks that ended; everything known of them goes with them."""
        for track_id in update.ended:
            self._passages.pop(track_id).mean.close()
            self._parts.search.tracks.end(self._camera_id, track_id)
            self._parts.alerts.track_ended(self._camera_id, track_id)

    def wanted(self, frame: Frame, live: Sequence[TrackView]) -> list[TrackView]:
        """The views that deserve a crop, as far as their landmarks tell: the most promising first,
        and no more than LOOKS_LIMIT, so that a crowd does not make the camera wait. Whoever is
        left has a turn in the next frames."""
        hopes = [(hope, view) for view in live if (hope := self._hope(frame, view)) is not None]
        hopes.sort(key=lambda item: -item[0])
        for _ in hopes[LOOKS_LIMIT:]:
            self._skip("frame-full")
        return [view for _, view in hopes[:LOOKS_LIMIT]]

    def _hope(self, frame: Frame, view: TrackView) -> float | None:
        """How good this view of a track may be; None where it deserves no crop."""
        passage = self._passages.get(view.track_id)
        if passage is None:
            passage = _Passage(self._camera_id, view.track_id, self._parts)
            self._passages[view.track_id] = passage
            self._counters.tracks += 1
        if not view.detected:
            return None
        size_px = inter_eye_px(view.landmarks)
        self._counters.saw(size_px)
        at_s = frame.captured_at_s
        if self._skip(passage.shots.closed(at_s)):
            return None  # most of them: before anything is measured
        yaw_deg, pitch_deg = pose_deg(view.landmarks)
        hope = potential(size_px, yaw_deg, pitch_deg, view.score)
        refused = self._skip(passage.shots.early_refusal(size_px, yaw_deg, hope, at_s))
        return None if refused else hope

    async def look(self, frame: Frame, view: TrackView, update: TrackUpdate) -> None:
        """Crop the face, compare it if it is good enough, record what the evidence then says."""
        crop = await self._parts.vision.align(frame.planes, view.landmarks)
        if crop is None:
            self._skip("pool-full")
            return
        try:
            passage = self._passages[view.track_id]
            quality = measure(crop.array, view.landmarks, view.score)
            hope, at_s = potential_of(quality), frame.captured_at_s
            if self._skip(passage.shots.refusal(quality, hope, at_s)):
                return
            passage.shots.took(quality, hope, at_s)
            alone, matches = await self._compare(crop, passage.mean)
            if self._parts.observer is not None:
                self._parts.observer.looked(
                    self._camera_id, view.track_id, frame.sequence, view.box
                )
            passage.shots.compared(near=self._near(alone) or self._near(matches))
            seen_so_far = _look(frame, quality, matches, alone)
            decision = matches and passage.evidence.consider(seen_so_far)
            if decision:
                sight = Sight(crop.array.copy(), frame.planes, view.box, _others(view, update))
                await self._parts.alerts.record(self._camera_id, decision, sight)
        finally:
            crop.release()

    async def _compare(self, crop: Buffer[np.uint8], mean: MeanTemplate) -> tuple[Found, Found]:
        """The entries nearest to this look alone, and to the mean of the track's looks with it.
        The look's own template exists only inside this call, the mean as long as the track."""
        template = await self._parts.vision.embed(crop)
        if template is None:
            self._skip("pool-full")
            return (), ()
        kept = False
        try:
            self._counters.templates_made += 1
            known = self._parts.search.gallery_for(self._camera_id)
            if known is None:
                return (), ()
            alone = await self._parts.vision.search(known, template.array, CANDIDATES_KEPT)
            kept = not mean.add(template)
            if kept:
                return alone, alone
            return alone, await self._parts.vision.search(known, template.array, CANDIDATES_KEPT)
        finally:
            if not kept:
                template.release()

    def _near(self, matches: Found) -> bool:
        """Whether more looks could raise somebody."""
        bars = self._parts.search.tracks.bars
        return any(match.score >= bars.bar(match.entry_id) - NEAR for match in matches)

    def _skip(self, reason: Skip | None) -> bool:
        """Count why a look was not taken; False where there is no reason against it."""
        if reason is not None:
            self._counters.looks_skipped[reason] += 1
        return reason is not None


def _look(frame: Frame, quality: Quality, matches: Found, alone: Found) -> Look:
    return Look(
        frame.sequence,
        frame.captured_at_s,
        frame.media_at_s,
        frame.arrived_at_s,
        quality,
        matches,
        alone,
    )


def _others(view: TrackView, update: TrackUpdate) -> F32:
    """The boxes f32[n, 4] of everybody else in the picture."""
    boxes = [other.box for other in update.live if other.track_id != view.track_id]
    return np.stack(boxes) if boxes else np.zeros((0, 4), np.float32)

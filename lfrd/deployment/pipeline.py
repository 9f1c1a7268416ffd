"""A frame's way, from the mailbox to a candidate: the whole story is `run_camera`."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from lfrd.counters import CameraCounters
from lfrd.deployment.recorder import Sight
from lfrd.ingest.pacing import UNPACED, CameraPacer, PairPacer, Unpaced
from lfrd.matching.evidence import MeanTemplate, TrackEvidence
from lfrd.matching.live_search import LiveSearch
from lfrd.tracking.best_shot import BestShot, BestShotRule, Nearness, Skip, SpareLooks
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
from lfrd.vision.aligner import VIEWS
from lfrd.vision.engine import Crop, Probe, Vision
from lfrd.vision.glimpse import Glimpses
from lfrd.vision.motion import SceneCut
from lfrd.vision.quality import (
    face_size_px,
    inter_eye_px,
    is_turned,
    measure,
    pose_deg,
    potential,
    potential_of,
)

LOOKS_LIMIT, LEAST_LOOKS_LIMIT = 8, 2
"""Looks taken of one frame: a tenth of a second's work where every face is new. Fewer where the
machine is full and frames are further apart: then most faces are new in each."""

CANDIDATES_KEPT = 5
"""How many entries of each search the evidence sees."""

Found = tuple[Match, ...]
"""Entries, the nearest first."""

NEAR = 0.12
"""A look this far below an entry's threshold may be followed by looks that reach it: those of one
person spread by about 0.1 (standard deviation, LFW), and single looks carry a handicap."""

CLEAR = 0.75
"""A look is clear whose norm is this part of the clearest one's at the camera."""

CAREFUL_LIMIT = 3
"""Careful looks at one track."""

UNCLEAR = 0.20
"""A look further below the threshold than this is of a person on the list in one of a hundred
cases, and then it is a poor one; a better one comes before its time."""


SAME_SHAPE = 0.02
"""Two sizes of which width to height differ by less than this part are of one shape."""

UNSETTLED = frozenset({Nearness.NEAR, Nearness.UNCLEAR, Nearness.FAR})
"""What a look says that leaves open who it is."""


class DecisionSink(Protocol):
    """Where decisions go; returns when the decision is taken in (see lfrd.deployment.recorder)."""

    async def record(self, camera_id: str, decision: Decision, sight: Sight) -> None: ...

    def track_ended(self, camera_id: str, track_id: int) -> None: ...


class LookObserver(Protocol):
    """Who measures the pipeline itself is told where each look was taken, and never of whom."""

    def looked(self, camera_id: str, track_id: int, sequence: int, box: F32) -> None:
        """A template was made of the face in `box` f32[4] of this frame, and counts for a track."""


async def run_camera(
    camera_id: str,
    frames: AsyncIterator[Frame],
    counters: CameraCounters,
    *,
    vision: Vision,
    search: LiveSearch,
    decisions: DecisionSink,
    best_shot: BestShotRule,
    frames_ahead: int = 1,
    pacer: CameraPacer | PairPacer | Unpaced = UNPACED,
    observer: LookObserver | None = None,
) -> None:
    """Follow one camera until its frames end, and overwrite what it held.

    Faces are looked for in up to `frames_ahead` frames while the looks of another are taken: one of
    a live camera, where only the newest counts, and none where the machine is full; a few where a
    file is read at full speed. `pacer` chose the frames, and is told how long they take.
    """
    watch = _Watch(camera_id, vision, search, decisions, best_shot, counters, observer)
    room = asyncio.Semaphore(frames_ahead)  # full: no frame is taken until one has its faces
    ahead: asyncio.Queue[_Ahead | None] = asyncio.Queue()

    async def detect(planes: Planes) -> Detections:
        return await vision.detect(planes, smallest_inter_eye_px=best_shot.smallest_inter_eye_px)

    async def read_ahead() -> None:
        await room.acquire()
        async for frame in frames:
            taken_s = time.monotonic()
            counters.took_frame(frame.arrived_at_s)
            faces = None if frame.still else tasks.create_task(detect(frame.planes))
            ahead.put_nowait(_Ahead(frame, faces))
            await room.acquire()
            pacer.took(time.monotonic() - taken_s, time.monotonic())
        ahead.put_nowait(None)

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(read_ahead())
            while (coming := await ahead.get()) is not None:
                frame, faces = coming.frame, coming.faces
                if faces is None and watch.tracker.follows_any:  # still, but a face is there
                    faces = tasks.create_task(detect(frame.planes))
                found = None if faces is None else await faces
                if has_room := pacer.ease == 1.0:
                    room.release()
                watch.looks_limit = max(LEAST_LOOKS_LIMIT, round(LOOKS_LIMIT * pacer.ease))
                update = None if found is None else watch.follow(frame, found)
                if watch.tracker.sees_any:
                    pacer.saw_face()
                if update is not None:
                    await watch.take_looks(frame, update)
                pacer.over(frame, watch.tracker.follows_any)
                if not has_room:
                    room.release()
    finally:
        watch.close()
        pacer.clear()


@dataclass(frozen=True, slots=True)
class _Ahead:
    """A frame whose faces are being looked for, or may be when its turn comes."""

    frame: Frame
    faces: asyncio.Task[Detections] | None


@dataclass(frozen=True, slots=True)
class _Compared:
    """The entries nearest to a look alone, and to the mean of the looks so far; `norm` of the
    look's template."""

    alone: Found
    matches: Found
    norm: float


class _Passage:
    """What is known of one person's way past the camera: the looks taken, their mean, and what they
    say. A track has one, and gets another one when it comes to follow another person."""

    def __init__(self, track_id: int, best_shot: BestShotRule, evidence: TrackEvidence) -> None:
        self.track_id = track_id
        self.evidence = evidence
        self.shots = BestShot(best_shot)
        self.mean = MeanTemplate()
        self.careful_looks = 0
        self.nearness: Nearness | None = None


class _Watch:
    """The tracks of one camera and their passages."""

    def __init__(
        self,
        camera_id: str,
        vision: Vision,
        search: LiveSearch,
        decisions: DecisionSink,
        best_shot: BestShotRule,
        counters: CameraCounters,
        observer: LookObserver | None,
    ) -> None:
        self.tracker = Tracker()
        self.looks_limit = LOOKS_LIMIT
        self._camera_id = camera_id
        self._vision = vision
        self._search = search
        self._decisions = decisions
        self._best_shot = best_shot
        self._counters = counters
        self._observer = observer
        self._size_px = (0, 0)
        """Of the last frame: a camera of two streams gives frames of either."""
        self._scene = SceneCut()
        self._glimpses = Glimpses()
        self._passages: dict[int, _Passage] = {}
        self._spare = SpareLooks()
        self._clearest = 0.0
        """The largest norm of a look at this camera."""

    def follow(self, frame: Frame, found: Detections) -> TrackUpdate:
        """One frame with its faces: which tracks go on."""
        self._counters.frames_detected += 1
        self._counters.faces_detected += len(found)
        self._mind_size(frame.planes)
        if self._scene.noticed(frame.planes.y):
            self._counters.scene_cuts += 1
            self.end(self.tracker.close())
        update = self.tracker.step(found, frame.captured_at_s)
        self.end(update)
        return update

    async def take_looks(self, frame: Frame, update: TrackUpdate) -> None:
        """The looks that are worth taking of those who are followed."""
        if not frame.only_faces and (wanted := self.wanted(frame, update.live)):
            async with asyncio.TaskGroup() as looks:  # together, so that they share a batch
                for view in wanted:
                    looks.create_task(self.look(frame, view, update))

    def _mind_size(self, planes: Planes) -> None:
        """Go on in a picture of another size, where it is of the same shape: then it shows the same
        view, by the other of a camera's two streams. Else all tracks end."""
        (width, height), size_px = self._size_px, (planes.width_px, planes.height_px)
        if self._size_px == size_px:
            return
        self._size_px = size_px
        self._scene.clear()
        if width and abs(size_px[0] * height / (size_px[1] * width) - 1) < SAME_SHAPE:
            self.tracker.scale(size_px[0] / width)
        else:
            self.end(self.tracker.close())

    def end(self, update: TrackUpdate) -> None:
        """Forget the tracks that ended; everything known of them goes with them."""
        for track_id in update.ended:
            self._end(track_id)

    def close(self) -> None:
        """No frame comes any more."""
        self.end(self.tracker.close())
        self._scene.clear()

    def wanted(self, frame: Frame, live: Sequence[TrackView]) -> list[TrackView]:
        """The views that deserve a crop, as far as their landmarks tell: the most promising first,
        and no more than `looks_limit`, so that a crowd does not make the camera wait. The
        others have a turn in the next frames."""
        hopes = [
            (hope, view)
            for view in (self._doubted(frame, seen) for seen in live)
            if (hope := self._hope(frame, view)) is not None
        ]
        hopes.sort(key=lambda item: -item[0])
        for _ in hopes[self.looks_limit :]:
            self._skip("frame-full")
        return [view for _, view in hopes[: self.looks_limit]]

    def _doubted(self, frame: Frame, view: TrackView) -> TrackView:
        """The view, doubtful or not as a glimpse of its face says."""
        if not view.detected:
            return view
        changed = self._glimpses.changed(view.track_id, frame.planes.y, view.box)
        if not (changed or view.doubtful):
            return view
        doubtful = not self._glimpses.as_at_look(view.track_id)
        if doubtful:
            self.tracker.doubt(view.track_id)
        else:
            self.tracker.trust(view.track_id)
        return view._replace(doubtful=doubtful)

    def _hope(self, frame: Frame, view: TrackView) -> float | None:
        """How good this view of a track may be; None where it deserves no crop."""
        passage = self._passages.get(view.track_id)
        if passage is None:
            passage = self._begin(view.track_id)
        if not view.detected:
            return None
        between_px = inter_eye_px(view.landmarks)
        self._counters.saw(between_px)
        at_s, doubtful = frame.captured_at_s, self._is_due(view)
        if self._skip(passage.shots.closed(at_s, doubtful=doubtful)):
            return None  # most of them: before anything is measured
        yaw_deg, pitch_deg = pose_deg(view.landmarks)
        size_px = face_size_px(view.landmarks)
        hope = potential(between_px, yaw_deg, pitch_deg, view.score)
        refused = passage.shots.early_refusal(size_px, yaw_deg, hope, at_s, doubtful=doubtful)
        if refused is None and self._is_small(view) and not self._spare.any(at_s):
            refused = "too-small"
        return None if self._skip(refused) else hope

    def _is_due(self, view: TrackView) -> bool:
        """Whether doubt calls for a look at once: a face too small to tell people apart surely is
        no judge of that."""
        return view.doubtful and not self._is_small(view)

    def _is_small(self, view: TrackView) -> bool:
        return face_size_px(view.landmarks) < self._best_shot.smallest_inter_eye_px

    async def look(self, frame: Frame, view: TrackView, update: TrackUpdate) -> None:
        """Crop the face, compare it if it is good enough, record what the evidence then says."""
        crop = await self._crop(frame, view)
        if crop is None:
            self._skip("pool-full")
            return
        try:
            quality = self._acceptable(crop, view, frame.captured_at_s)
            probe = None if quality is None else await self._embed(crop)
            if quality is None or probe is None:
                return
            passage = self._whose(view, probe)
            self._glimpses.looked(passage.track_id)
            self._tell(passage, frame, view)
            self._spare.took(frame.captured_at_s)
            only_checked = passage.shots.full
            passage.shots.took(quality, potential_of(quality), frame.captured_at_s)
            if only_checked:
                probe.release()
                return
            compared = await self._compare(probe, passage.mean)
            nearness = self._nearness(passage, compared)
            if nearness is Nearness.NEAR and self._deserves_care(passage, view):
                compared = await self._look_with_care(frame, view, passage, crop, compared)
                nearness = self._nearness(passage, compared)
            passage.nearness = nearness
            passage.shots.compared(nearness, small=self._is_small(view))
            seen = _look(frame, quality, compared)
            decision = passage.evidence.consider(seen) if compared.matches else None
            if decision:
                sight = Sight(crop.array.copy(), frame.planes, view.box, _others(view, update))
                await self._decisions.record(self._camera_id, decision, sight)
        finally:
            crop.release()

    async def _crop(self, frame: Frame, view: TrackView) -> Crop | None:
        """The better landmarks for a face that is turned away cost as much as half a template: they
        are for a second look, where no clear one has said that it is no person on the list."""
        vision, nearness = self._vision, self._passages[view.track_id].nearness
        if is_turned(view.landmarks) and nearness in UNSETTLED:
            return await vision.align_turned(frame.planes, view.box, view.landmarks)
        return await vision.align(frame.planes, view.landmarks)

    def _deserves_care(self, passage: _Passage, view: TrackView) -> bool:
        """Whether the face is one whose landmarks are uncertain, and its track has careful looks
        left: each is as many templates as there are views."""
        uncertain = is_turned(view.landmarks) or self._is_small(view)
        return uncertain and passage.careful_looks < CAREFUL_LIMIT and self._vision.has_views

    async def _look_with_care(
        self, frame: Frame, view: TrackView, passage: _Passage, crop: Crop, compared: _Compared
    ) -> _Compared:
        """Take several views of a face that is nearly a person on the list. All go into the mean,
        together as one look; the clearest of them, and the first crop, is what `crop` then shows
        and what is kept of it."""
        passage.careful_looks += 1
        strongest = compared
        views = await self._vision.views(frame.planes, view.box, view.landmarks)
        probes: deque[Probe | None] = deque()
        try:
            probes.extend(await self._embed_together(views))
            for again in views:
                if (probe := probes.popleft()) is None:
                    continue
                self._tell(passage, frame, view)
                compared = await self._compare(probe, passage.mean, share=1 / VIEWS)
                if compared.norm > strongest.norm:
                    np.copyto(crop.array, again.array)
                    strongest = compared
        finally:
            _release(probes)
            for again in views:
                again.release()
        return replace(strongest, matches=compared.matches)

    async def _embed_together(self, crops: Sequence[Crop]) -> list[Probe | None]:
        """The template of each, in one batch where that is possible. All or none: where one fails,
        those that were made are released."""
        made: list[Probe | None] = [None] * len(crops)

        async def embed(number: int, crop: Crop) -> None:
            made[number] = await self._embed(crop)

        try:
            async with asyncio.TaskGroup() as tasks:
                for number, crop in enumerate(crops):
                    tasks.create_task(embed(number, crop))
        except BaseException:
            _release(made)
            raise
        return made

    def _acceptable(self, crop: Crop, view: TrackView, at_s: float) -> Quality | None:
        """The quality of a crop that is worth a template."""
        shots = self._passages[view.track_id].shots
        quality = measure(crop.array, view.landmarks, view.score)
        size_px = face_size_px(view.landmarks)
        doubtful = self._is_due(view)
        refused = shots.refusal(quality, size_px, potential_of(quality), at_s, doubtful=doubtful)
        return None if self._skip(refused) else quality

    async def _embed(self, crop: Crop) -> Probe | None:
        probe = await self._vision.embed(crop)
        if probe is None:
            self._skip("pool-full")
        else:
            self._counters.templates_made += 1
            self._clearest = max(self._clearest, probe.norm)
        return probe

    def _whose(self, view: TrackView, probe: Probe) -> _Passage:
        """The passage that a look belongs to: that of its track, or a new one where the look shows
        another person."""
        passage = self._passages[view.track_id]
        if not passage.mean.contradicted_by(probe, probe.norm, doubtful=view.doubtful):
            self.tracker.trust(view.track_id)
            return passage
        new_id = self.tracker.renumber(view.track_id)
        self._end(view.track_id)
        self._counters.tracks_split += 1
        return self._begin(new_id)

    async def _compare(self, probe: Probe, mean: MeanTemplate, share: float = 1.0) -> _Compared:
        """The entries nearest to this look alone, and to the mean of the track's looks with it, of
        which it is `share` of one. The look's own template exists only inside this call, the mean
        as long as the track."""
        kept, norm = False, probe.norm
        try:
            known = self._search.gallery_for(self._camera_id)
            if known is None:
                return _Compared((), (), norm)
            alone = await self._vision.search(known, probe.array, CANDIDATES_KEPT)
            kept = not mean.add(probe, norm, share)
            if kept:
                return _Compared(alone, alone, norm)
            matches = await self._vision.search(known, probe.array, CANDIDATES_KEPT)
            return _Compared(alone, matches, norm)
        finally:
            if not kept:
                probe.release()

    def _nearness(self, passage: _Passage, compared: _Compared) -> Nearness:
        """Whether more looks could raise an entry."""
        if passage.evidence.raised:
            return Nearness.DECIDED
        thresholds = self._search.tracks.thresholds
        found = (*compared.alone, *compared.matches)
        short = min(
            (thresholds.required(match.entry_id) - match.score for match in found),
            default=float("inf"),
        )
        if short <= NEAR:
            return Nearness.NEAR
        if short <= UNCLEAR:
            return Nearness.UNCLEAR
        return Nearness.NOT_LISTED if compared.norm >= CLEAR * self._clearest else Nearness.FAR

    def _tell(self, passage: _Passage, frame: Frame, view: TrackView) -> None:
        if self._observer is not None:
            self._observer.looked(self._camera_id, passage.track_id, frame.sequence, view.box)

    def _begin(self, track_id: int) -> _Passage:
        evidence = self._search.tracks.begin(self._camera_id, track_id)
        passage = _Passage(track_id, self._best_shot, evidence)
        self._passages[track_id] = passage
        self._counters.tracks += 1
        return passage

    def _end(self, track_id: int) -> None:
        passage = self._passages.pop(track_id, None)
        if passage is None:  # only its face was looked for
            return
        passage.mean.close()
        self._glimpses.forget(track_id)
        self._search.tracks.end(self._camera_id, track_id)
        self._decisions.track_ended(self._camera_id, track_id)

    def _skip(self, reason: Skip | None) -> bool:
        """Count why a look was not taken; False where there is no reason against it."""
        if reason is not None:
            self._counters.looks_skipped[reason] += 1
        return reason is not None


def _release(probes: Iterable[Probe | None]) -> None:
    for probe in probes:
        if probe is not None:
            probe.release()


def _look(frame: Frame, quality: Quality, compared: _Compared) -> Look:
    return Look(
        frame.sequence,
        frame.captured_at_s,
        frame.media_at_s,
        frame.arrived_at_s,
        quality,
        compared.matches,
        compared.alone,
    )


def _others(view: TrackView, update: TrackUpdate) -> F32:
    """The boxes f32[n, 4] of everybody else in the picture."""
    boxes = [other.box for other in update.live if other.track_id != view.track_id]
    return np.stack(boxes) if boxes else np.zeros((0, 4), np.float32)

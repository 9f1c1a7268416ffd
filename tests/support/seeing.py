"""Stands for the models: a vision part that finds what it is told and knows people by a grey."""

import asyncio
import time
from collections.abc import AsyncIterator, Container, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, cast

import numpy as np

from lfrd.counters import CameraCounters
from lfrd.deployment.pipeline import DecisionSink, LookObserver, run_camera
from lfrd.deployment.recorder import Sight
from lfrd.errors import InferenceFailed
from lfrd.ingest.pacing import CameraPacer
from lfrd.matching.live_search import LiveSearch, Scope
from lfrd.store.templates import TemplateMatrix
from lfrd.tracking.best_shot import BestShotRule
from lfrd.types import F32, Decision, Detections, Frame, Match, Planes
from lfrd.vision.aligner import VIEWS
from lfrd.vision.engine import Crop, Probe, Searchable, Vision
from lfrd.vision.pool import Pool

DIM = 128
WALL = 128
"""The grey of a picture, by which nobody is known."""
THRESHOLD = 0.45


@dataclass(frozen=True, slots=True)
class Shown:
    """What the recogniser makes of a face: a template f32[DIM] of unit norm, and its length."""

    vector: F32
    norm: float = 10.0


def towards(axis: int, likeness: float = 1.0, other_axis: int = DIM - 1) -> F32:
    """A template with this likeness to the one along `axis`."""
    vector = np.zeros(DIM, np.float32)
    vector[axis], vector[other_axis] = likeness, np.sqrt(1 - likeness**2)
    return vector


def picture(*noses: tuple[float, float, int], wall: int = WALL) -> Planes:
    """A plain picture with the grey of a person at each nose (x, y, grey)."""
    luma = np.full((720, 1280), wall, np.uint8)
    for x, y, grey in noses:
        luma[round(y), round(x)] = grey
    return Planes(luma, *(np.full((360, 640), 128, np.uint8) for _ in range(2)))


PLANES = picture()


class Seeing:
    """A person is the grey of the pixel at their nose; `people` says what is made of it.

    `looks` are the greys of all templates made, in order; after `breaks_after` that were begun the
    recogniser fails, after `hangs_after` it gives no answer. The careful views of a person are
    those of `view_greys`, where they are named there. In the pictures of `absent` no face is found.
    """

    def __init__(
        self,
        faces: Detections,
        people: Mapping[int, Shown] | None = None,
        *,
        breaks_after: int | None = None,
        crops: int = 256,
        probes: int = 256,
        hangs_after: int | None = None,
        has_views: bool = True,
        view_greys: Mapping[int, Sequence[int]] | None = None,
        absent: Container[int] = (),
    ) -> None:
        self.faces = faces
        self.people = people or {}
        self.crops = Pool(crops, (112, 112, 3), np.uint8)
        self.probes = Pool(probes, (DIM,), np.float32)
        self.has_views = has_views
        self.aligned_px: list[float] = []
        self.turned = 0
        self.careful = 0
        self.looks: list[int] = []
        self.searches = 0
        self._breaks_after = breaks_after
        self._hangs_after = hangs_after
        self._view_greys = view_greys or {}
        self._absent = absent
        self._pictures = self._begun = 0

    @property
    def held(self) -> int:
        """Buffers that somebody holds."""
        return self.crops.counts().held + self.probes.counts().held

    async def detect(self, planes: Planes, *, smallest_inter_eye_px: float) -> Detections:
        assert smallest_inter_eye_px > 0
        self._pictures += 1
        if self._pictures - 1 in self._absent:
            return Detections.none()
        factor = np.float32(planes.width_px / PLANES.width_px)
        return Detections(
            self.faces.boxes * factor, self.faces.scores, self.faces.landmarks * factor
        )

    async def align(self, planes: Planes, landmarks: F32) -> Crop | None:
        self.aligned_px.append(float(np.linalg.norm(landmarks[1] - landmarks[0])))
        return self._crop(planes, landmarks)

    async def align_turned(self, planes: Planes, box: F32, landmarks: F32) -> Crop | None:
        assert box.shape == (4,)
        self.turned += 1
        return self._crop(planes, landmarks)

    async def views(self, planes: Planes, box: F32, landmarks: F32) -> list[Crop]:
        assert box.shape == (4,)
        self.careful += 1
        crops = [self._crop(planes, landmarks) for _ in range(VIEWS)]
        taken = [crop for crop in crops if crop is not None]
        if len(taken) == VIEWS:
            grey = int(taken[0].array[0, 0, 0])
            for crop, seen in zip(taken, self._view_greys.get(grey, [grey] * VIEWS), strict=True):
                crop.array[0] = seen
            return taken
        for crop in taken:
            crop.release()
        return []

    async def embed(self, crop: Crop) -> Probe | None:
        self._begun += 1
        if self._breaks_after is not None and self._begun > self._breaks_after:
            raise InferenceFailed("sface failed on provider cuda: the device is gone")
        if self._hangs_after is not None and self._begun > self._hangs_after:
            await asyncio.Event().wait()
        buffer = self.probes.take()
        if buffer is None:
            return None
        await asyncio.sleep(0)  # the looks of a frame are taken at the same time
        grey = int(crop.array[0, 0, 0])
        self.looks.append(grey)
        shown = self.people.get(grey)
        if shown is None:
            return Probe(buffer, 0.0)
        buffer.array[:] = shown.vector
        return Probe(buffer, shown.norm)

    async def search(self, gallery: Searchable, probe: F32, k: int) -> tuple[Match, ...]:
        self.searches += 1
        return gallery.search(probe[None], k)[0]

    def _crop(self, planes: Planes, landmarks: F32) -> Crop | None:
        crop = self.crops.take()
        if crop is not None:
            x, y = landmarks[2]
            crop.array[::2] = 255  # sharp
            crop.array[0] = planes.y[round(float(y)), round(float(x))]
        return crop


@dataclass(slots=True)
class Heard:
    """An alert sink that remembers; `silenced` entries are, as soon as they are raised."""

    search: LiveSearch | None = None
    silenced: Sequence[str] = ()
    decisions: list[Decision] = field(default_factory=list)
    sights: list[Sight] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)

    async def record(self, camera_id: str, decision: Decision, sight: Sight) -> None:
        assert decision.track_id not in self.ended
        self.decisions.append(decision)
        self.sights.append(sight)
        if self.search is not None and decision.entry_id in self.silenced:
            assert self.search.tracks.silence(camera_id, decision.track_id, decision.entry_id)

    def track_ended(self, camera_id: str, track_id: int) -> None:
        assert camera_id == "door"
        assert track_id not in self.ended, "a track ends once"
        self.ended.append(track_id)


def listing(**entries: F32) -> LiveSearch:
    """A search among these entries, by the name of each."""
    search = LiveSearch("deployment", "digest", DIM, THRESHOLD)
    names = tuple(entries)
    vectors = np.stack(list(entries.values())) if names else np.zeros((0, DIM), np.float32)
    matrix = TemplateMatrix("digest", names, names, names, ("list",) * len(names), vectors)
    search.fill(matrix, {}, Scope(frozenset({"list"}) if names else frozenset()))
    return search


class Door(Protocol):
    """Watches these frames at the camera "door"."""

    def __call__(
        self,
        frames: AsyncIterator[Frame],
        counters: CameraCounters,
        *,
        pacer: CameraPacer | None = None,
    ) -> Coroutine[Any, Any, None]: ...


def watching(
    seeing: Seeing | Vision,
    search: LiveSearch | None = None,
    decisions: DecisionSink | None = None,
    observer: LookObserver | None = None,
    *,
    frames_ahead: int = 1,
    **rule: int,
) -> Door:
    """The pipeline of a camera: nobody is on a list unless a search is given."""
    return partial(
        run_camera,
        "door",
        vision=cast(Vision, seeing),
        search=search or listing(),
        decisions=decisions or Heard(),
        best_shot=BestShotRule(**rule),
        frames_ahead=frames_ahead,
        observer=observer,
    )


async def frames_of(pictures: Sequence[Planes], hz: float = 8.0) -> AsyncIterator[Frame]:
    """These pictures, so many a second."""
    for number, planes in enumerate(pictures):
        await asyncio.sleep(0)
        yield Frame("door", number, number / hz, number / hz, time.monotonic(), planes)

"""The plainest loop, as a measure to compare with: every face of every picture
gets a template, and a single look over the threshold raises a candidate. No tracks, no choice of
looks, no evidence; the same models, references and threshold.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lfrd.clock import Clock
from lfrd.counters import CameraCounters
from lfrd.errors import Conflict, FacesLeft
from lfrd.evaluate.shots import Raised
from lfrd.ingest.address import of_file
from lfrd.ingest.camera import Camera
from lfrd.ingest.settings import AS_SENT, CameraSettings, Correction
from lfrd.matching.gallery import Gallery
from lfrd.types import F32, Frame, Planes
from lfrd.vision.engine import Vision
from lfrd.vision.quality import inter_eye_px

FRAMES_AT_ONCE = 8
"""Frames under way together, as many as where lfrd reads a file at full speed: both may keep every
core busy, and the times can be compared."""


@dataclass(frozen=True, slots=True)
class Naive:
    """What the loop found: every look over the threshold as a raise, and what it cost.

    `faces` are the frames in which a face was large enough to be matched, in order;
    `wall_s` runs from the first picture to the last template.
    """

    raised: tuple[Raised, ...]
    faces: tuple[int, ...]
    frames: int
    templates: int
    wall_s: float


@dataclass(frozen=True, slots=True)
class Loop:
    """What the loop works with; `entries` gives the reference of each entry of the gallery."""

    vision: Vision
    gallery: Gallery
    entries: Mapping[str, str]
    threshold: float
    every: int
    smallest_inter_eye_px: float
    correction: Correction = AS_SENT
    stream: int | None = None

    async def play(self, clip: Path, clock: Clock, told: Callable[[int], None]) -> Naive:
        """Play a clip to its end; `told` hears the number of each frame that is taken.

        The templates of passers-by are gone when it returns. Raises SourceError, FacesLeft.
        """
        settings = CameraSettings(
            "naive", of_file(clip), every_frame=True, must_open=True,
            correction=self.correction, stream=self.stream,
        )  # fmt: skip
        found = _Found()
        room = asyncio.Semaphore(FRAMES_AT_ONCE)

        async def look_at(frame: Frame) -> None:
            try:
                await self._frame(frame, found)
            finally:
                room.release()

        begun_s = time.monotonic()
        async with (
            Camera(settings, clock, CameraCounters()) as camera,
            asyncio.TaskGroup() as looks,
        ):
            async for frame in camera.frames:
                if frame.sequence == 0:
                    begun_s = time.monotonic()
                if frame.sequence % self.every:
                    continue
                await room.acquire()
                looks.create_task(look_at(frame))
                found.frames += 1
                told(frame.sequence)
        wall_s = time.monotonic() - begun_s
        await self._leave_nothing()
        raised = sorted(found.raised, key=lambda one: one.frame)
        return Naive(
            tuple(raised), tuple(sorted(found.faces)), found.frames, found.templates, wall_s
        )

    async def _frame(self, frame: Frame, found: "_Found") -> None:
        faces = await self.vision.detect(
            frame.planes, smallest_inter_eye_px=self.smallest_inter_eye_px
        )
        for landmarks in faces.landmarks:
            if inter_eye_px(landmarks) >= self.smallest_inter_eye_px:
                found.faces.add(frame.sequence)
            best = await self._best(frame.planes, landmarks)
            found.templates += 1
            if best is not None and best[1] >= self.threshold:
                entry_id, score = best
                one = Raised(frame.sequence, frame.media_at_s, self.entries[entry_id], score)
                found.raised.append(one)

    async def _best(self, planes: Planes, landmarks: F32) -> tuple[str, float] | None:
        """The entry nearest to one face, and its score; the template lives in here only."""
        crop = await self.vision.align(planes, landmarks)
        if crop is None:
            raise Conflict("too many faces are being looked at: take fewer frames at once")
        try:
            probe = await self.vision.embed(crop)
        finally:
            crop.release()
        if probe is None:
            raise Conflict("too many faces are being compared: take fewer frames at once")
        try:
            matches = await self.vision.search(self.gallery, probe.array, 1)
        finally:
            probe.release()
        return (matches[0].entry_id, matches[0].score) if matches else None

    async def _leave_nothing(self) -> None:
        counts = await self.vision.drain()
        held = counts.held + self.vision.crops_held
        if held:
            raise FacesLeft(f"{held} face buffers are still held after the naive loop's end")


@dataclass(slots=True)
class _Found:
    raised: list[Raised] = field(default_factory=list)
    faces: set[int] = field(default_factory=set)
    frames: int = 0
    templates: int = 0

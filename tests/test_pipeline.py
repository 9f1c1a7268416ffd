"""A frame's way where it is hard: crowds, tracks that never end, models that break."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from builders import boxes_at

from lfrd.counters import CameraCounters
from lfrd.errors import InferenceFailed
from lfrd.identity.live_search import LiveSearch
from lfrd.pacing import Pacer
from lfrd.pipeline import LOOKS_LIMIT, AlertSink, Parts, Rules, run_camera
from lfrd.tempo import Tempo
from lfrd.tracking.best_shot import BestShotRule
from lfrd.types import Detections, Frame, Planes
from lfrd.vision.engine import Crop, Probe, Vision
from lfrd.vision.pool import Pool

PLANES = Planes(*(np.full(shape, 128, np.uint8) for shape in ((720, 1280), (360, 640), (360, 640))))


class Seeing:
    """Stands for the models: finds what it is told, and counts what is asked of it."""

    def __init__(self, faces: Detections, *, breaks_after: int | None = None) -> None:
        self.faces = faces
        self.crops = Pool(256, (112, 112, 3), np.uint8)
        self.probes = Pool(256, (128,), np.float32)
        self.aligned_px: list[float] = []
        self._breaks_after = breaks_after

    async def detect(self, _: Planes, *, smallest_inter_eye_px: float) -> Detections:
        assert smallest_inter_eye_px > 0
        return self.faces

    async def align(self, _: Planes, landmarks: np.ndarray) -> Crop | None:
        self.aligned_px.append(float(np.linalg.norm(landmarks[1] - landmarks[0])))
        crop = self.crops.take()
        if crop is not None:
            crop.array[::2] = 255  # sharp
        return crop

    async def embed(self, _: Crop) -> Probe | None:
        if self._breaks_after is not None and self.probes.counts().made >= self._breaks_after:
            raise InferenceFailed("sface failed on provider cuda: the device is gone")
        return self.probes.take()


def _parts(seeing: Seeing, **rule: int) -> Parts:
    rules = Rules(BestShotRule(**rule))
    search = LiveSearch("deployment", "digest", 128, 0.45)
    return Parts(cast(Vision, seeing), search, cast(AlertSink, _Nobody()), rules)


class _Nobody:
    def track_ended(self, camera_id: str, track_id: int) -> None:
        """Nothing was raised."""


async def _frames(count: int, hz: float = 8.0) -> AsyncIterator[Frame]:
    for number in range(count):
        await asyncio.sleep(0)
        yield Frame("door", number, number / hz, number / hz, time.monotonic(), PLANES)


def _crowd() -> Detections:
    """Two hundred faces in ten rows, larger towards the bottom."""
    rows = []
    for row in range(10):
        centres = [(30.0 + 62 * column, 35.0 + 68 * row) for column in range(20)]
        rows.append(boxes_at(*centres, size_px=62.0 + row))
    return Detections(
        np.concatenate([found.boxes for found in rows]),
        np.concatenate([found.scores for found in rows]),
        np.concatenate([found.landmarks for found in rows]),
    )


async def test_two_hundred_faces_cost_a_bounded_number_of_looks_and_the_largest_come_first() -> (
    None
):
    seeing, counters = Seeing(_crowd()), CameraCounters()
    await run_camera("door", _frames(2), _parts(seeing), counters)
    assert counters.faces_detected == 400
    assert counters.tracks == 200
    assert len(seeing.aligned_px) == LOOKS_LIMIT, "tracks begin with the second frame"
    eyes = np.linalg.norm(seeing.faces.landmarks[:, 1] - seeing.faces.landmarks[:, 0], axis=1)
    assert seeing.aligned_px == pytest.approx(sorted(eyes)[-LOOKS_LIMIT:])
    assert counters.looks_skipped["frame-full"] == 200 - LOOKS_LIMIT, "the rest is counted"
    assert seeing.crops.counts().held == seeing.probes.counts().held == 0


async def test_those_who_had_no_turn_have_it_in_the_next_frames() -> None:
    seeing, counters = Seeing(_crowd()), CameraCounters()
    await run_camera("door", _frames(1 + 200 // LOOKS_LIMIT, hz=100.0), _parts(seeing), counters)
    assert counters.templates_made == 200


async def test_a_track_that_never_ends_costs_a_fixed_number_of_templates() -> None:
    seeing, counters = Seeing(boxes_at((300.0, 300.0), size_px=120.0)), CameraCounters()
    await run_camera("door", _frames(8 * 120), _parts(seeing, max_looks=10), counters)
    assert counters.tracks == 1
    assert counters.templates_made == 10
    assert counters.looks_skipped["track-cap"] > 0


async def test_a_model_that_breaks_ends_the_camera_with_its_words_and_leaves_nothing() -> None:
    seeing = Seeing(boxes_at((300.0, 300.0), (600.0, 300.0), size_px=120.0), breaks_after=3)
    parts = _parts(seeing)
    with pytest.raises(ExceptionGroup) as failure:
        await run_camera("door", _frames(100), parts, CameraCounters())
    found = failure.value.subgroup(InferenceFailed)
    assert found is not None
    assert seeing.crops.counts().held == seeing.probes.counts().held == 0
    assert not parts.search.tracks._tracks, "its tracks are forgotten too"


@pytest.mark.parametrize("ahead", [1, 4], ids=["live", "a file at full speed"])
async def test_where_nothing_moves_nobody_is_looked_for(ahead: int) -> None:
    seeing, counters = Seeing(Detections.none()), CameraCounters()
    parts = replace(_parts(seeing), rules=Rules(BestShotRule(), frames_ahead=ahead))
    await run_camera("door", _still(_frames(40), moving={0, 20}), parts, counters)
    assert counters.frames_detected == 2


@pytest.mark.parametrize("ahead", [1, 4], ids=["live", "a file at full speed"])
async def test_while_a_face_is_followed_every_turn_is_taken(ahead: int) -> None:
    """Somebody who stands still keeps their track, and is seen at once when they turn round."""
    seeing = Seeing(boxes_at((300.0, 300.0), size_px=120.0))
    counters = CameraCounters()
    parts = replace(_parts(seeing), rules=Rules(BestShotRule(), frames_ahead=ahead))
    await run_camera("door", _still(_frames(80), moving={10}), parts, counters)
    assert counters.frames_detected == 70
    assert counters.tracks == 1


async def _still(frames: AsyncIterator[Frame], moving: set[int]) -> AsyncIterator[Frame]:
    async for frame in frames:
        yield replace(frame, still=frame.sequence not in moving)


@pytest.mark.parametrize("somebody", [False, True])
async def test_the_pacer_is_told_whether_anybody_is_followed(somebody: bool) -> None:
    faces = boxes_at((300.0, 300.0), size_px=120.0) if somebody else Detections.none()
    pacer = Pacer(Tempo(8.0, 8.0), "door", still_look_s=2.0)
    pacer.handed(39)
    parts = _parts(Seeing(faces))
    await run_camera("door", _still(_frames(40), moving={3}), parts, CameraCounters(), pacer)
    assert pacer.at_rest is not somebody

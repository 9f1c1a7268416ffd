"""The naive loop with a vision of its own: what it looks at, and that it keeps nothing."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lfrd.clock import SystemClock
from lfrd.errors import Conflict, FacesLeft, SourceError
from lfrd.evaluate.naive import Loop
from lfrd.types import Detections, Match
from support.video import clip

FRAMES = 12


class Buffer:
    def __init__(self, vision: "FakeVision") -> None:
        self.array = np.zeros(4, np.float32)
        self._vision = vision
        vision.held += 1

    def release(self) -> None:
        self._vision.held -= 1


class FakeVision:
    """Two faces in every picture: the first is the entry's with 0.6, the second with 0.3."""

    def __init__(self, *, full: bool = False, leaking: int = 0) -> None:
        self.held = leaking
        self.crops_held = 0
        self.embedded = 0
        self._full = full

    async def detect(self, planes: Any, *, smallest_inter_eye_px: float) -> Detections:  # noqa: ARG002 - as Vision has it
        assert smallest_inter_eye_px == 24.0
        landmarks = np.zeros((2, 5, 2), np.float32)
        landmarks[1] = 1.0
        landmarks[1, 0] = 30.0  # 41 px between the eyes
        return Detections(np.zeros((2, 4), np.float32), np.ones(2, np.float32), landmarks)

    async def align(self, planes: Any, landmarks: Any) -> Buffer:  # noqa: ARG002 - as Vision has it
        crop = Buffer(self)
        crop.array[0] = landmarks[0, 0]
        return crop

    async def embed(self, crop: Buffer) -> Buffer | None:
        if self._full:
            return None
        self.embedded += 1
        probe = Buffer(self)
        probe.array[0] = crop.array[0]
        return probe

    async def search(self, gallery: Any, probe: Any, k: int) -> tuple[Match, ...]:  # noqa: ARG002 - as Vision has it
        return (Match("e1", "p1", 0.3 if probe[0] else 0.6),)

    async def drain(self) -> SimpleNamespace:
        return SimpleNamespace(held=self.held)


def loop(vision: FakeVision, every: int = 1) -> Loop:
    return Loop(vision, None, {"e1": "anna"}, 0.45, every, 24.0)  # type: ignore[arg-type]  # fakes


async def test_every_face_of_every_nth_frame_gets_a_template(tmp_path: Path) -> None:
    path = clip(tmp_path / "a #1?.mp4", frames=FRAMES)
    vision = FakeVision()
    told: list[int] = []
    found = await loop(vision, 5).play(path, SystemClock(), told.append)
    assert told == [0, 5, 10]
    assert (found.frames, found.templates, vision.embedded) == (3, 6, 6)
    assert [(one.frame, one.entry, one.score) for one in found.raised] == [
        (0, "anna", 0.6), (5, "anna", 0.6), (10, "anna", 0.6),
    ]  # fmt: skip
    assert found.raised[1].at_s == pytest.approx(0.2, abs=0.001)
    assert found.faces == (0, 5, 10)
    assert vision.held == 0


async def test_no_template_is_left(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", frames=3)
    with pytest.raises(FacesLeft):
        await loop(FakeVision(leaking=1)).play(path, SystemClock(), lambda _: None)
    vision = FakeVision(full=True)
    with pytest.raises(ExceptionGroup) as refused:
        await loop(vision).play(path, SystemClock(), lambda _: None)
    assert refused.group_contains(Conflict)
    assert vision.held == 0


async def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("not a video\n" * 1000)
    with pytest.raises((SourceError, ExceptionGroup)):
        await loop(FakeVision()).play(path, SystemClock(), lambda _: None)

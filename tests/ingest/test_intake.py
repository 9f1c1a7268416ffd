"""From a decoded picture to a frame in the mailbox, without any wire."""

import asyncio

import numpy as np
import pytest

from lfrd.clock import ManualClock
from lfrd.counters import CameraCounters
from lfrd.ingest.health import judge
from lfrd.ingest.intake import Intake
from lfrd.ingest.masks import Polygon, Regions
from lfrd.ingest.settings import CameraSettings, State
from lfrd.ingest.source import Picture, StreamInfo
from lfrd.mailbox import Latest
from lfrd.types import Frame, Planes


class Bench:
    """An intake with hand-made pictures on a clock that stands still."""

    def __init__(self, **settings: object) -> None:
        self.clock = ManualClock()
        self.counters = CameraCounters()
        self.mailbox: Latest[Frame] = Latest(asyncio.get_running_loop())
        self.noticed = 0
        self.intake = Intake(
            CameraSettings("gate", "rtsp://cam/1", **settings),  # type: ignore[arg-type]  # any
            self.clock,
            self.counters,
            self.mailbox,
            self._notice,
            live=True,
        )
        self.intake.opened(StreamInfo("h264", 0, 0))
        self._stream_s = 0.0

    def _notice(self) -> None:
        self.noticed += 1

    def feed(
        self, luma: int = 100, after_s: float = 0.04, step_s: float = 0.04, damaged: bool = False
    ) -> None:
        self.clock.advance(after_s)
        self._stream_s += step_s
        y = np.full((32, 48), luma, np.uint8)
        half = np.full((16, 24), 128, np.uint8)
        now_s = self.clock.monotonic_s()
        self.intake.picture(Picture(Planes(y, half, half), self._stream_s, now_s, damaged=damaged))

    @property
    def state(self) -> State:
        return judge(self.intake.pulse(), self.clock.monotonic_s()).state

    async def newest(self) -> Frame:
        async for frame in self.mailbox:
            return frame
        raise AssertionError("the mailbox is closed")


async def test_frames_are_numbered_and_counted() -> None:
    bench = Bench()
    for _ in range(5):
        bench.feed()
    frame = await bench.newest()
    assert (frame.camera_id, frame.sequence) == ("gate", 4)
    assert frame.media_at_s == pytest.approx(0.16)
    assert frame.captured_at_s == frame.arrived_at_s == bench.clock.monotonic_s()
    assert (bench.counters.frames_decoded, bench.counters.frames_dropped) == (5, 4)


async def test_the_size_is_learnt_from_the_picture() -> None:
    bench = Bench()
    bench.feed()
    assert bench.intake.info == StreamInfo("h264", 48, 32)


async def test_an_unchanged_picture_is_degraded_after_half_a_minute_and_recovers() -> None:
    bench = Bench()
    for _ in range(29):
        bench.feed(luma=60, after_s=1.0, step_s=1.0)
    assert bench.state is State.LIVE
    for _ in range(3):
        bench.feed(luma=60, after_s=1.0, step_s=1.0)
    assert bench.state is State.DEGRADED
    bench.feed(luma=61, after_s=1.0, step_s=1.0)
    assert bench.state is State.LIVE


async def test_a_stamp_that_stands_still_is_frozen_though_pictures_come() -> None:
    bench = Bench()
    bench.feed()
    for index in range(50):
        bench.feed(luma=index, after_s=0.1, step_s=0.0)
    assert bench.state is State.FROZEN
    bench.feed()
    assert bench.state is State.LIVE


async def test_many_damaged_pictures_are_degraded_and_counted() -> None:
    bench = Bench()
    for index in range(40):
        bench.feed(luma=index, damaged=index % 2 == 0)
    assert bench.state is State.DEGRADED
    assert bench.counters.frames_corrupt == 20
    assert bench.intake.take_trouble() == {"damaged picture": 20}
    assert not bench.intake.take_trouble()


async def test_nothing_passes_while_nothing_is_decoded() -> None:
    bench = Bench()
    bench.intake.decoding = False
    bench.feed()
    assert bench.counters.frames_decoded == 0


async def test_masked_regions_are_black_in_the_frame() -> None:
    everything = Polygon(((0, 0), (1, 0), (1, 1), (0, 1)))
    bench = Bench(regions=Regions(privacy=(everything,)))
    bench.feed(luma=200)
    frame = await bench.newest()
    assert (frame.planes.y == 16).all()


async def test_every_frame_keeps_media_time() -> None:
    bench = Bench(every_frame=True)
    bench.feed(after_s=3.0)
    bench.feed(after_s=3.0)
    frame = await bench.newest()
    assert frame.captured_at_s == frame.media_at_s == pytest.approx(0.04)


async def test_the_rate_is_measured() -> None:
    bench = Bench()
    assert bench.intake.fps(bench.clock.monotonic_s()) is None
    for _ in range(30):
        bench.feed(after_s=0.1)
    assert bench.intake.fps(bench.clock.monotonic_s()) == pytest.approx(10.0)
    bench.clock.advance(10.0)
    rate = bench.intake.fps(bench.clock.monotonic_s())
    assert rate is not None
    assert rate < 3.0

"""From a decoded picture to a frame in the mailbox, without any wire."""

import asyncio

import numpy as np
import pytest

from lfrd.clock import ManualClock
from lfrd.counters import CameraCounters
from lfrd.ingest import pacing as paced
from lfrd.ingest.camera import Intake, judge
from lfrd.ingest.masks import Polygon, Regions
from lfrd.ingest.pacing import RateController
from lfrd.ingest.settings import CameraSettings, State
from lfrd.ingest.source import Pacer, Picture, StreamInfo, Wanted
from lfrd.mailbox import Latest
from lfrd.types import Frame, Planes
from support.views import Drawn


class Bench:
    """An intake with hand-made pictures on a clock that stands still."""

    def __init__(self, pacer: Pacer | None = None, **settings: object) -> None:
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
            pacer=pacer,
        )
        self.intake.opened(StreamInfo("h264", 0, 0))
        self._stream_s = 0.0

    def _notice(self) -> None:
        self.noticed += 1

    def feed(
        self,
        luma: int = 100,
        after_s: float = 0.04,
        step_s: float = 0.04,
        damaged: bool = False,
        passed_over: int = 0,
    ) -> None:
        self.clock.advance(after_s)
        self._stream_s += step_s
        y = np.full((32, 48), luma, np.uint8)
        half = np.full((16, 24), 128, np.uint8)
        now_s = self.clock.monotonic_s()
        planes = Planes(y, half, half)
        self.intake.picture(
            Picture(Drawn(planes), self._stream_s, now_s, damaged=damaged, passed_over=passed_over)
        )

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


async def test_a_camera_whose_kept_pictures_are_decoded_is_not_silent() -> None:
    bench = Bench()
    bench.feed()
    for _ in range(20):
        bench.clock.advance(0.5)
        bench.intake.works()
    assert bench.state is State.LIVE
    bench.clock.advance(5.0)
    assert bench.state is State.FROZEN


async def test_a_picture_that_lay_was_taken_before_it_came() -> None:
    bench = Bench()
    arrived_at_s, arrived_wall_s = bench.clock.monotonic_s(), bench.clock.wall_s()
    bench.clock.advance(0.5)  # it lay in a socket, or was kept
    grey = np.full((32, 48), 100, np.uint8)
    planes = Planes(grey, grey[:16, :24], grey[:16, :24])
    bench.intake.picture(
        Picture(Drawn(planes), 1.0, arrived_at_s, sender_wall_s=arrived_wall_s - 0.25)
    )
    frame = await bench.newest()
    assert frame.arrived_at_s == arrived_at_s
    assert frame.captured_at_s == pytest.approx(arrived_at_s - 0.25)


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


async def test_pictures_whose_turn_has_not_come_are_counted_and_not_passed_on() -> None:
    bench = Bench(paced.CameraPacer(RateController(5.0, 5.0), "gate"))
    for _ in range(250):
        bench.feed()
    assert bench.counters.frames_decoded == 250
    assert bench.counters.frames_dropped == pytest.approx(50, abs=2), "all but the newest"
    assert bench.intake.period_s == pytest.approx(0.2)
    frame = await bench.newest()
    assert frame.sequence >= 245


async def test_pictures_that_were_not_decoded_count_in_numbers_and_rate() -> None:
    bench = Bench()
    for _ in range(30):
        bench.feed(after_s=0.1, step_s=0.1, passed_over=1)
    frame = await bench.newest()
    assert frame.sequence == 59
    assert bench.counters.frames_decoded == 60
    assert bench.intake.fps(bench.clock.monotonic_s()) == pytest.approx(20.0, rel=0.1)


async def test_a_frame_says_whether_anything_moved_in_it() -> None:
    bench = Bench(paced.CameraPacer(RateController(25.0, 25.0), "gate", still_look_s=2.0))
    still = []
    for number in range(50):
        bench.feed(luma=100 if number < 40 else 160)
        still.append((await bench.newest()).still)
    assert not any(still[:10]), "the first pictures are looked at"
    assert all(still[15:40])
    assert not any(still[40:50])


async def test_a_still_picture_is_handed_over_only_while_somebody_may_be_there() -> None:
    pacer = paced.CameraPacer(RateController(25.0, 25.0), "gate", still_look_s=2.0)
    bench = Bench(pacer)
    for _ in range(15):
        bench.feed()
    frame = await bench.newest()
    bench.feed()
    assert (await bench.newest()).still, "the last one has not come to its end"
    pacer.over(frame, follows_any=False)
    bench.feed()
    frame = await bench.newest()
    assert frame.still, "another one is still under way"
    pacer.over(frame, follows_any=True)
    bench.feed()
    frame = await bench.newest()
    assert frame.still, "a face may turn round"
    pacer.over(frame, follows_any=False)
    for _ in range(5):
        bench.feed()
    bench.feed(luma=160)
    frame = await bench.newest()
    assert not frame.still
    assert frame.sequence == bench.counters.frames_decoded - 1
    assert bench.counters.frames_dropped == 14, "those at rest were never handed over"


@pytest.mark.parametrize("every_frame", [False, True])
async def test_a_file_that_is_read_at_full_speed_is_never_decoded_in_part(
    every_frame: bool,
) -> None:
    rate = RateController(8.0, 8.0)
    bench = Bench(paced.CameraPacer(rate, "gate"), every_frame=every_frame)
    for second in range(0, 30, 3):
        rate.late("gate")
        rate.adapt(float(second))
    assert (bench.intake.wanted is Wanted.EVERY) is every_frame

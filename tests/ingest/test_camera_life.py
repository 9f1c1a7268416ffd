"""What a camera says and does about sources that fail in ways no server can be made to fail."""

import logging
import threading
from collections.abc import Callable

import numpy as np
import pytest

from lfrd.clock import SystemClock
from lfrd.errors import SourceError, SourceRefused
from lfrd.ingest.settings import CameraSettings, State
from lfrd.ingest.source import Picture, Sink, SourceStalled, StreamInfo
from lfrd.types import Planes
from support.cameras import make, take, until_state
from support.views import Drawn
from support.waiting import until

SETTINGS = CameraSettings("gate", "rtsp://cam/1")
CLOCK = SystemClock()


def picture(index: int) -> Picture:
    y = np.full((32, 48), index % 256, np.uint8)
    half = np.full((16, 24), 128, np.uint8)
    return Picture(Drawn(Planes(y, half, half)), index / 25, CLOCK.monotonic_s())


def some(sink: Sink, count: int = 3) -> None:
    sink.opened(StreamInfo("h264", 48, 32))
    for index in range(count):
        sink.picture(picture(index))


class Scripted:
    """A source that does one thing after the other, and the last for ever."""

    passive = False

    def __init__(self, *steps: Callable[[Sink], None], live: bool = True) -> None:
        self.live = live
        self.runs = 0
        self._steps = steps

    def run(self, sink: Sink) -> None:
        step = self._steps[min(self.runs, len(self._steps) - 1)]
        self.runs += 1
        step(sink)


def fails(error: Exception) -> Callable[[Sink], None]:
    def step(sink: Sink) -> None:
        raise error

    return step


def plays(sink: Sink) -> None:
    sink.opened(StreamInfo("h264", 48, 32))
    index = 0
    while not sink.wait(0.01):
        if sink.decoding:
            sink.picture(picture(index))
        index += 1


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (SourceError("gone"), State.LOST),
        (SourceRefused("no"), State.REFUSED),
        (SourceStalled("silent"), State.LOST),
    ],
)
async def test_each_failure_has_its_state(error: Exception, state: State) -> None:
    made = make(SETTINGS, Scripted(fails(error)))
    async with made.camera as camera:
        await until_state(camera, state)
        assert str(error) in camera.status.reason
        assert "next attempt" in camera.status.reason


async def test_silence_after_pictures_is_frozen() -> None:
    made = make(SETTINGS, Scripted(some, fails(SourceStalled("silent"))))
    async with made.camera as camera:
        await until_state(camera, State.FROZEN)


async def test_the_state_keeps_its_time_while_attempts_fail() -> None:
    source = Scripted(fails(SourceError("gone")))
    made = make(SETTINGS, source)
    async with made.camera as camera:
        await until_state(camera, State.LOST)
        since_s = camera.status.since_s
        await until(lambda: source.runs >= 3)
        assert camera.status.state is State.LOST
        assert camera.status.since_s == since_s


async def test_a_camera_that_was_seen_does_not_give_up() -> None:
    settings = CameraSettings("gate", "rtsp://cam/1", must_open=True)
    made = make(settings, Scripted(some, fails(SourceError("gone")), plays))
    async with made.camera as camera:
        assert len(await take(camera, 10)) == 10
        await until_state(camera, State.LIVE)


@pytest.mark.parametrize(
    "fault",
    [
        ZeroDivisionError("zq-secret"),
        ExceptionGroup("zq-secret", [SourceError("zq-secret"), KeyError("zq-secret")]),
        MemoryError(),
        AssertionError(),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_a_fault_of_ours_is_one_failed_connection(
    fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = make(SETTINGS, Scripted(fails(fault), plays))
    async with made.camera as camera:
        await until_state(camera, State.LOST)
        assert f"{type(fault).__name__} at test_camera_life.py:" in camera.status.reason
        assert len(await take(camera, 3)) == 3
    assert "a fault while reading" in caplog.text
    assert "zq-secret" not in caplog.text + repr(made.said)


async def test_standing_by_for_long_is_not_frozen() -> None:
    made = make(SETTINGS, Scripted(plays))
    async with made.camera as camera:
        await take(camera, 3)
        await until_state(camera, State.LIVE)
        camera.decode(False)
        await until_state(camera, State.IDLE)
        camera.intake.frame_at_s = CLOCK.monotonic_s() - 60.0  # a minute of standing by
        camera.decode(True)
        await until_state(camera, State.LIVE)
    assert made.states() == [
        State.CONNECTING,
        State.LIVE,
        State.IDLE,
        State.CONNECTING,
        State.LIVE,
        State.IDLE,
    ]


async def test_standing_by_says_when_it_is_not_connected() -> None:
    gone = fails(SourceError("gone"))
    made = make(SETTINGS, Scripted(lambda sink: sink.opened(StreamInfo("h264", 0, 0)), gone))
    made_camera = made.camera
    async with made_camera as camera:
        camera.decode(False)
        await until_state(camera, State.LOST)


async def test_a_reader_that_cannot_be_interrupted_shows_as_closing() -> None:
    release = threading.Event()

    def stuck(sink: Sink) -> None:
        release.wait(30)

    made = make(SETTINGS, Scripted(stuck))
    async with made.camera as camera:
        await until(lambda: any(t.name == "reader gate" for t in threading.enumerate()))
    assert camera.still_closing
    assert camera.status.state is State.CLOSING
    release.set()
    await camera.wait_closed()
    assert not camera.still_closing
    assert camera.status.state is State.IDLE


async def test_a_file_that_waits_for_a_slow_reader_is_not_frozen() -> None:
    settings = CameraSettings("gate", "a.mp4", every_frame=True)
    made = make(settings, Scripted(plays, live=False))
    async with made.camera as camera:
        await take(camera, 2)
        camera.intake.frame_at_s = CLOCK.monotonic_s() - 60.0  # the pipeline took a minute
        await until_state(camera, State.LIVE)
    assert State.FROZEN not in made.states()

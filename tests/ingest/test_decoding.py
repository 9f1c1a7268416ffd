"""Decoding less than every picture, and going on where it stopped, with real streams."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lfrd.clock import Clock, ManualClock, SystemClock
from lfrd.ingest.container import Opening, Reading
from lfrd.ingest.source import Picture, StreamInfo, Wanted
from lfrd.types import U8
from support.video import encode, moving_picture

GOP, FRAMES = 10, 60
B_FRAMES = {"preset": "veryfast", "bf": "2", "sc_threshold": "0"}

Policy = Callable[[int], Wanted]
"""What is wanted when the packet of this number has come."""


class PolicySink:
    """A sink that wants what a policy says."""

    stopping = False
    decoding = True
    period_s = None

    def __init__(self, policy: Policy, on_packet: Callable[[], None] = lambda: None) -> None:
        self._policy = policy
        self._on_packet = on_packet
        self.packets = 0
        self.troubles: list[str] = []
        self.lates: list[float] = []

    @property
    def wanted(self) -> Wanted:
        return self._policy(self.packets - 1)

    def wait(self, _: float) -> bool:
        return False

    def opened(self, info: StreamInfo) -> None: ...

    def packet(self, *_: object) -> None:
        self.packets += 1
        self._on_packet()

    def picture(self, picture: Picture) -> None: ...

    def trouble(self, kind: str) -> None:
        self.troubles.append(kind)

    def late(self, late_s: float) -> None:
        self.lates.append(late_s)

    def behind(self, late_s: float) -> None: ...

    def works(self) -> None: ...


def read(
    path: Path, sink: PolicySink, *, live: bool = False, clock: Clock | None = None
) -> list[tuple[float, U8]]:
    """Time and luma of each picture that is passed on."""
    reading = Reading(Opening(f"file:{path}", path.name, {}, pausable=not live))
    try:
        return [
            (picture.stream_s or 0.0, picture.planes.y.copy())
            for picture in reading.pictures(sink, clock or SystemClock())
        ]
    finally:
        reading.close()


@pytest.fixture(scope="module", params=["camera", "b-frames"])
def stream(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("streams") / f"{request.param}.mp4"
    options = B_FRAMES if request.param == "b-frames" else None
    return encode(path, moving_picture(frames=FRAMES), keyframe_every=GOP, options=options)


def _same(some: list[tuple[float, U8]], all_of_them: list[tuple[float, U8]]) -> None:
    """Each picture is, to the last bit, the one of its time."""
    known = dict(all_of_them)
    for at_s, luma in some:
        assert np.array_equal(luma, known[at_s]), at_s
    times = [at_s for at_s, _ in some]
    assert times == sorted(set(times)), "in order, and none twice"


def test_keyframes_alone(stream: Path) -> None:
    everything = read(stream, PolicySink(lambda _: Wanted.EVERY))
    assert len(everything) == FRAMES
    keyframes = read(stream, PolicySink(lambda _: Wanted.KEYFRAMES))
    _same(keyframes, everything)
    assert len(keyframes) == FRAMES // GOP


@pytest.mark.parametrize("stop", [Wanted.KEYFRAMES, Wanted.NONE])
@pytest.mark.parametrize(("first", "last"), [(14, 27), (3, 8), (0, 33), (20, 20), (19, 31)])
def test_going_on_shows_the_same_pictures(
    stream: Path, stop: Wanted, first: int, last: int
) -> None:
    everything = read(stream, PolicySink(lambda _: Wanted.EVERY))
    some = read(
        stream, PolicySink(lambda number: stop if first <= number <= last else Wanted.EVERY)
    )
    _same(some, everything)
    assert [at_s for at_s, _ in some][-(FRAMES - last - GOP) :] == [at_s for at_s, _ in everything][
        -(FRAMES - last - GOP) :
    ], "none is missing once every picture is wanted again"


def test_nothing_is_decoded_where_nothing_is_wanted(stream: Path) -> None:
    assert read(stream, PolicySink(lambda _: Wanted.NONE)) == []


def test_a_stream_that_is_read_late_is_decoded_at_its_keyframes_until_it_is_on_time(
    stream: Path,
) -> None:
    clock = ManualClock()
    slow = 20

    def passes() -> None:
        clock.advance(0.1 if sink.packets < slow else 0.001)

    sink = PolicySink(lambda _: Wanted.EVERY, passes)
    some = read(stream, sink, live=True, clock=clock)
    assert len(sink.lates) == 2
    assert sink.lates[0] > 1.0
    assert sink.lates[1] == 0.0
    assert len(some) < FRAMES - GOP
    everything = read(stream, PolicySink(lambda _: Wanted.EVERY))
    _same(some, everything)
    assert some[-1][0] == everything[-1][0], "in the end it is on time again"


def test_keyframes_too_far_apart_to_keep_what_lies_between(
    stream: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lfrd.ingest.kept_packets.KEPT_BYTES", 1)
    sink = PolicySink(lambda number: Wanted.NONE if number < 25 else Wanted.EVERY)
    some = read(stream, sink)
    assert sink.troubles
    _same(some, read(stream, PolicySink(lambda _: Wanted.EVERY)))


async def test_reading_ends_where_it_is_stopped(stream: Path) -> None:
    class Stopping(PolicySink):
        @property
        def stopping(self) -> bool:  # type: ignore[override]  # a plain attribute there
            return self.packets > 5

    some = await asyncio.to_thread(read, stream, Stopping(lambda _: Wanted.NONE))
    assert some == []

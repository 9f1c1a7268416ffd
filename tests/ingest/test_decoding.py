"""Decoding less than every picture, and going on where it stopped, with real streams."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lfrd.clock import Clock, ManualClock, SystemClock
from lfrd.ingest.container import Opening, Reading
from lfrd.ingest.decode_slots import Slots
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
        self.worked = 0

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

    def works(self) -> None:
        self.worked += 1


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


@pytest.mark.parametrize(("each_s", "first"), [(0.0, 26), (0.01, 26), (0.04, 30)])
def test_it_goes_on_from_the_next_keyframe_where_that_is_sooner(
    stream: Path, monkeypatch: pytest.MonkeyPatch, each_s: float, first: int
) -> None:
    """Seven packets are kept, and the next keyframe comes in 0.16 s."""
    clock = ManualClock()
    monkeypatch.setattr("lfrd.ingest.container.SMALL_PX", 0)  # it is decoded in turn with others
    monkeypatch.setattr("lfrd.ingest.container.DECODING", slots := Slots(1))
    monkeypatch.setattr(slots, "each_s", lambda _: each_s)
    rested = range(20, 26)
    sink = PolicySink(
        lambda number: Wanted.NONE if number in rested else Wanted.EVERY,
        lambda: clock.advance(0.04),
    )
    some = read(stream, sink, live=True, clock=clock)
    everything = read(stream, PolicySink(lambda _: Wanted.EVERY))
    _same(some, everything)
    shown = [at_s for at_s, _ in some]
    assert everything[30][0] in shown
    assert (everything[27][0] in shown) == (first == 26)
    assert (sink.worked > 1) == (first == 30)


@pytest.mark.parametrize(("each_s", "all_come"), [(0.001, True), (0.06, False)])
def test_who_gets_later_after_catching_up_skips_to_a_keyframe(
    stream: Path, each_s: float, all_come: bool
) -> None:
    clock = ManualClock()

    def passes() -> None:
        late = sink.packets == 28
        clock.advance(1.2 if late else 0.04 if sink.packets < 28 else each_s)

    sink = PolicySink(lambda number: Wanted.NONE if 20 <= number < 27 else Wanted.EVERY, passes)
    some = read(stream, sink, live=True, clock=clock)
    everything = read(stream, PolicySink(lambda _: Wanted.EVERY))
    _same(some, everything)
    last = [at_s for at_s, _ in everything[40:]]
    keyframes = [last[0], last[GOP]]
    shown = [at_s for at_s, _ in some if at_s >= last[0]]
    assert shown == last if all_come else shown == keyframes
    assert not [late_s for late_s in sink.lates if late_s > 0], "no other camera gets less for it"


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

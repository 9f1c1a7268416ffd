"""Pictures that nobody needs are not decoded, and the others are the same to the last bit."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from lfrd.clock import SystemClock
from lfrd.ingest.container import Opening, Reading
from lfrd.ingest.source import Picture, Wanted
from lfrd.ingest.sparing import PAUSE_S, WINDOW, Sparing

PERIOD_S = 0.125


def _feed(sparing: Sparing, count: int, step_s: float, kept_every: int) -> list[int]:
    """A stream in the order of showing, of which others are predicted from every so-manieth."""
    told = []
    for number in range(count):
        at_s = number * step_s
        if not (sparing.may_go(at_s, PERIOD_S) and number % kept_every):
            told.append(sparing.came(at_s))
    return told


def test_what_was_passed_over_is_counted_before_the_next_picture() -> None:
    assert _feed(Sparing(), 200, 0.04, 2) == [0, *([1] * 99)]


def test_a_camera_whose_every_picture_is_needed_loses_none() -> None:
    sparing = Sparing()
    assert not any(sparing.may_go(number / 25, None) for number in range(50))


def test_where_too_few_pictures_are_left_all_are_decoded_again() -> None:
    sparing = Sparing()
    told = _feed(sparing, 4 * WINDOW, 0.1, 4)
    assert sum(told) + len(told) >= 4 * WINDOW - 3
    assert set(told[WINDOW // 4 + 2 :]) == {0}, "0.4 s without a picture: for one window only"
    assert sparing.may_go(WINDOW * 0.1 + PAUSE_S + 5, PERIOD_S), "it is tried again later"


def test_stamps_in_the_order_of_decoding_are_borne() -> None:
    """I0 P4 B2 b1 b3 as some servers stamp them: 0 1 2 3 4, shown as 0 3 2 4 1."""
    sparing, told = Sparing(), []
    for group in range(100):
        stamps = [(4 * group + number) * 0.04 for number in range(1, 5)]
        allowed = [sparing.may_go(at_s, PERIOD_S) for at_s in stamps]
        assert all(allowed), "half of the pictures are enough"
        told += [sparing.came(stamps[1]), sparing.came(stamps[0])]
    assert sum(told) == pytest.approx(200, abs=4)


def test_pictures_without_a_stamp_are_decoded() -> None:
    sparing = Sparing()
    assert not sparing.may_go(None, PERIOD_S)
    assert sparing.came(None) == 0


def test_a_stream_that_begins_anew_is_spared_anew() -> None:
    sparing = Sparing()
    _feed(sparing, 1000, 0.1, 4)
    assert sparing.may_go(0.0, PERIOD_S)


def test_what_never_comes_out_is_forgotten() -> None:
    sparing = Sparing()
    for number in range(10_000):
        sparing.may_go(float(number), PERIOD_S)
    assert len(sparing._fed) <= 256


@dataclass
class _Watcher:
    period_s: float | None
    wanted = Wanted.EVERY
    stopping: bool = False
    decoding: bool = True

    def wait(self, seconds: float) -> bool:
        return seconds < 0

    def packet(self, size_bytes: int, keyframe: bool) -> None:
        """Not counted here."""

    def works(self) -> None: ...

    def behind(self, late_s: float) -> None:
        """Not counted here either."""

    def trouble(self, kind: str) -> None:
        raise AssertionError(kind)


def _pictures(clip: Path, period_s: float | None) -> Iterator[Picture]:
    reading = Reading(Opening(f"file:{clip}", clip.name, {}))
    try:
        yield from reading.pictures(_Watcher(period_s), SystemClock())  # type: ignore[arg-type]
    finally:
        reading.close()


@pytest.mark.shared
@pytest.mark.slow
def test_the_crowd_clip_is_half_decoded_and_what_comes_is_the_same(shared: Path) -> None:
    clip = shared / "media" / "crowd" / "video.mp4"
    all_ = {p.stream_s: np.array(p.planes.y[::8, ::8]) for p in _pictures(clip, None)}
    numbered, sequence = {}, 0
    for picture in _pictures(clip, PERIOD_S):
        sequence += picture.passed_over
        numbered[sequence] = picture
        assert np.array_equal(all_[picture.stream_s], picture.planes.y[::8, ::8])
        sequence += 1
    order = sorted(all_, key=lambda at_s: at_s or 0.0)
    assert all(order[number] == picture.stream_s for number, picture in numbered.items())
    assert len(all_) == 105
    assert len(numbered) <= 54
    times_s = [picture.stream_s or 0.0 for picture in numbered.values()]
    assert max(np.diff(times_s)) <= PERIOD_S


def test_pictures_stamped_alike_may_not_go() -> None:
    sparing = Sparing()
    assert sparing.may_go(7.0, 0.2)
    assert not any(sparing.may_go(7.0, 0.2) for _ in range(100))


def test_stamps_that_hardly_rise_are_not_gone_by() -> None:
    """Counters instead of times: where time goes by pictures, each one counts."""
    sparing = Sparing()
    went = []
    for index in range(3 * WINDOW):
        went.append(sparing.may_go(index / 90_000, 0.2))
        sparing.came(index / 90_000)
    assert not any(went[WINDOW + 1 :])

"""Time rises, whatever a camera sends."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.ingest.timestamps import SLOW_LIMIT, CaptureClock, MediaTimeline

stamps = st.one_of(st.none(), st.floats(-1e6, 1e9), st.floats(-0.6, 0.6))
waits = st.floats(0.0, 20.0)


@given(st.lists(st.tuples(stamps, waits, st.booleans()), min_size=1, max_size=60), st.booleans())
def test_media_time_starts_at_zero_and_rises_strictly(
    steps: list[tuple[float | None, float, bool]], live: bool
) -> None:
    timeline, now_s, times = MediaTimeline(live), 100.0, []
    for stream_s, wait_s, reopened in steps:
        now_s += wait_s
        if reopened:
            timeline.restart()
        times.append(timeline.step(stream_s, now_s))
    assert times[0] == 0.0
    assert all(earlier < later for earlier, later in itertools.pairwise(times))


@given(st.floats(-1e5, 1e5), st.floats(0.01, 0.5), st.integers(2, 50))
def test_regular_stamps_are_kept_exactly(origin_s: float, period_s: float, count: int) -> None:
    timeline = MediaTimeline(live=False)
    times = [timeline.step(origin_s + i * period_s, i * period_s) for i in range(count)]
    assert times == pytest.approx([i * period_s for i in range(count)], abs=1e-6)


def test_a_missing_first_stamp_does_not_shift_the_rest() -> None:
    timeline = MediaTimeline(live=True)
    times = [timeline.step(s, i * 0.04) for i, s in enumerate([None, 7.04, 7.08, None, 7.16])]
    assert times == pytest.approx([0.0, 0.04, 0.08, 0.12, 0.16], abs=1e-6)


def test_a_picture_out_of_order_is_squeezed_in_without_a_lasting_shift() -> None:
    timeline = MediaTimeline(live=True)
    times = [timeline.step(s, i * 0.04) for i, s in enumerate([0.0, 0.08, 0.04, 0.12, 0.16])]
    assert times == pytest.approx([0.0, 0.08, 0.0801, 0.12, 0.16], abs=1e-6)


@pytest.mark.parametrize("jump_s", [-5000.0, -1.0, 95443.7, 1e8])
def test_a_jump_in_a_live_stream_becomes_the_time_that_passed(jump_s: float) -> None:
    timeline = MediaTimeline(live=True)
    timeline.step(0.0, 0.0)
    timeline.step(0.04, 0.04)
    assert timeline.step(0.08 + jump_s, 0.54) == pytest.approx(0.54)
    assert timeline.step(0.12 + jump_s, 0.58) == pytest.approx(0.58)


def test_a_real_gap_in_a_live_stream_is_kept() -> None:
    timeline = MediaTimeline(live=True)
    timeline.step(0.0, 0.0)
    assert timeline.step(25.0, 25.2) == pytest.approx(25.0)


def test_a_recording_may_have_a_gap_of_minutes() -> None:
    timeline = MediaTimeline(live=False)
    timeline.step(0.0, 0.0)
    assert timeline.step(600.0, 0.01) == pytest.approx(600.0)


rates = st.sampled_from([None, 5.0, 10.0, 23.976, 25.0, 30.0, 60.0, 240.0])


def file_times(stamps_s: Sequence[float | None], fps: float | None = None) -> list[float]:
    """What a file's pictures with these stamps get."""
    timeline = MediaTimeline(live=False)
    timeline.restart(fps)
    return [timeline.step(stream_s, 0.0) for stream_s in stamps_s]


@given(st.lists(stamps, min_size=1, max_size=80), rates)
def test_a_file_s_time_rises_strictly(given_s: list[float | None], fps: float | None) -> None:
    times = file_times(given_s, fps)
    assert all(earlier < later for earlier, later in itertools.pairwise(times))


@given(st.lists(st.floats(0.004, 30.0), min_size=1, max_size=60), st.floats(-1e4, 1e4), rates)
def test_a_variable_frame_rate_is_kept(
    steps_s: list[float], origin_s: float, fps: float | None
) -> None:
    expected = list(itertools.accumulate(steps_s, initial=0.0))
    found = file_times([origin_s + at_s for at_s in expected], fps)
    assert found == pytest.approx(expected, abs=1e-3)


@given(st.integers(2, 200), st.floats(-1e4, 1e4), st.floats(0.0, 1e-3), rates)
def test_a_file_whose_stamps_stand_still_goes_by_its_rate(
    count: int, origin_s: float, rise_s: float, fps: float | None
) -> None:
    expected = pytest.approx([i / (fps or 25.0) for i in range(count)], abs=1e-6)
    assert file_times([origin_s] * count, fps) == expected
    assert file_times([None] * count, fps) == expected
    assert file_times([None, origin_s] * count, fps)[:count] == expected
    assert file_times([origin_s + i * rise_s for i in range(count)], fps) == expected


@given(st.integers(20, 100), st.integers(SLOW_LIMIT, 100), st.integers(2, 50), rates)
def test_stamps_that_stand_still_for_a_while_cost_no_time(
    good: int, stuck: int, more: int, fps: float | None
) -> None:
    period_s = 1 / (fps or 25.0)
    before = [i * period_s for i in range(good)]
    after = [before[-1] + i * period_s for i in range(1, more)]
    times = file_times([*before, *[before[-1]] * stuck, *after], fps)
    assert times[:good] == pytest.approx(before)
    assert times[good + stuck - 1] == pytest.approx((good + stuck - 1) * period_s)
    assert times[-1] == pytest.approx((len(times) - 1) * period_s)


def test_one_stamp_given_twice_shifts_nothing() -> None:
    given_s = [0.0, 0.04, 0.08, 0.08, 0.16, 0.2]
    expected = [0.0, 0.04, 0.08, 0.0801, 0.16, 0.2]
    assert file_times(given_s, 25.0) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("jump_s", [-5000.0, -1.0, 5000.0])
def test_a_jump_in_a_file_becomes_one_picture(jump_s: float) -> None:
    times = file_times([0.0, 0.1, 0.2 + jump_s, 0.3 + jump_s], 10.0)
    assert times == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_stamps_that_jump_to_and_fro_do_not_run_away() -> None:
    times = file_times([0.0, 0.1, *[900.0, 0.0] * 50], 10.0)
    assert times[-1] == pytest.approx(900.0 + 99 * 0.1)


@pytest.mark.parametrize("fps", [None, 10.0])
def test_a_live_stream_s_rate_is_not_believed(fps: float | None) -> None:
    timeline = MediaTimeline(live=True)
    timeline.restart(fps)
    times = [timeline.step(7.0, i * 0.1) for i in range(4)]
    assert times == pytest.approx([0.0, 1e-4, 2e-4, 3e-4])


senders = st.one_of(st.none(), st.floats(-1e9, 2e9), st.floats(-20.0, 20.0))


@given(st.lists(st.tuples(st.floats(0.0, 5.0), senders), min_size=1, max_size=60))
def test_capture_time_never_falls_and_never_lies_in_the_future(
    steps: list[tuple[float, float | None]],
) -> None:
    clock, now_s, last_s = CaptureClock(), 0.0, None
    for wait_s, sender_s in steps:
        now_s += wait_s
        captured_s = clock.captured(now_s, now_s, sender_s)
        assert captured_s <= now_s + 1e-9
        assert now_s - captured_s <= 10.0 + 1e-9
        assert last_s is None or captured_s >= last_s
        last_s = captured_s


def test_a_sender_s_clock_gives_the_delay_and_a_wrong_one_gives_none() -> None:
    assert CaptureClock().captured(50.0, 1000.0, 999.7) == pytest.approx(49.7)
    assert CaptureClock().captured(50.0, 1000.0, 12.0) == 50.0
    assert CaptureClock().captured(50.0, 1000.0, 1000.4) == 50.0
    assert CaptureClock().captured(50.0, 1000.0, None) == 50.0


def test_when_the_sender_s_clock_appears_time_slows_but_never_stops() -> None:
    clock = CaptureClock()
    times = [clock.captured(0.04 * i, 0.04 * i, None) for i in range(3)]
    times += [clock.captured(0.04 * i, 0.04 * i, 0.04 * i - 0.3) for i in range(3, 30)]
    steps = [b - a for a, b in itertools.pairwise(times)]
    assert min(steps) == pytest.approx(0.02)
    assert times[-1] == pytest.approx(0.04 * 29 - 0.3)

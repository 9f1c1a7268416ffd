"""One rate for all cameras: the floor for each of them before more for any."""

import asyncio

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lfrd.ingest.pacing import (
    BEGINS_S,
    GONE_LOOKS,
    NEAR_S,
    NEAR_TURNS,
    REST_SHARE,
    CameraPacer,
    PairPacer,
    RateController,
)
from lfrd.ingest.rest import REST_S
from lfrd.ingest.source import Due, Wanted
from lfrd.types import Frame, Planes


def _frame(number: int) -> Frame:
    grey = np.zeros((4, 4), np.uint8)
    planes = Planes(grey, grey[:2, :2], grey[:2, :2])
    return Frame("door", number, float(number), float(number), float(number), planes)


def _live(
    rate: RateController, work_s: dict[str, float], seconds: float, begin_s: float = 0.0
) -> dict[str, int]:
    """Cameras at 25 pictures a second whose turns take so long; return how many turns each had."""
    turns = {name: rate.turn(name) for name in work_s}
    free_at_s = dict.fromkeys(work_s, begin_s)
    counts = dict.fromkeys(work_s, 0)
    for number in range(int(seconds * 25)):
        at_s = begin_s + number / 25
        for name, turn in turns.items():
            if at_s >= free_at_s[name] and turn.due(at_s):
                free_at_s[name] = at_s + work_s[name]
                counts[name] += 1
                turn.took(work_s[name], at_s + work_s[name])
    return counts


def test_every_camera_gets_the_target_while_all_can_have_it() -> None:
    rate = RateController(8.0, 2.0)
    counts = _live(rate, {"door": 0.02, "hall": 0.05}, 10)
    assert rate.hz == 8.0
    assert all(79 <= count <= 81 for count in counts.values())


def test_all_slow_down_together_for_the_one_that_cannot_keep_up() -> None:
    rate = RateController(8.0, 2.0)
    _live(rate, {"door": 0.01, "crowd": 0.25}, 10)
    counts = _live(rate, {"door": 0.01, "crowd": 0.25}, 10, begin_s=10)
    assert 2.0 < rate.hz < 4.2
    assert counts["door"] <= 1.3 * counts["crowd"], "nobody has much more than the slowest"


def test_below_the_floor_nobody_is_slowed_down_further() -> None:
    rate = RateController(8.0, 2.0)
    counts = _live(rate, {"door": 0.01, "stuck": 2.0}, 20)
    assert rate.hz == 2.0
    assert counts["door"] >= 2 * 20


def test_when_there_is_room_again_all_get_faster() -> None:
    rate = RateController(8.0, 2.0)
    _live(rate, {"door": 0.4}, 10)
    assert rate.hz < 3
    _live(rate, {"door": 0.02}, 20, begin_s=10)
    assert rate.hz == 8.0


def test_a_camera_that_left_has_no_say() -> None:
    rate = RateController(8.0, 2.0)
    _live(rate, {"gone": 0.4, "door": 0.02}, 10)
    _live(rate, {"door": 0.02}, 20, begin_s=10)
    assert rate.hz == 8.0


def test_a_clock_that_was_set_back_does_not_make_the_camera_wait() -> None:
    turn = RateController(8.0, 2.0).turn("door")
    assert turn.due(5000.0)
    assert not turn.due(4999.95), "pictures out of order are none"
    assert turn.due(0.0)
    assert not turn.due(0.1)
    assert turn.due(0.13)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 10), st.floats(0, 3)), max_size=300))
def test_the_rate_stays_between_floor_and_target(
    turns: list[tuple[str, float, float]],
) -> None:
    rate, now_s = RateController(8.0, 2.0), 0.0
    for camera, busy_s, later_s in turns:
        now_s += later_s
        rate.turn(camera).took(busy_s, now_s)
        assert 2.0 <= rate.hz <= 8.0


def test_at_the_floor_fewer_cameras_are_decoded_in_full_and_then_more_again() -> None:
    rate, now_s = RateController(8.0, 2.0), 0.0
    pacers = [CameraPacer(rate, f"camera-{number}") for number in range(3)]
    while now_s < 20:
        now_s += 0.1
        for number, pacer in enumerate(pacers):
            if pacer.wanted is Wanted.EVERY or number == 0:
                pacer.took(0.6, now_s)
    assert rate.hz == 2.0
    assert rate.budget.counts[0] < 3
    while now_s < 200:
        now_s += 0.1
        pacers[0].took(0.01, now_s)
    assert not rate.budget.limited
    assert rate.hz == 8.0


def test_first_all_are_decoded_again_then_all_get_faster() -> None:
    rate = RateController(8.0, 2.0)
    pacer = CameraPacer(rate, "door")
    for tenth in range(200):
        pacer.took(0.8, tenth / 10)
    assert rate.budget.limited
    for tenth in range(200, 2000):
        pacer.took(0.01, tenth / 10)
        assert rate.hz == 2.0 or not rate.budget.limited


def test_a_stream_that_is_read_late_slows_all_down_whatever_their_turns_take() -> None:
    rate = RateController(8.0, 2.0)
    pacer = CameraPacer(rate, "door")
    for tenth in range(100):
        pacer.late(1.5)
        rate.adapt(tenth / 10)
    assert rate.hz == 2.0
    assert pacer.wanted is Wanted.KEYFRAMES
    pacer.late(0.0)
    for tenth in range(100, 1000):
        rate.adapt(tenth / 10)
    assert pacer.wanted is Wanted.EVERY
    assert rate.hz == 8.0


def test_all_slow_down_a_little_before_a_stream_is_late() -> None:
    rate = RateController(8.0, 2.0)
    CameraPacer(rate, "door").behind(0.9)
    rate.adapt(0.0)
    assert rate.hz == 8.0, "one that is decoded all the time has no say"
    pacer = PairPacer(rate, "gate").large
    pacer.behind(0.6)
    pacer.behind(0.1)
    rate.adapt(1.0)
    slower_hz = rate.hz
    assert 6.0 < slower_hz < 8.0
    pacer.behind(0.4)
    rate.adapt(2.0)
    assert rate.hz == slower_hz, "no faster yet either"
    rate.adapt(3.0)
    assert rate.hz > slower_hz
    assert not rate.budget.limited


def test_a_camera_that_is_gone_is_late_no_more() -> None:
    rate = RateController(8.0, 8.0)
    pacer, other = CameraPacer(rate, "door"), CameraPacer(rate, "hall")
    pacer.late(1.5)
    pacer.clear()
    rate.adapt(1.0)
    assert not rate.budget.limited
    assert other.wanted is Wanted.EVERY


async def test_no_more_frames_are_worked_on_than_there_are_places() -> None:
    rate = RateController(8.0, 2.0, threads=1)
    pacers = [CameraPacer(rate, name) for name in "abcd"]
    waits = [asyncio.ensure_future(pacer.gate.enter()) for pacer in pacers]
    await asyncio.sleep(0)
    assert [wait.done() for wait in waits] == [True, True, True, False]
    pacers[1].over(_frame(0), follows_any=False)
    await waits[3]


async def test_a_camera_that_leaves_gives_its_places_back() -> None:
    rate = RateController(8.0, 2.0, threads=1)
    gone, left = CameraPacer(rate, "gone"), CameraPacer(rate, "left")
    for _ in range(3):
        await gone.gate.enter()
    waiting = asyncio.ensure_future(left.gate.enter())
    gone.clear()
    gone.clear()
    await waiting
    left.clear()
    for _ in range(3):
        await asyncio.wait_for(gone.gate.enter(), 1.0)


def test_frames_that_came_through_no_gate_give_no_place() -> None:
    rate = RateController(8.0, 2.0, threads=1)
    pacer = CameraPacer(rate, "file")
    for number in range(5):
        pacer.over(_frame(number), follows_any=False)

    async def entered() -> int:
        waits = [asyncio.ensure_future(pacer.gate.enter()) for _ in range(5)]
        await asyncio.sleep(0)
        return sum(wait.done() for wait in waits)

    assert asyncio.run(entered()) == 3


async def test_the_time_at_the_gate_counts_as_the_turns() -> None:
    rate = RateController(8.0, 2.0, threads=1)
    pacer = CameraPacer(rate, "late")
    pacer.gate.waited_s = 1.0
    pacer.took(0.01, now_s=10.0)
    assert rate.hz < 8.0


def test_a_picture_that_waits_makes_room_for_a_newer_one() -> None:
    pacer = CameraPacer(RateController(8.0, 2.0), "door")
    for begin_s in (0.0, 0.01):
        assert pacer.due(begin_s) is Due.NOW
    assert pacer.due(0.04, waiting=True) is Due.NEWER
    assert pacer.due(0.08) is Due.NOT
    assert pacer.due(0.13, waiting=True) is Due.NOW, "a turn is lost"


def test_what_moved_in_a_picture_that_was_not_taken_is_not_still_in_the_next() -> None:
    pacer = CameraPacer(RateController(8.0, 2.0), "door", still_look_s=1.0)
    bright, dark = (np.full((360, 640), grey, np.uint8) for grey in (200, 20))
    pacer.due(0.0)
    pacer.still(bright, 0.0)
    pacer.due(5.0)
    assert not pacer.still(dark, 5.0)
    pacer.due(5.04, waiting=True)
    assert not pacer.still(dark, 5.04)
    pacer.due(7.0)
    assert not pacer.still(dark, 7.0)
    pacer.due(7.2)
    assert pacer.still(dark, 7.2)


def test_a_small_picture_takes_no_large_ones_place() -> None:
    pair = PairPacer(RateController(8.0, 2.0), "gate")
    pair.saw_face()
    for begin_s in (0.0, 0.01):
        assert pair.large.due(begin_s) is Due.NOW
    assert pair.small.due(0.04, waiting=True) is Due.NOT
    assert pair.large.due(0.04, waiting=True) is Due.NEWER


def test_the_small_stream_rests_while_the_large_one_is_searched() -> None:
    now_s = 0.0
    pair = PairPacer(RateController(8.0, 2.0), "gate", now_s=lambda: now_s)
    assert pair.small.wanted is Wanted.EVERY
    pair.saw_face()
    pair.over(_frame(0), follows_any=True)
    assert pair.small.wanted is Wanted.EVERY, "the large one has given no picture yet"
    pair.large.due(0.0)
    assert pair.small.wanted is Wanted.NONE
    now_s = NEAR_S + 0.01  # nobody is left: nothing has to be waited for
    assert pair.small.wanted is Wanted.EVERY
    assert pair.small.due(now_s) is Due.NOW


def test_packets_may_lie_longest_where_nobody_waits_for_them() -> None:
    rate = RateController(8.0, 2.0)
    pacer = CameraPacer(rate, "gate")
    assert pacer.rest_s == REST_S
    pacer.handed(0)
    assert pacer.rest_s == REST_SHARE / 8.0, "it may be followed by one with a face"
    pacer.over(_frame(0), follows_any=True)
    assert pacer.rest_s == REST_SHARE / 8.0
    rate.hz = 2.0
    assert pacer.rest_s == REST_SHARE / 2.0
    pacer.over(_frame(0), follows_any=False)
    assert pacer.rest_s == REST_S


def test_packets_of_the_stream_that_is_not_decoded_may_lie() -> None:
    pair = PairPacer(RateController(8.0, 2.0), "gate", now_s=lambda: 0.0)
    assert pair.large.rest_s == REST_S
    pair.saw_face()
    pair.over(_frame(0), follows_any=True)
    for stream in (pair.small, pair.large):
        stream.handed(1)
    assert pair.large.rest_s < REST_S
    pair.large.due(0.0)
    assert pair.small.rest_s == REST_S


def test_a_camera_of_two_streams_that_left_begins_anew_with_both() -> None:
    rate = RateController(8.0, 2.0)
    pair = PairPacer(rate, "gate", still_look_s=60.0)
    luma = np.full((120, 160), 100, np.uint8)
    for stream in (pair.small, pair.large):
        stream.still(luma, 0.0)
        assert stream.still(luma, 1.0)
    pair.clear()
    assert not pair.small.still(luma, 2.0)
    assert not pair.large.still(luma, 2.0)
    assert rate.budget.join("gate") is not pair.claim


def test_the_first_looks_at_the_large_stream_come_soon_however_full_the_machine_is() -> None:
    now_s = 0.0
    rate = RateController(8.0, 2.0)
    rate.hz = 2.0
    pair = PairPacer(rate, "gate", now_s=lambda: now_s)
    taken_s = []
    for number in range(50):
        now_s = number / 25
        if pair.large.due(now_s) is Due.NOW:
            taken_s.append(now_s)
    assert [at_s for at_s in taken_s if at_s < 0.5] == [0.0, 0.04, 0.16, 0.28, 0.4]
    assert np.diff([at_s for at_s in taken_s if at_s > BEGINS_S]).min() > 0.4


def test_where_looks_are_rare_the_large_stream_is_not_left_between_two_of_them() -> None:
    now_s = 0.0
    rate = RateController(8.0, 2.0)
    rate.hz = 2.0
    pair = PairPacer(rate, "gate", now_s=lambda: now_s)
    pair.saw_face()
    pair.over(_frame(0), follows_any=True)
    now_s = 1.0
    assert pair.wants_large
    now_s = NEAR_TURNS / 2.0 + 0.01
    assert not pair.wants_large


def test_looks_come_soon_once_one_shows_no_face_and_the_large_stream_is_left_sooner() -> None:
    now_s = 0.0
    rate = RateController(8.0, 2.0)
    rate.hz = 2.0
    pair = PairPacer(rate, "gate", now_s=lambda: now_s)
    taken_s: list[float] = []
    for number in range(100):
        now_s = number / 25
        if not pair.wants_large and number:
            break
        if pair.large.due(now_s) is Due.NOW:
            taken_s.append(now_s)
            if now_s < 1.5:
                pair.saw_face()
            pair.over(_frame(number), follows_any=True)
    last_face_s = max(at_s for at_s in taken_s if at_s < 1.5)
    without = [at_s for at_s in taken_s if at_s > last_face_s]
    assert len(without) == GONE_LOOKS, "not before so many"
    assert without[-1] - without[0] < 0.4
    assert now_s - last_face_s < NEAR_TURNS / 2.0, "sooner than without them"
    pair.saw_face()
    assert pair.wants_large, "somebody came back"


def test_a_rate_that_goes_up_counts_from_the_last_turn_on() -> None:
    rate = RateController(8.0, 2.0)
    rate.hz = 2.0
    turn = rate.turn("door")
    assert turn.due(0.0)
    assert turn.due(0.04)
    assert not turn.due(0.2)
    rate.hz = 8.0
    assert turn.due(0.2)


def test_the_large_stream_is_not_left_while_looks_are_taken_of_a_face() -> None:
    now_s = 0.0
    pair = PairPacer(RateController(8.0, 2.0), "gate", now_s=lambda: now_s)
    pair.saw_face()
    now_s = 5.0
    assert pair.wants_large, "however long they take"
    pair.over(_frame(0), follows_any=True)
    now_s = 5.0 + NEAR_S - 0.01
    assert pair.wants_large
    pair.over(_frame(1), follows_any=False)
    now_s = 5.0 + NEAR_S + 0.01
    assert not pair.wants_large
    pair.saw_face()
    pair.clear()
    assert not pair.wants_large

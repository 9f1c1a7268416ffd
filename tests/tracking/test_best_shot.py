import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.tracking.best_shot import LOOKED_AT, BestShot, BestShotRule, Nearness, Skip
from lfrd.types import Quality
from support.values import quality

RULE = BestShotRule()


def _refusal(shots: BestShot, look: Quality, at_s: float, *, doubtful: bool = False) -> Skip | None:
    return shots.refusal(look, look.inter_eye_px, look.overall, at_s, doubtful=doubtful)


def _take(
    shots: BestShot, look: Quality, at_s: float, nearness: Nearness, *, small: bool = False
) -> None:
    shots.took(look, look.overall, at_s)
    shots.compared(nearness, small=small)


def _taken_at(
    shots: BestShot, nearness: Nearness, *, small: bool = False, seconds: float = 12.0
) -> list[float]:
    """When looks that never get better are taken, 100 offered a second, until there is no more."""
    times = []
    for number in range(int(100 * seconds)):
        if not shots.full and _refusal(shots, quality(), number / 100) is None:
            _take(shots, quality(), number / 100, nearness, small=small)
            times.append(number / 100)
    return times


def _waits(times: list[float]) -> list[float]:
    return [after - before for before, after in itertools.pairwise(times)]


def test_the_first_acceptable_look_is_taken_at_once() -> None:
    shots = BestShot(RULE)
    assert _refusal(shots, quality(inter_eye_px=10), 0.0) == "too-small"
    assert _refusal(shots, replace(quality(), yaw_deg=-85.0), 0.0) == "turned-away"
    assert _refusal(shots, quality(), 0.0) is None
    assert _refusal(shots, replace(quality(), yaw_deg=-70.0), 0.0) is None, "a profile tells much"


@pytest.mark.parametrize(
    ("size_px", "yaw_deg", "expected"),
    [
        (24.0, 79.0, None),
        (23.9, 0.0, None),
        (23.9, 31.0, "turned-away"),
        (23.9, -31.0, "turned-away"),
        (LOOKED_AT * 24.0, 29.0, None),
        (LOOKED_AT * 24.0 - 0.1, 0.0, "too-small"),
    ],
)
def test_a_face_a_little_too_small_is_looked_at_from_the_front(
    size_px: float, yaw_deg: float, expected: Skip | None
) -> None:
    assert BestShot(RULE).early_refusal(size_px, yaw_deg, 0.5, 0.0) == expected


def test_then_only_later_or_clearly_better_looks() -> None:
    shots = BestShot(RULE)
    _take(shots, quality(overall=0.5), 0.0, Nearness.UNCLEAR)
    assert _refusal(shots, quality(overall=0.5), 0.3) == "too-soon"
    assert _refusal(shots, quality(overall=0.7), 0.3) == "too-soon", "better, but not clearly"
    assert _refusal(shots, quality(overall=0.9), 0.1) == "too-soon"
    assert _refusal(shots, quality(overall=0.9), 0.3) is None
    assert _refusal(shots, quality(overall=0.4), 0.5) is None


def test_a_look_that_cannot_be_better_is_not_even_cropped() -> None:
    shots = BestShot(RULE)
    _take(shots, quality(overall=0.5), 0.0, Nearness.UNCLEAR)
    assert shots.early_refusal(60.0, 0.0, 0.5, 0.3) == "too-soon"
    assert shots.early_refusal(60.0, 0.0, 0.9, 0.3) is None
    blurred = shots.refusal(quality(overall=0.4), 60.0, 0.9, 0.3, doubtful=False)
    assert blurred == "too-soon", "it was blurred after all"


def test_however_good_a_look_is_it_waits_for_most_of_the_time() -> None:
    shots = BestShot(RULE)
    _take(shots, quality(overall=0.1), 0.0, Nearness.FAR)
    wait_s = 2 * RULE.apart_s
    assert shots.closed(RULE.better_share * wait_s - 0.01) == "too-soon"
    assert shots.closed(RULE.better_share * wait_s + 0.01) is None
    assert _refusal(shots, quality(overall=1.0), RULE.better_share * wait_s + 0.01) is None


@pytest.mark.parametrize(
    ("nearness", "small", "expected"),
    [
        (Nearness.NEAR, False, [0.35, 0.35, 0.5, 0.5, 0.5]),
        (Nearness.NEAR, True, [0.35, 0.35, 0.5, 0.5, 0.5]),
        (Nearness.UNCLEAR, False, [0.35, 0.35, 0.7, 1.4, 2.8, 3.0]),
        (Nearness.UNCLEAR, True, [0.7, 1.4, 2.8, 3.0]),
        (Nearness.FAR, False, [0.7, 1.4, 2.8, 3.0]),
        (Nearness.DECIDED, False, [0.7, 1.4, 2.8, 3.0]),
    ],
)
def test_the_wait_goes_by_what_the_last_look_said(
    nearness: Nearness, small: bool, expected: list[float]
) -> None:
    waits = _waits(_taken_at(BestShot(RULE), nearness, small=small))
    assert waits[: len(expected)] == pytest.approx(expected, abs=0.011)


def test_looks_follow_quickly_again_once_somebody_on_the_list_is_near() -> None:
    shots = BestShot(RULE)
    for at_s in (0.0, 1.0, 3.0, 6.0):
        assert _refusal(shots, quality(), at_s) is None
        _take(shots, quality(), at_s, Nearness.FAR)
    at_s = 6.0 + RULE.longest_wait_s
    assert _refusal(shots, quality(), at_s - 0.1) == "too-soon"
    assert _refusal(shots, quality(), at_s) is None
    _take(shots, quality(), at_s, Nearness.NEAR)
    assert _refusal(shots, quality(), at_s + RULE.near_s) is None


def test_a_look_in_doubt_is_due_at_once_however_poor_it_is() -> None:
    shots = BestShot(RULE)
    for at_s in (0.0, 1.0, 3.0):
        _take(shots, quality(), at_s, Nearness.FAR)
    poor = quality(overall=0.01)
    assert _refusal(shots, poor, 3.5) == "too-soon"
    assert _refusal(shots, poor, 3.0 + RULE.doubt_s - 0.01, doubtful=True) == "too-soon"
    assert _refusal(shots, poor, 3.0 + RULE.doubt_s + 0.01, doubtful=True) is None
    assert _refusal(shots, quality(inter_eye_px=10), 3.5, doubtful=True) == "too-small"
    assert _refusal(shots, replace(poor, yaw_deg=85.0), 3.5, doubtful=True) == "turned-away"


def test_a_track_that_had_all_its_looks_is_still_checked() -> None:
    shots = BestShot(BestShotRule(max_looks=2))
    _take(shots, quality(), 0.0, Nearness.NEAR)
    assert not shots.full
    _take(shots, quality(), 1.0, Nearness.NEAR)
    assert shots.full
    due_s = 1.0 + RULE.longest_wait_s
    assert _refusal(shots, quality(overall=1.0), due_s - 0.1) == "track-cap", "however good it is"
    assert _refusal(shots, quality(), due_s) is None
    assert _refusal(shots, quality(), 1.5, doubtful=True) is None
    shots.took(quality(), 0.8, due_s)
    assert shots.full, "a check is no look"
    assert _refusal(shots, quality(), due_s + RULE.longest_wait_s - 0.1) == "track-cap"
    assert _refusal(shots, quality(), due_s + RULE.longest_wait_s) is None


@given(
    st.lists(
        st.tuples(
            st.floats(0, 1), st.floats(0, 0.5), st.sampled_from(list(Nearness)), st.booleans()
        ),
        max_size=200,
    )
)
def test_a_track_that_never_ends_costs_a_fixed_number_of_looks_and_rare_checks(
    looks: list[tuple[float, float, Nearness, bool]],
) -> None:
    rule = BestShotRule(max_looks=4)
    shots = BestShot(rule)
    compared, at_s, last_s = 0, 0.0, float("-inf")
    for overall, later_s, nearness, doubtful in looks:
        at_s += later_s
        if _refusal(shots, quality(overall=overall), at_s, doubtful=doubtful) is not None:
            continue
        least_s = rule.better_share * rule.apart_s
        if doubtful:
            least_s = rule.doubt_s
        elif shots.full:
            least_s = rule.longest_wait_s
        assert at_s - last_s >= least_s
        last_s = at_s
        compared += not shots.full
        shots.took(quality(overall=overall), overall, at_s)
        shots.compared(nearness)
    assert compared <= 4
    assert shots.full == (compared == 4)
    if shots.full:
        assert _refusal(shots, quality(overall=1.0), last_s + 1.99) == "track-cap"

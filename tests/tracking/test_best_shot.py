import itertools
from dataclasses import replace

from builders import quality
from hypothesis import given
from hypothesis import strategies as st

from lfrd.tracking.best_shot import BestShot, BestShotRule, Skip
from lfrd.types import Quality


def _refusal(shots: BestShot, look: Quality, at_s: float) -> Skip | None:
    return shots.refusal(look, look.overall, at_s)


def _take(shots: BestShot, look: Quality, at_s: float, *, near: bool = False) -> None:
    shots.took(look, look.overall, at_s)
    shots.compared(near=near)


def _taken_at(shots: BestShot, *, near: bool, seconds: float = 30.0) -> list[float]:
    """When looks that never get better are taken, 25 offered a second."""
    times = []
    for number in range(int(25 * seconds)):
        if _refusal(shots, quality(), number / 25) is None:
            _take(shots, quality(), number / 25, near=near)
            times.append(number / 25)
    return times


def test_the_first_acceptable_look_is_taken_at_once() -> None:
    shots = BestShot(BestShotRule())
    assert _refusal(shots, quality(inter_eye_px=10), 0.0) == "too-small"
    assert _refusal(shots, replace(quality(), yaw_deg=-70.0), 0.0) == "turned-away"
    assert _refusal(shots, quality(), 0.0) is None


def test_then_only_later_or_clearly_better_looks() -> None:
    shots = BestShot(BestShotRule())
    _take(shots, quality(overall=0.5), 0.0)
    assert _refusal(shots, quality(overall=0.5), 0.3) == "too-soon"
    assert _refusal(shots, quality(overall=0.9), 0.1) == "too-soon"
    assert _refusal(shots, quality(overall=0.9), 0.3) is None
    assert _refusal(shots, quality(overall=0.4), 0.5) is None


def test_a_look_that_cannot_be_better_is_not_even_cropped() -> None:
    shots = BestShot(BestShotRule())
    _take(shots, quality(overall=0.5), 0.0)
    assert shots.early_refusal(60.0, 0.0, 0.5, 0.3) == "too-soon"
    assert shots.early_refusal(60.0, 0.0, 0.9, 0.3) is None
    assert shots.refusal(quality(overall=0.5), 0.9, 0.3) == "too-soon", "it was blurred after all"


def test_a_stranger_is_looked_at_ever_more_rarely_and_a_likely_person_is_not() -> None:
    stranger = _taken_at(BestShot(BestShotRule()), near=False)
    assert stranger[:3] == [0.0, 0.52, 1.04], "three looks soon, for the decision"
    gaps = [round(after - before) for before, after in itertools.pairwise(stranger[2:])]
    assert gaps == [1, 2, 4, 8, 8]
    assert len(_taken_at(BestShot(BestShotRule()), near=True)) == BestShotRule().max_looks


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 0.5), st.booleans()), max_size=200))
def test_a_track_that_never_ends_costs_a_fixed_number_of_templates(
    looks: list[tuple[float, float, bool]],
) -> None:
    shots = BestShot(BestShotRule(max_looks=4))
    taken, at_s = 0, 0.0
    for overall, later_s, near in looks:
        at_s += later_s
        if _refusal(shots, quality(overall=overall), at_s) is None:
            _take(shots, quality(overall=overall), at_s, near=near)
            taken += 1
    assert taken <= 4
    if taken == 4:
        assert _refusal(shots, quality(overall=1.0), at_s + 1000) == "track-cap"

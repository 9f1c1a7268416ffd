import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.matching.evidence import EntryThresholds, EvidenceRule, TrackEvidence
from lfrd.types import Look, Match, Scored
from support.values import look, quality

RULE = EvidenceRule()


def track(threshold: float = 0.45, margins: dict[str, float] | None = None) -> TrackEvidence:
    return TrackEvidence(1, RULE, EntryThresholds(threshold, margins))


def scored(*looks: tuple[float, float]) -> list[Scored]:
    """Looks (score, at_s) with the same score alone as in the mean."""
    return [Scored(score, score, at_s) for score, at_s in looks]


def test_one_look_decides_only_far_above_the_threshold() -> None:
    assert track().consider(look(0, ("a", "A", 0.49))) is None
    decision = track().consider(look(0, ("a", "A", 0.51)))
    assert decision is not None
    assert decision.kind == "raised"
    assert decision.margin is None
    assert decision.score == pytest.approx(0.46)


def test_three_looks_a_second_apart_need_only_the_threshold() -> None:
    evidence = track()
    assert evidence.consider(look(0, ("a", "A", 0.46))) is None
    assert evidence.consider(look(1, ("a", "A", 0.46))) is None
    decision = evidence.consider(look(2, ("a", "A", 0.46)))
    assert decision is not None
    assert decision.looks == 3
    assert decision.look.captured_at_s == 2


def test_many_frames_of_one_moment_are_little_more_than_one_look() -> None:
    burst = track()
    for number in range(8):
        assert burst.consider(look(number * 0.04, ("a", "A", 0.47))) is None
    assert burst.fused("a") < 0.47 - 0.03
    spread = track()
    for number in range(3):
        spread.consider(look(number * 1.0, ("a", "A", 0.47)))
    assert spread.fused("a") == pytest.approx(0.47)


def test_looks_half_as_far_apart_as_they_should_be_count_half() -> None:
    assert RULE.fused(scored((0.5, 0.0), (0.5, 0.25), (0.5, 0.5))) == pytest.approx(0.485)
    assert RULE.fused(scored((0.5, 7.0))) == pytest.approx(0.45)
    assert RULE.fused(scored((0.5, 0.0), (0.5, 0.5))) == pytest.approx(0.485)
    assert RULE.fused(scored((0.5, 0.0), (0.5, 60.0))) == pytest.approx(0.485)
    assert RULE.handicap(1.5) == pytest.approx(0.0325)


def test_the_mean_of_the_looks_decides_and_a_clear_look_is_not_drowned() -> None:
    raised = track().consider(
        Look(0, 0.0, 0.0, 0.0, quality(), (Match("a", "A", 0.3),), (Match("a", "A", 0.6),))
    )
    assert raised is not None
    assert raised.score == pytest.approx(0.55)
    evidence = track()
    for number, mean in enumerate((0.40, 0.45, 0.50)):
        look_alone = (Match("a", "A", 0.40),)
        decision = evidence.consider(
            Look(number, number, number, number, quality(), (Match("a", "A", mean),), look_alone)
        )
    assert decision is not None
    assert decision.score == pytest.approx(0.50)
    assert decision.trail is not None
    assert decision.trail.looks[-1] == Scored(0.50, 0.40, 2.0)


def test_who_is_not_among_the_nearest_has_no_score_at_that_look() -> None:
    evidence = track()
    evidence.consider(look(0, ("a", "A", 0.44)))
    evidence.consider(look(1, ("c", "C", 0.44)))
    assert evidence.fused("a") == pytest.approx(0.39)
    assert evidence.fused("c") == pytest.approx(0.39)


def test_an_entry_is_raised_once_and_then_updated_when_clearly_better() -> None:
    evidence = track()
    kinds = []
    for number, score in enumerate((0.60, 0.60, 0.60, 0.60, 0.75, 0.75)):
        decision = evidence.consider(look(number, ("a", "A", score)))
        kinds.append(decision.kind if decision else None)
    assert kinds[0] == "raised"
    assert "raised" not in kinds[1:]
    assert kinds[3] is None
    assert "updated" in kinds[4:]


def test_a_better_look_says_that_it_shows_more_and_a_worse_one_does_not() -> None:
    evidence = track()
    first = evidence.consider(look(0, ("a", "A", 0.60)))
    better = evidence.consider(look(1, ("a", "A", 0.80)))
    assert first is not None
    assert better is not None
    assert (first.clearer, better.clearer) == (True, True)
    later = evidence.consider(look(2, ("a", "A", 0.70)))
    assert later is None or not later.clearer


def test_a_second_entry_of_the_same_person_is_no_rival() -> None:
    decision = track().consider(look(0, ("a", "A", 0.70), ("b", "A", 0.69), ("c", "C", 0.30)))
    assert decision is not None
    assert decision.rivals == ()
    assert decision.margin == pytest.approx(0.40)


def test_two_persons_over_the_threshold_are_shown_as_ambiguous_not_hidden() -> None:
    decision = track().consider(look(0, ("a", "A", 0.70), ("c", "C", 0.69)))
    assert decision is not None
    assert [rival.entry_id for rival in decision.rivals] == ["c"]
    assert decision.margin == pytest.approx(0.01)


def test_an_entry_with_a_margin_needs_more_and_does_not_hide_another() -> None:
    looks = look(0, ("a", "A", 0.60), ("c", "C", 0.58))
    decision = track(margins={"a": 0.1}).consider(looks)
    assert decision is not None
    assert decision.entry_id == "c"
    assert decision.rivals == ()
    strict = track(margins={"a": 0.1}).consider(look(0, ("a", "A", 0.66)))
    assert strict is not None
    assert strict.threshold == pytest.approx(0.55)


def test_a_threshold_that_rises_holds_for_tracks_that_live() -> None:
    thresholds = EntryThresholds(0.45)
    evidence = TrackEvidence(1, RULE, thresholds)
    assert thresholds.raise_to(0.60)
    assert not thresholds.raise_to(0.50)
    assert evidence.consider(look(0, ("a", "A", 0.64))) is None
    assert evidence.consider(look(0, ("a", "A", 0.66))) is not None
    assert thresholds.threshold == 0.60


def test_a_silenced_entry_is_not_raised_again_but_another_is() -> None:
    evidence = track()
    evidence.silence("a")
    assert evidence.consider(look(0, ("a", "A", 0.9))) is None
    decision = evidence.consider(look(1, ("c", "C", 0.8)))
    assert decision is not None
    assert decision.entry_id == "c"


def test_a_forgotten_entry_starts_from_nothing() -> None:
    evidence = track()
    evidence.consider(look(0, ("a", "A", 0.49)))
    evidence.forget("a")
    assert evidence.fused("a") == float("-inf")


def test_no_matches_no_decision() -> None:
    assert track().consider(look(0)) is None


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 100)), min_size=1, max_size=12))
def test_below_the_threshold_nothing_is_raised_and_fusing_never_exceeds_the_best(
    looks: list[tuple[float, float]],
) -> None:
    evidence = track()
    for number, (score, at_s) in enumerate(looks):
        decision = evidence.consider(look(at_s, ("a", "A", score)))
        best = max(score for score, _ in looks[: number + 1])
        assert evidence.fused("a") <= best + 1e-9
        if best < 0.45:
            assert decision is None


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=8), st.floats(0, 1), st.floats(1, 5))
def test_the_same_scores_closer_together_never_count_more(
    scores: list[float], close_s: float, wide_s: float
) -> None:
    close = scored(*((score, n * close_s) for n, score in enumerate(scores)))
    wide = scored(*((score, n * wide_s) for n, score in enumerate(scores)))
    assert RULE.fused(close) <= RULE.fused(wide) + 1e-9

import pytest
from builders import look
from hypothesis import given
from hypothesis import strategies as st

from lfrd.identity.evidence import EvidenceRule, TrackEvidence

RULE = EvidenceRule(threshold=0.45)


def test_one_look_decides_only_far_above_the_threshold() -> None:
    assert TrackEvidence(1, RULE).consider(look(0, ("a", "A", 0.50))) is None
    decision = TrackEvidence(1, RULE).consider(look(0, ("a", "A", 0.56)))
    assert decision is not None
    assert decision.kind == "raised"
    assert decision.margin is None
    assert decision.score == pytest.approx(0.46)


def test_three_looks_need_only_the_threshold() -> None:
    evidence = TrackEvidence(1, RULE)
    assert evidence.consider(look(0, ("a", "A", 0.46))) is None
    assert evidence.consider(look(1, ("a", "A", 0.46))) is None
    decision = evidence.consider(look(2, ("a", "A", 0.46)))
    assert decision is not None
    assert decision.looks == 3
    assert decision.look.captured_at_s == 2


def test_an_entry_is_raised_once_and_then_updated_when_clearly_better() -> None:
    evidence = TrackEvidence(1, RULE)
    kinds = []
    for number, score in enumerate((0.60, 0.60, 0.60, 0.60, 0.75, 0.75)):
        decision = evidence.consider(look(number, ("a", "A", score)))
        kinds.append(decision.kind if decision else None)
    assert kinds[0] == "raised"
    assert "raised" not in kinds[1:]
    assert kinds[3] is None
    assert "updated" in kinds[4:]


def test_a_second_entry_of_the_same_person_is_no_rival() -> None:
    evidence = TrackEvidence(1, RULE)
    decision = evidence.consider(look(0, ("a", "A", 0.70), ("b", "A", 0.69), ("c", "C", 0.30)))
    assert decision is not None
    assert decision.rivals == ()
    assert decision.margin == pytest.approx(0.40)


def test_two_persons_over_the_threshold_are_shown_as_ambiguous_not_hidden() -> None:
    decision = TrackEvidence(1, RULE).consider(look(0, ("a", "A", 0.70), ("c", "C", 0.69)))
    assert decision is not None
    assert [rival.entry_id for rival in decision.rivals] == ["c"]


def test_a_silenced_entry_is_not_raised_again_but_another_is() -> None:
    evidence = TrackEvidence(1, RULE)
    evidence.silence("a")
    assert evidence.consider(look(0, ("a", "A", 0.9))) is None
    decision = evidence.consider(look(1, ("c", "C", 0.8)))
    assert decision is not None
    assert decision.entry_id == "c"


def test_no_matches_no_decision() -> None:
    assert TrackEvidence(1, RULE).consider(look(0)) is None


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=12))
def test_below_the_threshold_nothing_is_raised_and_fusing_never_exceeds_the_best(
    scores: list[float],
) -> None:
    evidence = TrackEvidence(1, RULE)
    for number, score in enumerate(scores):
        decision = evidence.consider(look(number, ("a", "A", score)))
        assert evidence.fused("a") <= max(scores[: number + 1]) + 1e-9
        if max(scores[: number + 1]) < RULE.threshold:
            assert decision is None

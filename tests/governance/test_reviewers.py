"""Figures of reviewers: over closed episodes alone, and agreement only where others reviewed
too."""

from hypothesis import given
from hypothesis import strategies as st

from lfrd.governance.reviews import Decided, Outcome, figures
from lfrd.store.reviews import Review, ReviewDecision

MATCH, NOT_MATCH, UNSURE = ReviewDecision


def said(who: str, what: ReviewDecision, after_s: float = 30.0) -> Review:
    return Review(
        id=f"{who}-{what}", episode_id="e", principal=f"user:{who}", decision=what, reason="",
        submitted_at_s=1000.0 + after_s, final_at_s=2000.0,
    )  # fmt: skip


def decided(outcome: Outcome | None, *reviews: Review) -> Decided:
    return Decided(1000.0, outcome, reviews)


def test_agreement_is_counted_where_others_decided_too() -> None:
    anna, ben = figures(
        [
            decided(Outcome.MATCH, said("anna", MATCH, 10), said("ben", MATCH, 20)),
            decided(Outcome.NOT_MATCH, said("anna", MATCH, 30), said("ben", NOT_MATCH, 40)),
            decided(Outcome.UNRESOLVED, said("anna", MATCH, 50), said("ben", UNSURE, 60)),
            decided(Outcome.MATCH, said("anna", MATCH, 70)),
        ]
    )
    assert (anna.principal, anna.matches, anna.not_matches, anna.unsure) == ("user:anna", 4, 0, 0)
    assert (anna.compared, anna.agreed, anna.median_s) == (2, 1, 40.0)
    assert (ben.matches, ben.not_matches, ben.unsure) == (1, 1, 1)
    assert (ben.compared, ben.agreed, ben.median_s) == (2, 2, 40.0)


def test_nobody_decided_nothing() -> None:
    assert figures([]) == ()
    assert figures([decided(None)]) == ()


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*Outcome, None]),
            st.lists(st.sampled_from(list(ReviewDecision)), max_size=3),
        ),
        max_size=20,
    )
)
def test_every_decision_is_counted_once(
    drawn: list[tuple[Outcome | None, list[ReviewDecision]]],
) -> None:
    names = ("anna", "ben", "clara")
    found = figures(
        decided(outcome, *(said(names[n], what) for n, what in enumerate(given_)))
        for outcome, given_ in drawn
    )
    counted = sum(item.matches + item.not_matches + item.unsure for item in found)
    assert counted == sum(len(given_) for _, given_ in drawn)
    for item in found:
        assert 0 <= item.agreed <= item.compared <= item.matches + item.not_matches + item.unsure

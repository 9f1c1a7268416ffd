"""Words, times and figures; and that no state is told by colour alone."""

import pytest

from lfrd.wire.alerts import AlertState, Outcome, ReviewDecision
from lfrd.wire.cameras import CameraState
from lfrd.wire.health import HealthStatus
from support.terminal import NOW_S, alert, revealed, review
from tui.labels import (
    Mark,
    camera_mark,
    candidate_mark,
    decision_mark,
    duration_text,
    ends_text,
    figures_text,
    health_mark,
    together_text,
    undo_left_s,
)


@pytest.mark.parametrize(
    "marks",
    [
        [camera_mark(state) for state in CameraState],
        [health_mark(status) for status in HealthStatus],
        [decision_mark(decision) for decision in ReviewDecision],
    ],
    ids=["cameras", "health", "decisions"],
)
def test_every_state_has_a_word_of_its_own_and_a_symbol(marks: list[Mark]) -> None:
    assert len({mark.word for mark in marks}) == len(marks)
    assert all(len(mark.symbol) == 1 and not mark.symbol.isspace() for mark in marks)


def test_the_three_decisions_carry_no_colour_that_favours_one() -> None:
    assert len({decision_mark(decision).style for decision in ReviewDecision}) == 1


def test_a_candidates_state_in_words() -> None:
    pending = alert(1, my_review=review(submitted_at_s=NOW_S - 4))
    late = alert(1, my_review=review(submitted_at_s=NOW_S - 12))
    final = alert(1, my_review=review(ReviewDecision.NOT_A_MATCH, final_at_s=NOW_S))
    assert candidate_mark(alert(1), True, NOW_S).text == "● new"
    assert candidate_mark(alert(1), False, NOW_S).text == "○ waiting"
    assert candidate_mark(pending, False, NOW_S).text == "◷ match, final in 6 s"
    assert candidate_mark(late, False, NOW_S).text == "◷ match, becoming final"
    assert candidate_mark(final, False, NOW_S).text == "✗ not a match"
    assert candidate_mark(alert(1, state=AlertState.CLOSED), False, NOW_S).text == "– closed"


def test_the_undo_window_never_shows_more_than_ten_seconds() -> None:
    ahead = alert(1, my_review=review(submitted_at_s=NOW_S + 5))
    assert undo_left_s(ahead, NOW_S) == 10.0
    assert undo_left_s(alert(1), NOW_S) == 0.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (7199, "119 min"), (7200, "2 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
    assert duration_text(3 * 86_400) == "3 d"


def test_when_a_deployment_ends() -> None:
    assert ends_text(None, NOW_S) == "no planned end"
    assert ends_text(NOW_S + 600, NOW_S).startswith("ends in 10 min, at ")
    assert ends_text(NOW_S - 600, NOW_S) == "should have ended 10 min ago"


def test_figures_are_plain_numbers_and_never_a_percentage() -> None:
    alone = figures_text(revealed(review()))
    assert alone == "score 0.471 · margin 0.103 · threshold 0.451 · 3 looks"
    assert "%" not in alone
    nobody_else = revealed(review()).model_copy(update={"margin": None, "looks": 1})
    assert "margin none" in figures_text(nobody_else)
    assert "1 look" in figures_text(nobody_else)


def test_what_several_say_together() -> None:
    assert together_text(revealed(review())) == ""
    assert "yet to decide" in together_text(revealed(review(), outcome=None))
    both = revealed(review(), review(), outcome=Outcome.UNRESOLVED)
    assert together_text(both) == "together: unresolved"

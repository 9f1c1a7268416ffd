"""Who decodes every picture where not all can."""

from hypothesis import given
from hypothesis import strategies as st

from lfrd.ingest.decode_budget import (
    LATE_S,
    LESS_EVERY_S,
    MORE_AFTER_S,
    TURN_S,
    Claim,
    DecodeBudget,
)


def _budget(count: int) -> tuple[DecodeBudget, list[Claim]]:
    budget = DecodeBudget()
    return budget, [budget.join(f"camera-{number}") for number in range(count)]


def _less(budget: DecodeBudget, times: int, begin_s: float = 0.0) -> None:
    """Too busy for so many steps, told ten times in each."""
    for tenth in range(10 * times):
        now_s = begin_s + tenth * LESS_EVERY_S / 10
        budget.less(now_s)
        budget.share_out(now_s)


def test_all_may_while_nothing_is_too_much() -> None:
    budget, claims = _budget(3)
    budget.share_out(0.0)
    assert all(claim.granted for claim in claims)
    assert not budget.limited


def test_each_while_of_too_much_takes_one_camera() -> None:
    budget, _ = _budget(4)
    _less(budget, 3)
    assert budget.counts == (1, 4)
    _less(budget, 3, begin_s=60.0)
    assert budget.counts == (0, 4), "none is the least"


def test_where_a_face_is_followed_the_camera_goes_on() -> None:
    budget, claims = _budget(3)
    claims[1].follows = True
    _less(budget, 2)
    assert [claim.granted for claim in claims] == [False, True, False]
    claims[1].follows, claims[2].follows = False, True
    budget.share_out(3.9)
    assert [claim.granted for claim in claims] == [False, False, True], "at once"


def test_followed_faces_keep_their_places_unless_streams_are_read_late() -> None:
    budget, claims = _budget(3)
    for claim in claims[:2]:
        claim.follows = True
    _less(budget, 3)
    assert [claim.granted for claim in claims] == [True, True, False]
    budget.less(20.0, late=True)
    budget.share_out(20.0)
    assert sum(claim.granted for claim in claims) == 1
    budget.share_out(20.1 + LATE_S)
    assert [claim.granted for claim in claims] == [True, True, False]


def test_the_others_take_turns() -> None:
    budget, claims = _budget(4)
    _less(budget, 1)
    had = [0, 0, 0, 0]
    for second in range(2, 82):
        budget.share_out(float(second))
        assert budget.counts[0] == 3
        had = [seconds + claim.granted for seconds, claim in zip(had, claims, strict=True)]
    assert min(had) >= 80 * 3 / 4 - 2 * TURN_S


def test_one_more_after_a_while_and_more_carefully_where_that_was_too_many() -> None:
    budget, _ = _budget(2)
    budget.less(0.0)
    budget.share_out(0.0)
    budget.more(MORE_AFTER_S - 0.1)
    assert budget.limited
    budget.more(MORE_AFTER_S)
    assert not budget.limited
    budget.share_out(MORE_AFTER_S)
    budget.less(5.0)  # too soon after
    budget.share_out(5.0)
    budget.more(5.0 + MORE_AFTER_S)
    assert budget.limited, "it waits twice as long"
    budget.more(5.0 + 2 * MORE_AFTER_S)
    assert not budget.limited


def test_a_camera_that_wants_little_takes_no_place() -> None:
    budget, claims = _budget(3)
    claims[0].wants = False
    budget.share_out(0.0)
    budget.less(0.0)
    budget.share_out(0.0)
    assert budget.counts == (1, 2)
    assert claims[0].granted, "it may begin at once where there is room"


def test_a_camera_that_left_leaves_its_place() -> None:
    budget, claims = _budget(2)
    budget.less(0.0)
    budget.share_out(0.0)
    budget.leave("camera-0" if claims[0].granted else "camera-1")
    budget.share_out(1.0)
    assert budget.counts == (1, 1)


@given(
    st.lists(
        st.tuples(st.sampled_from(["less", "more", "follow", "leave", "join"]), st.floats(0, 5)),
        max_size=60,
    )
)
def test_never_more_than_the_limit_and_faces_first(steps: list[tuple[str, float]]) -> None:
    budget, claims = _budget(5)
    now_s, names = 0.0, len(claims)
    for number, (step, later_s) in enumerate(steps):
        now_s += later_s
        if step == "less":
            budget.less(now_s)
        elif step == "more" and budget.limited:
            budget.more(now_s)
        elif step == "follow":
            claims[number % len(claims)].follows ^= True
        elif step == "join":
            claims.append(budget.join(f"camera-{names}"))
            names += 1
        elif step == "leave" and len(claims) > 1:
            budget.leave(f"camera-{names - len(claims)}")
            del claims[0]
        budget.share_out(now_s)
        full, wanting = budget.counts
        assert wanting == len(claims)
        assert budget.limited or full == wanting
        refused = [claim for claim in claims if not claim.granted]
        if any(claim.follows for claim in refused):
            assert all(claim.follows for claim in claims if claim.granted)

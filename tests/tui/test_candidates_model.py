"""The order of the candidates, what is selected, and what can be undone."""

from hypothesis import given
from hypothesis import strategies as st
from tui_builder import NOW_S, alert, review

from lfrd.wire.alerts import AlertState
from tui.candidates_model import LISTED_MAX, Board
from tui.labels import is_undecided


def ids(board: Board) -> list[str]:
    return [a.id for a in board.listed()]


def board_of_four() -> Board:
    board = Board()
    board.replace(
        [
            alert(1, raised_at_s=NOW_S - 40, my_review=review(final_at_s=NOW_S)),
            alert(2, raised_at_s=NOW_S - 30),
            alert(3, raised_at_s=NOW_S - 20),
            alert(4, raised_at_s=NOW_S - 10, state=AlertState.CLOSED),
        ]
    )
    return board


def test_undecided_come_first_and_newest_first() -> None:
    assert ids(board_of_four()) == ["alert-3", "alert-2", "alert-4", "alert-1"]


def test_the_first_is_selected_but_stays_unread_until_somebody_chooses_it() -> None:
    board = board_of_four()
    assert board.selected_id == "alert-3"
    assert board.is_unread("alert-3")
    board.select("alert-3")
    assert not board.is_unread("alert-3")
    assert board.unread_count == 1


def test_a_new_arrival_does_not_move_the_selection() -> None:
    board = board_of_four()
    board.select("alert-2")
    assert board.put(alert(5, raised_at_s=NOW_S))
    assert board.selected_id == "alert-2"
    assert ids(board)[0] == "alert-5"


def test_only_what_is_new_and_undecided_counts_as_arrived() -> None:
    board = board_of_four()
    assert not board.put(alert(2, raised_at_s=NOW_S - 30))
    assert not board.put(alert(6, my_review=review()))
    assert board.replace([alert(2), alert(7), alert(8, state=AlertState.CLOSED)]) == 1


def test_moving_stops_at_the_ends() -> None:
    board = board_of_four()
    board.move(-1)
    assert board.selected_id == "alert-3"
    for _ in range(9):
        board.move(1)
    assert board.selected_id == "alert-1"


def test_open_only_hides_what_is_done_but_not_under_the_operators_eyes() -> None:
    board = board_of_four()
    board.select("alert-1")
    board.toggle_filter()
    assert ids(board) == ["alert-3", "alert-2", "alert-1"]
    board.select("alert-2")
    assert ids(board) == ["alert-3", "alert-2"]


def test_next_undecided_is_the_newest_one_and_nothing_where_all_is_done() -> None:
    board = board_of_four()
    board.select("alert-1")
    board.select_next_undecided()
    assert board.selected_id == "alert-3"
    done = Board()
    done.replace([alert(1, my_review=review(final_at_s=NOW_S))])
    done.select_next_undecided()
    assert done.selected_id == "alert-1"


def test_removing_the_selected_one_selects_another() -> None:
    board = board_of_four()
    board.remove("alert-3")
    assert board.selected_id == "alert-2"
    for number in (1, 2, 4):
        board.remove(f"alert-{number}")
    assert board.selected is None


def test_the_latest_decision_is_undone_first_and_only_for_ten_seconds() -> None:
    board = Board()
    board.replace(
        [
            alert(1, my_review=review(submitted_at_s=NOW_S - 3)),
            alert(2, my_review=review(submitted_at_s=NOW_S - 1)),
            alert(3, my_review=review(submitted_at_s=NOW_S - 11)),
            alert(4, my_review=review(submitted_at_s=NOW_S - 2, final_at_s=NOW_S)),
        ]
    )
    assert [a.id for a in board.undoable(NOW_S)] == ["alert-2", "alert-1"]
    assert [a.id for a in board.becoming_final(NOW_S)] == ["alert-3"]


def test_the_list_is_bounded_and_loses_the_oldest_decided_first() -> None:
    board = Board()
    done = review(final_at_s=NOW_S)
    board.replace(
        [alert(0, raised_at_s=NOW_S - 9999)]
        + [alert(n, raised_at_s=NOW_S - n, my_review=done) for n in range(1, LISTED_MAX + 5)]
    )
    assert len(ids(board)) == LISTED_MAX
    assert ids(board)[0] == "alert-0"
    assert f"alert-{LISTED_MAX + 4}" not in ids(board)
    board.select(f"alert-{LISTED_MAX + 4}")
    assert ids(board)[-1] == f"alert-{LISTED_MAX + 4}"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "decide", "remove", "select", "move", "next", "filter"]),
        st.integers(0, 6),
    ),
    max_size=30,
)


@given(STEPS)
def test_whatever_happens_the_selected_one_is_listed(steps: list[tuple[str, int]]) -> None:
    board = Board()
    for what, number in steps:
        if what == "put":
            board.put(alert(number, raised_at_s=NOW_S + number))
        elif what == "decide":
            board.put(alert(number, my_review=review(final_at_s=NOW_S)))
        elif what == "remove":
            board.remove(f"alert-{number}")
        elif what == "select":
            board.select(f"alert-{number}")
        elif what == "move":
            board.move(number - 3)
        elif what == "next":
            board.select_next_undecided()
        else:
            board.toggle_filter()
        listed = board.listed()
        assert (board.selected_id is None) == (listed == ())
        assert board.selected is None or board.selected in listed
        waiting = [is_undecided(a) for a in listed]
        assert waiting == sorted(waiting, reverse=True)
        assert board.unread_count <= board.undecided_count

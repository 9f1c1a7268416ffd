"""The order of the candidates, what is selected, and what can be undone."""

from hypothesis import given
from hypothesis import strategies as st

from lfrd.wire.alerts import Alert, AlertState
from support.terminal import NOW_S, alert, review
from tui.candidates_model import CandidatesModel, Filter, Group, Which
from tui.labels import is_undecided


def ids(candidates: CandidatesModel) -> list[str]:
    return [a.id for a in candidates.listed()]


def model_of_four() -> CandidatesModel:
    candidates = CandidatesModel()
    candidates.replace(
        [
            alert(1, raised_at_s=NOW_S - 40, my_review=review(final_at_s=NOW_S)),
            alert(2, raised_at_s=NOW_S - 30),
            alert(3, raised_at_s=NOW_S - 20),
            alert(4, raised_at_s=NOW_S - 10, state=AlertState.CLOSED),
        ]
    )
    return candidates


def test_undecided_come_first_and_newest_first() -> None:
    assert ids(model_of_four()) == ["alert-3", "alert-2", "alert-4", "alert-1"]


def test_the_first_is_selected_but_stays_unread_until_somebody_chooses_it() -> None:
    candidates = model_of_four()
    assert candidates.selected_id == "alert-3"
    assert candidates.is_unread("alert-3")
    candidates.select("alert-3")
    assert not candidates.is_unread("alert-3")
    assert candidates.unread_count == 1


def test_a_new_arrival_does_not_move_the_selection() -> None:
    candidates = model_of_four()
    candidates.select("alert-2")
    assert candidates.put(alert(5, raised_at_s=NOW_S))
    assert candidates.selected_id == "alert-2"
    assert ids(candidates)[0] == "alert-5"


def test_only_what_is_new_and_undecided_counts_as_arrived() -> None:
    candidates = model_of_four()
    assert not candidates.put(alert(2, raised_at_s=NOW_S - 30))
    assert not candidates.put(alert(6, my_review=review()))
    assert candidates.replace([alert(2), alert(7), alert(8, state=AlertState.CLOSED)]) == 1


def test_moving_stops_at_the_ends() -> None:
    candidates = model_of_four()
    candidates.move(-1)
    assert candidates.selected_id == "alert-3"
    for _ in range(9):
        candidates.move(1)
    assert candidates.selected_id == "alert-1"


def test_open_only_hides_what_is_done_but_not_under_the_operators_eyes() -> None:
    candidates = model_of_four()
    candidates.select("alert-1")
    candidates.toggle_filter()
    assert ids(candidates) == ["alert-3", "alert-2", "alert-1"]
    candidates.select("alert-2")
    assert ids(candidates) == ["alert-3", "alert-2"]


def test_next_undecided_is_the_newest_one_and_nothing_where_all_is_done() -> None:
    candidates = model_of_four()
    candidates.select("alert-1")
    candidates.select_next_undecided()
    assert candidates.selected_id == "alert-3"
    done = CandidatesModel()
    done.replace([alert(1, my_review=review(final_at_s=NOW_S))])
    done.select_next_undecided()
    assert done.selected_id == "alert-1"


def test_removing_the_selected_one_selects_another() -> None:
    candidates = model_of_four()
    candidates.remove("alert-3")
    assert candidates.selected_id == "alert-2"
    for number in (1, 2, 4):
        candidates.remove(f"alert-{number}")
    assert candidates.selected is None


def test_the_latest_decision_is_undone_first_and_only_for_ten_seconds() -> None:
    candidates = CandidatesModel()
    candidates.replace(
        [
            alert(1, my_review=review(submitted_at_s=NOW_S - 3)),
            alert(2, my_review=review(submitted_at_s=NOW_S - 1)),
            alert(3, my_review=review(submitted_at_s=NOW_S - 11)),
            alert(4, my_review=review(submitted_at_s=NOW_S - 2, final_at_s=NOW_S)),
        ]
    )
    assert [a.id for a in candidates.undoable(NOW_S)] == ["alert-2", "alert-1"]
    assert [a.id for a in candidates.becoming_final(NOW_S)] == ["alert-3"]


def test_only_what_is_asked_for_is_listed() -> None:
    candidates = CandidatesModel()
    done = review(final_at_s=NOW_S)
    candidates.replace(
        [
            alert(1, raised_at_s=NOW_S - 1),
            alert(2, raised_at_s=NOW_S - 2, my_review=done),
            alert(3, raised_at_s=NOW_S - 3).model_copy(update={"camera_id": "south"}),
            alert(4, raised_at_s=NOW_S - 4).model_copy(update={"watchlist_id": "list-2"}),
            alert(5, raised_at_s=NOW_S - 5).model_copy(update={"escalated": True}),
        ]
    )
    candidates.select("alert-1")
    for wanted, listed in (
        (Filter(Which.MINE), [1, 3, 4, 5]),
        (Filter(Which.SUPERVISOR), [1, 5]),
        (Filter(Which.DECIDED), [1, 2]),
        (Filter(Which.MINE, camera_id="south"), [1, 3]),
        (Filter(watchlist_id="list-2"), [1, 4]),
    ):
        candidates.show_only(wanted)
        assert ids(candidates) == [f"alert-{n}" for n in listed], wanted


def test_what_a_supervisor_has_to_settle_is_next() -> None:
    candidates = CandidatesModel()
    candidates.replace(
        [alert(1), alert(2, raised_at_s=NOW_S - 99).model_copy(update={"escalated": True})]
    )
    candidates.select_next_undecided()
    assert candidates.selected_id == "alert-2"


def test_a_series_is_all_looks_at_a_person_at_a_camera_the_newest_first() -> None:
    candidates = CandidatesModel()
    candidates.replace([passing(n, NOW_S + n) for n in range(3)] + [alert(9)])
    selected = candidates.get("alert-1")
    assert selected is not None
    assert [a.id for a in candidates.series(selected)] == ["alert-2", "alert-1", "alert-0"]


def passing(number: int, raised_at_s: float, camera_id: str = "north", **given: object) -> Alert:
    """One person who passes again and again."""
    who = {"entry_id": "entry-0", "camera_id": camera_id, **given}
    return alert(number, raised_at_s=raised_at_s).model_copy(update=who)


def test_the_oldest_may_come_first_and_is_then_the_next() -> None:
    candidates = model_of_four()
    candidates.toggle_order()
    assert ids(candidates) == ["alert-2", "alert-3", "alert-1", "alert-4"]
    candidates.select_next_undecided()
    assert candidates.selected_id == "alert-2"
    candidates.toggle_order()
    assert ids(candidates) == ["alert-3", "alert-2", "alert-4", "alert-1"]


def test_who_loops_for_an_hour_is_one_row_and_each_passage_is_decided() -> None:
    candidates = CandidatesModel()
    candidates.replace([passing(n, NOW_S + 60 * n) for n in range(60)])
    (row,) = candidates.groups()
    assert (row.alert.id, row.count, row.waiting) == ("alert-59", 60, 60)
    decided = set()
    while candidates.undecided_count:
        candidates.select_next_undecided()
        assert candidates.selected_id is not None
        assert len(candidates.groups()) == 1
        decided.add(candidates.selected_id)
        assert candidates.selected is not None
        candidates.put(candidates.selected.model_copy(update={"my_review": review()}))
    assert len(decided) == 60
    candidates.toggle_groups()
    assert len(candidates.groups()) == 60


def test_another_camera_deployment_or_person_is_another_row() -> None:
    candidates = CandidatesModel()
    candidates.replace(
        [
            passing(1, NOW_S), passing(2, NOW_S + 1), passing(3, NOW_S, "south"),
            passing(4, NOW_S, deployment_id="deployment-2"), passing(5, NOW_S, entry_id="entry-9"),
        ]
    )  # fmt: skip
    assert sorted(group.count for group in candidates.groups()) == [1, 1, 1, 2]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "put",
                "again",
                "decide",
                "remove",
                "select",
                "move",
                "next",
                "filter",
                "order",
                "group",
            ]
        ),
        st.integers(0, 6),
    ),
    max_size=30,
)


def fresh(candidates: CandidatesModel) -> tuple[Group, ...]:
    """The rows as they are where all is arranged anew, and not only what a step touched."""
    other = CandidatesModel()
    other.grouped, other.oldest_first = candidates.grouped, candidates.oldest_first
    other.filter, other.selected_id = candidates.filter, candidates.selected_id
    other.replace(alert for a in range(10) if (alert := candidates.get(f"alert-{a}")) is not None)
    return other.groups()


@given(STEPS)
def test_whatever_happens_the_selected_one_is_listed(steps: list[tuple[str, int]]) -> None:
    candidates = CandidatesModel()
    for what, number in steps:
        if what == "put":
            candidates.put(alert(number, raised_at_s=NOW_S + number))
        elif what == "again":
            candidates.put(passing(number, NOW_S + number))
        elif what == "decide":
            candidates.put(alert(number, my_review=review(final_at_s=NOW_S)))
        elif what == "remove":
            candidates.remove(f"alert-{number}")
        elif what == "select":
            candidates.select(f"alert-{number}")
        elif what == "move":
            candidates.move(number - 3)
        elif what == "next":
            candidates.select_next_undecided()
        elif what == "filter":
            candidates.toggle_filter()
        elif what == "order":
            candidates.toggle_order()
        else:
            candidates.toggle_groups()
        listed = candidates.listed()
        assert (candidates.selected_id is None) == (listed == ())
        assert candidates.selected is None or candidates.selected in listed
        waiting = [is_undecided(a) for a in listed]
        assert waiting == sorted(waiting, reverse=True)
        assert [g.alert for g in candidates.groups()] == [g.alert for g in fresh(candidates)]
        if candidates.filter == Filter():
            assert sum(group.count for group in candidates.groups()) == len(candidates)
            assert sum(group.waiting for group in candidates.groups()) == candidates.undecided_count
        assert candidates.unread_count <= candidates.undecided_count

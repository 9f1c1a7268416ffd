"""A week's windows: found to the second, over midnight and clock changes; bad ones refused."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.errors import BadInput
from lfrd.governance.planning import Plan
from lfrd.governance.schedules import (
    DAYS,
    Window,
    check,
    opening_at,
    windows_as_json,
    windows_from,
)

LONDON = "Europe/London"


def at(text: str, zone: str = LONDON) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def test_a_window_is_open_from_its_first_second_to_its_last() -> None:
    windows = [Window("monday", "22:00", 4)]
    assert opening_at(windows, LONDON, at("2024-01-08T21:59:59")) is None
    found = opening_at(windows, LONDON, at("2024-01-08T22:00:00"))
    assert found is not None
    assert found.end_at_s - found.start_at_s == 4 * 3600
    assert opening_at(windows, LONDON, at("2024-01-09T01:59:59")) == found, "over midnight"
    assert opening_at(windows, LONDON, at("2024-01-09T02:00:00")) is None


def test_the_night_of_a_clock_change_begins_by_the_wall_and_ends_by_the_stopwatch() -> None:
    windows = [Window("saturday", "23:00", 4)]
    found = opening_at(windows, LONDON, at("2024-03-30T23:30:00"))
    assert found is not None
    assert found.start_at_s == at("2024-03-30T23:00:00")
    assert found.end_at_s == at("2024-03-31T04:00:00"), "an hour was skipped"


@given(st.integers(0, 7 * 24 * 3600 - 1), st.integers(1, 23), st.sampled_from(DAYS))
def test_an_opening_holds_the_time_it_was_asked_for(second: int, hours: int, day: str) -> None:
    at_s = at("2024-06-03T00:00:00") + second
    found = opening_at([Window(day, "10:30", hours)], LONDON, at_s)
    if found is not None:
        assert found.start_at_s <= at_s < found.end_at_s
        assert found.end_at_s - found.start_at_s == hours * 3600


@pytest.mark.parametrize(
    ("day", "start", "hours"),
    [("someday", "10:00", 1), ("monday", "24:00", 1), ("monday", "9:00", 1), ("monday", "ab:cd", 1),
     ("monday", "10:60", 1), ("monday", "10:00", 0), ("monday", "10:00", 25),
     ("monday", "10:00", float("nan"))],
)  # fmt: skip
def test_a_window_that_is_none_is_refused(day: str, start: str, hours: float) -> None:
    with pytest.raises(BadInput):
        Window(day, start, hours)


def test_windows_that_overlap_or_are_too_long_are_refused() -> None:
    with pytest.raises(BadInput, match="overlap"):
        check([Window("monday", "10:00", 4), Window("monday", "13:00", 2)], "UTC", 12)
    with pytest.raises(BadInput, match="overlap"):
        check([Window("sunday", "23:00", 4), Window("monday", "01:00", 2)], "UTC", 12)
    with pytest.raises(BadInput, match="at most 12 hours"):
        check([Window("monday", "10:00", 13)], "UTC", 12)
    with pytest.raises(BadInput, match="no time zone 'Mars'"):
        check([Window("monday", "10:00", 1)], "Mars", 12)
    with pytest.raises(BadInput):
        check([], "UTC", 12)
    check([Window("sunday", "23:00", 2), Window("monday", "01:00", 2)], "UTC", 12)


def test_plan_and_windows_outlive_their_record() -> None:
    plan = Plan(
        profile="standard", purpose="p", use_case="test", place="q", watchlist_ids=("list",),
        expectation="e", documents=("notice: x",),
    )  # fmt: skip
    assert plan.as_json() == (
        '{"documents": ["notice: x"], "expectation": "e", "place": "q", "profile": "standard",'
        ' "purpose": "p", "use_case": "test", "watchlist_ids": ["list"]}'
    ), "as it is stored"
    assert Plan.parse(plan.as_json()) == plan
    windows = (Window("monday", "10:00", 1.5),)
    assert windows_from(windows_as_json(windows)) == windows

"""A week's windows under one standing authorisation. Pure: windows and a time in, one window out.

A window starts at a time of day in the schedule's own time zone and lasts a number of hours of
elapsed time: in the night of a clock change it begins by the wall and ends by the stopwatch.
"""

import json
import zoneinfo
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, time, timedelta

from lfrd.errors import BadInput

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WINDOWS_LIMIT = 50
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Window:
    """One recurring window: `day` of DAYS, `start` as HH:MM, `hours` long."""

    day: str
    start: str
    hours: float

    def __post_init__(self) -> None:
        if self.day not in DAYS:
            raise BadInput(f"a window's day is one of {', '.join(DAYS)}, not {self.day!r}")
        if _time_of(self.start) is None:
            raise BadInput(f"a window starts at HH:MM, not at {self.start!r}")
        if not 0 < self.hours <= 24:
            raise BadInput(f"a window lasts more than 0 and at most 24 hours, not {self.hours:g}")


@dataclass(frozen=True, slots=True)
class Plan:
    """What each deployment of a schedule is for; the same words go into each one's record."""

    profile: str
    purpose: str
    use_case: str
    place: str
    expectation: str
    documents: tuple[str, ...]
    watchlist_ids: tuple[str, ...]

    def as_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def parse(text: str) -> "Plan":
        kept = json.loads(text)
        kept["documents"] = tuple(kept["documents"])
        kept["watchlist_ids"] = tuple(kept["watchlist_ids"])
        return Plan(**kept)


@dataclass(frozen=True, slots=True)
class Opening:
    """One window of one week, in seconds since the epoch."""

    start_at_s: float
    end_at_s: float


def windows_as_json(windows: Sequence[Window]) -> str:
    return json.dumps([asdict(window) for window in windows])


def windows_from(text: str) -> tuple[Window, ...]:
    return tuple(Window(**kept) for kept in json.loads(text))


def check(windows: Sequence[Window], timezone: str, max_hours: float) -> None:
    """Raises BadInput for windows that overlap, are too long, or a zone that nobody knows."""
    if not 1 <= len(windows) <= WINDOWS_LIMIT:
        raise BadInput(f"a schedule has 1 to {WINDOWS_LIMIT} windows")
    too_long = [window for window in windows if window.hours > max_hours]
    if too_long:
        raise BadInput(f"a window lasts at most {max_hours:g} hours under this policy")
    _zone(timezone)
    week_h = sorted((_hour_of_week(window), window.hours) for window in windows)
    ends = [start + hours for start, hours in week_h]
    following = [start for start, _ in week_h[1:]] + [week_h[0][0] + 7 * 24]
    if any(end > start for end, start in zip(ends, following, strict=True)):
        raise BadInput("two windows of the schedule overlap")


def opening_at(windows: Sequence[Window], timezone: str, at_s: float) -> Opening | None:
    """The window that is open at `at_s`, if any."""
    zone = _zone(timezone)
    today = datetime.fromtimestamp(at_s, zone).date()
    for back in range(3):  # a window lasts 24 h at most: it began today or yesterday
        day = today - timedelta(days=back)
        for window in windows:
            start = _time_of(window.start)
            if DAYS.index(window.day) != day.weekday() or start is None:
                continue
            begin_s = datetime.combine(day, start, zone).timestamp()
            end_s = begin_s + window.hours * HOUR_S
            if begin_s <= at_s < end_s:
                return Opening(begin_s, end_s)
    return None


def _time_of(text: str) -> time | None:
    hours, colon, minutes = text.partition(":")
    if not (colon and len(hours) == len(minutes) == 2 and (hours + minutes).isdecimal()):
        return None
    if int(hours) > 23 or int(minutes) > 59:
        return None
    return time(int(hours), int(minutes))


def _hour_of_week(window: Window) -> float:
    start = _time_of(window.start)
    assert start is not None
    return DAYS.index(window.day) * 24 + start.hour + start.minute / 60


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(f"there is no time zone {name!r} on this machine") from None

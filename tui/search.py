"""What is typed into the search: a day, a camera, a list, words of a reference. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar

from lfrd.client import AlertFilter
from lfrd.wire.alerts import Alert, AlertState, Mine
from lfrd.wire.cameras import Camera
from lfrd.wire.lists import Watchlist

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked of the daemon, and the words that a reference has to hold besides."""

    wanted: AlertFilter
    words: tuple[str, ...] = ()
    said: str = "all"

    def holds(self, alert: Alert) -> bool:
        """Whether a candidate is meant."""
        return all(word in alert.reference.casefold() for word in self.words)


def search_of(
    text: str,
    cameras: Sequence[Camera],
    lists: Sequence[Watchlist],
    today: date,
    *,
    mine: Mine | None = None,
    state: AlertState | None = None,
) -> Search:
    """A day is `today`, `yesterday`, `mon` or `2026-11-26`; a camera or list is named by its name
    or a part of it that is no other's; what is none of these is looked for in references."""
    words: list[str] = []
    span: tuple[float, float] | None = None
    camera_id = watchlist_id = None
    said: list[str] = []
    for word in text.casefold().split():
        if (day := _day(word, today)) is not None:
            span = _span(day)
            said.append(day.isoformat())
        elif camera_id is None and (camera := _named(word, cameras)) is not None:
            camera_id = camera.id
            said.append(f"camera {camera.name}")
        elif watchlist_id is None and (item := _named(word, lists)) is not None:
            watchlist_id = item.id
            said.append(f"list {item.name}")
        else:
            words.append(word)
            said.append(f"reference with {word}")
    wanted = AlertFilter(
        state=state, mine=mine, camera_id=camera_id, watchlist_id=watchlist_id,
        since_s=span[0] if span else None, until_s=span[1] if span else None,
    )  # fmt: skip
    return Search(wanted, tuple(words), ", ".join(said) or "all")


Named = TypeVar("Named", Camera, Watchlist)


def _named(word: str, things: Sequence[Named]) -> Named | None:
    """The one thing of that name; of several that hold the word, none."""
    found = [x for x in things if word in (x.name.casefold(), x.id.casefold())]
    found = found or [x for x in things if word in x.name.casefold() and len(word) > 2]
    return found[0] if len(found) == 1 else None


def _day(word: str, today: date) -> date | None:
    if word in ("today", "yesterday"):
        return today - timedelta(days=word == "yesterday")
    if word[:3] in DAYS and (len(word) == 3 or word.endswith("day")):
        back = (today.weekday() - DAYS.index(word[:3])) % 7
        return today - timedelta(days=back)
    try:
        return date.fromisoformat(word)
    except ValueError:
        return None


def day_span(word: str, now_s: float) -> tuple[float, float] | None:
    """From when to before when a word for a day is, as seen from now; None for another word."""
    day = _day(word.casefold(), datetime.fromtimestamp(now_s).astimezone().date())
    return None if day is None else _span(day)


def _span(day: date) -> tuple[float, float]:
    """From its first second to before the next day's, local."""
    begin = datetime(day.year, day.month, day.day).astimezone()
    after = day + timedelta(days=1)
    end = datetime(after.year, after.month, after.day).astimezone()
    return begin.timestamp(), end.timestamp()

"""The candidates as this operator sees them: order, groups, selection, what is not looked at yet.

Plain values and no input or output. How many there can be is bounded by the daemon: it forgets a
candidate's face within hours, and the list is read from it. A change costs as much with a thousand
candidates as with ten: the rows are kept sorted, and only those that it touches are placed anew.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from lfrd.wire.alerts import Alert, AlertState
from tui.labels import is_final, is_undecided, undo_left_s, waits_for_supervisor

RowKey: TypeAlias = tuple[str, ...]
Place: TypeAlias = tuple[bool, float, str, RowKey]


class Which(StrEnum):
    """Which candidates are listed."""

    ALL = "all"
    OPEN = "open only"
    MINE = "mine to decide"
    SUPERVISOR = "for a supervisor"
    DECIDED = "decided"


@dataclass(frozen=True, slots=True)
class Filter:
    """What is listed; of one camera and one list, where those are named."""

    which: Which = Which.ALL
    camera_id: str | None = None
    watchlist_id: str | None = None

    def takes(self, alert: Alert) -> bool:
        """Whether this candidate is listed."""
        if self.camera_id not in (None, alert.camera_id):
            return False
        if self.watchlist_id not in (None, alert.watchlist_id):
            return False
        match self.which:
            case Which.ALL:
                return True
            case Which.OPEN:
                return alert.state is AlertState.OPEN and not is_final(alert)
            case Which.MINE:
                return is_undecided(alert)
            case Which.SUPERVISOR:
                return waits_for_supervisor(alert)
            case Which.DECIDED:
                return is_final(alert) or alert.state is AlertState.CLOSED


@dataclass(frozen=True, slots=True)
class Group:
    """One row of the list: a candidate, and how many others stand behind it.

    Those are of the same entry at the same camera in the same deployment. `waiting` of all `count`
    are to be decided, each by itself.
    """

    alert: Alert
    count: int = 1
    waiting: int = 0


class CandidatesModel:
    """The candidates, one of which is selected; single-writer (the screen)."""

    def __init__(self) -> None:
        self._alerts: dict[str, Alert] = {}
        self._unread: set[str] = set()
        self._waiting: set[str] = set()
        self._undoable: set[str] = set()
        self._rows: dict[RowKey, dict[str, Alert]] = {}
        self._row_of: dict[str, RowKey] = {}
        self._places: dict[RowKey, Place] = {}
        self._order: list[Place] = []
        self.selected_id: str | None = None
        self.filter = Filter()
        self.oldest_first = False
        self.grouped = True

    def __len__(self) -> int:
        return len(self._alerts)

    # What the daemon says.

    def replace(self, alerts: Iterable[Alert]) -> int:
        """Take a whole new list; returns how many undecided ones were not known before."""
        known = self._alerts
        self._alerts = {alert.id: alert for alert in alerts}
        self._unread &= self._alerts.keys()
        fresh = [a.id for a in self._alerts.values() if a.id not in known and is_undecided(a)]
        self._unread.update(fresh)
        self._waiting, self._undoable = set(), set()
        for alert in self._alerts.values():
            self._count(alert)
        self._arrange()
        return len(fresh)

    def put(self, alert: Alert) -> bool:
        """Take one new or changed candidate; True where it is undecided and was not known."""
        fresh = alert.id not in self._alerts and is_undecided(alert)
        self._alerts[alert.id] = alert
        if fresh:
            self._unread.add(alert.id)
        self._count(alert)
        self._place(alert.id)
        self._keep_selection()
        return fresh

    def remove(self, alert_id: str) -> None:
        """Forget a candidate that the daemon no longer has."""
        self._alerts.pop(alert_id, None)
        for ids in (self._unread, self._waiting, self._undoable):
            ids.discard(alert_id)
        self._place(alert_id)
        self._keep_selection()

    # What is known of them.

    def get(self, alert_id: str) -> Alert | None:
        """The candidate of that id, if it is still there."""
        return self._alerts.get(alert_id)

    @property
    def selected(self) -> Alert | None:
        return None if self.selected_id is None else self._alerts.get(self.selected_id)

    def is_unread(self, alert_id: str) -> bool:
        """Whether it came in and was never selected."""
        return alert_id in self._unread

    @property
    def unread_count(self) -> int:
        return len(self._unread)

    @property
    def undecided_count(self) -> int:
        return len(self._waiting)

    @property
    def watchlists(self) -> dict[str, str]:
        """The lists that candidates are on: names by id."""
        return {alert.watchlist_id: alert.watchlist_name for alert in self._alerts.values()}

    def undoable(self, now_s: float) -> tuple[Alert, ...]:
        """This viewer's decisions that can still be undone, the latest first."""
        pending = [
            (alert.my_review.submitted_at_s, alert)
            for alert in map(self._alerts.__getitem__, self._undoable)
            if alert.my_review is not None and undo_left_s(alert, now_s) > 0
        ]
        return tuple(alert for _, alert in sorted(pending, key=lambda pair: -pair[0]))

    def becoming_final(self, now_s: float) -> tuple[Alert, ...]:
        """This viewer's decisions whose time to undo is over, but which are not final yet."""
        mine = (self._alerts[alert_id] for alert_id in sorted(self._undoable))
        return tuple(alert for alert in mine if undo_left_s(alert, now_s) <= 0)

    # The rows.

    @property
    def row_count(self) -> int:
        return len(self._order)

    def row(self, number: int) -> Group:
        """The row at this place of the list, counted from 0."""
        members = self._rows[self._order[number][3]]
        shown = members.get(self.selected_id or "") or self._first(members)
        return Group(shown, len(members), sum(map(is_undecided, members.values())))

    @property
    def selected_row(self) -> int | None:
        """At which place the selected one stands."""
        key = self._row_of.get(self.selected_id or "")
        return None if key is None else bisect_left(self._order, self._places[key])

    def series(self, alert: Alert) -> tuple[Alert, ...]:
        """All candidates of the row that this one is in, the newest first."""
        key = self._row_of.get(alert.id)
        members = [alert] if key is None else self._rows[key].values()
        return tuple(sorted(members, key=lambda a: (-a.raised_at_s, a.id)))

    def groups(self) -> tuple[Group, ...]:
        """The rows: undecided first, then newest or oldest first.

        What the filter leaves out is not listed, but for the selected one: it must not vanish
        under the operator's eyes. Of several who are one row the selected one is shown, else the
        first that waits.
        """
        return tuple(map(self.row, range(self.row_count)))

    def listed(self) -> tuple[Alert, ...]:
        """The candidates that the rows stand for."""
        return tuple(group.alert for group in self.groups())

    # What the operator does.

    def show_only(self, wanted: Filter) -> None:
        """List what this takes."""
        self.filter = wanted
        self._arrange()

    def toggle_filter(self) -> None:
        """Change between the open candidates and all."""
        only_open = self.filter.which is Which.OPEN
        self.show_only(Filter(Which.ALL if only_open else Which.OPEN))

    def toggle_order(self) -> None:
        """Change between newest and oldest first."""
        self.oldest_first = not self.oldest_first
        self._arrange()

    def toggle_groups(self) -> None:
        """Change between a row for each candidate, and one for all of a person at a camera."""
        self.grouped = not self.grouped
        self._arrange()

    def select(self, alert_id: str) -> None:
        """Look at this one."""
        if alert_id in self._alerts:
            before, self.selected_id = self.selected_id, alert_id
            self._unread.discard(alert_id)
            for touched in {before, alert_id} - {None}:
                self._place(str(touched))

    def move(self, step: int) -> None:
        """Select the candidate `step` places further down the list, stopping at its ends."""
        if self._order:
            here = self.selected_row or 0
            self.select(self.row(min(self.row_count - 1, max(0, here + step))).alert.id)

    def select_next_undecided(self) -> None:
        """Select the first that waits for this viewer, what a supervisor has to settle before all
        others; stays where it is if there is none."""
        sign = 1 if self.oldest_first else -1
        waiting = [self._alerts[alert_id] for alert_id in self._waiting]
        if waiting:
            first = min(waiting, key=lambda a: (not a.escalated, sign * a.raised_at_s, a.id))
            self.select(first.id)

    # How the rows are kept.

    def _count(self, alert: Alert) -> None:
        waits = is_undecided(alert)
        pending = alert.my_review is not None and not is_final(alert)
        for ids, holds in ((self._waiting, waits), (self._undoable, pending)):
            (ids.add if holds else ids.discard)(alert.id)
        if not waits:
            self._unread.discard(alert.id)

    def _arrange(self) -> None:
        """Place every candidate anew."""
        self._rows, self._row_of, self._places, self._order = {}, {}, {}, []
        for alert in self._alerts.values():
            if self._is_listed(alert):
                key = self._row_of[alert.id] = self._key(alert)
                self._rows.setdefault(key, {})[alert.id] = alert
        self._places = {key: self._place_of(key, rows) for key, rows in self._rows.items()}
        self._order = sorted(self._places.values())
        self._keep_selection()

    def _place(self, alert_id: str) -> None:
        """Place one candidate anew, and the rows that it leaves and joins."""
        alert, before = self._alerts.get(alert_id), self._row_of.pop(alert_id, None)
        touched = set() if before is None else {before}
        if before is not None:
            del self._rows[before][alert_id]
        if alert is not None and self._is_listed(alert):
            key = self._row_of[alert_id] = self._key(alert)
            self._rows.setdefault(key, {})[alert_id] = alert
            touched.add(key)
        for key in touched:
            self._place_row(key)

    def _place_row(self, key: RowKey) -> None:
        if (old := self._places.pop(key, None)) is not None:
            del self._order[bisect_left(self._order, old)]
        if members := self._rows[key]:
            new = self._places[key] = self._place_of(key, members)
            insort(self._order, new)
        else:
            del self._rows[key]

    def _place_of(self, key: RowKey, members: dict[str, Alert]) -> Place:
        first = self._first(members)
        shown = members.get(self.selected_id or "") or first
        sign = 1 if self.oldest_first else -1
        return not is_undecided(shown), sign * first.raised_at_s, first.id, key

    def _first(self, members: dict[str, Alert]) -> Alert:
        sign = 1 if self.oldest_first else -1
        return min(
            members.values(), key=lambda a: (not is_undecided(a), sign * a.raised_at_s, a.id)
        )

    def _is_listed(self, alert: Alert) -> bool:
        return alert.id == self.selected_id or self.filter.takes(alert)

    def _key(self, alert: Alert) -> RowKey:
        """Who passes a camera again and again is one row."""
        same = (alert.deployment_id, alert.camera_id, alert.entry_id)
        return same if self.grouped else (alert.id,)

    def _keep_selection(self) -> None:
        """Something listed is selected. What was not chosen by a key stays unread: the operator may
        be away."""
        if self.selected_id not in self._alerts:
            self.selected_id = self.row(0).alert.id if self._order else None
            if self.selected_id is not None:
                self._place(self.selected_id)

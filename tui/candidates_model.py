"""The candidates as this operator sees them: order, groups, selection, what is not looked at yet.

Plain values and no input or output. How many there can be is bounded by the daemon: it forgets a
candidate's face within hours, and the list is read from it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from lfrd.wire.alerts import Alert, AlertState
from tui.labels import is_final, is_undecided, undo_left_s

LISTED_MAX = 200
"""More than an operator scrolls through; the others follow as these are decided."""


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
        self.selected_id: str | None = None
        self.only_open = False
        self.oldest_first = False
        self.grouped = True

    def __len__(self) -> int:
        return len(self._alerts)

    def replace(self, alerts: Iterable[Alert]) -> int:
        """Take a whole new list; returns how many undecided ones were not known before."""
        known = self._alerts
        self._alerts = {alert.id: alert for alert in alerts}
        self._unread &= self._alerts.keys()
        fresh = [a.id for a in self._alerts.values() if a.id not in known and is_undecided(a)]
        self._unread.update(fresh)
        self._keep_selection()
        return len(fresh)

    def put(self, alert: Alert) -> bool:
        """Take one new or changed candidate; True where it is undecided and was not known."""
        fresh = alert.id not in self._alerts and is_undecided(alert)
        self._alerts[alert.id] = alert
        if fresh:
            self._unread.add(alert.id)
        if not is_undecided(alert):
            self._unread.discard(alert.id)
        self._keep_selection()
        return fresh

    def remove(self, alert_id: str) -> None:
        """Forget a candidate that the daemon no longer has."""
        self._alerts.pop(alert_id, None)
        self._unread.discard(alert_id)
        self._keep_selection()

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
        return sum(map(is_undecided, self._alerts.values()))

    def listed(self) -> tuple[Alert, ...]:
        """The candidates that the rows stand for."""
        return tuple(group.alert for group in self.groups())

    def groups(self) -> tuple[Group, ...]:
        """The rows: undecided first, then newest or oldest first, `LISTED_MAX` at most.

        With `only_open` what is closed or finally decided is left out. The selected one is always
        listed: it must not vanish under the operator's eyes. Of several who are one row the
        selected one is shown, else the first that waits.
        """
        shown = (a for a in self._alerts.values() if not self.only_open or self._stays(a))
        sign = 1 if self.oldest_first else -1
        ordered = sorted(shown, key=lambda a: (not is_undecided(a), sign * a.raised_at_s, a.id))
        rows: dict[tuple[str, ...], list[Alert]] = {}
        for alert in ordered:
            rows.setdefault(self._row_of(alert), []).append(alert)
        found = [self._group(alerts) for alerts in rows.values()]
        found.sort(key=lambda group: not is_undecided(group.alert))  # a selected one may be decided
        beyond = [group for group in found[LISTED_MAX:] if group.alert.id == self.selected_id]
        return (*found[:LISTED_MAX], *beyond)

    def _row_of(self, alert: Alert) -> tuple[str, ...]:
        """Who passes a camera again and again is one row."""
        same = (alert.deployment_id, alert.camera_id, alert.entry_id)
        return same if self.grouped else (alert.id,)

    def _group(self, alerts: list[Alert]) -> Group:
        chosen = next((a for a in alerts if a.id == self.selected_id), alerts[0])
        return Group(chosen, len(alerts), sum(map(is_undecided, alerts)))

    def _stays(self, alert: Alert) -> bool:
        is_open = alert.state is AlertState.OPEN and not is_final(alert)
        return is_open or alert.id == self.selected_id

    def toggle_filter(self) -> None:
        """Change between the open candidates and all."""
        self.only_open = not self.only_open
        self._keep_selection()

    def toggle_order(self) -> None:
        """Change between newest and oldest first."""
        self.oldest_first = not self.oldest_first

    def toggle_groups(self) -> None:
        """Change between a row for each candidate, and one for all of a person at a camera."""
        self.grouped = not self.grouped

    def select(self, alert_id: str) -> None:
        """Look at this one."""
        if alert_id in self._alerts:
            self.selected_id = alert_id
            self._unread.discard(alert_id)

    def move(self, step: int) -> None:
        """Select the candidate `step` places further down the list, stopping at its ends."""
        ids = [alert.id for alert in self.listed()]
        if not ids:
            return
        here = ids.index(self.selected_id) if self.selected_id in ids else 0
        self.select(ids[min(len(ids) - 1, max(0, here + step))])

    def select_next_undecided(self) -> None:
        """Select the first undecided one; stays where it is if there is none."""
        sign = 1 if self.oldest_first else -1
        waiting = [alert for alert in self._alerts.values() if is_undecided(alert)]
        if waiting:
            self.select(min(waiting, key=lambda a: (sign * a.raised_at_s, a.id)).id)

    def undoable(self, now_s: float) -> tuple[Alert, ...]:
        """This viewer's decisions that can still be undone, the latest first."""
        pending = [
            (alert.my_review.submitted_at_s, alert)
            for alert in self._alerts.values()
            if alert.my_review is not None and undo_left_s(alert, now_s) > 0
        ]
        return tuple(alert for _, alert in sorted(pending, key=lambda pair: -pair[0]))

    def becoming_final(self, now_s: float) -> tuple[Alert, ...]:
        """This viewer's decisions whose time to undo is over, but which are not final yet."""
        mine = (a for a in self._alerts.values() if a.my_review is not None and not is_final(a))
        return tuple(alert for alert in mine if undo_left_s(alert, now_s) <= 0)

    def _keep_selection(self) -> None:
        """Something listed is selected. What was not chosen by a key stays unread: the operator may
        be away."""
        if self.selected_id not in self._alerts:
            self.selected_id = None
            first = next(iter(self.listed()), None)
            self.selected_id = None if first is None else first.id

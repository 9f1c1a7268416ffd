"""Weekly schedules: a standing authorisation, under which deployments of a week's windows start."""

from dataclasses import dataclass
from typing import ClassVar

from lfrd.errors import Conflict
from lfrd.events import EventKind
from lfrd.ids import new_id
from lfrd.store.audit import AuditClass
from lfrd.store.transaction import Reader, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """`plan` and `windows` are JSON texts that lfrd.governance.schedules makes and reads."""

    TABLE: ClassVar[str] = "schedule"

    id: str
    plan: str
    windows: str
    timezone: str
    created_at_s: float
    expires_at_s: float
    principal: str
    authorised_at_s: float | None = None
    authorised_by: str | None = None
    revoked_at_s: float | None = None
    revoked_by: str | None = None

    def is_in_force(self, at_s: float) -> bool:
        """Whether deployments may start under it."""
        return (
            self.authorised_at_s is not None
            and self.revoked_at_s is None
            and at_s < self.expires_at_s
        )


def add(tx: Transaction, plan: str, windows: str, timezone: str, expires_at_s: float) -> Schedule:
    """Plan one; nothing starts before it is authorised."""
    schedule = Schedule(
        id=new_id(),
        plan=plan,
        windows=windows,
        timezone=timezone,
        created_at_s=tx.at_s,
        expires_at_s=expires_at_s,
        principal=tx.principal,
    )
    tx.insert(schedule)
    _log(tx, schedule.id, "schedule.add")
    return schedule


def get(reader: Reader, schedule_id: str) -> Schedule:
    """Raises NotFound."""
    return reader.get(Schedule, schedule_id)


def page(reader: Reader, after: str | None, limit: int) -> list[Schedule]:
    """Schedules, newest first; `after`: the id of the last one of the page before."""
    return reader.page(Schedule, ("id",), None if after is None else (after,), limit)


def authorised(reader: Reader) -> list[Schedule]:
    """All that ever were authorised, newest first, revoked and expired ones included."""
    return reader.find(Schedule, "WHERE authorised_at_s IS NOT NULL ORDER BY id DESC")


def authorise(tx: Transaction, schedule_id: str) -> Schedule:
    """The standing authorisation, by `tx.principal` (who may, says lfrd.governance.two_person).

    Raises NotFound, Conflict where it has one, or had.
    """
    changed = tx.execute(
        "UPDATE schedule SET authorised_at_s = ?, authorised_by = ?"
        " WHERE id = ? AND authorised_at_s IS NULL AND revoked_at_s IS NULL",
        (tx.at_s, tx.principal, schedule_id),
    )
    schedule = get(tx, schedule_id)
    if not changed:
        raise Conflict(f"schedule {schedule_id} is authorised or revoked already")
    _log(tx, schedule_id, "schedule.authorise")
    return schedule


def revoke(tx: Transaction, schedule_id: str) -> Schedule:
    """End the standing authorisation; a deployment that runs under it goes on to its end."""
    changed = tx.execute(
        "UPDATE schedule SET revoked_at_s = ?, revoked_by = ?"
        " WHERE id = ? AND revoked_at_s IS NULL",
        (tx.at_s, tx.principal, schedule_id),
    )
    schedule = get(tx, schedule_id)
    if not changed:
        raise Conflict(f"schedule {schedule_id} is revoked already")
    _log(tx, schedule_id, "schedule.revoke")
    return schedule


def deployed(reader: Reader, schedule_id: str, window_start_s: float) -> bool:
    """Whether a window has had its deployment."""
    return bool(
        reader.count(
            "SELECT count(*) FROM deployment WHERE schedule_id = ? AND planned_start_at_s = ?",
            (schedule_id, window_start_s),
        )
    )


def _log(tx: Transaction, schedule_id: str, action: str) -> None:
    tx.audit(AuditClass.PERIOD_OF_USE, action, (schedule_id,))
    tx.event(EventKind.DEPLOYMENT_CHANGED, schedule_id)

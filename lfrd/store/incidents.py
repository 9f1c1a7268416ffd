"""What went wrong, for those who have to be told of it: kinds, dates and words that name nobody."""

from dataclasses import dataclass
from typing import ClassVar

from lfrd.errors import BadInput, Conflict
from lfrd.ids import new_id
from lfrd.store import deployments
from lfrd.store.audit import AuditClass
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import IncidentKind

CHANGEABLE = ("kind", "what", "serious", "deployment_id", "happened_at_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """`serious` as the EU AI Act has it (3(49)); `reported_to` is empty until it is reported,
    `closing` says what came of it."""

    TABLE: ClassVar[str] = "incident"

    id: str
    kind: IncidentKind
    serious: bool
    deployment_id: str | None
    happened_at_s: float
    what: str
    reported_to: str
    recorded_at_s: float
    principal: str
    amended_at_s: float | None = None
    amended_by: str | None = None
    closed_at_s: float | None = None
    closed_by: str | None = None
    closing: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentChange:
    """What turned out to be otherwise; None stays."""

    kind: IncidentKind | None = None
    what: str | None = None
    serious: bool | None = None
    deployment_id: str | None = None
    happened_at_s: float | None = None


def add(
    tx: Transaction,
    kind: IncidentKind,
    what: str,
    *,
    serious: bool,
    happened_at_s: float,
    deployment_id: str | None = None,
    reported_to: str = "",
) -> Incident:
    """Record one, as `tx.principal`; what it was is not in the log. Raises NotFound."""
    if deployment_id is not None:
        deployments.get(tx, deployment_id)
    row = Incident(
        id=new_id(), kind=kind, serious=serious, deployment_id=deployment_id,
        happened_at_s=happened_at_s, what=what, reported_to=reported_to, recorded_at_s=tx.at_s,
        principal=tx.principal,
    )  # fmt: skip
    tx.insert(row)
    tx.audit(
        AuditClass.DECISION, "incident.record", (row.id,),
        {"kind": kind.value, "serious": serious, "deployment": deployment_id},
    )  # fmt: skip
    return row


def amend(tx: Transaction, incident_id: str, change: IncidentChange, reason: str) -> Incident:
    """Put right what is recorded. The log says which parts, and why; what it was is not in it.
    Raises NotFound, BadInput where nothing is changed, Conflict where it is closed."""
    before = _still_open(tx, incident_id)
    if change.deployment_id is not None:
        deployments.get(tx, change.deployment_id)
    given = {name: getattr(change, name) for name in CHANGEABLE}
    parts = [name for name, value in given.items() if value not in (None, getattr(before, name))]
    if not parts:
        raise BadInput(f"that is what is recorded of incident {incident_id} already")
    tx.execute(
        "UPDATE incident SET kind = coalesce(?, kind), what = coalesce(?, what),"
        " serious = coalesce(?, serious), deployment_id = coalesce(?, deployment_id),"
        " happened_at_s = coalesce(?, happened_at_s), amended_at_s = ?, amended_by = ?"
        " WHERE id = ?", (*given.values(), tx.at_s, tx.principal, incident_id),
    )  # fmt: skip
    row = tx.get(Incident, incident_id)
    tx.audit(
        AuditClass.ALTERATION, "incident.amend", (incident_id,),
        {"changed": parts, "kind": row.kind.value, "serious": row.serious,
         "deployment": row.deployment_id, "reason": reason},
    )  # fmt: skip
    return row


def close(tx: Transaction, incident_id: str, closing: str) -> Incident:
    """Say what came of it, which is not in the log. Raises NotFound, Conflict if it is closed."""
    _still_open(tx, incident_id)
    tx.execute(
        "UPDATE incident SET closed_at_s = ?, closed_by = ?, closing = ? WHERE id = ?",
        (tx.at_s, tx.principal, closing, incident_id),
    )
    tx.audit(AuditClass.DECISION, "incident.close", (incident_id,), {})
    return tx.get(Incident, incident_id)


def _still_open(tx: Transaction, incident_id: str) -> Incident:
    row = tx.get(Incident, incident_id)
    if row.closed_at_s is not None:
        raise Conflict(f"incident {incident_id} is closed: record what is new as another one")
    return row


def report(tx: Transaction, incident_id: str, reported_to: str) -> Incident:
    """Note to whom it was reported. Raises NotFound."""
    tx.get(Incident, incident_id)
    tx.execute("UPDATE incident SET reported_to = ? WHERE id = ?", (reported_to, incident_id))
    facts = {"reported_to": reported_to}
    tx.audit(AuditClass.DISCLOSURE, "incident.report", (incident_id,), facts)
    return tx.get(Incident, incident_id)


def page(
    reader: Reader, begin_s: float, end_s: float, after: tuple[float, str] | None, limit: int
) -> list[Incident]:
    """Some of them; `after`: when the last one of the page before happened, and its id."""
    return reader.page(
        Incident, ("happened_at_s", "id"), after, limit, newest=False,
        where="happened_at_s >= ? AND happened_at_s < ?", values=(begin_s, end_s),
    )  # fmt: skip


def between(reader: Reader, begin_s: float, end_s: float) -> list[Incident]:
    """Those that happened in a span of time, the first one first."""
    return reader.find(
        Incident, "WHERE happened_at_s >= ? AND happened_at_s < ? ORDER BY happened_at_s, id",
        (begin_s, end_s),
    )  # fmt: skip

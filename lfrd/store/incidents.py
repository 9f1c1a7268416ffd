"""What went wrong, for those who have to be told of it: kinds, dates and words that name nobody."""

from dataclasses import dataclass
from typing import ClassVar

from lfrd.ids import new_id
from lfrd.store import deployments
from lfrd.store.audit import AuditClass
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import IncidentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """`serious` as the EU AI Act has it (3(49)); `reported_to` is empty until it is reported."""

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


def report(tx: Transaction, incident_id: str, reported_to: str) -> Incident:
    """Note to whom it was reported. Raises NotFound."""
    tx.get(Incident, incident_id)
    tx.execute("UPDATE incident SET reported_to = ? WHERE id = ?", (reported_to, incident_id))
    facts = {"reported_to": reported_to}
    tx.audit(AuditClass.DISCLOSURE, "incident.report", (incident_id,), facts)
    return tx.get(Incident, incident_id)


def between(reader: Reader, begin_s: float, end_s: float) -> list[Incident]:
    """Those that happened in a span of time, the first one first."""
    return reader.find(
        Incident, "WHERE happened_at_s >= ? AND happened_at_s < ? ORDER BY happened_at_s, id",
        (begin_s, end_s),
    )  # fmt: skip

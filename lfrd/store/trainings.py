"""Who was trained to review candidates, until when, and who says so."""

from dataclasses import dataclass
from typing import ClassVar

from lfrd.ids import new_id
from lfrd.store.audit import AuditClass
from lfrd.store.transaction import Reader, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """`subject` is a principal; `principal` is who recorded it."""

    TABLE: ClassVar[str] = "training"

    id: str
    subject: str
    what: str
    valid_until_s: float
    recorded_at_s: float
    principal: str


def add(tx: Transaction, subject: str, what: str, valid_until_s: float) -> Training:
    """Record one, as `tx.principal`. It ends by itself, and earlier by a later one that says so."""
    training = Training(
        id=new_id(),
        subject=subject,
        what=what,
        valid_until_s=valid_until_s,
        recorded_at_s=tx.at_s,
        principal=tx.principal,
    )
    tx.insert(training)
    tx.audit(
        AuditClass.DECISION, "training.record", (training.id, subject),
        {"until_s": round(valid_until_s)},
    )  # fmt: skip
    return training


_LAST = (
    "recorded_at_s = (SELECT max(recorded_at_s) FROM training AS later"
    " WHERE later.subject = training.subject)"
)


def page(reader: Reader, after: tuple[str, str] | None, limit: int) -> list[Training]:
    """The last one of each person, by person; `after`: subject and id of the last one of the page
    before."""
    by = ("subject", "id")
    return reader.page(Training, by, after, limit, newest=False, where=_LAST)


def trained_until(reader: Reader, at_s: float) -> frozenset[str]:
    """Those whose training is valid beyond this time."""
    found = reader.find(Training, f"WHERE {_LAST} AND valid_until_s > ?", (at_s,))
    return frozenset(item.subject for item in found)


def is_trained(reader: Reader, subject: str, at_s: float) -> bool:
    """Whether a person's training is valid at this time."""
    return subject in trained_until(reader, at_s)

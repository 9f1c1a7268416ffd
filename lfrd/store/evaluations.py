"""What models were measured to do: registered evaluation reports. Figures, no face and no name."""

from dataclasses import dataclass
from typing import ClassVar

from lfrd.errors import BadInput, Conflict
from lfrd.ids import new_id
from lfrd.store.audit import AuditClass
from lfrd.store.transaction import Reader, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvaluation:
    """A report to be registered. `report` is its JSON text, `report_sha256` what it is known by.

    `threshold_low` to `threshold_high` is the span in which its rates were measured.
    """

    pack: str
    model_digest: str
    evaluated_at_s: float
    list_size: int
    threshold: float
    threshold_low: float
    threshold_high: float
    report: str
    report_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation(NewEvaluation):
    """A registered report; a withdrawn one lets nothing start and stays on the record."""

    TABLE: ClassVar[str] = "evaluation"

    id: str
    registered_at_s: float
    principal: str
    withdrawn_at_s: float | None = None
    withdrawn_by: str | None = None
    withdraw_reason: str | None = None


def add(tx: Transaction, new: NewEvaluation) -> Evaluation:
    """Register a report. Raises Conflict where this very one is registered."""
    row = Evaluation(
        id=new_id(),
        pack=new.pack,
        model_digest=new.model_digest,
        evaluated_at_s=new.evaluated_at_s,
        list_size=new.list_size,
        threshold=new.threshold,
        threshold_low=new.threshold_low,
        threshold_high=new.threshold_high,
        report=new.report,
        report_sha256=new.report_sha256,
        registered_at_s=tx.at_s,
        principal=tx.principal,
    )
    try:
        tx.insert(row)
    except Conflict as error:
        raise Conflict("this evaluation report is registered already") from error
    tx.audit(
        AuditClass.COLLECTION,
        "evaluation.register",
        (row.id,),
        {"model": row.model_digest, "report": row.report_sha256, "list_size": row.list_size},
    )
    return row


def withdraw(tx: Transaction, evaluation_id: str, reason: str) -> Evaluation:
    """It is relied on no more. Raises NotFound, BadInput, or Conflict where it is withdrawn."""
    if not reason.strip():
        raise BadInput("withdrawing an evaluation report needs a reason")
    row = tx.get(Evaluation, evaluation_id)
    if row.withdrawn_at_s is not None:
        raise Conflict(f"evaluation {evaluation_id} is withdrawn already")
    tx.execute(
        "UPDATE evaluation SET withdrawn_at_s = ?, withdrawn_by = ?, withdraw_reason = ?"
        " WHERE id = ?",
        (tx.at_s, tx.principal, reason.strip(), evaluation_id),
    )
    tx.audit(AuditClass.ALTERATION, "evaluation.withdraw", (row.id,), {"report": row.report_sha256})
    return tx.get(Evaluation, evaluation_id)


def page(reader: Reader, after: str | None, limit: int) -> list[Evaluation]:
    """Reports, newest first, withdrawn ones included; `after`: the id of the last one of the page
    before."""
    return reader.page(Evaluation, ("id",), None if after is None else (after,), limit)


def valid(reader: Reader) -> list[Evaluation]:
    """Those that were not withdrawn, newest first."""
    return reader.find(Evaluation, "WHERE withdrawn_at_s IS NULL ORDER BY id DESC LIMIT 1000")


def of_model(reader: Reader, model_digest: str) -> list[Evaluation]:
    """The valid ones of one model, newest first."""
    return reader.find(
        Evaluation,
        "WHERE withdrawn_at_s IS NULL AND model_digest = ? ORDER BY id DESC LIMIT 100",
        (model_digest,),
    )

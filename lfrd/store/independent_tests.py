"""Who tested a model independently of this site, when, and where it can be read."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from lfrd.ids import new_id
from lfrd.store.audit import AuditClass
from lfrd.store.transaction import Reader, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class IndependentTest:
    TABLE: ClassVar[str] = "independent_test"

    id: str
    model_digest: str
    tested_by: str
    tested_at_s: float
    reference: str
    recorded_at_s: float
    principal: str

    @property
    def text(self) -> str:
        """In one line, as the log and the record have it."""
        day = datetime.fromtimestamp(self.tested_at_s, UTC)
        return f"{self.tested_by}, {day:%Y-%m-%d}: {self.reference}"


def add(
    tx: Transaction, model_digest: str, tested_by: str, tested_at_s: float, reference: str
) -> IndependentTest:
    """Record one, as `tx.principal`."""
    row = IndependentTest(
        id=new_id(), model_digest=model_digest, tested_by=tested_by, tested_at_s=tested_at_s,
        reference=reference, recorded_at_s=tx.at_s, principal=tx.principal,
    )  # fmt: skip
    tx.insert(row)
    facts = {"model": model_digest, "test": row.text}
    tx.audit(AuditClass.COLLECTION, "evaluation.independent-test", (row.id,), facts)
    return row


def of_model(reader: Reader, model_digest: str) -> list[IndependentTest]:
    """The newest hundred of one model, the newest first."""
    return reader.find(
        IndependentTest,
        "WHERE model_digest = ? ORDER BY tested_at_s DESC, id LIMIT 100",
        (model_digest,),
    )


def page(reader: Reader, after: tuple[float, str] | None, limit: int) -> list[IndependentTest]:
    """The newest first; `after`: when the last one of the page before was done, and its id."""
    return reader.page(IndependentTest, ("tested_at_s", "id"), after, limit)

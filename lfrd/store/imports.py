"""Bulk imports: which rows are done, so that an interrupted one goes on."""

import dataclasses
import enum
from dataclasses import dataclass
from typing import ClassVar

from lfrd.errors import Conflict
from lfrd.ids import new_id
from lfrd.store import watchlists
from lfrd.store.audit import AuditClass
from lfrd.store.transaction import Reader, Transaction


class RowOutcome(enum.StrEnum):
    """`warned` is enrolled with findings that speak against it; `duplicate` was there already."""

    ENROLLED = "enrolled"
    WARNED = "warned"
    REFUSED = "refused"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRun:
    """One import of one source into one list; the same source again goes on with it."""

    TABLE: ClassVar[str] = "import_run"

    id: str
    watchlist_id: str
    source_sha256: str
    source_name: str
    mode: str
    total: int
    started_at_s: float
    ended_at_s: float | None
    principal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRow:
    """What came of a row; `codes` are words with spaces between them. `photo_id` is the photo that
    is on the list: where the outcome is `duplicate`, the one that was there before."""

    TABLE: ClassVar[str] = "import_row"

    import_id: str
    number: int
    outcome: RowOutcome
    codes: str
    entry_id: str | None
    photo_id: str | None
    at_s: float
    principal: str


_HOLDS = " AND (outcome = 'refused' OR photo_id IN (SELECT id FROM reference_image))"
"""Of rows: one whose photo was erased since is not done."""


def begin(
    tx: Transaction, watchlist_id: str, source_sha256: str, source_name: str, mode: str, total: int
) -> ImportRun:
    """Start an import, or go on with the one of the same source, with the gate that is asked for
    now. Raises NotFound, Conflict."""
    watchlists.get(tx, watchlist_id)
    known = tx.first(
        ImportRun, "WHERE watchlist_id = ? AND source_sha256 = ?", (watchlist_id, source_sha256)
    )
    if known is not None:
        if known.total != total:
            raise Conflict(
                f"an import of this source began with {known.total} rows; go on with the same"
            )
        tx.execute(
            "UPDATE import_run SET ended_at_s = NULL, mode = ? WHERE id = ?", (mode, known.id)
        )
        return get(tx, known.id)
    run = ImportRun(
        id=new_id(),
        watchlist_id=watchlist_id,
        source_sha256=source_sha256,
        source_name=source_name,
        mode=mode,
        total=total,
        started_at_s=tx.at_s,
        ended_at_s=None,
        principal=tx.principal,
    )
    tx.insert(run)
    tx.audit(AuditClass.COLLECTION, "import.begin", (run.id, watchlist_id), {"total": total})
    return run


def get(reader: Reader, import_id: str) -> ImportRun:
    """Raises NotFound."""
    return reader.get(ImportRun, import_id)


def row(reader: Reader, import_id: str, number: int) -> ImportRow | None:
    """What came of a row, if that holds still."""
    return reader.first(
        ImportRow, f"WHERE import_id = ? AND number = ?{_HOLDS}", (import_id, number)
    )


def rows(reader: Reader, import_id: str, after: int, limit: int) -> list[ImportRow]:
    """Done rows in order, from the one after `after`."""
    return reader.find(
        ImportRow, f"WHERE import_id = ? AND number > ?{_HOLDS} ORDER BY number LIMIT ?",
        (import_id, after, limit),
    )  # fmt: skip


def note_row(tx: Transaction, done: ImportRow) -> ImportRow:
    """Written now, by whose action this is, in place of what came of the row before."""
    noted = dataclasses.replace(done, at_s=tx.at_s, principal=tx.principal)
    tx.execute(
        "DELETE FROM import_row WHERE import_id = ? AND number = ?", (done.import_id, done.number)
    )
    tx.insert(noted)
    return noted


def counts(reader: Reader, import_id: str) -> dict[RowOutcome, int]:
    """How many rows have which outcome."""
    select = "SELECT outcome, count(*) AS done FROM import_row WHERE import_id = ?"
    found = reader.rows(f"{select}{_HOLDS} GROUP BY outcome", (import_id,))
    return {RowOutcome(row.text("outcome")): row.whole("done") for row in found}


def done_since(reader: Reader, import_id: str, since_s: float) -> int:
    """How many rows were done since a time: for the rate."""
    return reader.count(
        "SELECT count(*) FROM import_row WHERE import_id = ? AND at_s >= ?", (import_id, since_s)
    )


def end(tx: Transaction, import_id: str) -> ImportRun:
    """Note that the whole source was gone through. Raises NotFound."""
    run = get(tx, import_id)
    tx.execute("UPDATE import_run SET ended_at_s = ? WHERE id = ?", (tx.at_s, import_id))
    found = counts(tx, import_id)
    tx.audit(
        AuditClass.COLLECTION, "import.end", (import_id, run.watchlist_id),
        {outcome.value: found.get(outcome, 0) for outcome in RowOutcome},
    )  # fmt: skip
    return get(tx, import_id)

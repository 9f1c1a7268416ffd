"""When the log was written last, and what is done after a wrong clock, while no daemon runs: the
machine's clock counts again."""

from dataclasses import dataclass

from lfrd.store.audit import AuditClass
from lfrd.store.transaction import Reader, Transaction


@dataclass(frozen=True, slots=True)
class Accepted:
    """When the log was written last before, and how many rows were dated after now."""

    newest_s: float | None
    now_s: float
    moved: int


_DATED = (
    "UPDATE episode SET raised_at_s = ?1 WHERE raised_at_s > ?1",
    "UPDATE deployment SET ended_at_s = ?1 WHERE ended_at_s > ?1",
    "UPDATE deployment SET planned_end_at_s = ?1 WHERE state = 'running' AND started_at_s > ?1",
    "UPDATE deployment SET ratify_by_at_s = ?1 WHERE ratify_by_at_s IS NOT NULL"
    " AND ratified_at_s IS NULL AND started_at_s > ?1",
    "UPDATE watchlist SET confirmed_at_s = 0 WHERE confirmed_at_s > ?1",
)
"""What a clock that was ahead has dated in the future counts from now: its faces go no later than
they would have, its deployments are over, its lists want to be confirmed again."""


def newest_entry_at_s(reader: Reader) -> float | None:
    """When the log was written last, None where it is empty."""
    at_s = reader.value("SELECT at_s FROM audit_leaf ORDER BY id DESC LIMIT 1")
    assert at_s is None or isinstance(at_s, float)
    return at_s


def accept(tx: Transaction, reason: str) -> Accepted:
    """Note in the log that the machine's clock is right, whatever the log says.

    A start goes by the newest entry, which this one is. Entries of the log itself keep their date,
    which their hashes are over.
    """
    newest_s = newest_entry_at_s(tx)
    moved = sum(tx.execute(sql, (tx.at_s,)) for sql in _DATED)
    tx.audit(
        AuditClass.ALTERATION,
        "clock.accept",
        (),
        {"reason": reason, "newest_s": f"{newest_s or 0:.0f}", "moved": moved},
    )
    return Accepted(newest_s, tx.at_s, moved)

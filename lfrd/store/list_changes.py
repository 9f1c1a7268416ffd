"""What may change on a list and an entry after they were made, and when they expire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from lfrd.errors import BadInput, Conflict, NotFound
from lfrd.events import EventKind
from lfrd.store import watchlists
from lfrd.store.audit import AuditClass, Fact
from lfrd.store.sqlite import SQLValue
from lfrd.store.transaction import Reader, Transaction
from lfrd.store.watchlists import Entry, Watchlist

LIST_COLUMNS = frozenset({"name", "purpose", "owner", "colour", "margin", "expires_at_s"})
ENTRY_COLUMNS = frozenset(
    {"basis", "source", "reviewer", "margin", "status_checked_at_s", "expires_at_s"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ListCamera:
    TABLE: ClassVar[str] = "watchlist_camera"

    watchlist_id: str
    camera_id: str
    principal: str


def change_list(tx: Transaction, watchlist_id: str, changes: Mapping[str, SQLValue]) -> Watchlist:
    """Set some of LIST_COLUMNS. Raises NotFound, Conflict where the name is taken."""
    _update(tx, "watchlist", watchlist_id, changes, LIST_COLUMNS)
    tx.audit(AuditClass.ALTERATION, "watchlist.change", (watchlist_id,), _facts(changes))
    tx.event(EventKind.WATCHLIST_CHANGED, watchlist_id)
    return watchlists.get(tx, watchlist_id)


def set_cameras(tx: Transaction, watchlist_id: str, camera_ids: Sequence[str]) -> None:
    """Compare with a list on these cameras only; without any, on all. Raises NotFound."""
    watchlists.get(tx, watchlist_id)
    tx.execute("DELETE FROM watchlist_camera WHERE watchlist_id = ?", (watchlist_id,))
    for camera_id in sorted(set(camera_ids)):
        if not tx.count("SELECT count(*) FROM camera WHERE id = ?", (camera_id,)):
            raise NotFound(f"there is no camera {camera_id}")
        tx.insert(
            _ListCamera(watchlist_id=watchlist_id, camera_id=camera_id, principal=tx.principal)
        )
    facts = {"cameras": ",".join(sorted(set(camera_ids)))}
    tx.audit(AuditClass.ALTERATION, "watchlist.cameras", (watchlist_id,), facts)
    tx.event(EventKind.WATCHLIST_CHANGED, watchlist_id)


def change_entry(tx: Transaction, entry_id: str, changes: Mapping[str, SQLValue]) -> Entry:
    """Set some of ENTRY_COLUMNS. Raises NotFound."""
    _update(tx, "entry", entry_id, changes, ENTRY_COLUMNS)
    entry = watchlists.get_entry(tx, entry_id)
    tx.audit(AuditClass.ALTERATION, "entry.change", (entry.id, entry.watchlist_id), _facts(changes))
    tx.event(EventKind.WATCHLIST_CHANGED, entry.watchlist_id)
    return entry


def approve_entry(tx: Transaction, entry_id: str) -> Entry:
    """Note that `tx.principal` approved an entry of somebody under 18 (who may, says
    lfrd.governance.two_person). Raises NotFound, Conflict where no approval is needed.
    """
    entry = watchlists.get_entry(tx, entry_id)
    if not entry.under_18 or entry.approved_at_s is not None:
        raise Conflict(f"entry {entry_id} needs no approval")
    tx.execute(
        "UPDATE entry SET approved_at_s = ?, approved_by = ? WHERE id = ?",
        (tx.at_s, tx.principal, entry_id),
    )
    tx.audit(AuditClass.DECISION, "entry.approve", (entry.id, entry.watchlist_id))
    tx.event(EventKind.WATCHLIST_CHANGED, entry.watchlist_id)
    return watchlists.get_entry(tx, entry_id)


@dataclass(frozen=True, slots=True)
class Expired:
    """An entry whose time, or whose list's time, is over."""

    entry_id: str
    watchlist_id: str
    template_ids: tuple[str, ...]


def expired(reader: Reader, watchlist_ids: Sequence[str], now_s: float) -> list[Expired]:
    """The entries of these lists that may no longer be compared with."""
    found: dict[tuple[str, str], list[str]] = {}
    for watchlist_id in watchlist_ids:
        rows = reader.rows(
            "SELECT entry.id AS entry_id, template.id AS template_id FROM entry"
            " JOIN watchlist ON watchlist.id = watchlist_id"
            " JOIN template ON template.entry_id = entry.id WHERE watchlist_id = ?1"
            " AND (entry.expires_at_s <= ?2 OR watchlist.expires_at_s <= ?2)",
            (watchlist_id, now_s),
        )
        for row in rows:
            key = row.text("entry_id"), watchlist_id
            found.setdefault(key, []).append(row.text("template_id"))
    return [
        Expired(entry_id, watchlist_id, tuple(templates))
        for (entry_id, watchlist_id), templates in found.items()
    ]


def note_expiry(tx: Transaction, gone: Sequence[Expired]) -> None:
    """Log that these left the running search."""
    for item in gone:
        tx.audit(AuditClass.ALTERATION, "entry.expire", (item.entry_id, item.watchlist_id))
        tx.event(EventKind.WATCHLIST_CHANGED, item.watchlist_id)


def next_expiry(reader: Reader, after_s: float) -> float | None:
    """When the next list or entry expires."""
    value = reader.value(
        "SELECT min(at_s) FROM (SELECT expires_at_s AS at_s FROM entry UNION ALL"
        " SELECT expires_at_s FROM watchlist) WHERE at_s > ?",
        (after_s,),
    )
    assert value is None or isinstance(value, float)
    return value


def long_expired(reader: Reader, before_s: float) -> tuple[list[str], list[str]]:
    """The ids of lists, and of entries on other lists, that expired before this time."""
    lists = reader.column("SELECT id FROM watchlist WHERE expires_at_s < ?", (before_s,))
    entries = reader.column(
        "SELECT entry.id FROM entry JOIN watchlist ON watchlist.id = watchlist_id"
        " WHERE entry.expires_at_s < ?1 AND coalesce(watchlist.expires_at_s >= ?1, true)",
        (before_s,),
    )
    return lists, entries


def person_by_label(reader: Reader, label: str) -> str | None:
    """The person that imports know by this word, if any."""
    found = reader.value("SELECT id FROM person WHERE label = ?", (label,))
    return None if found is None else str(found)


def label_person(tx: Transaction, person_id: str, label: str) -> None:
    """Have imports know a person by a word, so that lists can share them."""
    tx.execute("UPDATE person SET label = ? WHERE id = ?", (label, person_id))


def _update(
    tx: Transaction,
    table: str,
    row_id: str,
    changes: Mapping[str, SQLValue],
    allowed: frozenset[str],
) -> None:
    unknown = set(changes) - allowed
    if unknown or not changes:
        raise BadInput(f"what can be changed is {', '.join(sorted(allowed))}")
    names = ", ".join(f"{name} = ?" for name in changes)
    changed = tx.execute(
        f"UPDATE {table} SET {names} WHERE id = ?",  # noqa: S608  # names from a closed set
        (*changes.values(), row_id),
    )
    if not changed:
        raise NotFound(f"there is no {table} {row_id}")


def _facts(changes: Mapping[str, SQLValue]) -> dict[str, Fact]:
    """Which columns changed; free text stays out of the log, numbers go in."""
    return {
        name: f"{value:.3f}" if isinstance(value, int | float) else "changed"
        for name, value in changes.items()
    }

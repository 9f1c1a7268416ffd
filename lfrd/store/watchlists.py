"""Persons, watchlists and their entries."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from lfrd.errors import BadInput, Conflict, NotFound
from lfrd.events import EventKind
from lfrd.ids import new_id
from lfrd.store import listings
from lfrd.store.audit import AuditClass, Fact
from lfrd.store.keys import Scope
from lfrd.store.sqlite import SQLValue
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import Category


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What entries on several lists share."""

    TABLE: ClassVar[str] = "person"

    id: str
    created_at_s: float
    principal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchlist:
    """A master list. `margin` is added to the deployment's threshold; `colour` is for screens."""

    TABLE: ClassVar[str] = "watchlist"

    id: str
    name: str
    category: Category
    purpose: str
    owner: str
    colour: str
    margin: float
    created_at_s: float
    expires_at_s: float | None
    confirmed_at_s: float
    confirmed_by: str
    principal: str
    restored_from_s: float | None = None
    """When the archive was made that it was restored from, while no supervisor vouches for it."""


@dataclass(frozen=True, slots=True)
class NewWatchlist:
    """A new list, as a person describes it."""

    name: str
    category: Category
    purpose: str
    owner: str
    colour: str = "#d0021b"
    margin: float = 0.0
    expires_at_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One person on one list, under a pseudonymous reference. `look_alikes` is what reviewers are
    to know of relatives and others who look like them."""

    TABLE: ClassVar[str] = "entry"

    id: str
    watchlist_id: str
    person_id: str
    reference: str
    category: Category
    basis: str
    source: str
    reviewer: str
    under_18: bool
    under_18_reason: str
    approved_at_s: float | None
    approved_by: str | None
    margin: float
    status_checked_at_s: float
    added_at_s: float
    expires_at_s: float | None
    principal: str
    look_alikes: str = ""


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A new entry, as a person describes it. No `person_id`: a new person.

    `reviewer` is who looked over the grounds, `status_checked_at_s` when it was last checked that
    they still hold (now, if not said). `margin` asks for a stricter score, never a looser one.
    """

    watchlist_id: str
    reference: str
    basis: str = ""
    source: str = ""
    under_18: bool = False
    margin: float = 0.0
    expires_at_s: float | None = None
    person_id: str | None = None
    reviewer: str = ""
    under_18_reason: str = ""
    status_checked_at_s: float | None = None
    look_alikes: str = ""


def scope_of(watchlist_id: str) -> Scope:
    """Whose key seals the faces of this list."""
    return Scope("watchlist", watchlist_id)


def add(tx: Transaction, new: NewWatchlist) -> Watchlist:
    """Make a list and its key. Raises Conflict where the name is taken."""
    watchlist = Watchlist(
        id=new_id(),
        name=new.name,
        category=new.category,
        purpose=new.purpose,
        owner=new.owner,
        colour=new.colour,
        margin=new.margin,
        created_at_s=tx.at_s,
        expires_at_s=new.expires_at_s,
        confirmed_at_s=tx.at_s,
        confirmed_by=tx.principal,
        principal=tx.principal,
    )
    try:
        tx.insert(watchlist)
    except Conflict as error:
        raise Conflict(f"there is already a watchlist named {new.name!r}") from error
    tx.keys.create(scope_of(watchlist.id))
    tx.audit(AuditClass.COLLECTION, "watchlist.add", (watchlist.id,))
    tx.event(EventKind.WATCHLIST_CHANGED, watchlist.id)
    return watchlist


def get(reader: Reader, watchlist_id: str) -> Watchlist:
    """Raises NotFound."""
    return reader.get(Watchlist, watchlist_id)


def find(reader: Reader, watchlist_id: str) -> Watchlist | None:
    """None where there is none (any more)."""
    return reader.first(Watchlist, "WHERE id = ?", (watchlist_id,))


def by_name(reader: Reader, name: str) -> Watchlist | None:
    return reader.first(Watchlist, "WHERE name = ?", (name,))


def list_all(reader: Reader) -> list[Watchlist]:
    """All lists, by name."""
    return reader.find(Watchlist, "ORDER BY name")


def page(reader: Reader, after: str | None, limit: int) -> list[Watchlist]:
    """Some lists, by name; `after`: the name of the last one of the page before."""
    last = None if after is None else (after,)
    return reader.page(Watchlist, ("name",), last, limit, newest=False)


def any_restored(reader: Reader, watchlist_ids: Sequence[str]) -> bool:
    """Whether one of them was restored from a backup, and no supervisor vouches for it yet."""
    closed = "SELECT id FROM watchlist WHERE restored_from_s IS NOT NULL"
    return not set(watchlist_ids).isdisjoint(reader.column(closed))


def close_restored(tx: Transaction, made_at_s: float) -> list[tuple[str, list[str]]]:
    """Close every list that has entries, after a restore of an archive made then; their names,
    and who is on them."""
    closed = []
    for row in tx.find(Watchlist, "WHERE id IN (SELECT watchlist_id FROM entry) ORDER BY name"):
        tx.execute("UPDATE watchlist SET restored_from_s = ? WHERE id = ?", (made_at_s, row.id))
        tx.event(EventKind.WATCHLIST_CHANGED, row.id)
        who = "SELECT reference FROM entry WHERE watchlist_id = ? ORDER BY reference"
        closed.append((row.name, tx.column(who, (row.id,))))
    return closed


def confirm(tx: Transaction, watchlist_id: str) -> None:
    """Note that a person looked the list over and it is right as of now."""
    changed = tx.execute(
        "UPDATE watchlist SET confirmed_at_s = ?, confirmed_by = ?, restored_from_s = NULL"
        " WHERE id = ?",
        (tx.at_s, tx.principal, watchlist_id),
    )
    if not changed:
        raise NotFound(f"there is no watchlist {watchlist_id}")
    tx.audit(AuditClass.ALTERATION, "watchlist.confirm", (watchlist_id,))
    tx.event(EventKind.WATCHLIST_CHANGED, watchlist_id)


def delete(tx: Transaction, watchlist_id: str) -> bool:
    """Destroy the key of a list, then delete it with all its entries; False where there is none.

    The key goes first and at once: a crash in between leaves rows that cannot be opened.
    """
    if find(tx, watchlist_id) is None:
        return False
    entries = count_entries(tx, watchlist_id)
    listings.end_of_list(tx, watchlist_id)
    deleted = tx.execute("DELETE FROM watchlist WHERE id = ?", (watchlist_id,))  # unless on hold
    tx.keys.destroy(scope_of(watchlist_id))  # before the commit, and never brought back by it
    tx.execute("DELETE FROM person WHERE id NOT IN (SELECT person_id FROM entry)")
    tx.audit(AuditClass.ERASURE, "watchlist.delete", (watchlist_id,), {"entries": entries})
    tx.event(EventKind.WATCHLIST_CHANGED, watchlist_id)
    return deleted == 1


def add_entry(tx: Transaction, new: NewEntry) -> Entry:
    """Put a person on a list, in the list's category.

    Raises NotFound for the list or person, Conflict where the reference is taken, BadInput for a
    child without a reason of their own. A person under 18 is compared with only after a second
    person approved.
    """
    listed = get(tx, new.watchlist_id)
    if new.under_18 and not new.under_18_reason.strip():
        raise BadInput("an entry of a person under 18 needs its own reason: give under_18_reason")
    if new.person_id is None:
        person = Person(id=new_id(), created_at_s=tx.at_s, principal=tx.principal)
        tx.insert(person)
    else:
        person = tx.get(Person, new.person_id)
    checked_at_s = tx.at_s if new.status_checked_at_s is None else new.status_checked_at_s
    entry = Entry(
        id=new_id(),
        watchlist_id=listed.id,
        person_id=person.id,
        reference=new.reference,
        category=listed.category,
        basis=new.basis,
        source=new.source,
        reviewer=new.reviewer,
        under_18=new.under_18,
        under_18_reason=new.under_18_reason,
        approved_at_s=None,
        approved_by=None,
        margin=new.margin,
        status_checked_at_s=checked_at_s,
        added_at_s=tx.at_s,
        expires_at_s=new.expires_at_s,
        principal=tx.principal,
        look_alikes=new.look_alikes,
    )
    try:
        tx.insert(entry)
    except Conflict as error:
        raise Conflict(f"the watchlist already has an entry {new.reference!r}") from error
    listings.note(tx, entry.id, listed.name, entry.reference, entry.added_at_s)
    tx.audit(AuditClass.COLLECTION, "entry.add", (entry.id, entry.person_id, entry.watchlist_id))
    tx.event(EventKind.WATCHLIST_CHANGED, entry.watchlist_id)
    return entry


def get_entry(reader: Reader, entry_id: str) -> Entry:
    """Raises NotFound."""
    return reader.get(Entry, entry_id)


def look_alikes_of(reader: Reader, entry_id: str) -> str:
    """What is known of who looks like them; empty where the entry is gone."""
    entry = reader.first(Entry, "WHERE id = ?", (entry_id,))
    return entry.look_alikes if entry else ""


def entry_by_reference(reader: Reader, watchlist_id: str, reference: str) -> Entry | None:
    """The entry of a list with this reference, if any."""
    return reader.first(
        Entry, "WHERE watchlist_id = ? AND reference = ?", (watchlist_id, reference)
    )


def entries_with_reference(reader: Reader, reference: str, list_name: str | None) -> list[Entry]:
    """The entries that are called so, on all lists or on the one of this name."""
    return reader.find(
        Entry,
        "WHERE reference = ?1 AND (?2 IS NULL OR watchlist_id IN"
        " (SELECT id FROM watchlist WHERE name = ?2)) ORDER BY added_at_s",
        (reference, list_name),
    )


def entries(
    reader: Reader, watchlist_id: str, after: str | None = None, limit: int = -1
) -> list[Entry]:
    """The entries of a list, by reference: those after one, and at most so many (-1: all)."""
    return reader.find(
        Entry,
        "WHERE watchlist_id = ? AND reference > ? ORDER BY reference LIMIT ?",
        (watchlist_id, after or "", limit),
    )


def count_entries(reader: Reader, watchlist_id: str) -> int:
    """How many entries a list has."""
    return reader.count("SELECT count(*) FROM entry WHERE watchlist_id = ?", (watchlist_id,))


def count_under_18(reader: Reader, watchlist_id: str) -> int:
    """How many entries of a list are of people under 18."""
    return reader.count(
        "SELECT count(*) FROM entry WHERE watchlist_id = ? AND under_18", (watchlist_id,)
    )


def count_unfounded(reader: Reader, watchlist_id: str) -> int:
    """How many entries of a list lack a basis, a source or a reviewer."""
    return reader.count(
        "SELECT count(*) FROM entry WHERE watchlist_id = ?"
        " AND (trim(basis) = '' OR trim(source) = '' OR trim(reviewer) = '')",
        (watchlist_id,),
    )


def entries_of_person(reader: Reader, person_id: str) -> list[Entry]:
    """The entries that one person has on all lists."""
    return reader.find(Entry, "WHERE person_id = ? ORDER BY added_at_s", (person_id,))


def some_entries(reader: Reader, entry_ids: Sequence[str]) -> list[Entry]:
    """Those of some entries that there are."""
    return reader.find(
        Entry, "WHERE id IN (SELECT value FROM json_each(?)) ORDER BY added_at_s",
        (json.dumps(list(entry_ids)),),
    )  # fmt: skip


def persons_of(reader: Reader, entry_ids: Sequence[str]) -> dict[str, str]:
    """Whose entries these are; entries that are gone are missing."""
    rows = reader.rows(
        "SELECT id, person_id FROM entry WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(entry_ids)),),
    )
    return {row.text("id"): row.text("person_id") for row in rows}


def margins(reader: Reader, watchlist_ids: Sequence[str]) -> dict[str, float]:
    """How much more than the threshold each entry of these lists must score, where it must."""
    found: dict[str, float] = {}
    for watchlist_id in watchlist_ids:
        rows = reader.rows(
            "SELECT entry.id AS entry_id, entry.margin + watchlist.margin AS margin FROM entry"
            " JOIN watchlist ON watchlist.id = watchlist_id WHERE watchlist_id = ?"
            " AND entry.margin + watchlist.margin > 0",
            (watchlist_id,),
        )
        found |= {row.text("entry_id"): row.real("margin") for row in rows}
    return found


def cameras_of(reader: Reader, watchlist_ids: Sequence[str]) -> dict[str, frozenset[str]]:
    """The cameras that each of these lists is meant for; no key: all of them."""
    found: dict[str, frozenset[str]] = {}
    for watchlist_id in watchlist_ids:
        cameras = frozenset(
            reader.column(
                "SELECT camera_id FROM watchlist_camera WHERE watchlist_id = ?", (watchlist_id,)
            )
        )
        if cameras:
            found[watchlist_id] = cameras
    return found


def delete_entry(tx: Transaction, entry_id: str) -> bool:
    """Delete an entry with its images and templates, and its person if on no other list; the keys
    of its photos are destroyed, so that it is closed in backups too."""
    entry = tx.first(Entry, "WHERE id = ?", (entry_id,))
    if entry is None:
        return False
    photo_ids = tx.column("SELECT id FROM reference_image WHERE entry_id = ?", (entry_id,))
    listings.end_of_entry(tx, entry_id)
    deleted = tx.execute("DELETE FROM entry WHERE id = ?", (entry_id,))  # unless on hold
    tx.keys.destroy_parts(photo_ids)
    tx.execute(
        "DELETE FROM person WHERE id = ? AND id NOT IN (SELECT person_id FROM entry)",
        (entry.person_id,),
    )
    tx.audit(AuditClass.ERASURE, "entry.delete", (entry.id, entry.person_id, entry.watchlist_id))
    tx.event(EventKind.WATCHLIST_CHANGED, entry.watchlist_id)
    return deleted == 1


LIST_COLUMNS = frozenset({"name", "purpose", "owner", "colour", "margin", "expires_at_s"})
ENTRY_COLUMNS = LIST_COLUMNS - {"name", "purpose", "owner", "colour"} | {
    "basis", "source", "reviewer", "status_checked_at_s", "look_alikes",
}  # fmt: skip


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
    return get(tx, watchlist_id)


def set_cameras(tx: Transaction, watchlist_id: str, camera_ids: Sequence[str]) -> None:
    """Compare with a list on these cameras only; without any, on all. Raises NotFound."""
    get(tx, watchlist_id)
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
    entry = get_entry(tx, entry_id)
    tx.audit(AuditClass.ALTERATION, "entry.change", (entry.id, entry.watchlist_id), _facts(changes))
    tx.event(EventKind.WATCHLIST_CHANGED, entry.watchlist_id)
    return entry


def approve_entry(tx: Transaction, entry_id: str) -> Entry:
    """Note that `tx.principal` approved an entry of a person under 18 (who may, says
    lfrd.governance.two_person). Raises NotFound, Conflict where no approval is needed.
    """
    entry = get_entry(tx, entry_id)
    if not entry.under_18 or entry.approved_at_s is not None:
        raise Conflict(f"entry {entry_id} needs no approval")
    tx.execute(
        "UPDATE entry SET approved_at_s = ?, approved_by = ? WHERE id = ?",
        (tx.at_s, tx.principal, entry_id),
    )
    tx.audit(AuditClass.DECISION, "entry.approve", (entry.id, entry.watchlist_id))
    tx.event(EventKind.WATCHLIST_CHANGED, entry.watchlist_id)
    return get_entry(tx, entry_id)


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

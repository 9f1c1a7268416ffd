"""Which reference was on a list, and when: the answer that survives the erasure of the entry.

A row holds salted commitments under a key of its own in keys.db, and dates. A caller who gives the
same reference is told; the rows by themselves, and the database without keys.db, say of no person
whether they were on a list, nor that two rows are of the same reference.
"""

import hmac
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lfrd.errors import NotFound
from lfrd.store import records
from lfrd.store.audit import SALT_BYTES
from lfrd.store.keys import Scope
from lfrd.store.seal import DataKey
from lfrd.store.transaction import Reader, Transaction

SCOPE = Scope("listings", "all")
MARK_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """From `added_at_s` to `removed_at_s` (None: still). `entry_id` while the entry is there."""

    TABLE: ClassVar[str] = "listing"

    entry_id: str | None
    key_mark: bytes
    salt: bytes
    of_reference: bytes
    of_list: bytes
    added_at_s: float
    removed_at_s: float | None = None


@dataclass(frozen=True, slots=True)
class Name:
    """What a person is asked for by: a reference, on any list or on the one of this name."""

    reference: str
    list_name: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The listings of a name, first one first. `unanswerable` of those that were looked through are
    committed to under a key that is lost."""

    spans: tuple[Listing, ...]
    unanswerable: int


def note(tx: Transaction, entry_id: str, list_name: str, reference: str, added_at_s: float) -> None:
    """A reference came onto a list."""
    own, salt = key_or_new(tx), os.urandom(SALT_BYTES)
    tx.insert(
        Listing(
            entry_id=entry_id,
            key_mark=_mark(own),
            salt=salt,
            of_reference=_commit(own, salt, Name(reference)),
            of_list=_commit(own, salt, Name(reference, list_name)),
            added_at_s=added_at_s,
        )
    )


def end_of_entry(tx: Transaction, entry_id: str) -> None:
    """It goes from its list: from now on nothing says which one it was."""
    tx.execute(
        "UPDATE listing SET removed_at_s = ?, entry_id = NULL WHERE entry_id = ?",
        (tx.at_s, entry_id),
    )


def end_of_list(tx: Transaction, watchlist_id: str) -> None:
    """The same of all entries of a list."""
    tx.execute(
        "UPDATE listing SET removed_at_s = ?, entry_id = NULL WHERE entry_id IN"
        " (SELECT id FROM entry WHERE watchlist_id = ?)",
        (tx.at_s, watchlist_id),
    )


def adopt(tx: Transaction) -> int:
    """At the start: note the entries that an earlier lfrd put on lists; how many they were."""
    rows = list(
        tx.rows(
            "SELECT entry.id AS id, watchlist.name AS name, reference, entry.added_at_s AS at_s"
            " FROM entry JOIN watchlist ON watchlist.id = watchlist_id"
            " LEFT JOIN listing ON listing.entry_id = entry.id WHERE listing.id IS NULL"
        )
    )
    for row in rows:
        note(tx, row.text("id"), row.text("name"), row.text("reference"), row.real("at_s"))
    return len(rows)


def find(
    reader: Reader,
    names: Sequence[Name],
    on_at_s: float | None = None,
    on_until_s: float | None = None,
) -> Found:
    """The listings of any of these names: at a moment, at any time from it to `on_until_s`, or
    ever. All rows of that time are looked at."""
    own = key(reader)
    mark = None if own is None else _mark(own)
    spans, unanswerable = [], 0
    for row in reader.rows(  # one at a time: there may be very many
        f"{records.select(Listing)} WHERE ?1 IS NULL OR (added_at_s <= ?2"
        " AND coalesce(removed_at_s > ?1, true)) ORDER BY added_at_s, id",
        (on_at_s, on_at_s if on_until_s is None else on_until_s),
    ):
        listing = records.build(Listing, row)
        if own is None or listing.key_mark != mark:
            unanswerable += 1
        elif any(_is_of(own, listing, name) for name in names):
            spans.append(listing)
    return Found(tuple(spans), unanswerable)


def drop_before(tx: Transaction, before_s: float) -> int:
    """Forget the listings that ended so long ago."""
    return tx.execute("DELETE FROM listing WHERE removed_at_s < ?", (before_s,))


def has_before(reader: Reader, before_s: float) -> bool:
    """Whether there is any."""
    return reader.count("SELECT count(*) FROM listing WHERE removed_at_s < ?", (before_s,)) > 0


def key(reader: Reader) -> DataKey | None:
    """What the commitments are under; None where there is none, or it was given up."""
    try:
        return reader.keys.open(SCOPE)
    except NotFound:
        return None


def key_or_new(tx: Transaction) -> DataKey:
    """The same, made where there is none."""
    return key(tx) or tx.keys.create(SCOPE)


def _is_of(key: DataKey, row: Listing, name: Name) -> bool:
    kept = row.of_reference if name.list_name is None else row.of_list
    return hmac.compare_digest(_commit(key, row.salt, name), kept)


def _commit(key: DataKey, salt: bytes, name: Name) -> bytes:
    texts = [name.reference] if name.list_name is None else [name.list_name, name.reference]
    return key.commit(salt, *(_plain(text).encode() for text in texts))


def _plain(text: str) -> str:
    """One form for texts that look the same."""
    return unicodedata.normalize("NFC", text).strip()


def _mark(key: DataKey) -> bytes:
    return key.commit(b"mark")[:MARK_BYTES]

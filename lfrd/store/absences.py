"""What the log commits to of each list that is compared with, so that whoever was not on it can be
given a proof (lfrd.audit.absence).

A set holds everybody who was on a list at any time while one deployment compared with it, or at
the moment at which somebody asked. It only grows; each time it does, a leaf of the log has its
root. Its positions name nobody, and nobody can try references on them without keys.db.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from lfrd.audit import absence
from lfrd.audit.verify import LISTED, POSITION_BYTES, mark_of, position_of
from lfrd.errors import NotFound, StateError
from lfrd.store import listings
from lfrd.store.audit import SALT_BYTES, AuditClass, Fact
from lfrd.store.seal import Label
from lfrd.store.transaction import Reader, Transaction

_AFTER_ALL = b"\xff" * (POSITION_BYTES + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsenceSet:
    TABLE: ClassVar[str] = "absence_set"

    id: int
    watchlist_id: str
    deployment_id: str | None
    key_id: int
    salt: bytes
    at_s: float
    leaf: int
    """The one with its newest root."""
    roots: bytes
    """Those of all buckets, as they were at that leaf."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _StoredKey:
    TABLE: ClassVar[str] = "absence_key"

    id: int
    public_key: bytes
    sealed_private_key: bytes


@dataclass(frozen=True, slots=True)
class Key:
    """A pair of keys as DER."""

    id: int
    public: bytes
    private: bytes


@dataclass(frozen=True, slots=True)
class Unmarked:
    """An entry whose reference is to be signed: that takes a millisecond each."""

    id: str
    watchlist_id: str
    reference: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What a proof is made of. `is_listed`: there is none, since the reference is in the set."""

    is_listed: bool
    leaf: int
    public_key: bytes
    signature: bytes
    path: tuple[bytes, ...]
    end: bytes


def key(tx: Transaction) -> Key:
    """The pair in use; made where there is none, or where the one that was is lost."""
    stored = tx.first(_StoredKey, "ORDER BY id DESC")
    opened = None if stored is None else _opened(tx, stored)
    if opened is not None:
        return opened
    private = absence.new_key()
    public = absence.public_of(private)
    sealed = listings.key_or_new(tx).seal(Label("absence-key", public.hex()[-32:]), private)
    tx.execute(
        "INSERT INTO absence_key (public_key, sealed_private_key, at_s) VALUES (?, ?, ?)",
        (public, sealed, tx.at_s),
    )
    found = tx.first(_StoredKey, "ORDER BY id DESC")
    assert found is not None
    return Key(found.id, public, private)


def _opened(reader: Reader, stored: _StoredKey) -> Key | None:
    """None where it was sealed under a key that is lost."""
    data_key = listings.key(reader)
    if data_key is None:
        return None
    label = Label("absence-key", stored.public_key.hex()[-32:])
    try:
        private = data_key.open(label, stored.sealed_private_key)
    except StateError:
        return None
    return Key(stored.id, stored.public_key, private)


def unmarked(reader: Reader, key_id: int, watchlist_id: str, limit: int) -> list[Unmarked]:
    """Entries of a list that are not signed under this key."""
    return reader.query(
        Unmarked,
        "SELECT id, watchlist_id, reference FROM entry WHERE watchlist_id = ?"
        " AND absence_key_id IS NOT ? ORDER BY id LIMIT ?",
        (watchlist_id, key_id, limit),
    )


def marked(private: bytes, entry: Unmarked) -> tuple[str, bytes]:
    """The id of an entry, and its mark."""
    return entry.id, mark_of(absence.sign(private, entry.watchlist_id, entry.reference))


def keep_marks(tx: Transaction, key_id: int, marks: Iterable[tuple[str, bytes]]) -> None:
    """What was signed meanwhile; entries that have gone are left out."""
    for entry_id, mark in marks:
        tx.execute(
            "UPDATE entry SET absence_mark = ?, absence_key_id = ? WHERE id = ?",
            (mark, key_id, entry_id),
        )


def commit(tx: Transaction, watchlist_id: str, deployment_id: str | None = None) -> AbsenceSet:
    """Begin a set with everybody who is on a list now, and commit to it."""
    own = key(tx)
    _mark_all(tx, own, watchlist_id)
    salt = os.urandom(SALT_BYTES)
    empty = absence.packed([absence.bucket_root(())] * absence.BUCKETS)
    tx.execute(
        "INSERT INTO absence_set (watchlist_id, deployment_id, key_id, salt, at_s, roots)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (watchlist_id, deployment_id, own.id, salt, tx.at_s, empty),
    )
    begun = tx.first(AbsenceSet, "ORDER BY id DESC")
    assert begun is not None
    marks = tx.rows("SELECT absence_mark FROM entry WHERE watchlist_id = ?", (watchlist_id,))
    positions = [position_of(row.blob("absence_mark"), salt) for row in marks]
    _commit(tx, begun, own.public, positions)
    return get(tx, begun.id)


def follow(tx: Transaction, deployment_id: str, watchlist_id: str) -> None:
    """Take in who came onto a list that a deployment compares with; nothing where none did, or
    where that deployment commits to nothing."""
    begun = find(tx, deployment_id, watchlist_id)
    if begun is None:
        return
    own = tx.first(_StoredKey, "WHERE id = ?", (begun.key_id,))
    opened = None if own is None else _opened(tx, own)
    if opened is None:
        raise StateError("the key of the proofs of absence is lost: end the deployment")
    new = _mark_all(tx, opened, watchlist_id)
    if not new:
        return
    _commit(tx, begun, opened.public, [position_of(mark, begun.salt) for mark in new])


def _mark_all(tx: Transaction, own: Key, watchlist_id: str) -> list[bytes]:
    """Sign every reference of a list that is not signed yet; their marks."""
    waiting = unmarked(tx, own.id, watchlist_id, -1)
    marks = [marked(own.private, entry) for entry in waiting]
    keep_marks(tx, own.id, marks)
    return [mark for _, mark in marks]


def _commit(tx: Transaction, begun: AbsenceSet, public: bytes, new: Sequence[bytes]) -> None:
    """Log the root of a set with some positions more, and keep them."""
    roots = absence.unpacked(begun.roots)
    touched: dict[int, set[bytes]] = defaultdict(set)
    for position in new:
        touched[absence.bucket_of(position)].add(position)
    for bucket, added in touched.items():
        held = _positions(tx, begun.id, *_bounds(bucket))
        added.difference_update(held)  # who came onto the list again
        roots[bucket] = absence.bucket_root(sorted(added.union(held)))
    fresh = [position for added in touched.values() for position in added]
    entries = len(fresh) + tx.count(
        "SELECT count(*) FROM absence_position WHERE set_id = ?", (begun.id,)
    )
    facts: dict[str, Fact] = {
        "list": begun.watchlist_id, "deployment": begun.deployment_id, "entries": entries,
        "root": absence.root(roots).hex(), "salt": begun.salt.hex(),
        "key": absence.digest_of(public),
    }  # fmt: skip
    subjects = [item for item in (begun.deployment_id, begun.watchlist_id) if item is not None]
    leaf = tx.audit(AuditClass.PERIOD_OF_USE, LISTED, subjects, facts) - 1
    tx.execute(
        "UPDATE absence_set SET leaf = ?, roots = ? WHERE id = ?",
        (leaf, absence.packed(roots), begun.id),
    )
    for position in fresh:
        tx.execute(
            "INSERT INTO absence_position (set_id, position, since_leaf) VALUES (?, ?, ?)",
            (begun.id, position, leaf),
        )


def find(reader: Reader, deployment_id: str, watchlist_id: str) -> AbsenceSet | None:
    """The set of one list in one deployment."""
    return reader.first(
        AbsenceSet, "WHERE deployment_id = ? AND watchlist_id = ?", (deployment_id, watchlist_id)
    )


def sets_of(reader: Reader, deployment_id: str) -> list[AbsenceSet]:
    """The sets of all lists that a deployment compared with."""
    return reader.find(AbsenceSet, "WHERE deployment_id = ? ORDER BY watchlist_id",
                       (deployment_id,))  # fmt: skip


def get(reader: Reader, set_id: int) -> AbsenceSet:
    """A set as it is now. Raises NotFound."""
    found = reader.first(AbsenceSet, "WHERE id = ?", (set_id,))
    if found is None:
        raise NotFound("what the proof is to be of is too long ago")
    return found


def show(reader: Reader, begun: AbsenceSet, leaf: int, reference: str) -> Shown:
    """What a proof about `reference` is made of, with a set as it was at a leaf that committed to
    it. Raises NotFound where the key is lost."""
    own = reader.first(_StoredKey, "WHERE id = ?", (begun.key_id,))
    opened = None if own is None else _opened(reader, own)
    if opened is None:
        raise NotFound("the key that positions of this list follow from was given up: no proof of "
                       "it can be made any more")  # fmt: skip
    signature = absence.sign(opened.private, begun.watchlist_id, reference)
    position = position_of(mark_of(signature), begun.salt)
    roots = _roots_at(reader, begun, leaf)
    held = _positions(reader, begun.id, *_bounds(absence.bucket_of(position)), until=leaf)
    path, end = absence.path_of(position, roots, held)
    return Shown(position in held, leaf, opened.public, signature, tuple(path), end)


def _roots_at(reader: Reader, begun: AbsenceSet, leaf: int) -> list[bytes]:
    """Those that are kept, less what came later."""
    roots = absence.unpacked(begun.roots)
    if leaf < begun.leaf:
        later = reader.rows(
            "SELECT position FROM absence_position WHERE set_id = ? AND since_leaf > ?",
            (begun.id, leaf),
        )
        for bucket in {absence.bucket_of(row.blob("position")) for row in later}:
            held = _positions(reader, begun.id, *_bounds(bucket), until=leaf)
            roots[bucket] = absence.bucket_root(held)
    return roots


def _bounds(bucket: int) -> tuple[bytes, bytes]:
    last = bucket + 1 == absence.BUCKETS
    return bytes([bucket]), _AFTER_ALL if last else bytes([bucket + 1])


def _positions(
    reader: Reader, set_id: int, low: bytes, before: bytes, until: int = 2**62
) -> list[bytes]:
    """The positions of a set within bounds, in order, as they were at a leaf."""
    rows = reader.rows(
        "SELECT position FROM absence_position WHERE set_id = ? AND position >= ?"
        " AND position < ? AND since_leaf <= ? ORDER BY position",
        (set_id, low, before, until),
    )
    return [row.blob("position") for row in rows]


def drop_before(tx: Transaction, before_s: float) -> int:
    """Forget the sets that were begun so long ago."""
    return tx.execute("DELETE FROM absence_set WHERE at_s < ?", (before_s,))


def has_before(reader: Reader, before_s: float) -> bool:
    """Whether there is any."""
    return reader.count("SELECT count(*) FROM absence_set WHERE at_s < ?", (before_s,)) > 0

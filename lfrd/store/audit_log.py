"""The rows of the log: leaves as they are read, the tree over them, checkpoints and public keys.

Leaf n has id n + 1: ids are given without gaps, since what is rolled back gives its ids back.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

from lfrd.audit import tree
from lfrd.audit.verify import PublicKey, key_of
from lfrd.errors import StoreFailed
from lfrd.store.audit import AuditClass, Leaf, canonical_bytes
from lfrd.store.sqlite import Connection, Row, SQLValue, Values
from lfrd.store.transaction import Reader, Transaction

LEAVES_A_NODE = 1 << tree.STEP


class Queries(Protocol):
    """What a Connection and a Reader have in common."""

    def rows(self, sql: str, values: Values = ()) -> Iterator[Row]: ...

    def value(self, sql: str, values: Values = ()) -> SQLValue: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCheckpoint:
    TABLE: ClassVar[str] = "audit_checkpoint"

    size: int
    at_s: float
    root: bytes
    note: str


@dataclass(frozen=True, slots=True)
class ShownLeaf:
    """A leaf as people read it; `subjects` is None where the link was erased."""

    index: int
    leaf: Leaf
    subjects: tuple[str, ...] | None
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class LeafFilter:
    """Which leaves are asked for; None leaves a bound out. `before` is an index."""

    event_class: AuditClass | None = None
    principal: str | None = None
    since_s: float | None = None
    until_s: float | None = None
    before: int | None = None

    def below(self, index: int | None) -> "LeafFilter":
        """The same, and nothing from `index` on."""
        bounds = [bound for bound in (self.before, index) if bound is not None]
        return replace(self, before=min(bounds, default=None))


# the tree ----------------------------------------------------------------------------------------


def size(db: Queries) -> int:
    """How many leaves there are."""
    return _whole(db.value("SELECT coalesce(max(id), 0) FROM audit_leaf"))


def fetch_from(db: Queries) -> tree.Fetch:
    """The kept hashes of a database, for `lfrd.audit.tree`."""

    def fetch(level: int, first: int, count: int) -> list[bytes]:
        if level:
            rows = db.rows(
                "SELECT hash FROM audit_node WHERE level = ? AND position >= ?"
                " ORDER BY position LIMIT ?", (level, first, count),
            )  # fmt: skip
        else:
            rows = db.rows(
                "SELECT leaf_hash AS hash FROM audit_leaf WHERE id > ? ORDER BY id LIMIT ?",
                (first, count),
            )
        found = [row.blob("hash") for row in rows]
        if len(found) != count:
            raise StoreFailed(
                f"the log in lfrd.db lacks a leaf after {first << level}: put it back from a backup"
            )
        return found

    return fetch


def root_at(db: Queries, leaves: int) -> bytes:
    """The root over the first `leaves` leaves."""
    return tree.root(fetch_from(db), leaves)


def grow(db: Connection) -> None:
    """Write the nodes that the newest leaves complete; in the transaction of these."""
    leaves, level, fetch = size(db), tree.STEP, fetch_from(db)
    while whole := leaves >> level:
        kept = _whole(db.value(
            "SELECT coalesce(max(position) + 1, 0) FROM audit_node WHERE level = ?", (level,)
        ))  # fmt: skip
        for position in range(kept, whole):
            below = fetch(level - tree.STEP, position * LEAVES_A_NODE, LEAVES_A_NODE)
            db.execute(
                "INSERT INTO audit_node (level, position, hash) VALUES (?, ?, ?)",
                (level, position, tree.subtree_root(below)),
            )
        level += tree.STEP


# leaves ------------------------------------------------------------------------------------------

_LEAF = (
    "SELECT id, at_s, class, principal, action, commitment, payload, subjects, leaf_hash"
    " FROM audit_leaf"
)


def page(reader: Reader, wanted: LeafFilter, limit: int) -> list[ShownLeaf]:
    """Leaves, newest first."""
    given: list[tuple[str, SQLValue]] = [
        ("class = ?", wanted.event_class),
        ("principal = ?", wanted.principal),
        ("at_s >= ?", wanted.since_s),
        ("at_s < ?", wanted.until_s),
        ("id <= ?", wanted.before),
    ]
    given = [(condition, value) for condition, value in given if value is not None]
    where = " AND ".join(condition for condition, _ in given) or "true"
    rows = reader.rows(
        f"{_LEAF} WHERE {where} ORDER BY id DESC LIMIT ?", (*(value for _, value in given), limit)
    )
    return [_shown(row) for row in rows]


def leaf(reader: Reader, index: int) -> ShownLeaf | None:
    """One leaf by its index."""
    found = [_shown(row) for row in reader.rows(f"{_LEAF} WHERE id = ?", (index + 1,))]
    return found[0] if found else None


def run(reader: Reader, first: int, end: int) -> list[tuple[bytes, bytes]]:
    """The canonical bytes and the kept hash of the leaves from `first` to before `end`."""
    rows = reader.rows(f"{_LEAF} WHERE id > ? AND id <= ? ORDER BY id", (first, end))
    return [(canonical_bytes(_leaf(row)), row.blob("leaf_hash")) for row in rows]


def first_undecided(reader: Reader, principal: str) -> int | None:
    """The first leaf about a candidate that is open and that `principal` has not decided for good:
    from there on the log may say how others decided, or that it is a decoy."""
    found = reader.value(
        "SELECT min(leaf_id) FROM audit_link WHERE subject_id IN (SELECT id FROM episode"
        " WHERE state = 'open' AND id NOT IN (SELECT episode_id FROM review"
        " WHERE principal = ? AND final_at_s IS NOT NULL))",
        (principal,),
    )
    return None if found is None else _whole(found) - 1


def _shown(row: Row) -> ShownLeaf:
    subjects = row["subjects"]
    return ShownLeaf(
        row.whole("id") - 1,
        _leaf(row),
        None if subjects is None else tuple(json.loads(row.text("subjects"))),
        row.blob("leaf_hash"),
    )


def _leaf(row: Row) -> Leaf:
    return Leaf(
        at_s=row.real("at_s"),
        event_class=AuditClass(row.text("class")),
        principal=row.text("principal"),
        action=row.text("action"),
        commitment=row.blob("commitment"),
        payload=row.text("payload"),
    )


# checkpoints -------------------------------------------------------------------------------------


def newest_checkpoint(db: Queries, at_most: int | None = None) -> StoredCheckpoint | None:
    """The largest checkpoint, of at most so many leaves."""
    rows = db.rows(
        "SELECT size, at_s, root, note FROM audit_checkpoint WHERE size <= ?"
        " ORDER BY size DESC LIMIT 1",
        (2**62 if at_most is None else at_most,),
    )
    return next((_checkpoint(row) for row in rows), None)


def checkpoints(db: Queries, at_most: int | None = None) -> list[StoredCheckpoint]:
    """All of them up to a size, smallest first."""
    rows = db.rows(
        "SELECT size, at_s, root, note FROM audit_checkpoint WHERE size <= ? ORDER BY size",
        (2**62 if at_most is None else at_most,),
    )
    return [_checkpoint(row) for row in rows]


def add_checkpoint(db: Connection, new: StoredCheckpoint) -> None:
    db.execute(
        "INSERT INTO audit_checkpoint (size, at_s, root, note) VALUES (?, ?, ?, ?)",
        (new.size, new.at_s, new.root, new.note),
    )


def cosign(tx: Transaction, leaves: int, note: str) -> None:
    """The checkpoint of this size with further signatures."""
    changed = tx.execute("UPDATE audit_checkpoint SET note = ? WHERE size = ?", (note, leaves))
    assert changed == 1


def _checkpoint(row: Row) -> StoredCheckpoint:
    return StoredCheckpoint(
        size=row.whole("size"),
        at_s=row.real("at_s"),
        root=row.blob("root"),
        note=row.text("note"),
    )


# keys --------------------------------------------------------------------------------------------


def keys(db: Queries) -> list[PublicKey]:
    """Every public key that signed this log, oldest first."""
    return [key_of(row.text("public_key")) for row in db.rows(
        "SELECT public_key FROM audit_key ORDER BY id"
    )]  # fmt: skip


def add_key(db: Connection | Transaction, key: PublicKey, at_s: float, principal: str) -> None:
    db.execute(
        "INSERT INTO audit_key (public_key, at_s, principal) VALUES (?, ?, ?)",
        (key.text, at_s, principal),
    )


def origin(db: Queries) -> str:
    """The log's name: in its checkpoints, and of its keys."""
    found = db.value("SELECT value FROM meta WHERE name = 'installation_id'")
    assert isinstance(found, str)
    return f"lfrd/{found}"


def _whole(value: SQLValue) -> int:
    assert isinstance(value, int)
    return value

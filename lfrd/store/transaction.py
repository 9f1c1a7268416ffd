"""What a function of the store gets to work with: a Reader, or a Transaction to write with."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence

from lfrd.errors import NotFound
from lfrd.events import Event, EventKind
from lfrd.request import RequestMark
from lfrd.store import records
from lfrd.store.audit import SALT_BYTES, AuditClass, Fact, Leaf, canonical_json, commit, leaf_hash
from lfrd.store.keys import KeyStore
from lfrd.store.records import R, Record, T
from lfrd.store.sqlite import Connection, Row, SQLValue, Values


class Reader:
    """One consistent view of the database; valid inside the function it was passed to."""

    def __init__(self, connection: Connection, keys: KeyStore) -> None:
        self._connection = connection
        self.keys = keys

    def rows(self, sql: str, values: Values = ()) -> Iterator[Row]:
        """The rows of a query that no record fits, by the names of its columns."""
        return self._connection.rows(sql, values)

    def query(self, kind: type[T], sql: str, values: Values = ()) -> list[T]:
        """The rows of a query whose columns are called as the fields of the dataclass `kind`."""
        return [records.build(kind, row) for row in self._connection.rows(sql, values)]

    def column(self, sql: str, values: Values = ()) -> list[str]:
        """The texts that a query of one column gives."""
        return self._connection.column(sql, values)

    def value(self, sql: str, values: Values = ()) -> SQLValue:
        """The value that a query of one column gives first, None where there is no row."""
        return self._connection.value(sql, values)

    def count(self, sql: str, values: Values = ()) -> int:
        """The number that a counting query gives."""
        number = self._connection.value(sql, values)
        assert isinstance(number, int)
        return number

    def find(self, record: type[R], tail: str = "", values: Values = ()) -> list[R]:
        """Records of a table; `tail` is what follows `SELECT … FROM table`."""
        return self.query(record, f"{records.select(record)} {tail}", values)

    def first(self, record: type[R], tail: str = "", values: Values = ()) -> R | None:
        """The first such record, if any."""
        found = self.find(record, f"{tail} LIMIT 1", values)
        return found[0] if found else None

    def page(
        self,
        record: type[R],
        by: Sequence[str],
        after: Sequence[SQLValue] | None,
        limit: int,
        *,
        newest: bool = True,
        where: str = "true",
        values: Sequence[SQLValue] = (),
    ) -> list[R]:
        """At most `limit` records in the order of some columns that name each one, the last one
        first where `newest`; `after`: what those columns held in the last one of the page before.
        """
        columns, marks = ", ".join(by), ", ".join("?" * len(by))
        order = ", ".join(f"{name} DESC" if newest else name for name in by)
        more = "" if after is None else f" AND ({columns}) {'<' if newest else '>'} ({marks})"
        tail = f"WHERE {where}{more} ORDER BY {order} LIMIT ?"
        return self.find(record, tail, (*values, *(after or ()), limit))

    def of_each(
        self, record: type[R], column: str, ids: Sequence[str], order: str = "rowid"
    ) -> dict[str, list[R]]:
        """Records by the value that they have in a column, of some values; in an order."""
        found: dict[str, list[R]] = {}
        tail = f"WHERE {column} IN (SELECT value FROM json_each(?)) ORDER BY {order}"  # noqa: S608  # names from our own code
        for item in self.find(record, tail, (json.dumps(list(ids)),)):
            found.setdefault(getattr(item, column), []).append(item)
        return found

    def get(self, record: type[R], row_id: str) -> R:
        """The record with this id. Raises NotFound."""
        found = self.first(record, "WHERE id = ?", (row_id,))
        if found is None:
            raise NotFound(f"there is no {record.TABLE.replace('_', ' ')} {row_id}")
        return found


class Transaction(Reader):
    """An action in the making: all of it is committed, or nothing.

    `principal` is on whose behalf it is written, `at_s` the wall time of the action.
    """

    def __init__(
        self,
        connection: Connection,
        keys: KeyStore,
        principal: str,
        at_s: float,
        mark: RequestMark | None = None,
    ) -> None:
        super().__init__(connection, keys)
        self.mark = mark
        """The request that it is the work of; None: the daemon's own."""
        self.principal = principal
        self.at_s = at_s
        self.events: list[Event] = []
        self.leaf_hashes: list[bytes] = []
        """Of what this action has logged so far, in order."""

    def execute(self, sql: str, values: Values = ()) -> int:
        """Run a writing statement; return how many rows it changed: check it."""
        return self._connection.execute(sql, values)

    def insert(self, record: Record) -> None:
        """Write a record as a new row. Raises Conflict where a unique value is taken."""
        changed = self._connection.execute(records.insert(type(record)), records.values(record))
        assert changed == 1

    def event(self, kind: EventKind, subject_id: str) -> None:
        """Tell the subscribers, once this is committed, that something happened.

        Within one action the same thing is told once, however often it is said.
        """
        if any(event.kind == kind and event.subject_id == subject_id for event in self.events):
            return
        request_id = None if self.mark is None else self.mark.id
        self._connection.execute(
            "INSERT INTO event (kind, subject_id, at_s, request_id) VALUES (?, ?, ?, ?)",
            (kind, subject_id, self.at_s, request_id),
        )
        event_id = self._connection.last_id()
        self.events.append(Event(event_id, kind, subject_id, self.at_s, request_id))

    def audit(
        self,
        event_class: AuditClass,
        action: str,
        subjects: Sequence[str] = (),
        facts: Mapping[str, Fact] | None = None,
    ) -> int:
        """Append to the log what this transaction does; return the leaf's number.

        `subjects` are the ids it is about, `facts` further details without names or biometrics.
        """
        salt = os.urandom(SALT_BYTES)
        leaf = Leaf(
            at_s=self.at_s,
            event_class=event_class,
            principal=self.principal,
            action=action,
            commitment=commit(subjects, salt),
            payload=canonical_json(facts or {}),
        )
        hashed = leaf_hash(leaf)
        self.leaf_hashes.append(hashed)
        self._connection.execute(
            "INSERT INTO audit_leaf (at_s, class, principal, action, subjects, salt, commitment,"
            " payload, leaf_hash) VALUES (:at_s, :class, :principal, :action, :subjects, :salt,"
            " :commitment, :payload, :leaf_hash)",
            {
                "at_s": leaf.at_s,
                "class": leaf.event_class,
                "principal": leaf.principal,
                "action": leaf.action,
                "subjects": json.dumps(list(subjects)),
                "salt": salt,
                "commitment": leaf.commitment,
                "payload": leaf.payload,
                "leaf_hash": hashed,
            },
        )
        return self._connection.last_id()

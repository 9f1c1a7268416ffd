"""Messages that wait for other systems, were delivered, or were given up.

A row is one message for one endpoint. Those of one subject (an alert, a camera) leave in the order
of their ids; `behind` says that an earlier one waits, so that what is due is read from an index,
however many wait.
"""

import enum
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from lfrd.errors import Conflict, NotFound
from lfrd.store.audit import AuditClass
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import OutwardKind

WAITING_MAX = 100_000
"""Of one endpoint. When more wait the oldest is dropped, and counted."""
DONE_MAX = 10_000
DELIVERED_KEPT_S = 24 * 3600.0
DEAD_KEPT_S = 30 * 24 * 3600.0
AT_ONCE = 1_000
"""Rows that one action changes, so that the writer is soon free for others."""
LATER_MAX_S = 2 * 3600.0
"""No next attempt is further away; one that is was planned before the clock was set back."""

Fact = str | int | float | bool | None
"""What a message may state."""


class MessageState(enum.StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """`message_id` is the same for all endpoints; `at_s` is when it was said, `since_s` since when
    it waits; `reason` is why the last attempt failed."""

    TABLE: ClassVar[str] = "outbox"

    id: int
    message_id: str
    endpoint: str
    kind: OutwardKind
    subject: str
    facts: str
    at_s: float
    since_s: float
    state: MessageState
    behind: bool
    attempts: int
    next_at_s: float
    done_at_s: float | None = None
    reason: str | None = None

    @property
    def stated(self) -> dict[str, Fact]:
        """The facts as a mapping."""
        found: dict[str, Fact] = json.loads(self.facts)
        return found


@dataclass(frozen=True, slots=True)
class NewMessage:
    """What is told, whoever is told. `subject` is what its order is kept for."""

    message_id: str
    kind: OutwardKind
    subject: str
    facts: Mapping[str, Fact]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many messages of an endpoint are in which state; `dropped` ever, last at
    `dropped_at_s`."""

    TABLE: ClassVar[str] = "outbox_tally"

    endpoint: str
    waiting: int = 0
    delivered: int = 0
    dead: int = 0
    dropped: int = 0
    dropped_at_s: float | None = None


def put(tx: Transaction, endpoint: str, new: NewMessage) -> int:
    """Add a message for an endpoint; return its id. Where too many wait the oldest is dropped."""
    behind = _head(tx, endpoint, new.subject) is not None
    tx.execute(
        "INSERT INTO outbox (message_id, endpoint, kind, subject, facts, at_s, since_s, state,"
        " behind, attempts, next_at_s) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, 'waiting', ?7, 0, ?6)",
        (new.message_id, endpoint, new.kind, new.subject, json.dumps(dict(new.facts)), tx.at_s,
         behind),
    )  # fmt: skip
    row_id = tx.value("SELECT last_insert_rowid()")
    assert isinstance(row_id, int)
    _count(tx, endpoint, waiting=1)
    if tally(tx, endpoint).waiting > WAITING_MAX:
        _drop_oldest(tx, endpoint)
    return row_id


def due(reader: Reader, endpoint: str, now_s: float, limit: int) -> list[Message]:
    """What may leave now, the longest due first: never two of one subject."""
    return reader.find(
        Message,
        "WHERE endpoint = ?1 AND state = 'waiting' AND behind = 0"
        " AND (next_at_s <= ?2 OR next_at_s > ?2 + ?3) ORDER BY next_at_s, id LIMIT ?4",
        (endpoint, now_s, LATER_MAX_S, limit),
    )


def next_due_at_s(reader: Reader, endpoint: str) -> float | None:
    """When the next one may leave; None where none waits."""
    found = reader.value(
        "SELECT min(next_at_s) FROM outbox WHERE endpoint = ? AND state = 'waiting' AND behind = 0",
        (endpoint,),
    )
    assert found is None or isinstance(found, float)
    return found


def delivered(tx: Transaction, row_id: int) -> None:
    """The receiver has it. A row that was dropped meanwhile stays gone."""
    _done(tx, row_id, MessageState.DELIVERED, None)


def dead(tx: Transaction, row_id: int, reason: str) -> None:
    """It is given up, for this reason."""
    _done(tx, row_id, MessageState.DEAD, reason)


def failed(tx: Transaction, row_id: int, reason: str, next_at_s: float) -> None:
    """An attempt failed; there will be another one."""
    tx.execute(
        "UPDATE outbox SET attempts = attempts + 1, reason = ?, next_at_s = ?"
        " WHERE id = ? AND state = 'waiting'",
        (reason, next_at_s, row_id),
    )


def give_up_before(tx: Transaction, endpoint: str, before_s: float, reason: str) -> int:
    """Give up what has waited since before a moment, of the AT_ONCE oldest; return how many."""
    rows = tx.rows(
        "SELECT id FROM (SELECT id, since_s FROM outbox WHERE endpoint = ? AND state = 'waiting'"
        " ORDER BY id LIMIT ?) WHERE since_s < ?",
        (endpoint, AT_ONCE, before_s),
    )
    old = [row.whole("id") for row in rows]
    for row_id in old:
        dead(tx, row_id, reason)
    return len(old)


def again(tx: Transaction, row_id: int) -> Message:
    """Deliver once more what was delivered or given up. Raises NotFound, or Conflict where it waits
    anyway."""
    message = get(tx, row_id)
    if message.state is MessageState.WAITING:
        raise Conflict(f"message {row_id} waits already")
    behind = _head(tx, message.endpoint, message.subject) is not None
    tx.execute(
        "UPDATE outbox SET state = 'waiting', behind = ?1, attempts = 0, next_at_s = ?2,"
        " since_s = ?2, done_at_s = NULL WHERE id = ?3",
        (behind, tx.at_s, row_id),
    )
    _count(tx, message.endpoint, waiting=1, **{message.state.value: -1})
    tx.audit(
        AuditClass.DISCLOSURE, "outbox.redeliver", (message.subject,),
        {"endpoint": message.endpoint, "kind": message.kind.value},
    )  # fmt: skip
    return get(tx, row_id)


def get(reader: Reader, row_id: int) -> Message:
    """Raises NotFound."""
    found = reader.first(Message, "WHERE id = ?", (row_id,))
    if found is None:
        raise NotFound(f"there is no message {row_id}")
    return found


def page(
    reader: Reader,
    endpoint: str | None,
    state: MessageState | None,
    before_id: int | None,
    limit: int,
) -> list[Message]:
    """Messages, newest first."""
    return reader.find(
        Message,
        "WHERE (?1 IS NULL OR endpoint = ?1) AND (?2 IS NULL OR state = ?2)"
        " AND (?3 IS NULL OR id < ?3) ORDER BY id DESC LIMIT ?4",
        (endpoint, state, before_id, limit),
    )


def tally(reader: Reader, endpoint: str) -> Tally:
    """The counts of one endpoint."""
    found = reader.first(Tally, "WHERE endpoint = ?", (endpoint,))
    return found or Tally(endpoint=endpoint)


def oldest_waiting_at_s(reader: Reader, endpoint: str) -> float | None:
    """Since when the oldest message of an endpoint waits; None where none does."""
    found = reader.value(
        "SELECT at_s FROM outbox WHERE endpoint = ? AND state = 'waiting' ORDER BY id LIMIT 1",
        (endpoint,),
    )
    assert found is None or isinstance(found, float)
    return found


def told(reader: Reader, subject: str) -> str | None:
    """What was last said about a subject."""
    found = reader.value("SELECT said FROM outbox_told WHERE subject = ?", (subject,))
    assert found is None or isinstance(found, str)
    return found


def tell(tx: Transaction, subject: str, said: str) -> None:
    """Keep what was said about a subject."""
    tx.execute(
        "INSERT INTO outbox_told (subject, said, at_s) VALUES (?1, ?2, ?3)"
        " ON CONFLICT (subject) DO UPDATE SET said = ?2, at_s = ?3",
        (subject, said, tx.at_s),
    )


def forget(tx: Transaction, subject: str) -> None:
    """Nothing more is going to be said about it."""
    tx.execute("DELETE FROM outbox_told WHERE subject = ?", (subject,))


def prune(tx: Transaction, endpoint: str) -> int:
    """Delete what is done and old, or is beyond DONE_MAX; AT_ONCE rows at most of each state."""
    gone = 0
    for state, kept_s in (
        (MessageState.DELIVERED, DELIVERED_KEPT_S),
        (MessageState.DEAD, DEAD_KEPT_S),
    ):
        many = max(0, getattr(tally(tx, endpoint), state.value) - DONE_MAX)
        count = tx.execute(
            "DELETE FROM outbox WHERE id IN (SELECT id FROM (SELECT id, done_at_s,"
            " row_number() OVER (ORDER BY id) AS place FROM (SELECT id, done_at_s FROM outbox"
            " WHERE endpoint = ?1 AND state = ?2 ORDER BY id LIMIT ?3))"
            " WHERE place <= ?4 OR done_at_s < ?5)",
            (endpoint, state, AT_ONCE, many, tx.at_s - kept_s),
        )
        _count(tx, endpoint, **{state.value: -count})
        gone += count
    return gone


def retire(tx: Transaction, endpoints: Sequence[str]) -> int:
    """Give up what waits for endpoints that there are no longer; return how many, AT_ONCE at
    most."""
    rows = tx.rows(
        "SELECT id FROM outbox WHERE state = 'waiting' AND endpoint IN (SELECT endpoint FROM"
        " outbox_tally WHERE waiting > 0 AND endpoint NOT IN (SELECT value FROM json_each(?)))"
        " LIMIT ?",
        (json.dumps(list(endpoints)), AT_ONCE),
    )
    old = [row.whole("id") for row in rows]
    for row_id in old:
        dead(tx, row_id, "its endpoint is no longer configured")
    return len(old)


def _head(reader: Reader, endpoint: str, subject: str) -> int | None:
    """The first message of a subject that waits."""
    found = reader.value(
        "SELECT min(id) FROM outbox WHERE endpoint = ? AND subject = ? AND state = 'waiting'",
        (endpoint, subject),
    )
    assert found is None or isinstance(found, int)
    return found


def _done(tx: Transaction, row_id: int, state: MessageState, reason: str | None) -> None:
    changed = tx.query(
        _Place,
        "UPDATE outbox SET state = ?, behind = 0, attempts = attempts + 1, done_at_s = ?,"
        " reason = ? WHERE id = ? AND state = 'waiting' RETURNING endpoint, subject",
        (state, tx.at_s, reason, row_id),
    )
    for place in changed:
        _count(tx, place.endpoint, waiting=-1, **{state.value: 1})
        _unblock(tx, place)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    endpoint: str
    subject: str


def _unblock(tx: Transaction, place: _Place) -> None:
    """The next one of the subject may leave."""
    head = _head(tx, place.endpoint, place.subject)
    if head is not None:
        tx.execute("UPDATE outbox SET behind = 0 WHERE id = ?", (head,))


def _drop_oldest(tx: Transaction, endpoint: str) -> None:
    gone = tx.query(
        _Place,
        "DELETE FROM outbox WHERE id = (SELECT id FROM outbox WHERE endpoint = ?"
        " AND state = 'waiting' ORDER BY id LIMIT 1) RETURNING endpoint, subject",
        (endpoint,),
    )
    for place in gone:
        _unblock(tx, place)
    _count(tx, endpoint, waiting=-len(gone), dropped=len(gone))
    tx.execute("UPDATE outbox_tally SET dropped_at_s = ? WHERE endpoint = ?", (tx.at_s, endpoint))


def _count(
    tx: Transaction,
    endpoint: str,
    *,
    waiting: int = 0,
    delivered: int = 0,
    dead: int = 0,
    dropped: int = 0,
) -> None:
    tx.execute(
        "INSERT OR IGNORE INTO outbox_tally (endpoint, waiting, delivered, dead, dropped)"
        " VALUES (?, 0, 0, 0, 0)",
        (endpoint,),
    )
    tx.execute(
        "UPDATE outbox_tally SET waiting = waiting + ?, delivered = delivered + ?,"
        " dead = dead + ?, dropped = dropped + ? WHERE endpoint = ?",
        (waiting, delivered, dead, dropped, endpoint),
    )

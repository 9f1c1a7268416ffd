"""Writes that are done once, whatever comes of their answers (the header Idempotency-Key).

The key is written in the transaction of what it is the key of: a daemon that was killed has done
both or neither.
"""

from dataclasses import dataclass
from typing import ClassVar

from lfrd.errors import BadInput, DoneBefore
from lfrd.store.sqlite import Connection
from lfrd.store.transaction import Transaction

KEPT_S = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claimed:
    TABLE: ClassVar[str] = "request_key"

    principal: str
    key: str
    fingerprint: bytes
    attempt: str
    at_s: float


def claim(tx: Transaction) -> None:
    """Note that the request which this action is of does its work now.

    Raises DoneBefore where another request with the same key did, BadInput where that one asked for
    something else.
    """
    mark = tx.mark
    if mark is None or mark.key is None:
        return
    asked = mark.key
    found = tx.first(_Claimed, "WHERE principal = ? AND key = ?", (asked.principal, asked.key))
    if found is not None and tx.at_s - found.at_s > KEPT_S:
        tx.execute(
            "DELETE FROM request_key WHERE principal = ? AND key = ?", (asked.principal, asked.key)
        )
        found = None
    if found is None:
        tx.insert(
            _Claimed(
                principal=asked.principal,
                key=asked.key,
                fingerprint=asked.fingerprint,
                attempt=asked.attempt,
                at_s=tx.at_s,
            )
        )
    elif found.fingerprint != asked.fingerprint:
        raise BadInput("Idempotency-Key: this key was given to another request: take a new one")
    elif found.attempt != asked.attempt:
        raise DoneBefore(
            "this was done before, by a request with the same Idempotency-Key whose answer is not "
            "kept: look what came of it"
        )


def prune(connection: Connection, at_s: float) -> int:
    """Delete the keys that are over a day old."""
    return connection.execute("DELETE FROM request_key WHERE at_s < ?", (at_s - KEPT_S,))

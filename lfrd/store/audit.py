"""The pure part of the audit log: what a leaf is, its canonical bytes, and its hash.

A leaf holds no biometrics and no names. What it is about (`subjects`) enters only as a salted
commitment: erase ids and salt, and the link is gone while the hash still verifies.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lfrd.vocabulary import AuditClass as AuditClass

SALT_BYTES = 16
MICROSECONDS = 1_000_000

_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
"""One text for equal values: keys sorted, no spaces, UTF-8 as it is."""

Fact = str | int | bool | None | list[str]
"""What a leaf may state. No floats: their text differs between languages; write "0.45"."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One entry of the log. `payload` is canonical JSON; `commitment` stands for the subjects."""

    at_s: float
    event_class: AuditClass
    principal: str
    action: str
    commitment: bytes
    payload: str


def number(value: float | None) -> str | None:
    """A number as a fact: the shortest text that is read as the very same number again."""
    return None if value is None else repr(float(value))


def canonical_json(facts: Mapping[str, Fact]) -> str:
    """One text for equal facts: keys sorted, no spaces, UTF-8 as it is (RFC 8785 without floats).

    Raises TypeError for a float or anything else that has no one text.
    """
    for key, fact in facts.items():
        _check(key, fact)
    return _canonical(facts)


def _check(key: str, fact: object) -> None:
    items = fact if isinstance(fact, list) else [fact]
    plain = (str,) if isinstance(fact, list) else (str, int, type(None))
    if not all(isinstance(item, plain) for item in items):
        raise TypeError(f"an audit fact must be text, a whole number, a yes or no: {key}")


def commit(subjects: Sequence[str], salt: bytes) -> bytes:
    """SHA-256(salt ‖ JSON list of the ids): says nothing about them without the salt."""
    assert len(salt) == SALT_BYTES
    return hashlib.sha256(salt + _canonical(list(subjects)).encode()).digest()


def canonical_bytes(leaf: Leaf) -> bytes:
    """What is hashed: canonical JSON of the leaf, the time in whole microseconds."""
    return _canonical(
        {
            "action": leaf.action,
            "at_us": round(leaf.at_s * MICROSECONDS),
            "class": leaf.event_class.value,
            "commitment": leaf.commitment.hex(),
            "payload": json.loads(leaf.payload),
            "principal": leaf.principal,
            "version": 1,
        }
    ).encode()


def leaf_hash(leaf: Leaf) -> bytes:
    """SHA-256(0x00 ‖ canonical bytes), the leaf hash of RFC 6962, section 2.1."""
    return hashlib.sha256(b"\x00" + canonical_bytes(leaf)).digest()

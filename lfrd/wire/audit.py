"""The wire contract of the log: its leaves, proofs and keys."""

from typing import Annotated

from pydantic import Field

from lfrd.vocabulary import AuditClass
from lfrd.wire.base import Line, Wire

Index = Annotated[int, Field(ge=0)]


class AuditLeaf(Wire):
    """One entry of the log. `subjects` are the ids it is about, null where that link was erased;
    `commitment` and `leaf_hash` are hexadecimal."""

    index: Index
    at_s: float
    event_class: AuditClass
    principal: str
    action: str
    facts: dict[str, str | int | bool | tuple[str, ...] | None]
    subjects: tuple[str, ...] | None
    commitment: str
    leaf_hash: str


class AuditPage(Wire):
    """Leaves, newest first. What comes from `held_back_from` on is not shown to the caller before
    they have decided the open candidates."""

    leaves: tuple[AuditLeaf, ...]
    held_back_from: Index | None


class AuditProof(Wire):
    """That a leaf is in the log: `leaf` as it was hashed, `path` as in RFC 6962 (base64, from the
    leaf's neighbour up), `checkpoint` the signed note that it leads to."""

    index: Index
    size: Annotated[int, Field(ge=1)]
    leaf: str
    path: tuple[str, ...]
    checkpoint: str


class AuditKeys(Wire):
    """The log's name, and the public keys that sign it (c2sp.org/signed-note), oldest first."""

    origin: str
    keys: tuple[str, ...]


class AuditExportStart(Wire):
    """Why the log is taken out."""

    reason: Line

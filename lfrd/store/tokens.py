"""Personal tokens and roles: who an operator is where a login is shared, and what they may do.

A token's secret is never stored, only its SHA-256 digest (it is random, so no salt is needed).
"""

from dataclasses import dataclass
from typing import ClassVar

from lfrd.errors import Conflict
from lfrd.ids import new_id
from lfrd.store.audit import AuditClass
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """`holder` is the principal whose token it is, `principal` who made it."""

    TABLE: ClassVar[str] = "token"

    id: str
    holder: str
    created_at_s: float
    revoked_at_s: float | None
    revoked_by: str | None
    principal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _DigestedToken(Token):
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Granted:
    TABLE: ClassVar[str] = "role"

    subject: str
    role: Role
    granted_at_s: float
    principal: str


def add(tx: Transaction, holder: str, role: Role, digest: bytes) -> Token:
    """Keep a new token of `holder`, whose role is from now on `role`."""
    token = _DigestedToken(
        id=new_id(),
        holder=holder,
        created_at_s=tx.at_s,
        revoked_at_s=None,
        revoked_by=None,
        principal=tx.principal,
        digest=digest,
    )
    tx.insert(token)
    tx.audit(AuditClass.ALTERATION, "token.create", (token.id, holder), {"role": role.value})
    tx.execute("DELETE FROM role WHERE subject = ?", (holder,))
    tx.insert(_Granted(subject=holder, role=role, granted_at_s=tx.at_s, principal=tx.principal))
    return tx.get(Token, token.id)


def revoke(tx: Transaction, token_id: str) -> Token:
    """The token is of no use any more. Raises NotFound, or Conflict where it is revoked."""
    token = tx.get(Token, token_id)
    changed = tx.execute(
        "UPDATE token SET revoked_at_s = ?, revoked_by = ? WHERE id = ? AND revoked_at_s IS NULL",
        (tx.at_s, tx.principal, token_id),
    )
    if not changed:
        raise Conflict(f"token {token_id} is revoked already")
    tx.audit(AuditClass.ALTERATION, "token.revoke", (token_id, token.holder))
    return tx.get(Token, token_id)


def list_all(reader: Reader) -> list[Token]:
    """All tokens, newest first, revoked ones included."""
    return reader.find(Token, "ORDER BY id DESC")


def valid(reader: Reader) -> list[tuple[bytes, str]]:
    """Digest and holder of each token that is valid."""
    found = reader.find(_DigestedToken, "WHERE revoked_at_s IS NULL")
    return [(token.digest, token.holder) for token in found]


def roles(reader: Reader) -> dict[str, Role]:
    """Who may do more, or was explicitly made an operator."""
    return {granted.subject: granted.role for granted in reader.find(_Granted)}

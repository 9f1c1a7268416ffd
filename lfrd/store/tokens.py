"""Personal tokens and roles: who an operator is where a login is shared, and what they may do.

A token's secret is never stored, only its SHA-256 digest (it is random, so no salt is needed).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lfrd.errors import BadInput, Conflict
from lfrd.ids import new_id
from lfrd.store.audit import AuditClass
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """`holder` is the principal whose token it is, `principal` who made it. From `expires_at_s` on
    it is refused (None: never); `last_used_at_s` is right to a minute."""

    TABLE: ClassVar[str] = "token"

    id: str
    holder: str
    created_at_s: float
    revoked_at_s: float | None
    revoked_by: str | None
    principal: str
    expires_at_s: float | None = None
    last_used_at_s: float | None = None


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


def add(
    tx: Transaction, holder: str, role: Role, digest: bytes, expires_at_s: float | None = None
) -> Token:
    """Keep a new token of `holder`, whose role is from now on `role`. Raises BadInput for one that
    would have expired already."""
    if expires_at_s is not None and expires_at_s <= tx.at_s:
        raise BadInput("expires_at_s: this moment is over")
    token = _DigestedToken(
        id=new_id(),
        holder=holder,
        created_at_s=tx.at_s,
        revoked_at_s=None,
        revoked_by=None,
        principal=tx.principal,
        digest=digest,
        expires_at_s=expires_at_s,
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


def page(reader: Reader, after: str | None, limit: int) -> list[Token]:
    """Tokens, newest first, revoked ones included; `after`: the id of the last one of the page
    before."""
    return reader.page(Token, ("id",), None if after is None else (after,), limit)


@dataclass(frozen=True, slots=True)
class Valid:
    """A token that is not revoked, as requests are compared with it."""

    id: str
    digest: bytes
    holder: str
    expires_at_s: float | None


def valid(reader: Reader) -> list[Valid]:
    """Every token that is not revoked, those that have expired included."""
    found = reader.find(_DigestedToken, "WHERE revoked_at_s IS NULL")
    return [Valid(item.id, item.digest, item.holder, item.expires_at_s) for item in found]


def used(tx: Transaction, last_used: Mapping[str, float]) -> None:
    """Note when tokens were last used, by their ids."""
    for token_id, at_s in last_used.items():
        tx.execute(
            "UPDATE token SET last_used_at_s = max(coalesce(last_used_at_s, 0), ?) WHERE id = ?",
            (at_s, token_id),
        )


def roles(reader: Reader) -> dict[str, Role]:
    """Who may do more, or was explicitly made an operator."""
    return {granted.subject: granted.role for granted in reader.find(_Granted)}

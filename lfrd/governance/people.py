"""Who may do what: personal tokens, checked without a look at the disk, and roles.

The daemon's own system user and root are admins: they could read its memory anyway, and one person
has to hand out the first token.
"""

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass

from lfrd.errors import Denied
from lfrd.store import tokens
from lfrd.store.database import Database
from lfrd.store.tokens import Token
from lfrd.vocabulary import Role

SECRET_BYTES = 32
PREFIX = "lfrd_"
"""Lets scanners of repositories and logs recognise a token that went astray."""


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token and its secret, which is shown this once."""

    token: Token
    role: Role
    secret: str


def digest_of(secret: str) -> bytes:
    """SHA-256 of a secret as it was sent, whatever its bytes."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


class TokenDirectory:
    """The tokens and roles of a site, in memory as the store has them. `load` it before use."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._valid: list[tuple[bytes, str]] = []
        self._roles: dict[str, Role] = {}

    async def load(self) -> None:
        """Read the store anew; after every change."""
        self._valid, self._roles = await self._database.read(
            lambda reader: (tokens.valid(reader), tokens.roles(reader))
        )

    def principal_of(self, secret: str) -> str | None:
        """Whose token this is. Every token is compared, each in constant time."""
        digest = digest_of(secret)
        found = None
        for known, holder in self._valid:
            if hmac.compare_digest(known, digest):
                found = holder
        return found

    def role_of(self, principal: str, uid: int | None = None) -> Role:
        """What a principal may do; `uid` where the kernel says who they are."""
        if uid is not None and uid in (0, os.geteuid()):
            return Role.ADMIN
        return self._roles.get(principal, Role.OPERATOR)

    async def create(self, holder: str, role: Role, *, principal: str) -> NewToken:
        """A new token for `holder`, whose role becomes `role`."""
        secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        token = await self._database.write(
            lambda tx: tokens.add(tx, holder, role, digest_of(secret)), principal=principal
        )
        await self.load()
        return NewToken(token, role, secret)

    async def revoke(self, token_id: str, *, principal: str) -> Token:
        """Raises NotFound, or Conflict where it is revoked already."""
        token = await self._database.write(
            lambda tx: tokens.revoke(tx, token_id), principal=principal
        )
        await self.load()
        return token

    async def list_all(self) -> list[Token]:
        """All tokens, newest first."""
        return await self._database.read(tokens.list_all)


def demand(role: Role, needed: Role) -> None:
    """Raises Denied unless `role` includes `needed`."""
    if not role.includes(needed):
        raise Denied(f"this needs the role {needed.value}; yours is {role.value}")

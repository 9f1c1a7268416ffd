"""Who may do what: personal tokens, checked without a look at the disk, and roles.

The daemon's own system user and root are admins: they could read its memory anyway, and one person
has to hand out the first token.
"""

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass

from lfrd.clock import Clock
from lfrd.errors import Denied, StoreFailed
from lfrd.store import tokens
from lfrd.store.database import SYSTEM, Database
from lfrd.store.tokens import Token
from lfrd.vocabulary import Role

SECRET_BYTES = 32
USES_EVERY_S = 60.0
"""How often it is written when tokens were used."""
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

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._valid: list[tokens.Valid] = []
        self._roles: dict[str, Role] = {}
        self._used: dict[str, float] = {}
        """When tokens were used, by id, as far as it is not written yet."""
        self._written_at_s = clock.monotonic_s()

    async def load(self) -> None:
        """Read the store anew; after every change."""
        self._valid, self._roles = await self._database.read(
            lambda reader: (tokens.valid(reader), tokens.roles(reader))
        )

    def principal_of(self, secret: str) -> str | None:
        """Whose token this is; None for one that has expired. Every token is compared, each in
        constant time."""
        digest = digest_of(secret)
        found = None
        for known in self._valid:
            if hmac.compare_digest(known.digest, digest):
                found = known
        now_s = self._clock.wall_s()
        if found is None or (found.expires_at_s is not None and now_s >= found.expires_at_s):
            return None
        self._used[found.id] = now_s
        return found.holder

    async def write_uses(self, *, now: bool = False) -> None:
        """Write when tokens were used: once a minute, or now. Where the disk takes nothing it is
        tried again with the next ones."""
        due = now or self._clock.monotonic_s() - self._written_at_s >= USES_EVERY_S
        if not self._used or not due:
            return
        self._written_at_s = self._clock.monotonic_s()
        uses, self._used = self._used, {}
        try:
            await self._database.write(lambda tx: tokens.used(tx, uses), principal=SYSTEM)
        except StoreFailed:
            self._used = uses | self._used

    def role_of(self, principal: str, uid: int | None = None) -> Role:
        """What a principal may do; `uid` where the kernel says who they are."""
        if uid is not None and uid in (0, os.geteuid()):
            return Role.ADMIN
        return self._roles.get(principal, Role.OPERATOR)

    async def create(
        self, holder: str, role: Role, expires_at_s: float | None = None, *, principal: str
    ) -> NewToken:
        """A new token for `holder`, whose role becomes `role`. Raises BadInput for one that would
        have expired already."""
        secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        token = await self._database.write(
            lambda tx: tokens.add(tx, holder, role, digest_of(secret), expires_at_s),
            principal=principal,
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

    async def page(self, after: str | None, limit: int) -> list[Token]:
        """Tokens, newest first; `after` is the id of the last one of the page before."""
        await self.write_uses(now=True)
        return await self._database.read(lambda reader: tokens.page(reader, after, limit))


def demand(role: Role, needed: Role) -> None:
    """Raises Denied unless `role` includes `needed`."""
    if not role.includes(needed):
        raise Denied(f"this needs the role {needed.value}; yours is {role.value}")

"""Whose secret it is: known by its digest alone, and only while its token is valid."""

from pathlib import Path

import pytest

from lfrd.clock import ManualClock
from lfrd.governance.people import TokenDirectory
from lfrd.vocabulary import Role
from support.store import opened


async def test_a_secret_is_its_holder_s_until_it_is_revoked(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        people = TokenDirectory(db, ManualClock())
        await people.load()
        assert people.principal_of("") is None, "an empty site knows nobody"
        made = await people.create("user:anna", Role.SUPERVISOR, principal="user:root")
        assert people.principal_of(made.secret) == "user:anna"
        assert people.role_of("user:anna") is Role.SUPERVISOR
        assert made.secret not in repr(vars(people))
        await people.revoke(made.token.id, principal="user:root")
        assert people.principal_of(made.secret) is None


@pytest.mark.parametrize("secret", ["", "lfrd_", "guess", "\udcff", "x" * 10_000])
async def test_a_guess_is_nobody_s(tmp_path: Path, secret: str) -> None:
    async with opened(tmp_path) as db:
        people = TokenDirectory(db, ManualClock())
        await people.create("user:anna", Role.OPERATOR, principal="user:root")
        assert people.principal_of(secret) is None

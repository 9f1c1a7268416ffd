"""Refused requests in the log: each one counted, and never more entries than the bound."""

import asyncio
import json
from pathlib import Path

import pytest

from lfrd.clock import ManualClock
from lfrd.errors import StoreFailed
from lfrd.governance.denials import PAIRS_LIMIT, QUIET_S, Denial, Denials
from lfrd.store.database import Database
from support.store import opened

ERASE = Denial("user:anna", "POST /v1/erasures", 403)


async def logged(db: Database) -> list[tuple[str, dict[str, object]]]:
    return await db.read(
        lambda reader: [
            (row.text("principal"), json.loads(row.text("payload")))
            for row in reader.rows(
                "SELECT principal, payload FROM audit_leaf"
                " WHERE class = 'denial' AND action = 'request.deny' ORDER BY id"
            )
        ]
    )


async def test_the_first_is_written_at_once_and_the_rest_as_a_count(tmp_path: Path) -> None:
    clock = ManualClock()
    async with opened(tmp_path) as db:
        denials = Denials(db, clock)
        denials.note(ERASE)
        await denials.write_due()
        facts = {"request": "POST /v1/erasures", "status": 403}
        assert await logged(db) == [("user:anna", {**facts, "count": 1})]
        for _ in range(1000):
            denials.note(ERASE)
            await denials.write_due()
        assert len(await logged(db)) == 1, "within the quiet time it is only counted"
        clock.advance(QUIET_S)
        await denials.write_due()
        assert (await logged(db))[1:] == [("user:anna", {**facts, "count": 1000})]
        clock.advance(QUIET_S)
        await denials.write_due()
        denials.note(ERASE)
        await denials.write_due()
        assert [entry["count"] for _, entry in await logged(db)] == [1, 1000, 1]


async def test_many_actors_and_requests_are_counted_together_beyond_the_bound(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as db:
        denials = Denials(db, ManualClock())
        for number in range(3 * PAIRS_LIMIT):
            denials.note(Denial(f"user:{number}", "GET /v1/tokens", 403))
        await denials.write_due()
        found = await logged(db)
        assert len(found) == PAIRS_LIMIT + 1
        assert found[-1] == (
            "system", {"request": "others", "status": None, "count": 2 * PAIRS_LIMIT},
        )  # fmt: skip


async def test_what_was_counted_is_written_at_the_end(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        denials = Denials(db, ManualClock())
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(denials.run())
            denials.note(ERASE)
            async with asyncio.timeout(5):
                while not await logged(db):
                    await asyncio.sleep(0.01)
            denials.note(ERASE)
            running.cancel()
        await denials.flush()
        assert [entry["count"] for _, entry in await logged(db)] == [1, 1]


async def test_a_full_disk_loses_no_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()
    async with opened(tmp_path) as db:
        denials = Denials(db, clock)
        denials.note(ERASE)

        async def full(*_: object, **__: object) -> None:
            raise StoreFailed("the disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(db, "write", full)
            await denials.write_due()
        denials.note(ERASE)
        clock.advance(QUIET_S)
        await denials.write_due()
        assert [entry["count"] for _, entry in await logged(db)] == [2]

"""A page that the disk spoilt is found while the daemon runs, and health says how to mend it."""

import asyncio
from pathlib import Path

import pytest

from lfrd.health import HealthBoard, Status
from lfrd.page_check import PageCheck
from lfrd.store.sqlite import connect
from lfrd.store.state_folder import StateFolder
from lfrd.store.vectors import VectorIndex
from support.store import opened, start_deployment
from support.waiting import until

PAGE = 4096


def spoil(path: Path, page: int) -> None:
    """Turn one bit in the middle of a page."""
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE + PAGE // 2)
        (byte,) = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))


def page_of(path: Path, key: bytes, table: str) -> int:
    connection = connect(path, key, read_only=True)
    try:
        found = connection.value("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,))
    finally:
        connection.close()
    assert isinstance(found, int)
    return found


@pytest.mark.parametrize(
    ("name", "table", "status", "mend"),
    [
        ("lfrd.db", "audit_leaf", Status.FAILED, "lfrd restore"),
        ("keys.db", "data_key", Status.FAILED, "lfrd restore"),
        ("index.db", "item", Status.DEGRADED, "made anew"),
    ],
)
async def test_a_spoilt_page_is_found(
    tmp_path: Path, name: str, table: str, status: Status, mend: str
) -> None:
    health, quiet = HealthBoard(), [False]
    async with opened(tmp_path) as database:
        folder, keys = StateFolder(tmp_path), database.keys
        async with VectorIndex(folder, keys) as index:
            await database.write(start_deployment, principal="system")
            await database.checkpoint()
            await index.checkpoint()
            check = PageCheck(folder, keys, health, lambda: quiet[0], every_s=0.01, pause_s=0.0005)
            looking = asyncio.create_task(check.run())
            await asyncio.sleep(0.05)
            assert health.now.status is Status.OK
            path = tmp_path / name
            spoil(path, page_of(path, keys.page_key(name), table))
            await asyncio.sleep(0.05)
            assert health.now.status is Status.OK, "others write: it waits"
            quiet[0] = True
            await until(lambda: health.now.status is not Status.OK)
            looking.cancel()
            await asyncio.wait([looking])
    (reason,) = health.now.reasons
    assert health.now.status is status
    assert str(path) in reason
    assert table in reason
    assert mend in reason

"""The writer, the readers, and what happens when the disk fails under them."""

import asyncio
import subprocess
import sys
import textwrap
import threading
import time
from functools import partial
from pathlib import Path

import apsw
import pytest

from lfrd.errors import BadInput, Conflict, StateError, StoreFailed
from lfrd.events import EventKind
from lfrd.store import cameras, sqlite
from lfrd.store.audit import AuditClass
from lfrd.store.database import Database
from lfrd.store.keys import KeyStore, MasterKey, load_master_key
from lfrd.store.sqlite import connect
from lfrd.store.state_folder import StateFolder
from lfrd.store.transaction import Reader, Transaction
from lfrd.store.writer import QUEUE_LIMIT
from support.store import add_list, disk_full, opened


def add_camera(tx: Transaction, camera_id: str) -> cameras.Camera:
    return cameras.add(tx, camera_id, name=camera_id, address="rtsp://host/1")


def camera_ids(reader: Reader) -> list[str]:
    return [camera.id for camera in cameras.list_all(reader)]


def test_no_commit_moves_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "LOG_PAGES", 20)
    path = tmp_path / "a.db"
    connection = connect(path, None)
    connection.set_pragma("wal_autocheckpoint", 10)
    connection.empty_log_apart()
    connection.execute("CREATE TABLE a (b BLOB)")
    log = path.with_name("a.db-wal")

    def commit() -> int:
        connection.execute("INSERT INTO a VALUES (randomblob(8000))")
        return log.stat().st_size

    sizes = [commit() for _ in range(30)]
    assert sizes == sorted(set(sizes)), "it grows with each"
    size = path.stat().st_size
    connection.empty_log()
    assert path.stat().st_size > size
    assert commit() == sizes[-1], "it is begun anew"
    size = path.stat().st_size
    connection.empty_log()
    assert path.stat().st_size == size, "it is short"
    connection.close()


async def test_the_log_stays_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "LOG_PAGES", 20)
    log = tmp_path / "lfrd.db-wal"
    async with opened(tmp_path) as db:
        await db.write(partial(add_camera, camera_id="first"), principal="ada")
        length = log.stat().st_size
        for number in range(40):
            await db.write(partial(add_camera, camera_id=f"cam-{number}"), principal="ada")
        assert log.stat().st_size == length
        assert len(await db.read(camera_ids)) == 41


async def test_a_failing_action_is_rolled_back_alone_within_its_group(tmp_path: Path) -> None:
    hold = threading.Event()

    def bad(tx: Transaction) -> None:
        add_camera(tx, "bad")
        raise ValueError("on purpose")

    async with opened(tmp_path) as db:
        blocker = asyncio.create_task(db.write(lambda _: hold.wait(5), principal="ada"))
        await asyncio.sleep(0.05)  # the writer is busy: what follows shares one transaction
        group = [
            db.write(lambda tx, n=n: add_camera(tx, f"cam-{n}"), principal="ada") for n in range(10)
        ]
        failing = db.write(bad, principal="ada")
        twin = db.write(lambda tx: add_camera(tx, "cam-3"), principal="ada")
        waiting = asyncio.gather(*group[:5], failing, *group[5:], twin, return_exceptions=True)
        await asyncio.sleep(0.05)
        hold.set()
        outcomes = await waiting
        assert await blocker is True
        assert isinstance(outcomes[5], ValueError)
        assert isinstance(outcomes[11], Conflict)
        good = [outcome for outcome in outcomes if isinstance(outcome, cameras.Camera)]
        assert len(good) == 10
        assert await db.read(camera_ids) == [f"cam-{n}" for n in range(10)]
        assert db.failure is None


async def test_a_thousand_writes_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        await asyncio.gather(
            *(
                db.write(lambda tx, n=n: add_camera(tx, f"cam-{n:04d}"), principal="ada")
                for n in range(1_000)
            )
        )
        assert await db.read(camera_ids) == [f"cam-{n:04d}" for n in range(1_000)]
        leaves = await db.read(lambda r: r.count("SELECT count(*) FROM audit_leaf"))
        assert leaves == 1_000


async def test_more_writes_than_the_queue_holds_wait_their_turn(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        done = await asyncio.gather(
            *(db.write(lambda _, n=n: n, principal="ada") for n in range(QUEUE_LIMIT + 100))
        )
        assert done == list(range(QUEUE_LIMIT + 100))


async def test_a_cancelled_caller_leaves_the_store_working(tmp_path: Path) -> None:
    hold = threading.Event()
    async with opened(tmp_path) as db:
        task = asyncio.create_task(db.write(lambda _: hold.wait(5), principal="ada"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        hold.set()
        await db.write(lambda tx: add_camera(tx, "gate"), principal="ada")
        assert await db.read(camera_ids) == ["gate"]


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        pass
    with pytest.raises(StoreFailed, match="closed"):
        await db.write(lambda _: None, principal="ada")
    with pytest.raises(StoreFailed, match="closed"):
        await db.read(lambda _: None)


async def test_queued_writes_are_carried_out_before_the_store_closes(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        writes = [
            asyncio.create_task(db.write(lambda tx, n=n: add_camera(tx, f"c{n}"), principal="a"))
            for n in range(50)
        ]
        await asyncio.sleep(0)
    assert len(await asyncio.gather(*writes)) == 50
    async with opened(tmp_path) as db:
        assert len(await db.read(camera_ids)) == 50


async def test_a_reader_cannot_write_and_sees_one_state(tmp_path: Path) -> None:
    seen = threading.Event()
    written = threading.Event()

    def look_twice(reader: Reader) -> tuple[int, int]:
        before = len(camera_ids(reader))
        seen.set()
        written.wait(5)
        return before, len(camera_ids(reader))

    async with opened(tmp_path) as db:
        await db.write(lambda tx: add_camera(tx, "one"), principal="ada")
        reading = asyncio.create_task(db.read(look_twice))
        assert await asyncio.to_thread(seen.wait, 5)
        await db.write(lambda tx: add_camera(tx, "two"), principal="ada")
        written.set()
        assert await reading == (1, 1)
        with pytest.raises(StoreFailed, match=r"readonly|read-only"):
            await db.read(lambda reader: list(reader.rows("DELETE FROM camera RETURNING id")))


ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"


async def test_a_store_that_shrinks_keeps_no_pages(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        for name in "abc":
            await database.write(lambda tx, name=name: add_camera(tx, name), principal="user:test")

        def kept(reader: Reader) -> int:
            used: int = reader._connection._raw.status(apsw.SQLITE_DBSTATUS_CACHE_USED)[0]
            return used

        await asyncio.gather(*(database.read(camera_ids) for _ in range(4)))
        before = await database.read(kept)
        await database.shrink()
        assert await database.read(kept) < before / 2
        assert await database.read(camera_ids) == ["a", "b", "c"]


async def test_a_long_read_is_really_interrupted(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        started_s = time.monotonic()
        with pytest.raises(StoreFailed, match="too long"):
            await db.read(lambda reader: reader.value(ENDLESS), limit_s=0.2)
        assert time.monotonic() - started_s < 2.0
        assert await db.read(camera_ids) == []
        assert await db.checkpoint()


async def test_a_reader_bars_the_checkpoint_until_it_ends(tmp_path: Path) -> None:
    hold = threading.Event()
    seen = threading.Event()

    def hold_open(reader: Reader) -> None:
        camera_ids(reader)
        seen.set()
        hold.wait(10)

    async with opened(tmp_path) as db:
        reading = asyncio.create_task(db.read(hold_open))
        assert await asyncio.to_thread(seen.wait, 5)
        await db.write(lambda tx: add_camera(tx, "one"), principal="ada")
        checkpoint = asyncio.create_task(db.checkpoint())
        await asyncio.sleep(0.1)
        hold.set()
        await reading
        assert await checkpoint  # it waited for the reader


async def test_a_full_disk_fails_the_write_and_the_store_goes_on(tmp_path: Path) -> None:
    def fill(tx: Transaction) -> None:
        for n in range(100):
            cameras.add(tx, f"big-{n}", name="x", address="y" * 100_000)

    async with opened(tmp_path) as db:
        await db.write(lambda tx: add_camera(tx, "before"), principal="ada")
        async with db.events.subscribe() as subscription:
            async with disk_full(db, room_pages=20):
                with pytest.raises(StoreFailed, match="full"):
                    await db.write(fill, principal="ada")
                assert db.failure is not None
                assert "full" in db.failure
            await db.write(lambda tx: add_camera(tx, "after"), principal="ada")
            assert db.failure is None
            assert await db.read(camera_ids) == ["after", "before"]
            async for event in subscription:
                assert event.subject_id == "after"
                break


FILL = """
    import asyncio, resource, signal, sys
    from pathlib import Path
    sys.path.insert(0, "tests")
    from support.store import add_list, opened
    from support.store import opened
    from lfrd.errors import StoreFailed
    from lfrd.store import cameras, sqlite

    def add(tx, name, size):
        return cameras.add(tx, name, name=name, address="y" * size)

    async def main():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        async with opened(Path(sys.argv[1])) as db:
            await db.write(lambda tx: add(tx, "before", 10), principal="ada")
            resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
            results = await asyncio.gather(
                db.write(lambda tx: add(tx, "small", 10), principal="ada"),
                db.write(lambda tx: add(tx, "large", 2_000_000), principal="ada"),
                return_exceptions=True)
            assert isinstance(results[1], StoreFailed), results
            assert db.failure
            resource.setrlimit(
                resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            await db.write(lambda tx: add(tx, "after", 10), principal="ada")
            assert db.failure is None
            names = [c.id for c in await db.read(cameras.list_all)]
            kept = ["small"] if not isinstance(results[0], Exception) else []
            assert names == ["after", "before", *kept], names
        print("survived")

    asyncio.run(main())
"""


def test_a_write_that_the_system_refuses_is_told_to_its_awaiter(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FILL), str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    assert done.stdout == "survived\n", done.stderr


async def test_a_wrong_key_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path):
        pass
    (tmp_path / "master.key").write_bytes(bytes(32))
    with pytest.raises(StateError, match=r"does not open with this master key"):
        async with opened(tmp_path):
            pass


async def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path):
        pass
    path = tmp_path / "lfrd.db"
    content = bytearray(path.read_bytes())
    content[100:400] = bytes(300)
    path.write_bytes(content)
    with pytest.raises(StateError, match="damaged"):
        async with opened(tmp_path):
            pass


async def test_the_wrong_pair_of_database_and_keys_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path):
        pass
    (tmp_path / "keys.db").unlink()
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    (other / "master.key").write_bytes((tmp_path / "master.key").read_bytes())
    (other / "master.key").chmod(0o600)
    async with opened(other):
        pass
    (other / "keys.db").rename(tmp_path / "keys.db")
    with pytest.raises(StateError, match="different installations"):
        async with opened(tmp_path):
            pass


def _files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_every_connection_has_the_settings(tmp_path: Path) -> None:
    expected = {
        "journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "temp_store": 2,
        "foreign_keys": 1,
    }  # fmt: skip
    async with opened(tmp_path) as db:
        found = await db.write(
            lambda tx: {name: tx.value(f"PRAGMA {name}") for name in expected},
            principal="ada",
        )
        assert found == expected
        content = (tmp_path / "lfrd.db").read_bytes()
        assert not content.startswith(b"SQLite format 3")
        assert [path for path in _files(tmp_path) if path.stat().st_mode & 0o077] == []


async def test_the_log_and_the_event_share_the_fate_of_the_action(tmp_path: Path) -> None:
    def fails_late(tx: Transaction) -> None:
        tx.audit(AuditClass.ALTERATION, "test", ("x",))
        tx.event(EventKind.CAMERA_CHANGED, "x")
        raise BadInput("no")

    async with opened(tmp_path) as db:
        with pytest.raises(BadInput):
            await db.write(fails_late, principal="ada")
        for table in ("audit_leaf", "event"):
            assert await db.read(lambda r, t=table: r.count(f"SELECT count(*) FROM {t}")) == 0


async def test_keys_and_database_open_without_the_helper(tmp_path: Path) -> None:
    """The way the daemon does it, and once more over the same folder."""
    for _ in range(2):
        with StateFolder(tmp_path / "state") as folder:
            master = load_master_key(folder, {})
            assert isinstance(master, MasterKey)
            with KeyStore(folder, master) as keys:
                async with Database(folder, keys) as db:
                    assert db.failure is None
                page_key = keys.page_key("lfrd.db")
    plain = connect(tmp_path / "state" / "lfrd.db", page_key)
    assert plain.value("SELECT count(*) FROM migration") >= 1
    plain.close()


@pytest.mark.parametrize("left", ["missing", "empty", "without tables"])
async def test_keys_without_their_database_are_no_new_beginning(tmp_path: Path, left: str) -> None:
    async with opened(tmp_path) as db:
        await db.write(add_list, principal="ada")
    path = tmp_path / "lfrd.db"
    path.unlink()
    if left == "empty":
        path.touch(mode=0o600)
    with StateFolder(tmp_path) as folder, KeyStore(folder, load_master_key(folder, {})) as keys:
        if left == "without tables":
            connect(path, keys.page_key("lfrd.db")).close()
        with pytest.raises(StateError, match=r"keys of 1 watchlists.*backup.*lfrd run --new"):
            async with Database(folder, keys):
                pass
        assert path.exists() == (left != "missing"), "nothing was made in its place"
        async with Database(folder, keys, new=True) as db:
            assert await db.read(lambda r: r.count("SELECT count(*) FROM watchlist")) == 0
        async with Database(folder, keys) as db:
            await db.write(add_list, principal="ada")


async def test_an_empty_keys_file_is_a_missing_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        await db.write(add_list, principal="ada")
    (tmp_path / "keys.db").write_bytes(b"")
    with StateFolder(tmp_path) as folder:
        master = load_master_key(folder, {})
        with pytest.raises(StateError, match="missing or empty"), KeyStore(folder, master):
            pass

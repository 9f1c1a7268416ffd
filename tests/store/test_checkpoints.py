"""When the log is signed, what happens where it cannot be, and a key or copy that is missing."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from lfrd.audit.export import Head, export_folder, whole
from lfrd.audit.verify import ED25519, ML_DSA_44, Checkpoint, notes_in, verify_export
from lfrd.clock import ManualClock
from lfrd.errors import StateError, StoreFailed
from lfrd.store import audit_log, checkpoints, key_care
from lfrd.store.audit import AuditClass
from lfrd.store.audit_key import read_key
from lfrd.store.database import Database
from lfrd.store.keys import load_master_key
from lfrd.store.state_folder import StateFolder, write_secret
from lfrd.store.transaction import Transaction
from support.store import signing

ROOT = Path(__file__).resolve().parents[2]


async def log(db: Database, count: int = 1) -> None:
    """Log so many things at once."""

    def act(tx: Transaction) -> None:
        for _ in range(count):
            tx.audit(AuditClass.ALTERATION, "a.test")

    await db.write(act, principal="user:ada")


async def sizes(db: Database) -> list[int]:
    return [item.size for item in await db.read(audit_log.checkpoints)]


def copied(path: Path) -> list[int]:
    notes, stray = notes_in(path.read_text())
    assert not stray
    return [note.size for note in notes]


def tamper(db: Database, sql: str) -> "asyncio.Future[int]":
    """As somebody does who has the key of the file."""
    return asyncio.ensure_future(
        db.write(
            lambda tx: (
                tx.execute("DROP TRIGGER IF EXISTS audit_leaf_unchanged")
                + tx.execute("DROP TRIGGER IF EXISTS audit_leaf_stays")
                + tx.execute(sql)
            ),
            principal="user:eve",
        )
    )


async def test_the_log_is_signed_at_start_and_stop_every_n_and_hourly(tmp_path: Path) -> None:
    clock = ManualClock()
    async with signing(tmp_path, every=10, clock=clock) as db:
        assert await sizes(db) == [], "an empty log has nothing to sign"
        await log(db, 9)
        await log(db)
        assert await sizes(db) == [], "what is committed in one go is signed before the next"
        await log(db)
        assert await sizes(db) == [10]
        clock.advance(3_599)
        await db.look_at_log()
        assert await sizes(db) == [10]
        clock.advance(2)
        await db.look_at_log()
        assert await sizes(db) == [10, 11]
        clock.advance(7_200)
        await db.look_at_log()
        assert await sizes(db) == [10, 11], "nothing is new"
        await log(db, 3)
        await db.sign_log()
        assert await sizes(db) == [10, 11, 14]
        await log(db)
    async with signing(tmp_path, clock=clock) as db:
        assert await sizes(db) == [10, 11, 14, 15]
        key = (await db.read(audit_log.keys))[-1]
        for kept in await db.read(audit_log.checkpoints):
            note = notes_in(kept.note)[0][0]
            assert note.signers([key]) == (key,)
            assert (
                note.root
                == kept.root
                == await db.read(lambda r, n=kept.size: audit_log.root_at(r, n))
            )
        assert key.name == await db.read(audit_log.origin)
    assert (tmp_path / "audit.key").stat().st_mode & 0o777 == 0o600


async def test_the_start_after_a_crash_signs_what_was_left(tmp_path: Path) -> None:
    async with signing(tmp_path) as db:
        await log(db, 5)
        db._checkpoints = None  # as a crash: no checkpoint at the end
    async with signing(tmp_path) as db:
        assert await sizes(db) == [5]


async def test_each_checkpoint_is_in_the_copy_before_anything_else_is_done(tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere" / "checkpoints"
    copy.parent.mkdir()
    async with signing(tmp_path / "state", every=5) as db:
        await log(db, 5)
        await log(db)
    async with signing(tmp_path / "state", every=5, copy=copy) as db:
        assert copied(copy) == [5, 6], "a new copy begins with all there are"
        await log(db, 5)
        await log(db)
        assert copied(copy) == await sizes(db) == [5, 6, 11]
    assert copied(copy) == [5, 6, 11, 12]
    async with signing(tmp_path / "state", copy=copy):
        assert copied(copy) == [5, 6, 11, 12]


async def test_a_full_disk_at_a_checkpoint_stops_every_action(tmp_path: Path) -> None:
    copy = tmp_path / "checkpoints"
    async with signing(tmp_path / "state", every=3, copy=copy) as db:
        await log(db, 3)
        copy.rename(tmp_path / "kept")
        copy.symlink_to("/dev/full")
        for _ in range(2):
            with pytest.raises(StoreFailed, match=r"checkpoints.*No space left.*make room"):
                await log(db)
        assert "No space left" in str(db.failure)
        assert await db.read(audit_log.size) == 3, "nothing was done"
        assert await sizes(db) == []
        copy.unlink()
        with pytest.raises(StoreFailed, match="No such file"):
            await db.try_disk()
        (tmp_path / "kept").rename(copy)
        await db.try_disk()
        assert db.failure is None
        await log(db)
        assert copied(copy) == await sizes(db) == [3]


async def test_the_log_ends_although_its_last_checkpoint_cannot_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copy = tmp_path / "checkpoints"
    async with signing(tmp_path / "state", copy=copy) as db:
        await log(db, 3)
        copy.unlink()
    assert "ends without a checkpoint" in caplog.text
    with pytest.raises(StateError, match="is missing: mount its disk"):
        async with signing(tmp_path / "state", copy=copy):
            pass
    async with signing(tmp_path / "state", copy=tmp_path / "another"):
        assert copied(tmp_path / "another") == [3]


@pytest.mark.parametrize("cut", [1, 30, 90])
async def test_half_a_checkpoint_of_a_power_cut_is_taken_away(tmp_path: Path, cut: int) -> None:
    copy = tmp_path / "checkpoints"
    for _ in range(2):
        async with signing(tmp_path / "state", copy=copy) as db:
            await log(db, 3)
    text = copy.read_text()
    copy.write_text(text[:-cut])
    async with signing(tmp_path / "state", copy=copy) as db:
        assert copied(copy) == [3, 6]
        await log(db)
    assert copied(copy) == [3, 6, 7]


async def test_a_long_copy_is_read_from_wherever_its_end_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "checkpoints"
    async with signing(tmp_path / "state", copy=copy) as db:
        for _ in range(6):
            await log(db)
            await db.sign_log()
    whole_ones, length = copied(copy), len(copy.read_bytes())
    for tail in range(420, 660, 7):
        monkeypatch.setattr(checkpoints, "TAIL_BYTES", tail)
        async with signing(tmp_path / "state", copy=copy):
            pass
        assert (copied(copy), len(copy.read_bytes())) == (whole_ones, length)


async def test_the_copy_of_another_log_or_of_nothing_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "checkpoints"
    async with signing(tmp_path / "a", copy=copy) as db:
        await log(db)
    for text in (copy.read_text(), "some letter\n", "x" * 300_000):
        copy.write_text(text)
        with pytest.raises(StateError, match="is no copy of the checkpoints of this log"):
            async with signing(tmp_path / "b", copy=copy):
                pass
        assert copy.read_text() == text
    with pytest.raises(StateError, match="cannot be written"):
        async with signing(tmp_path / "b", copy=tmp_path / "no" / "where"):
            pass


async def test_a_log_that_is_not_what_was_signed_is_found_at_start(tmp_path: Path) -> None:
    copy = tmp_path / "checkpoints"
    async with signing(tmp_path / "state", copy=copy) as db:
        await log(db, 4)
        await db.sign_log()
        await tamper(db, "UPDATE audit_leaf SET leaf_hash = zeroblob(32) WHERE id = 2")
    with pytest.raises(StateError, match=r"the first 4 leaves of the log are not those"):
        async with signing(tmp_path / "state", copy=copy):
            pass


async def test_a_log_that_was_cut_below_the_copy_is_found_at_start(tmp_path: Path) -> None:
    copy = tmp_path / "checkpoints"
    async with signing(tmp_path / "state", copy=copy) as db:
        await log(db, 4)
    async with signing(tmp_path / "state", copy=copy) as db:
        await log(db, 4)
        await db.sign_log()
        await tamper(db, "DELETE FROM audit_link")
        await tamper(db, "DELETE FROM audit_leaf WHERE id > 6")
        await tamper(db, "UPDATE sqlite_sequence SET seq = 6 WHERE name = 'audit_leaf'")
        await tamper(db, "DELETE FROM audit_checkpoint WHERE size > 6")
    with pytest.raises(StateError, match=r"has 6 leaves, and the newest checkpoint in .* is of 8"):
        async with signing(tmp_path / "state", copy=copy):
            pass
    await renew(tmp_path / "state", "put back from the backup of Monday")
    async with signing(tmp_path / "state", copy=copy) as db:
        assert await sizes(db) == [4, 6, 7]


LOGGING_ON = """
import asyncio, sys
from pathlib import Path
from lfrd.store.audit import AuditClass
from support.store import signing

async def main(folder):
    async with signing(folder / "state", every=3, copy=folder / "copy") as db:
        print("begun", flush=True)
        while True:
            await asyncio.gather(*(db.write(
                lambda tx: tx.audit(AuditClass.ALTERATION, "a.test"), principal="x"
            ) for _ in range(4)))

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.mark.slow
async def test_a_kill_at_any_moment_leaves_a_log_that_is_in_order(tmp_path: Path) -> None:
    for wait_s in (0.05, 0.21, 0.33):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", LOGGING_ON, str(tmp_path), stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        )  # fmt: skip
        assert process.stdout is not None
        assert await process.stdout.readline() == b"begun\n"
        await asyncio.sleep(wait_s)
        process.kill()
        await process.wait()
    async with signing(tmp_path / "state", copy=tmp_path / "copy") as db:
        leaves = await db.read(audit_log.size)
        run = await db.read(lambda r: audit_log.run(r, 0, leaves))
        notes = await db.read(audit_log.checkpoints)
        keys, origin = await db.read(lambda r: (audit_log.keys(r), audit_log.origin(r)))
    assert leaves > 10
    head = Head(origin, leaves, tuple(key.text for key in keys), tuple(n.note for n in notes))
    with export_folder(tmp_path / "out") as writer:
        writer.feed(whole(head, run))
        assert writer.finish().tail == 0
    assert verify_export(tmp_path / "out", keys, copy=tmp_path / "copy").problems == []


async def renew(path: Path, reason: str, algorithm: int = ED25519) -> None:
    with StateFolder(path) as folder:
        master = load_master_key(folder, {})
        await key_care.renew_audit_key(
            folder, master, ManualClock(), reason, algorithm, principal="user:ada"
        )


@pytest.mark.parametrize("algorithm", [ED25519, ML_DSA_44])
async def test_a_lost_key_is_said_and_renewed_by_a_stated_act(
    tmp_path: Path, algorithm: int
) -> None:
    async with signing(tmp_path) as db:
        await log(db, 3)
        old = (await db.read(audit_log.keys))[-1]
    (tmp_path / "audit.key").unlink()
    with pytest.raises(StateError, match=r"audit\.key.* is missing: put it back; or `lfrd audit"):
        async with signing(tmp_path):
            pass
    await renew(tmp_path, "the disk broke", algorithm)
    async with signing(tmp_path) as db:
        keys = await db.read(audit_log.keys)
        assert keys[0] == old
        assert keys[1].algorithm == algorithm
        shown = await db.read(lambda r: audit_log.leaf(r, 3))
        assert shown is not None
        assert (shown.leaf.action, shown.leaf.principal) == ("audit.renew-key", "user:ada")
        assert '"reason":"the disk broke"' in shown.leaf.payload
        assert keys[1].text in shown.leaf.payload
        newest = notes_in((await db.read(audit_log.checkpoints))[-1].note)[0][0]
        assert isinstance(newest, Checkpoint)
        assert newest.signers(keys) == (keys[1],)


async def test_a_replaced_damaged_or_open_key_is_said(tmp_path: Path) -> None:
    async with signing(tmp_path / "a") as db:
        await log(db)
    async with signing(tmp_path / "b") as db:
        await log(db)
    key = tmp_path / "a" / "audit.key"
    own = key.read_bytes()
    other = (tmp_path / "b" / "audit.key").read_bytes()
    with StateFolder(tmp_path / "a") as folder:
        same_name = read_key(folder.audit_key_path)
    replaced = "+".join(same_name.text.split("+", 4)[:4]).encode()
    for content, says in (
        (other, "is of another installation"),
        (own[:40], "this is no private key of a log"),
        (replaced, "this is no private key of a log"),
        (b"\xff", "cannot be read"),
    ):
        write_secret(key, content)
        with pytest.raises(StateError, match=says) as caught:
            async with signing(tmp_path / "a"):
                pass
        assert own.decode().split("+", 4)[4].strip() not in str(caught.value)
    write_secret(key, own)
    async with signing(tmp_path / "a"):
        pass


async def test_a_key_of_the_same_name_that_never_signed_is_refused(tmp_path: Path) -> None:
    async with signing(tmp_path) as db:
        await log(db)
    kept = (tmp_path / "audit.key").read_bytes()
    await renew(tmp_path, "a drill")
    write_secret(tmp_path / "audit.key", kept)
    with pytest.raises(StateError, match="is not the key that signed the log last"):
        async with signing(tmp_path):
            pass


async def test_a_renewal_that_was_cut_off_is_finished_or_undone(tmp_path: Path) -> None:
    async with signing(tmp_path) as db:
        await log(db)
    old, key = (tmp_path / "audit.key").read_bytes(), tmp_path / "audit.key"
    await renew(tmp_path, "a drill")
    new = key.read_bytes()
    key.rename(tmp_path / "audit.key.next")
    write_secret(key, old)  # cut off before the new one had its name
    async with signing(tmp_path):
        assert key.read_bytes() == new
    write_secret(tmp_path / "audit.key.next", old)  # cut off before it was logged
    async with signing(tmp_path):
        assert key.read_bytes() == new
        assert not (tmp_path / "audit.key.next").exists()


async def test_a_log_that_begins_anew_has_a_new_key(tmp_path: Path) -> None:
    async with signing(tmp_path) as db:
        await log(db, 3)
    old = (tmp_path / "audit.key").read_bytes()
    (tmp_path / "lfrd.db").unlink()
    async with signing(tmp_path, new=True) as db:
        await log(db)
    assert (tmp_path / "audit.key").read_bytes() != old
    async with signing(tmp_path) as db:
        assert await sizes(db) == [1]

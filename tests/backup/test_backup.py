"""Archives: what comes back, what never does, and what is refused."""

import asyncio
import contextlib
import errno
import hashlib
import json
import shutil
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from lfrd.backup import archive, keep, last, make, restore
from lfrd.backup.restore import Restored, Sources
from lfrd.backup.sealing import Identity, Recipient, identities_in
from lfrd.clock import ManualClock
from lfrd.config import BackupSection, Config
from lfrd.errors import BadInput, Conflict, LfrdError, NotFound, StateError, StoreFailed
from lfrd.store import audit_log, episodes, erasures, key_care, reference_images, watchlists
from lfrd.store.database import Database
from lfrd.store.keys import KeyStore, MasterKey, load_master_key, read_key
from lfrd.store.state_folder import StateFolder
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import AuditClass, ErasureKind
from support.faults import small_disk
from support.faulty_site import is_root
from support.store import add_list, add_person, opened, raise_episode, signing, unit_vectors
from support.store import start_deployment as begin

DAY_S = 86_400.0


@dataclass
class Bench:
    """A state folder with two lists, a place for archives, and who opens them."""

    folder: Path
    identity: Identity
    clock: ManualClock
    gone: list[str]
    """The photos that tests erase: one of a list, one of a person on the other list."""
    stays: str
    episode: str

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def archives(self) -> Path:
        return self.folder / "archives"

    @property
    def escrow(self) -> Path:
        return self.folder / "escrow.db"

    def back_up(self, name: str | None = None, config: Config | None = None) -> make.Made:
        folder = StateFolder(self.state)
        target = self.archives if name is None else self.archives / name
        return make.make(
            folder, load_master_key(folder, {}), config or Config(), target,
            [self.identity.recipient], self.clock.wall_s(), lambda *_: None,
            make.By("user:root", "anna"),
        )  # fmt: skip

    async def bring_back(self, path: Path, to: str, *, escrow: bool = False) -> Restored:
        sources = Sources(self.escrow if escrow else None)
        return await restore.restore(
            path, [self.identity], self.folder / to, sources, self.clock, "user:root"
        )

    def write_escrow(self) -> None:
        folder = StateFolder(self.state)
        key_care.escrow(folder, load_master_key(folder, {}), self.escrow)


@pytest.fixture
async def bench(tmp_path: Path) -> Bench:
    (tmp_path / "archives").mkdir()
    clock = ManualClock()

    def fill(tx: Transaction) -> tuple[list[str], str, str]:
        vectors = unit_vectors(3)
        erased, kept = add_list(tx, "erased"), add_list(tx, "kept")
        _, first, _ = add_person(tx, erased.id, "anna", vectors[0])
        entry, second, _ = add_person(tx, kept.id, "bert", vectors[1])
        other, third, _ = add_person(tx, kept.id, "cora", vectors[2])
        deployment = begin(tx)
        raise_episode(tx, deployment.id, entry, 1)
        return [first.id, second.id], third.id, raise_episode(tx, deployment.id, other, 2).id

    async with signing(tmp_path / "state", clock=clock) as database:
        gone, stays, episode = await database.write(fill, principal="user:ada")
    return Bench(tmp_path, Identity.new(), clock, gone, stays, episode)


def photo_in(photo_id: str) -> Callable[[Reader], bytes]:
    return lambda reader: reference_images.open_image(reader, photo_id)


async def erase(database: Database) -> None:
    """The list, and Bert on the other one."""

    def first(tx: Transaction) -> None:
        for row in tx.find(watchlists.Watchlist, "WHERE name = 'erased'"):
            erasure = erasures.ask(tx, ErasureKind.WATCHLIST, row.id, "asked for")
            erasures.destroy_key(tx, erasure)
            erasures.delete_list(tx, erasure)
        for entry in tx.find(watchlists.Entry, "WHERE reference = 'bert'"):
            erasure = erasures.ask(tx, ErasureKind.PERSON, entry.person_id, "asked for")
            erasures.destroy_key(tx, erasure)
            erasures.delete_person(tx, erasure)

    await database.write(first, principal="user:ada")


async def test_everything_comes_back_also_what_is_written_meanwhile_stays_whole(
    bench: Bench,
) -> None:
    async with signing(bench.state, clock=bench.clock) as database:
        made = await asyncio.to_thread(bench.back_up)
        assert await database.read(photo_in(bench.gone[0])) == b"photo of anna"
    restored = await bench.bring_back(made.path, "other")
    assert (restored.lists, restored.entries, restored.episodes) == (2, 3, 2)
    async with signing(bench.folder / "other", clock=bench.clock) as database:
        assert await database.read(photo_in(bench.gone[0])) == b"photo of anna"
        probe = await database.write(
            lambda tx: episodes.read_image(tx, bench.episode, "probe"), principal="user:a"
        )
        assert probe == b"probe portrait bytes"
        keys = await database.read(audit_log.keys)
        assert keys[-1].text == restored.log_key
        assert len(keys) == 2, "the log goes on under another key, and says so"


async def test_an_archive_tells_nothing_and_holds_no_secret_of_the_configuration(
    bench: Bench,
) -> None:
    config = Config.model_validate(
        {"camera": [{"id": "gate", "address": "rtsp://eva:hunter2@192.0.2.1/1"}]}
    )
    made = bench.back_up("one.lfrd", config)
    raw = made.path.read_bytes()
    for secret in (b"photo of", b"kept", b"bert", read_key(bench.state / "master.key").secret):
        assert secret not in raw
    (bench.folder / "out").mkdir()
    archive.unpack(made.path, [bench.identity], bench.folder / "out")
    text = (bench.folder / "out" / "config.toml").read_text()
    assert "192.0.2.1" in text
    assert "hunter2" not in text
    assert made.path.stat().st_mode & 0o077 == 0
    assert [path.name for path in bench.archives.iterdir()] == ["one.lfrd"]


async def test_what_was_erased_since_is_erased_again_as_the_escrow_says(bench: Bench) -> None:
    made = bench.back_up()
    async with opened(bench.state, clock=bench.clock) as database:
        await erase(database)
    bench.write_escrow()
    restored = await bench.bring_back(made.path, "other", escrow=True)
    again = restored.reapplied
    assert (again.lists, again.entries, again.photos, again.episodes) == (1, 1, 1, 1)
    assert restored.closed == ()
    async with signing(bench.folder / "other", clock=bench.clock) as database:
        names = await database.read(lambda r: r.column("SELECT reference FROM entry"))
        assert names == ["cora"]
        assert await database.read(photo_in(bench.stays)) == b"photo of cora"
        for photo in bench.gone:
            with pytest.raises(NotFound):
                await database.read(photo_in(photo))
        faces = await database.read(
            lambda r: r.column("SELECT id FROM episode WHERE faces_erased_at_s IS NULL")
        )
        assert faces == [bench.episode]
        left = await database.read(erasures.unfinished)
        assert {item.kind for item in left} >= {ErasureKind.WATCHLIST, ErasureKind.ENTRY}


async def test_where_nobody_can_say_who_was_erased_the_lists_stay_closed(bench: Bench) -> None:
    made = bench.back_up()
    restored = await bench.bring_back(made.path, "other")
    assert restored.vouched_by is None
    assert [(item.name, item.references) for item in restored.closed] == [
        ("erased", ("anna",)), ("kept", ("bert", "cora")),
    ]  # fmt: skip
    async with opened(bench.folder / "other", clock=bench.clock) as database:
        lists = await database.read(lambda r: r.find(watchlists.Watchlist))
        assert {row.restored_from_s for row in lists} == {made.header.made_at_s}
        await database.write(lambda tx: watchlists.confirm(tx, lists[0].id), principal="user:bo")
        after = await database.read(lambda r: watchlists.get(r, lists[0].id))
        assert after.restored_from_s is None


@pytest.mark.parametrize("changed", [False, True])
async def test_the_copy_of_the_checkpoints_vouches_where_nothing_was_done_since(
    bench: Bench, changed: bool
) -> None:
    copy = bench.folder / "checkpoints"
    async with signing(bench.state, clock=bench.clock, copy=copy):
        pass
    made = bench.back_up()
    if changed:
        async with signing(bench.state, clock=bench.clock, copy=copy) as database:
            await erase(database)
    restored = await restore.restore(
        made.path, [bench.identity], bench.folder / "other", Sources(None, copy), bench.clock,
        "user:root",
    )  # fmt: skip
    assert (restored.vouched_by is None) == changed
    assert bool(restored.closed) == changed


async def test_nothing_erased_comes_back_from_any_archive_once_its_time_is_over(
    bench: Bench,
) -> None:
    """Every archive, every stray copy of one, the escrow and every file is searched."""
    secrets = _secrets(bench.state, bench.gone)
    config = Config.model_validate({"backup": {"keep_days": 7}})
    first = bench.back_up(config=config)
    stray = bench.folder / "stray.lfrd"
    shutil.copy(first.path, stray)
    assert _holds(bench, stray) >= set(bench.gone), "this search finds what is there"
    bench.clock.advance(DAY_S)
    async with opened(bench.state, clock=bench.clock) as database:
        await erase(database)
        assert await database.checkpoint()
    bench.write_escrow()
    bench.clock.advance(6 * DAY_S)  # the first one's time is over
    made = bench.back_up(config=config)
    assert made.deleted == (first.path,)
    for path in bench.folder.rglob("*"):
        if path.is_file():
            assert not any(secret in path.read_bytes() for secret in secrets), path
    for path, _ in keep.archives(bench.archives):
        assert not _holds(bench, path) & set(bench.gone)
    restored = await bench.bring_back(stray, "other")  # without an escrow
    assert restored.keys_past
    async with opened(bench.folder / "other", clock=bench.clock) as database:
        for photo in (*bench.gone, bench.stays):
            with pytest.raises(NotFound):
                await database.read(photo_in(photo))


def _secrets(state: Path, photos: list[str]) -> list[bytes]:
    with StateFolder(state) as folder, KeyStore(folder, load_master_key(folder, {})) as keys:
        rows = keys._db.rows("SELECT id, secret FROM part")
        return [row.blob("secret") for row in rows if row.text("id") in photos]


def _holds(bench: Bench, path: Path) -> set[str]:
    """The photos whose secrets are in an archive."""
    out = bench.folder / f"open-{path.stem}"
    out.mkdir(mode=0o700)
    archive.unpack(path, [bench.identity], out)
    with StateFolder(out) as folder, KeyStore(folder, read_key(out / "master.key")) as keys:
        parts = keys.part_ids()
    shutil.rmtree(out)
    return parts


async def test_an_episode_is_not_brought_back_after_its_own_timer(bench: Bench) -> None:
    made = bench.back_up()
    bench.clock.advance(DAY_S + 1)  # the standard profile's; the archive lasts 14 days
    restored = await bench.bring_back(made.path, "other")
    assert restored.reapplied.episodes == 2
    async with opened(bench.folder / "other", clock=bench.clock) as database:
        assert await database.read(photo_in(bench.stays)) == b"photo of cora"


async def test_a_folder_keeps_an_archive_until_its_time_and_never_deletes_anothers(
    bench: Bench,
) -> None:
    first = bench.back_up()
    foreign = bench.archives / "foreign.lfrd"
    header, start = archive.read_header(first.path)
    other = header.model_copy(update={"installation": "another", "expires_at_s": 1.0})
    foreign.write_bytes(other.model_dump_json().encode() + b"\n" + b"x" * 100)
    bench.clock.advance(13 * DAY_S)
    assert bench.back_up().deleted == ()
    bench.clock.advance(2 * DAY_S)
    assert bench.back_up().deleted == (first.path,)
    assert foreign.exists()
    assert start > 0
    remembered = last.last_of(StateFolder(bench.state))
    assert remembered is not None
    assert remembered.made_at_s == bench.clock.wall_s()
    rules = BackupSection(folder=bench.archives)
    folder = StateFolder(bench.state)
    assert last.too_old(folder, rules, bench.clock.wall_s() + DAY_S) is None
    assert "lfrd-backup.timer" in str(last.too_old(folder, rules, bench.clock.wall_s() + 3 * DAY_S))


async def test_who_made_which_archive_for_whom_is_in_the_log_once(bench: Bench) -> None:
    made, folder = bench.back_up(), StateFolder(bench.state)
    (waiting,) = bench.state.glob(last.UNLOGGED)
    content = waiting.read_bytes()
    async with opened(bench.state) as database:
        await last.log_made(folder, database)
        waiting.write_bytes(content)  # as if it had been cut off before it was taken away
        await last.log_made(folder, database)
        leaves = await database.read(lambda r: audit_log.page(r, audit_log.LeafFilter(), 100))
    assert not list(bench.state.glob(last.UNLOGGED))
    (leaf,) = [one.leaf for one in leaves if one.leaf.action == "backup.make"]
    facts = json.loads(leaf.payload)
    assert (leaf.principal, leaf.event_class) == ("user:root", AuditClass.DISCLOSURE)
    assert facts["sha256"] == hashlib.sha256(made.path.read_bytes()).hexdigest()
    assert (facts["login"], facts["recipients"]) == ("anna", [bench.identity.recipient.text])


Spoil = Callable[[Bench, Path], Awaitable[Path] | Path]


def cut(bench: Bench, path: Path) -> Path:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def altered(bench: Bench, path: Path) -> Path:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    return path


def another_key(bench: Bench, path: Path) -> Path:
    bench.identity = Identity.new()
    return path


def newer(bench: Bench, path: Path) -> Path:
    return _with_header(path, {"version": 2})


def newer_schema(bench: Bench, path: Path) -> Path:
    return _with_header(path, {"schema_number": 999})


def longer(bench: Bench, path: Path) -> Path:
    return _with_header(path, {"expires_at_s": 9e9})


def no_archive(bench: Bench, path: Path) -> Path:
    path.write_bytes(b"hello\n" * 100)
    return path


def _with_header(path: Path, change: dict[str, object]) -> Path:
    line, _, rest = path.read_bytes().partition(b"\n")
    path.write_bytes(json.dumps(json.loads(line) | change).encode() + b"\n" + rest)
    return path


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (cut, "cut off or was altered"), (altered, "cut off or was altered"),
        (another_key, "another key"), (newer, "newer lfrd"), (newer_schema, "newer lfrd"),
        (longer, "altered"), (no_archive, "no archive"),
    ],
)  # fmt: skip
async def test_what_is_no_good_is_refused_and_leaves_nothing(
    bench: Bench, spoil: Callable[[Bench, Path], Path], says: str
) -> None:
    path = spoil(bench, bench.back_up().path)
    with pytest.raises(BadInput, match=says):
        await bench.bring_back(path, "other")
    left = {item.name for item in (bench.folder / "other").glob("*")}
    assert left <= {"lock"}
    with pytest.raises(BadInput, match=says):
        restore.check(path, [bench.identity])


async def test_a_restore_over_a_state_or_twice_or_beside_a_daemon_is_refused(
    bench: Bench,
) -> None:
    made = bench.back_up()
    before = (bench.state / "lfrd.db").read_bytes()
    with pytest.raises(Conflict, match="holds a site already"):
        await bench.bring_back(made.path, "state")
    assert (bench.state / "lfrd.db").read_bytes() == before
    await bench.bring_back(made.path, "other")
    with pytest.raises(Conflict, match="holds a site already"):
        await bench.bring_back(made.path, "other")
    async with opened(bench.state):
        with pytest.raises(StateError, match="in use"):
            await bench.bring_back(made.path, "state")


async def test_a_restore_that_was_cut_off_is_done_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bench.back_up()
    real, moved = Path.replace, []

    def cut_off(self: Path, target: Path) -> Path:
        if self.name == "keys.db" and self.parent.name == "restoring":
            raise KeyboardInterrupt
        moved.append(self.name)
        return real(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", cut_off)
        with pytest.raises(KeyboardInterrupt):
            await bench.bring_back(made.path, "other")
    assert "master.key" in moved
    with pytest.raises(StateError, match="run `lfrd restore` again"):
        StateFolder(bench.folder / "other").__enter__()
    await bench.bring_back(made.path, "other")
    async with opened(bench.folder / "other", clock=bench.clock) as database:
        assert await database.read(photo_in(bench.stays)) == b"photo of cora"


async def test_two_backups_at_once_and_a_key_that_is_changed_meanwhile(bench: Bench) -> None:
    entered, leave = threading.Event(), threading.Event()

    def stop(what: str, _: float) -> None:
        entered.set()
        leave.wait(10)

    folder = StateFolder(bench.state)
    first = asyncio.create_task(
        asyncio.to_thread(
            make.make,
            folder,
            load_master_key(folder, {}),
            Config(),
            bench.archives / "1.lfrd",
            [bench.identity.recipient],
            bench.clock.wall_s(),
            stop,
            make.By("user:root"),
        )
    )
    await asyncio.to_thread(entered.wait, 10)
    try:
        with pytest.raises(Conflict, match="being made"):
            bench.back_up("2.lfrd")
        with StateFolder(bench.state) as locked, pytest.raises(Conflict, match="being made"):
            key_care.rotate(locked, load_master_key(locked, {}), None)
    finally:
        leave.set()
    made = await first
    assert restore.check(made.path, [bench.identity]).log_size


async def test_an_archive_from_before_a_change_of_the_key_brings_its_own(bench: Bench) -> None:
    made = bench.back_up()
    with StateFolder(bench.state) as folder:
        key_care.rotate(folder, load_master_key(folder, {}), None)
    bench.write_escrow()
    with pytest.raises(BadInput, match="was the key changed since"):
        await bench.bring_back(made.path, "other", escrow=True)
    assert (await bench.bring_back(made.path, "other")).entries == 3


async def test_a_disk_that_fills_leaves_no_half_archive(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: object, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(archive._Synced, "write", full)
        with pytest.raises(StoreFailed, match="disk is full"):
            bench.back_up()
    assert list(bench.archives.iterdir()) == []
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 1))
        with pytest.raises(StoreFailed, match="bytes free"):
            bench.back_up()
    assert list(bench.archives.iterdir()) == []
    assert last.last_of(StateFolder(bench.state)) is None


@pytest.mark.e2e
async def test_a_disk_that_fills_meanwhile_leaves_no_half_archive_either(bench: Bench) -> None:
    if not is_root():
        pytest.skip("only root may mount a file system")
    with small_disk(bench.folder / "disk", "size=16m") as disk:

        def fill(*_: object) -> None:
            with contextlib.suppress(OSError), (disk / "filler").open("ab") as file:
                while file.write(bytes(4096)):
                    file.flush()

        folder = StateFolder(bench.state)
        with pytest.raises(StoreFailed, match="disk is full"):
            make.make(
                folder, load_master_key(folder, {}), Config(), disk / "1.lfrd",
                [bench.identity.recipient], bench.clock.wall_s(), fill, make.By("user:root"),
            )  # fmt: skip
        assert [path.name for path in disk.iterdir()] == ["filler"]
    assert last.last_of(folder) is None


async def test_another_master_key_as_a_credential_is_not_overridden(bench: Bench) -> None:
    made = bench.back_up()
    wrong = MasterKey("the credential", bytes(32))
    with pytest.raises(StateError, match="another master key"):
        await restore.restore(
            made.path, [bench.identity], bench.folder / "other", Sources(), bench.clock,
            "user:root", wrong,
        )  # fmt: skip


@pytest.mark.parametrize("text", ["", "# nothing\n", "AGE-SECRET-KEY-1QQ\n", "hello"])
def test_what_is_no_identity_or_recipient_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(BadInput) as raised:
        identities_in(text, "the file")
    assert "QQ" not in str(raised.value)
    with pytest.raises(BadInput):
        Recipient.of("age1foo")
    assert issubclass(BadInput, LfrdError)

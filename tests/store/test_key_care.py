"""Changing the master key, keeping keys.db twice, and going on without it."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from lfrd.clock import SystemClock
from lfrd.errors import NotFound, StateError, StoreFailed
from lfrd.store import key_care, key_files, reference_images, watchlists
from lfrd.store.database import Database
from lfrd.store.keys import KeyStore, MasterKey, load_master_key
from lfrd.store.state_folder import StateFolder
from support.store import add_list, add_person, opened, unit_vectors

NEW = MasterKey("a test", b"n" * 32)


async def fill(path: Path) -> str:
    """A state folder with one photo in it; the photo's id."""
    async with opened(path) as db:
        listed = await db.write(add_list, principal="ada")
        _, image, _ = await db.write(
            lambda tx: add_person(tx, listed.id, "one", unit_vectors(1)[0]), principal="ada"
        )
        return image.id


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"lock"}


async def opens(path: Path, image_id: str) -> bool:
    async with opened(path) as db:
        image = await db.write(
            lambda tx: reference_images.read_image(tx, image_id), principal="ada"
        )
    return image == b"photo of one"


async def test_a_rotated_key_opens_everything_and_the_old_one_nothing(tmp_path: Path) -> None:
    image_id = await fill(tmp_path)
    (tmp_path / "index.db").write_bytes(b"made anew")
    (tmp_path / "lfrd.db.before-0002").write_bytes(b"old pages")
    folder = StateFolder(tmp_path)
    old = load_master_key(folder, {})
    await asyncio.to_thread(key_care.rotate, folder, old, None)
    assert load_master_key(folder, {}).secret != old.secret
    assert (tmp_path / "master.key").stat().st_mode & 0o777 == 0o600
    assert await opens(tmp_path, image_id)
    assert names(tmp_path) == {"keys.db", "lfrd.db", "master.key"}
    with (
        pytest.raises(StateError, match="does not open with this master key"),
        KeyStore(folder, old),
    ):
        pass


async def test_a_key_from_outside_is_not_written_into_the_folder(tmp_path: Path) -> None:
    await fill(tmp_path)
    folder = StateFolder(tmp_path)
    before = (tmp_path / "master.key").read_bytes()
    await asyncio.to_thread(key_care.rotate, folder, load_master_key(folder, {}), NEW)
    assert (tmp_path / "master.key").read_bytes() == before
    with KeyStore(folder, NEW) as keys:
        async with Database(folder, keys) as db:
            assert len(await db.read(watchlists.list_all)) == 1


class Cut(Exception):
    """The power went."""


@pytest.mark.parametrize("at", range(12))
async def test_a_rotation_cut_off_anywhere_leaves_one_key_that_opens_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Cut before the n-th change of a file's name, which are the steps that last."""
    image_id = await fill(tmp_path)
    folder = StateFolder(tmp_path)
    old = load_master_key(folder, {})
    steps = 0

    def cut(real: object) -> object:
        def call(path: Path, *rest: object) -> object:
            nonlocal steps
            steps += 1
            if steps > at:
                raise Cut
            return real(path, *rest)  # type: ignore[operator]  # one of Path's own methods

        return call

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", cut(Path.replace))
        patch.setattr(Path, "rename", cut(Path.rename))
        with contextlib.suppress(Cut):
            await asyncio.to_thread(key_care.rotate, folder, old, None)
    assert await opens(tmp_path, image_id)
    assert names(tmp_path) == {"keys.db", "lfrd.db", "master.key"}


def test_what_is_half_made_without_the_marker_is_undone(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    load_master_key(folder, {})
    for name in ("keys.db.next", "lfrd.db.next", "lfrd.db.next-wal", "master.key.next"):
        (tmp_path / name).write_bytes(b"half")
    key_files.finish_rotation(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["master.key"]


async def test_a_rotation_needs_a_state_and_the_right_key(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    master = load_master_key(folder, {})
    with pytest.raises(StateError, match="start lfrd once"):
        await asyncio.to_thread(key_care.rotate, folder, master, None)
    await fill(tmp_path)
    with pytest.raises(StateError, match="does not open"):
        await asyncio.to_thread(key_care.rotate, folder, NEW, None)


async def test_the_escrow_forgets_what_is_destroyed(tmp_path: Path) -> None:
    state, escrow = tmp_path / "state", tmp_path / "escrow.db"
    folder = StateFolder(state)
    with folder:
        master = load_master_key(folder, {})
        with KeyStore(folder, master, escrow) as keys:
            async with Database(folder, keys) as db:
                listed = await db.write(add_list, principal="ada")
                await asyncio.to_thread(keys.renew_escrow)
                assert escrow.stat().st_mode & 0o777 == 0o600
                taken = escrow.read_bytes()
                await db.write(lambda tx: watchlists.delete(tx, listed.id), principal="ada")
                await asyncio.to_thread(keys.renew_escrow)
    assert escrow.read_bytes() != taken
    with KeyStore(_restored(tmp_path, escrow, master), master) as restored:
        assert not restored.has(watchlists.scope_of(listed.id))


def _restored(tmp_path: Path, escrow: Path, master: MasterKey) -> StateFolder:
    folder = StateFolder(tmp_path / "restored")
    folder.path.mkdir()
    folder.keys_path.write_bytes(escrow.read_bytes())
    return folder


async def test_an_escrow_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    master = load_master_key(folder, {})
    with (
        KeyStore(folder, master, tmp_path / "missing" / "escrow.db") as keys,
        pytest.raises(StoreFailed, match="cannot be overwritten"),
    ):
        await asyncio.to_thread(keys.renew_escrow)


async def test_a_name_that_is_no_text_is_refused_for_the_escrow(tmp_path: Path) -> None:
    await fill(tmp_path)
    folder = StateFolder(tmp_path)
    with pytest.raises(StateError, match="name in UTF-8"):
        key_care.escrow(folder, load_master_key(folder, {}), tmp_path / "\udcff")


async def test_without_keys_the_records_stay_and_the_faces_are_gone(tmp_path: Path) -> None:
    image_id = await fill(tmp_path)
    folder = StateFolder(tmp_path)
    master = load_master_key(folder, {})
    with pytest.raises(StateError, match="is there"):
        await key_care.abandon(folder, master, SystemClock())
    folder.keys_path.unlink()
    with pytest.raises(StateError, match="lfrd key abandon"), KeyStore(folder, master):
        pass
    with pytest.raises(StateError, match="does not open"):
        await key_care.abandon(folder, NEW, SystemClock())
    await key_care.abandon(folder, master, SystemClock())
    async with opened(tmp_path) as db:
        assert [row.name for row in await db.read(watchlists.list_all)] == ["visitors"]
        assert (await db.read(lambda r: reference_images.get(r, image_id))).sha256
        with pytest.raises(NotFound, match="its faces were erased"):
            await db.write(lambda tx: reference_images.read_image(tx, image_id), principal="ada")
        logged = await db.read(
            lambda r: r.count("SELECT count(*) FROM audit_leaf WHERE action = 'keys.abandon'")
        )
        assert logged == 1


async def test_keys_of_another_installation_stop_the_start(tmp_path: Path) -> None:
    await fill(tmp_path / "a")
    await fill(tmp_path / "b")
    for name in ("keys.db", "master.key"):
        (tmp_path / "a" / name).write_bytes((tmp_path / "b" / name).read_bytes())
    with pytest.raises(StateError, match="does not open with this master key"):
        await opens(tmp_path / "a", "any")

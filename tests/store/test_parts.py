"""Erasing one photo, one person or one episode closes them in older backups too."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from lfrd.errors import NotFound, StoreFailed
from lfrd.store import episodes, erasures, reference_images, templates, watchlists
from lfrd.store.key_files import journal_of, wipe_journal
from lfrd.store.keys import RESERVE, KeyStore, Scope, load_master_key
from lfrd.store.seal import Label
from lfrd.store.state_folder import StateFolder
from lfrd.store.transaction import Transaction
from lfrd.vocabulary import ErasureKind
from support.store import (
    MODEL,
    add_list,
    add_person,
    opened,
    raise_episode,
    start_deployment,
    unit_vectors,
)

LIST = Scope("watchlist", "w1")


class Filled:
    """Two people on one list; an episode of each, the second one a rival beside the first."""

    def __init__(self, tx: Transaction) -> None:
        listed, deployment = add_list(tx), start_deployment(tx)
        vectors = unit_vectors(2)
        self.gone, self.gone_photo, _ = add_person(tx, listed.id, "gone", vectors[0])
        self.stays, self.stays_photo, _ = add_person(tx, listed.id, "stays", vectors[1])
        self.gone_episode = raise_episode(tx, deployment.id, self.gone, 1)
        self.stays_episode = raise_episode(tx, deployment.id, self.stays, 2)
        who = self.gone
        episodes.add_rival(
            tx, episodes.Rival(
                episode_id=self.stays_episode.id, entry_id=who.id, person_id=who.person_id,
                watchlist_id=who.watchlist_id, reference="gone", score=0.5,
            )
        )  # fmt: skip


def person(tx: Transaction, filled: Filled) -> None:
    erasure = erasures.ask(tx, ErasureKind.PERSON, filled.gone.person_id, "asked for")
    assert erasures.destroy_key(tx, erasure)
    erasures.delete_person(tx, erasure)


def one_episode(tx: Transaction, filled: Filled) -> None:
    assert erasures.blank(tx, "id = ?", (filled.gone_episode.id,)) == 1


def entry(tx: Transaction, filled: Filled) -> None:
    assert watchlists.delete_entry(tx, filled.gone.id)


def photo(tx: Transaction, filled: Filled) -> None:
    assert reference_images.delete(tx, filled.gone_photo.id)


def shown(tx: Transaction, filled: Filled) -> set[str]:
    """What of it all can be opened."""
    found = set()
    reads: dict[str, Callable[[], bytes]] = {
        "photo": lambda: reference_images.read_image(tx, filled.gone_photo.id),
        "crop": lambda: reference_images.open_crop(tx, filled.gone_photo.id),
        "probe": lambda: episodes.read_image(tx, filled.gone_episode.id, "probe"),
        "scene": lambda: episodes.read_image(tx, filled.gone_episode.id, "scene"),
        "rival": lambda: episodes.read_rival_image(
            tx, filled.stays_episode.id, filled.gone.person_id
        ),
        "other photo": lambda: reference_images.read_image(tx, filled.stays_photo.id),
        "other episode": lambda: episodes.read_image(tx, filled.stays_episode.id, "probe"),
    }
    for name, read in reads.items():
        try:
            assert read()
        except NotFound:
            continue
        else:
            found.add(name)
    owners = templates.load(tx, MODEL).entry_ids
    found |= {"template"} & {"template" for owner in owners if owner == filled.gone.id}
    found |= {"other template"} & {"other template" for one in owners if one == filled.stays.id}
    return found


OTHERS = {"other photo", "other episode", "other template"}
OF_LIST = {"photo", "crop", "template"}
OF_EPISODE = {"probe", "scene"}


@pytest.mark.parametrize(
    ("erase", "left"),
    [
        (person, OTHERS),
        (one_episode, OTHERS | OF_LIST | {"rival"}),
        (entry, OTHERS | OF_EPISODE | {"rival"}),
        (photo, OTHERS | OF_EPISODE | {"rival"}),
    ],
)
async def test_a_backup_from_before_shows_the_others_and_not_who_was_erased(
    tmp_path: Path, erase: Callable[[Transaction, Filled], None], left: set[str]
) -> None:
    state, backup = tmp_path / "state", tmp_path / "backup.db"
    async with opened(state) as db:
        filled = await db.write(Filled, principal="ada")
        assert await db.write(lambda tx: shown(tx, filled), principal="ada") == (
            OTHERS | OF_LIST | OF_EPISODE | {"rival"}
        )
        assert await db.checkpoint()
        shutil.copyfile(state / "lfrd.db", backup)
        await db.write(lambda tx: erase(tx, filled), principal="ada")
    shutil.copyfile(backup, state / "lfrd.db")
    async with opened(state) as db:
        assert await db.write(lambda tx: shown(tx, filled), principal="ada") == left


async def test_what_was_sealed_before_there_were_parts_opens_still(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        filled = await db.write(Filled, principal="ada")

        def reseal(tx: Transaction) -> None:
            image = tx.get(reference_images._SealedReferenceImage, filled.gone_photo.id)
            _, own = reference_images.entry_and_key(tx, image.id)
            listed = watchlists.scope_of(filled.gone.watchlist_id)
            label = reference_images.Label("reference-image", image.id)
            tx.execute(
                "UPDATE reference_image SET own_key = 0, sealed_image = ? WHERE id = ?",
                (tx.keys.open(listed).seal(label, own.open(label, image.sealed_image)), image.id),
            )
            tx.keys.destroy_parts([image.id])

        await db.write(reseal, principal="ada")
        seen = await db.write(
            lambda tx: reference_images.read_image(tx, filled.gone_photo.id), principal="ada"
        )
    assert seen == b"photo of gone"


async def test_no_part_stays_of_what_was_not_committed(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        await db.write(add_list, principal="ada")

        def fail(tx: Transaction) -> None:
            tx.keys.add_part(watchlists.scope_of(watchlists.list_all(tx)[0].id), "half")
            tx.execute("ROLLBACK")

        with pytest.raises(StoreFailed):
            await db.write(fail, principal="ada")
        await db.write(watchlists.list_all, principal="ada")
        listed = (await db.read(watchlists.list_all))[0]
        assert db.keys.secrets_of(watchlists.scope_of(listed.id)) == {}


def test_photos_have_their_keys_from_a_reserve_that_is_written_at_once(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    with KeyStore(folder, load_master_key(folder, {})) as keys:
        keys.create(LIST)
        made = [keys.next_part(LIST) for _ in range(RESERVE)]
        keys.settle()
        written = keys.secrets_of(LIST)
        assert sorted(part for part, _ in made) == sorted(written) == [part for part, _ in made]
        for part, key in made:
            sealed = key.seal(Label("reference-image", part), b"face")
            assert (
                keys.open_part(LIST, part).open(Label("reference-image", part), sealed) == b"face"
            )
        assert len(set(written.values())) == RESERVE
        part, _ = keys.next_part(LIST)
        assert part not in written
        keys.settle()
        assert len(keys.secrets_of(LIST)) == 2 * RESERVE
    with KeyStore(folder, load_master_key(folder, {})) as keys:
        assert set(keys.secrets_of(LIST)) == {*written, part}, "what was not used is gone"


def test_a_reserve_ends_with_its_list_and_with_a_commit_that_failed(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    with KeyStore(folder, load_master_key(folder, {})) as keys:
        keys.create(LIST)
        lost, _ = keys.next_part(LIST)
        keys.forget_unsettled()
        kept, _ = keys.next_part(LIST)
        keys.settle()
        assert kept in keys.secrets_of(LIST)
        assert lost not in keys.secrets_of(LIST)
        keys.destroy(LIST)
        with pytest.raises(NotFound, match="erased"):
            keys.next_part(LIST)
        keys.create(LIST)
        keys.next_part(LIST)
        keys.destroy(LIST)
        keys.settle()
        assert keys.secrets_of(LIST) == {}, "not even those that were to be written"


def test_a_key_file_from_before_parts_gets_them(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    master = load_master_key(folder, {})
    with KeyStore(folder, master) as keys:
        keys.create(LIST)
        keys._db.execute("DROP TABLE part")
        keys._db.set_pragma("user_version", 1)
    with KeyStore(folder, master) as keys:
        keys.add_part(LIST, "p")
        keys.settle()
    with KeyStore(folder, master) as keys:
        assert set(keys.secrets_of(LIST)) == {"p"}
        assert keys.destroy(LIST)
        assert keys.secrets_of(LIST) == {}
        with pytest.raises(NotFound, match="erased"):
            keys.open_part(LIST, "p")


def test_the_journal_of_the_keys_is_zeros_after_every_step(tmp_path: Path) -> None:
    """Deleted keys stand in the rollback journal: a name that is unlinked leaves its bytes."""
    folder = StateFolder(tmp_path)
    journal = journal_of(folder.keys_path)
    seen = 0
    with KeyStore(folder, load_master_key(folder, {})) as keys:
        for step in (
            lambda: keys.create(LIST),
            lambda: keys.add_part(LIST, "p") and keys.settle(),
            lambda: keys.destroy_parts(["p"]),
            lambda: keys.destroy(LIST),
        ):
            step()
            content = journal.read_bytes()
            seen += len(content)
            assert not any(content)
    assert seen > 0
    assert not journal.exists()


def test_a_journal_that_is_still_needed_is_not_wiped(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    master = load_master_key(folder, {})
    with KeyStore(folder, master) as keys:
        keys.create(LIST)
        keys._db.execute("BEGIN IMMEDIATE")
        keys._db.set_pragma("cache_spill", 1)
        keys._db.execute("PRAGMA cache_size = 1")
        for number in range(200):
            keys._db.execute("INSERT INTO part VALUES (?, 'x', zeroblob(32))", (f"{number:0200d}",))
        keys._db.execute("DELETE FROM data_key")
        before = journal_of(folder.keys_path).read_bytes()
        assert any(before[:8]), "the journal is in use"
        wipe_journal(folder.keys_path)
        assert journal_of(folder.keys_path).read_bytes() == before
        shutil.copytree(tmp_path, tmp_path / "crashed")  # as a crash would leave it
        keys._db.execute("ROLLBACK")
    crashed = StateFolder(tmp_path / "crashed")
    (tmp_path / "watch").hardlink_to(journal_of(crashed.keys_path))
    with KeyStore(crashed, master) as keys:
        assert keys.has(LIST)
    assert (tmp_path / "watch").stat().st_size == len(before)
    assert not any((tmp_path / "watch").read_bytes())
    assert not list(crashed.path.glob("keys.db?*"))


async def test_many_candidates_wait_once_for_their_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """keys.db is brought to the disk in five steps: with each candidate, that was most of its
    commit. In a deployment they are still named in the order in which they were raised."""
    written = 0
    write = KeyStore._write

    def counted(keys: KeyStore, work: Callable[[], object]) -> None:
        nonlocal written
        written += 1
        write(keys, work)

    async with opened(tmp_path) as db:
        entry, deployment_id = await db.write(
            lambda tx: (
                add_person(tx, add_list(tx).id, "ref-1", unit_vectors(1)[0])[0],
                start_deployment(tx).id,
            ),
            principal="system",
        )
        monkeypatch.setattr(KeyStore, "_write", counted)
        ids = [
            await db.write(partial(raise_id, deployment_id, entry, number), principal="system")
            for number in range(5)
        ]
    assert written == 2, "once for all of them, and once at the end for those that were not used"
    assert ids == sorted(ids)


def raise_id(deployment_id: str, entry: watchlists.Entry, track: int, tx: Transaction) -> str:
    return raise_episode(tx, deployment_id, entry, track).id

"""Lists, entries, photos and templates: what is stored, opened, logged and gone again."""

from pathlib import Path

import numpy as np
import pytest

from lfrd.errors import BadInput, Conflict, NotFound, StateError
from lfrd.store import reference_images, templates, watchlists
from lfrd.store.transaction import Reader, Transaction
from lfrd.types import Template
from lfrd.vocabulary import Category
from support.store import MODEL, QUALITY, add_list, add_person, opened, unit_vectors


async def test_an_entry_with_photo_and_template_comes_back_as_it_was(tmp_path: Path) -> None:
    vector = unit_vectors(1)[0]
    async with opened(tmp_path) as db:
        watchlist = await db.write(add_list, principal="ada")
        entry, image, stored = await db.write(
            lambda tx: add_person(tx, watchlist.id, "one", vector), principal="ada"
        )
        assert watchlist.principal == entry.principal == image.principal == "ada"
        assert await db.read(watchlists.list_all) == [watchlist]
        assert await db.read(lambda r: watchlists.by_name(r, "visitors")) == watchlist
        assert await db.read(lambda r: watchlists.entries(r, watchlist.id)) == [entry]
        assert await db.read(lambda r: reference_images.of_entry(r, entry.id)) == [image]
        assert image.quality == QUALITY
        assert entry.under_18 is False
        assert isinstance(entry.category, Category)
        matrix = await db.read(lambda r: templates.load(r, MODEL))
        assert matrix.template_ids == (stored.id,)
        assert matrix.entry_ids == (entry.id,)
        assert matrix.person_ids == (entry.person_id,)
        np.testing.assert_array_equal(matrix.vectors, vector[None])


async def test_reading_a_photo_is_logged_in_the_same_transaction(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        watchlist = await db.write(add_list, principal="ada")
        _, image, _ = await db.write(
            lambda tx: add_person(tx, watchlist.id, "one", unit_vectors(1)[0]), principal="ada"
        )
        photo = await db.write(
            lambda tx: reference_images.read_image(tx, image.id), principal="ben"
        )
        crop = await db.write(lambda tx: reference_images.read_crop(tx, image.id), principal="ben")
        assert (photo, crop) == (b"photo of one", b"crop of one")
        logged = await db.read(
            lambda r: r.column("SELECT principal FROM audit_leaf WHERE class = 'consultation'")
        )
        assert logged == ["ben", "ben"]


async def test_a_photo_whose_reading_cannot_be_logged_is_not_shown(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        watchlist = await db.write(add_list, principal="ada")
        _, image, _ = await db.write(
            lambda tx: add_person(tx, watchlist.id, "one", unit_vectors(1)[0]), principal="ada"
        )
        with pytest.raises(BadInput):  # the log refuses a reader without a name
            await db.write(lambda tx: reference_images.read_image(tx, image.id), principal="")


async def test_templates_of_another_model_are_never_loaded_together(tmp_path: Path) -> None:
    one, two = unit_vectors(2)
    async with opened(tmp_path) as db:
        watchlist = await db.write(add_list, principal="ada")
        _, image, _ = await db.write(
            lambda tx: add_person(tx, watchlist.id, "one", one), principal="ada"
        )
        await db.write(
            lambda tx: templates.add(tx, image.id, Template(two, "sha256:model-b")),
            principal="ada",
        )
        a = await db.read(lambda r: templates.load(r, MODEL))
        b = await db.read(lambda r: templates.load(r, "sha256:model-b"))
        none = await db.read(lambda r: templates.load(r, "sha256:model-c"))
        np.testing.assert_array_equal(a.vectors, one[None])
        np.testing.assert_array_equal(b.vectors, two[None])
        assert len(none) == 0
        assert none.vectors.shape == (0, 0)


async def test_only_the_asked_for_lists_are_loaded(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        first = await db.write(lambda tx: add_list(tx, "first"), principal="ada")
        second = await db.write(lambda tx: add_list(tx, "second"), principal="ada")
        for watchlist, vector in zip((first, second), unit_vectors(2), strict=True):
            await db.write(
                lambda tx, w=watchlist, v=vector: add_person(tx, w.id, "one", v), principal="ada"
            )
        matrix = await db.read(lambda r: templates.load(r, MODEL, [second.id]))
        assert set(matrix.watchlist_ids) == {second.id}
        assert len(await db.read(lambda r: templates.load(r, MODEL, []))) == 0


def _tables(reader: Reader) -> dict[str, int]:
    names = ("person", "watchlist", "entry", "reference_image", "template")
    return {name: reader.count(f"SELECT count(*) FROM {name}") for name in names}


async def test_deleting_an_entry_leaves_no_row_of_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        watchlist = await db.write(add_list, principal="ada")
        before = await db.read(_tables)
        entry, _, _ = await db.write(
            lambda tx: add_person(tx, watchlist.id, "one", unit_vectors(1)[0]), principal="ada"
        )
        assert await db.write(lambda tx: watchlists.delete_entry(tx, entry.id), principal="ada")
        assert await db.read(_tables) == before
        assert not await db.write(lambda tx: watchlists.delete_entry(tx, entry.id), principal="ada")


async def test_a_person_on_another_list_outlives_an_entry(tmp_path: Path) -> None:
    def second_entry(tx: Transaction, person_id: str) -> watchlists.Entry:
        other = add_list(tx, "second")
        new = watchlists.NewEntry(other.id, "one", person_id=person_id)
        return watchlists.add_entry(tx, new)

    async with opened(tmp_path) as db:
        watchlist = await db.write(add_list, principal="ada")
        entry, _, _ = await db.write(
            lambda tx: add_person(tx, watchlist.id, "one", unit_vectors(1)[0]), principal="ada"
        )
        twin = await db.write(lambda tx: second_entry(tx, entry.person_id), principal="ada")
        await db.write(lambda tx: watchlists.delete(tx, watchlist.id), principal="ada")
        left = await db.read(lambda r: watchlists.entries_of_person(r, entry.person_id))
        assert left == [twin]


async def test_deleting_a_list_destroys_its_key(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        watchlist = await db.write(add_list, principal="ada")
        await db.write(
            lambda tx: add_person(tx, watchlist.id, "one", unit_vectors(1)[0]), principal="ada"
        )
        assert await db.write(lambda tx: watchlists.delete(tx, watchlist.id), principal="ada")
        assert set((await db.read(_tables)).values()) == {0}
        with pytest.raises(NotFound, match="erased"):
            db.keys.open(watchlists.scope_of(watchlist.id))
        assert not await db.write(lambda tx: watchlists.delete(tx, watchlist.id), principal="ada")


async def test_a_sealed_template_moved_to_another_row_does_not_open(tmp_path: Path) -> None:
    one, two = unit_vectors(2)
    async with opened(tmp_path) as db:
        watchlist = await db.write(add_list, principal="ada")
        for reference, vector in (("one", one), ("two", two)):
            await db.write(
                lambda tx, r=reference, v=vector: add_person(tx, watchlist.id, r, v),
                principal="ada",
            )
        await db.write(
            lambda tx: tx.execute(
                "UPDATE template SET sealed_vector = (SELECT max(sealed_vector) FROM template)"
            ),
            principal="mallory",
        )
        with pytest.raises(StateError, match="altered"):
            await db.read(lambda r: templates.load(r, MODEL))


async def test_what_cannot_be_is_refused_and_nothing_stored(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        watchlist = await db.write(add_list, principal="ada")
        entry, image, _ = await db.write(
            lambda tx: add_person(tx, watchlist.id, "one", unit_vectors(1)[0]), principal="ada"
        )
        before = await db.read(_tables)
        again = reference_images.NewReferenceImage(
            entry.id, b"photo of one", 1, 1, b"c", b"p", QUALITY
        )
        twin = watchlists.NewEntry(watchlist.id, "one")
        nowhere = watchlists.NewEntry("none", "two")
        bad = Template(np.array([np.nan], np.float32), "sha256:model-b")
        for action, error in (
            (lambda tx: add_list(tx), Conflict),
            (lambda tx: watchlists.add_entry(tx, twin), Conflict),
            (lambda tx: watchlists.add_entry(tx, nowhere), NotFound),
            (lambda tx: reference_images.add(tx, again), Conflict),
            (lambda tx: templates.add(tx, image.id, bad), BadInput),
            (lambda tx: templates.add(tx, image.id, Template(unit_vectors(1)[0], MODEL)), Conflict),
            (lambda tx: add_list(tx, ""), BadInput),
        ):
            with pytest.raises(error):
                await db.write(action, principal="ada")
        assert await db.read(_tables) == before


async def test_confirming_a_list_notes_who_and_when(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        watchlist = await db.write(add_list, principal="ada")
        await db.write(lambda tx: watchlists.confirm(tx, watchlist.id), principal="ben")
        confirmed = await db.read(lambda r: watchlists.get(r, watchlist.id))
        assert confirmed.confirmed_by == "ben"
        assert confirmed.confirmed_at_s >= watchlist.confirmed_at_s
        with pytest.raises(NotFound):
            await db.write(lambda tx: watchlists.confirm(tx, "none"), principal="ben")


async def test_deleting_a_photo_takes_its_templates_along(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        watchlist = await db.write(add_list, principal="ada")
        entry, image, _ = await db.write(
            lambda tx: add_person(tx, watchlist.id, "one", unit_vectors(1)[0]), principal="ada"
        )
        assert await db.write(lambda tx: reference_images.delete(tx, image.id), principal="ada")
        assert await db.read(lambda r: templates.ids_of_model(r, MODEL)) == []
        assert await db.read(lambda r: watchlists.get_entry(r, entry.id)) == entry
        assert not await db.write(lambda tx: reference_images.delete(tx, image.id), principal="ada")


async def test_a_list_whose_key_is_gone_does_not_bar_the_others(tmp_path: Path) -> None:
    """As after an erasure that was cut off half-way; deleting it again completes that."""
    async with opened(tmp_path) as db:
        lists = [
            await db.write(lambda tx, n=name: add_list(tx, n), principal="ada")
            for name in ("first", "second")
        ]
        for watchlist, vector in zip(lists, unit_vectors(2), strict=True):
            await db.write(
                lambda tx, w=watchlist, v=vector: add_person(tx, w.id, "one", v), principal="ada"
            )
        assert db.keys.destroy(watchlists.scope_of(lists[0].id))
        matrix = await db.read(lambda r: templates.load(r, MODEL))
        assert matrix.watchlist_ids == (lists[1].id,)
        assert matrix.locked_watchlist_ids == (lists[0].id,)
        assert await db.write(lambda tx: watchlists.delete(tx, lists[0].id), principal="ada")
        matrix = await db.read(lambda r: templates.load(r, MODEL))
        assert matrix.locked_watchlist_ids == ()

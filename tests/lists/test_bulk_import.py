"""A row is enrolled whole or not at all, and never twice; a list goes elsewhere and comes back."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from lfrd.errors import BadInput, Conflict, NotFound, StoreFailed
from lfrd.lists import photos
from lfrd.lists.archive import ArchiveSource, export_list
from lfrd.lists.photo_gate import GateMode
from lfrd.lists.table import Row
from lfrd.store import imports, templates
from lfrd.store.imports import RowOutcome
from lfrd.store.transaction import Transaction
from lfrd.vision import packs
from lfrd.vocabulary import ErasureKind, Role
from support.lists import ADA, Lists, lists
from support.photos import SIX_BOXES, SIX_FACES, jpeg_of, noise, portraits

SHA = "a" * 64
WORDS = "correct horse battery staple"


@pytest.fixture(scope="module")
def people() -> list[bytes]:
    return portraits()


@pytest_asyncio.fixture
async def site(tmp_path: Path, pack: packs.Pack) -> AsyncIterator[Lists]:
    async with lists(tmp_path / "state", pack) as opened:
        yield opened


async def begin(site: Lists, watchlist_id: str, total: int, mode: GateMode = GateMode.WARN) -> str:
    progress = await site.imports.begin(watchlist_id, SHA, "t.csv", mode, total, principal=ADA)
    return progress.run.id


async def begun(site: Lists, total: int, mode: GateMode = GateMode.WARN) -> tuple[str, str]:
    """A list, and an import into it of so many rows."""
    watchlist_id = await site.make_list()
    return watchlist_id, await begin(site, watchlist_id, total, mode)


async def test_rows_become_entries_and_the_outcomes_are_counted(
    site: Lists, people: list[bytes]
) -> None:
    watchlist_id, run_id = await begun(site, 7)
    rows = [Row(n + 1, f"p{n}", f"{n}.jpg", basis="ban") for n in range(6)]
    results = await asyncio.gather(
        *(site.imports.add_row(run_id, row, photo, principal=ADA)
          for row, photo in zip(rows[:4], people[:4], strict=True))
    )  # fmt: skip
    assert {result.row.outcome for result in results} <= {RowOutcome.ENROLLED, RowOutcome.WARNED}
    wall = await site.imports.add_row(run_id, rows[4], noise(1), principal=ADA)
    assert (wall.row.outcome, wall.row.codes) == (RowOutcome.REFUSED, "no-face")
    junk = await site.imports.add_row(run_id, rows[5], b"junk", principal=ADA)
    assert (junk.row.outcome, junk.row.codes) == (RowOutcome.REFUSED, "bad-input")
    again = Row(7, "p0", "again.jpg", basis="ban")
    twice = await site.imports.add_row(run_id, again, people[0], principal=ADA)
    assert twice.row.outcome is RowOutcome.DUPLICATE
    progress = await site.imports.end(run_id, principal=ADA)
    assert (progress.done, progress.run.ended_at_s is None) == (7, False)
    assert progress.counts[RowOutcome.REFUSED] == 2
    entries = await site.watchlists.entries(watchlist_id)
    assert [entry.row.reference for entry in entries] == ["p0", "p1", "p2", "p3"]
    assert all(len(entry.photos) == 1 for entry in entries)


async def test_a_photo_of_several_people_is_refused_unless_the_row_says_who(site: Lists) -> None:
    watchlist_id, run_id = await begun(site, 3)
    group = SIX_FACES.read_bytes()
    unsaid = await site.imports.add_row(run_id, Row(1, "a", "g.jpg"), group, principal=ADA)
    assert (unsaid.row.outcome, unsaid.row.codes) == (RowOutcome.REFUSED, "several-faces")
    assert "left, top, right, bottom" in unsaid.message
    for number, box in enumerate(SIX_BOXES[:2], start=2):
        row = Row(number, f"p{number}", "g.jpg", box=tuple(float(side) for side in box))
        said = await site.imports.add_row(run_id, row, group, principal=ADA)
        assert said.row.photo_id is not None
    matrix = await site.database.read(
        lambda reader: templates.load(reader, site.vision.model_digest, (watchlist_id,))
    )
    assert float(matrix.vectors[0] @ matrix.vectors[1]) < 0.4, "two people"


async def test_an_entry_takes_so_many_photos_and_no_more(
    site: Lists, people: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "PHOTOS_LIMIT", 1)
    watchlist_id, run_id = await begun(site, 2)
    await site.imports.add_row(run_id, Row(1, "a", "1.jpg"), people[0], principal=ADA)
    more = await site.imports.add_row(run_id, Row(2, "a", "2.jpg"), people[1], principal=ADA)
    assert more.row.outcome is RowOutcome.REFUSED
    assert "at most 1 photos" in more.message
    assert len((await site.watchlists.entries(watchlist_id))[0].photos) == 1


async def test_the_same_source_goes_on_where_it_stopped(site: Lists, people: list[bytes]) -> None:
    watchlist_id, run_id = await begun(site, 2)
    row = Row(1, "a", "a.jpg")
    first = await site.imports.add_row(run_id, row, people[0], principal=ADA)
    assert await begin(site, watchlist_id, 2) == run_id
    again = await site.imports.add_row(run_id, row, people[0], principal=ADA)
    assert again.row == first.row or again.row.photo_id == first.row.photo_id
    assert again.message.startswith("done before")
    assert [item.row.number for item in await site.imports.rows(run_id, 0, 100)] == [1]
    with pytest.raises(Conflict, match="go on with the same"):
        await begin(site, watchlist_id, 3)


async def test_a_row_without_a_photo_is_tried_again_when_it_is_there(
    site: Lists, people: list[bytes]
) -> None:
    _, run_id = await begun(site, 1)
    row = Row(1, "a", "a.jpg")
    missing = await site.imports.miss_row(run_id, row, "a.jpg is not there", principal=ADA)
    assert (missing.row.outcome, missing.row.codes) == (RowOutcome.REFUSED, "no-photo")
    assert (await site.imports.progress(run_id)).counts == {RowOutcome.REFUSED: 1}
    done = await site.imports.add_row(run_id, row, people[0], principal=ADA)
    assert done.row.photo_id is not None
    counts = (await site.imports.progress(run_id)).counts
    assert (sum(counts.values()), counts.get(RowOutcome.REFUSED)) == (1, None)
    gone = await site.imports.miss_row(run_id, row, "a.jpg is not there", principal=ADA)
    assert gone.row.photo_id == done.row.photo_id, "the list has it"
    assert gone.message.endswith("now: a.jpg is not there")


async def test_a_row_that_was_refused_is_tried_again_with_another_gate(
    site: Lists, people: list[bytes]
) -> None:
    watchlist_id, run_id = await begun(site, 2, GateMode.STRICT)
    await site.imports.add_row(run_id, Row(1, "a", "a.jpg"), people[0], principal=ADA)
    row = Row(2, "b", "b.jpg")
    strict = await site.imports.add_row(run_id, row, people[0], principal=ADA)
    assert strict.row.outcome is RowOutcome.REFUSED
    assert await begin(site, watchlist_id, 2, GateMode.WARN) == run_id
    warned = await site.imports.add_row(run_id, row, people[0], principal=ADA)
    assert warned.row.outcome is RowOutcome.WARNED


async def test_who_was_erased_is_enrolled_again_and_counted_as_gone_until_then(
    site: Lists, people: list[bytes]
) -> None:
    watchlist_id, run_id = await begun(site, 1)
    row = Row(1, "a", "a.jpg")
    first = await site.imports.add_row(run_id, row, people[0], principal=ADA)
    assert first.row.entry_id is not None
    await site.eraser.erase(
        ErasureKind.ENTRY, first.row.entry_id, reason="asked", principal=ADA, role=Role.SUPERVISOR
    )
    assert (await site.imports.progress(run_id)).done == 0
    assert await site.imports.rows(run_id, 0, 100) == []
    again = await site.imports.add_row(run_id, row, people[0], principal=ADA)
    assert again.row.outcome in (RowOutcome.ENROLLED, RowOutcome.WARNED)
    assert again.row.photo_id not in (None, first.row.photo_id)
    (entry,) = await site.watchlists.entries(watchlist_id)
    assert [photo.id for photo in entry.photos] == [again.row.photo_id]


async def test_another_photo_under_the_same_name_is_another_photo(
    site: Lists, people: list[bytes]
) -> None:
    watchlist_id, run_id = await begun(site, 1)
    row = Row(1, "a", "a.jpg")
    first = await site.imports.add_row(run_id, row, people[0], principal=ADA)
    better = await site.imports.add_row(run_id, row, people[0] + b" ", principal=ADA)
    assert better.row.photo_id not in (None, first.row.photo_id)
    (done,) = await site.imports.rows(run_id, 0, 100)
    assert done.photo is not None
    assert done.photo.id == better.row.photo_id
    (entry,) = await site.watchlists.entries(watchlist_id)
    assert len(entry.photos) == 2


async def test_a_photo_in_quarantine_is_there_and_said_so(site: Lists, people: list[bytes]) -> None:
    _, run_id = await begun(site, 1)
    row = Row(1, "a", "a.jpg")
    done = await site.imports.add_row(run_id, row, people[0], principal=ADA)
    assert done.row.photo_id is not None
    await site.photos.quarantine(
        done.row.photo_id, "somebody else", principal=ADA, role=Role.SUPERVISOR
    )
    again = await site.imports.add_row(run_id, row, people[0], principal=ADA)
    assert again.row.photo_id == done.row.photo_id
    assert "in quarantine" in again.message


async def test_what_a_table_says_otherwise_of_an_entry_is_told(
    site: Lists, people: list[bytes]
) -> None:
    watchlist_id, run_id = await begun(site, 3)
    await site.imports.add_row(run_id, Row(1, "a", "a.jpg", basis="ban"), people[0], principal=ADA)
    same = Row(2, "a", "b.jpg", basis="theft", expires_at_s=4e9)
    there = await site.imports.add_row(run_id, same, people[0], principal=ADA)
    assert (there.row.outcome, there.row.codes) == (
        RowOutcome.DUPLICATE, "same-file entry-differs",
    )  # fmt: skip
    assert "its basis, expires stay as they are" in there.message
    more = Row(3, "a", "c.jpg", basis="theft")
    added = await site.imports.add_row(run_id, more, people[0] + b" ", principal=ADA)
    assert added.row.outcome is RowOutcome.WARNED
    assert "entry-differs" in added.row.codes.split()
    (entry,) = await site.watchlists.entries(watchlist_id)
    assert (entry.row.basis, entry.row.expires_at_s) == ("ban", None)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (Row(1, "a", "a.jpg", expires_at_s=1.0), "in the past"),
        (Row(1, "a", "a.jpg", under_18=True), "needs its own reason"),
    ],
)
async def test_a_dry_run_refuses_what_the_import_refuses(
    site: Lists, people: list[bytes], row: Row, said: str
) -> None:
    watchlist_id, run_id = await begun(site, 1)
    dry = await site.imports.check_row(watchlist_id, row, people[0], GateMode.WARN)
    done = await site.imports.add_row(run_id, row, people[0], principal=ADA)
    assert (dry.row.outcome, dry.message) == (done.row.outcome, done.message)
    assert (done.row.outcome, said in done.message) == (RowOutcome.REFUSED, True)
    assert await site.watchlists.entries(watchlist_id) == []


async def test_a_failure_in_mid_row_leaves_no_half_entry(
    site: Lists, people: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    watchlist_id, run_id = await begun(site, 1)

    def fail(tx: Transaction, done: imports.ImportRow) -> None:
        raise StoreFailed("the power went")

    with monkeypatch.context() as broken:
        broken.setattr(imports, "note_row", fail)
        with pytest.raises(StoreFailed):
            await site.imports.add_row(run_id, Row(1, "a", "a.jpg"), people[0], principal=ADA)
    assert await site.watchlists.entries(watchlist_id) == []
    done = await site.imports.add_row(run_id, Row(1, "a", "a.jpg"), people[0], principal=ADA)
    assert done.row.photo_id is not None


async def test_two_clients_with_the_same_source_enrol_each_row_once(
    site: Lists, people: list[bytes]
) -> None:
    watchlist_id, run_id = await begun(site, 1)
    row = Row(1, "a", "a.jpg")
    both = await asyncio.gather(
        *(site.imports.add_row(run_id, row, people[0], principal=ADA) for _ in range(2))
    )
    assert both[0].row.photo_id == both[1].row.photo_id
    assert len(await site.watchlists.entries(watchlist_id)) == 1


async def test_a_dry_run_says_what_would_be_and_stores_nothing(
    site: Lists, people: list[bytes]
) -> None:
    watchlist_id = await site.make_list()
    passed = await site.imports.check_row(
        watchlist_id, Row(1, "a", "a.jpg"), people[0], GateMode.WARN
    )
    assert passed.row.outcome in (RowOutcome.ENROLLED, RowOutcome.WARNED)
    refused = await site.imports.check_row(
        watchlist_id, Row(2, "b", "b.jpg"), noise(2), GateMode.WARN
    )
    assert refused.row.codes == "no-face"
    assert await site.watchlists.entries(watchlist_id) == []


async def test_two_photos_of_different_people_under_one_reference_are_told(
    site: Lists, people: list[bytes]
) -> None:
    _, run_id = await begun(site, 3)
    await site.imports.add_row(run_id, Row(1, "a", "1.jpg"), people[0], principal=ADA)
    wrong = await site.imports.add_row(run_id, Row(2, "a", "2.jpg"), people[3], principal=ADA)
    assert wrong.row.outcome is RowOutcome.WARNED
    assert "unlike" in wrong.row.codes.split()
    alike = await site.imports.add_row(run_id, Row(3, "b", "3.jpg"), people[0], principal=ADA)
    assert {"look-alike", "same-file"} <= set(alike.row.codes.split())


async def test_entries_of_two_lists_may_be_one_person(site: Lists, people: list[bytes]) -> None:
    one, two = await site.make_list("one"), await site.make_list("two")
    for watchlist_id in (one, two):
        run_id = await begin(site, watchlist_id, 1)
        row = Row(1, "x", "x.jpg", person="subject-7")
        await site.imports.add_row(run_id, row, people[0], principal=ADA)
    persons = [
        (await site.watchlists.entries(watchlist_id))[0].row.person_id
        for watchlist_id in (one, two)
    ]
    assert persons[0] == persons[1]


async def test_an_import_that_is_not_there(site: Lists, people: list[bytes]) -> None:
    with pytest.raises(NotFound):
        await site.imports.add_row("none", Row(1, "a", "a"), people[0], principal=ADA)
    with pytest.raises(NotFound):
        await site.imports.progress("none")


async def archived(site: Lists, folder: Path, people: list[bytes]) -> tuple[Path, str]:
    watchlist_id = await site.make_list("to go")
    run_id = await begin(site, watchlist_id, 3)
    for n in range(3):
        row = Row(n + 1, f"p{n}", f"{n}.jpg", basis="ban", margin=0.05)
        await site.imports.add_row(run_id, row, people[n], principal=ADA)
    path = folder / "list.lfrd"
    pieces = await export_list(site.database, watchlist_id, WORDS, "a move", principal=ADA)
    path.write_bytes(b"".join([piece async for piece in pieces]))
    return path, watchlist_id


async def test_a_list_goes_elsewhere_encrypted_and_comes_back(
    site: Lists, tmp_path: Path, people: list[bytes], pack: packs.Pack
) -> None:
    path, _ = await archived(site, tmp_path, people)
    content = path.read_bytes()
    assert people[0][:40] not in content
    assert b"incident" not in content
    disclosures = await site.database.read(
        lambda reader: reader.count(
            "SELECT count(*) FROM audit_leaf WHERE class = 'disclosure'"
            " AND action = 'watchlist.export'"
        )
    )
    assert disclosures == 1
    async with lists(tmp_path / "other", pack) as elsewhere:
        with ArchiveSource(path, WORDS) as source:
            assert (source.listed.name, source.listed.photos) == ("to go", 3)
            watchlist_id = await elsewhere.make_list(source.listed.name)
            run = await elsewhere.imports.begin(
                watchlist_id, source.sha256, source.name, GateMode.WARN, len(source.rows),
                principal=ADA,
            )  # fmt: skip
            for row in source.rows:
                await elsewhere.imports.add_row(run.run.id, row, source.photo(row), principal=ADA)
        entries = await elsewhere.watchlists.entries(watchlist_id)
        assert [entry.row.reference for entry in entries] == ["p0", "p1", "p2"]
        assert {entry.row.margin for entry in entries} == {0.05}
        image = await elsewhere.photos.image(entries[0].photos[0].id, principal=ADA)
        assert image == people[0]


async def test_a_damaged_archive_does_not_open(
    site: Lists, tmp_path: Path, people: list[bytes]
) -> None:
    path, _ = await archived(site, tmp_path, people)
    content = path.read_bytes()
    with pytest.raises(BadInput, match="passphrase is wrong"):
        ArchiveSource(path, "another passphrase")
    for broken in (
        content[:-10],  # the end is missing
        content[: len(content) // 2],
        content[:-20] + bytes([content[-20] ^ 1]) + content[-19:],
        content[:2000] + bytes([content[2000] ^ 1]) + content[2001:],
        b"something else",
        b"",
    ):
        path.write_bytes(broken)
        with pytest.raises(BadInput):
            ArchiveSource(path, WORDS)


DRY_RUN = (ADA, "d" * 32)


async def test_a_dry_run_holds_its_rows_against_each_other_as_the_import_does(
    site: Lists, people: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "PHOTOS_LIMIT", 2)
    watchlist_id = await site.make_list()
    lighter = jpeg_of(Image.open(io.BytesIO(people[0])).point(lambda value: value * 9 // 10))
    table = [
        (Row(1, "a", "1.jpg"), people[0]),
        (Row(2, "a", "again.jpg"), people[0]),
        (Row(3, "b", "same.jpg"), people[0]),
        (Row(4, "c", "lighter.jpg"), lighter),
        (Row(5, "a", "other.jpg"), people[1]),
        (Row(6, "a", "more.jpg"), people[2]),
        (Row(7, "d", "wall.jpg"), noise(2)),
    ]
    dry = [
        (await site.imports.check_row(watchlist_id, row, data, GateMode.WARN, DRY_RUN)).row
        for row, data in table
    ]
    assert await site.watchlists.entries(watchlist_id) == []
    run_id = await begin(site, watchlist_id, len(table))
    done = [
        (await site.imports.add_row(run_id, row, data, principal=ADA)).row for row, data in table
    ]
    assert [(row.outcome, row.codes) for row in dry] == [(row.outcome, row.codes) for row in done]
    assert [row.outcome for row in dry[1:3]] == [RowOutcome.DUPLICATE, RowOutcome.WARNED]
    assert "same-file" in dry[2].codes
    assert "look-alike" in dry[3].codes
    assert "unlike" in dry[4].codes
    assert dry[5].outcome is RowOutcome.REFUSED


async def test_another_dry_run_and_one_without_a_name_know_nothing_of_it(
    site: Lists, people: list[bytes]
) -> None:
    watchlist_id = await site.make_list()
    first, second = Row(1, "a", "1.jpg"), Row(2, "b", "2.jpg")
    check = site.imports.check_row
    await check(watchlist_id, first, people[0], GateMode.WARN, DRY_RUN)
    for apart in ((ADA, "e" * 32), ("user:ben", DRY_RUN[1]), None):
        alone = await check(watchlist_id, second, people[0], GateMode.WARN, apart)
        assert "same-file" not in alone.row.codes
    both = await check(watchlist_id, second, people[0], GateMode.WARN, DRY_RUN)
    assert "same-file" in both.row.codes

"""People on and off the lists are answered, by reference and by photo; each question is logged."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lfrd.errors import Conflict, Denied, NotFound
from lfrd.governance.subjects import readings
from lfrd.site import Site
from lfrd.store.listings import Name
from lfrd.store.watchlists import NewEntry
from lfrd.vocabulary import ErasureKind, Role
from support.photos import astronaut, portraits
from support.site import DAY_S, SettableClock, deploy, governed, make_list, see_somebody

ADA = "user:ada"


async def logged(site: Site, action: str) -> list[dict[str, Any]]:
    """What the log's entries of an action state, and whether they still say of whom."""
    rows = await site.database.read(
        lambda reader: [
            {**json.loads(row.text("payload")), "class": row.text("class"),
             "subjects": json.loads(str(row["subjects"] or "null"))}
            for row in reader.rows(
                "SELECT class, payload, subjects FROM audit_leaf WHERE action = ? ORDER BY id",
                (action,),
            )
        ]
    )  # fmt: skip
    return list(rows)


def test_a_text_may_name_a_reference_or_one_on_a_list() -> None:
    assert readings("case-7") == (Name("case-7"),)
    assert readings("a/b/c") == (Name("a/b/c"), Name("b/c", "a"), Name("c", "a/b"))
    assert readings("/x/") == (Name("/x/"),)


async def test_who_is_listed_is_told_where_since_when_why_and_what_came_of_it(
    tmp_path: Path,
) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        listed = await make_list(site)
        row = await deploy(site, listed)
        await see_somebody(site, row.id, listed)
        answer = await site.subjects.lookup("wanted-1", None, "request 12", principal=ADA)
        entry = answer.entries[0]
        assert (entry.watchlist_name, entry.basis, entry.source, entry.photos) == (
            "wanted", "warrant 12", "the court", 1,
        )  # fmt: skip
        alert = answer.alerts[0]
        assert (alert.place, alert.state, alert.outcome) == ("the station", "open", None)
        assert answer.was_listed is None
        (entry_of_log,) = await logged(site, "subject.lookup")
        assert entry_of_log["class"] == "consultation"
        assert entry_of_log["reason"] == "request 12"
        assert entry_of_log["subjects"] == [entry.person_id, entry.entry_id]
        same = await site.subjects.lookup("wanted/wanted-1", None, "request 12", principal=ADA)
        assert same.entries == answer.entries


async def test_who_is_not_listed_is_told_so_and_that_is_logged_too(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        answer = await site.subjects.lookup("nobody", 5.0, "request 13", principal=ADA)
        assert (answer.entries, answer.listings, answer.was_listed) == ((), (), False)
        assert [item["entries"] for item in await logged(site, "subject.lookup")] == [0]


async def test_the_answer_for_a_date_survives_the_erasure_of_the_person(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        began_s = clock.wall_s()
        await make_list(site)
        clock.advance(3 * DAY_S)
        known = await site.subjects.lookup("wanted-1", None, "x", principal=ADA)
        person_id = known.entries[0].person_id
        with pytest.raises(Denied):
            await site.eraser.erase(
                ErasureKind.PERSON, person_id, "asked for", principal=ADA, role=Role.OPERATOR
            )
        receipt = await site.eraser.erase(
            ErasureKind.PERSON, person_id, "asked for", principal=ADA, role=Role.SUPERVISOR
        )
        assert (receipt.entries, receipt.images) == (1, 1)
        clock.advance(3 * DAY_S)
        for at_s, was in ((began_s + DAY_S, True), (began_s + 4 * DAY_S, False)):
            answer = await site.subjects.lookup("wanted-1", at_s, "y", principal=ADA)
            assert (answer.was_listed, answer.entries, answer.alerts) == (was, (), ())
        on_list = await site.subjects.lookup("wanted/wanted-1", began_s + 1, "y", principal=ADA)
        assert on_list.was_listed
        elsewhere = await site.subjects.lookup("other/wanted-1", began_s + 1, "y", principal=ADA)
        assert not elsewhere.was_listed
        assert (await logged(site, "subject.lookup"))[0]["subjects"] is None, "its link is erased"


async def test_a_photo_is_compared_once_and_nothing_of_it_is_kept(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        await make_list(site)
        found = await site.subjects.lookup_photo(astronaut(), "photo", "request 14", principal=ADA)
        assert [entry.reference for entry in found.entries] == ["wanted-1"]
        similarity = found.entries[0].similarity
        assert similarity is not None
        assert similarity > 0.9
        stranger = portraits()[0]
        nobody = await site.subjects.lookup_photo(stranger, "photo", "request 15", principal=ADA)
        assert (nobody.entries, nobody.alerts) == ((), ())
        entries = await logged(site, "subject.lookup-photo")
        assert [(item["entries"], item["reason"]) for item in entries] == [
            (1, "request 14"), (0, "request 15"),
        ]  # fmt: skip
        kept = await site.database.read(lambda r: r.count("SELECT count(*) FROM reference_image"))
        assert kept == 1


async def test_what_is_kept_leaves_for_the_person(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        await make_list(site)
        content, zipped = await site.subjects.export(
            "wanted-1", "request 16", photos=True, principal=ADA
        )
        assert zipped
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert archive.namelist() == ["subject.json", "photo-1"]
            assert archive.read("photo-1") == astronaut()
            told = json.loads(archive.read("subject.json"))
        assert told["entries"][0]["basis"] == "warrant 12"
        plain, zipped = await site.subjects.export("wanted-1", "x", photos=False, principal=ADA)
        assert not zipped
        assert json.loads(plain)["entries"] == told["entries"]
        assert [item["class"] for item in await logged(site, "subject.export")] == (
            ["disclosure"] * 2
        )
        with pytest.raises(NotFound):
            await site.subjects.export("nobody", "x", photos=False, principal=ADA)


async def test_two_people_under_one_reference_are_told_apart(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        await make_list(site)
        other = await make_list(site, "banned")
        await site.watchlists.add_entry(NewEntry(other, "wanted-1"), principal=ADA)
        with pytest.raises(Conflict, match="LIST/REFERENCE"):
            await site.subjects.export("wanted-1", "x", photos=False, principal=ADA)
        content, _ = await site.subjects.export("banned/wanted-1", "x", photos=False, principal=ADA)
        assert json.loads(content)["entries"][0]["watchlist_name"] == "banned"

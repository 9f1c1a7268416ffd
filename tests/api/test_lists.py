"""Lists through the socket: changes, the gate, a bulk import that resumes, export, thresholds."""

import csv
import shutil
import zipfile
from pathlib import Path

import pytest

from lfrd.__main__ import parser
from lfrd.cli import lists
from lfrd.cli.imports import ImportOrder, bring_in, take_out
from lfrd.client import Client
from lfrd.errors import BadInput, Conflict, Denied, NotFound
from lfrd.store import watchlists
from lfrd.vocabulary import Category
from lfrd.wire.cameras import CameraCreate
from lfrd.wire.lists import EntryChange, EntryCreate, WatchlistChange, WatchlistCreate
from lfrd.wire.trials import PassageCount
from support.photos import noise, portraits
from support.site import Served, serve

WORDS = "correct horse battery staple"


async def made(client: Client, name: str = "list") -> str:
    new = WatchlistCreate(
        name=name, category=Category.EXCLUDED, purpose="house ban", owner="security", margin=0.02
    )
    return (await client.create_watchlist(new)).id


def table(folder: Path, people: list[bytes]) -> Path:
    """Six people, a wall, a file that is missing, and one photo twice."""
    folder.mkdir()
    for number, photo in enumerate(people):
        (folder / f"{number}.jpg").write_bytes(photo)
    (folder / "wall.jpg").write_bytes(noise(1))
    rows = [(f"p{n}", f"{n}.jpg") for n in range(len(people))]
    rows += [("wall", "wall.jpg"), ("none", "none.jpg"), ("again", "0.jpg")]
    path = folder / "list.csv"
    with path.open("w", newline="") as out:
        csv.writer(out).writerows([("reference", "file"), *rows])
    return path


def order(source: Path, **changes: object) -> ImportOrder:
    given = {"table": None, "dry_run": False, "gate": None, "results": None, "passphrase": None}
    return ImportOrder(source, **(given | changes))  # type: ignore[arg-type]  # names as above


def _client(served: Served) -> Client:
    return Client.over_socket(served.socket)


async def test_an_import_is_tried_dry_done_resumed_exported_and_brought_elsewhere(
    tmp_path: Path,
) -> None:
    people = portraits()
    source = tmp_path / "photos"
    table(source, people)
    packed = tmp_path / "photos.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in source.iterdir():
            archive.write(path, path.name)
    results = tmp_path / "results.csv"
    async with serve(tmp_path / "state") as served, _client(served) as client:
        list_id = await made(client)
        dry = await bring_in(client, list_id, order(source, dry_run=True, results=results))
        assert (dry.run, dry.total, dry.counts["refused"]) == (None, 9, 2)
        with results.open() as lines:
            assert all(row["outcome"].startswith("would be ") for row in csv.DictReader(lines))
        assert (await client.watchlists())[0].entries == 0
        run = (await bring_in(client, list_id, order(source, results=results))).run
        assert run is not None
        assert (run.total, run.done, run.refused) == (9, 9, 2)
        assert run.ended_at_s is not None
        with results.open() as lines:
            outcomes = {row["reference"]: row for row in csv.DictReader(lines)}
        assert outcomes["wall"]["codes"] == "no-face"
        assert outcomes["none"]["outcome"] == "refused"
        assert outcomes["none"]["codes"] == "no-photo"
        assert outcomes["none"]["message"] == "none.jpg is not in the folder"
        twins = [outcomes[name]["codes"] for name in ("p0", "again")]
        assert sum("same-file" in codes for codes in twins) == 1, twins
        again = (await bring_in(client, list_id, order(source))).run
        assert again is not None
        assert (again.id, again.done) == (run.id, 9)
        assert (await client.watchlists())[0].entries == 7
        other = await made(client, "from a zip")
        zipped = (await bring_in(client, other, order(packed))).run
        assert zipped is not None
        assert zipped.done == 9
        archive_path = tmp_path / "list.lfrd"
        assert await take_out(client, list_id, archive_path, WORDS, "a move") > 10_000
        third = await made(client, "from an archive")
        moved = order(archive_path, passphrase=WORDS, results=tmp_path / "moved.csv")
        brought = (await bring_in(client, third, moved)).run
        assert brought is not None
        assert (brought.total, brought.refused) == (7, 0), moved.results.read_text()
        with pytest.raises(BadInput, match="passphrase"):
            await bring_in(client, third, order(archive_path, passphrase="a wrong one"))


async def test_an_import_that_is_run_again_heals(tmp_path: Path) -> None:
    people = portraits()
    source, results = tmp_path / "photos", tmp_path / "photos" / "results.csv"
    table(source, people[:2])
    wanted = order(source, results=results)
    async with serve(tmp_path / "state") as served, _client(served) as client:
        list_id = await made(client)
        first = await bring_in(client, list_id, wanted)
        assert (first.on_the_list, first.counts["refused"], first.whole) == (3, 2, False)
        erased, *_ = await client.entries(list_id)
        await client.delete_entry(erased.id)
        for number, name in enumerate(("none.jpg", "wall.jpg"), start=2):
            (source / name).write_bytes(people[number])
        second = await bring_in(client, list_id, wanted)
        assert (second.on_the_list, second.counts["refused"], second.whole) == (5, 0, True)
        assert second.run is not None
        assert first.run is not None
        assert second.run.id == first.run.id
        entries = await client.entries(list_id)
        assert sorted(entry.reference for entry in entries) == ["again", "none", "p0", "p1", "wall"]
        with results.open() as lines:
            said = {row["reference"]: row["message"] for row in csv.DictReader(lines)}
        assert sum(text.startswith("done before") for text in said.values()) == 2
        copied = tmp_path / "elsewhere"
        shutil.copytree(source, copied)
        third = await bring_in(client, list_id, order(copied))
        assert third.run is not None
        assert (third.run.id != first.run.id, third.counts["duplicate"]) == (True, 5)
        (copied / "1.jpg").write_bytes(people[4])
        fourth = await bring_in(client, list_id, order(copied))
        assert (fourth.on_the_list, fourth.counts["duplicate"]) == (5, 4)
        assert sum(len(entry.photos) for entry in await client.entries(list_id)) == 6


async def test_the_exit_code_says_whether_all_are_on_the_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "anna.jpg").write_bytes(portraits()[0])
    (folder / "wall.jpg").write_bytes(noise(1))
    words = ["import", str(folder), "--list", "list", "--basis", "ban", "--source", "incident 7",
             "--expires", "31.12.2099"]  # fmt: skip
    async with serve(tmp_path / "state") as served, _client(served) as client:
        list_id = await made(client)

        async def run(*more: str) -> tuple[int, str]:
            code = await lists.run(parser().parse_args([*words, *more]), served.socket)
            return code, capsys.readouterr().out.strip()

        assert await run("--dry-run") == (
            2, "dry run: 'list' has 0 entries with 0 photos as before; of 2 rows 1 would be "
            "enrolled, 1 would be refused",
        )  # fmt: skip
        code, said = await run()
        assert (code, said) == (
            2, "'list' has 1 entry with 1 photo now; of 2 rows 1 enrolled, 1 refused"
        )  # fmt: skip
        (folder / "wall.jpg").unlink()
        code, said = await run()
        assert (code, said) == (
            0, "'list' has 1 entry with 1 photo now; of 1 row 1 there already"
        )  # fmt: skip
        (entry,) = await client.entries(list_id)
        assert (entry.reference, entry.basis, entry.source) == ("anna", "ban", "incident 7")
        assert entry.expires_at_s == 4_102_358_400.0


async def test_lists_entries_and_photos_change_through_the_socket(tmp_path: Path) -> None:
    people = portraits()
    async with serve(tmp_path) as served, Client.over_socket(served.socket) as client:
        list_id = await made(client)
        changed = await client.change_watchlist(
            list_id, WatchlistChange(colour="#00ff00", expires_at_s=4e9)
        )
        assert (changed.colour, changed.expires_at_s, changed.margin) == ("#00ff00", 4e9, 0.02)
        ended = await client.change_watchlist(list_id, WatchlistChange(expires_at_s=None))
        assert ended.expires_at_s is None
        entry = await client.add_entry(
            list_id,
            EntryCreate(reference="a", basis="ban", source="incident", under_18=True,
                        under_18_reason="missing", reviewer="ben"),
        )  # fmt: skip
        await served.site.database.write(
            lambda tx: watchlists.close_restored(tx, 1e9), principal="system"
        )
        assert (await client.watchlist(list_id)).restored_from_s == 1e9
        confirmed = await client.confirm_watchlist(list_id)
        assert confirmed.confirmed_by.startswith("user:")
        assert confirmed.restored_from_s is None
        with pytest.raises(Denied):
            await client.approve_entry(entry.id)
        entry = await client.change_entry(entry.id, EntryChange(margin=0.1))
        assert (entry.margin, entry.reviewer, entry.approved_by) == (0.1, "ben", None)
        found = await client.check_photo(people[0], {"entry_id": entry.id})
        assert {finding.weight for finding in found} <= {"note", "warn", "against"}
        photo = await client.enrol_photo(entry.id, people[0], {"name": "x", "gate": "warn"})
        assert photo.quarantined_at_s is None
        photo = await client.quarantine_photo(photo.id, "somebody else")
        assert photo.quarantine_reason == "somebody else"
        await client.release_photo(photo.id)
        with pytest.raises(BadInput, match="box is left"):
            await client.enrol_photo(entry.id, people[1], {"box": "1,2,3"})
        with pytest.raises(Conflict, match="nothing to explain"):
            await _why(client)


async def _why(client: Client) -> None:
    await client.add_camera(CameraCreate(id="door", address="rtsp://127.0.0.1:9/x"))
    await client.why("door")


async def test_a_threshold_is_derived_for_a_list_and_refused_beyond_reach(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, Client.over_socket(served.socket) as client:
        list_id = await made(client)
        entry = await client.add_entry(
            list_id, EntryCreate(reference="a", basis="ban", source="incident")
        )
        await client.enrol_photo(entry.id, portraits()[0], {"name": "x"})
        usual = await client.threshold([list_id], 1000)
        assert usual.references == 1
        assert usual.one_in == pytest.approx(1000)
        assert usual.one_in_worst < 1000
        stricter = await client.threshold([list_id], 100_000)
        assert stricter.threshold > usual.threshold
        assert stricter.extrapolated
        with pytest.raises(Conflict, match="cannot keep the promise"):
            await client.threshold([list_id], 9e8)


async def test_a_passage_is_counted_only_while_a_deployment_runs(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, _client(served) as client:
        await client.add_camera(CameraCreate(id="door", address="rtsp://127.0.0.1:9/x"))
        new = PassageCount(camera_id="door", entry_id="nobody")
        with pytest.raises(Conflict, match="no deployment runs"):
            await client.count_passage(new)
        with pytest.raises(NotFound, match="camera"):
            await client.count_passage(PassageCount(camera_id="none", entry_id="nobody"))
        with pytest.raises(NotFound):
            await client.take_passage_back("none")
        with pytest.raises(NotFound):
            await client.trial("none", 30.0)
        with pytest.raises(NotFound):
            await client.passages("none")

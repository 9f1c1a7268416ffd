"""Lists through the socket: changes, the gate, a bulk import that resumes, export, thresholds."""

import csv
import zipfile
from pathlib import Path

import pytest

from lfrd.cli.imports import ImportOrder, bring_in, take_out
from lfrd.client import Client
from lfrd.errors import BadInput, Conflict, Denied, NotFound
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
        assert await bring_in(client, list_id, order(source, dry_run=True)) is None
        assert (await client.watchlists())[0].entries == 0
        run = await bring_in(client, list_id, order(source, results=results))
        assert run is not None
        assert (run.total, run.done, run.refused) == (9, 9, 2)
        assert run.ended_at_s is not None
        with results.open() as lines:
            outcomes = {row["reference"]: row for row in csv.DictReader(lines)}
        assert outcomes["wall"]["codes"] == "no-face"
        assert outcomes["none"]["outcome"] == "refused"
        twins = [outcomes[name]["codes"] for name in ("p0", "again")]
        assert sum("same-file" in codes for codes in twins) == 1, twins
        again = await bring_in(client, list_id, order(source))
        assert again is not None
        assert (again.id, again.done) == (run.id, 9)
        assert (await client.watchlists())[0].entries == 7
        other = await made(client, "from a zip")
        zipped = await bring_in(client, other, order(packed))
        assert zipped is not None
        assert zipped.done == 9
        archive_path = tmp_path / "list.lfrd"
        assert await take_out(client, list_id, archive_path, WORDS, "a move") > 10_000
        third = await made(client, "from an archive")
        moved = order(archive_path, passphrase=WORDS, results=tmp_path / "moved.csv")
        brought = await bring_in(client, third, moved)
        assert brought is not None
        assert (brought.total, brought.refused) == (7, 0), moved.results.read_text()
        with pytest.raises(BadInput, match="passphrase"):
            await bring_in(client, third, order(archive_path, passphrase="a wrong one"))


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
        assert (await client.confirm_watchlist(list_id)).confirmed_by.startswith("user:")
        entry = await client.add_entry(
            list_id,
            EntryCreate(reference="a", basis="ban", source="incident", under_18=True,
                        under_18_reason="missing", reviewer="ben"),
        )  # fmt: skip
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

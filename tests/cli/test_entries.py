"""One person, one command, and no id is typed for it."""

import asyncio
import json
from pathlib import Path

import pytest

from lfrd.client import Client
from lfrd.vocabulary import Category
from lfrd.wire.lists import WatchlistCreate
from support.photos import noise, portraits
from support.program import Call, Ran, refused
from support.site import serve

BANS, FANS = "House bans", "Fans"


async def make_lists(client: Client) -> None:
    for name in (BANS, FANS):
        await client.create_watchlist(
            WatchlistCreate(name=name, category=Category.TEST, purpose="p", owner="o")
        )


async def test_somebody_is_enrolled_shown_changed_and_taken_off(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    photos = [tmp_path / f"{n}.jpg" for n in range(3)]
    for path, data in zip(photos, portraits(), strict=False):
        path.write_bytes(data)
    empty = tmp_path / "empty.jpg"
    empty.write_bytes(noise(1))
    text = tmp_path / "x.gif"
    text.write_bytes(b"GIF89a")

    async def run(*words: str | Path) -> Ran:
        return await asyncio.to_thread(call, *words)

    async def done(*words: str | Path) -> str:
        ran = await run(*words)
        assert ran.code == 0, ran.err
        return ran.out

    said = ("--basis", "ban of 3 May", "--source", "incident 12")
    monkeypatch.setenv("LFRD_SITE__STATE_DIR", str(state))
    async with serve(state) as served:
        client = served.client
        await make_lists(client)
        enrol = ("watchlist", "enrol", "house bans", "anna")
        refused(await run(*enrol, photos[0]), "anna is not on the list yet", "--basis and --source")
        bad = await run(*enrol, photos[0], empty, text, *said)
        assert bad.code == 2
        assert "empty.jpg" in bad.err
        assert "x.gif" in bad.err
        assert "nothing was enrolled" in bad.err
        assert await client.watchlist((await client.watchlists())[1].id)
        assert [item.entries for item in await client.watchlists()] == [0, 0]

        assert "photo 1" in await done(*enrol, photos[0], *said)
        again = json.loads(await done(*enrol, photos[0], photos[0].with_name("1.jpg"), "--json"))
        assert len(again["photos"]) == 2, "the same command goes on, and nothing is there twice"
        refused(await run(*enrol, photos[2], "--basis", "other"), "another basis", "entry edit")
        await done(
            "watchlist", "enrol", FANS, "anna", photos[2], *said, "--same-as", "house bans/ANNA",
            "--taken", "2020-05-03", "--look-alikes", "a twin, who works next door",
        )  # fmt: skip
        refused(
            await run("watchlist", "enrol", FANS, "anna", photos[1], "--taken", "2090-01-01"),
            "not taken in the future",
        )
        shown = await done("entry", "show", "Fans/anna")
        assert "taken 2020-05-03" in shown
        assert "like them a twin, who works next door" in shown
        assert "of no known date" in await done("entry", "show", "House bans/anna")
        assert (await done("watchlist", "entries", BANS)).startswith("anna  ")

        refused(await run("entry", "show", "anna"), "could be: Fans/anna, House bans/anna")
        refused(await run("entry", "show", "Fans/anne"), "there is: Fans/anna, House bans/anna")
        bans = json.loads(await done("entry", "show", "house bans/anna", "--json"))
        fans = json.loads(await done("entry", "show", "Fans/anna", "--json"))
        assert bans["person_id"] == fans["person_id"]

        edited = await done(
            "entry", "edit", "Fans/anna", "--expires", "2040-01-01", "--margin", "0"
        )
        assert "2040-01-01 00:00 UTC" in edited
        assert "never" in await done("entry", "edit", "Fans/anna", "--expires", "never")
        refused(await run("entry", "edit", "Fans/anna"), "say what is to be changed")

        refused(await run("entry", "quarantine", "House bans/anna", "--reason", "r"), "--photo")
        held = await done("entry", "quarantine", "House bans/anna", "--photo", "2", "--reason", "r")
        assert "compared, 1 in quarantine" in held
        assert "compared, 1" not in await done("entry", "release", "House bans/anna")
        refused(await run("entry", "release", "House bans/anna"), "no photo", "in quarantine")

        refused(
            await run("entry", "remove", "House bans/anna"), "'House bans/anna' with 2", "--yes"
        )
        one = await done("entry", "remove", "House bans/anna", "--photo", "2", "--yes")
        assert "0 entries, 1 photos, 1 templates" in one
        gone = await done("entry", "remove", "House bans/anna", "--yes", "--reason", "over")
        assert "1 entries, 1 photos, 1 templates" in gone
        assert ": over" in gone
        assert await done("watchlist", "entries", BANS) == "House bans has no entries\n"

        many = tmp_path / "many"
        many.mkdir()
        photos[0].rename(many / "ben.jpg")
        photos[1].rename(many / "cem.jpg")
        assert "'House bans' has 2 entries" in await done(
            "watchlist", "import", "house bans", many, *said
        )
        again = await done("import", many, "--list", BANS, *said)
        assert "2 entries with 2 photos now" in again
        assert "there already" not in again, "it is the same import, and goes on"


async def test_everything_else_is_named_by_what_people_call_it(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    photo = tmp_path / "a.jpg"
    photo.write_bytes(portraits()[0])

    async def run(*words: str | Path) -> Ran:
        return await asyncio.to_thread(call, *words)

    monkeypatch.setenv("LFRD_SITE__STATE_DIR", str(state))
    async with serve(state) as served:
        client = served.client
        await make_lists(client)
        draft = ("deployment", "draft", "--profile", "standard", "--watchlist", "fans",
                 "--use-case", "test", "--place", "gate", "--hours", "1", "--purpose")  # fmt: skip
        for purpose in ("Match day", "match DAY"):
            assert (await run(*draft, purpose)).code == 0
        refused(await run("deployment", "gate", "MATCH day"), "could be: Match day at gate")
        assert (await run("deployment", "cancel", "Match day", "--reason", "r")).code == 0
        assert (await run("deployment", "gate", "MATCH day")).code == 0, "the other one has ended"
        assert (await run("deployment", "show", "latest")).code == 0
        refused(await run("deployment", "show", "current"), "no deployment is running")

        assert (await run("token", "create", "--principal", "anna")).code == 0
        assert (await run("token", "revoke", "anna")).code == 0
        refused(await run("token", "revoke", "anna"), "no token 'anna'")

        said = ("--basis", "b", "--source", "s")
        assert (await run("watchlist", "enrol", "fans", "anna", photo, *said)).code == 0
        assert (await run("hold", "ask", "person", "anna", "--reason", "case 12")).code == 0
        refused(await run("hold", "confirm", "case 13"), "there is: person: case 12")
        assert "person Fans/anna (" in (await run("hold", "list")).out
        assert (await run("hold", "release", "case 12", "--reason", "over")).code == 0
        refused(
            await run("erasure", "erase", "photo", "anna#7", "--reason", "r"), "no photo of anna"
        )
        refused(await run("erasure", "erase", "photo", "anna", "--reason", "r"), "LIST/REFERENCE#2")
        erased = await run("erasure", "erase", "watchlist", "FANS", "--reason", "r", "--yes")
        assert "asked by" in erased.out
        for nouns in ("hold", "erasure"):
            listed = (await run(nouns, "list")).out
            assert listed
            assert "anna" not in listed.replace("case", ""), "who was erased has no name any more"
            assert "Fans" not in listed

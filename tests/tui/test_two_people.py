"""Two people on the same form: who saves second is told, and nothing of either is lost."""

from pathlib import Path

from lfrd.wire.cameras import CameraChange, CameraCreate, Regions
from lfrd.wire.deployments import DeploymentChange
from lfrd.wire.lists import EntryChange, WatchlistChange, WatchlistCreate
from support.desk import WAIT_S, Desk, desk, listed, made, planned
from support.site import serve
from support.terminal import text_of, until

TOLD = "somebody else has changed it meanwhile. It has now "


async def types(at: Desk, field: str, text: str) -> None:
    """This text, in place of what stands there."""
    box = at.pilot.app.screen.query_one(f"#{field}")
    box.focus()
    box.value = text  # type: ignore[attr-defined]
    await at.pilot.pause()


async def opened(at: Desk, *keys: str, title: str) -> None:
    """A form, once it knows what is true now."""
    await at.press(*keys)
    await at.sees(title)
    form = at.pilot.app.screen
    await until(at.pilot, lambda: form._tag is not None, WAIT_S)  # type: ignore[attr-defined]


async def test_a_list_and_a_person_on_it(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        client = served.client
        watchlist = await made(client)
        entry_id = await listed(client, watchlist, "P-001")
        async with desk(served, (80, 24)) as at:
            await at.press("l")
            await at.sees("P-001")
            await opened(at, "e", title="Change watchlist House bans")
            await types(at, "purpose", "bans of this house")
            theirs = WatchlistChange(purpose="bans", owner="the night desk", margin=0.05)
            await client.change_watchlist(watchlist.id, theirs)
            await at.press("enter")
            await at.sees(TOLD + "owner: “the night desk”; margin: “0.05”")
            form = at.pilot.app.screen
            assert form.query_one("#purpose").value == "bans of this house"  # type: ignore[attr-defined]
            assert form.query_one("#owner").value == "the night desk"  # type: ignore[attr-defined]
            assert (await client.watchlist(watchlist.id)).purpose == "bans"
            await at.press("enter")
            await at.sees("watchlist House bans is as you set it")
            now = await client.watchlist(watchlist.id)
            assert (now.purpose, now.owner, now.margin) == (
                "bans of this house", "the night desk", 0.05,
            )  # fmt: skip

            await at.press("right")
            await opened(at, "e", title="Change P-001")
            await types(at, "basis", "ban of 4 May")
            await client.change_entry(entry_id, EntryChange(basis="ban of 5 May"))
            await at.press("enter")
            await at.sees(TOLD + "why: “ban of 5 May”. What you typed is still here")
            await at.press("enter")
            await at.sees("P-001 is as you set it")
        assert (await client.entry(entry_id)).basis == "ban of 4 May"


async def test_a_camera_and_its_regions(tmp_path: Path) -> None:
    square = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75))
    async with serve(tmp_path) as served:
        client = served.client
        await client.add_camera(CameraCreate(id="gate", address="rtsp://127.0.0.1:9/x"))
        async with desk(served, (80, 24)) as at:
            await at.press("c")
            await at.sees("rtsp://127.0.0.1:9/x")
            await opened(at, "e", title="Change camera gate")
            await types(at, "name", "North gate")
            await client.change_camera("gate", CameraChange(address="rtsp://127.0.0.1:9/y"))
            await at.press("enter")
            await at.sees(TOLD + "the address: “rtsp://127.0.0.1:9/y”")
            await at.press("enter")
            await at.sees("camera North gate is as you set it")

            await opened(at, "r", title="Where to look through North gate")
            await at.press("space", "shift+right", "space", "shift+down", "space", "i")
            theirs = Regions(include=(), privacy=(square,))
            await client.change_camera("gate", CameraChange(regions=theirs))
            await at.press("ctrl+s")
            await at.sees("somebody else changed this camera meanwhile: 0 to look in, 1 hidden")
            assert (await client.camera("gate")).regions == theirs
            await at.press("ctrl+s")
            await at.sees("camera North gate looks where you drew")
        assert len((await client.camera("gate")).regions.include) == 1


async def test_a_plan(tmp_path: Path) -> None:
    """Its lists that were made meanwhile, too: they are named, and stay in the plan."""
    async with serve(tmp_path) as served:
        client = served.client
        watchlist = await made(client)
        await listed(client, watchlist, "P-001")
        plan = await planned(client, watchlist)
        async with desk(served, (120, 40)) as at:
            await at.press("d")
            await at.sees("it must be authorised first")
            await opened(at, "e", title="Change the plan")
            await types(at, "place", "the back door")
            second = await client.create_watchlist(
                WatchlistCreate(
                    name="Barred", category=watchlist.category, purpose="bans", owner="the desk"
                )
            )
            theirs = DeploymentChange(
                purpose="to keep them out", watchlist_ids=(watchlist.id, second.id)
            )
            await client.governance.amend(plan, theirs)
            await at.press("enter")
            await at.sees(f"{TOLD}lists that are new: “1”; what for: “to keep them out”")
            await at.press("enter")
            await at.sees("the plan is written down")
            await at.sees("House bans, Barred")
            assert "gone" not in text_of(at.pilot)
        now = await client.deployment(plan)
        assert (now.purpose, now.place) == ("to keep them out", "the back door")
        assert set(now.watchlist_ids) == {watchlist.id, second.id}


async def test_what_another_changes_is_seen_where_it_is_shown(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        client = served.client
        watchlist = await made(client)
        plan = await planned(client, watchlist)
        async with desk(served, (120, 40)) as at:
            await at.press("d")
            await at.sees("the entrance")
            await client.governance.amend(plan, DeploymentChange(place="the back door"))
            await at.sees("the back door")
            await at.press("escape", "l")
            await at.sees("Nobody is on this list")
            await listed(client, watchlist, "P-001")
            await at.sees("P-001 ✗ no photo")

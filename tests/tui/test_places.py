"""The places around the candidates, driven by keys, on the API of a real site."""

import re
from pathlib import Path

import pytest

from lfrd.demo.clip import listed_photo
from lfrd.store import watchlists
from lfrd.vocabulary import DeploymentState
from lfrd.wire.alerts import ReviewDecision, ReviewSubmit, Shown
from lfrd.wire.cameras import CameraCreate
from support.desk import WAIT_S, desk, listed, made, planned
from support.photos import portraits
from support.site import deploy, make_list, see_somebody, serve
from support.terminal import text_of, until
from tui.widgets.picture import Picture

SIZES = [(80, 24), (120, 40)]
SEEN = Shown(face_px=64, reference_px=64, seen_s=2.0)


@pytest.mark.parametrize("size", SIZES)
async def test_a_plan_is_mended_line_by_line_and_discarded(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with serve(tmp_path) as served:
        client = served.client
        watchlist = await made(client)
        await listed(client, watchlist, "P-001", listed_photo())
        await planned(client, watchlist, place="", documents=())
        async with desk(served, size) as at:
            await at.press("d")
            await at.sees("the place is missing")
            await at.sees("no camera is enabled")
            await at.press("m")  # the first that bars the start: the form begins at its field
            await at.sees("Change the plan")
            await at.type("the entrance")
            await at.press("enter")
            await at.sees_no_more("the place is missing")
            await at.press("u")
            await at.sees("it cannot be authorised: a reference to the impact assessment")
            await at.press("s")
            await at.sees("4 things bar the start: m mends the first")
            await client.add_camera(CameraCreate(id="gate", address="rtsp://127.0.0.1:9/x"))
            await at.press("x")
            await at.sees("Discard this plan")
            await at.type("planned twice")
            await at.press("enter")
            await at.sees("the plan is discarded")
        (plan,) = await client.deployments()
        assert (plan.state, plan.end_reason) == (DeploymentState.ENDED, "planned twice")


async def test_what_an_operator_may_not_do_says_who_may(tmp_path: Path) -> None:
    async with serve(tmp_path, secrets={"word": "anna"}) as served:
        watchlist = await made(served.client)
        plan = await planned(served.client, watchlist)
        async with desk(served, (80, 24), "word") as at:
            await at.press("A")
            await at.sees("the audit log is read by supervisors")
            await at.press("d")
            await at.sees("it must be authorised first")
            await at.press("u")
            await at.sees("you are an operator: a supervisor may do this")
            await listed(served.client, watchlist, "P-001")
            await served.site.database.write(
                lambda tx: watchlists.close_restored(tx, 1e9), principal="system"
            )
            await at.press("escape", "l")
            await at.sees("▲ of a backup: y confirms")
            await at.press("y")
            await at.sees("you are an operator: a supervisor may do this")
        assert (await served.client.deployment(plan)).state is DeploymentState.DRAFT


async def test_an_urgent_start_is_asked_about_where_the_rules_know_one(tmp_path: Path) -> None:
    async with serve(tmp_path, secrets={"word": "anna"}, profile="uk-police") as served:
        await planned(served.client, await made(served.client), profile="uk-police")
        for secret, words in (
            ("word", "its lists are erased after use: a supervisor may start it urgently"),
            (None, "Start without authority, to be ratified by another: why?"),
        ):
            async with desk(served, (80, 24), secret) as at:
                await at.press("d")
                await at.sees("it must be authorised first")
                await at.press("U")
                await at.sees(words)


async def test_lists_are_browsed_searched_and_changed(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        client = served.client
        watchlist = await made(client)
        await listed(client, watchlist, "P-001", listed_photo())
        await listed(client, watchlist, "X-007")
        async with desk(served, (80, 24)) as at:
            await at.press("l")
            await at.sees("House bans")
            await at.sees("X-007 ✗ no photo")
            await at.press("right")
            await at.sees("ban of 3 May")
            picture = at.pilot.app.screen.query_one("#person-photo", Picture)
            await until(at.pilot, lambda: picture.has_image, WAIT_S)
            await at.press("w")
            await at.sees("Compare with this photo no more")
            await at.type("somebody else")
            await at.press("enter")
            await at.sees("▮ in quarantine")
            await at.press("w")
            await at.sees("is compared with this photo again")
            await at.press("slash")
            await at.type("x-0")
            await at.sees_no_more("P-001")
            await at.press("enter")
            await at.press("x")
            await at.sees("Erase X-007: why?")
            assert "0 photos" in at.text()
            await at.type("the ban was lifted")
            await at.press("enter")
            await at.sees("X-007 is erased")
            await at.press("left", "y")
            await at.sees("Did you look House bans over?")
            await at.press("y")
            await at.sees("is confirmed as of now")
        assert [e.reference for e in await client.entries(watchlist.id)] == ["P-001"]


async def test_a_photo_is_judged_before_it_is_kept(tmp_path: Path) -> None:
    """The verdict is drawn on the photo; what would be refused keeps the form open."""
    photo, none = tmp_path / "astronaut.jpg", tmp_path / "nobody.png"
    photo.write_bytes(listed_photo())
    from PIL import Image

    Image.new("RGB", (200, 200), "grey").save(none)
    async with serve(tmp_path / "state") as served:
        watchlist = await made(served.client)
        async with desk(served, (120, 40)) as at:
            await at.press("l")
            await at.sees("Nobody is on this list")
            await at.press("a")
            await at.sees("Put a person on a list")
            await at.type(str(none))
            await at.sees("✗ would be refused")
            await at.press("enter")
            await at.sees("no face was found in photo nobody.png")
            box = at.pilot.app.screen.query_one("#photos")
            box.value = str(photo)  # type: ignore[attr-defined]
            await at.sees("✓ can be enrolled")
            picture = at.pilot.app.screen.query_one("#verdict-photo", Picture)
            assert picture.has_image
            await at.press("enter")
            await at.sees("say why they are listed and where the photo is from")
            assert await served.client.entries(watchlist.id) == ()
            await at.type("ban of 3 May")  # the keys went to the first field that is missing
            await at.press("tab")
            await at.type("incident 12")
            await at.press("enter")
            await at.sees("P-001 is as you set it")
        (entry,) = await served.client.entries(watchlist.id)
        assert (entry.basis, len(entry.photos)) == ("ban of 3 May", 1)


async def test_history_shows_a_score_only_to_whom_it_may(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        client = served.client
        list_id = await make_list(served.site)
        await client.add_camera(CameraCreate(id="gate", address="rtsp://127.0.0.1:9/x"))
        plan = (await deploy(served.site, list_id)).id
        decided = await see_somebody(served.site, plan, list_id, 1)
        await see_somebody(served.site, plan, list_id, 2)
        review = ReviewSubmit(shown=SEEN, decision=ReviewDecision.MATCH, reason="same ears")
        await client.submit_review(decided.id, review)
        shown = (await client.finish_review(decided.id)).revealed
        assert shown is not None
        async with desk(served, (120, 40)) as at:
            await at.press("h")
            await at.sees("History · all")
            await at.sees(f"✓ match {shown.score:.3f}")
            assert at.text().count(f"{shown.score:.3f}") == 1
            assert "not by you: score and decisions of others come afterwards" in at.text()
            await at.press("f")
            await at.sees("decided by me")
            await at.sees("same ears")
            assert f"score {shown.score:.3f}" in at.text()
            await at.press("slash")
            await at.type("yesterday")
            await at.press("enter")
            await at.sees("Nothing was found")


async def test_the_log_is_filtered_and_checked_whole(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        watchlist = await made(served.client)
        await served.client.confirm_watchlist(watchlist.id)
        async with desk(served, (120, 40)) as at:
            await at.press("A")
            await at.sees("a watchlist was confirmed")
            await at.sees("list House bans")
            await at.press("slash")
            await at.type("erased")
            await at.press("enter")
            await at.sees_no_more("a watchlist was confirmed")
            await at.press("v")
            await at.sees("Check the whole log?")
            await at.press("y")
            await at.sees("✓ The log is in order.")
            assert "signed checkpoints" in at.text()
        leaves = (await served.client.audit_leaves({"limit": 5})).leaves
        assert "checked in the terminal" in str([leaf.facts for leaf in leaves])


async def test_statistics_have_a_chart_for_each_figure(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        client = served.client
        list_id = await make_list(served.site)
        await client.add_camera(CameraCreate(id="gate", address="rtsp://127.0.0.1:9/x"))
        plan = (await deploy(served.site, list_id)).id
        seen = await see_somebody(served.site, plan, list_id)
        await client.submit_review(seen.id, ReviewSubmit(shown=SEEN, decision=ReviewDecision.MATCH))
        await client.finish_review(seen.id)
        async with desk(served, (120, 40)) as at:
            await at.press("S")
            await at.sees("0 passing faces")
            await at.press("j")
            await at.sees("1 candidate")
            await at.press("j")
            await at.sees("█ 1")  # match
            await at.sees("not a match 0")
            cells = at.text().count("█")
            at.pilot.app.screen.query_one("#charts").display = False
            await until(at.pilot, lambda: at.text().count("█") > cells)  # as wide as there is room
            at.pilot.app.screen.query_one("#charts").display = True
            await at.press("j")
            await at.sees("1 decisions that you may know of")
            await at.press("j")
            await at.sees("1 decided candidates whose score you may know")
            await at.press("j", "j", "j", "j")
            await at.sees("agreed: of those that others decided too")


async def test_an_import_says_what_to_mend_and_goes_on_once_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "P-001.jpg").write_bytes(listed_photo())
    (folder / "P-002.jpg").write_bytes(b"no picture")
    async with serve(tmp_path / "state") as served:
        watchlist = await made(served.client)
        async with desk(served, (100, 30)) as at:
            await at.press("l")
            await at.sees("House bans")
            await at.press("i")
            await at.sees("Import into House bans")
            await at.type(str(folder))
            await at.press("tab")
            await at.type("ban of 3 May")
            await at.press("tab")
            await at.type("incident book")
            await at.press("enter")
            await at.sees("● 1 of 2 rows on House bans; mend what is below")
            await at.sees("✗ refused row 2 P-002:")
            (folder / "P-002.jpg").write_bytes(portraits()[1])
            await at.press("enter")
            await at.sees("● 2 of 2 rows on House bans")
            await at.press("escape")
            await at.sees("P-002")
        found = await served.client.entries(watchlist.id)
        assert [(e.reference, len(e.photos)) for e in found] == [("P-001", 1), ("P-002", 1)]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_from_which_entry_on_the_log_is_held_back_is_said_in_full(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with serve(tmp_path) as served:
        await served.client.add_camera(CameraCreate(id="gate", address="rtsp://127.0.0.1:9/x"))
        list_id = await make_list(served.site)
        await see_somebody(served.site, (await deploy(served.site, list_id)).id, list_id)
        async with desk(served, size) as at:
            await at.sees("wanted-1")
            await at.press("A")
            await at.sees("▲ from entry")
            box = at.screen.query_one("#log-held")
            rows = text_of(at.pilot).splitlines()[box.region.y : box.region.bottom]
            said = " ".join(row[box.region.x : box.region.right].strip() for row in rows)
            assert re.fullmatch(
                r"▲ from entry \d+ on: shown once you have decided what waits", said
            )

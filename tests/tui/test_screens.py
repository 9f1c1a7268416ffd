"""Every screen as it stands, in up to three sizes: what is said, where, and in which style.

`make snapshots` writes the files anew; what changed is then seen in their difference.
They take 15 s, so they run with the end-to-end tests: the plain ones have five minutes in all.
"""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from textual.events import Paste
from textual.pilot import Pilot

from lfrd.client import Client
from lfrd.clock import ManualClock
from lfrd.demo.clip import listed_photo
from lfrd.vocabulary import Category, UseCase
from lfrd.wire.alerts import AlertState, ReviewDecision, ReviewSubmit, Shown
from lfrd.wire.cameras import CameraChange, CameraCreate, CameraState
from lfrd.wire.deployments import DeploymentDraft
from lfrd.wire.lists import EntryCreate, WatchlistCreate
from support.site import HOUR_S, Served, deploy, make_list, see_somebody, serve
from support.snapshots import SIZES, Walk
from support.terminal import (
    NOW_S,
    Desk,
    alert,
    app_on,
    camera,
    look,
    rates,
    revealed,
    review,
    rival,
    screen_of,
)

pytestmark = pytest.mark.e2e
SEEN = Shown(face_px=64, reference_px=64, seen_s=2.0)


@pytest.fixture(autouse=True)
def alike_everywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Time zone, user and home."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("HOME", "/home/ada")
    time.tzset()
    user = SimpleNamespace(pw_name="ada")
    monkeypatch.setattr("lfrd.api.auth.pwd", SimpleNamespace(getpwuid=lambda _: user))
    yield
    monkeypatch.undo()
    time.tzset()


def busy_desk() -> Desk:
    """Candidates of each state, and a camera of each of some states."""
    mine = review(final_at_s=NOW_S - 40)
    desk = Desk(
        alert(1, raised_at_s=NOW_S - 5, rivals=(rival(9),)),
        alert(2, raised_at_s=NOW_S - 400).model_copy(update={"entry_id": "entry-2"}),
        alert(3, raised_at_s=NOW_S - 420).model_copy(update={"entry_id": "entry-2"}),
        alert(4, raised_at_s=NOW_S - 1_000).model_copy(update={"escalated": True}),
        alert(
            5,
            raised_at_s=NOW_S - 100,
            state=AlertState.CLOSED,
            my_review=mine,
            shown=revealed(mine),
        ),
    )
    desk.cameras_held = (
        camera().model_copy(update={"rates": rates()}),
        camera(CameraState.LOST, "no frame for 12 s", name="Car park"),
        camera(CameraState.PAUSED, "an operator paused it", name="Yard"),
    )
    return desk


async def test_the_candidates() -> None:
    desk = busy_desk()
    async with screen_of(desk, SIZES[0]) as (pilot, screen):
        walk = Walk(pilot, SIZES)
        await look(pilot, screen, desk.advance)
        await walk.shows("review")
        walk.sizes = SIZES[:2]
        await walk.shows("review-other", "o", after="OTHER PERSON")
        await walk.press("o")
        await look(pilot, screen, desk.advance)
        await walk.asks("compare", "enter", after="SEEN", grows=True)
        await walk.asks("reason", "r", *"same scar")
        await walk.asks("filter", "F")
        await walk.asks("scene", "s", after="no other person", grows=True)
        await walk.asks("end", "E")
        await walk.asks("palette", "ctrl+p", after="Compare the faces", grows=True)
        await walk.asks("help", "question_mark", grows=True)
        await look(pilot, screen, desk.advance)
        await walk.shows("decided", "m", after="undoes it")
        desk.advance(20)
        await walk.shows("revealed", "end", after="score 0.471")
        await walk.asks("outcome", "w")
        desk.go_away()
        await walk.shows("away", after="daemon away")


async def test_no_deployment() -> None:
    desk = Desk()
    desk.deployment_held = None
    async with screen_of(desk, SIZES[0]) as (pilot, _):
        walk = Walk(pilot)
        await walk.shows("guide", after="Make a watchlist")
        await walk.asks("guide-camera", "1")
        await walk.asks("guide-list", "a")


async def test_the_cameras() -> None:
    desk = busy_desk()
    async with screen_of(desk, SIZES[0]) as (pilot, _):
        walk = Walk(pilot)
        await walk.shows("cameras", "c", after="Car park")
        await walk.press("j")
        await walk.asks("camera-edit", "e", grows=True)
        await walk.asks("camera-test", "t")
        await walk.asks("camera-view", "v", grows=True)
        await walk.asks("camera-regions", "r", grows=True)
        await walk.asks("camera-remove", "x")
        await walk.shows("camera-grid", "g", after="R Look again")


@asynccontextmanager
async def places(served: Served, clock: ManualClock) -> AsyncIterator[Pilot[None]]:
    """A terminal on a real site."""
    async with Client.over_socket(served.socket, printable=True) as client:
        app = app_on(client, clock.wall_s)
        async with app.run_test(size=SIZES[0]) as pilot:
            yield pilot


async def listed(served: Served) -> str:
    """A list with two people, one of them with a photo; its id."""
    made = await served.client.create_watchlist(
        WatchlistCreate(
            name="House bans", category=Category.EXCLUDED, purpose="bans", owner="the desk"
        )
    )
    for reference in ("P-001", "P-002"):
        entry = await served.client.add_entry(
            made.id,
            EntryCreate(
                reference=reference, basis="ban of 3 May", source="incident 12", reviewer="ben"
            ),
        )
        if reference == "P-001":
            await served.client.add_photo(entry.id, listed_photo(), "photo.jpg")
    return made.id


async def test_the_watchlists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "P-003.jpg").write_bytes(listed_photo())
    monkeypatch.chdir(tmp_path / "photos")
    async with serve(tmp_path / "state", clock) as served:
        await listed(served)
        async with places(served, clock) as pilot:
            walk = Walk(pilot)
            await walk.sees("health ok")
            await walk.shows("watchlists", "l", after="P-002")
            await walk.asks("list-new", "n")
            await walk.asks("list-edit", "e")
            await walk.asks("list-import", "i")
            await walk.asks("list-export", "X")
            await walk.asks("list-confirm", "y")
            await walk.asks("list-erase", "x")
            await walk.shows("person", "right", after="ban of 3 May")
            await walk.asks("person-edit", "e")
            await walk.asks("person-photos", "p")
            await walk.asks("person-quarantine", "w")
            await walk.asks("person-erase", "x")
            await walk.press("a")
            await walk.sees("Put a person on a list")
            pilot.app.post_message(Paste("P-003.jpg"))
            await walk.asks("person-add", after="can be enrolled", grows=True)
            await walk.shows("search", "slash", *"002")


async def test_the_deployments(tmp_path: Path) -> None:
    clock = ManualClock()
    async with serve(tmp_path, clock) as served:
        draft = DeploymentDraft(
            profile="standard", purpose="to keep banned visitors out", place="",
            use_case=UseCase.ENFORCE_EXCLUSION, expectation="they come back", documents=(),
            watchlist_ids=(await listed(served),), duration_s=4 * HOUR_S,
        )  # fmt: skip
        await served.client.governance.draft(draft)
        async with places(served, clock) as pilot:
            walk = Walk(pilot)
            await walk.sees("health ok")
            await walk.shows("deployments", "d", after="the place is missing")
            await walk.asks("deployment-plan", "a")
            await walk.asks("deployment-change", "e")
            await walk.asks("deployment-discard", "x")


async def test_after_a_decision(tmp_path: Path) -> None:
    clock = ManualClock()
    async with serve(tmp_path, clock) as served:
        client = served.client
        list_id = await make_list(served.site)
        await client.add_camera(
            CameraCreate(id="gate", address="rtsp://127.0.0.1:9/x", name="Gate")
        )
        plan = (await deploy(served.site, list_id)).id
        await client.change_camera("gate", CameraChange(enabled=False))
        decided = await see_somebody(served.site, plan, list_id, 1)
        await see_somebody(served.site, plan, list_id, 2)
        clock.advance(60)
        review = ReviewSubmit(shown=SEEN, decision=ReviewDecision.MATCH, reason="same ears")
        await client.submit_review(decided.id, review)
        await client.finish_review(decided.id)
        clock.advance(60)
        async with places(served, clock) as pilot:
            walk = Walk(pilot)
            await walk.sees("wanted-1")
            await walk.shows("running", "d", after="0 passing faces")
            await walk.asks("running-extend", "plus")
            await walk.shows("record", "r", after="passing faces")
            await walk.asks("record-write", "w")
            await walk.press("escape", "escape")
            await walk.shows("history", "h", after="✓ match")
            await walk.press("escape")
            await walk.shows("log", "A", after="a deployment began")
            await walk.asks("log-check", "v")
            await walk.asks("log-write", "w")
            await walk.press("escape")
            await walk.shows("statistics", "S", after="0 passing faces")
            await walk.shows("statistics-decisions", "j", "j", after="2 candidates")
            await walk.shows("statistics-reviewers", *["j"] * 6, after="agreed")

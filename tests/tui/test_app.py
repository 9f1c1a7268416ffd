"""The real app on the real daemon: socket, database, events and reviews included."""

import asyncio
import gc
import io
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PIL import Image
from textual.pilot import Pilot
from textual.widgets import Input

from lfrd.client import Client
from lfrd.clock import Clock, ManualClock, SystemClock
from lfrd.errors import Conflict, Denied, UserError
from lfrd.store import deployments, episodes, reference_images, watchlists
from lfrd.store.episodes import Evidence, NewEpisode
from lfrd.store.reference_images import NewReferenceImage
from lfrd.store.transaction import Transaction
from lfrd.store.watchlists import NewEntry
from lfrd.wire.people import TokenCreate
from support.desk import made, planned
from support.site import Served, serve
from support.store import MODEL, QUALITY, add_list, start_deployment
from support.terminal import app_on, look, text_of, until
from tui.app import forget_closed, run_tui
from tui.screens.main import MainScreen


def png(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (112, 112), colour).save(out, "PNG")
    return out.getvalue()


async def raise_candidate(served: Served, reference: str) -> None:
    """A person on a list, compared in the running deployment, over the threshold."""

    def build(tx: Transaction) -> None:
        made = add_list(tx, f"list of {reference}")
        entry = watchlists.add_entry(tx, NewEntry(made.id, reference))
        photo = png("blue")
        image = NewReferenceImage(entry.id, photo, 112, 112, photo, photo, QUALITY)
        reference_images.add(tx, image)
        deployment = deployments.running(tx) or start_deployment(tx)
        episodes.add(
            tx,
            NewEpisode(
                deployment_id=deployment.id, camera_id="gate", track_id=1, entry_id=entry.id,
                person_id=entry.person_id, watchlist_id=made.id, reference=reference,
                score=0.6172, margin=0.2183, threshold=0.4591, model_digest=MODEL, looks=3,
                sequence=82, media_at_s=3.28, captured_at_s=3.28, latency_ms=120.0,
                evidence=Evidence(png("red"), png("red")),
            ),
        )  # fmt: skip

    await served.site.database.write(build, principal="system")


@asynccontextmanager
async def operator(
    socket: Path, clock: Clock, token: str | None = None
) -> AsyncIterator[tuple[Pilot[None], MainScreen]]:
    async with Client.over_socket(socket, token, printable=True) as client:
        app = app_on(client, clock.wall_s)
        async with app.run_test(size=(140, 40)) as pilot:
            yield pilot, app.main


async def test_a_candidate_is_decided_undone_decided_and_final(tmp_path: Path) -> None:
    clock = ManualClock()
    async with serve(tmp_path, clock) as served, operator(served.socket, clock) as (pilot, screen):
        await until(pilot, lambda: "● health ok" in text_of(pilot))
        await until(pilot, lambda: "Add a camera" in text_of(pilot))
        await raise_candidate(served, "REF-1")
        await until(pilot, lambda: "REF-1" in text_of(pilot))
        await look(pilot, screen, clock.advance)
        await pilot.press("m")
        await until(pilot, lambda: "You decided: ✓ match" in text_of(pilot))
        await pilot.press("z")
        await until(pilot, lambda: "Is this the same person?" in text_of(pilot))
        await look(pilot, screen, clock.advance)
        await pilot.press("n")
        await until(pilot, lambda: "You decided: ✗ not a match" in text_of(pilot))
        assert "0.617" not in text_of(pilot)
        clock.advance(10.5)
        await served.site.reviews.sweep()
        await until(pilot, lambda: "score 0.617" in text_of(pilot))
        assert "margin 0.218 · threshold 0.459 · 3 looks" in text_of(pilot)


async def test_what_a_closed_screen_showed_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.app.FORGET_EVERY_S", 0.05)
    clock = ManualClock()
    async with serve(tmp_path, clock) as served, operator(served.socket, clock) as (pilot, screen):
        await until(pilot, lambda: "● health ok" in text_of(pilot))
        await pilot.press("question_mark")
        await until(pilot, lambda: "Esc closes" in text_of(pilot))
        drawn = [weakref.ref(each._styles_cache) for each in pilot.app.screen.query()]
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)

        def is_gone() -> bool:
            gc.collect()
            return not any(cache() for cache in drawn)

        await until(pilot, is_gone)


async def test_two_people_on_one_login_are_two_reviewers(tmp_path: Path) -> None:
    clock = ManualClock()
    async with serve(tmp_path, clock) as served:
        served.site.reviews.required = 2
        await raise_candidate(served, "REF-1")
        async with Client.over_socket(served.socket) as admin:
            tokens = [await admin.create_token(TokenCreate(principal=n)) for n in ("anna", "ben")]
        for name, token in zip(("anna", "ben"), tokens, strict=True):
            async with operator(served.socket, clock, token.secret) as (pilot, screen):
                await until(pilot, lambda: f"you are {name}, operator" in text_of(pilot))  # noqa: B023
                await until(pilot, lambda: "REF-1" in text_of(pilot))
                await look(pilot, screen, clock.advance)
                assert "score" not in text_of(pilot)
                await pilot.press("m")
                await until(pilot, lambda: "You decided: ✓ match" in text_of(pilot))
                clock.advance(10.5)
                await served.site.reviews.sweep()
                said = "another reviewer has yet" if name == "anna" else "together: match"
                await until(pilot, lambda: said in text_of(pilot))  # noqa: B023
        (closed,) = await served.client.alerts()
        assert closed.state == "closed"


async def test_no_name_and_no_reason_commands_the_terminal(tmp_path: Path) -> None:
    clock = ManualClock()
    async with serve(tmp_path, clock) as served, operator(served.socket, clock) as (pilot, _):
        await raise_candidate(served, "Anna\x1b[2J\u202e\x9b\nBob")
        await until(pilot, lambda: "Anna\\u001b[2J\\u202e\\u009b\\nBob" in text_of(pilot))
        drawn = text_of(pilot)
        assert not [letter for letter in drawn if letter != "\n" and not letter.isprintable()]


async def test_the_screen_survives_a_restart_of_the_daemon(tmp_path: Path) -> None:
    clock = SystemClock()
    socket = tmp_path / "api.sock"
    async with operator(socket, clock) as (pilot, screen):
        await until(pilot, lambda: "daemon away since" in text_of(pilot))
        async with serve(tmp_path) as served:
            assert served.socket == socket
            await until(pilot, lambda: "daemon away" not in text_of(pilot))
            await raise_candidate(served, "REF-1")
            await until(pilot, lambda: "REF-1" in text_of(pilot))
        await until(pilot, lambda: "daemon away since" in text_of(pilot))
        assert "REF-1" in text_of(pilot)  # what was read stays on the screen
        async with serve(tmp_path) as served:
            await raise_candidate(served, "REF-2")
            await until(pilot, lambda: "REF-2" in text_of(pilot))
            await until(pilot, lambda: "daemon away" not in text_of(pilot))
            assert {a.reference for a in screen.candidates.listed()} == {"REF-1", "REF-2"}


async def test_what_a_place_could_not_read_is_read_once_the_daemon_is_back(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        await planned(served.client, await made(served.client), purpose="keep them out")
    async with operator(tmp_path / "api.sock", SystemClock()) as (pilot, _):
        await until(pilot, lambda: "daemon away since" in text_of(pilot))
        await pilot.press("d")
        await until(pilot, lambda: "✗ no daemon answers on" in text_of(pilot))
        async with serve(tmp_path):
            await until(pilot, lambda: "keep them out" in text_of(pilot), 20.0)


async def test_a_dialogue_survives_a_restart_of_the_daemon(tmp_path: Path) -> None:
    """What is half typed stays, is refused in a sentence while nobody answers, and goes through
    once the daemon is back."""
    clock = SystemClock()
    async with operator(tmp_path / "api.sock", clock) as (pilot, _):
        async with serve(tmp_path):
            await until(pilot, lambda: "daemon away" not in text_of(pilot))
            await pilot.press("l", "n")
            await until(pilot, lambda: "Make a watchlist" in text_of(pilot))
            await pilot.press(*"House")
        await pilot.press(*"bans", "enter")
        await until(pilot, lambda: "✗ no daemon answers on" in text_of(pilot))
        async with serve(tmp_path) as served:
            form = pilot.app.screen
            assert form.query_one("#name", Input).value == "Housebans"
            await pilot.press("enter")
            await until(pilot, lambda: pilot.app.screen is not form)
            (listed,) = await served.client.watchlists()
            assert listed.name == "Housebans"


async def test_a_dialogue_is_left_although_no_answer_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SystemClock()
    async with serve(tmp_path) as served, operator(served.socket, clock) as (pilot, _):
        await until(pilot, lambda: "health ok" in text_of(pilot))
        await pilot.press("l", "n")
        await until(pilot, lambda: "Make a watchlist" in text_of(pilot))
        forever = asyncio.Event()
        asked = asyncio.Event()

        async def asks(*_: object, **__: object) -> None:
            asked.set()
            await forever.wait()
            raise Conflict("too late")

        monkeypatch.setattr(type(served.site.watchlists), "create_list", asks)
        await pilot.press(*"bans", "enter")
        await until(pilot, asked.is_set)
        form = pilot.app.screen
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is not form)
        said = "the daemon had not answered: look whether it was done"
        await until(pilot, lambda: said in text_of(pilot))
        forever.set()


async def test_a_wrong_token_ends_the_screen_with_one_sentence(tmp_path: Path) -> None:
    async with serve(tmp_path, tcp="127.0.0.1:0") as served:
        url = f"http://127.0.0.1:{served.server.tcp_port}"
        async with Client.over_tcp(url, "guess") as client:
            app = app_on(client)
            async with app.run_test() as pilot:
                await until(pilot, lambda: not app.is_running)
        assert isinstance(app.refusal, Denied)


def test_without_a_terminal_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="drawn on a terminal and nowhere else"):
        run_tui(tmp_path / "api.sock")


async def test_what_closed_screens_leave_in_a_cycle_goes() -> None:
    class Closed:
        def __init__(self) -> None:
            self.itself = self

    left = weakref.ref(Closed())
    await forget_closed()
    assert left() is None

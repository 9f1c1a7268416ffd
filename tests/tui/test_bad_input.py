"""What reaches the screen broken, late, in masses, or from another clock."""

import asyncio
import re

import pytest
from textual.strip import Strip
from textual.widgets import Input

from lfrd.errors import Conflict
from lfrd.wire.alerts import AlertState
from lfrd.wire.base import printed
from lfrd.wire.events import EventKind, EventMessage
from support.terminal import (
    NOW_S,
    Desk,
    alert,
    camera,
    deployment,
    look,
    review,
    screen_of,
    text_of,
    until,
)
from tui.screens.camera_form import AddCameraScreen

OFF_S = 600.0


@pytest.mark.parametrize("ahead_s", [OFF_S, -OFF_S])
async def test_ages_and_times_left_are_the_daemons(ahead_s: float) -> None:
    """The terminal's clock is ten minutes off; both go on at the same pace."""
    mine = review(submitted_at_s=NOW_S - 4)
    desk = Desk(
        alert(1, raised_at_s=NOW_S - 65),
        alert(2, raised_at_s=NOW_S - 70, my_review=mine),
    )
    desk.health_held = desk.health_held.model_copy(update={"at_s": NOW_S})
    desk.clock_s = NOW_S + ahead_s
    async with screen_of(desk, (160, 48)) as (pilot, _):
        words = "ahead of" if ahead_s > 0 else "behind"
        await until(pilot, lambda: f"clock is 10 min {words} the daemon's" in text_of(pilot))
        assert "ends in 60 min" in text_of(pilot)
        assert "final in 6 s" in " ".join(text_of(pilot).split())
        assert " 1 min" in text_of(pilot)
        assert "10 min ago" not in text_of(pilot)
        assert " 11 min" not in text_of(pilot)


async def test_a_clock_that_is_set_does_not_count_as_looking() -> None:
    desk = Desk(alert(1))
    desk.health_held = desk.health_held.model_copy(update={"at_s": NOW_S})
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, lambda _: desk.advance(1.0))
        screen.action_move(0)
        desk.health_held = desk.health_held.model_copy(update={"at_s": NOW_S + OFF_S})
        told = EventMessage(
            id=5, kind=EventKind.DEPLOYMENT_CHANGED, subject_id="deployment-1", at_s=NOW_S
        )
        desk.stream.put_nowait(told)
        await until(pilot, lambda: abs(screen.clock.ahead_s) > OFF_S / 2)
        await pilot.press("m")
        await until(pilot, lambda: desk.submitted)
        assert desk.submitted[0][1].shown.seen_s < 5


NAMES = {
    "arabic": "مشتبه به ١٢٣",
    "emoji": "👩‍🚒🔥🧯" * 8,
    "long": "R" * 200,
    "markup": "[b]x[/b][@click=app.quit]y",
    "combining": "Z\u0335\u0321\u031b" * 20,
    "control": "a\x1b[2J\x07\x9b31m\u202eb\u2066\n",
}


def drawn(strips: list[Strip]) -> str:
    return "".join(strip.text for strip in strips)


@pytest.mark.parametrize("size", [(60, 20), (120, 40)])
@pytest.mark.parametrize("name", NAMES)
async def test_no_name_breaks_the_screen(size: tuple[int, int], name: str) -> None:
    named = printed(alert(1, reference=NAMES[name]))  # as the client hands it on
    desk = Desk(named, alert(2, reference="REF-2"))
    desk.cameras_held = (printed(camera(name=NAMES[name]).model_copy(update={"id": "north"})),)
    desk.deployment_held = printed(deployment().model_copy(update={"purpose": NAMES[name]}))
    async with screen_of(desk, size) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        strips = screen._compositor.render_strips()
        assert {strip.cell_length for strip in strips} == {size[0]}
        assert "m Match" in text_of(pilot)
        await pilot.press("m")
        await until(pilot, lambda: desk.submitted)
        await until(pilot, lambda: "undoes it" in text_of(pilot) or size[0] == 60)
        for keys in ((), ("c",), ("e",), ("escape", "x"), ("escape", "question_mark")):
            await pilot.press(*keys)
            await pilot.pause()
            strips = pilot.app.screen._compositor.render_strips()
            assert {strip.cell_length for strip in strips} == {size[0]}
            assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", drawn(strips))


async def test_a_flood_of_events_is_read_once_for_each_subject() -> None:
    desk = Desk(*(alert(n, raised_at_s=NOW_S - n) for n in range(1, 4)))
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        before = len(desk.photos_read)
        for number in range(2_000):
            told = EventMessage(
                id=number, kind=EventKind.ALERT_UPDATED, subject_id="alert-2", at_s=NOW_S
            )
            desk.stream.put_nowait(told)
        await pilot.press("j")
        assert screen.candidates.selected_id == "alert-2"
        await until(pilot, desk.stream.empty)
        await asyncio.sleep(0.2)
        assert len(desk.photos_read) - before < 50
        assert len(screen.candidates) == 3


async def test_what_is_half_typed_survives_another_size_and_a_refusal() -> None:
    desk = Desk()
    async with screen_of(desk, (120, 40)) as (pilot, _):
        await pilot.press("c", "a")
        await until(pilot, lambda: isinstance(pilot.app.screen, AddCameraScreen))
        await pilot.press(*"rtsp:")
        for size in ((60, 20), (200, 60), (80, 24)):
            await pilot.resize_terminal(*size)
        box = pilot.app.screen.query_one("#address", Input)
        assert (box.value, box.has_focus) == ("rtsp:", True)
        await pilot.press(*"//cam/1")
        desk.refuses = Conflict("there is a camera of that name")
        await pilot.press("enter")
        await until(pilot, lambda: "✗ there is a camera of that name" in text_of(pilot))
        assert box.value == "rtsp://cam/1"
        await pilot.press("enter")
        await until(pilot, lambda: desk.added)


async def test_a_decision_while_the_daemon_is_away_is_said_and_can_be_taken_again() -> None:
    from lfrd.client import Back, Unreachable

    desk = Desk(alert(1))
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        await pilot.press("r", *"scar", "enter")
        desk.go_away()
        await until(pilot, lambda: "daemon away" in text_of(pilot))
        desk.refuses = Unreachable("no daemon answers")
        await pilot.press("m")
        await until(pilot, lambda: "✗ no daemon answers" in text_of(pilot))
        desk.stream.put_nowait(Back())
        await until(pilot, lambda: "daemon away" not in text_of(pilot))
        await look(pilot, screen, desk.advance)
        await pilot.press("m")
        await until(pilot, lambda: desk.submitted)
        assert desk.submitted[0][1].reason == "scar"
        assert desk.held["alert-1"].state is AlertState.OPEN


async def test_what_could_not_be_read_for_once_is_read_again() -> None:
    """A connection broke as the daemon told that a deployment had started."""
    from lfrd.client import Unreachable

    desk = Desk()
    running, desk.deployment_held = desk.deployment_held, None
    async with screen_of(desk) as (pilot, _):
        await until(pilot, lambda: "No deployment is running" in text_of(pilot))
        read, desk.deployment_held = desk.current_deployment, running
        broken = [Unreachable("the connection broke")] * 2

        async def reading() -> object:
            if broken:
                raise broken.pop()
            return await read()

        desk.current_deployment = reading  # type: ignore[method-assign]
        desk.tell_deployment(EventKind.DEPLOYMENT_CHANGED)
        await until(pilot, lambda: "the connection broke" in text_of(pilot))
        await until(pilot, lambda: "Acceptance test" in text_of(pilot))
        assert not broken

"""Comparing in full size, the wall, a small window, a flood: the real app, driven by keys."""

import pytest
from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Input

from lfrd.client import Client
from lfrd.errors import Denied
from lfrd.wire.alerts import ReviewDecision
from lfrd.wire.events import EventKind, EventMessage
from support.terminal import NOW_S, Desk, alert, jpeg, look, screen_of, text_of, until
from tui.notify import Notify
from tui.screens.compare import CompareScreen
from tui.widgets.faces import FacePanel
from tui.widgets.picture import Picture

SIZES = [(60, 20), (80, 24), (300, 80)]


def passes(number: int) -> Desk:
    """So many looks at one person at one camera."""
    same = {"entry_id": "entry-1", "reference": "REF-1"}
    return Desk(
        *(alert(n, raised_at_s=NOW_S - n).model_copy(update=same) for n in range(1, number + 1))
    )


@pytest.mark.parametrize("size", SIZES)
async def test_both_faces_fill_the_window_and_can_be_decided_there(size: tuple[int, int]) -> None:
    desk = Desk(alert(1))
    async with screen_of(desk, size) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        before = min(p.drawn_cells[1] for p in screen.query(Picture))
        await pilot.press("z")
        await until(pilot, lambda: isinstance(pilot.app.screen, CompareScreen))
        compare = pilot.app.screen
        assert isinstance(compare, CompareScreen)
        await until(pilot, lambda: compare._seen_since_s is not None)
        assert min(p.drawn_cells[1] for p in compare.query(Picture)) >= before
        await pilot.press("m")  # at once: nobody can have looked
        assert "look first" in text_of(pilot)
        desk.advance(1)
        await pilot.press("m")
        await until(pilot, lambda: desk.submitted)
        assert desk.submitted[0][1].decision is ReviewDecision.MATCH
        assert desk.submitted[0][1].shown.seen_s >= 1
        assert [which for _, which in desk.photos_read] == ["probe", "reference"]


async def test_in_turn_they_stand_in_the_same_place() -> None:
    desk = Desk(alert(1))
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        await pilot.press("enter", "f")
        compare = pilot.app.screen
        assert isinstance(compare, CompareScreen)
        first, second = compare.query(Picture)
        places = []
        for _ in range(2):
            shown = first if first.visible else second
            assert first.visible != second.visible
            await until(pilot, lambda: shown.drawn_px > 0)  # noqa: B023
            places.append((shown.region, shown.drawn_cells))
            await pilot.press("space")
        assert places[0] == places[1]
        assert places[0][0].width == 120
        await pilot.press("plus", "plus", "minus")
        await until(pilot, lambda: "brightness ×1.2" in text_of(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)


async def test_other_looks_are_read_when_asked_for_and_take_no_decision() -> None:
    desk = passes(3)
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        await pilot.press("enter", "right")
        await until(pilot, lambda: "look 2 of 3" in text_of(pilot))
        await until(pilot, lambda: ("alert-2", "probe") in desk.photos_read)
        desk.advance(5)
        await pilot.press("m")
        await until(pilot, lambda: "this is another look" in text_of(pilot))
        assert desk.submitted == []
        await pilot.press("left")
        await until(pilot, lambda: "look 1 of 3" in text_of(pilot))
        assert desk.photos_read.count(("alert-1", "probe")) == 1


async def test_a_face_that_is_erased_leaves_the_comparison() -> None:
    desk = Desk(alert(1))
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, CompareScreen))
        desk.held["alert-1"] = desk.held["alert-1"].model_copy(update={"erased": "it is over"})
        told = EventMessage(id=9, kind=EventKind.ALERT_UPDATED, subject_id="alert-1", at_s=NOW_S)
        desk.stream.put_nowait(told)
        await until(pilot, lambda: pilot.app.screen is screen)
        assert not any(picture.has_image for picture in screen.query(Picture))


async def test_what_was_half_typed_is_there_again() -> None:
    desk = Desk(alert(1))
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        await pilot.press("r", *"scar", "escape", "r")
        await until(pilot, lambda: pilot.app.screen is not screen)
        assert pilot.app.screen.query_one(Input).value == "scar"
        await pilot.resize_terminal(60, 20)
        assert pilot.app.screen.query_one(Input).value == "scar"


async def test_at_80_by_24_a_face_has_32_by_18_cells() -> None:
    desk = Desk(alert(1))
    async with screen_of(desk, (80, 24)) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        panel = screen.query_one(FacePanel)
        assert all(c >= 32 and r >= 16 for c, r in (p.drawn_cells for p in panel.faces))
        assert all(p.size.width >= 32 and p.size.height >= 18 for p in panel.faces)
        assert "REF-1" in text_of(pilot)


async def test_a_wall_shows_and_decides_nothing() -> None:
    desk = Desk(alert(1))
    async with screen_of(desk) as (pilot, screen):
        screen.read_only = True
        await look(pilot, screen, desk.advance)
        for key in ("m", "n", "u", "r", "w", "E", "a"):
            await pilot.press(key)
            await until(pilot, lambda: "this screen only shows" in text_of(pilot))
            screen.say(Content())
        assert desk.submitted == []
        assert "m Match  n" not in text_of(pilot)
    client = Client.over_tcp("http://127.0.0.1:9", "x")
    client.reads_only = True
    async with client:
        with pytest.raises(Denied, match="only shows"):
            await client.undo_review("a")


async def test_a_candidate_tells_the_desktop_and_not_whom() -> None:
    desk = Desk(alert(1, reference="Anna"))
    async with screen_of(desk) as (pilot, screen):
        written: list[str] = []
        pilot.app._notify = Notify.OSC9  # type: ignore[attr-defined]
        pilot.app._driver.write = written.append  # type: ignore[union-attr, method-assign]
        desk.held["alert-2"] = alert(2, reference="Bob")
        told = EventMessage(id=2, kind=EventKind.ALERT_RAISED, subject_id="alert-2", at_s=NOW_S)
        desk.stream.put_nowait(told)
        await until(pilot, lambda: any("\x1b]9;" in part for part in written))
        said = next(part for part in written if "\x1b]9;" in part)
        assert "a candidate waits for review" in said
        assert "Bob" not in said
        assert screen.candidates.is_unread("alert-2")


async def test_a_flood_is_read_once_for_each_candidate() -> None:
    desk = passes(1)
    async with screen_of(desk) as (pilot, screen):
        read: list[str] = []
        real = desk.alert

        async def counted(alert_id: str) -> object:
            read.append(alert_id)
            return await real(alert_id)

        desk.alert = counted  # type: ignore[method-assign, assignment]
        for number in range(500):
            kind = EventKind.ALERT_UPDATED
            told = EventMessage(id=number, kind=kind, subject_id="alert-1", at_s=NOW_S)
            desk.stream.put_nowait(told)
        for number in range(2, 302):
            desk.held[f"alert-{number}"] = alert(number)
            kind = EventKind.ALERT_RAISED
            told = EventMessage(id=number, kind=kind, subject_id=f"alert-{number}", at_s=NOW_S)
            desk.stream.put_nowait(told)
        await until(pilot, lambda: len(screen.candidates) == 301)
        assert len(read) < 50, "many at once are read in pages"


NAMES = ("‮evil", "a\u0301" * 100, "👩‍🚀 astronaut", "مرحبا", "[red]x[/]", "x" * 200)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_any_name_can_be_shown(name: str) -> None:
    desk = Desk(alert(1, reference=name))
    desk.photos["probe"] = jpeg("green")
    async with screen_of(desk, (80, 24)) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        assert all(cell_len(line) <= 82 for line in text_of(pilot).splitlines())
        await pilot.press("m")
        await until(pilot, lambda: desk.submitted)

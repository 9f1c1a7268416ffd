"""What the screen shows of rules, scenes, disagreement and outcomes."""

import pytest
from textual.pilot import Pilot

from lfrd.errors import Conflict
from lfrd.vocabulary import Engagement, Identity
from lfrd.wire.alerts import AlertState, EngagementReport, Outcome, ReviewDecision
from lfrd.wire.deployments import PolicyBrief
from lfrd.wire.events import EventKind, EventMessage
from lfrd.wire.health import HealthChange, HealthStatus, Me
from support.terminal import (
    Desk,
    alert,
    deployment,
    health,
    look,
    revealed,
    review,
    screen_of,
    text_of,
    until,
)
from tui.widgets.picture import Picture

SIZES = [(80, 24), (160, 48)]
DIGEST = "0123456789abcdef" * 4
LAB = PolicyBrief(name="lab", version=1, title="LAB", digest=DIGEST, is_lab=True)
POLICE = PolicyBrief(name="uk-police", version=3, title="UK police", digest=DIGEST, is_lab=False)


def closed(number: int = 1) -> Desk:
    mine = review(final_at_s=1_700_000_010.0)
    done = alert(number, state=AlertState.CLOSED, my_review=mine, shown=revealed(mine))
    return Desk(done)


def top(pilot: Pilot[None]) -> str:
    return "\n".join(text_of(pilot).splitlines()[:2])


@pytest.mark.parametrize("size", SIZES)
async def test_the_rules_are_shown_and_their_digest_to_whom_asks(size: tuple[int, int]) -> None:
    desk = Desk(alert(1))
    desk.deployment_held = deployment("uk-police").model_copy(update={"policy": POLICE})
    async with screen_of(desk, size) as (pilot, _):
        await until(pilot, lambda: " · uk-police · " in top(pilot))
        assert top(pilot).lstrip().startswith(f"{desk.deployment_held.purpose} · ends in")
        assert "LAB" not in text_of(pilot)
        assert "yunet" not in text_of(pilot)
        assert "templates" not in text_of(pilot)
        await pilot.press("i")
        await until(pilot, lambda: "uk-police v3 01234567" in top(pilot))


async def test_without_a_deployment_the_rules_of_the_site_are_shown() -> None:
    desk = Desk()
    desk.deployment_held = None
    desk.health_held = health().model_copy(update={"policy": POLICE})
    async with screen_of(desk) as (pilot, _):
        await until(pilot, lambda: "No deployment is running" in top(pilot))
        assert "rules uk-police" in top(pilot)
        assert "LAB" not in text_of(pilot)
        desk.health_held = health().model_copy(update={"policy": LAB})
        desk.stream.put_nowait(HealthChange(status=HealthStatus.OK, reasons=()))
        await until(pilot, lambda: "LAB · consenting people only" in top(pilot))


async def test_every_screen_of_a_lab_says_so() -> None:
    """In the small terminal, where the banner has the least room."""
    desk = closed()
    desk.held["alert-2"] = alert(2)
    desk.deployment_held = deployment().model_copy(update={"policy": LAB})
    async with screen_of(desk, SIZES[0]) as (pilot, screen):
        await until(pilot, lambda: "LAB · consenting people only" in top(pilot))
        assert " · ends in " in top(pilot)
        await look(pilot, screen, desk.advance)
        for keys in (("r",), ("s",), ("enter",), ("F",), ("ctrl+p",), ("question_mark",), ("c",),
                     ("c", "a"), ("c", "e"), ("c", "t"), ("c", "v"), ("c", "x"),
                     ("c", "question_mark"), ("j", "w")):  # fmt: skip
            await pilot.press(*keys)
            await pilot.pause()
            assert "LAB · consenting people only" in top(pilot), f"{keys}\n{text_of(pilot)}"
            while pilot.app.screen is not screen:
                await pilot.press("escape")
                await pilot.pause()


async def test_a_pause_for_want_of_an_operator_is_said() -> None:
    desk = Desk()
    paused = {"policy": POLICE, "paused": True}
    desk.deployment_held = deployment("uk-police").model_copy(update=paused)
    async with screen_of(desk) as (pilot, _):
        await until(pilot, lambda: "matching pauses" in top(pilot))


@pytest.mark.parametrize("size", SIZES)
async def test_the_scene_is_read_once_when_it_is_asked_for(size: tuple[int, int]) -> None:
    desk = Desk(alert(1))
    async with screen_of(desk, size) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        assert ("alert-1", "scene") not in desk.photos_read
        await pilot.press("s")
        await until(pilot, lambda: "no other person can be recognised" in text_of(pilot))
        picture = pilot.app.screen.query_one("#scene", Picture)
        await until(pilot, lambda: picture.has_image)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert not picture.has_image or not picture.is_attached
        assert desk.photos_read.count(("alert-1", "scene")) == 1
        assert (" s Scene" in text_of(pilot)) is (size[0] > 80), "as far as there is room"
        desk.refuses = Conflict("the faces\nof this alert are gone")
        await pilot.press("s")
        await until(pilot, lambda: "✗ the faces of this alert are gone" in text_of(pilot))


async def test_a_scene_that_is_not_there_is_not_asked_for() -> None:
    desk = Desk(alert(1).model_copy(update={"has_scene": False}))
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        assert " s Scene" not in text_of(pilot)
        await pilot.press("s")
        await until(pilot, lambda: "no picture of the scene was kept of REF-1" in text_of(pilot))
        assert pilot.app.screen is screen
        assert ("alert-1", "scene") not in desk.photos_read


async def test_without_a_candidate_there_is_no_scene() -> None:
    async with screen_of(Desk()) as (pilot, _):
        await pilot.press("s")
        await until(pilot, lambda: "there is no candidate whose scene" in text_of(pilot))


async def test_who_decides_is_said() -> None:
    desk = Desk(alert(1))
    desk.me_held = Me(principal="user:clara", role="supervisor")
    async with screen_of(desk) as (pilot, _):
        await until(pilot, lambda: "you are clara, supervisor" in text_of(pilot))


async def test_a_supervisor_settles_what_the_reviewers_disagree_about() -> None:
    desk = Desk(alert(1).model_copy(update={"escalated": True}))
    async with screen_of(desk) as (pilot, screen):
        await until(pilot, lambda: "for a supervisor" in text_of(pilot))
        assert "The reviewers disagree: your decision settles it." in text_of(pilot)
        assert "score" not in text_of(pilot)
        await look(pilot, screen, desk.advance)
        await pilot.press("n")
        await until(pilot, lambda: "final in 10 s" in text_of(pilot))
        assert desk.submitted[0][1].decision is ReviewDecision.NOT_A_MATCH


async def test_a_reviewer_learns_of_the_disagreement_after_their_decision() -> None:
    mine = review(final_at_s=1_700_000_010.0)
    shown = revealed(mine, outcome=Outcome.UNRESOLVED)
    desk = Desk(alert(1, my_review=mine, shown=shown))
    async with screen_of(desk) as (pilot, _):
        await until(pilot, lambda: "You decided: ✓ match" in text_of(pilot))
        assert "disagree" not in text_of(pilot)
        desk.held["alert-1"] = desk.held["alert-1"].model_copy(update={"escalated": True})
        told = EventMessage(id=1, kind=EventKind.ALERT_UPDATED, subject_id="alert-1", at_s=1.0)
        desk.stream.put_nowait(told)
        await until(
            pilot, lambda: "▲ the reviewers disagree, a supervisor decides" in text_of(pilot)
        )
        assert "for a supervisor" in text_of(pilot)


@pytest.mark.parametrize("size", SIZES)
async def test_what_was_done_is_reported_once_and_shown(size: tuple[int, int]) -> None:
    desk = closed()
    async with screen_of(desk, size) as (pilot, screen):
        await until(pilot, lambda: "You decided: ✓ match" in text_of(pilot))
        await pilot.press("w")
        await until(pilot, lambda: "somebody complained" in text_of(pilot))
        await pilot.press("down", "tab", *"x", "ctrl+s")
        await until(pilot, lambda: "✗" in text_of(pilot).split("note")[-1])
        await pilot.press("backspace", *"6", "tab", "space", "ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen)
        report = EngagementReport(kind=Engagement.STOPPED, engagement_min=6, complaint=True)
        assert desk.held["alert-1"].engagement == report
        await until(pilot, lambda: "done: stopped · 6 min · complaint" in text_of(pilot))
        await pilot.press("w")
        await until(pilot, lambda: "reported already" in text_of(pilot))


async def test_who_it_was_is_recorded_where_it_was_established() -> None:
    desk = closed()
    async with screen_of(desk) as (pilot, screen):
        await until(pilot, lambda: "You decided: ✓ match" in text_of(pilot))
        await pilot.press("w")
        await until(pilot, lambda: "not established on the spot" in text_of(pilot))
        await pilot.press("tab", "tab", "tab", "tab", "down", "down", "tab", *"one", "ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen)
        told = desk.held["alert-1"].engagement
        assert told is not None
        assert (told.identity, told.group) == (Identity.OTHER, "one")
        await until(pilot, lambda: "it was somebody else" in text_of(pilot))


@pytest.mark.parametrize("size", SIZES)
async def test_a_decoy_is_called_one_and_nothing_is_asked_about_it(size: tuple[int, int]) -> None:
    desk = closed()
    told = {"decoy": True, "decoy_right": ReviewDecision.NOT_A_MATCH}
    desk.held["alert-1"] = desk.held["alert-1"].model_copy(update=told)
    async with screen_of(desk, size) as (pilot, screen):
        await until(pilot, lambda: "a decoy, nobody was seen: not a match was" in text_of(pilot))
        assert "say what was done" not in text_of(pilot)
        await pilot.press("w")
        await until(pilot, lambda: "nothing follows" in text_of(pilot))
        assert pilot.app.screen is screen


async def test_nothing_is_reported_of_an_open_candidate() -> None:
    async with screen_of(Desk(alert(1))) as (pilot, _):
        await pilot.press("w")
        await until(pilot, lambda: "once a candidate is closed" in text_of(pilot))


async def test_a_key_says_that_somebody_is_here_once_a_minute() -> None:
    desk = Desk(alert(1))
    async with screen_of(desk) as (pilot, screen):
        await until(pilot, lambda: screen.is_deployed)
        await pilot.press("b", "b", "j")
        await until(pilot, lambda: desk.present_calls == 1)
        desk.advance(61)
        await pilot.press("b")
        await until(pilot, lambda: desk.present_calls == 2)
        desk.deployment_held = None
        told = EventMessage(id=1, kind=EventKind.DEPLOYMENT_CHANGED, subject_id="d", at_s=1.0)
        desk.stream.put_nowait(told)
        await until(pilot, lambda: not screen.is_deployed)
        desk.advance(61)
        await pilot.press("b")
        await pilot.pause()
        assert desk.present_calls == 2

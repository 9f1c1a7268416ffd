"""The real app, driven by keys and mouse; the daemon is an in-memory desk."""

import asyncio

import pytest
from textual.widgets import Button

from lfrd.client import Back, Unreachable
from lfrd.errors import Conflict
from lfrd.wire.alerts import Alert, AlertState, Review, ReviewDecision
from lfrd.wire.cameras import CameraState
from lfrd.wire.events import EventKind, EventMessage
from lfrd.wire.health import HealthChange, HealthStatus
from support.terminal import (
    NOW_S,
    Desk,
    alert,
    camera,
    health,
    jpeg,
    look,
    rates,
    revealed,
    review,
    rival,
    screen_of,
    text_of,
    until,
)
from tui.screens.cameras import CamerasScreen
from tui.screens.help import HelpScreen
from tui.screens.scene import SceneScreen
from tui.widgets.cameras import CameraList
from tui.widgets.faces import FacePanel
from tui.widgets.picture import Picture

WIDE = (160, 48)
SIZES = [(80, 24), WIDE]
SECRETS = ("0.471", "0.103", "0.451", "score", "margin", "threshold", "%")


def raise_one(desk: Desk, number: int, *, bundled_with: str | None = None) -> None:
    """The daemon holds a new candidate, and says so."""
    desk.held[f"alert-{number}"] = alert(number, bundled_with=bundled_with)
    desk.stream.put_nowait(
        EventMessage(
            id=number, kind=EventKind.ALERT_RAISED, subject_id=f"alert-{number}", at_s=NOW_S
        )
    )


def two() -> Desk:
    return Desk(alert(1, raised_at_s=NOW_S - 60), alert(2, raised_at_s=NOW_S - 5))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("key", "decision"),
    [
        ("m", ReviewDecision.MATCH),
        ("n", ReviewDecision.NOT_A_MATCH),
        ("u", ReviewDecision.UNSURE),
    ],
)
async def test_one_key_decides_and_goes_on_to_the_next(
    size: tuple[int, int], key: str, decision: ReviewDecision
) -> None:
    desk = two()
    async with screen_of(desk, size) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        await pilot.press(key)
        await until(pilot, lambda: screen.candidates.selected_id == "alert-1")
        assert [(i, r.decision) for i, r in desk.submitted] == [("alert-2", decision)]
        await until(pilot, lambda: "final in 10 s" in text_of(pilot))


async def test_a_click_decides_as_a_key_does_and_the_three_buttons_are_alike() -> None:
    desk = two()
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        buttons = list(screen.query(Button))
        assert len({button.size for button in buttons}) == 1
        assert len({button.styles.background for button in buttons}) == 1
        assert len({button.styles.color for button in buttons}) == 1
        await pilot.click("#do-not_a_match")
        await until(pilot, lambda: desk.submitted)
        assert desk.submitted[0][1].decision is ReviewDecision.NOT_A_MATCH


@pytest.mark.parametrize("size", SIZES)
async def test_nothing_measured_is_shown_before_the_decision_is_final(
    size: tuple[int, int],
) -> None:
    desk = Desk(alert(1))
    async with screen_of(desk, size) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        assert not [word for word in SECRETS if word in text_of(pilot)]
        await pilot.press("m")
        await until(pilot, lambda: "You decided" in text_of(pilot))
        assert not [word for word in SECRETS if word in text_of(pilot)]
        desk.clock_s += 10.5
        desk.make_final("alert-1")
        await until(pilot, lambda: "score 0.471" in text_of(pilot))
        assert "margin 0.103" in text_of(pilot)
        assert "threshold 0.451" in text_of(pilot)
        assert "%" not in text_of(pilot)


@pytest.mark.parametrize("mine", [None, review()], ids=["undecided", "can be undone"])
async def test_figures_that_came_too_early_are_not_shown_either(mine: Review | None) -> None:
    desk = Desk(alert(1, my_review=mine, shown=revealed(review())))
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        assert not [word for word in SECRETS if word in text_of(pilot)]


async def test_undo_takes_back_the_last_decision_and_returns_to_it() -> None:
    desk = two()
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        await pilot.press("m")
        await until(pilot, lambda: screen.candidates.selected_id == "alert-1")
        await pilot.press("z")
        await until(pilot, lambda: screen.candidates.selected_id == "alert-2")
        assert desk.held["alert-2"].my_review is None
        assert "open again" in text_of(pilot)


async def test_undo_after_ten_seconds_says_that_it_is_too_late() -> None:
    desk = two()
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        await pilot.press("m")
        await until(pilot, lambda: desk.submitted)
        desk.clock_s += 10.5
        await pilot.press("backspace")
        await until(pilot, lambda: "nothing to undo" in text_of(pilot))
        assert desk.held["alert-2"].my_review is not None


async def test_a_key_before_both_photos_were_seen_decides_nothing() -> None:
    desk = two()
    desk.photos["reference"] = b"no image at all"
    async with screen_of(desk) as (pilot, _screen):
        await until(pilot, lambda: "cannot be shown" in text_of(pilot))
        await pilot.press("m")
        await until(pilot, lambda: "look first" in text_of(pilot))
        assert desk.submitted == []


async def test_a_key_pressed_twice_does_not_decide_the_next_one_unseen() -> None:
    desk = two()
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        await pilot.press("n", "n")
        await until(pilot, lambda: screen.candidates.selected_id == "alert-1")
        await until(pilot, lambda: screen.query_one(FacePanel).seen_s() is not None)
        await pilot.press("n")
        await until(pilot, lambda: "look first" in text_of(pilot))
        assert [i for i, _ in desk.submitted] == ["alert-2"]


async def test_the_old_face_never_stands_beside_the_next_name() -> None:
    desk = two()
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        screen.action_move(1)
        assert not any(picture.has_image for picture in screen.query(Picture))


def erase(desk: Desk, why: str = "the person was erased") -> None:
    """The daemon erases the first candidate, and says so."""
    gone = {"state": AlertState.CLOSED, "closed_at_s": NOW_S, "reference": "", "erased": why}
    desk.held["alert-1"] = desk.held["alert-1"].model_copy(update=gone)
    desk.photos = {}
    told = EventMessage(id=9, kind=EventKind.ALERT_CLOSED, subject_id="alert-1", at_s=NOW_S)
    desk.stream.put_nowait(told)


@pytest.mark.parametrize("size", [(24, 24), (38, 24), (60, 14), (80, 12)])
@pytest.mark.parametrize("key", ["m", "n", "u"])
async def test_no_decision_is_taken_where_no_face_can_be_seen(
    size: tuple[int, int], key: str
) -> None:
    desk = Desk(alert(1, raised_at_s=NOW_S - 5))
    async with screen_of(desk, size) as (pilot, screen):
        await until(pilot, lambda: screen.query_one(FacePanel).is_too_small)
        desk.advance(5)
        await pilot.press(key)
        await pilot.pause()
        assert desk.submitted == []
        assert "Too small to" in text_of(pilot)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: screen.query_one(FacePanel).seen_s() is not None)
        await pilot.press(key)  # what was there while it was too small does not count
        await pilot.pause()
        assert desk.submitted == []
        desk.advance(1)
        await pilot.press(key)
        await until(pilot, lambda: desk.submitted)


@pytest.mark.parametrize("size", SIZES)
async def test_a_decision_says_what_was_shown(size: tuple[int, int]) -> None:
    desk = Desk(alert(1, raised_at_s=NOW_S - 5))
    async with screen_of(desk, size) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        await pilot.press("m")
        await until(pilot, lambda: desk.submitted)
        shown = desk.submitted[0][1].shown
        assert min(shown.face_px, shown.reference_px) >= 20
        assert shown.seen_s >= 1.0


async def test_an_erased_face_leaves_the_screen_at_once() -> None:
    desk = Desk(alert(1, raised_at_s=NOW_S - 5))
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        pictures = [screen.query_one(f"#{name}", Picture) for name in ("probe", "reference")]
        assert all(picture.has_image for picture in pictures)
        erase(desk)
        await until(pilot, lambda: not any(picture.has_image for picture in pictures))
        assert "the person was erased" in text_of(pilot)
        await pilot.press("m")
        await pilot.pause()
        assert desk.submitted == []


async def test_an_erased_scene_leaves_the_screen_at_once() -> None:
    desk = Desk(alert(1, raised_at_s=NOW_S - 5))
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        await pilot.press("s")
        await until(pilot, lambda: isinstance(screen.app.screen, SceneScreen))
        shown = screen.app.screen.query_one("#scene", Picture)
        await until(pilot, lambda: shown.has_image)
        erase(desk)
        await until(pilot, lambda: not shown.has_image)


async def test_the_photo_of_an_erased_rival_leaves_the_screen_at_once() -> None:
    desk = Desk(alert(1, raised_at_s=NOW_S - 5, rivals=(rival(),)))
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        await pilot.press("o")
        await until(pilot, lambda: "OTHER PERSON" in text_of(pilot))
        reference = screen.query_one("#reference", Picture)
        await until(pilot, lambda: reference.has_image)
        held = desk.held["alert-1"]
        gone = held.rivals[0].model_copy(update={"reference": ""})
        desk.held["alert-1"] = held.model_copy(update={"rivals": (gone,)})
        told = EventMessage(id=9, kind=EventKind.ALERT_UPDATED, subject_id="alert-1", at_s=NOW_S)
        desk.stream.put_nowait(told)
        await until(pilot, lambda: "OTHER PERSON" not in text_of(pilot))


async def test_the_reason_goes_along_with_the_decision() -> None:
    desk = two()
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        await pilot.press("r", *"scar", "enter")
        await until(pilot, lambda: "Reason for your decision: scar" in text_of(pilot))
        await pilot.press("n")
        await until(pilot, lambda: desk.submitted)
        assert desk.submitted[0][1].reason == "scar"


async def test_leaving_the_reason_keeps_what_was_there() -> None:
    desk = two()
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        await pilot.press("r", "m", "escape")
        await pilot.press("m")
        await until(pilot, lambda: desk.submitted)
        assert desk.submitted[0][1].reason == ""


async def test_what_the_daemon_refuses_is_one_line() -> None:
    desk = two()
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        desk.refuses = Conflict("this alert\nis closed")
        await pilot.press("m")
        await until(pilot, lambda: "✗ this alert is closed" in text_of(pilot))
        assert "Traceback" not in text_of(pilot)
        await pilot.press("m")  # and the screen is as usable as before
        await until(pilot, lambda: desk.submitted)


async def test_a_new_candidate_rings_and_stays_unread_while_another_is_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(alert(1, raised_at_s=NOW_S - 60))
    async with screen_of(desk) as (pilot, screen):
        rung: list[int] = []
        monkeypatch.setattr(pilot.app, "bell", lambda: rung.append(1))
        for number in (2, 3):
            raise_one(desk, number)
            await until(pilot, lambda n=number: len(screen.candidates) == n)
            await pilot.press("b")
        assert rung == [1]
        assert screen.candidates.selected_id == "alert-1"
        assert screen.candidates.is_unread("alert-3")
        assert text_of(pilot).count("new · ") == 3


async def test_somebody_who_passes_again_is_shown_and_does_not_ring_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(alert(1, raised_at_s=NOW_S - 60))
    async with screen_of(desk) as (pilot, screen):
        rung: list[int] = []
        monkeypatch.setattr(pilot.app, "bell", lambda: rung.append(1))
        for number, bundled_with in ((2, "alert-1"), (3, None)):
            raise_one(desk, number, bundled_with=bundled_with)
            await until(pilot, lambda n=number: len(screen.candidates) == n)
            assert len(rung) == number - 2
        assert screen.candidates.is_unread("alert-2")


async def test_an_idle_screen_shows_a_new_candidate_at_once() -> None:
    final = review(final_at_s=NOW_S)
    desk = Desk(alert(1, my_review=final, shown=revealed(final), raised_at_s=NOW_S - 60))
    async with screen_of(desk) as (pilot, screen):
        raise_one(desk, 2)
        await until(pilot, lambda: screen.candidates.selected_id == "alert-2")


async def test_a_candidate_whose_time_ran_out_leaves_the_list() -> None:
    desk = two()
    async with screen_of(desk) as (pilot, screen):
        del desk.held["alert-2"]
        closed = EventMessage(id=9, kind=EventKind.ALERT_CLOSED, subject_id="alert-2", at_s=NOW_S)
        desk.stream.put_nowait(closed)
        await until(pilot, lambda: screen.candidates.selected_id == "alert-1")


async def test_an_ambiguous_one_shows_the_other_person_but_takes_no_decision_on_them() -> None:
    desk = Desk(alert(1, rivals=(rival(9),)))
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        assert "≈ ambiguous" in text_of(pilot)
        await pilot.press("o")
        await until(pilot, lambda: "OTHER PERSON · REF-9" in text_of(pilot))
        await until(pilot, lambda: ("alert-1", "person-9") in desk.photos_read)
        desk.clock_s += 1
        await pilot.press("m")
        await until(pilot, lambda: "look first" in text_of(pilot))
        assert desk.submitted == []
        await pilot.press("o")
        await look(pilot, screen, desk.advance)
        await pilot.press("m")
        await until(pilot, lambda: desk.submitted)


async def test_away_and_back() -> None:
    desk = two()
    async with screen_of(desk) as (pilot, screen):
        desk.go_away()
        await until(pilot, lambda: "daemon away since" in text_of(pilot))
        since = text_of(pilot).split("since ")[1][:8]
        desk.clock_s += 30
        desk.go_away()
        desk.held["alert-7"] = alert(7)
        await pilot.pause(0.6)
        assert f"daemon away since {since}, retrying" in text_of(pilot)
        desk.stream.put_nowait(Back())
        await until(pilot, lambda: "daemon away" not in text_of(pilot))
        assert "the daemon is back" in text_of(pilot)
        assert len(screen.candidates) == 3


async def test_cameras_show_state_reason_and_figures_and_only_changes_are_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk()
    lost = camera(CameraState.LOST, "no frame for 12 s", name="Car park")
    desk.cameras_held = (camera(), lost)
    async with screen_of(desk, (200, 60)) as (pilot, screen):
        await until(pilot, lambda: "lost since" in text_of(pilot))
        assert ": no frame for" in text_of(pilot)
        desk.stream.put_nowait((rates(),))
        await until(pilot, lambda: "24.9/s" in text_of(pilot))
        for figure in ("5.1/s", "1204", "88", "17"):
            assert figure in text_of(pilot)
        drawn: list[str] = []
        cameras = screen.query_one(CameraList)
        real = cameras.replace_option_prompt
        monkeypatch.setattr(
            cameras, "replace_option_prompt", lambda i, p: (drawn.append(i), real(i, p))
        )
        desk.stream.put_nowait((rates(),))
        desk.stream.put_nowait((rates(tracks=89),))
        await until(pilot, lambda: " 89" in text_of(pilot))
        assert drawn == ["north"]


@pytest.mark.parametrize("size", SIZES)
async def test_the_cameras_have_a_screen_and_looking_begins_anew_after_it(
    size: tuple[int, int],
) -> None:
    desk = two()
    async with screen_of(desk, size) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(pilot.app.screen, CamerasScreen))
        assert "2 candidates wait for your decision" in text_of(pilot)
        assert not any(picture.has_image for picture in screen.query(Picture))
        desk.advance(60)
        await pilot.press("c")
        await until(pilot, lambda: pilot.app.screen is screen)
        await pilot.press("m")
        await until(pilot, lambda: "look first" in text_of(pilot))
        await look(pilot, screen, desk.advance)
        await pilot.press("m")
        await until(pilot, lambda: desk.submitted)


async def test_no_face_is_read_while_the_cameras_are_looked_at() -> None:
    final = review(final_at_s=NOW_S)
    desk = Desk(alert(1, my_review=final, shown=revealed(final), raised_at_s=NOW_S - 60))
    async with screen_of(desk) as (pilot, screen):
        await until(pilot, lambda: len(desk.photos_read) == 2)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(pilot.app.screen, CamerasScreen))
        raise_one(desk, 2)
        await until(pilot, lambda: "1 candidate waits for your decision" in text_of(pilot))
        await pilot.pause(0.3)
        assert len(desk.photos_read) == 2
        await pilot.press("escape")
        await until(pilot, lambda: ("alert-2", "probe") in desk.photos_read)
        assert pilot.app.screen is screen


async def test_lab_is_said_loudly_and_no_deployment_plainly() -> None:
    desk = two()
    async with screen_of(desk, (80, 24)) as (pilot, _screen):
        assert text_of(pilot).splitlines()[0].startswith("  LAB · consenting people only")
        assert "ends in 60 min" in text_of(pilot)
        desk.deployment_held = None
        changed = EventMessage(
            id=3, kind=EventKind.DEPLOYMENT_CHANGED, subject_id="deployment-1", at_s=NOW_S
        )
        desk.stream.put_nowait(changed)
        await until(pilot, lambda: "No deployment is running" in text_of(pilot))
        assert "LAB" not in text_of(pilot)


async def test_health_shows_its_reasons() -> None:
    desk = Desk()
    async with screen_of(desk) as (pilot, _):
        await until(pilot, lambda: "● health ok" in text_of(pilot))
        desk.health_held = health(HealthStatus.FAILED, ("the disk is full",))
        desk.stream.put_nowait(
            HealthChange(status=HealthStatus.FAILED, reasons=("the disk is full",))
        )
        await until(pilot, lambda: "✗ health failed" in text_of(pilot))
        assert "the disk is full" in text_of(pilot)


@pytest.mark.parametrize("size", SIZES)
async def test_an_empty_screen_says_what_will_appear(size: tuple[int, int]) -> None:
    async with screen_of(Desk(), size) as (pilot, _screen):
        await until(pilot, lambda: "Nothing to decide" in text_of(pilot))
        await pilot.press("m")
        await until(pilot, lambda: "there is nothing to decide" in text_of(pilot))


async def test_open_only_hides_what_is_done() -> None:
    desk = Desk(alert(1), alert(2, state=AlertState.CLOSED))
    async with screen_of(desk) as (pilot, _):
        assert "REF-2" in text_of(pilot)
        await pilot.press("f")
        await until(pilot, lambda: "REF-2" not in text_of(pilot))


async def test_a_click_on_a_candidate_selects_it() -> None:
    desk = two()
    async with screen_of(desk) as (pilot, screen):
        await pilot.click("#candidates", offset=(6, 4))
        await until(pilot, lambda: screen.candidates.selected_id == "alert-1")
        await pilot.press("k")
        assert screen.candidates.selected_id == "alert-2"
        await pilot.press("down")
        await until(pilot, lambda: screen.candidates.selected_id == "alert-1")


async def test_a_reference_is_text_and_never_markup() -> None:
    desk = Desk(alert(1, reference="[bold red]x[/] [@click=app.quit]y"))
    async with screen_of(desk, (160, 48)) as (pilot, _screen):
        await until(pilot, lambda: "[bold red]x[/]" in text_of(pilot))


async def test_an_older_answer_never_takes_the_place_of_a_newer_one() -> None:
    desk = two()
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        slow = asyncio.Event()
        before = desk.held["alert-2"]

        async def old_answer(_: str) -> Alert:
            await slow.wait()
            return before

        desk.alert = old_answer
        changed = EventMessage(id=4, kind=EventKind.ALERT_UPDATED, subject_id="alert-2", at_s=NOW_S)
        desk.stream.put_nowait(changed)
        await until(pilot, screen.in_order.locked)
        await pilot.press("m")
        slow.set()
        await until(pilot, lambda: desk.submitted)
        await pilot.pause(0.2)
        decided = screen.candidates.get("alert-2")
        assert decided is not None
        assert decided.my_review is not None


async def test_help_opens_and_closes() -> None:
    async with screen_of(two()) as (pilot, screen):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        assert "undo your last decision" in text_of(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)


async def test_q_leaves() -> None:
    async with screen_of(two()) as (pilot, _):
        await pilot.press("q")
        await until(pilot, lambda: not pilot.app.is_running)


async def test_the_palette_has_every_key_and_cannot_save_the_screen() -> None:
    desk = two()
    async with screen_of(desk, (120, 60)) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: "Give a reason with the next decision" in text_of(pilot))
        assert "creenshot" not in text_of(pilot)
        await pilot.press(*"theme light")
        await until(pilot, lambda: "Give a reason" not in text_of(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.theme == "light")
        await pilot.press("colon", *"not a match", "enter")
        await until(pilot, lambda: desk.submitted)


async def test_an_undo_keeps_the_reason_that_was_typed() -> None:
    desk = Desk(alert(1))
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        await pilot.press("r", *"scar", "enter", "m")
        await until(pilot, lambda: "You decided" in text_of(pilot))
        await pilot.press("z")
        await until(pilot, lambda: "Reason for your decision: scar" in text_of(pilot))
        await look(pilot, screen, desk.advance)
        await pilot.press("n")
        await until(pilot, lambda: len(desk.submitted) == 2)
        assert [asked.reason for _, asked in desk.submitted] == ["scar", "scar"]


def tell_update(desk: Desk, alert_id: str = "alert-1") -> None:
    told = EventMessage(id=9, kind=EventKind.ALERT_UPDATED, subject_id=alert_id, at_s=NOW_S)
    desk.stream.put_nowait(told)


async def test_a_better_look_is_shown_and_looked_at_before_a_decision() -> None:
    desk = two()
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        shown = screen.query_one("#probe", Picture)
        before = shown._image.image
        desk.photos["probe"] = jpeg("green")
        tell_update(desk, "alert-1")  # not the one on the screen
        tell_update(desk, "alert-2")
        await until(pilot, lambda: "a better look at REF-2" in text_of(pilot))
        assert shown._image.image != before
        assert desk.photos_read == [
            ("alert-2", "probe"), ("alert-2", "reference"), ("alert-2", "probe")
        ]  # fmt: skip
        panel = screen.query_one(FacePanel)
        await until(pilot, lambda: panel.seen_s() is not None)
        await pilot.press("m")
        await until(pilot, lambda: "that was too quick" in text_of(pilot))
        assert not desk.submitted


async def test_an_update_without_another_picture_takes_no_time_from_anybody() -> None:
    desk = Desk(alert(1))
    async with screen_of(desk) as (pilot, screen):
        await look(pilot, screen, desk.advance)
        tell_update(desk)
        await until(pilot, lambda: len(desk.photos_read) == 3)
        await pilot.press("m")
        await until(pilot, lambda: desk.submitted)


@pytest.fixture
def bells(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    rung: list[None] = []
    monkeypatch.setattr("textual.app.App.bell", lambda _: rung.append(None))
    return rung


async def test_a_deployment_about_to_end_rings_and_says_so(bells: list[None]) -> None:
    desk = Desk()
    async with screen_of(desk) as (pilot, _):
        await until(pilot, lambda: "ends in 60 min" in text_of(pilot))
        assert "▲ ends" not in text_of(pilot)
        desk.advance(3000)
        desk.tell_deployment(EventKind.DEPLOYMENT_ENDING)
        await until(pilot, lambda: "▲ the deployment ends in 10 min, at" in text_of(pilot))
        assert len(bells) == 1
        assert "▲ ends in 10 min" in text_of(pilot)
        await pilot.press("b")
        desk.tell_deployment(EventKind.DEPLOYMENT_ENDING)
        await until(pilot, lambda: "▲ the deployment ends in" in text_of(pilot))
        assert len(bells) == 1, "the bell is off"


async def test_the_end_of_a_deployment_is_shown_with_its_reason(bells: list[None]) -> None:
    desk = Desk()
    async with screen_of(desk, WIDE) as (pilot, _):
        await until(pilot, lambda: "ends in" in text_of(pilot))
        desk.end("system", "the planned end has come")
        await until(pilot, lambda: "■ the deployment ended at" in text_of(pilot))
        assert len(bells) == 1
        desk.advance(60)
        await until(pilot, lambda: "■ the deployment" not in text_of(pilot))
        assert "The last one ended at" in text_of(pilot)
        assert ": the planned end has come" in text_of(pilot)


async def test_the_operator_ends_a_deployment_with_a_reason() -> None:
    desk = Desk()
    async with screen_of(desk) as (pilot, _):
        await until(pilot, lambda: "ends in" in text_of(pilot))
        await pilot.press("E", "escape")
        await pilot.press("E", "enter")
        await until(pilot, lambda: "✗ say why: it is logged" in text_of(pilot))
        assert desk.deployment_held is not None
        desk.refuses = Unreachable("no daemon answers")
        await pilot.press(*"over", "enter")
        await until(pilot, lambda: "✗ no daemon answers" in text_of(pilot))
        await pilot.press("enter")  # what was typed is still there
        await until(pilot, lambda: "by anna: over" in text_of(pilot))
        await pilot.press("E")
        await until(pilot, lambda: "no deployment is running" in text_of(pilot))


async def test_repeats_of_one_person_are_one_row_until_each_is_wanted() -> None:
    again = [
        alert(n, raised_at_s=NOW_S - n).model_copy(update={"entry_id": "entry-1"})
        for n in range(1, 4)
    ]
    desk = Desk(*again)
    async with screen_of(desk) as (pilot, screen):
        await until(pilot, lambda: "REF-1  ×3" in text_of(pilot))
        assert screen.candidates.row_count == 1
        await look(pilot, screen, desk.advance)
        await pilot.press("m")
        await until(pilot, lambda: "  2 to decide · " in text_of(pilot))
        assert screen.candidates.selected_id == "alert-2"
        await pilot.press("g")
        await until(pilot, lambda: screen.candidates.row_count == 3)
        await pilot.press("t")
        await until(pilot, lambda: "oldest first" in text_of(pilot))

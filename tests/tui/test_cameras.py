"""The cameras screen, driven by keys; the daemon is an in-memory desk."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from PIL import Image
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from lfrd.client import Unreachable
from lfrd.errors import BadInput, Conflict, SourceError
from lfrd.wire.cameras import Camera, CameraChange, CameraPast, CameraState, Regions
from support.terminal import (
    ADVICE,
    NOW_S,
    PUBLISH_TOKEN,
    Desk,
    alert,
    camera,
    rates,
    screen_of,
    text_of,
    until,
)
from tui.screens.cameras import CamerasScreen
from tui.screens.help import HelpScreen
from tui.widgets.picture import Picture

SMALL, WIDE = (80, 24), (160, 48)
SIZES = [SMALL, WIDE]
NAMED = {"tab", "shift+tab", "enter", "escape", "space", "ctrl+s", "ctrl+c"}
SQUARE = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))
CORNER = ((0.0, 0.0), (0.2, 0.0), (0.0, 0.2))


def declared() -> Camera:
    return camera(name="Hall").model_copy(update={"declared": True})


@asynccontextmanager
async def cameras_of(desk: Desk, size: tuple[int, int] = SMALL) -> AsyncIterator[Pilot[None]]:
    async with screen_of(desk, size) as (pilot, _):
        await pilot.press("c")
        await until(pilot, lambda: isinstance(pilot.app.screen, CamerasScreen))
        await until(pilot, lambda: "transport" in text_of(pilot) or not desk.cameras_held)
        yield pilot


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press one key after the other; what is no key's name is text, and pasted."""
    for key in keys:
        if len(key) == 1 or key in NAMED:
            await pilot.press(key)
        else:
            pilot.app.post_message(Paste(key))
            await pilot.pause()


async def shown_all(pilot: Pilot[None], *parts: str) -> None:
    """Wait until all of it is on one screen, however the lines are broken. The widgets of a screen
    are not laid out at one moment."""

    def missing() -> list[str]:
        text = " ".join(text_of(pilot).split())
        return [part for part in parts if part not in text]

    await until(pilot, lambda: not missing())


def select_all(pilot: Pilot[None]) -> None:
    focused = pilot.app.screen.focused
    assert isinstance(focused, Input | TextArea)
    focused.action_select_all()


@pytest.mark.parametrize("size", SIZES)
async def test_everything_known_of_a_camera_is_shown(size: tuple[int, int]) -> None:
    desk = Desk()
    lost = camera(CameraState.LOST, "no frame for 12 s; next try in 4 s", name="Car park")
    unknown = {"codec": None, "width_px": None, "height_px": None, "fps": None, "decoder": None}
    shown = {"regions": Regions(include=(SQUARE,), privacy=(CORNER,)), "hwaccel": "cuda"}
    desk.cameras_held = (
        camera().model_copy(update={**shown, "decoder": "software", "keep_connected": True}),
        lost.model_copy(update={**unknown, "since_at_s": NOW_S - 4000}),
    )
    async with cameras_of(desk, size) as pilot:
        await shown_all(
            pilot, "● North", "live since", "✗ Car park", "lost since", "(66 min): no frame for 12",
            "unknown until it is connected", "none: it takes no part in a deployment",
        )  # fmt: skip
        desk.stream.put_nowait((rates(),))
        await press(pilot, "j")
        await shown_all(
            pilot, "24.9/s read · 5.1/s searched",
            "rtsp://camera.test/stream", "h264 · 1920×1080 · 25.0 fps",
            "software (cuda was asked for)", "tcp · stays connected", "9000 read · 17 dropped",
            "88 passing faces, in 1204 views", "0.25,0.25 0.75,0.25 0.75,0.75 0.25,0.75",
            "0,0 0.2,0 0,0.2",
        )  # fmt: skip


async def test_without_a_camera_it_says_what_to_press() -> None:
    desk = Desk()
    desk.cameras_held = ()
    async with cameras_of(desk) as pilot:
        await until(pilot, lambda: "Press a to add one" in text_of(pilot))
        for key in "eptvx":
            await pilot.press(key)
            await until(pilot, lambda: "there is no camera yet: a adds one" in text_of(pilot))


async def test_a_camera_is_added_and_its_password_is_never_seen() -> None:
    desk = Desk()
    async with cameras_of(desk) as pilot:
        await press(pilot, "a", "rtsp://op:geheim")
        await until(pilot, lambda: "rtsp://op:••••••" in text_of(pilot))
        await press(pilot, "@cam.local:8554/x", "tab", "Front gate", "tab", "space", "tab", "space")
        await until(pilot, lambda: "[✓] over UDP" in text_of(pilot))
        assert "rtsp://op:••••••@cam.local:8554/x" in text_of(pilot)
        assert "geheim" not in text_of(pilot)
        await press(pilot, "enter")
        await until(pilot, lambda: "camera Front gate is added" in text_of(pilot))
        assert "geheim" not in text_of(pilot)
        (new,) = desk.added
        assert new.address == "rtsp://op:geheim@cam.local:8554/x"
        assert (new.id, new.name, new.transport, new.keep_connected) == (
            "front-gate", "Front gate", "udp", True,
        )  # fmt: skip
        assert (new.ca_file, new.hwaccel, new.bearer_token) == (None, None, None)
        await until(pilot, lambda: "○ Front gate" in text_of(pilot))


async def test_copying_the_address_copies_no_password() -> None:
    async with cameras_of(Desk()) as pilot:
        await press(pilot, "a", "rtsp://op:geheim@cam/x")
        select_all(pilot)
        await press(pilot, "ctrl+c")
        assert pilot.app.clipboard == "rtsp://op:••••••@cam/x"


async def test_a_publishers_token_is_shown_once() -> None:
    desk = Desk()
    async with cameras_of(desk) as pilot:
        await press(pilot, "a", "whip://phone", "enter")
        await until(pilot, lambda: PUBLISH_TOKEN in text_of(pilot))
        assert "shown this once" in text_of(pilot)
        assert "/v1/whip/phone" in text_of(pilot)
        await press(pilot, "enter", "q")  # neither loses it
        assert PUBLISH_TOKEN in text_of(pilot)
        await press(pilot, "y", "escape")
        await until(pilot, lambda: PUBLISH_TOKEN not in text_of(pilot))
        assert pilot.app.clipboard == PUBLISH_TOKEN


async def test_what_cannot_be_a_camera_is_one_line_and_keeps_what_was_typed() -> None:
    desk = Desk()
    async with cameras_of(desk) as pilot:
        await press(pilot, "a", "tab", "Gate!", "enter")
        await until(pilot, lambda: "✗ an address is needed" in text_of(pilot))
        desk.refuses = BadInput("http:// is no kind of camera:\nuse rtsp://")
        await press(pilot, "shift+tab", "http://cam", "enter")
        await until(pilot, lambda: "✗ http:// is no kind of camera: use rtsp" in text_of(pilot))
        assert desk.added == []
        await press(pilot, "enter")
        await until(pilot, lambda: desk.added)
        assert (desk.added[0].address, desk.added[0].id) == ("http://cam", "gate")


async def test_pause_and_resume() -> None:
    desk = Desk()
    async with cameras_of(desk) as pilot:
        await press(pilot, "p")
        await until(pilot, lambda: "▮ paused since" in text_of(pilot))
        assert "camera North is paused" in text_of(pilot)
        await press(pilot, "p")
        await until(pilot, lambda: "◌ connecting since" in text_of(pilot))
        assert desk.changed == [
            ("north", CameraChange(enabled=False)),
            ("north", CameraChange(enabled=True)),
        ]
        desk.refuses = Conflict("there is\nno camera north")
        await press(pilot, "p")
        await until(pilot, lambda: "✗ there is no camera north" in text_of(pilot))


async def test_removing_asks_first() -> None:
    desk = Desk()
    desk.cameras_held = (camera(name="Alley"), camera())
    async with cameras_of(desk) as pilot:
        await press(pilot, "j", "x")
        await until(pilot, lambda: "Remove camera North?" in text_of(pilot))
        await press(pilot, "enter", "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, CamerasScreen))
        assert len(desk.cameras_held) == 2
        await press(pilot, "x", "y")
        await until(pilot, lambda: "camera North is removed" in text_of(pilot))
        await until(pilot, lambda: "● North" not in text_of(pilot))
        assert [c.id for c in desk.cameras_held] == ["alley"]


@pytest.mark.parametrize(("key", "verb"), [("x", "remove"), ("e", "change")])
async def test_a_declared_camera_is_the_configurations(key: str, verb: str) -> None:
    desk = Desk()
    desk.cameras_held = (declared(),)
    async with cameras_of(desk) as pilot:
        await press(pilot, key)
        said = f"✗ camera hall is declared in the configuration: {verb} it there; p pauses it"
        await until(pilot, lambda: said in text_of(pilot))
        await press(pilot, "p")
        await until(pilot, lambda: desk.changed == [("hall", CameraChange(enabled=False))])


async def test_a_test_shows_progress_then_report_and_advice() -> None:
    desk = Desk()
    async with cameras_of(desk) as pilot:
        await press(pilot, "t", "enter")
        desk.advance(4)
        await until(pilot, lambda: "looking, 4 of 10 s" in text_of(pilot))
        desk.advance(9)
        await until(pilot, lambda: "finishing" in text_of(pilot))
        desk.check_ends.set()
        await until(pilot, lambda: ADVICE[:30] in text_of(pilot))
        assert "h264 · 1920×1080 · 25.0 fps · decoded by software" in text_of(pilot)
        assert "keyframe every unknown" in text_of(pilot)
        assert "44 in 61 pictures · between the eyes 28 px" in text_of(pilot)
        assert "camera height +31 degrees to eye level, faces turned 12" in text_of(pilot)
        assert "finishing" not in text_of(pilot)
        desk.refuses = SourceError("the camera\ndoes not answer")
        await press(pilot, "enter")
        await until(pilot, lambda: "✗ the camera does not answer" in text_of(pilot))
        assert ADVICE[:30] not in text_of(pilot)


async def test_a_test_lasts_no_longer_than_the_daemon_allows() -> None:
    async with cameras_of(Desk()) as pilot:
        await press(pilot, "t", "60", "enter")
        await until(pilot, lambda: "✗ a test lasts 1 to 45 seconds" in text_of(pilot))


@pytest.mark.parametrize("size", SIZES)
async def test_the_view_draws_the_regions_and_lists_them(size: tuple[int, int]) -> None:
    desk = Desk()
    regions = Regions(include=(SQUARE,), privacy=(CORNER,))
    desk.cameras_held = (camera().model_copy(update={"regions": regions}),)
    async with cameras_of(desk, size) as pilot:
        await press(pilot, "v")
        picture = pilot.app.screen.query_one(Picture)
        await until(pilot, lambda: picture.has_image)
        image = picture._image.image
        assert isinstance(image, Image.Image)
        assert yellow(image, 56, 28)
        assert not yellow(image, 56, 56)
        assert "look in 1  0.25,0.25" in text_of(pilot)
        assert "hide 1     0,0 0.2,0 0,0.2" in text_of(pilot)
        assert "whole line: look only in here" in text_of(pilot)
        desk.refuses = SourceError("gave no\npicture")
        await press(pilot, "r")
        await until(pilot, lambda: "✗ gave no picture" in text_of(pilot))
        assert not picture.has_image


def yellow(image: Image.Image, x: int, y: int) -> bool:
    red, green, blue = image.getpixel((x, y))
    return min(red, green) > 180 and blue < 120


async def test_only_what_was_edited_is_sent() -> None:
    desk = Desk()
    third = 1 / 3
    regions = Regions(include=(((0.0, 0.0), (third, 0.0), (0.0, third)),))
    desk.cameras_held = (camera().model_copy(update={"regions": regions}),)
    async with cameras_of(desk) as pilot:
        await press(pilot, "e")
        await until(pilot, lambda: "rtsp://camera.test/stream" in text_of(pilot))
        await press(pilot, "enter")  # nothing changed, nothing asked, nothing started anew
        await until(pilot, lambda: isinstance(pilot.app.screen, CamerasScreen))
        await press(pilot, "e")
        select_all(pilot)
        await press(pilot, "West", "enter")
        await until(pilot, lambda: "● West" in text_of(pilot))
        await press(pilot, "e", "tab", "rtsp://op:neu@cam/y", "tab", "space", "enter")
        await until(pilot, lambda: len(desk.changed) == 2)
        assert desk.changed == [
            ("north", CameraChange(name="West")),
            ("north", CameraChange(address="rtsp://op:neu@cam/y", transport="udp")),
        ]
        assert "neu" not in text_of(pilot)
        desk.changed.clear()
        await press(pilot, "e", *["tab"] * 4, "none", "tab", "vaapi", "enter")
        await until(pilot, lambda: desk.changed)
        (sent,) = (change for _, change in desk.changed)
        assert sent == CameraChange(ca_file=None, hwaccel="vaapi")
        assert sent.model_fields_set == {"ca_file", "hwaccel"}


async def test_regions_are_edited_as_corners_a_line_each() -> None:
    desk = Desk()
    async with cameras_of(desk) as pilot:
        await press(pilot, "e", *["tab"] * 13, "0.1,0.1 0.9,0.1 0.5,2", "ctrl+s")
        await until(pilot, lambda: "✗ include zone 1: corners are fractions" in text_of(pilot))
        select_all(pilot)
        await press(pilot, "0.1,0.1 0.9,0.1 0.5,0.8", "enter")
        await press(pilot, "0,0,1,0,0,1", "tab", "0 0 0.5 0 0 0.5", "ctrl+s")
        await until(pilot, lambda: desk.changed)
        zones = (((0.1, 0.1), (0.9, 0.1), (0.5, 0.8)), ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)))
        masks = (((0.0, 0.0), (0.5, 0.0), (0.0, 0.5)),)
        assert desk.changed == [
            ("north", CameraChange(regions=Regions(include=zones, privacy=masks)))
        ]
        await until(pilot, lambda: "0.1,0.1 0.9,0.1 0.5,0.8" in text_of(pilot))


async def test_a_new_camera_beside_a_closing_one_of_its_id_is_shown_once() -> None:
    desk = Desk()
    desk.cameras_held = (camera(), camera(CameraState.CLOSING, "being closed"))
    async with cameras_of(desk) as pilot:
        assert "● live since" in text_of(pilot)
        await press(pilot, "j", "j", "k")
        desk.cameras_held = (camera(CameraState.CLOSING, "being closed"),)
        desk.tell_cameras()
        await until(pilot, lambda: "◌ closing since" in text_of(pilot))


async def test_what_changes_without_an_event_is_read_again() -> None:
    desk = Desk()
    async with cameras_of(desk) as pilot:
        desk.cameras_held = (camera(CameraState.DEGRADED, "picture unchanged"),)
        await until(pilot, lambda: "picture unchanged" in text_of(pilot))


async def test_the_daemon_away_is_said_here_too() -> None:
    desk = Desk(alert(1))
    async with cameras_of(desk) as pilot:
        desk.go_away()
        await until(pilot, lambda: "daemon away since" in text_of(pilot))
        desk.refuses = Unreachable("no daemon answers on /run/lfrd.sock: is lfrd running?")
        await press(pilot, "p")
        await until(pilot, lambda: "✗ no daemon answers on" in text_of(pilot))
        assert "1 candidate waits for your decision" in text_of(pilot)


async def test_a_name_is_text_and_never_markup() -> None:
    desk = Desk()
    desk.cameras_held = (camera(name="[b]x[/] [@click=q]y").model_copy(update={"id": "a"}),)
    async with cameras_of(desk) as pilot:
        for key in "xvt":
            await press(pilot, key)
            await until(pilot, lambda: not isinstance(pilot.app.screen, CamerasScreen))
            await until(pilot, lambda: "[b]x[/] [@click=q]y" in text_of(pilot))
            await press(pilot, "escape")
            await until(pilot, lambda: isinstance(pilot.app.screen, CamerasScreen))


async def test_help_begins_with_the_cameras() -> None:
    async with cameras_of(Desk()) as pilot:
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        await until(pilot, lambda: "Keys on the cameras screen" in text_of(pilot))
        for word in ("■ frozen", "remove, after a question", "nothing is decoded"):
            assert word in text_of(pilot)


async def test_regions_are_drawn_with_keys_and_the_mouse() -> None:
    desk = Desk()
    async with cameras_of(desk, (100, 36)) as pilot:
        await press(pilot, "r")
        picture = pilot.app.screen.query_one(Picture)
        await until(pilot, lambda: picture.has_image)
        await press(pilot, "i")
        await until(pilot, lambda: "three corners at least" in text_of(pilot))
        await pilot.press("space", "shift+right", "space", "shift+down", "space", "h")
        await until(pilot, lambda: "0 to look in, 1 hidden" in text_of(pilot))
        for offset in ((2, 2), (20, 2), (20, 10)):
            await pilot.click(picture.query_one(".image"), offset=offset)
        await until(pilot, lambda: "3 corners so far" in text_of(pilot))
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: "i looks in what you drew" in text_of(pilot))
        await press(pilot, "i", "escape")
        await until(pilot, lambda: "not saved yet" in text_of(pilot))
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: desk.changed)
        ((_, change),) = desk.changed
        assert change.regions is not None
        assert change.regions.privacy == (((0.5, 0.5), (0.6, 0.5), (0.6, 0.6)),)
        ((left, top), (right, _), _) = change.regions.include[0]
        assert 0 < left < right < 1
        assert 0 < top < 0.5


async def test_all_cameras_are_shown_at_once_with_their_states() -> None:
    desk = Desk()
    desk.cameras_held = (camera(), camera(CameraState.LOST, "gone", name="Car park"))
    async with cameras_of(desk, (100, 36)) as pilot:
        await press(pilot, "g")
        await until(pilot, lambda: "✗ Car park lost since" in text_of(pilot))
        pictures = pilot.app.screen.query(Picture)
        await until(pilot, lambda: all(p.has_image for p in pictures) and len(pictures) == 2)
        desk.cameras_held = (camera(), camera(name="Car park"))
        desk.tell_cameras()
        await until(pilot, lambda: "● Car park live" in text_of(pilot))


@pytest.mark.parametrize(("cameras", "pages"), [(1, False), (17, True)])
async def test_the_grid_offers_another_page_only_where_there_is_one(
    cameras: int, pages: bool
) -> None:
    desk = Desk()
    desk.cameras_held = tuple(camera(name=f"Camera {n}") for n in range(cameras))
    async with screen_of(desk) as (pilot, _):
        await pilot.press("c", "g")
        await until(pilot, lambda: "R Look again" in text_of(pilot))
        assert ("n Next cameras" in text_of(pilot)) is pages


@pytest.mark.parametrize("size", SIZES)
async def test_how_a_camera_was_is_told_by_deployment(size: tuple[int, int]) -> None:
    desk = Desk()
    lost = past(2, CameraState.LOST, "no frame for 12 s", NOW_S - 90, NOW_S - 30)
    desk.camera_past = (
        past(3, CameraState.LIVE, "pictures come", NOW_S - 30),
        lost,
        lost.model_copy(update={"id": 1, "deployment_id": "deployment-0"}),
    )
    assert desk.deployment_held is not None
    desk.deployments_over = (desk.deployment_held,)
    async with cameras_of(desk, size) as pilot:
        await press(pilot, "H")
        await shown_all(
            pilot, "How North was", desk.deployment_held.purpose, "● live", "30 s so far",
            "✗ lost", "1 min", "no frame for 12 s", "an earlier deployment",
        )  # fmt: skip
        await press(pilot, "escape")
        desk.refuses = Conflict("the daemon is busy")
        await press(pilot, "H")
        await shown_all(pilot, "✗ the daemon is busy")


async def test_a_camera_without_a_past_says_so() -> None:
    async with cameras_of(Desk()) as pilot:
        await press(pilot, "H")
        await shown_all(pilot, "took part in no deployment yet")


def past(
    number: int, state: CameraState, reason: str, since_s: float, until_s: float | None = None
) -> CameraPast:
    return CameraPast(
        id=number, camera_id="north", deployment_id="deployment-1", state=state, reason=reason,
        since_at_s=since_s, until_at_s=until_s,
    )  # fmt: skip


@pytest.mark.parametrize("place", "dlc")
async def test_the_foot_keeps_the_way_back_and_to_all_commands(place: str) -> None:
    """However narrow the window is."""
    async with screen_of(Desk(), (60, 20)) as (pilot, main):
        await pilot.press(place)
        await until(pilot, lambda: pilot.app.screen is not main)

        def foot() -> str:
            return text_of(pilot).splitlines()[-1]

        await until(pilot, lambda: foot().endswith("^p All  Esc Back  ? Help"))

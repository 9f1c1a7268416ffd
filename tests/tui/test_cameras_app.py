"""The cameras screen on the real daemon, with a real stream."""

import re
from pathlib import Path

import pytest
from textual.events import Paste
from textual.pilot import Pilot

from lfrd.client import Client
from lfrd.demo.stream import rtsp_stream
from support.program import enrol, look_for
from support.site import serve
from support.terminal import app_on, text_of, until
from tui.screens.cameras import CamerasScreen
from tui.widgets.picture import Picture

WAIT_S = 30.0


async def type_in(pilot: Pilot[None], text: str) -> None:
    pilot.app.post_message(Paste(text))
    await pilot.pause()


async def back(pilot: Pilot[None]) -> None:
    await pilot.press("escape")
    await until(pilot, lambda: isinstance(pilot.app.screen, CamerasScreen))


async def add(pilot: Pilot[None], camera_id: str, address: str) -> None:
    await pilot.press("a")
    await type_in(pilot, address)
    await pilot.press("tab")
    await type_in(pilot, camera_id)
    await pilot.press("enter")


@pytest.mark.e2e
async def test_a_camera_from_adding_to_removing(tmp_path: Path, demo_clip: Path) -> None:
    async with (
        rtsp_stream(demo_clip) as address,
        serve(tmp_path / "state") as served,
        Client.over_socket(served.socket) as client,
    ):
        app = app_on(client)
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: "● health ok" in text_of(pilot), WAIT_S)
            await pilot.press("c")
            await until(pilot, lambda: "Press a to add one" in text_of(pilot), WAIT_S)
            await add(pilot, "street", address)
            await until(pilot, lambda: "○ idle since" in text_of(pilot), WAIT_S)
            await look_through(pilot)
            await look_for(served.client, await enrol(served.client))
            await until(pilot, lambda: "h264 · 1280×720 · " in text_of(pilot), WAIT_S)
            await until(pilot, lambda: "● live since" in text_of(pilot), WAIT_S)
            await until(pilot, lambda: "/s searched" in text_of(pilot), WAIT_S)
            await pilot.press("p")
            await until(pilot, lambda: "▮ paused since" in text_of(pilot), WAIT_S)
            await pilot.press("p")
            await until(pilot, lambda: "● live since" in text_of(pilot), WAIT_S)
            await pilot.press("x", "y")
            await until(pilot, lambda: "camera street is removed" in text_of(pilot), WAIT_S)
            await until(pilot, lambda: "Press a to add one" in text_of(pilot), WAIT_S)
        assert await served.client.cameras() == ()


async def look_through(pilot: Pilot[None]) -> None:
    """The report and the view come from the stream itself."""
    await pilot.press("t", "backspace", "backspace", "2", "enter")
    await until(pilot, lambda: "What to do" in text_of(pilot), WAIT_S)
    assert "h264 · 1280×720" in text_of(pilot)
    await back(pilot)
    await pilot.press("v")
    picture = pilot.app.screen.query_one(Picture)
    await until(pilot, lambda: picture.has_image, WAIT_S)
    await back(pilot)
    await pilot.press("A")
    aimed = pilot.app.screen.query_one(Picture)
    await until(pilot, lambda: aimed.has_image, WAIT_S)
    await back(pilot)


async def test_refusals_of_the_daemon_and_a_publishers_token(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, Client.over_socket(served.socket) as client:
        app = app_on(client)
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: "● health ok" in text_of(pilot), WAIT_S)
            await pilot.press("c")
            await add(pilot, "bad", "rtmp://op:geheim@cam/x")
            await until(pilot, lambda: "✗ rtmp:// is no kind of camera" in text_of(pilot), WAIT_S)
            assert "geheim" not in text_of(pilot)
            await back(pilot)
            await add(pilot, "phone", "whip://phone")
            await until(pilot, lambda: "shown this once" in text_of(pilot), WAIT_S)
            shown = re.search(r"token +([\w-]{43}) ", text_of(pilot))
            assert shown is not None
            token = shown[1]
            assert served.site.fleet.publisher_may("phone", token)
            await back(pilot)
            assert token not in text_of(pilot)
            await add(pilot, "gate", "rtsp://op:geheim@127.0.0.1:9/x")
            await until(pilot, lambda: "rtsp://op:***@127.0.0.1:9/x" in text_of(pilot), WAIT_S)
            await pilot.press("v")
            await until(pilot, lambda: "✗ " in text_of(pilot), WAIT_S)
            assert "geheim" not in text_of(pilot)

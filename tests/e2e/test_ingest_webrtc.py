"""Foreign WebRTC implementations as publishers and senders: FFmpeg's in C, and a browser."""

import asyncio
import re
import time
from pathlib import Path

import pytest

from lfrd.clock import SystemClock
from lfrd.counters import CameraCounters
from lfrd.ingest.camera import Camera
from lfrd.ingest.settings import CameraSettings, State
from lfrd.ingest.whip import WhipIngest
from support.browser import add_page, browser_page, signalling_app
from support.cameras import make, take, until_state
from support.certificates import self_signed
from support.waiting import until
from support.webrtc import ffmpeg_publisher, serving, whip_app

pytestmark = pytest.mark.e2e


@pytest.fixture
def ingest() -> WhipIngest:
    return WhipIngest()


def whip_camera(ingest: WhipIngest) -> Camera:
    settings = CameraSettings("gate", "whip://")
    return Camera(settings, SystemClock(), CameraCounters(), whip=ingest)


async def test_ffmpeg_publishes_vanishes_and_returns(ingest: WhipIngest, tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    async with serving(whip_app(ingest)) as base, whip_camera(ingest) as camera:
        url = f"{base}/whip/gate"
        with ffmpeg_publisher(url, "letmein", certificate):
            frames = await take(camera, 25)
            assert frames[-1].planes.y.shape == (360, 640)
            await until_state(camera, State.LIVE)
        await until_state(camera, State.FROZEN, seconds=6)
        await until_state(camera, State.LOST, seconds=8)
        assert "the publisher vanished" in camera.status.reason
        with ffmpeg_publisher(url, "letmein", certificate):
            await take(camera, 5)
            await until_state(camera, State.LIVE)


async def test_ffmpeg_with_a_wrong_token_gets_nowhere(ingest: WhipIngest, tmp_path: Path) -> None:
    async with serving(whip_app(ingest)) as base, whip_camera(ingest) as camera:
        with ffmpeg_publisher(f"{base}/whip/gate", "zq-wrong", self_signed(tmp_path)) as process:
            await asyncio.to_thread(process.wait, 15)
        assert camera.status.state is State.CONNECTING


@pytest.mark.parametrize(("mime", "codec"), [("video/H264", "h264"), ("video/VP8", "vp8")])
async def test_a_browser_publishes_at_full_size(ingest: WhipIngest, mime: str, codec: str) -> None:
    app = whip_app(ingest)
    add_page(app)
    async with (
        serving(app) as base,
        browser_page(base) as page,
        whip_camera(ingest) as camera,
    ):
        await until(lambda: ingest.receiving("gate"))
        begun_s = time.monotonic()
        arguments = [f"{base}/whip/gate", "letmein", mime, 1280, 720]
        said = await page.evaluate("a => publish(...a)", arguments)
        if said == f"no {mime}":
            pytest.skip(f"this Chromium has {said}")
        assert said == "connected"
        await take(camera, 1)
        assert time.monotonic() - begun_s < 3.0
        frames = await take(camera, 60)
        await until_state(camera, State.LIVE)
        assert camera.status.codec == codec
        assert frames[-1].planes.y.shape == (720, 1280)
        await page.evaluate("() => window.pc.close()")
        await until(lambda: camera.status.state in (State.LOST, State.FROZEN))


async def test_a_browser_with_a_wrong_token_is_turned_away(ingest: WhipIngest) -> None:
    app = whip_app(ingest)
    add_page(app)
    async with serving(app) as base, browser_page(base) as page, whip_camera(ingest):
        arguments = [f"{base}/whip/gate", "wrong", "video/VP8", 640, 360]
        assert await page.evaluate("a => publish(...a)", arguments) == "status 401"


async def test_a_browser_s_stream_is_pulled() -> None:
    async with serving(signalling_app()) as base, browser_page(base) as page:
        made = make(CameraSettings("gate", f"whep+{base}/whep"))
        async with made.camera as camera:
            serve = asyncio.ensure_future(page.evaluate("() => serve()"))
            frames = await take(camera, 25)
            await until_state(camera, State.LIVE)
            await serve
        assert frames[-1].planes.y.shape[1] >= 320
        assert re.fullmatch("h264|vp8", made.said[-1].codec or "")

"""Cameras against a full RTSP server: logins, TLS, UDP, codecs, and what goes wrong on the way."""

import asyncio
import logging
import threading
import time
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import numpy as np
import pytest

from lfrd.clock import SystemClock
from lfrd.errors import SourceError, SourceRefused
from lfrd.ingest.address import parse
from lfrd.ingest.rest import REST_S
from lfrd.ingest.rtsp import RtspSource
from lfrd.ingest.settings import CameraSettings, State
from lfrd.ingest.source import Picture, StreamInfo, Wanted
from support.cameras import make, take, until_state
from support.certificates import self_signed
from support.rtsp_gst import GstServer, Stream, require_gstreamer

pytestmark = pytest.mark.e2e

PASSWORD = Stream().password
LOGIN = f"watcher:{quote(PASSWORD, safe='')}"


@pytest.fixture(scope="module", autouse=True)
def gstreamer() -> None:
    require_gstreamer()


@pytest.mark.parametrize(
    ("stream", "transport"),
    [
        (Stream(), "tcp"),
        (Stream(), "udp"),
        (Stream(audio=True), "tcp"),
        (Stream(audio=True), "udp"),
        (Stream(codec="h265"), "tcp"),
        (Stream(codec="h265"), "udp"),
        (Stream(codec="vp8"), "tcp"),
        (Stream(width=16, height=16), "tcp"),
        (Stream(fps=120), "tcp"),
        (Stream(fps=1), "tcp"),
    ],
    ids=lambda value: value if isinstance(value, str) else _named(value),
)
async def test_a_stream_comes_in(stream: Stream, transport: str) -> None:
    async with GstServer(stream).running() as server:
        made = make(CameraSettings("gate", server.url(), transport=transport))  # type: ignore[arg-type]  # one of two
        async with made.camera as camera:
            frames = await take(camera, 5 if stream.fps == 1 else 25)
            assert camera.status.state is State.LIVE
            codec = "hevc" if stream.codec == "h265" else stream.codec
            assert camera.status.codec == codec
    assert frames[-1].planes.y.shape == (stream.height, stream.width)
    assert made.states()[:2] == [State.CONNECTING, State.LIVE]
    assert not {State.FROZEN, State.LOST} & set(made.states())


class Gathering:
    """A sink that lets packets lie for so long, for some seconds."""

    decoding, period_s, wanted = True, None, Wanted.EVERY

    def __init__(self, rest_s: float, seconds: float) -> None:
        self.rest_s = rest_s
        self._stop = threading.Event()
        self._until_s = time.monotonic() + seconds
        self.read_at_s: list[float] = []
        self.arrived_at_s: list[float] = []

    @property
    def stopping(self) -> bool:
        return time.monotonic() > self._until_s

    def picture(self, picture: Picture) -> None:
        self.read_at_s.append(time.monotonic())
        self.arrived_at_s.append(picture.arrived_at_s)

    def wait(self, seconds: float) -> bool:
        return self._stop.wait(seconds) or self.stopping

    def opened(self, info: StreamInfo) -> None: ...
    def packet(self, size_bytes: int, keyframe: bool) -> None: ...
    def trouble(self, kind: str) -> None: ...
    def late(self, late_s: float) -> None: ...
    def behind(self, late_s: float) -> None: ...

    def works(self) -> None: ...


@pytest.mark.parametrize(("transport", "rest_s"), [("tcp", REST_S), ("tcp", 0.0), ("udp", REST_S)])
async def test_packets_gather_and_tell_when_they_came(
    transport: Literal["tcp", "udp"], rest_s: float
) -> None:
    sink = Gathering(rest_s, seconds=6.0)
    async with GstServer(Stream()).running() as server:
        source = RtspSource(parse(server.url()), SystemClock(), transport)
        await asyncio.to_thread(source.run, sink)
    assert len(sink.read_at_s) > 100
    read, arrived = np.diff(sink.read_at_s[50:]), np.diff(sink.arrived_at_s[50:])
    at_once = np.mean(read < 0.01)
    assert at_once > 0.4 if rest_s and transport == "tcp" else at_once < 0.2
    assert np.median(np.abs(arrived - 0.04)) < 0.01, "as they were sent, however they are read"


def _named(stream: Stream) -> str:
    sound = "-sound" if stream.audio else ""
    return f"{stream.codec}-{stream.width}x{stream.height}-{stream.fps}fps{sound}"


@pytest.mark.parametrize("auth", ["basic", "digest"])
async def test_login_with_an_encoded_password(auth: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with GstServer(Stream(auth=auth)).running() as server:
        made = make(CameraSettings("gate", server.url(LOGIN)))
        async with made.camera as camera:
            assert len(await take(camera, 3)) == 3
    said = caplog.text + repr(made.said) + repr(made.camera.settings)
    assert PASSWORD not in said
    assert quote(PASSWORD, safe="") not in said


@pytest.mark.parametrize("auth", ["basic", "digest"])
@pytest.mark.parametrize("login", ["", "watcher:wrong-secret", "nobody:wrong-secret"])
async def test_a_wrong_login_is_refused_and_tried_slowly(auth: str, login: str) -> None:
    async with GstServer(Stream(auth=auth)).running() as server:
        made = make(CameraSettings("gate", server.url(login)))
        async with made.camera as camera:
            await until_state(camera, State.REFUSED)
        assert "wrong-secret" not in repr(made.said)
        waiting = make(CameraSettings("gate", server.url(login), must_open=True))
        async with waiting.camera as camera:
            with pytest.raises(SourceRefused):
                await take(camera, 1)


async def test_tls_is_verified(tmp_path: Path) -> None:
    ca, key = self_signed(tmp_path)
    pem = tmp_path / "both.pem"
    pem.write_bytes(key.read_bytes() + ca.read_bytes())
    async with GstServer(Stream(tls=str(pem), auth="basic")).running() as server:
        address = server.url(LOGIN, "rtsps")
        trusting = make(CameraSettings("gate", address, ca_file=ca))
        async with trusting.camera as camera:
            assert len(await take(camera, 3)) == 3
        for wrong in (None, self_signed(tmp_path, "other")[0], tmp_path / "missing.pem"):
            made = make(CameraSettings("gate", address, ca_file=wrong, must_open=True))
            async with made.camera as camera:
                with pytest.raises(SourceError) as caught:
                    await take(camera, 1)
            assert quote(PASSWORD, safe="") not in str(caught.value)
            assert "certificate" in str(caught.value) or "CA file" in str(caught.value)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_a_killed_server_comes_back(transport: str) -> None:
    async with GstServer(Stream()).running() as server:
        made = make(CameraSettings("gate", server.url(), transport=transport))  # type: ignore[arg-type]  # one of two
        async with made.camera as camera:
            await take(camera, 5)
            server.kill()
            await until_state(camera, State.LOST)
            await asyncio.to_thread(server.start)
            await take(camera, 5)
            await until_state(camera, State.LIVE)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_a_server_stopped_in_its_tracks_is_frozen_within_five_seconds(transport: str) -> None:
    async with GstServer(Stream()).running() as server:
        made = make(CameraSettings("gate", server.url(), transport=transport))  # type: ignore[arg-type]  # one of two
        async with made.camera as camera:
            await take(camera, 5)
            server.freeze()
            stopped_at = time.monotonic()
            await until_state(camera, State.FROZEN, seconds=8)
            assert time.monotonic() - stopped_at <= 5.0
            await asyncio.sleep(3)
            assert camera.status.state is State.FROZEN
            server.thaw()
            await take(camera, 30)
            await until_state(camera, State.LIVE)


async def test_leaving_a_frozen_camera_returns_at_once() -> None:
    async with GstServer(Stream()).running() as server:
        made = make(CameraSettings("gate", server.url()))
        async with made.camera as camera:
            await take(camera, 5)
            server.freeze()
            await asyncio.sleep(0.3)
            left_at = time.monotonic()
        assert time.monotonic() - left_at < 1.0
        assert camera.still_closing
        assert camera.status.state is State.CLOSING
        await camera.wait_closed()
        assert not camera.still_closing
        assert camera.status.state is State.IDLE
        assert time.monotonic() - left_at < 6.0


async def test_a_resolution_change_in_mid_stream() -> None:
    async with GstServer(Stream(switch_after_s=0.8)).running() as server:
        made = make(CameraSettings("gate", server.url()))
        async with made.camera as camera:
            frames = await take(camera, 50)
            assert (camera.status.width_px, camera.status.height_px) == (160, 120)
    assert {frame.planes.y.shape for frame in frames} == {(240, 320), (120, 160)}
    assert made.states() == [State.CONNECTING, State.LIVE, State.IDLE]


async def test_the_sender_s_clock_gives_the_capture_time() -> None:
    async with GstServer(Stream(fps=25)).running() as server:
        made = make(CameraSettings("gate", server.url()))
        async with made.camera as camera:
            frames = await take(camera, 200)
    delays = [frame.arrived_at_s - frame.captured_at_s for frame in frames]
    assert delays[0] == 0.0, "no sender report has come yet"
    assert 0.0 < delays[-1] < 0.5

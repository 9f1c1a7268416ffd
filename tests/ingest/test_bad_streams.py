"""Nothing that comes over the wire ends the camera, leaks, or prints a password."""

import asyncio
import contextlib
import itertools
import logging
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lfrd.errors import SourceError
from lfrd.ingest import camera as camera_module
from lfrd.ingest import container, rtsp, rtsp_control
from lfrd.ingest.settings import CameraSettings, State
from support.bad_wire import (
    Handler,
    drop_first,
    endless_header,
    flip_bytes,
    freeze_timestamps,
    garbage,
    hangs_up,
    scramble,
    shift_timestamps,
    silent,
    tampered,
    tcp_server,
)
from support.cameras import make, take, until_state
from support.video import RtspServer, clip, encode, moving_picture
from support.waiting import until


@pytest.fixture
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "OPEN_TIMEOUT_S", 0.7)
    for module, name in (
        (container, "READ_TIMEOUT_S"), (rtsp, "READ_TIMEOUT_S"), (rtsp_control, "TIMEOUT_S"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, 0.5)


@pytest.mark.usefixtures("short_timeouts")
@pytest.mark.parametrize("handler", [silent, hangs_up, garbage, endless_header])
async def test_a_server_that_speaks_no_rtsp(
    handler: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with tcp_server(handler) as port:
        made = make(CameraSettings("gate", f"rtsp://user:zq-secret@127.0.0.1:{port}/x"))
        async with made.camera as camera:
            await until_state(camera, State.LOST)
            await asyncio.sleep(0.3)
            assert camera.status.state is State.LOST
        await camera.wait_closed()
    assert made.counters.frames_decoded == 0
    assert "zq-secret" not in caplog.text + repr(made.said)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    clip(folder / "a.mp4", frames=100)
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[RtspServer]:
    """For those who leave it as it is."""
    server = RtspServer(folder)
    server.start()
    yield server
    server.kill()


async def test_fuzzed_bytes_in_the_stream(server: RtspServer) -> None:
    async with tampered(server.port, flip_bytes(10, 0.5)) as port:
        made = make(CameraSettings("gate", f"rtsp://127.0.0.1:{port}/a.mp4?play_count=0"))
        async with made.camera as camera:
            assert len(await take(camera, 30)) == 30


@pytest.mark.e2e
async def test_a_stream_that_turns_into_noise_is_frozen_then_opened_anew(
    server: RtspServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(container, "NO_PICTURE_LIMIT_S", 4.5)
    async with tampered(server.port, scramble(40)) as port:
        made = make(CameraSettings("gate", f"rtsp://127.0.0.1:{port}/a.mp4?play_count=0"))
        async with made.camera as camera:
            await take(camera, 5)
            await until_state(camera, State.FROZEN)
            assert camera.status.reason == "no new picture or timestamp for 4 s"
            await until(lambda: "sends data but no picture" in camera.status.reason)
    lines = [record for record in caplog.records if "undecodable packet" in record.message]
    times = [record.created for record in lines]
    assert len(times) >= 3, "once a second, and in all"
    assert all(later - earlier > 0.9 for earlier, later in itertools.pairwise(times[:-1]))


@pytest.mark.parametrize("ticks", [90_000 * 3600, -90_000 * 20, 2**31], ids=str)
async def test_timestamps_that_jump(server: RtspServer, ticks: int) -> None:
    async with tampered(server.port, shift_timestamps(30, ticks)) as port:
        made = make(CameraSettings("gate", f"rtsp://127.0.0.1:{port}/a.mp4?play_count=0"))
        async with made.camera as camera:
            frames = await take(camera, 40)
    media = [frame.media_at_s for frame in frames]
    assert all(0 < later - earlier < 2 for earlier, later in itertools.pairwise(media))
    captured = [frame.captured_at_s for frame in frames]
    assert captured == sorted(captured)
    assert State.LOST not in made.states()


@pytest.mark.e2e
async def test_a_keyframe_is_waited_for_as_long_as_packets_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(container, "NO_PICTURE_LIMIT_S", 0.8)
    monkeypatch.setattr(camera_module, "WAIT_TOLD_S", 1.0)
    encode(tmp_path / "a.mp4", moving_picture(frames=100), keyframe_every=100)
    async with (
        RtspServer(tmp_path).running() as server,
        tampered(server.port, drop_first(30)) as port,
    ):
        made = make(CameraSettings("gate", f"rtsp://127.0.0.1:{port}/a.mp4?play_count=0"))
        async with made.camera as camera:
            await until(lambda: "waiting for a keyframe (2 s so far)" in camera.status.reason)
            assert "keyframe interval" in camera.status.reason
            await until_state(camera, State.LIVE)
    assert made.states() == [State.CONNECTING, State.LIVE, State.IDLE]
    assert caplog.text.count("waiting for a keyframe") == 1, "told again every ten seconds"


async def test_timestamps_that_stand_still_are_frozen(
    server: RtspServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_module, "FROZEN_AFTER_S", 1.5)
    async with tampered(server.port, freeze_timestamps(30)) as port:
        made = make(CameraSettings("gate", f"rtsp://127.0.0.1:{port}/a.mp4?play_count=0"))
        async with made.camera as camera:
            await take(camera, 10)
            await until_state(camera, State.FROZEN, seconds=8)


@pytest.mark.e2e
async def test_a_frozen_server_is_noticed_and_left_at_once(folder: Path) -> None:
    async with RtspServer(folder).running() as server:
        made = make(CameraSettings("gate", server.url("a.mp4")))
        loop = asyncio.get_running_loop()
        async with made.camera as camera:
            await take(camera, 5)
            server.freeze()
            frozen_at_s = loop.time()
            await until_state(camera, State.FROZEN, seconds=8)
            assert loop.time() - frozen_at_s <= 5.0
            left_at_s = loop.time()
        assert loop.time() - left_at_s < 1.0
        server.thaw()
        await camera.wait_closed()


async def test_another_codec_and_size_after_a_restart(tmp_path: Path) -> None:
    clip(tmp_path / "a.mp4", frames=100)
    async with RtspServer(tmp_path).running() as server:
        made = make(CameraSettings("gate", server.url("a.mp4")))
        async with made.camera as camera:
            await take(camera, 5)
            server.kill()
            await until_state(camera, State.LOST)
            pictures = moving_picture(192, 160, 50)
            quiet = {"preset": "ultrafast", "x265-params": "log-level=none:bframes=0"}
            encode(tmp_path / "a.mp4", pictures, codec="libx265", options=quiet)
            await asyncio.to_thread(server.start)
            frames = await take(camera, 5)
            await until_state(camera, State.LIVE)
            assert camera.status.codec == "hevc"
            assert (camera.status.width_px, camera.status.height_px) == (192, 160)
    assert frames[-1].planes.y.shape == (160, 192)


@pytest.mark.parametrize(
    ("width", "height", "fps", "count"),
    [(16, 16, 25, 10), (320, 240, 1, 4), (320, 240, 120, 240), (7680, 4320, 25, 2)],
    ids=["16x16", "1fps", "120fps", "8K"],
)
async def test_extreme_but_honest_video(
    tmp_path: Path, width: int, height: int, fps: int, count: int
) -> None:
    flat = np.zeros((height, width, 3), np.uint8)
    path = await asyncio.to_thread(encode, tmp_path / "a.mp4", [flat] * count, fps=fps)
    made = make(CameraSettings("gate", str(path), every_frame=True))
    async with made.camera as camera:
        frames = await take(camera, count)
    assert frames[-1].planes.y.shape == (height, width)
    assert frames[-1].media_at_s == pytest.approx((count - 1) / fps, rel=0.02)


async def test_pictures_larger_than_any_camera_s_are_refused(tmp_path: Path) -> None:
    flat = np.zeros((4320, 8192, 3), np.uint8)
    path = await asyncio.to_thread(encode, tmp_path / "a.mp4", [flat])
    settings = CameraSettings("gate", str(path), must_open=True)
    async with make(settings).camera as camera:
        with pytest.raises(SourceError, match="8192x4320"):
            await take(camera, 1)


@pytest.mark.parametrize("seed", range(6))
async def test_a_damaged_file_ends_in_frames_or_one_sentence(tmp_path: Path, seed: int) -> None:
    path = clip(tmp_path / "a.mkv", frames=50)
    dice = random.Random(seed)
    content = bytearray(path.read_bytes())
    for _ in range(200):
        content[dice.randrange(len(content))] = dice.randrange(256)
    if seed % 2:
        del content[dice.randrange(len(content)) :]
    path.write_bytes(content)
    made = make(CameraSettings("gate", str(path), every_frame=True, must_open=True))
    async with made.camera as camera:
        with contextlib.suppress(SourceError):
            await take(camera, 1000)
    assert "\n" not in made.said[-1].reason
    assert made.states()[-1] is State.ENDED

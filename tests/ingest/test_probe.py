"""`camera test` measures what is really sent."""

from pathlib import Path

import pytest

from lfrd.clock import SystemClock
from lfrd.errors import SourceError
from lfrd.ingest import probe as probe_module
from lfrd.ingest.probe import probe_camera
from lfrd.ingest.settings import CameraSettings
from lfrd.types import Frame
from support.bad_wire import drop_first, tampered
from support.video import RtspServer, clip, encode, moving_picture


@pytest.mark.e2e
async def test_a_real_stream_is_measured(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", frames=100, fps=25)
    frames: list[Frame] = []

    async def look(frame: Frame) -> None:
        frames.append(frame)

    async with RtspServer(tmp_path).running() as server:
        settings = CameraSettings("gate", server.url("a.mp4"))
        probe = await probe_camera(settings, SystemClock(), 3.0, look)
    assert (probe.codec, probe.width_px, probe.height_px) == ("h264", 320, 240)
    assert probe.fps == pytest.approx(25, rel=0.1)
    assert probe.keyframe_interval_s == pytest.approx(1.0, rel=0.2)
    expected_kbps = path.stat().st_size * 8 / 1000 / 4.0
    assert probe.bit_rate_kbps == pytest.approx(expected_kbps, rel=0.3)
    assert probe.first_frame_s < 2.0
    assert probe.frames >= 60
    assert probe.frames_damaged == 0
    assert len(frames) >= 50
    assert probe.decoder == "software"


@pytest.mark.e2e
async def test_the_wait_for_a_keyframe_is_measured(tmp_path: Path) -> None:
    encode(tmp_path / "a.mp4", moving_picture(frames=100), keyframe_every=100)
    async with (
        RtspServer(tmp_path).running() as server,
        tampered(server.port, drop_first(30)) as port,
    ):
        settings = CameraSettings("gate", f"rtsp://127.0.0.1:{port}/a.mp4?play_count=0")
        probe = await probe_camera(settings, SystemClock(), 1.0)
    assert 1.5 < probe.keyframe_waited_s < 5.0
    assert probe.first_frame_s >= probe.keyframe_waited_s


@pytest.mark.e2e
async def test_a_keyframe_that_never_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_module, "_WHOLE_S", 4.0)
    monkeypatch.setattr(probe_module, "_OPEN_PATIENCE_S", 1.5)
    encode(tmp_path / "a.mp4", moving_picture(frames=500), keyframe_every=500)
    async with (
        RtspServer(tmp_path).running() as server,
        tampered(server.port, drop_first(30)) as port,
    ):
        settings = CameraSettings("gate", f"rtsp://127.0.0.1:{port}/a.mp4")
        with pytest.raises(SourceError, match=r"sends data, but no keyframe for . s: set the"):
            await probe_camera(settings, SystemClock(), 1.0)


async def test_a_camera_that_does_not_answer() -> None:
    with pytest.raises(SourceError, match="does not answer"):
        await probe_camera(CameraSettings("gate", "rtsp://127.0.0.1:1/x"), SystemClock(), 1.0)


async def test_a_short_file_is_measured_to_its_end(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", frames=25, fps=25)
    probe = await probe_camera(CameraSettings("gate", str(path)), SystemClock(), 30.0)
    assert probe.frames == 25
    assert probe.seconds < 5.0

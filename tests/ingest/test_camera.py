"""A camera over a real wire and over real files."""

import asyncio
import itertools
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from video import RtspServer, clip

from lfrd.clock import SystemClock
from lfrd.counters import CameraCounters
from lfrd.errors import SourceError
from lfrd.ingest.camera import Camera
from lfrd.ingest.settings import CameraSettings, CameraStatus, State
from lfrd.supervise import Backoff
from lfrd.types import Frame

QUICK = Backoff(first_s=0.1, cap_s=0.2)


def camera(address: str, **settings: object) -> tuple[Camera, CameraCounters, list[CameraStatus]]:
    seen: list[CameraStatus] = []
    counters = CameraCounters()
    made = Camera(
        CameraSettings("gate", address, **settings),  # type: ignore[arg-type]
        SystemClock(),
        counters,
        seen.append,
        backoff=QUICK,
    )
    return made, counters, seen


async def take(cam: Camera, count: int, seconds: float = 15.0) -> list[Frame]:
    frames: list[Frame] = []
    async with asyncio.timeout(seconds):
        async for frame in cam.frames:
            frames.append(frame)
            if len(frames) == count:
                break
    return frames


async def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  what is waited for has no event of its own
            await asyncio.sleep(0.02)


async def test_a_file_read_as_fast_as_possible_gives_every_frame_in_media_time(
    tmp_path: Path,
) -> None:
    path = clip(tmp_path / "a.mp4", frames=60, fps=25)
    cam, counters, seen = camera(str(path), every_frame=True)
    started = time.monotonic()
    async with cam:
        frames = await take(cam, 61)
    assert [frame.sequence for frame in frames] == list(range(60))
    assert [round(frame.media_at_s, 3) for frame in frames] == [
        pytest.approx(i * 0.04, abs=2e-3) for i in range(60)
    ]
    assert all(frame.captured_at_s == frame.media_at_s for frame in frames)
    assert (counters.frames_decoded, counters.frames_dropped) == (60, 0)
    assert seen[-1].state is State.ENDED
    assert (seen[-1].codec, seen[-1].width_px, seen[-1].height_px) == ("h264", 320, 240)
    assert time.monotonic() - started < 2.4, "faster than the clip's own time"


async def test_a_paced_file_takes_its_own_time(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", frames=20, fps=20)
    cam, _, _ = camera(str(path))
    started = time.monotonic()
    async with cam:
        frames = await take(cam, 21)
    assert time.monotonic() - started >= 0.9
    assert frames[-1].sequence == 19
    assert frames[-1].captured_at_s > started


async def test_a_looping_file_goes_on_in_rising_time(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", frames=10)
    cam, _, _ = camera(str(path), every_frame=True, loop=True)
    async with cam:
        frames = await take(cam, 35)
    assert [frame.sequence for frame in frames] == list(range(35))
    times = [frame.media_at_s for frame in frames]
    steps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert steps == pytest.approx([0.04] * 34, abs=5e-3)


@pytest.mark.parametrize("name", ["missing.mp4", "text.mp4", "folder", "sound.wav"])
async def test_what_is_no_video_raises_one_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.mp4").write_text("no video at all\n" * 200)
    (tmp_path / "folder").mkdir()
    (tmp_path / "sound.wav").write_bytes(_silence())
    cam, _, seen = camera(str(tmp_path / name))
    async with cam:
        with pytest.raises(SourceError, match=name):
            await take(cam, 1)
    assert seen[-1].state is State.ENDED


def _silence() -> bytes:
    import io
    import wave

    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    return buffer.getvalue()


async def test_a_killed_server_is_lost_and_its_return_is_noticed(tmp_path: Path) -> None:
    clip(tmp_path / "a.mp4", frames=100)
    with RtspServer(tmp_path) as server:
        cam, _, seen = camera(server.url("a.mp4"))
        async with cam:
            before = await take(cam, 10)
            assert cam.status.state is State.LIVE
            server.kill()
            await until(lambda: cam.status.state is State.LOST)
            assert "next attempt" in cam.status.reason
            server.start()
            after = await take(cam, 10)
            await until(lambda: cam.status.state is State.LIVE)
        assert cam.status.state is State.IDLE
    assert after[0].sequence > before[-1].sequence
    stamps = [frame.media_at_s for frame in before + after]
    captured = [frame.captured_at_s for frame in before + after]
    assert stamps == sorted(set(stamps))
    assert captured == sorted(captured)
    changes = [state for state, _ in itertools.groupby(status.state for status in seen)]
    assert changes == [State.CONNECTING, State.LIVE, State.LOST, State.LIVE, State.IDLE]


async def test_a_stream_that_ends_is_a_lost_camera(tmp_path: Path) -> None:
    clip(tmp_path / "a.mp4", frames=15)
    with RtspServer(tmp_path) as server:
        cam, _, seen = camera(server.url("a.mp4", loop=False))
        async with cam:
            await take(cam, 40)
    assert State.LOST in [status.state for status in seen]


async def test_an_address_that_does_not_answer_ends_a_camera_that_must_open() -> None:
    cam, _, _ = camera("rtsp://user:secret@127.0.0.1:1/x", must_open=True)
    async with cam:
        with pytest.raises(SourceError, match="does not answer") as caught:
            await take(cam, 1)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None

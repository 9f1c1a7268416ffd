"""A camera over a real wire and over real files."""

import asyncio
import io
import itertools
import os
import sys
import time
import wave
from pathlib import Path
from typing import cast

import pytest

from lfrd.errors import Conflict, SourceError
from lfrd.ingest.camera import Reader
from lfrd.ingest.settings import CameraSettings, State
from lfrd.ingest.source import Sink
from lfrd.process import GIVES_WAY
from support.cameras import make, take, until_state
from support.video import RtspServer, clip


async def test_a_file_read_as_fast_as_possible_gives_every_frame_in_media_time(
    tmp_path: Path,
) -> None:
    path = clip(tmp_path / "a.mp4", frames=60, fps=25)
    made = make(CameraSettings("gate", str(path), every_frame=True))
    started = time.monotonic()
    async with made.camera as camera:
        frames = await take(camera, 61)
    assert [frame.sequence for frame in frames] == list(range(60))
    assert [frame.media_at_s for frame in frames] == pytest.approx([i / 25 for i in range(60)])
    assert all(frame.captured_at_s == frame.media_at_s for frame in frames)
    assert (made.counters.frames_decoded, made.counters.frames_dropped) == (60, 0)
    assert made.states() == [State.CONNECTING, State.LIVE, State.ENDED]
    last = made.said[-1]
    assert (last.codec, last.width_px, last.height_px) == ("h264", 320, 240)
    assert time.monotonic() - started < 2.4, "faster than the clip's own time"


async def test_a_paced_file_takes_its_own_time(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", frames=20, fps=20)
    started = time.monotonic()
    async with make(CameraSettings("gate", str(path))).camera as camera:
        frames = await take(camera, 21)
    assert time.monotonic() - started >= 0.9
    assert frames[-1].sequence == 19
    assert frames[-1].captured_at_s > started


async def test_a_looping_file_goes_on_in_rising_time(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", frames=10)
    settings = CameraSettings("gate", str(path), every_frame=True, loop=True)
    async with make(settings).camera as camera:
        frames = await take(camera, 35)
    assert [frame.sequence for frame in frames] == list(range(35))
    steps = [b.media_at_s - a.media_at_s for a, b in itertools.pairwise(frames)]
    assert steps == pytest.approx([0.04] * 34, abs=5e-3)


async def test_a_slow_consumer_of_a_live_camera_gets_the_newest_frame(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", frames=50, fps=50)
    made = make(CameraSettings("gate", str(path)))
    async with made.camera as camera:
        taken = 0
        async for _ in camera.frames:
            taken += 1
            await asyncio.sleep(0.1)
    assert made.counters.frames_decoded == 50
    assert made.counters.frames_dropped == 50 - taken
    assert 5 <= taken <= 15


async def test_who_looks_on_gets_the_next_frame_and_takes_it_from_nobody(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", frames=20)
    made = make(CameraSettings("gate", str(path), every_frame=True))
    async with made.camera as camera:
        looking = asyncio.create_task(camera.next_frame())
        await asyncio.sleep(0)
        with pytest.raises(Conflict, match="camera gate is being glanced at already"):
            await camera.next_frame()
        assert [frame.sequence for frame in await take(camera, 2)] == [0, 1]
        assert (await looking).sequence == 0
        given_up = asyncio.create_task(camera.next_frame())
        await asyncio.sleep(0)
        given_up.cancel()
        assert [frame.sequence for frame in await take(camera, 1)] == [2]


@pytest.mark.parametrize(
    "name", ["missing.mp4", "text.mp4", "folder", "sound.wav", "empty.mp4", "pipe.mp4"]
)
async def test_what_is_no_video_raises_one_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.mp4").write_text("no video at all\n" * 200)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "sound.wav").write_bytes(_silence())
    os.mkfifo(tmp_path / "pipe.mp4")
    made = make(CameraSettings("gate", str(tmp_path / name), must_open=True))
    async with made.camera as camera:
        with pytest.raises(SourceError, match=name):
            await take(camera, 1)
    assert made.states() == [State.CONNECTING, State.ENDED]


async def test_a_file_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    async with make(CameraSettings("gate", str(path))).camera as camera:
        await until_state(camera, State.LOST)
        assert (
            "does not exist, or may not be read by this user; next attempt in"
            in camera.status.reason
        )
        clip(tmp_path / "b.mp4", frames=20).rename(path)
        assert len(await take(camera, 3)) == 3


def _silence() -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    return buffer.getvalue()


async def test_a_playlist_opens_nothing_but_itself(tmp_path: Path) -> None:
    clip(tmp_path / "a.mp4", frames=5)
    (tmp_path / "list.m3u8").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n#EXT-X-ENDLIST\n"
    )
    settings = CameraSettings("gate", str(tmp_path / "list.m3u8"), must_open=True)
    async with make(settings).camera as camera:
        with pytest.raises(SourceError):
            await take(camera, 1)


async def test_a_killed_server_is_lost_and_its_return_is_noticed(tmp_path: Path) -> None:
    clip(tmp_path / "a.mp4", frames=100)
    async with RtspServer(tmp_path).running() as server:
        made = make(CameraSettings("gate", server.url("a.mp4")))
        async with made.camera as camera:
            before = await take(camera, 10)
            await until_state(camera, State.LIVE)
            server.kill()
            await until_state(camera, State.LOST)
            assert "next attempt" in camera.status.reason
            await asyncio.to_thread(server.start)
            after = await take(camera, 10)
            await until_state(camera, State.LIVE)
    assert made.states() == [State.CONNECTING, State.LIVE, State.LOST, State.LIVE, State.IDLE]
    assert after[0].sequence > before[-1].sequence
    media = [frame.media_at_s for frame in before + after]
    captured = [frame.captured_at_s for frame in before + after]
    assert all(earlier < later for earlier, later in itertools.pairwise(media))
    assert captured == sorted(captured)


async def test_a_stream_that_ends_is_a_lost_camera(tmp_path: Path) -> None:
    clip(tmp_path / "a.mp4", frames=15)
    async with RtspServer(tmp_path).running() as server:
        made = make(CameraSettings("gate", server.url("a.mp4", loop=False)))
        async with made.camera as camera:
            await take(camera, 40)
    assert made.states()[:4] == [State.CONNECTING, State.LIVE, State.LOST, State.LIVE]


async def test_an_address_that_does_not_answer_ends_a_camera_that_must_open() -> None:
    made = make(CameraSettings("gate", "rtsp://user:secret@127.0.0.1:1/x", must_open=True))
    async with made.camera as camera:
        with pytest.raises(SourceError, match="does not answer") as caught:
            await take(camera, 1)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_wrong_host_name_is_named() -> None:
    made = make(CameraSettings("gate", "rtsp://user:secret@nowhere.invalid/x", must_open=True))
    async with made.camera as camera:
        with pytest.raises(SourceError, match=r"host name .* is unknown"):
            await take(camera, 1)


async def test_while_nothing_is_decoded_the_connection_stays(tmp_path: Path) -> None:
    clip(tmp_path / "a.mp4", frames=200)
    async with RtspServer(tmp_path).running() as server:
        made = make(CameraSettings("gate", server.url("a.mp4")))
        async with made.camera as camera:
            await take(camera, 3)
            camera.decode(False)
            await until_state(camera, State.IDLE)
            await asyncio.sleep(0.2)
            idle_count = made.counters.frames_decoded
            await asyncio.sleep(0.5)
            assert made.counters.frames_decoded == idle_count
            camera.decode(True)
            await take(camera, 3)
            await until_state(camera, State.LIVE)
    assert State.LOST not in made.states()


class _Priority:
    """A source that only notes how nice its thread is."""

    passive = False

    def __init__(self, *, live: bool) -> None:
        self.live = live
        self.noted = 0

    def run(self, _: object) -> None:
        self.noted = os.getpriority(os.PRIO_PROCESS, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
@pytest.mark.parametrize("live", [True, False])
async def test_a_reader_gives_way_unless_it_is_what_is_waited_for(live: bool) -> None:
    source = _Priority(live=live)
    await Reader(source, cast(Sink, None), "reader gate").start_and_end()
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert source.noted == (min(19, own + GIVES_WAY) if live else own)

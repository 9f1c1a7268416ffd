"""A camera with a small stream to look at and a large one to compare, with real streams."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lfrd.clock import SystemClock
from lfrd.counters import CameraCounters
from lfrd.ingest.pacing import NEAR_S, PairPacer, RateController
from lfrd.ingest.paired_camera import PairedCamera
from lfrd.ingest.settings import CameraSettings, CameraStatus, State
from lfrd.types import Frame
from support.cameras import QUICK
from support.video import RtspServer, encode, moving_picture
from support.waiting import until

LARGE, SMALL = (640, 480), (160, 120)


@dataclass
class Pair:
    """A running pair and its servers."""

    camera: PairedCamera
    pacer: PairPacer
    rate: RateController
    counters: CameraCounters
    large: RtspServer
    small: RtspServer
    said: list[CameraStatus]

    async def see(self, face: bool, seconds: float) -> list[Frame]:
        """Consume frames for so long, as if each showed a face or none did."""
        frames: list[Frame] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for frame in self.camera.frames:
                    if face:
                        self.pacer.saw_face()
                    self.pacer.over(frame, face)
                    frames.append(frame)
        return frames


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pair")
    for name, (width, height) in (("large", LARGE), ("small", SMALL)):
        (folder / name).mkdir()
        pictures = moving_picture(width, height, frames=100)
        encode(folder / name / "a.mp4", pictures, keyframe_every=100)
    return folder


@asynccontextmanager
async def paired(clips: Path) -> AsyncIterator[Pair]:
    large, small = RtspServer(clips / "large"), RtspServer(clips / "small")
    settings = CameraSettings("gate", large.url("a.mp4"), look_address=small.url("a.mp4"))  # type: ignore[arg-type]  # text is parsed
    rate = RateController(8.0, 2.0)
    pacer, counters = PairPacer(rate, "gate"), CameraCounters()
    said: list[CameraStatus] = []
    camera = PairedCamera(
        settings, SystemClock(), counters, said.append, backoff=QUICK, pacer=pacer
    )
    async with large.running(), small.running(), camera:
        await until(lambda: camera.status.state is State.LIVE, 15.0)
        yield Pair(camera, pacer, rate, counters, large, small, said)


def _widths(frames: list[Frame]) -> set[int]:
    return {frame.planes.width_px for frame in frames}


@pytest.mark.e2e
async def test_the_large_stream_is_decoded_only_while_there_are_faces(clips: Path) -> None:
    async with paired(clips) as pair:
        nobody = await pair.see(face=False, seconds=1.5)
        assert _widths(nobody) == {SMALL[0]}
        assert all(frame.small and frame.only_faces for frame in nobody[2:])
        assert pair.counters.large is not None
        assert pair.counters.large.frames_decoded == 0, "kept, and not decoded"
        assert pair.camera.status.width_px == LARGE[0]
        somebody = await pair.see(face=True, seconds=2.0)
        large = [frame for frame in somebody if not frame.small]
        assert large[0].planes.width_px == LARGE[0]
        assert all(not frame.only_faces for frame in large)
        assert len(large) >= 3, "keyframes are 4 s apart: none is waited for"
        gone = await pair.see(face=False, seconds=NEAR_S + 1.5)
        assert gone[0].planes.width_px == LARGE[0]
        assert gone[-1].small
        changes = sum(one.small is not other.small for one, other in itertools.pairwise(gone))
        assert changes == 1
        assert {status.state for status in pair.said} <= {State.IDLE, State.CONNECTING, State.LIVE}


@pytest.mark.e2e
async def test_where_the_large_stream_is_gone_the_small_one_goes_on(clips: Path) -> None:
    async with paired(clips) as pair:
        pair.large.kill()
        await until(lambda: pair.camera.status.state is State.DEGRADED, 15.0)
        assert "small stream alone" in pair.camera.status.reason
        frames = await pair.see(face=True, seconds=1.0)
        assert frames
        assert all(frame.small and not frame.only_faces for frame in frames[1:])
        await asyncio.to_thread(pair.large.start)
        await until(lambda: pair.camera.status.state is State.LIVE, 15.0)
        assert LARGE[0] in _widths(await pair.see(face=True, seconds=2.0))


@pytest.mark.e2e
async def test_where_the_small_stream_is_gone_the_large_one_is_decoded(clips: Path) -> None:
    async with paired(clips) as pair:
        pair.small.kill()
        await until(lambda: pair.camera.status.state is State.DEGRADED, 15.0)
        assert "decoded all the time" in pair.camera.status.reason
        frames = await pair.see(face=False, seconds=2.0)
        assert frames[-1].planes.width_px == LARGE[0]
        assert not frames[-1].small


@pytest.mark.e2e
async def test_on_a_full_machine_the_small_stream_is_compared_too(clips: Path) -> None:
    async with paired(clips) as pair:
        await pair.see(face=True, seconds=1.0)
        pair.rate.budget.less(1.0, late=True)
        pair.rate.budget.share_out(1.0)
        frames = await pair.see(face=True, seconds=2.0)
        assert frames[-1].small
        assert not frames[-1].only_faces


async def test_left_it_ends_both(clips: Path) -> None:
    async with paired(clips) as pair:
        pass
    assert not pair.camera.still_closing
    assert pair.camera.status.state is State.IDLE
    assert await anext(aiter(pair.camera.frames), None) is None

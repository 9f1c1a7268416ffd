"""How cameras behave: first frame, recovery, leaks, isolation, and the cost of a frame.

    python -m benchmarks.ingest [--cycles 100] [SECTION ...]

Servers run on loopback in processes of their own. Writes results/ingest.json.
"""

import argparse
import asyncio
import ctypes
import gc
import logging
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import av

from benchmarks.report import Figure, Report
from lfrd.clock import SystemClock
from lfrd.counters import CameraCounters
from lfrd.ingest.camera import Camera
from lfrd.ingest.settings import CameraSettings, State
from lfrd.ingest.whip import WhipIngest
from lfrd.supervise import Backoff
from lfrd.types import Frame

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))  # its servers and clips
from support.bad_wire import garbage, tcp_server
from support.video import RtspServer, clip, free_port
from support.webrtc import publisher

SHARED = Path(os.environ.get("LFRD_SHARED", Path(__file__).resolve().parents[1].parent / "shared"))
FPS = 25
WINDOW_S = 8.0
QUICK = Backoff(first_s=0.05, cap_s=0.1)


@dataclass(frozen=True, slots=True)
class Bench:
    """Where the clips are, and how many cycles the leak tests take."""

    folder: Path
    cycles: int


def camera(address: str, **settings: object) -> tuple[Camera, CameraCounters]:
    """A camera with the real backoff."""
    counters = CameraCounters()
    wanted = CameraSettings("bench", address, **settings)  # type: ignore[arg-type]  # any of them
    return Camera(wanted, SystemClock(), counters), counters


async def next_frame(cam: Camera, seconds: float = 30.0) -> Frame:
    """The next frame, or TimeoutError."""
    async with asyncio.timeout(seconds):
        async for frame in cam.frames:
            return frame
    raise AssertionError("the camera ended")


async def until_state(cam: Camera, state: State, seconds: float = 30.0) -> None:
    """Wait for a state."""
    async with asyncio.timeout(seconds):
        while cam.status.state is not state:
            await asyncio.sleep(0.005)


async def first_frame(bench: Bench, report: Report) -> None:
    """From the camera's start, or the publisher's offer, to the first frame."""
    rtsp_s, whip_s = [], []
    async with RtspServer(bench.folder).running() as server:
        for _ in range(7):
            cam, _ = camera(server.url("small.mp4"))
            begun_s = time.monotonic()
            async with cam:
                await next_frame(cam)
                rtsp_s.append(time.monotonic() - begun_s)
    ingest = WhipIngest()
    for _ in range(5):
        cam = Camera(
            CameraSettings("bench", "whip://"), SystemClock(), CameraCounters(), whip=ingest
        )
        async with cam:
            while not ingest.receiving("bench"):
                await asyncio.sleep(0.005)
            begun_s = time.monotonic()
            async with publisher(ingest, "bench"):
                await next_frame(cam)
                whip_s.append(time.monotonic() - begun_s)
    report.add(
        Figure("RTSP, start to first frame", statistics.median(rtsp_s), "s", at_most=0.5,
               note=f"median of {len(rtsp_s)}, worst {max(rtsp_s):.2f}"),
        Figure("WHIP, offer to first frame", statistics.median(whip_s), "s", at_most=1.0,
               note=f"median of {len(whip_s)}, worst {max(whip_s):.2f}"),
    )  # fmt: skip


async def recovery(bench: Bench, report: Report) -> None:
    """Killed and restarted, and stopped in its tracks, with the real backoff."""
    back_s = []
    async with RtspServer(bench.folder).running() as server:
        for _ in range(5):
            cam, _ = camera(server.url("small.mp4"))
            async with cam:
                await next_frame(cam)
                server.kill()
                await asyncio.to_thread(server.start)
                answers_s = time.monotonic()
                await until_state(cam, State.LIVE)
                last = await next_frame(cam)
                back_s.append(max(0.0, last.arrived_at_s - answers_s))
        cam, _ = camera(server.url("small.mp4"))
        async with cam:
            await next_frame(cam)
            server.freeze()
            stopped_s = time.monotonic()
            await until_state(cam, State.FROZEN)
            frozen_s = time.monotonic() - stopped_s
            server.thaw()
            await until_state(cam, State.LIVE)
    report.add(
        Figure("killed and restarted, frames again after", max(back_s), "s", at_most=2.0,
               note=f"worst of {len(back_s)}, counted from the server's answer"),
        Figure("stopped (SIGSTOP), frozen after", frozen_s, "s", at_most=5.0),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Held:
    """What this process holds."""

    threads: int
    files: int
    rss_mb: float


def held() -> Held:
    """Count threads and file descriptors, and resident memory after giving back what is free."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    rss_mb = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return Held(threading.active_count(), sum(1 for _ in Path("/proc/self/fd").iterdir()), rss_mb)


async def leaks(bench: Bench, report: Report) -> None:
    """Threads, descriptors and memory return to where they were."""

    async def add_remove(server: RtspServer, cycles: int) -> None:
        for _ in range(cycles):
            cam, _ = camera(server.url("small.mp4"))
            async with cam:
                await next_frame(cam)
            await cam.wait_closed()

    async def kill_restart(server: RtspServer, cycles: int) -> None:
        settings = CameraSettings("bench", server.url("small.mp4"))
        cam = Camera(settings, SystemClock(), CameraCounters(), backoff=QUICK)
        async with cam:
            for _ in range(cycles):
                await next_frame(cam)
                server.kill()
                await until_state(cam, State.LOST)
                await asyncio.to_thread(server.start)
                await until_state(cam, State.LIVE)
        await cam.wait_closed()

    for name, work in (("add/remove", add_remove), ("kill/restart", kill_restart)):
        async with RtspServer(bench.folder).running() as server:
            await work(server, 10)  # first uses allocate what stays: pools, caches, code
            before = held()
            await work(server, bench.cycles)
            after = held()
        what = f"{bench.cycles} {name} cycles"
        report.add(
            Figure(f"{what}: threads left", after.threads - before.threads, at_most=0),
            Figure(f"{what}: descriptors left", after.files - before.files, at_most=0),
            Figure(f"{what}: memory", after.rss_mb - before.rss_mb, "MB", at_most=5.0,
                   note=f"from {before.rss_mb:.0f} MB"),
        )  # fmt: skip


@asynccontextmanager
async def well_behaved(server: RtspServer) -> AsyncIterator[str]:
    yield server.url("small.mp4")


@asynccontextmanager
async def refusing(_: RtspServer) -> AsyncIterator[str]:
    yield f"rtsp://127.0.0.1:{free_port()}/x"


@asynccontextmanager
async def noisy(_: RtspServer) -> AsyncIterator[str]:
    async with tcp_server(garbage) as port:
        yield f"rtsp://127.0.0.1:{port}/x"


@asynccontextmanager
async def flapping(server: RtspServer) -> AsyncIterator[str]:
    """Half a second of video, then the connection is cut, again and again."""
    yield server.url("blink.mp4", loop=False)


@asynccontextmanager
async def freezing(server: RtspServer) -> AsyncIterator[str]:
    async with RtspServer(server.folder).running() as other:
        asyncio.get_running_loop().call_later(1.0, other.freeze)
        yield other.url("small.mp4")


async def isolation(bench: Bench, report: Report) -> None:
    """One camera of eight misbehaves: how many of their frames do the other seven keep?"""
    for name, eighth in (
        ("well behaved", well_behaved),
        ("refusing", refusing),
        ("flapping", flapping),
        ("sending garbage", noisy),
        ("freezing", freezing),
    ):
        # two servers, because one has threads for six streams only
        async with (
            RtspServer(bench.folder).running() as server,
            RtspServer(bench.folder).running() as second,
            eighth(server) as address,
        ):
            good = [server.url("small.mp4")] * 3 + [second.url("small.mp4")] * 4
            kept = await _kept(address, good)
        bar = None if eighth is well_behaved else 98.0
        report.add(Figure(f"eighth camera {name}: seven keep", min(kept), "%", at_least=bar))


async def _kept(address: str, good: list[str]) -> list[float]:
    """Percent of the frames of a window that the good cameras took, beside the other.

    A frame counts if it comes at most a second late.
    """
    addresses = [*good, address]
    media_s: list[list[float]] = [[] for _ in addresses]
    started = asyncio.Event()

    async def watch(index: int) -> None:
        settings = CameraSettings(f"bench{index}", addresses[index])
        async with Camera(settings, SystemClock(), CameraCounters(), backoff=QUICK) as cam:
            async for frame in cam.frames:
                if started.is_set():
                    media_s[index].append(frame.media_at_s)

    tasks = [asyncio.ensure_future(watch(index)) for index in range(len(addresses))]
    await asyncio.sleep(3.0)
    started.set()
    await asyncio.sleep(WINDOW_S + 1.0)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    frames = WINDOW_S * FPS
    return [
        100.0 * sum(at_s - times[0] < WINDOW_S - 0.5 / FPS for at_s in times) / frames
        for times in media_s[:-1]
    ]


async def cost(bench: Bench, report: Report) -> None:
    """Processor time of decode and hand-over beside PyAV's bare loop, same clip, same run."""
    path = SHARED / "media" / "crowd" / "video.mp4"
    if not path.exists():
        path = clip(bench.folder / "large.mp4", width=1920, height=1080, frames=100)
    bare, ours, frames = [], [], 0
    for _ in range(5):
        with cpu_seconds(bare):
            frames = await asyncio.to_thread(_bare_loop, path)
        with cpu_seconds(ours):
            cam, counters = camera(str(path), paced=False)
            async with cam:
                async for _ in cam.frames:
                    pass
        assert counters.frames_decoded == frames
    ratio = min(ours) / min(bare)
    report.add(
        Figure("1080p decode, bare loop", 1000 * min(bare) / frames, "ms/frame"),
        Figure("1080p decode and hand-over", 1000 * min(ours) / frames, "ms/frame"),
        Figure("hand-over costs, ratio to bare", ratio, at_most=1.25, note="best of 5 each"),
    )


@contextmanager
def cpu_seconds(into: list[float]) -> Iterator[None]:
    """Append the processor time of all threads."""
    before = time.process_time()
    yield
    into.append(time.process_time() - before)


def _bare_loop(path: Path) -> int:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "SLICE"
        stream.thread_count = 2
        return sum(1 for _ in container.decode(stream))


SECTIONS: dict[str, Callable[[Bench, Report], Awaitable[None]]] = {
    "first-frame": first_frame,
    "recovery": recovery,
    "leaks": leaks,
    "isolation": isolation,
    "cost": cost,
}


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []])
    wanted = parser.parse_args()
    logging.disable(logging.WARNING)  # cameras are lost here on purpose, by the hundred
    sys.setswitchinterval(0.0005)  # as the daemon does
    report = Report("ingest")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), wanted.cycles)
        clip(bench.folder / "small.mp4", frames=250, fps=FPS)
        clip(bench.folder / "blink.mp4", frames=12, fps=FPS)
        for name in wanted.sections or SECTIONS:
            await SECTIONS[name](bench, report)
    return report.finish()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

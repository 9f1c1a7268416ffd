"""More cameras than fit, and sixteen with two streams: none is lost because the machine is full.

    python -m benchmarks.load [eight|twelve|sixteen|nobody|disturbed ...] [--seconds S]

Clips come over RTSP from servers in processes of their own, on the same processors as lfrd: what
they take is printed. Writes results/load.json.
"""

import argparse
import asyncio
import csv
import itertools
import json
import math
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from benchmarks import media
from benchmarks.latency import FRONTAL_DEG, LEAST_FACE_PX, photo_of, photograph
from benchmarks.report import Figure, Report
from benchmarks.rtsp import cpu_s, served
from lfrd.client import Client
from lfrd.errors import LfrdError
from lfrd.ingest.pictures import planes_of
from lfrd.process import usable_cores
from lfrd.summary import percentile
from lfrd.types import F32, Planes
from lfrd.vision.engine import Vision
from lfrd.vision.packs import DEFAULT_PACK, default_cache_dir, load
from lfrd.vision.quality import pose_deg

LABELS = Path(__file__).parents[1] / "tests" / "tracking" / "labels" / "crowd.csv"
LARGE, SMALL = (1920, 1080), (640, 360)
VARIANTS = 16
"""Clips that show the same, each beginning elsewhere: no two cameras see the crowd come at once."""
EMPTY_S = 16.8
"""Four times as long as the crowd is seen."""
EMPTY_PACKETS = 50
"""Of `backs/`, the empty room."""
HEALTH_EVERY_S = 0.2
RECOVERED_S = 8.0
QUOTAS = Path("/sys/fs/cgroup/cpu/lfrd-load")
"""A group of processes whose quota can be set (cgroup v1)."""
Disturb = Callable[[int], Awaitable[None]]
"""Takes the machine away from a process for a third of the time."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What the sections share: photos of `everybody` in the crowd clip who is large enough, and of
    a `few`, as in `benchmarks.latency`."""

    report: Report
    folder: Path
    everybody: Path
    few: Path
    seconds: float


async def eight(bench: Bench) -> None:
    """Eight cameras of a crowd."""
    told, server_cpu = await _crowds(bench, 8)
    hz, p95 = told["detections_hz"], percentile(told["latencies_ms"], 0.95)
    _add_lost(bench, "8 cameras", told)
    bench.report.add(
        Figure("8 cameras, searches a second at the slowest", round(min(hz), 2), at_least=2.0,
               note=f"server {server_cpu:.2f}, lfrd {told['cpu']:.2f} processors; keyframes only "
               f"for {sum(told['keyframes_only_s']):.0f} camera seconds"),
        Figure("8 cameras, latency, 95 %", round(p95 or math.inf), "ms", at_most=1000,
               note=f"{len(told['latencies_ms'])} candidates"),
    )  # fmt: skip


async def twelve(bench: Bench) -> None:
    """Twelve, on purpose too many."""
    told, server_cpu = await _crowds(bench, 12)
    hz = told["detections_hz"]
    _add_lost(bench, "12 cameras", told)
    bench.report.add(
        Figure("12 cameras, shown as degraded", len(told["degraded"]), at_least=12,
               note=next(iter(told["degraded"].values()), "")),
        Figure("12 cameras, told by health", float(told["load"] is not None), at_least=1,
               note=told["load"] or ""),
        Figure("12 cameras, searches a second at the slowest", round(min(hz), 2), at_least=0.5,
               note=f"server {server_cpu:.2f}, lfrd {told['cpu']:.2f} processors"),
        Figure("12 cameras, health API, 99 %",
               round(1e3 * (percentile(told["health_s"], 0.99) or math.inf)), "ms", at_most=200,
               note=f"{len(told['health_s'])} requests"),
    )  # fmt: skip


async def sixteen(bench: Bench) -> None:
    """Sixteen cameras with two streams, people a fifth of the time."""
    people = len(list(bench.everybody.iterdir()))
    told, server_cpu = await _paired(bench, 16, _mixed)
    hz, p95 = told["detections_hz"], percentile(told["phase_ms"], 0.95)
    large_hz = told["large_hz"] if len(told["large_hz"]) == 16 else [0.0]
    _add_lost(bench, "16 of two streams", told)
    bench.report.add(
        Figure("16 of two streams, searches a second while somebody is there, at the slowest",
               round(min(large_hz), 2), at_least=5.0,
               note=f"mean {sum(large_hz) / len(large_hz):.1f}; over all the time, in which still "
               f"pictures are not searched, {min(hz):.2f}; server {server_cpu:.2f}, lfrd "
               f"{told['cpu']:.2f} processors"),
        Figure("16 of two streams, people raised, of cameras x people", len(told["raised"]),
               at_least=16 * people, note=f"{people} people"),
        Figure("16 of two streams, first face on the small one to candidate, 95 %",
               round(p95 or math.inf), "ms", at_most=700, note=f"{len(told['phase_ms'])} times"),
        Figure("16 of two streams, memory (peak)", told["rss_mb"], "MB", at_most=1200),
    )  # fmt: skip


async def disturbed(bench: Bench) -> None:
    """Four cameras, and in the middle third others take the machine away: programs that compute,
    as many as there are processors, and where this user may set one, a quota of one processor."""
    third_s = bench.seconds / 3
    burn = f"import time\nend = time.monotonic() + {third_s}\nwhile time.monotonic() < end: pass"

    async def burners(_: int) -> None:
        started = [
            await asyncio.create_subprocess_exec(sys.executable, "-c", burn)
            for _ in range(usable_cores())
        ]
        for program in started:
            await program.wait()

    async def quota(pid: int) -> None:
        _set_quota(pid, microseconds=100_000)
        await asyncio.sleep(third_s)
        _set_quota(pid, microseconds=-1)

    kinds: dict[str, Disturb] = {"programs that compute": burners}
    if _may_set_quotas():
        kinds["a quota of one processor"] = quota
    else:
        print("quota: not tried, this user may set none")
    for what, disturb in kinds.items():
        told, _ = await _crowds(bench, 4, disturb)
        _add_lost(bench, f"4 cameras, {what}", told)
        before = _slowest(told, 0.0, third_s)
        after = _slowest(told, 2 * third_s + RECOVERED_S, bench.seconds)
        bench.report.add(
            Figure(f"4 cameras, {what}: searches a second at the slowest then",
                   _slowest(told, third_s + 3, 2 * third_s), note=f"before: {before}"),
            Figure(f"4 cameras, {what}: {RECOVERED_S:.0f} s later, of those before",
                   round(after / before, 2), at_least=0.9),
        )  # fmt: skip


def _may_set_quotas() -> bool:
    try:
        QUOTAS.mkdir(exist_ok=True)
    except OSError:
        return False
    return True


def _set_quota(pid: int, *, microseconds: int) -> None:
    """Of each tenth of a second, for all threads of a process; -1: no limit."""
    (QUOTAS / "cpu.cfs_quota_us").write_text(str(microseconds))
    for task in Path(f"/proc/{pid}/task").iterdir():
        (QUOTAS / "tasks").write_text(task.name)


def _slowest(told: dict, begin_s: float, end_s: float) -> float:
    """Searches a second of the camera that had fewest between two times."""
    inside = [item for item in told["searched"] if begin_s <= item[0] <= end_s]
    (first_s, before), (last_s, after) = inside[0], inside[-1]
    least = min(now - then for now, then in zip(after, before, strict=True))
    return round(least / (last_s - first_s), 2)


async def nobody(bench: Bench) -> None:
    """Two streams of an empty room."""
    told, _ = await _paired(bench, 8, _empty)
    bench.report.add(
        Figure("a camera of two streams, no face in view", round(told["cpu"] / 8, 4),
               "processors", at_most=0.04,
               note=f"an eighth of eight; {sum(told['detections_hz']) / 8:.2f} searches a second"),
    )  # fmt: skip


SECTIONS: dict[str, Callable[[Bench], Awaitable[None]]] = {
    "eight": eight, "twelve": twelve, "sixteen": sixteen, "nobody": nobody,
    "disturbed": disturbed,
}  # fmt: skip


def _add_lost(bench: Bench, what: str, told: dict) -> None:
    bench.report.add(
        Figure(f"{what}, lost", len(told["gone"]), at_most=0, note="; ".join(told["gone"])[:200])
    )


async def _crowds(bench: Bench, cameras: int, disturb: Disturb | None = None) -> tuple[dict, float]:
    folder = bench.folder / "crowds"
    folder.mkdir(exist_ok=True)
    clip = folder / "crowd.mp4"
    if not clip.exists():
        media.looped(media.CROWD, clip, frames=int(media.CROWD_FPS * (bench.seconds + 60)))
    async with served(folder) as (server, port):
        address = f"rtsp://127.0.0.1:{port}/{clip.name}"
        return await _live(bench, bench.few, [address] * cameras, [server.pid], disturb)


Scene = Callable[[int], Iterator[av.VideoFrame]]
"""The pictures of a variant's clip."""


def _mixed(variant: int) -> Iterator[av.VideoFrame]:
    empty = int(EMPTY_S * media.CROWD_FPS)
    count = empty + sum(1 for _ in media.pictures(media.CROWD))

    def shown() -> Iterator[av.VideoFrame]:
        yield from media.pictures(media.CROWD)
        yield from _room(empty)

    first = count * variant // VARIANTS
    yield from itertools.islice(itertools.chain(shown(), shown()), first, first + count)


def _empty(_: int) -> Iterator[av.VideoFrame]:
    yield from _room(int(10 * media.CROWD_FPS))


def _room(count: int) -> Iterator[av.VideoFrame]:
    """The empty room, forth and back, so that nothing in it leaps."""
    shown = itertools.islice(media.pictures(media.BACKS), EMPTY_PACKETS)
    frames = [frame.reformat(*LARGE, "yuv420p") for frame in shown]
    yield from itertools.islice(itertools.cycle([*frames, *frames[-2:0:-1]]), count)


async def _paired(bench: Bench, cameras: int, scene: Scene) -> tuple[dict, float]:
    folder = bench.folder / scene.__name__
    if not folder.exists():
        folder.mkdir()
        for variant in range(min(cameras, VARIANTS)):
            await asyncio.to_thread(_encode, folder, variant, scene(variant))
    async with served(_long(bench, folder)) as (server, port):
        addresses = [
            ",".join(
                f"rtsp://127.0.0.1:{port}/{size}-{number % VARIANTS}.mp4"
                for size in ("large", "small")
            )
            for number in range(cameras)
        ]
        return await _live(bench, bench.everybody, addresses, [server.pid])


def _long(bench: Bench, folder: Path) -> Path:
    """The clips of a folder, each over and over."""
    frames = int(media.CROWD_FPS * (bench.seconds + 60))
    target = folder / f"{frames}-frames"
    if not target.exists():
        target.mkdir()
        for clip in folder.glob("*.mp4"):
            media.looped(clip, target / clip.name, frames=frames)
    return target


def _encode(folder: Path, variant: int, pictures: Iterator[av.VideoFrame]) -> None:
    """As cameras do: no B-pictures, a keyframe every two seconds."""
    with (
        av.open(str(folder / f"large-{variant}.mp4"), "w") as large,
        av.open(str(folder / f"small-{variant}.mp4"), "w") as small,
    ):
        streams = []
        for sink, size, rate in ((large, LARGE, 4_000_000), (small, SMALL, 500_000)):
            stream = sink.add_stream(
                "libx264", rate=25, options={"preset": "superfast", "tune": "zerolatency"}
            )
            stream.width, stream.height = size
            stream.pix_fmt, stream.bit_rate = "yuv420p", rate
            stream.codec_context.gop_size = 50
            streams.append((sink, stream, size))
        for number, picture in enumerate(pictures):
            for sink, stream, size in streams:
                frame = picture.reformat(*size, "yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                sink.mux(stream.encode(frame))
        for sink, stream, _ in streams:
            sink.mux(stream.encode())


async def _live(
    bench: Bench, photos: Path, addresses: list[str], servers: list[int],
    disturb: Disturb | None = None,
) -> tuple[dict, float]:  # fmt: skip
    begun_s, before_s = time.monotonic(), sum(map(cpu_s, servers))
    with tempfile.TemporaryDirectory() as state:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.live", str(bench.seconds), "cpu", str(photos),
            *addresses, "--state", state, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.TaskGroup() as tasks:
            asked_s: list[float] = []
            asking = tasks.create_task(_ask_health(Path(state) / "api.sock", asked_s))
            if disturb is not None:
                tasks.create_task(_disturb(Path(state) / "measured", bench, disturb, process.pid))
            printed, _ = await asyncio.wait_for(process.communicate(), bench.seconds + 180)
            asking.cancel()
    if process.returncode != 0:
        raise SystemExit(f"the site ended with code {process.returncode}")
    told: dict = json.loads(printed.splitlines()[-1])
    told["health_s"] = asked_s
    return told, (sum(map(cpu_s, servers)) - before_s) / (time.monotonic() - begun_s)


async def _disturb(begun: Path, bench: Bench, disturb: Disturb, pid: int) -> None:
    """A third of the time after the measurement began."""
    while not await asyncio.to_thread(begun.exists):
        await asyncio.sleep(HEALTH_EVERY_S)
    await asyncio.sleep(bench.seconds / 3)
    await disturb(pid)


async def _ask_health(socket: Path, asked_s: list[float]) -> None:
    """As monitors do, for as long as there is an answer; how long each took."""
    while not await asyncio.to_thread(socket.exists):
        await asyncio.sleep(HEALTH_EVERY_S)
    async with Client.over_socket(socket) as client:
        while True:
            begun_s = time.monotonic()
            try:
                await client.health()
            except LfrdError:
                await asyncio.sleep(HEALTH_EVERY_S)
                continue
            asked_s.append(time.monotonic() - begun_s)
            await asyncio.sleep(HEALTH_EVERY_S)


async def photograph_everybody(photos: Path) -> None:
    """Of each person of the crowd clip whose face is LEAST_FACE_PX wide somewhere, the photo that
    is clearest to the recogniser (the length of its template), of those that show one face from
    the front; who is who says the labelling of the tracker's test."""
    labels = _labels()
    best: dict[str, float] = {}
    async with Vision(load(DEFAULT_PACK, default_cache_dir()), threads=1) as vision:
        for number, frame in enumerate(media.pictures(media.CROWD)):
            planes = planes_of(frame)
            faces = await vision.detect(planes)
            for person, x, y, width in labels[number]:
                centres = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2
                gaps_px = np.hypot(centres[:, 0] - x, centres[:, 1] - y)
                if not len(faces) or gaps_px.min() > width / 2:
                    continue
                box, landmarks = (of[gaps_px.argmin()] for of in (faces.boxes, faces.landmarks))
                if abs(pose_deg(landmarks)[0]) > FRONTAL_DEG:
                    continue
                norm = await _clearness(vision, planes, landmarks)
                if norm <= best.get(person, 0.0):
                    continue
                face = await photo_of(vision, planes, box)
                if face is not None:
                    best[person] = norm
                    cv2.imwrite(
                        str(photos / f"{person}.png"), cv2.cvtColor(face, cv2.COLOR_RGB2BGR)
                    )


async def _clearness(vision: Vision, planes: Planes, landmarks: F32) -> float:
    crop = await vision.align(planes, landmarks)
    assert crop is not None
    probe = await vision.embed(crop)
    assert probe is not None
    crop.release()
    probe.release()
    return probe.norm


def _labels() -> dict[int, list[tuple[str, float, float, float]]]:
    """Person, centre and width in pixels of each large face, by frame."""
    faces = defaultdict(list)
    lines = [line for line in LABELS.read_text().splitlines() if not line.startswith("#")]
    for row in csv.DictReader(lines):
        if float(row["width"]) >= LEAST_FACE_PX:
            where = float(row["x"]), float(row["y"]), float(row["width"])
            faces[int(row["frame"])].append((row["person"], *where))
    return faces


async def measure(report: Report, sections: list[str], seconds: float, clips: Path | None) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = clips or Path(temporary)
        everybody, few = folder / "everybody", folder / "few"
        for photos, photographed in ((everybody, photograph_everybody), (few, photograph)):
            if not photos.exists():
                photos.mkdir(parents=True)
                await photographed(photos)
        for section in sections:
            await SECTIONS[section](Bench(report, folder, everybody, few, seconds))


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    everything = list(SECTIONS)  # one of the choices, as argparse wants it of a default
    options.add_argument("sections", nargs="*", choices=[*SECTIONS, everything], default=everything)
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--clips", type=Path, help="keep the clips in this folder, and use them")
    chosen = options.parse_args()
    report = Report("load")
    asyncio.run(measure(report, chosen.sections, chosen.seconds, chosen.clips))
    return report.finish(keep=len(chosen.sections) == len(SECTIONS))


if __name__ == "__main__":
    sys.exit(main())

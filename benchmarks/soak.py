"""Hours of a working day in one: cameras that come and go, list edits, reviews, deployments that
end and begin, two event clients and the terminal, beside one daemon. Whatever grows without an end
shows as a slope, and fails the run.

    python -m benchmarks.soak [--minutes 60] [--rtsp N] [--whip N] [--shape 1280x720@25]
                              [--target-hz 8] [--folder DIR]

Of the RTSP cameras the last one's server ends and begins again, and the first one is switched off
and on; each publisher by WHIP is killed and begins again. A sample is taken every 5 s. Writes
results/soak.json and, the samples, results/soak-samples.json.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import av
from prometheus_client.parser import text_string_to_metric_families

from benchmarks import soak_day
from benchmarks.program import until_it_answers
from benchmarks.report import RESULTS, Figure, Report
from benchmarks.rtsp import free_port, repeated
from benchmarks.slope import LEAST_BINS, slope_beside, slope_of
from benchmarks.soak_day import Tally
from lfrd.client import Client
from lfrd.demo.clip import Shape, cutouts, write_as_camera
from lfrd.errors import LfrdError
from lfrd.process import usable_cores
from lfrd.summary import percentile
from lfrd.vision.engine import Vision
from lfrd.vision.packs import DEFAULT_PACK, default_cache_dir, load
from lfrd.wire.cameras import CameraCreate

SAMPLE_EVERY_S, START_S, CLIP_S = 5.0, 60.0, 22.0
WARM_UP_MIN = 10.0
"""Not counted; of a shorter run than an hour a third."""
RSS_MB_PER_H, HANDLES_PER_H, SLOWER = 1.0, 1.0, 2.0
"""Bars: of memory, of descriptors and threads, and of the median answer in the last quarter to that
in the first."""
QUEUE_MORE = 1.0
QUEUES = ("inference_queue", "database_queue", "candidates_unwritten", "events_behind")
HELD = ("crops_held", "templates_held")
FILES = ("lfrd.db", "lfrd.db-wal", "index.db", "keys.db")


@dataclass(slots=True)
class Samples:
    """Each figure as a list of (seconds since the beginning, value)."""

    begun_s: float = field(default_factory=time.monotonic)
    of: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def add(self, at_s: float, values: dict[str, float]) -> None:
        """What was seen at a time of the monotonic clock."""
        for name, value in values.items():
            self.of.setdefault(name, []).append((at_s - self.begun_s, value))

    def after(self, name: str, from_s: float) -> list[tuple[float, float]]:
        """A figure's samples from then on."""
        return [item for item in self.of.get(name, []) if item[0] >= from_s]

    def write(self, path: Path) -> None:
        """As columns; of figures of one time `at_s` is that of the first."""
        columns = {
            name: {"at_s": [round(at_s, 1) for at_s, _ in items],
                   "value": [round(value, 3) for _, value in items]}
            for name, items in self.of.items()
        }  # fmt: skip
        path.write_text(json.dumps(columns, separators=(",", ":")) + "\n")


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is of everything."""

    minutes: float
    rtsp: int
    whip: int
    shape: Shape
    target_hz: float

    @property
    def warm_up_s(self) -> float:
        return 60 * min(WARM_UP_MIN, self.minutes / 3)


async def clips(folder: Path, shape: Shape) -> tuple[Path, Path]:
    """What the cameras see: for RTSP, and the same packets as a transport stream for WHIP."""
    clip, stream = folder / "passers-by.mp4", folder / "passers-by.ts"
    if not stream.exists():
        async with Vision(load(DEFAULT_PACK, default_cache_dir()), threads=1) as vision:
            people = await cutouts(vision)
        await asyncio.to_thread(write_as_camera, clip, people, shape, CLIP_S)
        with av.open(str(clip)) as source, av.open(str(stream), "w") as sink:
            copy = sink.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(source.streams.video[0]):
                if packet.size:
                    packet.stream = copy
                    sink.mux(packet)
    return clip, stream


@asynccontextmanager
async def daemon(state: Path, size: Size) -> AsyncIterator[tuple[int, Client]]:
    """A real one; its process id. It must still run in the end."""
    settings = os.environ | {
        "LFRD_SITE__STATE_DIR": str(state), "LFRD_DETECTION__TARGET_HZ": str(size.target_hz),
        "LFRD_DETECTION__FLOOR_HZ": str(min(2.0, size.target_hz)),
    }  # fmt: skip
    with (state.parent / "daemon.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "lfrd", "run", env=settings, stderr=log
        )
    try:
        async with Client.over_socket(state / "api.sock") as client:
            await until_it_answers(client, START_S)
            yield process.pid, client
        if process.returncode is not None:
            raise SystemExit(f"the daemon ended by itself, with code {process.returncode}")
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def of_process(pid: int, name: str) -> dict[str, float]:
    """Memory and threads as the kernel counts them."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return {}
    found = {key: float(value) for key, value in re.findall(r"(\w+):\s+(\d+)(?: kB)?\n", status)}
    return {
        f"{name}_rss_mb": found["VmRSS"] / 1024, f"{name}_anonymous_mb": found["RssAnon"] / 1024,
        f"{name}_threads": found["Threads"],
    }  # fmt: skip


async def scrape(client: Client) -> dict[str, float]:
    """The daemon's own figures; times are sums since its start."""
    reply = await client.raw("GET", "/metrics")
    values: dict[str, float] = {}
    for family in text_string_to_metric_families(reply.text):
        for sample in family.samples:
            name = sample.name.removeprefix("lfrd_")
            if name == "file_bytes" and sample.labels["file"] in FILES:
                values[f"{sample.labels['file']}_mb"] = sample.value / 1e6
            elif name in (*QUEUES, *HELD) or name in ("gallery_templates", "event_subscribers"):
                values[name] = sample.value
            elif name == "process_open_fds":
                values["descriptors"] = sample.value
            elif name == "process_cpu_seconds_total":
                values["cpu_s"] = sample.value
            elif name in ("commit_seconds_sum", "commit_seconds_count"):
                values[name] = sample.value
    return values


async def sample(client: Client, pid: int, screen: int, samples: Samples) -> None:
    """Every few seconds, without an end."""
    while True:
        at_s = time.monotonic()
        values = of_process(pid, "daemon") | of_process(screen, "terminal")
        with contextlib.suppress(LfrdError):  # no answer this time: the kernel's figures alone
            values |= await scrape(client)
        samples.add(at_s, values | {"machine_load": os.getloadavg()[0]})
        await asyncio.sleep(max(0.0, SAMPLE_EVERY_S - (time.monotonic() - at_s)))


async def soak(size: Size, folder: Path, samples: Samples) -> Tally:
    """So many minutes of it; what was done and refused."""
    tally, state = Tally(), folder / "state"
    clip, stream = await clips(folder / "clips", size.shape)
    async with AsyncExitStack() as stack:
        pid, client = await stack.enter_async_context(daemon(state, size))
        port = await stack.enter_async_context(repeated(clip.parent))
        flapping = free_port()
        for number in range(size.rtsp):
            at = flapping if number == size.rtsp - 1 else port
            address = f"rtsp://127.0.0.1:{at}/{clip.name}?play_count=0&camera={number}"
            await client.add_camera(CameraCreate(id=f"rtsp-{number}", address=address))
        tokens = {}
        for number in range(size.whip):
            added = await client.add_camera(CameraCreate(id=f"whip-{number}", address="whip://"))
            assert added.publish_token is not None
            tokens[added.id] = added.publish_token
        listed = await soak_day.make_list(client, "wanted")
        await soak_day.fill(client)
        screen = await stack.enter_async_context(soak_day.terminal(state / "api.sock"))
        took_ms: list[tuple[float, float]] = []
        await _all_of_it(size, client, pid, [
            soak_day.deploy(client, listed, tally),
            soak_day.edit(client, tally),
            soak_day.edit_live(client, listed, tally),
            soak_day.review(client, tally),
            soak_day.follow(client, tally),
            soak_day.page(client, tally, took_ms),
            soak_day.pause_camera(client, "rtsp-0", tally),
            soak_day.flap(clip.parent, flapping, tally),
            sample(client, pid, screen, samples),
            *(soak_day.publish(state / "api.sock", camera, token, stream, tally)
              for camera, token in tokens.items()),
        ])  # fmt: skip
        for at_s, value in took_ms:
            samples.add(at_s, {"answer_ms": value})
    return tally


async def _all_of_it(size: Size, client: Client, pid: int, loops: list) -> None:
    async with asyncio.TaskGroup() as tasks:
        started = [tasks.create_task(loop) for loop in loops]
        for minute in range(round(size.minutes)):
            await asyncio.sleep(60)
            if not of_process(pid, "daemon"):
                raise SystemExit("the daemon ended by itself: its log is daemon.log")
            with contextlib.suppress(LfrdError):
                health = await client.health()
                print(f"  {minute + 1} of {size.minutes:g} minutes, {health.status}", flush=True)
        for task in started:
            task.cancel()


def judge(report: Report, size: Size, samples: Samples, tally: Tally) -> None:
    """What was measured, beside its bar."""
    report.add(
        Figure("cameras", size.rtsp + size.whip, note=f"{size.rtsp} RTSP, {size.whip} WHIP"),
        Figure("warm-up, not counted", round(size.warm_up_s / 60, 1), "min"),
        Figure("sampled after warm-up", round(size.minutes - size.warm_up_s / 60, 1), "min"),
        *_slopes(size, samples), *_work(size, samples),
        *(Figure(what, number, at_least=1) for what, number in sorted(tally.done.items())),
        *(Figure(f"refused: {what}", number) for what, number in sorted(tally.refused.items())),
    )  # fmt: skip


def _slopes(size: Size, samples: Samples) -> Iterator[Figure]:
    bars = {
        "daemon_rss_mb": ("MB/h", RSS_MB_PER_H), "daemon_anonymous_mb": ("MB/h", None),
        "descriptors": ("1/h", HANDLES_PER_H), "daemon_threads": ("1/h", HANDLES_PER_H),
        "terminal_rss_mb": ("MB/h", None), "lfrd.db_mb": ("MB/h", None),
        "lfrd.db-wal_mb": ("MB/h", None), "index.db_mb": ("MB/h", None),
    }  # fmt: skip
    bin_s = min(60.0, 60 * size.minutes / (4 * LEAST_BINS))
    for name, (unit, bar) in bars.items():
        items = samples.after(name, size.warm_up_s)
        slope = slope_of(items, bin_s)
        first, last = items[0][1], items[-1][1]
        yield Figure(f"slope of {name}", round(slope.per_h, 3), unit, at_most=bar,
                     note=f"{slope}; {first:.1f} to {last:.1f}")  # fmt: skip
    # a camera that is read has threads of its own, and its decoder pictures: they come and go
    steady = slope_beside(
        samples.after("daemon_rss_mb", size.warm_up_s),
        samples.after("daemon_threads", size.warm_up_s), bin_s,
    )  # fmt: skip
    yield Figure("slope of daemon_rss_mb, of equal threads", round(steady.per_h, 3),
                 "MB/h", note=str(steady))  # fmt: skip


def _work(size: Size, samples: Samples) -> Iterator[Figure]:
    quarter_s = (60 * size.minutes - size.warm_up_s) / 4
    for name in (*QUEUES, *HELD, "answer_ms"):
        items = samples.after(name, size.warm_up_s)
        values = [value for _, value in items]
        first = [v for at_s, v in items if at_s < size.warm_up_s + quarter_s] or [0.0]
        last = [v for at_s, v in items if at_s >= size.warm_up_s + 3 * quarter_s] or [0.0]
        before, after = statistics.median(first), statistics.median(last)
        note = f"median {before:.1f} at first, {after:.1f} at last; 99 % {percentile(values, 0.99)}"
        if name == "answer_ms":
            yield Figure("answers at last to those at first", round(after / before, 2),
                         at_most=SLOWER, note=note)  # fmt: skip
        else:
            yield Figure(f"{name}, more at last", after - before, at_most=QUEUE_MORE, note=note)
    cpu = samples.after("cpu_s", size.warm_up_s)
    share = (cpu[-1][1] - cpu[0][1]) / (cpu[-1][0] - cpu[0][0])
    load = statistics.median(value for _, value in samples.after("machine_load", size.warm_up_s))
    yield Figure("processors used by lfrd", round(share, 2), note=f"load of the machine {load:.1f}")


def _shape(text: str) -> Shape:
    found = re.fullmatch(r"(\d+)x(\d+)@(\d+)", text)
    if found is None:
        raise argparse.ArgumentTypeError("give a shape as 1280x720@25")
    return Shape(int(found[1]), int(found[2]), float(found[3]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rtsp", type=int, default=2 * usable_cores() - 1)
    parser.add_argument("--whip", type=int, default=1)
    parser.add_argument("--shape", type=_shape, default=Shape(1280, 720, 25.0))
    parser.add_argument("--target-hz", type=float, default=8.0)
    parser.add_argument("--folder", type=Path, help="keep state and log here")
    chosen = parser.parse_args()
    size = Size(chosen.minutes, chosen.rtsp, chosen.whip, chosen.shape, chosen.target_hz)
    report, samples = Report("soak"), Samples()
    with contextlib.ExitStack() as stack:
        folder = chosen.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "clips").mkdir(parents=True, exist_ok=True)
        try:
            tally = asyncio.run(soak(size, folder, samples))
        finally:
            samples.write(RESULTS / "soak-samples.json" if chosen.minutes >= 60
                          else folder / "samples.json")  # fmt: skip
    judge(report, size, samples, tally)
    return report.finish(keep=chosen.minutes >= 60)


if __name__ == "__main__":
    sys.exit(main())

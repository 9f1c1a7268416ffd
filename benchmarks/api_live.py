"""A full machine: four live cameras, fifty subscribers and requests beside them.

Candidates are timed from the arrival of their deciding look to the disk, events from their commit
to the subscriber and, as a figure beside it, from the beginning of their transaction.
"""

import argparse
import asyncio
import json
import math
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import httpx

from benchmarks import media
from benchmarks.latency import photograph
from benchmarks.report import Figure, Report
from benchmarks.rtsp import served
from lfrd.client import Client
from lfrd.errors import LfrdError
from lfrd.summary import percentile
from lfrd.wire.people import TokenCreate

CAMERAS = 4
SUBSCRIBERS, USERS = 50, 5
"""A user may have sixteen streams: so many users share them."""
COMMITS_HZ, REQUESTS_HZ = 5.0, 10.0
EVENT_P99_MS, REQUEST_P99_MS, CANDIDATE_P95_MS = 50.0, 100.0, 500.0
START_S = 60.0
PATHS = ("/v1/health", "/v1/cameras", "/v1/alerts", "/v1/deployments/current", "/v1/me")


CHANGED = b'data: {"id":'
"""How the text of a change begins."""


class Measured:
    def __init__(self) -> None:
        self.events: list[tuple[int, float, float]] = []
        """Of each event that a subscriber got: its id, when its transaction began, when it came."""
        self.requests_ms: list[float] = []


async def measure(report: Report, chosen: argparse.Namespace) -> None:
    measured = Measured()
    with tempfile.TemporaryDirectory(prefix="lfrd-live-") as temporary:
        folder = Path(temporary)
        photos, clip = folder / "list", folder / "served" / "crowd.mp4"
        photos.mkdir()
        clip.parent.mkdir()
        await photograph(photos)
        media.looped(media.CROWD, clip, frames=int(media.CROWD_FPS * (chosen.seconds + 90)))
        async with served(clip.parent) as (_, port):
            addresses = [f"rtsp://127.0.0.1:{port}/{clip.name}"] * CAMERAS
            state = folder / "state"
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "benchmarks.live", str(chosen.seconds + 10), "cpu",
                str(photos), *addresses, "--state", str(state), stdout=subprocess.PIPE,
            )  # fmt: skip
            await _load(state / "api.sock", chosen.seconds, measured)
            printed, _ = await asyncio.wait_for(process.communicate(), chosen.seconds + 120)
    told = json.loads(printed.splitlines()[-1])
    latencies = told["latencies_ms"]
    committed = {int(number): at_s for number, at_s in told["committed_at_s"].items()}
    events = [item for item in measured.events if item[0] in committed]
    from_commit = [1e3 * (came_s - committed[number]) for number, _, came_s in events]
    from_begin = [1e3 * (came_s - began_s) for _, began_s, came_s in events]
    report.add(
        Figure("live 1080p25 cameras", CAMERAS),
        Figure("processors used by lfrd", round(told["cpu"], 2)),
        Figure("detections a second, slowest camera", round(min(told["detections_hz"]), 1), "1/s"),
        Figure("events to subscribers", len(events), at_least=SUBSCRIBERS * 50),
        Figure("commit to subscriber, median", _ms(from_commit, 0.5), "ms"),
        Figure("commit to subscriber, 99 %", _ms(from_commit, 0.99), "ms",
               at_most=EVENT_P99_MS, note=f"{SUBSCRIBERS} subscribers"),
        Figure("begin of transaction to subscriber, median", _ms(from_begin, 0.5), "ms"),
        Figure("begin of transaction to subscriber, 99 %", _ms(from_begin, 0.99), "ms"),
        Figure("requests", len(measured.requests_ms)),
        Figure("request, median", _ms(measured.requests_ms, 0.5), "ms"),
        Figure("request, 99 %", _ms(measured.requests_ms, 0.99), "ms", at_most=REQUEST_P99_MS),
        Figure("candidates", len(latencies), at_least=20),
        Figure("deciding look to disk, median", _ms(latencies, 0.5), "ms"),
        Figure("deciding look to disk, 95 %", _ms(latencies, 0.95), "ms",
               at_most=CANDIDATE_P95_MS),
    )  # fmt: skip


def _ms(values: list[float], share: float) -> float:
    found = percentile(values, share)
    return math.inf if found is None else round(found, 1)


async def _load(place: Path, seconds: float, measured: Measured) -> None:
    """Subscribe, write and ask for so long, once the cameras run."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client.over_socket(place))
        await _ready(client)
        names = [f"user-{number}" for number in range(USERS)]
        made = [await client.create_token(TokenCreate(principal=name)) for name in names]
        end_s = time.monotonic() + seconds
        async with asyncio.TaskGroup() as tasks:
            following = [
                tasks.create_task(_follow(place, made[number % USERS].secret, measured))
                for number in range(SUBSCRIBERS)
            ]
            await asyncio.sleep(2.0)
            writing = tasks.create_task(_write(client, end_s))
            await _ask(place, end_s, measured)
            await writing
            for task in following:
                task.cancel()


async def _ready(client: Client) -> None:
    """Until every camera gives pictures."""
    async with asyncio.timeout(START_S):
        while True:
            try:
                cameras = await client.cameras()
            except LfrdError:
                cameras = ()
            if cameras and all(camera.rates and camera.rates.detect_fps > 0 for camera in cameras):
                return
            await asyncio.sleep(0.2)


async def _write(client: Client, end_s: float) -> None:
    """Something that is committed and told, so many times a second."""
    (listed, *_) = await client.watchlists()
    while time.monotonic() < end_s:
        await client.confirm_watchlist(listed.id)
        await asyncio.sleep(1 / COMMITS_HZ)


async def _ask(place: Path, end_s: float, measured: Measured) -> None:
    transport = httpx.AsyncHTTPTransport(uds=str(place))
    async with httpx.AsyncClient(transport=transport, base_url="http://x", timeout=30) as http:
        number = 0
        while time.monotonic() < end_s:
            begun_s = time.perf_counter()
            reply = await http.get(PATHS[number % len(PATHS)])
            measured.requests_ms.append(1e3 * (time.perf_counter() - begun_s))
            assert reply.status_code == 200, reply.text
            number += 1
            await asyncio.sleep(1 / REQUESTS_HZ)


async def _follow(place: Path, secret: str, measured: Measured) -> None:
    """Read a stream as it comes, with as little of this process as can be: it is the daemon that is
    measured, and fifty HTTP clients in one process would be what takes the time."""
    reader, writer = await asyncio.open_unix_connection(str(place))
    try:
        request = f"GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\n\r\n"
        writer.write(request.encode())
        async for line in reader:
            if line.startswith(CHANGED):
                came_s, event = time.time(), json.loads(line.removeprefix(b"data: "))
                measured.events.append((event["id"], event["at_s"], came_s))
    finally:
        writer.close()

"""Sections of the accuracy benchmark that run the program itself: clips, start-up, memory."""

import asyncio
import csv
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.program import printed_by
from benchmarks.report import Figure, Report
from lfrd.client import Client
from lfrd.demo.stream import rtsp_stream
from lfrd.errors import LfrdError
from lfrd.vision.engine import Vision
from lfrd.vocabulary import Category
from lfrd.wire.cameras import CameraCreate
from lfrd.wire.deployments import DeploymentStart
from lfrd.wire.health import HealthStatus
from lfrd.wire.lists import EntryCreate, WatchlistCreate

SHARED = Path(os.environ.get("LFRD_SHARED", Path(__file__).resolve().parents[1].parent / "shared"))
HAMILTON = SHARED / "media" / "hamilton"
LISTED = {
    "lin-manuel-miranda": ("LinManuel", HAMILTON / "lin-manuel-miranda.png"),
    "alex-lacamoire": ("Alex", HAMILTON / "alex-lacamoire.png"),
    "obama": ("Obama", HAMILTON / "obama.jpg"),
    "biden": ("Biden", HAMILTON / "biden.jpg"),
}
"""Who is on the list: their name in the clip's labels, and their reference photo."""

EASY = range(82, 211)
CROWD_TRACKS = 8
RUN_LIMIT_S = 120.0
HEALTHY_LIMIT_S = 20.0
WATCHED_S = 8.0


@dataclass(frozen=True, slots=True)
class Raised:
    """One candidate line."""

    entry: str
    frame: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run printed: its candidates and the figures of its summary."""

    candidates: tuple[Raised, ...]
    summary: dict[str, float]


async def hamilton(_: Vision, report: Report) -> None:
    """Who is raised in which shot of the labelled clip."""
    found = await _try(HAMILTON / "short_hamilton_clip.mp4")
    present = _present()
    wrong = [raised for raised in found.candidates
             if LISTED[raised.entry][0] not in present.get(raised.frame, set())]  # fmt: skip
    early = [raised.frame for raised in found.candidates
             if raised.entry == "lin-manuel-miranda" and raised.frame in EASY]  # fmt: skip
    report.add(
        Figure("hamilton, Lin-Manuel raised in frames 82-211", len(early), at_least=1,
               note=f"first at frame {min(early, default=-1)}"),
        Figure("hamilton, raised as somebody not in the shot", len(wrong), at_most=0),
        Figure("hamilton, biden raised",
               sum(raised.entry == "biden" for raised in found.candidates), at_most=0),
    )  # fmt: skip


async def crowd(_: Vision, report: Report) -> None:
    """A street of strangers: everybody is tracked and looked at, nobody is raised."""
    found = await _try(SHARED / "media" / "crowd" / "video.mp4")
    summary = found.summary
    report.add(
        Figure("crowd, candidates", len(found.candidates), at_most=0),
        Figure("crowd, frames searched", summary["frames_detected"], at_least=105, at_most=105),
        Figure("crowd, tracks", summary["tracks"], at_least=CROWD_TRACKS),
        Figure("crowd, templates made", summary["templates_made"], at_least=summary["tracks"],
               note="at least one for each track"),
        Figure("crowd, templates made and not destroyed",
               summary["templates_made"] - summary["templates_destroyed"], at_most=0),
    )  # fmt: skip


async def backs(_: Vision, report: Report) -> None:
    """People seen from behind: nobody is raised."""
    found = await _try(SHARED / "media" / "backs" / "one-by-one-person-detection.mp4")
    report.add(
        Figure("backs, candidates", len(found.candidates), at_most=0),
        Figure("backs, tracks", found.summary["tracks"]),
        Figure("backs, templates made and not destroyed",
               found.summary["templates_made"] - found.summary["templates_destroyed"], at_most=0),
    )  # fmt: skip


async def service(_: Vision, report: Report) -> None:
    """How soon the daemon answers, and its memory with one camera at work."""
    with tempfile.TemporaryDirectory() as folder:
        began_s = time.monotonic()
        async with _daemon(Path(folder)) as (process, client):
            report.add(
                Figure("start to a healthy API", round(time.monotonic() - began_s, 2), "s",
                       at_most=3.0)
            )  # fmt: skip
            clip = SHARED / "media" / "crowd" / "video.mp4"
            async with rtsp_stream(clip) as address:
                await _deploy(client, address)
                await asyncio.sleep(WATCHED_S)
                rates = (await client.cameras())[0].rates
                assert rates is not None
                assert rates.frames_detected > 0, "the camera gave no frame"
                report.add(
                    Figure("memory with one 1080p camera (peak)", _peak_mb(process.pid), "MB",
                           at_most=500, note=f"{rates.frames_detected} frames searched")
                )  # fmt: skip


async def _try(clip: Path) -> Outcome:
    """Run `lfrd try --every-frame --json` against the list."""
    with tempfile.TemporaryDirectory() as folder:
        for entry, (_, photo) in LISTED.items():
            (Path(folder) / f"{entry}{photo.suffix}").symlink_to(photo.resolve())
        printed = await printed_by(
            "try", str(clip), "--watchlist", folder, "--every-frame", "--json",
            limit_s=RUN_LIMIT_S,
        )  # fmt: skip
    lines = [json.loads(line) for line in printed.splitlines()]
    candidates = (line for line in lines if line["event"] == "candidate")
    return Outcome(tuple(Raised(line["entry"], line["frame"]) for line in candidates), lines[-1])


def _present() -> dict[int, set[str]]:
    """Who is in each frame of the labelled clip."""
    text = (HAMILTON / "groundtruth_shots.csv").read_text()
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    present: dict[int, set[str]] = {}
    for row in rows:
        for frame in range(int(row["start"]), int(row["end"])):
            present[frame] = set(row["present"].split(";"))
    return present


@asynccontextmanager
async def _daemon(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, Client]]:
    """A daemon of its own, healthy."""
    environment = os.environ | {
        "LFRD_SITE__STATE_DIR": str(folder), "LFRD_POLICY__ALLOW_LAB": "true",
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lfrd", "run", env=environment, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with Client.over_socket(folder / "api.sock") as client:
            async with asyncio.timeout(HEALTHY_LIMIT_S):
                while not await _healthy(client):
                    await asyncio.sleep(0.02)
            yield process, client
    finally:
        process.terminate()
        await process.wait()


async def _healthy(client: Client) -> bool:
    try:
        return (await client.health()).status is HealthStatus.OK
    except LfrdError:
        return False


async def _deploy(client: Client, address: str) -> None:
    """One listed person, one camera, a running deployment."""
    watchlist = await client.create_watchlist(
        WatchlistCreate(name="bench", category=Category.TEST, purpose="bench", owner="bench")
    )
    entry = await client.add_entry(
        watchlist.id, EntryCreate(reference="obama", basis="bench", source="bench")
    )
    await client.add_photo(entry.id, LISTED["obama"][1].read_bytes(), "obama.jpg")
    await client.add_camera(CameraCreate(id="street", address=address))
    await client.start_deployment(
        DeploymentStart(
            profile="lab", purpose="bench", place="bench", watchlist_ids=(watchlist.id,)
        )
    )


def _peak_mb(pid: int) -> float:
    """The largest resident memory a process ever had, in MB (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return round(int(found[1]) * 1024 / 1e6, 1)

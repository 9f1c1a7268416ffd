"""Frames a second of a 1080p crowd, side by side with what a user would write instead.

    python -m benchmarks.throughput [--provider cpu|openvino] [--rounds 3]

Peer and ours run in turn, each as a process of its own; wall time is taken from outside less the
start-up that the process states; medians of the rounds. Writes results/throughput.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import media, parts
from benchmarks.peers import make_pack
from benchmarks.report import Figure, Report

FRAMES = 2400
"""A minute and a half of the street: what a process does once (its end, shapes that are compiled
while it runs) is then a small part, as it is for a daemon."""
ROOM_FRAMES = 6000
"""Ten minutes of it."""
PEER_FRAMES = 315
"""Three rounds of the clip are enough for the peer: it takes the same time for every frame."""

EMPTY_PACKETS = 50
"""So much of `backs/` shows the empty room; after that somebody is in it, and moves, nearly always.
The last of the pictures is followed by a keyframe."""

LIVE_HZ = 8.0
LIMIT_S = 600.0
BARS = {"cpu": 20.0, "openvino": 20.0}
LIVE_BARS = {"cpu": 35.0, "openvino": 35.0}
PARTS_BAR = 1.12
STATIC_BAR = 2.0


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one program."""

    fps: float
    cpu_ms: float
    """Processor time for each frame, start-up included for the peer and not for ours."""
    summary: dict[str, float]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--provider", default="cpu", choices=sorted(BARS))
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    report = Report(f"throughput-{chosen.provider}")
    with tempfile.TemporaryDirectory() as folder:
        measure(report, Path(folder), chosen.provider, chosen.rounds)
    return report.finish()


def measure(report: Report, folder: Path, provider: str, rounds: int) -> None:
    """All figures of one provider."""
    clip, short = folder / "crowd.mp4", folder / "crowd-short.mp4"
    media.looped(media.CROWD, clip, frames=FRAMES)
    media.looped(media.CROWD, short, frames=PEER_FRAMES)
    pack = make_pack(folder / "pack")
    with media.watchlist(folder / "list", media.listed()) as photos:
        peers, every, live, together = [], [], [], []
        ours(clip, photos, provider, "--every-frame")  # what is cached at first use is cached now
        for _ in range(rounds):
            peers.append(peer(pack, short))
            every.append(ours(clip, photos, provider, "--every-frame"))
            together.append(_parts_of(clip, provider, every[-1]).together())
            live.append(ours(clip, photos, provider, "--detect-hz", f"{LIVE_HZ:g}"))
        room = folder / "room.mp4"
        media.looped(media.BACKS, room, frames=ROOM_FRAMES, first=EMPTY_PACKETS)
        at_hz = "--detect-hz", f"{LIVE_HZ:g}"
        still = [ours(room, photos, provider, *at_hz) for _ in range(rounds)]
        moving = [ours(media.BACKS, photos, provider, *at_hz) for _ in range(rounds)]
    peer_fps = statistics.median(run.fps for run in peers)
    report.add(Figure("FaceAnalysis, frames a second", round(peer_fps, 2), "1/s"))
    for name, runs, bar in (
        ("every frame", every, BARS[provider]),
        (f"detector {LIVE_HZ:g} times a second", live, LIVE_BARS[provider]),
    ):
        fps = statistics.median(run.fps for run in runs)
        report.add(
            Figure(f"{name}, frames a second", round(fps, 1), "1/s"),
            Figure(f"{name}, against FaceAnalysis", round(fps / peer_fps, 1), "x", at_least=bar,
                   note=f"{runs[0].summary['templates_made']:.0f} templates of "
                        f"{runs[0].summary['tracks']:.0f} tracks"),
        )  # fmt: skip
    typical = sorted(every, key=lambda run: run.cpu_ms)[len(every) // 2]
    alone = _parts_of(clip, provider, every[-1]).alone()
    _against_parts(report, "alone", [typical], [alone], None)
    _against_parts(report, "together", every, together, PARTS_BAR)
    _static(report, "empty room", still, room, STATIC_BAR)
    _static(report, "people from behind", moving, media.BACKS, None)


def _parts_of(clip: Path, provider: str, run: Run) -> parts.Bench:
    templates = run.summary["templates_made"] / run.summary["frames_decoded"]
    return parts.Bench(clip, provider, templates)


def _against_parts(
    report: Report, how: str, runs: list[Run], costs: list[parts.Parts], bar: float | None
) -> None:
    """Processor time a frame of each run against that of its parts."""
    ratios = [run.cpu_ms / cost.total_ms for run, cost in zip(runs, costs, strict=True)]
    cost = sorted(costs, key=lambda cost: cost.total_ms)[len(costs) // 2]
    cpu_ms = statistics.median(run.cpu_ms for run in runs)
    report.add(
        Figure(f"parts {how}, processor time a frame", round(cost.total_ms, 2), "ms",
               note=cost.listed()),
        Figure(f"against its parts {how}", round(statistics.median(ratios), 2), "x", at_most=bar,
               note=f"{cpu_ms:.2f} ms a frame"),
    )  # fmt: skip


def _static(report: Report, name: str, runs: list[Run], clip: Path, bar: float | None) -> None:
    """No face to see: next to nothing to do but to decode, and to look where somebody moves."""
    decode_ms = parts.decode_ms(clip)
    cpu_ms = statistics.median(run.cpu_ms for run in runs)
    looks = runs[0].summary["frames_detected"] / runs[0].summary["frames_decoded"]
    report.add(
        Figure(f"{name}, processor time a frame", round(cpu_ms, 2), "ms",
               note=f"bare decode {decode_ms:.2f} ms; {looks:.0%} of the frames searched"),
        Figure(f"{name}, against bare decode", round(cpu_ms / decode_ms, 2), "x", at_most=bar),
    )  # fmt: skip


def peer(pack: Path, clip: Path) -> Run:
    """FaceAnalysis over the clip."""
    return _run([sys.executable, "-m", "benchmarks.peers", str(pack), str(clip)], "frames")


def ours(clip: Path, photos: Path, provider: str, *pace: str) -> Run:
    """`lfrd try` over the clip."""
    command = [sys.executable, "-m", "lfrd", "try", str(clip), "--watchlist", str(photos), "--json"]
    environment = {"LFRD_MODELS__PROVIDER": provider}
    return _run([*command, *pace], "frames_decoded", environment)


def _run(command: list[str], frames: str, environment: dict[str, str] | None = None) -> Run:
    begun_s = time.monotonic()
    before_s = os.times().children_user + os.times().children_system
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, timeout=LIMIT_S,
        env=os.environ | (environment or {}),
    )  # fmt: skip
    wall_s = time.monotonic() - begun_s
    used_s = os.times().children_user + os.times().children_system - before_s
    summary = json.loads(done.stdout.splitlines()[-1])
    count = summary[frames]
    cpu_s = summary.get("cpu_s", used_s)
    return Run(count / (wall_s - summary["startup_s"]), 1e3 * cpu_s / count, summary)


if __name__ == "__main__":
    sys.exit(main())

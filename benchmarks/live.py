"""A site with several live cameras for some seconds, in a process of its own; prints one JSON line.

python -m benchmarks.live SECONDS PROVIDER PHOTOS ADDRESS... [--state FOLDER]

An address is that of a stream, or of two of one view with a comma between them, the large one
first. With `--state` the API answers on the usual socket in that folder.
"""

import argparse
import asyncio
import itertools
import json
import re
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import AsyncExitStack
from pathlib import Path

from lfrd.cli.temporary import PRINCIPAL, enrol_photos, find_photos
from lfrd.config import CameraSection, Config, ModelsSection, PolicySection, SiteSection
from lfrd.daemon import open_site
from lfrd.events import Event
from lfrd.governance.deployments import LAB, LAB_LIMIT_S
from lfrd.ingest.pacing import PairPacer
from lfrd.ingest.settings import State
from lfrd.site import Site
from lfrd.store.writer import Outcome, Writer
from lfrd.summary import CandidateLine, SummaryLine
from lfrd.types import Frame

WARM_UP_S = 6.0
"""Connecting, the first picture of every camera, and the first templates are not counted."""
LOOK_S = 0.25
AWAY_S = 2.0
"""No picture of the large stream for so long: nobody was there."""
GONE = (State.LOST, State.FROZEN, State.REFUSED)


class Phases:
    """Since when somebody is before each camera with two streams: when the first picture of the
    small one that shows a face arrived. And when pictures of its large one were done with."""

    def __init__(self) -> None:
        self.begun_s: dict[str, float] = {}
        self.large_s: defaultdict[str, list[float]] = defaultdict(list)
        saw_face, over = PairPacer.saw_face, PairPacer.over
        begins = set()

        def first_saw_face(pacer: PairPacer) -> None:
            if not pacer.wants_large:
                begins.add(pacer)
            saw_face(pacer)

        def first_over(pacer: PairPacer, frame: Frame, follows_any: bool) -> None:
            if pacer in begins:
                begins.remove(pacer)
                last_s = self.large_s[frame.camera_id][-1:] or [float("-inf")]
                if frame.arrived_at_s - last_s[0] > AWAY_S:  # else somebody turned round
                    self.begun_s[frame.camera_id] = frame.arrived_at_s
            if not frame.small and not frame.still:
                self.large_s[frame.camera_id].append(time.monotonic())
            over(pacer, frame, follows_any)

        PairPacer.saw_face = first_saw_face  # type: ignore[method-assign]  # of this process only
        PairPacer.over = first_over  # type: ignore[method-assign]

    def large_hz(self) -> list[float]:
        """How often each camera's large stream was searched, while it was."""
        told = []
        for _, times_s in sorted(self.large_s.items()):
            gaps_s = [b - a for a, b in itertools.pairwise(times_s) if b - a <= AWAY_S]
            told.append(len(gaps_s) / sum(gaps_s) if gaps_s else 0.0)
        return told


class Commits:
    """When each event was on the disk (Unix time), by its id."""

    def __init__(self) -> None:
        self.at_s: dict[int, float] = {}
        deliver = Writer._deliver

        def noted(writer: Writer, outcomes: list[Outcome], events: list[Event]) -> None:
            now_s = time.time()
            self.at_s.update((event.id, now_s) for event in events)
            deliver(writer, outcomes, events)

        Writer._deliver = noted  # type: ignore[method-assign]  # of this process only


class Noted:
    """What was raised."""

    def __init__(self, phases: Phases) -> None:
        self._phases = phases
        self.latencies_ms: list[float] = []
        self.phase_ms: list[float] = []
        self.raised: Counter[str] = Counter()

    def __call__(self, line: CandidateLine | SummaryLine) -> None:
        if not isinstance(line, CandidateLine) or line.latency_ms is None:
            return
        if line.event == "candidate":
            self.raised[f"{line.camera}:{line.entry}"] += 1
        self.latencies_ms.append(line.latency_ms)
        begun_s = self._phases.begun_s.pop(line.camera, None)
        if begun_s is not None:
            self.phase_ms.append(1e3 * (time.monotonic() - begun_s))

    def clear(self) -> None:
        self.latencies_ms.clear()
        self.phase_ms.clear()
        self._phases.large_s.clear()


class Watched:
    """Which states the cameras were in."""

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self.degraded: dict[str, str] = {}
        self.load: str | None = None
        self.searched: list[tuple[float, list[int]]] = []
        """Searches so far, of each camera, and when that was in seconds from the beginning."""

    async def watch(self, site: Site, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            for camera in site.fleet.cameras():
                if camera.status.state in GONE:
                    self.gone.add(f"{camera.row.id}: {camera.status.reason}")
                elif camera.status.state is State.DEGRADED:
                    self.degraded[camera.row.id] = camera.status.reason
            full = [r for r in site.health.now.reasons if r.startswith("the machine is full")]
            self.load = full[0] if full else self.load
            so_far = [*_detected(site).values()]
            self.searched.append((time.monotonic() - end_s + seconds, so_far))
            await asyncio.sleep(LOOK_S)


async def live(
    seconds: float, provider: str, photos: Path, addresses: list[str], state: Path | None
) -> None:
    phases, watched, commits = Phases(), Watched(), Commits()
    noted = Noted(phases)
    cameras = tuple(
        CameraSection(id=f"camera-{number}", address=large, look_address=small or None)
        for number, (large, _, small) in enumerate(text.partition(",") for text in addresses)
    )
    async with AsyncExitStack() as stack:
        folder = state or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        config = Config.model_validate({
            "site": SiteSection(state_dir=folder),
            "models": ModelsSection.model_validate({"provider": provider}),
            "camera": cameras,
            "policy": PolicySection(allow_lab=True),
        })  # fmt: skip
        site = await stack.enter_async_context(open_site(config, report=noted))
        if state is not None:
            from lfrd.api.server import ApiServer

            await stack.enter_async_context(ApiServer(site))
        watchlist_id = await enrol_photos(site, find_photos(photos))
        await site.deployments.start(
            LAB, "a benchmark", "lab", (watchlist_id,), LAB_LIMIT_S, principal=PRINCIPAL
        )
        await asyncio.sleep(WARM_UP_S)
        before, cpu_s, begun_s = _detected(site), time.process_time(), time.monotonic()
        made = site.vision.counts.made
        noted.clear()
        if state is not None:
            (state / "measured").touch()
        await watched.watch(site, seconds)
        wall_s = time.monotonic() - begun_s
        after = _detected(site)
        told = {
            "detections_hz": [(after[name] - before[name]) / wall_s for name in sorted(after)],
            "templates_hz": (site.vision.counts.made - made) / wall_s,
            "latencies_ms": noted.latencies_ms,
            "phase_ms": noted.phase_ms,
            "large_hz": phases.large_hz(),
            "committed_at_s": commits.at_s,
            "raised": dict(noted.raised),
            "gone": sorted(watched.gone),
            "degraded": watched.degraded,
            "load": watched.load,
            "searched": watched.searched,
            "keyframes_only_s": [
                camera.counters.keyframes_only_s if camera.counters else 0.0
                for camera in site.fleet.cameras()
            ],
            "cpu": (time.process_time() - cpu_s) / wall_s,
            "rss_mb": _peak_mb(),
        }
        site.deployments.ask_to_end("the benchmark is over", PRINCIPAL)
        await site.deployments.until_over()
    print(json.dumps(told))


def _detected(site: Site) -> dict[str, int]:
    return {
        camera.row.id: camera.counters.frames_detected if camera.counters else 0
        for camera in site.fleet.cameras()
    }


def _peak_mb() -> float:
    """The most memory this process ever held (Linux)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return round(int(found[1]) * 1024 / 1e6, 1)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("seconds", type=float)
    options.add_argument("provider")
    options.add_argument("photos", type=Path)
    options.add_argument("addresses", nargs="+")
    options.add_argument("--state", type=Path)
    chosen = options.parse_args()
    asyncio.run(
        live(chosen.seconds, chosen.provider, chosen.photos, chosen.addresses, chosen.state)
    )


if __name__ == "__main__":
    main()

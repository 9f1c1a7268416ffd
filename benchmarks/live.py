"""A site with several live cameras for some seconds, in a process of its own; prints one JSON line.

python -m benchmarks.live SECONDS PROVIDER PHOTOS ADDRESS...
"""

import asyncio
import json
import re
import sys
import tempfile
import time
from pathlib import Path

from lfrd.cli.temporary import PRINCIPAL, enrol_photos, find_photos
from lfrd.config import CameraSection, Config, ModelsSection, PolicySection, SiteSection
from lfrd.daemon import open_site
from lfrd.governance.deployments import LAB, LAB_LIMIT_S
from lfrd.summary import CandidateLine, SummaryLine

WARM_UP_S = 6.0
"""Connecting, the first picture of every camera, and the first templates are not counted."""


async def live(seconds: float, provider: str, photos: Path, addresses: list[str]) -> None:
    latencies: list[float] = []

    def note(line: CandidateLine | SummaryLine) -> None:
        if isinstance(line, CandidateLine) and line.latency_ms is not None:
            latencies.append(line.latency_ms)

    cameras = tuple(
        CameraSection(id=f"camera-{number}", address=address)
        for number, address in enumerate(addresses)
    )
    with tempfile.TemporaryDirectory() as folder:
        config = Config.model_validate({
            "site": SiteSection(state_dir=Path(folder)),
            "models": ModelsSection.model_validate({"provider": provider}),
            "camera": cameras,
            "policy": PolicySection(allow_lab=True),
        })  # fmt: skip
        async with open_site(config, report=note) as site:
            watchlist_id = await enrol_photos(site, find_photos(photos))
            await site.deployments.start(
                LAB, "a benchmark", "lab", (watchlist_id,), LAB_LIMIT_S, principal=PRINCIPAL
            )
            await asyncio.sleep(WARM_UP_S)
            before, cpu_s, begun_s = _detected(site), time.process_time(), time.monotonic()
            made = site.vision.counts.made
            latencies.clear()
            await asyncio.sleep(seconds)
            wall_s = time.monotonic() - begun_s
            after = _detected(site)
            told = {
                "detections_hz": [(after[name] - before[name]) / wall_s for name in sorted(after)],
                "templates_hz": (site.vision.counts.made - made) / wall_s,
                "latencies_ms": latencies,
                "cpu": (time.process_time() - cpu_s) / wall_s,
                "rss_mb": _peak_mb(),
            }
            site.deployments.ask_to_end("the benchmark is over", PRINCIPAL)
            await site.deployments.until_over()
    print(json.dumps(told))


def _detected(site: object) -> dict[str, int]:
    cameras = site.fleet.cameras()  # type: ignore[attr-defined]  # a Site; its parts are many
    return {
        camera.row.id: camera.counters.frames_detected if camera.counters else 0
        for camera in cameras
    }


def _peak_mb() -> float:
    """The most memory this process ever held (Linux)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return round(int(found[1]) * 1024 / 1e6, 1)


if __name__ == "__main__":
    asyncio.run(live(float(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4:]))

"""How many live 1080p25 cameras two processors hold, how late a candidate is, and memory.

    python -m benchmarks.latency [--provider cpu|openvino] [--cameras N] [--seconds S]

The crowd clip, looped, comes over RTSP from a server in a process of its own; two people of the
clip are enrolled from its own frames. The server's processor time is measured apart: lfrd's two
processors are those of the machine less what the server takes of them, which is printed.
Writes results/latency-<provider>.json.
"""

import argparse
import asyncio
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from benchmarks import media
from benchmarks.report import Figure, Report
from benchmarks.rtsp import cpu_s, served
from lfrd.ingest.pictures import planes_of
from lfrd.lists.photo_face import detect_in_photo
from lfrd.summary import percentile
from lfrd.types import F32, U8, Planes
from lfrd.vision.engine import Vision
from lfrd.vision.packs import DEFAULT_PACK, default_cache_dir, load
from lfrd.vision.planes import planes_from_rgb, rgb_full
from lfrd.vision.quality import pose_deg

CAMERAS = {"cpu": 4, "openvino": 6}
LEAST_HZ, MOST_MS, LEAST_CANDIDATES = 5.0, 400.0, 50
MEMORY_OF, MEMORY_S = (1, 8), 15.0
LEAST_FACE_PX = 60.0
ENROLLED = 2
OTHER_PERSON = 0.3
"""Two faces that are less alike than this are two people."""
FRONTAL_DEG = 20.0


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--provider", default="cpu", choices=sorted(CAMERAS))
    options.add_argument("--cameras", type=int)
    options.add_argument("--seconds", type=float, default=60.0)
    chosen = options.parse_args()
    report = Report(f"latency-{chosen.provider}")
    cameras = chosen.cameras or CAMERAS[chosen.provider]
    asyncio.run(_measure(report, chosen.provider, cameras, chosen.seconds))
    return report.finish(keep=chosen.cameras is None)


async def _measure(report: Report, provider: str, cameras: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        photos, clip = folder / "list", folder / "served" / "crowd.mp4"
        photos.mkdir()
        clip.parent.mkdir()
        await photograph(photos)
        media.looped(media.CROWD, clip, frames=int(media.CROWD_FPS * (seconds + 60)))
        async with served(clip.parent) as (server, port):
            addresses = [f"rtsp://127.0.0.1:{port}/{clip.name}"] * cameras
            begun_s, before_s = time.monotonic(), cpu_s(server.pid)
            told = await _live(seconds, provider, photos, addresses)
            server_cpu = (cpu_s(server.pid) - before_s) / (time.monotonic() - begun_s)
            few = {count: await _live(MEMORY_S, provider, photos, addresses[:1] * count)
                   for count in MEMORY_OF}  # fmt: skip
    hz, latencies = told["detections_hz"], told["latencies_ms"]
    p50, p95 = percentile(latencies, 0.5), percentile(latencies, 0.95)
    report.add(
        Figure("live 1080p25 cameras", cameras, at_least=CAMERAS[provider]),
        Figure("detections a second, slowest camera", round(min(hz), 2), "1/s", at_least=LEAST_HZ),
        Figure("templates a second, all cameras", round(told["templates_hz"], 1), "1/s"),
        Figure("candidates", len(latencies), at_least=LEAST_CANDIDATES),
        Figure("latency, median", round(p50 or math.inf), "ms"),
        Figure("latency, 95 %", round(p95 or math.inf), "ms", at_most=MOST_MS),
        Figure("processors used by lfrd", round(told["cpu"], 2)),
        Figure("processors used by the server", round(server_cpu, 2), note="not counted"),
        Figure(f"memory, {cameras} cameras (peak)", told["rss_mb"], "MB",
               at_most=400 + 40 * cameras),
        *(Figure(f"memory, {count} cameras (peak)", told["rss_mb"], "MB", at_most=400 + 40 * count,
                 note=f"{min(told['detections_hz']):.1f} detections a second at the slowest")
          for count, told in few.items()),
    )  # fmt: skip


async def photograph(photos: Path) -> None:
    """Photos of two people of the clip, cut from its frames, such as enrolment accepts."""
    known: list[F32] = []
    async with Vision(load(DEFAULT_PACK, default_cache_dir()), threads=1) as vision:
        for frame in media.pictures(media.CROWD):
            planes = planes_of(frame)
            faces = await vision.detect(planes)
            for box, landmarks in zip(faces.boxes, faces.landmarks, strict=True):
                if box[2] - box[0] < LEAST_FACE_PX or abs(pose_deg(landmarks)[0]) > FRONTAL_DEG:
                    continue
                face = await photo_of(vision, planes, box)
                if face is None:
                    continue
                crop = await vision.align(planes, landmarks)
                assert crop is not None
                vector = (await vision.embed_reference(crop)).vector
                crop.release()
                if all(float(vector @ other) < OTHER_PERSON for other in known):
                    known.append(vector)
                    path = photos / f"person-{len(known)}.png"
                    cv2.imwrite(str(path), cv2.cvtColor(face, cv2.COLOR_RGB2BGR))
                if len(known) == ENROLLED:
                    return
    raise SystemExit("the clip does not show so many large faces")


async def photo_of(vision: Vision, planes: Planes, box: F32) -> U8 | None:
    """A portrait u8[h, w, 3] rgb of the face in `box`; None where another one is on it, or none."""
    face = _cut(rgb_full(planes), box)
    return face if len(await detect_in_photo(vision, planes_from_rgb(face))) == 1 else None


def _cut(picture: U8, box: F32) -> U8:
    """A face with as much around it as a portrait has."""
    left, top, right, bottom = box
    around = 0.6 * max(right - left, bottom - top)
    columns = slice(max(0, int(left - around)), int(right + around))
    rows = slice(max(0, int(top - around)), int(bottom + around))
    enlarged = cv2.resize(picture[rows, columns], None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    return np.asarray(enlarged, np.uint8)


async def _live(seconds: float, provider: str, photos: Path, addresses: list[str]) -> dict:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.live", str(seconds), provider, str(photos), *addresses,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    printed, _ = await asyncio.wait_for(process.communicate(), seconds + 120)
    if process.returncode != 0:
        raise SystemExit(f"the site ended with code {process.returncode}")
    told: dict = json.loads(printed.splitlines()[-1])
    return told


if __name__ == "__main__":
    sys.exit(main())

"""What a frame's parts cost alone: decode, scale, detect, embed; nothing around them.

Each is measured by itself on one thread, in processor time, so that what the whole program takes
beyond their sum is what we added.
"""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import media
from lfrd.ingest.pictures import planes_of
from lfrd.types import Planes
from lfrd.vision.detector import choose_size, output_shapes
from lfrd.vision.engine import SMALLEST_INTER_EYE_PX
from lfrd.vision.packs import DEFAULT_PACK, Pack, default_cache_dir, load
from lfrd.vision.planes import bgr_scaled
from lfrd.vision.session import Session

DECODED_FRAMES = 315
RUNS = 40


@dataclass(frozen=True, slots=True)
class Parts:
    """Milliseconds of processor time a frame."""

    decode_ms: float
    scale_ms: float
    detect_ms: float
    embed_ms: float

    @property
    def total_ms(self) -> float:
        return self.decode_ms + self.scale_ms + self.detect_ms + self.embed_ms

    def listed(self) -> str:
        return (
            f"decode {self.decode_ms:.2f}, scale {self.scale_ms:.2f}, "
            f"detect {self.detect_ms:.2f}, embed {self.embed_ms:.2f}"
        )


def measure(clip: Path, provider: str, templates_a_frame: float) -> Parts:
    """The parts of one frame of `clip` that is searched, with its share of the templates."""
    pack = load(DEFAULT_PACK, default_cache_dir())
    return Parts(
        decode(clip, DECODED_FRAMES),
        _scale(_some_planes(clip)),
        _detect(pack, provider, _some_planes(clip)),
        _embed(pack, provider) * templates_a_frame,
    )


def decode(clip: Path, frames: int) -> float:
    """Bare decoding, ms a frame."""
    begun_s = time.process_time()
    count = sum(1 for _ in itertools.islice(media.pictures(clip), frames))
    return 1e3 * (time.process_time() - begun_s) / count


def _some_planes(clip: Path) -> Planes:
    return planes_of(next(media.pictures(clip)))


def _scale(planes: Planes) -> float:
    size = choose_size(planes.width_px, planes.height_px, SMALLEST_INTER_EYE_PX)
    out = np.empty((size.picture_height_px, size.picture_width_px, 3), np.uint8)
    return _typical_ms(
        lambda: bgr_scaled(planes, size.picture_width_px, size.picture_height_px, out=out)
    )


def _detect(pack: Pack, provider: str, planes: Planes) -> float:
    size = choose_size(planes.width_px, planes.height_px, SMALLEST_INTER_EYE_PX)
    session = Session(pack.read(pack.detector), label="detector", provider=provider)
    feed = np.zeros((1, 3, size.height_px, size.width_px), np.float32)
    results = [
        np.zeros(shape, np.float32) for shape in output_shapes(pack.detector.family, 1, size)
    ]
    return _typical_ms(lambda: session.run(feed, results))


def _embed(pack: Pack, provider: str) -> float:
    session = Session(pack.read(pack.recogniser), label="recogniser", provider=provider)
    feed = np.zeros((1, 3, 112, 112), np.float32)
    result = np.zeros((1, pack.recogniser.dim), np.float32)
    return _typical_ms(lambda: session.run(feed, [result]))


def _typical_ms(work: Callable[[], object]) -> float:
    work()
    taken = []
    for _ in range(RUNS):
        begun_s = time.process_time()
        work()
        taken.append(time.process_time() - begun_s)
    return 1e3 * float(np.median(taken))

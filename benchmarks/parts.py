"""What a frame's parts cost alone: decode, scale, detect, embed; nothing around them.

Each is measured by itself, in processor time, on as many threads at once as the program has
processors: what the whole program takes beyond their sum is what we added. A template costs one
run of the recogniser and one of the detector, which looks again at the face upright.
"""

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import media
from lfrd.cores import usable_cores
from lfrd.ingest.pictures import planes_of
from lfrd.types import Planes
from lfrd.vision.align import PATCH_SIDE_PX
from lfrd.vision.detector import InputSize, choose_size, output_shapes
from lfrd.vision.engine import SMALLEST_INTER_EYE_PX
from lfrd.vision.packs import DEFAULT_PACK, Pack, default_cache_dir, load
from lfrd.vision.planes import scaled_into
from lfrd.vision.providers import settle
from lfrd.vision.session import Session

DECODED_FRAMES = 210
RUNS, BUDGET_S = 100, 2.0


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
    provider = settle(provider, pack, default_cache_dir())
    planes = planes_of(next(media.pictures(clip)))
    size = choose_size(planes.width_px, planes.height_px, SMALLEST_INTER_EYE_PX)
    patch = InputSize(PATCH_SIDE_PX, PATCH_SIDE_PX, PATCH_SIDE_PX, PATCH_SIDE_PX)
    return Parts(
        decode_ms=_each_ms(lambda: _decoding(clip)) / DECODED_FRAMES,
        scale_ms=_each_ms(lambda: _scaling(planes, size)),
        detect_ms=_each_ms(lambda: _detecting(pack, provider, size))
        + templates_a_frame * _each_ms(lambda: _detecting(pack, provider, patch)),
        embed_ms=templates_a_frame * _each_ms(lambda: _embedding(pack, provider)),
    )


def decode_ms(clip: Path) -> float:
    """Bare decoding, ms a frame."""
    return _each_ms(lambda: _decoding(clip)) / DECODED_FRAMES


def _decoding(clip: Path) -> "_Work":
    return lambda: sum(1 for _ in itertools.islice(media.pictures(clip), DECODED_FRAMES))


def _scaling(planes: Planes, size: InputSize) -> "_Work":
    out = np.empty((size.picture_height_px, size.picture_width_px, 3), np.uint8)
    return lambda: scaled_into(planes, out, "bgr")


def _detecting(pack: Pack, provider: str, size: InputSize) -> "_Work":
    shape = (1, size.height_px, size.width_px, 3)
    session = Session(pack.read(pack.detector), label="detector", provider=provider, shapes=[shape])
    feed = np.zeros(shape, np.uint8)
    shapes = output_shapes(pack.detector.family, 1, size)
    results = [np.zeros(shape, np.float32) for shape in shapes]
    return lambda: session.run(feed, results)


def _embedding(pack: Pack, provider: str) -> "_Work":
    shape = (1, 112, 112, 3)
    session = Session(
        pack.read(pack.recogniser), label="recogniser", provider=provider, shapes=[shape]
    )
    feed = np.zeros(shape, np.uint8)
    result = np.zeros((1, pack.recogniser.dim), np.float32)
    return lambda: session.run(feed, [result])


_Work = Callable[[], object]


def _each_ms(make: Callable[[], _Work]) -> float:
    """Processor time of one run, where each processor has a thread that does only this."""
    works = [make() for _ in range(usable_cores())]
    begun = time.perf_counter()
    works[0]()
    once_s = time.perf_counter() - begun
    runs = max(1, min(RUNS, int(BUDGET_S / once_s)))
    threads = [threading.Thread(target=_repeat, args=(work, runs)) for work in works]
    begun_s = time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 1e3 * (time.process_time() - begun_s) / (runs * len(works))


def _repeat(work: _Work, runs: int) -> None:
    for _ in range(runs):
        work()

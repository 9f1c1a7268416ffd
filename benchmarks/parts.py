"""What a frame's parts cost: decode, scale, detect, embed; nothing around them.

Processor time, in two ways. `alone`: each by itself, on as many threads at once as the program has
processors, so that it has the caches to itself. `together`: in turn, as in a daemon, by a thread
that decodes and one for each processor that does the rest, with a queue between them and nothing
else; only the parts are counted. What lfrd takes beyond this sum is what lfrd added. A template
costs one run of the recogniser and one of the detector, which looks again at the face upright.
"""

import itertools
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import media
from lfrd.ingest.pictures import planes_of
from lfrd.process import usable_cores
from lfrd.types import Planes
from lfrd.vision.align import PATCH_SIDE_PX
from lfrd.vision.detector import InputSize, choose_size, margins, output_shapes
from lfrd.vision.engine import SMALLEST_INTER_EYE_PX
from lfrd.vision.packs import DEFAULT_PACK, Pack, default_cache_dir, load
from lfrd.vision.planes import scaled_into
from lfrd.vision.providers import Settled, settle
from lfrd.vision.session import Session

DECODED_FRAMES = 210
RUNS, BUDGET_S = 100, 2.0
TOGETHER_FRAMES = 1200
FRAMES_WAITING = 8

_ADDING = threading.Lock()
Spent = defaultdict[str, float]
"""Seconds of processor time by part."""


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


@dataclass(frozen=True, slots=True)
class _Works:
    """One thread's parts, each on arrays of its own."""

    scale: Callable[[Planes], None]
    detect: "_Work"
    look_again: "_Work"
    embed: "_Work"


class Bench:
    """The parts of a frame of `clip` that is searched, with its share of the templates."""

    def __init__(self, clip: Path, provider: str, templates_a_frame: float) -> None:
        self._clip = clip
        self._templates = templates_a_frame
        self._pack = load(DEFAULT_PACK, default_cache_dir())
        self._settled = settle(provider, self._pack, default_cache_dir())
        self._planes = planes_of(next(media.pictures(clip)))
        self._size = choose_size(
            self._planes.width_px, self._planes.height_px, SMALLEST_INTER_EYE_PX
        )

    def alone(self) -> Parts:
        """Each part by itself."""

        def cost_ms(part: Callable[[_Works], object]) -> float:
            def make() -> _Work:
                works = self._works()
                return lambda: part(works)

            return _each_ms(make)

        return Parts(
            decode_ms=decode_ms(self._clip),
            scale_ms=cost_ms(lambda works: works.scale(self._planes)),
            detect_ms=cost_ms(lambda works: works.detect())
            + self._templates * cost_ms(lambda works: works.look_again()),
            embed_ms=self._templates * cost_ms(lambda works: works.embed()),
        )

    def together(self) -> Parts:
        """All parts in one program, as they come."""
        waiting: queue.Queue[Planes | None] = queue.Queue(FRAMES_WAITING)
        spent_s: Spent = defaultdict(float)
        workers = [
            threading.Thread(target=self._work, args=(self._works(), waiting, spent_s))
            for _ in range(usable_cores())
        ]
        for worker in workers:
            worker.start()
        frames = 0
        for planes in _decoded(self._clip, spent_s):
            waiting.put(planes)
            frames += 1
        for _ in workers:
            waiting.put(None)
        for worker in workers:
            worker.join()
        cost = {part: 1e3 * seconds / frames for part, seconds in spent_s.items()}
        return Parts(cost["decode"], cost["scale"], cost["detect"], cost["embed"])

    def _work(self, works: _Works, waiting: "queue.Queue[Planes | None]", spent_s: Spent) -> None:
        due = 0.0
        while (planes := waiting.get()) is not None:
            with _timed("scale", spent_s):
                works.scale(planes)
            with _timed("detect", spent_s):
                works.detect()
            due += self._templates
            while due >= 1.0:
                due -= 1.0
                with _timed("detect", spent_s):
                    works.look_again()
                with _timed("embed", spent_s):
                    works.embed()

    def _works(self) -> _Works:
        patch = InputSize(PATCH_SIDE_PX, PATCH_SIDE_PX, PATCH_SIDE_PX, PATCH_SIDE_PX)
        return _Works(
            scale=_scaling(self._size),
            detect=_detecting(self._pack, self._settled.provider, self._size),
            look_again=_detecting(self._pack, self._settled.provider, patch),
            embed=_embedding(self._pack, self._settled),
        )


def _decoded(clip: Path, spent_s: Spent) -> Iterator[Planes]:
    pictures = itertools.islice(media.pictures(clip), TOGETHER_FRAMES)
    while True:
        with _timed("decode", spent_s):
            picture = next(pictures, None)
        if picture is None:
            return
        yield planes_of(picture)


@contextmanager
def _timed(part: str, spent_s: Spent) -> Iterator[None]:
    begun_s = time.thread_time()
    yield
    with _ADDING:
        spent_s[part] += time.thread_time() - begun_s


def decode_ms(clip: Path) -> float:
    """Bare decoding, ms a frame."""
    return _each_ms(lambda: _decoding(clip)) / DECODED_FRAMES


def _decoding(clip: Path) -> "_Work":
    return lambda: sum(1 for _ in itertools.islice(media.pictures(clip), DECODED_FRAMES))


def _scaling(size: InputSize) -> Callable[[Planes], None]:
    out = np.empty((size.picture_height_px, size.picture_width_px, 3), np.uint8)

    def scale(planes: Planes) -> None:
        left_out = margins(planes.width_px, planes.height_px, size)
        scaled_into(planes.without(*left_out), out, "bgr")

    return scale


def _detecting(pack: Pack, provider: str, size: InputSize) -> "_Work":
    shape = (1, size.height_px, size.width_px, 3)
    session = Session(pack.read(pack.detector), label="detector", provider=provider, shapes=[shape])
    feed = np.zeros(shape, np.uint8)
    shapes = output_shapes(pack.detector.family, 1, size)
    results = [np.zeros(shape, np.float32) for shape in shapes]
    return lambda: session.run(feed, results)


def _embedding(pack: Pack, settled: Settled) -> "_Work":
    shape = (1, 112, 112, 3)
    content = settled.recogniser or pack.read(pack.recogniser)
    session = Session(content, label="recogniser", provider=settled.provider, shapes=[shape])
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

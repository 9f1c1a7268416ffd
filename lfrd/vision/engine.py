"""The vision part: detect, align and embed, batched over all cameras."""

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

import cv2
import numpy as np

from lfrd.counters import Spread
from lfrd.errors import Conflict
from lfrd.types import CROP_SIDE_PX, F32, U8, Detections, Match, Planes, Template
from lfrd.vision import embedder, finder
from lfrd.vision.aligner import VIEWS, Aligner
from lfrd.vision.batcher import Batcher
from lfrd.vision.detector import CERTAIN_SCORE, Found, InputSize, choose_size, fit_size
from lfrd.vision.packs import Pack
from lfrd.vision.pool import Buffer, Pool, PoolCounts
from lfrd.vision.session import Session

SMALLEST_INTER_EYE_PX = 24.0
"""Faces with less between the eyes are of no use for matching."""

Crop = Buffer[np.uint8]
"""An aligned face, u8[112, 112, 3] RGB, to be released by its holder."""


class Probe:
    """The template of a passer-by, `array` f32[D] of unit norm, to be released by its holder.

    `norm` is the length that the model gave it: the longer, the more it tells (see
    lfrd.matching.evidence).
    """

    __slots__ = ("_buffer", "norm")

    def __init__(self, buffer: Buffer[np.float32], norm: float) -> None:
        self._buffer = buffer
        self.norm = norm

    @property
    def array(self) -> F32:
        return self._buffer.array

    def release(self) -> None:
        """Overwrite it and give it back; safe to call twice."""
        self._buffer.release()


_ALIGN_LIMIT = 8
_THREADS_A_RECOGNISER = 4
"""A recogniser takes 70 MB, and templates are rare: so many threads share one, in turn. Its memory
then holds one batch of faces at most, and one run of zeros overwrites it."""
ENROLMENTS_AT_ONCE = 6
"""Photos whose templates are made at the same time: enough to keep the models busy."""

_TRACKS_A_CROP = 4
_EMBED, _SEARCH, _TURNED = "embed", "search", "align turned"

_SEARCH_LIMIT = 16
"""Probes searched together: one pass over a large matrix then serves all of them."""

_SEARCHED_AT_ONCE = 500_000
"""A matrix of so many numbers is searched in 0.1 ms, less than going through a thread takes."""


@dataclass(frozen=True, slots=True)
class _Detect:
    planes: Planes
    size: InputSize
    batch_limit: int
    urgent: bool = False

    @property
    def batch_key(self) -> InputSize:
        return self.size


@dataclass(frozen=True, slots=True)
class _Align:
    planes: Planes
    landmarks: F32
    out: U8
    batch_key: str = "align"
    batch_limit: int = _ALIGN_LIMIT
    urgent: bool = True


@dataclass(frozen=True, slots=True)
class _AlignTurned:
    """With the detector that is better at turned faces: one crop, or all views of it."""

    planes: Planes
    box: F32
    landmarks: F32
    outs: tuple[U8, ...]
    batch_key: str = _TURNED
    batch_limit: int = 1
    urgent: bool = True


@dataclass(frozen=True, slots=True)
class _Embed:
    crop: U8
    out: F32
    batch_limit: int
    batch_key: str = _EMBED
    urgent: bool = True


class Searchable(Protocol):
    """What holds templates (see lfrd.matching.gallery)."""

    dim: int

    def __len__(self) -> int: ...

    def search(self, probes: F32, k: int) -> list[tuple[Match, ...]]: ...


@dataclass(frozen=True, slots=True)
class _Search:
    gallery: Searchable
    probe: F32
    k: int
    batch_key: str = _SEARCH
    batch_limit: int = _SEARCH_LIMIT
    urgent: bool = True


@dataclass(frozen=True, slots=True)
class _Drain:
    batch_key: str = "drain"
    batch_limit: int = 1
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class _Answer:
    """Nothing: that it comes back says that the thread works."""

    batch_key: str = "answer"
    batch_limit: int = 1
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class _DrainEmbedder:
    """Overwrite the recogniser that was used longest ago (they stand in a queue)."""

    batch_key: str = _EMBED + " drain"
    batch_limit: int = 1
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class _DrainStrong:
    """Overwrite the strong detector that was used longest ago."""

    batch_key: str = _TURNED + " drain"
    batch_limit: int = 1
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class LabFace:
    """A crop u8[112, 112, 3] RGB and its template f32[D] of unit norm."""

    crop_rgb: U8
    vector: F32


IDLE_S = 5.0
"""After so long without use what the models remember is overwritten."""

_Call = (
    _Detect
    | _Align
    | _AlignTurned
    | _Embed
    | _Search
    | _Drain
    | _DrainEmbedder
    | _DrainStrong
    | _Answer
)
Shared = TypeVar("Shared")

_Result = Found | tuple[Match, ...] | float | None


class Vision:
    """An async context manager; inside it, its methods may be awaited by any number of tasks.

    A buffer that a method gives belongs to the caller, who must release it; so must the planes
    and buffers that are passed in stay untouched until the method returns.
    """

    def __init__(
        self,
        pack: Pack,
        *,
        threads: int,
        provider: str = "cpu",
        recogniser: bytes | None = None,
        pool_size: int = 256,
    ) -> None:
        """`recogniser` is the model that runs in place of the pack's (see `providers.Settled`).
        `pool_size` bounds the crops held at once over all cameras, and with _TRACKS_A_CROP the
        templates: each track that was looked at holds one, its mean."""
        self.pack_name = pack.name
        self.model_digest = pack.model_digest
        self.detector_digest = pack.detector_digest
        self.dim = pack.recogniser.dim
        self.certain_score = CERTAIN_SCORE[pack.detector.family]
        """From here on a face is certainly upright (see lfrd.vision.detector)."""
        self.provider = provider
        self.threads = threads
        self.faces_skipped = 0
        """Faces beyond the limit of a frame, which were found and not passed on."""
        self.enrolled = 0
        """Templates made to be kept; not among the counts of probes."""
        self._pack = pack
        self._recogniser = recogniser
        self._recognisers = -(-threads // _THREADS_A_RECOGNISER)
        self._batcher: Batcher[_Call, _Result] = Batcher(
            self._make_worker,
            threads=threads,
            at_once={_EMBED: self._recognisers, _TURNED: self._recognisers, _SEARCH: 1},
        )
        self.runs: dict[tuple[str, int], Spread] = {}
        """How long the inference threads took, by kind of work and number of calls in the batch."""
        self._embedders: SimpleQueue[embedder.Embedder] = SimpleQueue()
        self._strong: SimpleQueue[finder.Finder] = SimpleQueue()
        crop_shape = (CROP_SIDE_PX, CROP_SIDE_PX, 3)
        self._crops = Pool(pool_size, crop_shape, np.uint8, name="crops")
        self._others = Pool(2 * ENROLMENTS_AT_ONCE, crop_shape, np.uint8, name="crops of others")
        self._probes = Pool(_TRACKS_A_CROP * pool_size, (self.dim,), np.float32, name="probes")
        self._references = Pool(ENROLMENTS_AT_ONCE, (self.dim,), np.float32, name="references")
        self._detector: bytes | None = None
        self._uses = 0
        """Runs that showed a model a picture; `stay_clean` goes by it."""

    async def __aenter__(self) -> "Vision":
        """Open the models. Raises ModelError or InferenceFailed."""
        cv2.setNumThreads(1)  # parallel work is ours to place: cameras and inference threads
        await asyncio.to_thread(self._open_models)
        try:
            await self._batcher.__aenter__()
        finally:
            self._detector = self._recogniser = None
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._batcher.__aexit__()

    async def detect(
        self, planes: Planes, *, smallest_inter_eye_px: float = SMALLEST_INTER_EYE_PX
    ) -> Detections:
        """Faces of a frame in its pixels, largest first; at most `detector.FACES_LIMIT`."""
        model = self._pack.detector
        if model.fixed_size is None:
            size = choose_size(planes.width_px, planes.height_px, smallest_inter_eye_px)
        else:
            size = fit_size(planes.width_px, planes.height_px, model.fixed_size)
        self._uses += 1
        found = await self._batcher.run(
            _Detect(planes, size, finder.batch_limit(model, self.provider))
        )
        assert isinstance(found, Found)
        self.faces_skipped += found.skipped
        return found.detections

    async def align(self, planes: Planes, landmarks: F32) -> Crop | None:
        """The face with these landmarks f32[5, 2] as a crop; None when the pool is exhausted."""
        return await self._aligned(self._crops.take(), planes, landmarks)

    async def align_other(self, planes: Planes, landmarks: F32) -> Crop | None:
        """The same of a face that no deployment looks at: of a photo, of a camera's test. It is
        not among `crops_held`, since such work goes on while a deployment ends."""
        return await self._aligned(self._others.take(), planes, landmarks)

    async def _aligned(self, crop: Crop | None, planes: Planes, landmarks: F32) -> Crop | None:
        if crop is not None:
            await _filled(crop, self._batcher.run(_Align(planes, landmarks, crop.array)))
        return crop

    async def align_turned(self, planes: Planes, box: F32, landmarks: F32) -> Crop | None:
        """The same of a face in `box` f32[4] that is turned away: its landmarks are found with the
        pack's better and slower detector, where it has one."""
        if self._pack.landmarks is None:
            return await self.align(planes, landmarks)
        crop = self._crops.take()
        if crop is None:
            return None
        call = _AlignTurned(planes, box, landmarks, (crop.array,))
        await _filled(crop, self._batcher.run(call))
        return crop

    @property
    def has_views(self) -> bool:
        """Whether `views` can be had of a face."""
        return self._pack.landmarks is not None

    async def views(self, planes: Planes, box: F32, landmarks: F32) -> list[Crop]:
        """VIEWS crops of one face, each with landmarks found in another way (see
        lfrd.vision.aligner); none when the pool is exhausted or the pack cannot give any."""
        crops = [crop for _ in range(VIEWS) if (crop := self._crops.take()) is not None]
        try:
            if self.has_views and len(crops) == VIEWS:
                outs = tuple(crop.array for crop in crops)
                await self._batcher.run(_AlignTurned(planes, box, landmarks, outs))
                taken, crops = crops, []
                return taken
            return []
        finally:
            for crop in crops:
                crop.release()

    def lend(self, rgb: U8) -> Crop | None:
        """A kept crop u8[112, 112, 3] RGB in a buffer; None when the pool is exhausted."""
        crop = self._crops.take()
        if crop is not None:
            np.copyto(crop.array, rgb)
        return crop

    async def embed(self, crop: Crop) -> Probe | None:
        """The template of a probe, counted as made; None when the pool is exhausted."""
        taken = await self._embed(crop, self._probes)
        return None if taken is None else Probe(*taken)

    async def search(self, gallery: Searchable, probe: F32, k: int) -> tuple[Match, ...]:
        """The best `k` entries for a probe f32[D]; off the event loop where that takes long."""
        if len(gallery) * gallery.dim <= _SEARCHED_AT_ONCE:
            return gallery.search(probe[None], k)[0]
        found = await self._batcher.run(_Search(gallery, probe, k))
        assert isinstance(found, tuple)
        return found

    async def embed_reference(self, crop: Crop) -> Template:
        """A template to be kept on a watchlist, counted as enrolled and not as a probe's.

        Raises Conflict while as many enrolments as the pool allows are under way.
        """
        taken = await self._embed(crop, self._references)
        if taken is None:
            raise Conflict("too many photos are being enrolled at once; try again in a moment")
        buffer, _ = taken
        try:
            self.enrolled += 1
            return Template(buffer.array.copy(), self.model_digest)
        finally:
            buffer.release()

    async def lab_face(self, planes: Planes, landmarks: F32) -> LabFace:
        """A lab picture's face for a decoy; it is of no entry and no passer-by, and so in
        none of the counts. The caller overwrites it. Raises Conflict as `embed_reference`."""
        crop = np.zeros((CROP_SIDE_PX, CROP_SIDE_PX, 3), np.uint8)
        await self._batcher.run(_Align(planes, landmarks, crop))
        buffer = self._references.take()
        if buffer is None:
            raise Conflict("too many photos are being enrolled at once; try again in a moment")
        self._uses += 1
        limit = embedder.batch_limit(self._pack.recogniser, self.provider)
        try:
            await self._batcher.run(_Embed(crop, buffer.array, limit))
            return LabFace(crop, buffer.array.copy())
        finally:
            buffer.release()

    @property
    def counts(self) -> PoolCounts:
        """Templates of probes: made, destroyed, and held at this moment."""
        return self._probes.counts()

    @property
    def waiting(self) -> int:
        """Calls that no inference thread has begun."""
        return self._batcher.waiting

    @property
    def crops_held(self) -> int:
        """Crops of passers-by held at this moment."""
        return self._crops.counts().held

    async def all_given_back(self) -> None:
        """Returns once nothing of a passer-by is held, however long that takes."""
        while self.counts.held or self.crops_held:
            await self._probes.whole()
            await self._crops.whole()

    async def drain(self) -> PoolCounts:
        """Overwrite what sessions and threads remember, at the end of a deployment.

        Runs zeros through every session in every shape it has seen. A count held that is not 0 in
        the result, or in `crops_held`, is a fault of the code that holds it.
        """
        await self._batcher.run_on_each(_Drain)
        for _ in range(self._recognisers):
            await self._batcher.run(_DrainEmbedder())
            if self.has_views:
                await self._batcher.run(_DrainStrong())
        return self.counts

    async def answer(self) -> None:
        """Returns once every inference thread has ended what it is at, and taken this up."""
        await self._batcher.run_on_each(_Answer)

    async def stay_clean(self, *, idle_s: float = IDLE_S) -> None:
        """Overwrite what the models remember of a photo, a replay or a camera's test, once they
        have not been used for a while; a deployment drains by itself. Until cancelled."""
        clean = self._uses
        while True:
            before = self._uses
            await asyncio.sleep(idle_s)
            if clean != before == self._uses:
                await self.drain()
                clean = before

    async def _embed(
        self, crop: Crop, pool: Pool[np.float32]
    ) -> tuple[Buffer[np.float32], float] | None:
        """The template in a buffer of the pool, and its norm; None when the pool is exhausted."""
        buffer = pool.take()
        if buffer is None:
            return None
        self._uses += 1
        limit = embedder.batch_limit(self._pack.recogniser, self.provider)
        call = _Embed(crop.array, buffer.array, limit)
        norm = await _filled(buffer, self._batcher.run(call))
        assert isinstance(norm, float)
        return buffer, norm

    def _open_models(self) -> None:
        """Read the files, and open the recognisers; each thread opens a detector of its own."""
        model = self._pack.recogniser
        content = self._recogniser or self._pack.read(model)
        shapes = embedder.input_shapes(model, self.provider)
        for _ in range(self._recognisers):
            session = Session(content, label=model.file, provider=self.provider, shapes=shapes)
            self._embedders.put(embedder.Embedder(session, model))
        self._detector = self._pack.read(self._pack.detector)
        if (strong := self._pack.landmarks) is not None:
            content = self._pack.read(strong)
            for _ in range(self._recognisers):
                session = Session(content, label=strong.file, provider=self.provider)
                self._strong.put(finder.Finder(session, strong))

    def _make_worker(self) -> "Callable[[Sequence[_Call]], Sequence[_Result]]":
        assert self._detector is not None
        worker = _Worker(self._pack, self._detector, self.provider, self._embedders, self._strong)
        return functools.partial(self._timed, worker)

    def _timed(self, worker: "_Worker", calls: Sequence[_Call]) -> Sequence[_Result]:
        began_at_s = time.monotonic()
        try:
            return worker(calls)
        finally:
            key = (_KINDS.get(type(calls[0]), "clean"), len(calls))
            self.runs.setdefault(key, Spread()).note(time.monotonic() - began_at_s)


_KINDS: dict[type[object], str] = {
    _Detect: "detect",
    _Align: "align",
    _AlignTurned: "align-turned",
    _Embed: "embed",
    _Search: "search",
}
"""What each call is called among the measures."""


class _Worker:
    """What one inference thread works with: a detector of its own, scratch for crops, and the
    recognisers and strong detectors that all threads share."""

    def __init__(
        self,
        pack: Pack,
        detector: bytes,
        provider: str,
        embedders: SimpleQueue[embedder.Embedder],
        strong: SimpleQueue[finder.Finder],
    ) -> None:
        self._finder = finder.Finder(
            Session(detector, label=pack.detector.file, provider=provider), pack.detector
        )
        self._embedders = embedders
        self._strong = strong
        self._aligner = Aligner(self._finder)

    def __call__(self, calls: Sequence[_Call]) -> Sequence[_Result]:
        """Run a batch of calls that have one batch key, and so are of one kind."""
        if isinstance(calls[0], _Answer):
            return [None] * len(calls)
        detects = [call for call in calls if isinstance(call, _Detect)]
        embeds = [call for call in calls if isinstance(call, _Embed)]
        if detects:
            return self._finder.find([call.planes for call in detects], detects[0].size)
        if embeds:
            with _one_of(self._embedders) as embed:
                return embed.embed([call.crop for call in embeds], [call.out for call in embeds])
        searches = [call for call in calls if isinstance(call, _Search)]
        if searches:
            return _searched(searches)
        for call in calls:
            if isinstance(call, _Align):
                self._aligner.crop(call.planes, call.landmarks, call.out)
            elif isinstance(call, _AlignTurned):
                with _one_of(self._strong) as strong:
                    self._align_turned(call, strong)
            else:
                self._drain(call)
        return [None] * len(calls)

    def _align_turned(self, call: _AlignTurned, strong: finder.Finder) -> None:
        if len(call.outs) == 1:
            self._aligner.crop(call.planes, call.landmarks, call.outs[0], strong)
        else:
            self._aligner.views(call.planes, call.box, call.landmarks, call.outs, strong)

    def _drain(self, call: _Call) -> None:
        if isinstance(call, _Drain):
            self._finder.drain()
        elif isinstance(call, _DrainEmbedder):
            with _one_of(self._embedders) as embed:
                embed.drain()
        elif isinstance(call, _DrainStrong):
            with _one_of(self._strong) as strong:
                strong.drain()


@contextmanager
def _one_of(shared: "SimpleQueue[Shared]") -> Iterator[Shared]:
    """One that is not in use now; the batcher lets in no more callers than there are."""
    mine = shared.get()
    try:
        yield mine
    finally:
        shared.put(mine)


def _searched(calls: Sequence[_Search]) -> list[tuple[Match, ...]]:
    """Together where they are about the same gallery."""
    answers: dict[int, tuple[Match, ...]] = {}
    for gallery in {id(call.gallery): call.gallery for call in calls}.values():
        asked = [number for number, call in enumerate(calls) if call.gallery is gallery]
        probes = np.stack([calls[number].probe for number in asked])
        try:
            found = gallery.search(probes, max(calls[number].k for number in asked))
        finally:
            probes.fill(0.0)
        for number, matches in zip(asked, found, strict=True):
            answers[number] = matches[: calls[number].k]
    return [answers[number] for number in range(len(calls))]


async def _filled(buffer: Buffer[Any], work: Awaitable[_Result]) -> _Result:
    """Await the work that fills a buffer; a buffer that was not filled is released."""
    try:
        return await work
    except BaseException:
        buffer.release()
        raise

"""How many cameras this machine holds, measured with the daemon's own parts.

A camera costs the processor time that a second of its video takes. It is taken while as many
cameras as there are processors are read at full speed, each searched as often in its own time as a
live one: then all processors are busy and share their caches, as they are where cameras are many.
Processor time and not the clock's, so that what else runs on the machine changes little.

What a picture's parts cost is measured apart, each by itself. What remains of a camera's cost is
the event loop, tracking, cutting out, and what parts lose by running beside each other.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lfrd.clock import Clock
from lfrd.counters import CameraCounters
from lfrd.deployment.camera_watch import FRAMES_AHEAD
from lfrd.deployment.pipeline import run_camera
from lfrd.deployment.recorder import Sight
from lfrd.errors import BadInput
from lfrd.ingest.address import of_file
from lfrd.ingest.camera import Camera
from lfrd.ingest.decode_budget import Claim
from lfrd.ingest.file import FileSource
from lfrd.ingest.pacing import UNPACED, CameraPacer, RateController
from lfrd.ingest.settings import CameraSettings
from lfrd.ingest.source import Picture, StreamInfo, Wanted
from lfrd.matching.live_search import LiveSearch, Scope
from lfrd.store.templates import TemplateMatrix
from lfrd.tracking.best_shot import BestShotRule
from lfrd.types import F32, Decision, Detections, Planes
from lfrd.vision.engine import Vision
from lfrd.vision.quality import face_size_px

SAMPLES, SAMPLE_EVERY = 8, 12
"""Pictures that are searched over and over, and how far apart they are taken."""
WARM_UP_S = 1.0
USABLE = 0.75
"""The share of the processors that cameras may take in all. The rest is for candidates, the network
and the API, and for moments in which many people pass; without it all are searched less often."""
DECODING, DETECTION, TEMPLATES, REST = "decoding", "detection", "templates", "everything else"


@dataclass(frozen=True, slots=True)
class Rules:
    """How cameras are looked at, as the configuration has it."""

    target_hz: float
    floor_hz: float
    still_look_s: float
    threshold: float
    best_shot: BestShotRule


PEOPLE_SHARE = 0.2
READING_MS = 0.4
"""Of a processor, to take a picture of a stream from the network and keep it: it cannot be measured
on a file (`benchmarks.load nobody`, less decoding)."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What reading a clip alone takes. `spared_ms`: of each picture where those that no other is
    predicted from may be passed over, as between two searches; `samples` are some of its pictures,
    `fps` the rate that it tells of itself, None where it tells none."""

    decode_ms: float
    spared_ms: float
    width_px: int
    height_px: int
    fps: float | None
    codec: str
    samples: tuple[Planes, ...]


@dataclass(frozen=True, slots=True)
class Looked:
    """What a search takes, and a template; None where the samples show no face that is large
    enough. `faces` a picture, of those."""

    detect_ms: float
    template_ms: float | None
    faces: float


@dataclass(frozen=True, slots=True)
class Load:
    """What was done at full speed: processor seconds and the clock's, for so many pictures."""

    cpu_s: float
    wall_s: float
    pictures: int
    searched: int
    templates: int

    @property
    def ms_a_picture(self) -> float:
        return 1e3 * self.cpu_s / self.pictures

    @property
    def pictures_a_s(self) -> float:
        return self.pictures / self.wall_s


@dataclass(frozen=True, slots=True)
class Cost:
    """What one camera costs, in processors; `parts` of it, and how often it is searched and has a
    template made, each second."""

    processors: float
    searches_hz: float
    templates_hz: float
    parts: dict[str, float] = field(default_factory=dict)

    @property
    def limit(self) -> str:
        """The part that takes the most."""
        return max(self.parts, key=lambda part: self.parts[part])

    def cameras(self, processors: int) -> int:
        """How many fit on so many processors."""
        return fitting(self.processors, processors)


def fitting(each: float, processors: int) -> int:
    """How many cameras that take so many processors `each` fit on all of them."""
    return int(USABLE * processors / each)


def cost_of(load: Load, fps: float, decode_ms: float, looked: Looked) -> Cost:
    """A camera's cost at a rate of pictures, from what was done at full speed."""
    seconds = load.pictures / fps
    searches_hz, templates_hz = load.searched / seconds, load.templates / seconds
    parts = {
        DECODING: decode_ms * fps / 1e3,
        DETECTION: looked.detect_ms * searches_hz / 1e3,
        TEMPLATES: (looked.template_ms or 0.0) * templates_hz / 1e3,
    }
    processors = load.cpu_s / seconds
    parts[REST] = max(0.0, processors - sum(parts.values()))
    return Cost(processors, searches_hz, templates_hz, parts)


def of_two_streams(large: Cost, small_decode_ms: float, fps: float) -> float:
    """The processors of a camera of two streams before which people are PEOPLE_SHARE of the time:
    the large one then, else the small one, decoded and still; and reading both."""
    read = 2 * READING_MS * fps / 1e3
    return read + PEOPLE_SHARE * large.processors + (1 - PEOPLE_SHARE) * small_decode_ms * fps / 1e3


def decode(clip: Path, clock: Clock, seconds: float, period_s: float) -> Decoded:
    """Read a clip over and over for so long, half of the time with what may be passed over between
    searches `period_s` apart. Blocks. Raises SourceError, BadInput for a single picture."""
    whole = _read(clip, clock, seconds / 2, None)
    spared = _read(clip, clock, seconds / 2, period_s)
    first = whole.samples[0]
    info = whole.info
    return Decoded(
        whole.ms, spared.ms, first.width_px, first.height_px,
        info.fps if info else None, info.codec if info else "", tuple(whole.samples),
    )  # fmt: skip


def _read(clip: Path, clock: Clock, seconds: float, period_s: float | None) -> "_Reading":
    reading = _Reading(seconds, period_s)
    FileSource(of_file(clip), clock, loop=True, paced=False).run(reading)
    if reading.length == 1:
        raise BadInput(f"{clip} has a single picture: a camera sends many; give a clip of a second")
    return reading


class _Reading:
    """Counts pictures and keeps some, until its time is over. Implements `source.Sink`."""

    decoding = True
    wanted = Wanted.EVERY
    rest_s = 0.0

    def __init__(self, seconds: float, period_s: float | None) -> None:
        self.period_s = period_s
        self.info: StreamInfo | None = None
        self.samples: list[Planes] = []
        self.length: int | None = None
        """How many pictures the clip has; None before its end."""
        self._pictures = 0
        self._end_s = time.monotonic() + seconds
        self._begun_s = time.process_time()
        self._ended_s = self._begun_s

    @property
    def ms(self) -> float:
        """Processor time for each picture."""
        return 1e3 * (self._ended_s - self._begun_s) / self._pictures

    @property
    def stopping(self) -> bool:
        return time.monotonic() > self._end_s and self._pictures > 1

    def wait(self, seconds: float) -> bool:  # noqa: ARG002 - nothing is paced
        return self.stopping

    def opened(self, info: StreamInfo) -> None:
        if self.info is not None and self.length is None:
            self.length = self._pictures
            if self.length == 1:
                self._end_s = 0.0
        self.info = info

    def packet(self, size_bytes: int, keyframe: bool) -> None:
        """Nothing is done: packets are not pictures."""

    def late(self, late_s: float) -> None:
        """Nothing is done: a file waits."""

    def behind(self, late_s: float) -> None: ...

    def works(self) -> None: ...

    def trouble(self, kind: str) -> None:
        """Nothing is done: what cannot be decoded is no picture."""

    def picture(self, picture: Picture) -> None:
        if len(self.samples) < SAMPLES and self._pictures % SAMPLE_EVERY == 0:
            self.samples.append(picture.planes)
        self._pictures += 1 + picture.passed_over
        self._ended_s = time.process_time()


async def look(vision: Vision, samples: Sequence[Planes], rules: Rules, seconds: float,
               at_once: int) -> Looked:  # fmt: skip
    """Search the samples, and make templates of their faces, half of the time each."""
    smallest_px = rules.best_shot.smallest_inter_eye_px
    found: dict[int, Detections] = {}

    async def detect(number: int) -> None:
        place = number % len(samples)
        found[place] = await vision.detect(samples[place], smallest_inter_eye_px=smallest_px)

    detect_ms = await _each_ms(detect, seconds / 2, at_once)
    faces = [
        (samples[place], landmarks)
        for place, detections in sorted(found.items())
        for landmarks in detections.landmarks
        if face_size_px(landmarks) >= smallest_px
    ]
    if not faces:
        return Looked(detect_ms, None, 0.0)

    async def embed(number: int) -> None:
        crop = await vision.align(*faces[number % len(faces)])
        if crop is None:
            return
        try:
            probe = await vision.embed(crop)
        finally:
            crop.release()
        if probe is not None:
            probe.release()

    template_ms = await _each_ms(embed, seconds / 2, at_once)
    return Looked(detect_ms, template_ms, len(faces) / len(found))


async def _each_ms(work: Callable[[int], Awaitable[None]], seconds: float, at_once: int) -> float:
    """Processor time of one of many, so many of them under way together."""
    done = 0

    async def repeat(first: int) -> None:
        nonlocal done
        number = first
        while time.monotonic() < end_s:
            await work(number)
            number += at_once
            done += 1

    await asyncio.gather(*(work(number) for number in range(at_once)))  # memory is taken once
    end_s, begun_s = time.monotonic() + seconds, time.process_time()
    await asyncio.gather(*(repeat(number) for number in range(at_once)))
    return 1e3 * (time.process_time() - begun_s) / done


async def run_at_full_speed(
    vision: Vision, clip: Path, clock: Clock, rules: Rules, seconds: float,
    hz: float | None, cameras: int,
) -> Load:  # fmt: skip
    """Cameras that show the clip over and over, each searched `hz` times a second of its own time;
    None: every picture. Raises SourceError, FacesLeft by way of its task group."""
    rate = None if hz is None else RateController(hz, hz)
    stop = asyncio.Event()
    running = [_Running(f"camera-{number}") for number in range(cameras)]
    with _one_listed(vision, rules) as search:
        async with asyncio.TaskGroup() as tasks:
            for camera in running:
                tasks.create_task(camera.run(vision, clip, clock, rules, search, rate, stop))
            await asyncio.sleep(WARM_UP_S)
            before, begun_s, cpu_s = _counted(running), time.monotonic(), time.process_time()
            await asyncio.sleep(seconds)
            after = _counted(running)
            wall_s, cpu_s = time.monotonic() - begun_s, time.process_time() - cpu_s
            stop.set()
    pictures, searched, templates = (now - then for now, then in zip(after, before, strict=True))
    return Load(cpu_s, wall_s, max(1, pictures), searched, templates)


@dataclass(slots=True)
class _Running:
    """One camera of a clip, and what it counted."""

    camera_id: str
    counters: CameraCounters = field(default_factory=CameraCounters)

    async def run(
        self, vision: Vision, clip: Path, clock: Clock, rules: Rules, search: LiveSearch,
        rate: RateController | None, stop: asyncio.Event,
    ) -> None:  # fmt: skip
        """Until `stop`."""
        pacer: CameraPacer | None = None
        if rate is not None:  # with a claim of its own: nothing is left undecoded
            pacer = CameraPacer(rate, self.camera_id, rules.still_look_s, claim=Claim())
        settings = CameraSettings(
            self.camera_id, of_file(clip), loop=True, paced=False, every_frame=True, must_open=True
        )
        async with (  # the camera is left first, and its frames end
            asyncio.TaskGroup() as tasks,
            Camera(settings, clock, self.counters, pacer=pacer) as camera,
        ):
            tasks.create_task(
                run_camera(
                    self.camera_id, camera.frames, self.counters, vision=vision, search=search,
                    decisions=_NoDecisions(), best_shot=rules.best_shot,
                    pacer=pacer or UNPACED,
                    frames_ahead=FRAMES_AHEAD if rate is None else 1,
                )
            )  # fmt: skip
            await stop.wait()


def _counted(cameras: Sequence[_Running]) -> tuple[int, int, int]:
    counters = [camera.counters for camera in cameras]
    return (
        sum(one.frames_decoded for one in counters),
        sum(one.frames_detected for one in counters),
        sum(one.templates_made for one in counters),
    )


class _NoDecisions:
    """Where decisions go: there are none about a list whose one template is of no face."""

    async def record(self, camera_id: str, decision: Decision, sight: Sight) -> None:
        """Nothing is kept."""

    def track_ended(self, camera_id: str, track_id: int) -> None:
        """Nothing was kept of it."""


@contextmanager
def _one_listed(vision: Vision, rules: Rules) -> Iterator[LiveSearch]:
    """A list of one, whose template is of no face: faces are compared, and none is
    raised."""
    vector: F32 = np.random.default_rng(1).normal(size=vision.dim).astype(np.float32)
    vector /= np.linalg.norm(vector)
    search = LiveSearch("capacity", vision.model_digest, vision.dim, rules.threshold)
    matrix = TemplateMatrix(
        vision.model_digest, ("template",), ("entry",), ("person",), ("list",), vector[None]
    )
    search.fill(matrix, {}, Scope(frozenset({"list"})))
    try:
        yield search
    finally:
        search.close()

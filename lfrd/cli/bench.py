"""`lfrd bench [CLIP]`: how many cameras this machine holds, measured in less than a minute."""

import asyncio
import json
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lfrd import __version__
from lfrd.cli.temporary import INTERRUPTED, stop_on_signals
from lfrd.cli.terminal import redraw, say
from lfrd.clock import Clock, SystemClock
from lfrd.config import Config
from lfrd.demo.clip import Shape, cutouts, write_as_camera, write_resized
from lfrd.errors import BadInput
from lfrd.evaluate import capacity
from lfrd.evaluate.capacity import Cost, Decoded, Load, Looked, Rules
from lfrd.ingest.file import why_unreadable
from lfrd.process import processor_name, share_heaps, usable_cores
from lfrd.tracking.best_shot import BestShotRule
from lfrd.vision import packs
from lfrd.vision.engine import Vision
from lfrd.vision.providers import Settled, settle

SIZES = {
    "360p": (640, 360), "480p": (848, 480), "720p": (1280, 720), "1080p": (1920, 1080),
    "1440p": (2560, 1440), "2160p": (3840, 2160), "4k": (3840, 2160),
}  # fmt: skip
USUAL, SMALL, USUAL_FPS = (1920, 1080), (640, 360), 25.0
LEAST_SIDE_PX, MOST_SIDE_PX = 64, 7680
MADE_S = 8.0
"""So much of a clip is made, and shown over and over."""
RUNS = 5
"""Measurements at full speed, each of which warms up first."""
BUSY_ELSEWHERE = 0.75
"""Of the processors, where less could be used at full speed something else uses them."""
MEMORY = "/dev/shm"  # noqa: S108 - a folder in memory is what is wanted
"""Where clips are made, if it is there: people's own show faces."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for. Without a clip the one of the demo is made; without size and rate a clip
    is measured as it is."""

    clip: Path | None
    size: str | None
    fps: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One kind of camera: what its video is, and what it costs at the target and at the floor."""

    shape: Shape
    decoded: Decoded
    looked: Looked
    target: Cost
    floor: Cost
    used: float
    """The share of the processors that could be used."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured: every picture searched, a camera such as was asked for, and a small one;
    `notes` are sentences for people."""

    every: Load
    large: Measured
    small: Measured
    notes: tuple[str, ...]

    @property
    def cameras(self) -> tuple[Measured, Measured]:
        return self.large, self.small

    @property
    def of_two_streams(self) -> float:
        """The processors of a camera that sends the large picture and the small one."""
        decode_ms = self.small.decoded.decode_ms
        return capacity.of_two_streams(self.large.target, decode_ms, self.large.shape.fps)


@dataclass(frozen=True, slots=True)
class Bench:
    """The figures, and what they are of."""

    clip: str
    settled: Settled
    pack: str
    processors: int
    rules: Rules
    figures: Figures


async def run(wanted: Wanted, config: Config, *, as_json: bool) -> int:
    """Measure, and print. Raises UserError before anything is measured where it can be known."""
    size = None if wanted.size is None else size_of(wanted.size)
    if wanted.clip is not None:
        _check_clip(wanted.clip)
    stopped = stop_on_signals()
    try:
        found = await _measure(wanted, size, config)
    except asyncio.CancelledError:
        if stopped.is_set():
            return INTERRUPTED
        raise
    say(json.dumps(as_dict(found)) if as_json else text(found))
    return 0


def size_of(given: str) -> tuple[int, int]:
    """Width and height, of `1080p` or `1920x1080`. Raises BadInput."""
    if given.lower() in SIZES:
        return SIZES[given.lower()]
    sides = re.fullmatch(r"(\d{2,4})x(\d{2,4})", given)
    if sides is None:
        raise BadInput(f"a size is one of {', '.join(SIZES)}, or WIDTHxHEIGHT, such as 1920x1080")
    width, height = int(sides[1]), int(sides[2])
    if not LEAST_SIDE_PX <= min(width, height) <= max(width, height) <= MOST_SIDE_PX:
        raise BadInput(f"the sides of a size are {LEAST_SIDE_PX} to {MOST_SIDE_PX} pixels")
    return width // 2 * 2, height // 2 * 2


def _check_clip(clip: Path) -> None:
    if ":/" in str(clip) and not clip.exists():  # an address may hold a password: it is not said
        raise BadInput(
            "bench reads a video file: record some seconds of the stream, and give those"
        )
    if (fault := why_unreadable(clip)) is not None:
        raise BadInput(f"{clip} {fault}")


async def _measure(wanted: Wanted, size: tuple[int, int] | None, config: Config) -> Bench:
    share_heaps()
    cache_dir = config.models.cache_dir or packs.default_cache_dir()
    pack = packs.info(config.models.pack, cache_dir)
    processors = usable_cores()
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="lfrd-bench-", dir=memory) as folder:
        async with _steps() as steps:
            steps.next("choosing what the models run on")
            settled = await asyncio.to_thread(settle, config.models.provider, pack, cache_dir)
            vision = Vision(
                pack, threads=config.models.threads or processors, provider=settled.provider,
                recogniser=settled.recogniser,
            )  # fmt: skip
            async with vision:
                meter = _Meter(vision, rules_of(config), wanted, processors, Path(folder), steps)
                figures = await meter.measure(size)
    clip = "made of the demo's people" if wanted.clip is None else str(wanted.clip)
    return Bench(clip, settled, pack.name, processors, meter.rules, figures)


def rules_of(config: Config) -> Rules:
    """How the configuration looks at cameras."""
    look, matching = config.detection, config.matching
    best_shot = BestShotRule(
        smallest_inter_eye_px=look.smallest_inter_eye_px,
        max_yaw_deg=matching.max_yaw_deg,
        max_looks=matching.max_looks,
    )
    return Rules(look.target_hz, look.floor_hz, look.still_look_s, matching.threshold, best_shot)


class _Steps:
    """Tells on standard error what is being measured."""

    def __init__(self) -> None:
        self._number = 0

    def next(self, what: str) -> None:
        self._number += 1
        redraw(f"{self._number} of {STEPS}: {what} ...")


STEPS = 12


@asynccontextmanager
async def _steps() -> AsyncIterator[_Steps]:
    try:
        yield _Steps()
    finally:
        if sys.stderr is not None and sys.stderr.isatty():
            redraw("")


class _Meter:
    """Measures one kind of camera after the other."""

    def __init__(
        self, vision: Vision, rules: Rules, wanted: Wanted, processors: int, folder: Path,
        steps: _Steps,
    ) -> None:  # fmt: skip
        self.rules = rules
        self._vision = vision
        self._wanted = wanted
        self._processors = processors
        self._folder = folder
        self._steps = steps
        self._clock: Clock = SystemClock()
        self._unit_s = (wanted.seconds - RUNS * capacity.WARM_UP_S) / 27

    async def measure(self, size: tuple[int, int] | None) -> Figures:
        """Everything; the clip is as it is, or made."""
        clip, notes = await self._prepared(size)
        decoded = await self._decode(clip, "", 2)
        fps = decoded.fps
        if fps is None:
            fps = USUAL_FPS
            notes.append(f"{clip} does not tell its rate: {fps:g} pictures a second are assumed")
        shape = Shape(decoded.width_px, decoded.height_px, fps)
        looked = await self._look(decoded, "", 3)
        if looked.template_ms is None:
            notes.append(
                "the clip shows no face that is large enough: templates are not measured, and a "
                "camera with people costs more"
            )
        self._steps.next("every picture searched")
        every = await capacity.run_at_full_speed(
            self._vision, clip, self._clock, self.rules, 4 * self._unit_s, None, 1
        )
        large = await self._camera(clip, shape, decoded, looked, 5)
        small = await self._small(clip, shape)
        if min(large.used, small.used) < BUSY_ELSEWHERE:
            notes.append(
                "other programs took a part of the processors: on an idle machine there are more "
                "pictures a second; the cameras that fit are those of an idle one"
            )
        return Figures(every, large, small, tuple(notes))

    async def _small(self, clip: Path, shape: Shape) -> Measured:
        """The same of a small camera that shows the same."""
        self._steps.next("making a small clip of the same")
        small = Shape(*_as_many_pixels(SMALL, shape), shape.fps)
        small_clip = self._folder / "small.mp4"
        await asyncio.to_thread(write_resized, clip, small_clip, small, MADE_S)
        decoded = await self._decode(small_clip, "small: ", 1.5)
        looked = await self._look(decoded, "small: ", 1.5)
        return await self._camera(small_clip, small, decoded, looked, 4)

    async def _prepared(self, size: tuple[int, int] | None) -> tuple[Path, list[str]]:
        """The clip to measure, and what is to be known of it."""
        clip, fps = self._wanted.clip, self._wanted.fps
        target = self._folder / "clip.mp4"
        if clip is None:
            self._steps.next("making a clip of people who pass")
            shape = Shape(*(size or USUAL), fps or USUAL_FPS)
            people = await cutouts(self._vision)
            await asyncio.to_thread(write_as_camera, target, people, shape, MADE_S)
            return target, []
        self._steps.next("reading the clip")
        if size is None and fps is None:
            return clip, []
        as_is = await asyncio.to_thread(
            capacity.decode, clip, self._clock, 1.0, 1 / self.rules.target_hz
        )
        own = Shape(as_is.width_px, as_is.height_px, as_is.fps or USUAL_FPS)
        width, height = (
            (own.width_px, own.height_px) if size is None else _as_many_pixels(size, own)
        )
        shape = Shape(width, height, fps or own.fps)
        if shape == own:
            return clip, []
        await asyncio.to_thread(write_resized, clip, target, shape, MADE_S)
        made = f"{width}x{height} at {shape.fps:g} a second"
        return target, [f"the first seconds of the clip were made into {made}, as H.264"]

    async def _decode(self, clip: Path, which: str, units: float) -> Decoded:
        self._steps.next(f"{which}decoding")
        return await asyncio.to_thread(
            capacity.decode, clip, self._clock, units * self._unit_s, 1 / self.rules.target_hz
        )

    async def _look(self, decoded: Decoded, which: str, units: float) -> Looked:
        self._steps.next(f"{which}detection and templates")
        return await capacity.look(
            self._vision, decoded.samples, self.rules, units * self._unit_s, self._processors
        )

    async def _camera(
        self, clip: Path, shape: Shape, decoded: Decoded, looked: Looked, units: float
    ) -> Measured:
        """What a camera costs that is searched as often as can be, and as rarely as may be."""
        named = f"{shape.width_px}x{shape.height_px}"
        costs, used = [], 0.0
        for hz, share in ((self.rules.target_hz, 0.6), (self.rules.floor_hz, 0.4)):
            self._steps.next(f"cameras of {named}, searched {hz:g} times a second")
            load = await capacity.run_at_full_speed(
                self._vision, clip, self._clock, self.rules, 2 * share * units * self._unit_s, hz,
                self._processors,
            )  # fmt: skip
            used = max(used, load.cpu_s / load.wall_s / self._processors)
            costs.append(capacity.cost_of(load, shape.fps, decoded.spared_ms, looked))
        return Measured(shape, decoded, looked, costs[0], costs[1], used)


def _as_many_pixels(size: tuple[int, int], own: Shape) -> tuple[int, int]:
    """A size of as many pixels, in the shape of the clip: no face is squeezed."""
    scale = (size[0] * size[1] / (own.width_px * own.height_px)) ** 0.5
    return (
        max(LEAST_SIDE_PX, 2 * round(own.width_px * scale / 2)),
        max(LEAST_SIDE_PX, 2 * round(own.height_px * scale / 2)),
    )


def as_dict(found: Bench) -> dict[str, Any]:
    """The contract of `--json` (docs/api.md)."""
    every, large = found.figures.every, found.figures.large
    return {
        "lfrd": __version__,
        "processor": processor_name(),
        "processors": found.processors,
        "pack": found.pack,
        "provider": found.settled.provider,
        "provider_why": found.settled.why,
        "clip": found.clip,
        "every_picture": {
            "pictures_a_s": round(every.pictures_a_s, 1),
            "ms": round(every.ms_a_picture, 2),
            "decoding_ms": round(large.decoded.decode_ms, 2),
            "detection_ms": round(large.looked.detect_ms, 2),
            "template_ms": _rounded(large.looked.template_ms, 2),
            "templates_a_picture": round(every.templates / every.pictures, 3),
        },
        "cameras": [_camera_dict(camera, found) for camera in found.figures.cameras],
        "two_streams": {
            "people_share": capacity.PEOPLE_SHARE,
            "cameras": capacity.fitting(found.figures.of_two_streams, found.processors),
            "processors_a_camera": round(found.figures.of_two_streams, 4),
        },
        "notes": list(found.figures.notes),
    }


def _camera_dict(camera: Measured, found: Bench) -> dict[str, Any]:
    return {
        "width_px": camera.shape.width_px,
        "height_px": camera.shape.height_px,
        "fps": round(camera.shape.fps, 3),
        "faces_a_picture": round(camera.looked.faces, 2),
        "target": _cost_dict(camera.target, found.rules.target_hz, found.processors),
        "floor": _cost_dict(camera.floor, found.rules.floor_hz, found.processors),
    }


def _cost_dict(cost: Cost, hz: float, processors: int) -> dict[str, Any]:
    return {
        "rate_hz": hz,
        "cameras": cost.cameras(processors),
        "processors_a_camera": round(cost.processors, 4),
        "searches_a_s": round(cost.searches_hz, 2),
        "templates_a_s": round(cost.templates_hz, 2),
        "limit": cost.limit,
        "parts": {part: round(share, 4) for part, share in cost.parts.items()},
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def text(found: Bench) -> str:
    """The same for people."""
    every, large = found.figures.every, found.figures.large
    count = f"{found.processors} processor{'s' if found.processors > 1 else ''}"
    each = large.looked.template_ms
    template = "not measured" if each is None else (
        f"{every.templates * each / every.pictures:.1f} "
        f"({every.templates / every.pictures:.2f} of {each:.1f} ms)"
    )  # fmt: skip
    rows = [
        ("machine", f"{count}, {processor_name()}"),
        ("models", f"{found.pack} on {found.settled.provider}: {found.settled.why}"),
        ("clip", f"{found.clip}, {_shape_text(large.shape)}, {large.shape.fps:g} pictures a "
                 f"second, {large.looked.faces:.1f} faces a picture that are large enough"),
        ("every picture", f"{every.pictures_a_s:.0f} pictures a second are searched at full speed"),
        ("", f"each takes {every.ms_a_picture:.1f} ms of a processor: decoding "
             f"{large.decoded.decode_ms:.1f}, detection {large.looked.detect_ms:.1f}, templates "
             f"{template}, the rest around it"),
    ]  # fmt: skip
    for camera in found.figures.cameras:
        rows += _camera_rows(camera, found)
    rows.append(_two_streams_row(found))
    rows += [("note", note) for note in found.figures.notes]
    return "\n".join(f"{name:>14}  {words}" for name, words in rows)


def _camera_rows(camera: Measured, found: Bench) -> list[tuple[str, str]]:
    target, rules = camera.target, found.rules
    fit, at_floor = (cost.cameras(found.processors) for cost in (target, camera.floor))
    shares = ", ".join(f"{part} {share / target.processors:.0%}"
                       for part, share in target.parts.items())  # fmt: skip
    rows = [
        (_shape_text(camera.shape),
         f"{fit} camera{'' if fit == 1 else 's'} at {camera.shape.fps:g} pictures a second, each "
         f"searched {rules.target_hz:g} times a second; {at_floor} at {rules.floor_hz:g} times"),
        ("", f"each takes {target.processors:.2f} processors, limited by {target.limit}: {shares}"),
    ]  # fmt: skip
    if camera.looked.template_ms is None and found.figures.large.looked.template_ms is not None:
        rows.append(("", "its faces are too small to be compared: templates cost nothing"))
    return rows


def _two_streams_row(found: Bench) -> tuple[str, str]:
    each = found.figures.of_two_streams
    large, small = (_shape_text(camera.shape) for camera in found.figures.cameras)
    fit = capacity.fitting(each, found.processors)
    return "two streams", (
        f"{fit} camera{'' if fit == 1 else 's'} that send{'s' if fit == 1 else ''} {small} to look "
        f"at and {large} to compare, with people before each {capacity.PEOPLE_SHARE:.0%} of the "
        f"time: each takes {each:.2f} processors"
    )


def _shape_text(shape: Shape) -> str:
    return f"{shape.width_px}x{shape.height_px}"

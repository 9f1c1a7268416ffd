"""`provider = "cuda"` beside the CPU of the same machine: same faces, frames a second, memory.

    python -m benchmarks.cuda CLIP [--models CACHE] [--provider cuda] [--only NAME ...]

Each set of options runs in a process of its own, so that a crash or a missing library ends that set
only and its memory is its own. Then the clip is decoded with `hwaccel = "cuda"` beside software.
`--provider cpu` compares the CPU with itself: a test of this script on a machine without a GPU.
"""

import argparse
import asyncio
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import media
from benchmarks.report import Figure, Report
from lfrd.clock import SystemClock
from lfrd.ingest.container import Opening, Reading
from lfrd.ingest.pictures import planes_of
from lfrd.ingest.source import Picture, Wanted
from lfrd.process import usable_cores
from lfrd.types import CROP_SIDE_PX, F32, U8, Detections, Planes
from lfrd.vision import embedder, finder, session
from lfrd.vision.aligner import Aligner
from lfrd.vision.detector import choose_size
from lfrd.vision.embedder import Embedder
from lfrd.vision.engine import SMALLEST_INTER_EYE_PX, Vision
from lfrd.vision.finder import Finder
from lfrd.vision.packs import DEFAULT_PACK, Pack, default_cache_dir, load
from lfrd.vision.providers import settle
from lfrd.vision.session import Session

LEAST_COSINE, LEAST_FOUND, LEAST_OVERLAP = 0.995, 0.995, 0.5
FRAMES, EVERY = 24, 4
STAGE_S, SETTLE_S, VISION_S, IN_FLIGHT = 0.3, 0.7, 2.0, 32
FRAME_BATCHES, FACE_BATCHES = (1, 2, 4, 8, 16), (1, 4, 8, 16, 32)

_CHOSEN = session.CUDA_OPTIONS
VARIANTS: dict[str, dict[str, str]] = {
    "chosen": dict(_CHOSEN),
    "exhaustive": _CHOSEN | {"cudnn_conv_algo_search": "EXHAUSTIVE"},
    "tf32": _CHOSEN | {"use_tf32": "1"},
    "fp16": dict(_CHOSEN),
    "nhwc": _CHOSEN | {"prefer_nhwc": "1"},
    "doubling": _CHOSEN | {"arena_extend_strategy": "kNextPowerOfTwo"},
    "small-workspace": _CHOSEN | {"cudnn_conv_use_max_workspace": "0"},
    "default-search": _CHOSEN | {"cudnn_conv_algo_search": "DEFAULT"},
}
"""Options of the provider that are compared; "fp16" runs models whose numbers have 16 bits."""

Values = dict[str, float]


def main() -> int:
    """Run it; the exit code is 1 where a bar was missed or a set did not run."""
    arguments = _arguments()
    if arguments.child:
        return _child(arguments)
    report = Report("cuda")
    until_s = time.monotonic() + arguments.limit_s
    with tempfile.TemporaryDirectory() as folder:
        reference = Path(folder) / "cpu.npz"
        cpu = _spawn(arguments, "cpu", "cpu", reference, until_s)
        _show(report, "cpu", cpu)
        if cpu is None:
            return 1
        for name in arguments.only or VARIANTS:
            if time.monotonic() > until_s:
                print(f"{name}: left out, the time is up", flush=True)
                continue
            values = _spawn(arguments, name, arguments.provider, reference, until_s)
            _show(report, name, values)
            if name == "chosen":
                _judge(report, cpu, values)
    report.add(*_decoding(arguments.clip))
    return report.finish(keep=arguments.provider == "cuda")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clip", type=Path, help="a clip that shows faces")
    parser.add_argument("--models", type=Path, default=default_cache_dir(), metavar="CACHE")
    parser.add_argument("--provider", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--only", nargs="+", choices=VARIANTS, metavar="NAME", help="such options")
    parser.add_argument("--limit-s", type=float, default=100.0, help="begin nothing new after it")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    return parser.parse_args()


def _spawn(
    arguments: argparse.Namespace, name: str, provider: str, reference: Path, until_s: float
) -> Values | None:
    """The figures of one set of options, measured in a process of its own; None where it failed."""
    command = [
        sys.executable, "-m", "benchmarks.cuda", str(arguments.clip),
        "--models", str(arguments.models), "--child", name, provider, str(reference),
    ]  # fmt: skip
    limit_s = max(45.0, min(60.0, until_s - time.monotonic()))
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        print(f"{name}: not done after {limit_s:.0f} s", flush=True)
        return None
    if done.returncode:
        print(f"{name}: failed ({done.returncode})\n{done.stderr[-1500:]}", flush=True)
        return None
    values: Values = json.loads(done.stdout.splitlines()[-1])
    return values


def _show(report: Report, name: str, values: Values | None) -> None:
    if values is None:
        report.add(Figure(f"{name}: ran", 0, at_least=1 if name in ("cpu", "chosen") else None))
        return
    report.add(*(Figure(f"{name}: {what}", round(value, 5)) for what, value in values.items()))


def _judge(report: Report, cpu: Values, values: Values | None) -> None:
    if values is None:
        return
    best = max(value for what, value in values.items() if "frames/s, " in what)
    beside = max(value for what, value in cpu.items() if "frames/s, " in what)
    report.add(
        Figure("templates of the same crops, cosine p1", values["cosine p1, same crops"],
               at_least=LEAST_COSINE),
        Figure("templates of the same frames, cosine p1", values["cosine p1, own faces"],
               at_least=LEAST_COSINE),
        Figure("faces of the CPU that are found", values["found of the CPU's"],
               at_least=LEAST_FOUND),
        Figure("faces found, of the CPU's number", values["faces"] / cpu["faces"],
               at_least=LEAST_FOUND, at_most=2 - LEAST_FOUND),
        Figure("frames a second, times the CPU's", round(best / beside, 2), at_least=1.0),
    )  # fmt: skip


# one set of options, in a process of its own --------------------------------------------------


def _child(arguments: argparse.Namespace) -> int:
    name, provider, reference = arguments.child
    if provider == "cuda":
        options = VARIANTS[name]
        session.CUDA_OPTIONS.clear()
        session.CUDA_OPTIONS.update(options)
    before_mib = _device_mib()
    work = _Work(load(DEFAULT_PACK, arguments.models), provider, sixteen_bits=name == "fp16")
    frames = _frames(arguments.clip)
    values = dict(work.opened)
    values |= _compared(work, frames, Path(reference), writes=name == "cpu")
    values |= _stages(work, frames)
    values |= asyncio.run(_throughputs(work, frames, thorough=name in ("cpu", "chosen")))
    if name == "chosen":
        begun_s = time.perf_counter()
        with tempfile.TemporaryDirectory() as cache:
            settle(provider, work.pack, Path(cache))
        values["s to settle the provider"] = time.perf_counter() - begun_s
    if before_mib is not None:
        values["MiB of the device"] = (_device_mib() or 0) - before_mib
    print(json.dumps(values))
    return 0


def _frames(clip: Path) -> list[Planes]:
    chosen = itertools.islice(media.pictures(clip), 0, FRAMES * EVERY, EVERY)
    return [planes_of(picture) for picture in chosen]


class _Work:
    """Both models on one provider, and how long they took to open and to run first."""

    def __init__(self, pack: Pack, provider: str, *, sixteen_bits: bool) -> None:
        self.pack, self.provider = pack, provider
        contents = [pack.read(pack.detector), pack.read(pack.recogniser)]
        if sixteen_bits:
            contents = [_sixteen_bits(content) for content in contents]
        self.detector, self.recogniser = contents
        self.opened: Values = {}
        sessions = []
        for what, content in (("detector", contents[0]), ("recogniser", contents[1])):
            begun_s = time.perf_counter()
            sessions.append(Session(content, label=what, provider=provider))
            self.opened[f"s to open the {what}"] = time.perf_counter() - begun_s
        self.finder = Finder(sessions[0], pack.detector)
        self.embedder = Embedder(sessions[1], pack.recogniser)
        self.aligner = Aligner(self.finder)

    def find(self, pictures: Sequence[Planes]) -> list[Detections]:
        """Faces of pictures of one size."""
        size = choose_size(pictures[0].width_px, pictures[0].height_px, SMALLEST_INTER_EYE_PX)
        return [found.detections for found in self.finder.find(pictures, size)]

    def crops(self, planes: Planes, found: Detections) -> list[U8]:
        """The faces of a picture, aligned."""
        outs = [np.zeros((CROP_SIDE_PX, CROP_SIDE_PX, 3), np.uint8) for _ in found.landmarks]
        for landmarks, out in zip(found.landmarks, outs, strict=True):
            self.aligner.crop(planes, landmarks, out)
        return outs

    def templates(self, crops: Sequence[U8], at_once: int) -> F32:
        """f32[n, D] of the crops."""
        outs = np.zeros((len(crops), self.pack.recogniser.dim), np.float32)
        for first in range(0, len(crops), at_once):
            self.embedder.embed(crops[first : first + at_once], list(outs[first : first + at_once]))
        return outs


def _sixteen_bits(content: bytes) -> bytes:
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = convert_float_to_float16(onnx.load_model_from_string(content), keep_io_types=True)
    return bytes(model.SerializeToString())


def _compared(work: _Work, frames: Sequence[Planes], path: Path, *, writes: bool) -> Values:
    """Faces and templates beside those that the CPU's process left, or leave them."""
    limit = embedder.batch_limit(work.pack.recogniser, work.provider)
    found = [work.find([planes])[0] for planes in frames]
    crops = [work.crops(planes, faces) for planes, faces in zip(frames, found, strict=True)]
    own = [work.templates(each, limit) for each in crops]
    values = {"faces": float(sum(map(len, found)))}
    if writes:
        kept = {"crops": np.concatenate([np.array(each) for each in crops if each])}
        for index, (faces, templates) in enumerate(zip(found, own, strict=True)):
            kept |= {f"boxes{index}": faces.boxes, f"templates{index}": templates}
        np.savez(path, allow_pickle=False, **kept)
        return values
    expected = np.load(path)
    theirs = np.concatenate([expected[f"templates{index}"] for index in range(len(frames))])
    same = work.templates(list(expected["crops"]), limit)
    values["cosine p1, same crops"] = float(np.percentile((same * theirs).sum(axis=1), 1))
    cosines: list[float] = []
    for index, (faces, templates) in enumerate(zip(found, own, strict=True)):
        boxes, known = expected[f"boxes{index}"], expected[f"templates{index}"]
        for box, template in zip(boxes, known, strict=True):
            overlaps = [_overlap(box, other) for other in faces.boxes]
            if overlaps and max(overlaps) >= LEAST_OVERLAP:
                cosines.append(float(template @ templates[int(np.argmax(overlaps))]))
    values["found of the CPU's"] = len(cosines) / len(theirs)
    values["cosine p1, own faces"] = float(np.percentile(cosines, 1)) if cosines else 0.0
    return values


def _overlap(one: F32, other: F32) -> float:
    """Intersection over union of two boxes."""
    sides = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None)
    both = float(np.prod(sides))
    return both / float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - both)


def _stages(work: _Work, frames: Sequence[Planes]) -> Values:
    """Milliseconds of the first run of a batch size, and how many a second then."""
    values: Values = {}
    limit = finder.batch_limit(work.pack.detector, work.provider)
    found = work.find(frames[:1])[0]
    for batch in (size for size in FRAME_BATCHES if size <= limit):
        first_ms, a_second = _timed(lambda: work.find(frames[:batch]), batch)  # noqa: B023
        values[f"ms, first detect of {batch}"] = first_ms
        values[f"frames/s detected by {batch}"] = a_second
    faces = len(found)
    _, a_second = _timed(lambda: work.crops(frames[0], found), faces)
    values["faces/s aligned"] = a_second
    crops = (work.crops(frames[0], found) * 32)[:32]
    limit = embedder.batch_limit(work.pack.recogniser, work.provider)
    for batch in (size for size in FACE_BATCHES if size <= limit):
        first_ms, a_second = _timed(lambda: work.templates(crops[:batch], batch), batch)  # noqa: B023
        values[f"ms, first embed of {batch}"] = first_ms
        values[f"faces/s embedded by {batch}"] = a_second
    return values


def _timed(work: Callable[[], object], count: int) -> tuple[float, float]:
    """Milliseconds of the first run, and how many of `count` a run are done a second."""
    begun_s = time.perf_counter()
    work()
    first_ms = 1e3 * (time.perf_counter() - begun_s)
    begun_s, runs = time.perf_counter(), 0
    while time.perf_counter() - begun_s < STAGE_S:
        work()
        runs += 1
    return first_ms, runs * count / (time.perf_counter() - begun_s)


async def _throughputs(work: _Work, frames: Sequence[Planes], *, thorough: bool) -> Values:
    """Frames a second through detect, align and embed, as the daemon runs them."""
    cores = usable_cores()
    threads = {cores} if work.provider == "cpu" else {1, 2, 4, 8, cores} if thorough else {4}
    return {
        f"frames/s, {count} threads": await _throughput(work, frames, count)
        for count in sorted(threads)
        if count <= cores
    }


async def _throughput(work: _Work, frames: Sequence[Planes], threads: int) -> float:
    begun_s, until_s, done = 0.0, float("inf"), 0
    async with Vision(
        work.pack, threads=threads, provider=work.provider, recogniser=work.recogniser,
        pool_size=1024,
    ) as vision:  # fmt: skip

        async def keep_on(numbers: Iterator[int]) -> None:
            nonlocal done
            while time.monotonic() < until_s:
                await _seen(vision, frames[next(numbers) % len(frames)])
                done += begun_s < time.monotonic() < until_s

        await asyncio.gather(*(_seen(vision, planes) for planes in frames))  # every batch size once
        begun_s = time.monotonic() + SETTLE_S
        until_s = begun_s + VISION_S
        numbers = itertools.count()
        await asyncio.gather(*(keep_on(numbers) for _ in range(IN_FLIGHT)))
    return done / VISION_S


async def _seen(vision: Vision, planes: Planes) -> None:
    faces = await vision.detect(planes)
    await asyncio.gather(*(_embedded(vision, planes, marks) for marks in faces.landmarks))


async def _embedded(vision: Vision, planes: Planes, landmarks: F32) -> None:
    crop = await vision.align(planes, landmarks)
    assert crop is not None, "the pool is smaller than what is in flight"
    try:
        probe = await vision.embed(crop)
    finally:
        crop.release()
    assert probe is not None
    probe.release()


def _device_mib() -> int | None:
    """Memory of the device that is in use, by anyone; None without one."""
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
        return int(done.stdout.split()[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


# decoding -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Sink:
    """Wants every picture."""

    stopping: bool = False
    decoding: bool = True
    wanted: Wanted = Wanted.EVERY
    period_s: float | None = None
    rest_s: float = 0.0

    def late(self, late_s: float) -> None: ...

    def behind(self, late_s: float) -> None: ...

    def works(self) -> None: ...

    def wait(self, seconds: float) -> bool:
        return seconds < 0

    def opened(self, info: Any) -> None: ...
    def packet(self, size_bytes: int, keyframe: bool) -> None: ...
    def picture(self, picture: Picture) -> None: ...
    def trouble(self, kind: str) -> None:
        print(f"decode: {kind}", flush=True)


def _decoding(clip: Path) -> Iterator[Figure]:
    """Both decoders: processor time and frames a second, and whether their pictures are alike."""
    first: dict[str, U8] = {}
    for wanted in (None, "cuda"):
        name = f"decode, hwaccel {wanted or 'none'}"
        try:
            begun_s, used_s = time.perf_counter(), time.process_time()
            reading = Reading(Opening(str(clip), clip.name, {}, hwaccel=wanted, pausable=True))
            opened_s = time.perf_counter() - begun_s
            count = 0
            begun_s, used_s = time.perf_counter(), time.process_time()
            for picture in reading.pictures(_Sink(), SystemClock()):
                luma = picture.planes.y
                if count == 0:
                    first[wanted or "software"] = luma.copy()
                count += 1
            taken_s = time.perf_counter() - begun_s
            yield Figure(f"{name}: cpu", round(1e3 * (time.process_time() - used_s) / count, 3),
                         "ms/frame", note=reading.decoder)  # fmt: skip
            yield Figure(f"{name}: speed", round(count / taken_s, 1), "frames/s")
            yield Figure(f"{name}: to open", round(opened_s, 3), "s")
            reading.close()
        except Exception as error:  # whatever it is, the other figures shall be written
            print(f"{name}: {type(error).__name__}: {error}", flush=True)
            yield Figure(f"{name}: ran", 0, note=f"{type(error).__name__}: {error}"[:200])
    if len(first) == 2:
        apart = np.abs(first["software"].astype(np.int16) - first["cuda"].astype(np.int16))
        yield Figure("decode: brightness apart, of 255", float(apart.mean()), at_most=1.0)


if __name__ == "__main__":
    sys.exit(main())

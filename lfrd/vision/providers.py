"""Which execution provider really runs: measured, checked against the CPU, and remembered.

A provider that computes with fewer bits is used only after its faces and templates of a known
photo were found to be those of the CPU's f32. Where several may be used the fastest is taken. The
outcome is kept in the cache, keyed by everything that it depends on. Nothing falls back silently:
a provider that cannot be had or gives other results ends the start with a sentence.

On processors that multiply bytes the CPU has two kinds: f32, and a recogniser in eight bits that is
made here (see `quantise`), taken where it is faster and its templates are near enough. It is tried
beside OpenVINO too, which without AMX is often the slower of the two.
"""

import contextlib
import hashlib
import importlib.metadata
import json
import logging
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from lfrd.errors import InferenceFailed, ModelError
from lfrd.types import CROP_SIDE_PX, F32, U8, Detections, Planes
from lfrd.vision.aligner import Aligner
from lfrd.vision.detector import choose_size, fit_size
from lfrd.vision.embedder import Embedder, input_shapes
from lfrd.vision.engine import Vision
from lfrd.vision.finder import Finder
from lfrd.vision.packs import Pack
from lfrd.vision.planes import planes_from_rgb
from lfrd.vision.quality import inter_eye_px
from lfrd.vision.quantise import BYTE_PRODUCTS, QUANTISED_VERSION, quantised, variants
from lfrd.vision.session import Session

log = logging.getLogger(__name__)

CHECK_VERSION = 2
LEAST_COSINE = 0.999
"""Between a template and the same template of the CPU."""
LANDMARK_SHIFT = 0.05
"""How far landmarks may lie from the CPU's, on average, in distances between the eyes."""
INT8 = "cpu-int8"
INT8_LOW_COSINE, INT8_MEDIAN_COSINE = 0.98, 0.995
"""Between templates in eight bits and in f32, of hard variants of one face: the first percentile
and the median at least. They are harder than photos of people: the default recogniser has 0.990 and
0.997 here, and 0.9974 and 0.9985 on photos (docs/decisions/0009)."""
CALIBRATION_CROPS, CHECK_CROPS = 60, 100
LEAST_INTER_EYE_PX = 24.0
_RUNS = 7


@dataclass(frozen=True, slots=True)
class Trial:
    """One provider on the known photo: milliseconds for a frame and a face, and how near to the
    CPU its templates are."""

    provider: str
    ms: float
    cosine: float


@dataclass(frozen=True, slots=True)
class Settled:
    """What runs. `recogniser`: the model to open in place of the pack's, where that is another.
    `why` it runs, as half a sentence for people."""

    provider: str
    recogniser: bytes | None = None
    why: str = field(default="", compare=False)


def settle(wanted: str, pack: Pack, cache_dir: Path) -> Settled:
    """What to open sessions with: `wanted` itself, or the fastest kind of it.

    Raises InferenceFailed where it cannot be had or its results are not the CPU's.
    """
    if wanted == "cpu-f32":
        return Settled("cpu", why="the configuration asks for it")
    if wanted == "cpu" and not _multiplies_bytes():
        return Settled("cpu", why="this processor has no instructions for eight bits (AVX2)")
    kinds = _kinds(wanted)
    kept = _Kept(cache_dir / "providers", _key(wanted, kinds, pack))
    if (known := kept.read()) is not None:
        return known
    trials, rounded = _trials(kinds, pack)
    best = min(trials, key=lambda trial: trial.ms)
    log.info(
        "models run on %s: %.1f ms for a frame and a face, templates within %.5f of the CPU's",
        best.provider, best.ms, 1 - best.cosine,
    )  # fmt: skip
    why = _why(trials, [kind for kind in kinds if kind not in {one.provider for one in trials}])
    settled = Settled(best.provider, rounded if best.provider == INT8 else None, why)
    kept.write(settled)
    return settled


def remembered(wanted: str, pack: Pack, cache_dir: Path) -> Settled | None:
    """What `settle` would say, where it needs no measuring; None where it does."""
    if wanted == "cpu-f32" or (wanted == "cpu" and not _multiplies_bytes()):
        return settle(wanted, pack, cache_dir)
    return _Kept(cache_dir / "providers", _key(wanted, _kinds(wanted), pack)).read()


def vision(pack: Pack, wanted: str, cache_dir: Path, *, threads: int) -> Vision:
    """The pack's models on what `settle` says of `wanted`; not open yet."""
    settled = settle(wanted, pack, cache_dir)
    return Vision(pack, threads=threads, provider=settled.provider, recogniser=settled.recogniser)


@dataclass(frozen=True, slots=True)
class _Kept:
    """The outcome on disk: a line of JSON, and beside it the recogniser where one was made."""

    folder: Path
    key: str

    @property
    def _model_path(self) -> Path:
        return self.folder / f"{self.key}.onnx"

    @property
    def _path(self) -> Path:
        return self.folder / f"{self.key}.json"

    def read(self) -> Settled | None:
        """None where nothing is kept, or the model is not the one that was written."""
        try:
            kept = json.loads(self._path.read_text())
            provider, digest = str(kept["provider"]), kept.get("sha256")
            why = str(kept.get("why", "it was the fastest with the same faces at the first start"))
            model = None if digest is None else self._model_path.read_bytes()
        except (OSError, ValueError, KeyError, AttributeError):
            return None
        if model is not None and hashlib.sha256(model).hexdigest() != digest:
            log.warning("%s is not the model that was made; it is made again", self._model_path)
            return None
        return Settled(provider, model, why)

    def write(self, settled: Settled) -> None:
        """Whole or not at all; a cache that cannot be written costs time at each start."""
        kept = {"provider": settled.provider, "why": settled.why}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if settled.recogniser is not None:
                kept["sha256"] = hashlib.sha256(settled.recogniser).hexdigest()
                _replace(self._model_path, settled.recogniser)
            _replace(self._path, json.dumps(kept).encode())
        except OSError as error:
            log.warning("%s cannot be written (%s): providers are tried at each start",
                        self.folder, error.strerror)  # fmt: skip


def _replace(path: Path, content: bytes) -> None:
    with tempfile.TemporaryDirectory(prefix=".new-", dir=path.parent) as folder:
        fresh = Path(folder) / path.name
        fresh.write_bytes(content)
        fresh.replace(path)


def _kinds(wanted: str) -> tuple[str, ...]:
    if wanted == "cpu":
        return ("cpu", INT8)
    if wanted != "openvino":
        return (wanted,)
    from lfrd.vision import openvino

    bf16 = ("openvino-bf16",) if openvino.can_bf16() else ()
    return ("openvino-f32", *bf16, *((INT8,) if _multiplies_bytes() else ()))


def _key(wanted: str, kinds: Sequence[str], pack: Pack) -> str:
    versions = (CHECK_VERSION, QUANTISED_VERSION, _runtime_version(wanted))
    parts = [*map(str, versions), wanted, *kinds, pack.detector.sha256, pack.recogniser.sha256]
    parts.append(_processor())
    if wanted.startswith("openvino"):
        from lfrd.vision import openvino

        parts.append(openvino.version())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _runtime_version(wanted: str) -> str:
    """The package that holds the module: beside `onnxruntime-gpu` the other need not be there."""
    for package in ("onnxruntime-gpu", "onnxruntime") if wanted == "cuda" else ("onnxruntime",):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(package)
    return "unknown"


def _trials(kinds: Sequence[str], pack: Pack) -> tuple[list[Trial], bytes | None]:
    """Those of `kinds` that give the CPU's results, at least one, and the recogniser in eight bits
    where one was made. Raises InferenceFailed."""
    photo = _known_photo()
    reference = _Runner("cpu", pack)
    faces = reference.faces(photo)
    crop = reference.crop(photo, faces)
    crops = (crop, *variants(crop, CHECK_CROPS, seed=2))
    rounded = _rounded(pack, crop) if INT8 in kinds else None
    passed, why = [], ""
    for kind in kinds:
        if kind == INT8 and rounded is None:
            continue
        runner = _Runner(kind, pack, rounded if kind == INT8 else None)
        shift = _shift(faces, runner.faces(photo))
        cosine, near = _alike(reference, runner, crops)
        if shift <= LANDMARK_SHIFT and near:
            passed.append(Trial(kind, runner.time_ms(photo, crop), cosine))
        else:
            why = f"{kind} differs from the CPU (landmarks by {shift:.3f}, cosine {cosine:.5f})"
            log.warning("%s", why)
    if not passed:
        raise InferenceFailed(f"provider refused: {why}; choose another one in [models]")
    return passed, rounded


def _why(trials: Sequence[Trial], refused: Sequence[str]) -> str:
    """The milliseconds of each kind that was tried, and which ones were not taken."""
    by_time = sorted(trials, key=lambda trial: trial.ms)
    taken = ", ".join(f"{trial.provider} {trial.ms:.1f} ms" for trial in by_time)
    others = f"; {', '.join(refused)} gives other faces or cannot be had" if refused else ""
    return f"for a frame and a face {taken}{others}"


def _rounded(pack: Pack, crop: U8) -> bytes | None:
    """The recogniser in eight bits; None where it gains nothing, or cannot be made."""
    log.info("making a recogniser in eight bits, once")
    try:
        return quantised(pack.read(pack.recogniser), variants(crop, CALIBRATION_CROPS, seed=1))
    except Exception as error:  # whatever onnxruntime does not like in a foreign graph
        log.warning("no recogniser in eight bits of pack %s (%s: %s); f32 runs", pack.name,
                    type(error).__name__, str(error).partition("\n")[0])  # fmt: skip
        return None


def _alike(reference: "_Runner", runner: "_Runner", crops: Sequence[U8]) -> tuple[float, bool]:
    """The median cosine between the templates of two, and whether they are near enough: of the
    first crop, of all where the recogniser is in eight bits."""
    if runner.rounded:
        low_least, median_least = INT8_LOW_COSINE, INT8_MEDIAN_COSINE
    else:
        low_least, median_least, crops = LEAST_COSINE, LEAST_COSINE, crops[:1]
    cosines = [float(reference.template(crop) @ runner.template(crop)) for crop in crops]
    low, median = np.percentile(cosines, [1, 50])
    return float(median), bool(low >= low_least and median >= median_least)


class _Runner:
    """Both models of a pack on one provider."""

    def __init__(self, provider: str, pack: Pack, recogniser: bytes | None = None) -> None:
        found, known = pack.detector, pack.recogniser
        self.rounded = recogniser is not None
        self._fixed = found.fixed_size
        self._finder = Finder(Session(pack.read(found), label=found.file, provider=provider), found)
        self._embedder = Embedder(
            Session(
                recogniser or pack.read(known),
                label=known.file,
                provider=provider,
                shapes=input_shapes(known, provider),
            ),
            known,
        )
        self._dim = known.dim

    def faces(self, photo: Planes) -> Detections:
        """Faces of the photo."""
        size = (photo.width_px, photo.height_px)
        chosen = fit_size(*size, self._fixed) if self._fixed else choose_size(
            *size, LEAST_INTER_EYE_PX)  # fmt: skip
        return self._finder.find([photo], chosen)[0].detections

    def crop(self, photo: Planes, faces: Detections) -> U8:
        """The largest face, aligned."""
        out = np.zeros((CROP_SIDE_PX, CROP_SIDE_PX, 3), np.uint8)
        Aligner(self._finder).crop(photo, faces.landmarks[0], out)
        return out

    def template(self, crop: U8) -> F32:
        """Of one crop."""
        out = np.zeros(self._dim, np.float32)
        self._embedder.embed([crop], [out])
        return out

    def time_ms(self, photo: Planes, crop: U8) -> float:
        """The least time for a frame and a face: what else the machine does only adds to it."""
        taken = []
        for _ in range(_RUNS):
            begun_s = time.perf_counter()
            self.faces(photo)
            self.template(crop)
            taken.append(time.perf_counter() - begun_s)
        return 1e3 * min(taken)


def _shift(expected: Detections, found: Detections) -> float:
    """Mean distance of the landmarks in distances between the eyes; infinite for other faces."""
    if not len(expected) or len(expected) != len(found):
        return float("inf")
    gaps = np.linalg.norm(expected.landmarks - found.landmarks, axis=2).mean(axis=1)
    sizes = np.array([inter_eye_px(points) for points in expected.landmarks])
    return float((gaps / sizes).max())


def _known_photo() -> Planes:
    """An astronaut (Eileen Collins, by NASA, public domain; as scikit-image hands it on)."""
    path = Path(__file__).with_name("astronaut.png")
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ModelError(f"the photo {path}, which checks providers, cannot be read")
    return planes_from_rgb(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8))


def _multiplies_bytes() -> bool:
    return bool(BYTE_PRODUCTS & set(_processor().split()))


def _processor() -> str:
    """What the kernels depend on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown"
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags"))}))

"""Which execution provider really runs: measured, checked against the CPU, and remembered.

A provider that computes with fewer bits is used only after its faces and templates of a known
photo were found to be those of the CPU's f32. Where several may be used the fastest is taken. The
outcome is kept in the cache, keyed by everything that it depends on. Nothing falls back silently:
a provider that cannot be had or gives other results ends the start with a sentence.
"""

import hashlib
import importlib.util
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from lfrd.errors import InferenceFailed, ModelError
from lfrd.types import CROP_SIDE_PX, F32, U8, Detections, Planes
from lfrd.vision.aligner import Aligner
from lfrd.vision.detector import choose_size, fit_size
from lfrd.vision.embedder import Embedder, input_shapes
from lfrd.vision.finder import Finder
from lfrd.vision.packs import Pack
from lfrd.vision.planes import planes_from_rgb
from lfrd.vision.quality import inter_eye_px
from lfrd.vision.session import Session

log = logging.getLogger(__name__)

CHECK_VERSION = 1
LEAST_COSINE = 0.999
"""Between a template and the same template of the CPU."""
LANDMARK_SHIFT = 0.05
"""How far landmarks may lie from the CPU's, on average, in distances between the eyes."""
LEAST_INTER_EYE_PX = 24.0
_RUNS = 7


@dataclass(frozen=True, slots=True)
class Trial:
    """One provider on the known photo: milliseconds for a frame and a face, and how near to the
    CPU its templates are."""

    provider: str
    ms: float
    cosine: float


def settle(wanted: str, pack: Pack, cache_dir: Path) -> str:
    """The provider to open sessions with: `wanted` itself, or the fastest kind of it.

    Raises InferenceFailed where it cannot be had or its results are not the CPU's.
    """
    if wanted == "cpu":
        return wanted
    kinds = _kinds(wanted)
    path = cache_dir / "providers" / f"{_key(wanted, kinds, pack)}.json"
    if path.is_file():
        return str(json.loads(path.read_text())["provider"])
    best = min(_trials(kinds, pack), key=lambda trial: trial.ms)
    log.info(
        "models run on %s: %.1f ms for a frame and a face, templates within %.5f of the CPU's",
        best.provider, best.ms, 1 - best.cosine,
    )  # fmt: skip
    _keep(path, best.provider)
    return best.provider


def _kinds(wanted: str) -> tuple[str, ...]:
    if wanted != "openvino":
        return (wanted,)
    from lfrd.vision import openvino

    return ("openvino-f32", "openvino-bf16") if openvino.can_bf16() else ("openvino-f32",)


def _key(wanted: str, kinds: Sequence[str], pack: Pack) -> str:
    parts = [str(CHECK_VERSION), wanted, *kinds, pack.detector.sha256, pack.recogniser.sha256]
    parts.append(_processor())
    if wanted.startswith("openvino"):
        from lfrd.vision import openvino

        parts.append(openvino.version())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _keep(path: Path, provider: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"provider": provider}))
    except OSError as error:
        log.warning("%s cannot be written (%s): providers are tried at each start", path,
                    error.strerror)  # fmt: skip


def _trials(kinds: Sequence[str], pack: Pack) -> list[Trial]:
    """Those of `kinds` that give the CPU's results; at least one. Raises InferenceFailed."""
    photo = _known_photo()
    reference = _Runner("cpu", pack)
    faces = reference.faces(photo)
    crop = reference.crop(photo, faces)
    template = reference.template(crop)
    passed, why = [], ""
    for kind in kinds:
        runner = _Runner(kind, pack)
        shift = _shift(faces, runner.faces(photo))
        cosine = float(template @ runner.template(crop))
        if shift <= LANDMARK_SHIFT and cosine >= LEAST_COSINE:
            passed.append(Trial(kind, runner.time_ms(photo, crop), cosine))
        else:
            why = f"{kind} differs from the CPU (landmarks by {shift:.3f}, cosine {cosine:.5f})"
            log.warning("%s", why)
    if not passed:
        raise InferenceFailed(f"provider refused: {why}; choose another one in [models]")
    return passed


class _Runner:
    """Both models of a pack on one provider."""

    def __init__(self, provider: str, pack: Pack) -> None:
        found, known = pack.detector, pack.recogniser
        self._fixed = found.fixed_size
        self._finder = Finder(Session(pack.read(found), label=found.file, provider=provider), found)
        self._embedder = Embedder(
            Session(
                pack.read(known),
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
        """Typical time for a frame and a face."""
        taken = []
        for _ in range(_RUNS):
            begun_s = time.perf_counter()
            self.faces(photo)
            self.template(crop)
            taken.append(time.perf_counter() - begun_s)
        return 1e3 * float(np.median(taken))


def _shift(expected: Detections, found: Detections) -> float:
    """Mean distance of the landmarks in distances between the eyes; infinite for other faces."""
    if not len(expected) or len(expected) != len(found):
        return float("inf")
    gaps = np.linalg.norm(expected.landmarks - found.landmarks, axis=2).mean(axis=1)
    sizes = np.array([inter_eye_px(points) for points in expected.landmarks])
    return float((gaps / sizes).max())


def _known_photo() -> Planes:
    """The astronaut that scikit-image carries (NASA, public domain)."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise ModelError("the package scikit-image, whose photo checks providers, is missing")
    path = Path(spec.submodule_search_locations[0]) / "data" / "astronaut.png"
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ModelError(f"the photo {path}, which checks providers, cannot be read")
    return planes_from_rgb(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8))


def _processor() -> str:
    """What the kernels depend on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown"
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags"))}))

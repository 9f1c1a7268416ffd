"""Install packs in insightface's form: SCRFD with landmarks and an ArcFace-style recogniser.

The only file that imports insightface, and only to install: it says which file plays which part
and how its input is normalised. What it says is written into the pack's manifest, and at run time
the pack needs onnxruntime alone. Models that guess age or sex are never taken over.
"""

import contextlib
import hashlib
import importlib
import importlib.util
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, TypedDict

import numpy as np

from lfrd.errors import InferenceFailed, ModelError
from lfrd.types import CROP_SIDE_PX, Colour
from lfrd.vision import embedder, finder
from lfrd.vision.detector import choose_size, fit_size
from lfrd.vision.graph import LEVELS, from_pixels, levels_joined
from lfrd.vision.packs import (
    DEFAULT_PACK,
    PACK_NAME,
    DetectorFile,
    Manifest,
    ModelFile,
    Pack,
    RecogniserFile,
    publish,
)
from lfrd.vision.planes import planes_from_rgb
from lfrd.vision.session import Session

LICENCE = (
    "insightface's models may be used for non-commercial research only, unless you hold a licence "
    "from insightface for another use (https://www.insightface.ai)"
)

_TRIAL_SIDE_PX = 320
_SCRFD_OUTPUTS = 3 * LEVELS
"""Scores, boxes and landmarks."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A file of the source, the same for pictures as they are, and what insightface calls it."""

    path: Path
    source: bytes
    content: bytes
    session: Session
    task: str
    mean: float
    std: float


def install(source: str, cache_dir: Path, *, accept_licence: bool, name: str | None) -> Pack:
    """Install from a directory of ONNX files, or download the pack that is published as `source`.

    Raises ModelError: licence not accepted, nothing there, a file that is damaged or does not fit,
    or a pack of this name that holds other files.
    """
    if not accept_licence:
        raise ModelError(f"{LICENCE}. Nothing was installed: accept these terms to install it")
    pack_name = name or re.sub(r"[^a-z0-9_.-]", "-", Path(source).resolve().name.lower())
    if pack_name.startswith(DEFAULT_PACK):
        raise ModelError(f"the name {DEFAULT_PACK} belongs to the default pack; choose another")
    with _source_folder(source) as folder:
        candidates = _candidates(folder)
        detector = _detector(_only(candidates, "detection", source))
        recogniser = _recogniser(_only(candidates, "recognition", source))

    def fill(target: Path) -> Manifest:
        files: list[ModelFile] = [detector, recogniser]
        for candidate in candidates:
            if candidate.path.name in {model.file for model in files}:
                (target / candidate.path.name).write_bytes(candidate.content)
        notes = (f"Installed from {source}. {LICENCE}.",)
        return Manifest(
            version=2, name=pack_name, detector=detector, recogniser=recogniser, notes=notes
        )

    return publish(pack_name, cache_dir, fill)


@contextlib.contextmanager
def _source_folder(source: str) -> Iterator[Path]:
    """The directory that is meant, or a temporary one with the published pack in it."""
    if Path(source).is_dir():
        yield Path(source)
        return
    if not PACK_NAME.fullmatch(source):
        raise ModelError(f"there is no directory {source}, and it is no name of a published pack")
    with _scikit_image_later():
        from insightface.utils import storage

    with tempfile.TemporaryDirectory(prefix="lfrd-models-") as temporary:
        try:
            with contextlib.redirect_stdout(sys.stderr):  # it prints its progress
                yield Path(storage.download("models", source, root=temporary))
        except ModelError:
            raise
        except Exception as error:  # whatever its downloader and the network bring
            raise ModelError(
                f"the pack {source} could not be downloaded ({type(error).__name__}); check the "
                "name and the network, or give a directory that holds the files"
            ) from error


def _similarity_transform(*args: Any, **keywords: Any) -> Any:
    """scikit-image's class of this name, imported when one is made.

    Raises ModuleNotFoundError where there is no scikit-image.
    """
    return importlib.import_module("skimage.transform").SimilarityTransform(*args, **keywords)


@contextlib.contextmanager
def _scikit_image_later() -> Iterator[None]:
    """Meanwhile insightface can be imported where there is no scikit-image.

    That would bring SciPy: 144 MB for one class, of an alignment that nothing here calls. Nothing
    that is installed is shadowed, and afterwards `skimage` is missing as before.
    """
    if importlib.util.find_spec("skimage") is not None:
        yield
        return
    package, transform = ModuleType("skimage"), ModuleType("skimage.transform")
    vars(transform)["SimilarityTransform"] = _similarity_transform
    vars(package)["transform"] = transform
    instead = {module.__name__: module for module in (package, transform)}
    before = {name: sys.modules[name] for name in instead if name in sys.modules}
    sys.modules.update(instead)
    try:
        yield
    finally:
        for name in instead:
            del sys.modules[name]
        sys.modules.update(before)


def _candidates(folder: Path) -> list[_Candidate]:
    with _scikit_image_later():
        from insightface import model_zoo

    found = []
    for path in sorted(folder.rglob("*.onnx")):
        source = path.read_bytes()
        session = Session(source, label=path.name)  # says plainly what is wrong with a bad file
        model = _routed(model_zoo, path, session)
        if model is not None:
            mean, std = float(model.input_mean), float(model.input_std)
            content = from_pixels(source, mean=mean, std=std)
            if model.taskname == "detection":
                content = levels_joined(content)
            opened = Session(content, label=path.name)
            found.append(_Candidate(path, source, content, opened, str(model.taskname), mean, std))
    return found


def _routed(model_zoo: Any, path: Path, session: Session) -> Any | None:
    """What insightface takes the file for; None where it is no face detector or recogniser."""
    shape = session.inputs[0].shape
    if len(shape) != 4 or shape[1] != 3:
        return None
    try:
        model = model_zoo.get_model(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # it raises what it happens to meet in a foreign graph
        raise ModelError(f"{path.name} is no model that insightface knows how to use") from error
    if getattr(model, "taskname", None) == "detection":
        return model if model.use_kps and len(session.outputs) == _SCRFD_OUTPUTS else None
    if getattr(model, "taskname", None) == "recognition":
        return model if shape[2:] == (CROP_SIDE_PX, CROP_SIDE_PX) else None
    return None


def _only(candidates: list[_Candidate], task: str, source: str) -> _Candidate:
    wanted = {
        "detection": "SCRFD detector with landmarks",
        "recognition": f"recogniser of {CROP_SIDE_PX} x {CROP_SIDE_PX} crops",
    }[task]
    found = [candidate for candidate in candidates if candidate.task == task]
    if not found:
        raise ModelError(f"{source} holds no {wanted}")
    if len(found) > 1:
        names = ", ".join(candidate.path.name for candidate in found)
        raise ModelError(f"{source} holds more than one {wanted} ({names}); leave one there")
    return found[0]


def _detector(candidate: _Candidate) -> DetectorFile:
    """The manifest's entry for a detector, which is tried on a blank picture first."""
    batch, height, width, _ = candidate.session.inputs[0].shape
    without_batch_axis = any(len(output.shape) != 3 for output in candidate.session.outputs)
    model = DetectorFile(
        **_common(candidate),
        fixed_batch=batch is not None or without_batch_axis,
        family="scrfd",
        fixed_size=(width, height) if width is not None and height is not None else None,
    )
    blank = planes_from_rgb(np.zeros((_TRIAL_SIDE_PX, _TRIAL_SIDE_PX, 3), np.uint8))
    sides = (_TRIAL_SIDE_PX, _TRIAL_SIDE_PX)
    size = fit_size(*sides, model.fixed_size) if model.fixed_size else choose_size(*sides, 24)

    def trial(tried: DetectorFile, count: int) -> None:
        finder.Finder(candidate.session, tried, count).find([blank] * count, size)

    trial(replace(model, fixed_batch=True), 1)
    if not model.fixed_batch and not _works(lambda: trial(model, 2)):
        return replace(model, fixed_batch=True)
    return model


def _recogniser(candidate: _Candidate) -> RecogniserFile:
    """The manifest's entry for a recogniser, which is tried on a blank crop first."""
    outputs = candidate.session.outputs
    dim = outputs[0].shape[-1] if outputs[0].shape else None
    if len(outputs) != 1 or len(outputs[0].shape) != 2 or dim is None:
        raise ModelError(f"{candidate.path.name} does not give one vector of a fixed length")
    model = RecogniserFile(
        **_common(candidate), fixed_batch=candidate.session.inputs[0].shape[0] is not None, dim=dim
    )
    crop = np.full((CROP_SIDE_PX, CROP_SIDE_PX, 3), 127, np.uint8)
    templates = np.zeros((2, dim), np.float32)

    def trial(tried: RecogniserFile, count: int) -> None:
        tries = embedder.Embedder(candidate.session, tried, count)
        tries.embed([crop] * count, list(templates[:count]))

    trial(replace(model, fixed_batch=True), 1)
    if not np.isfinite(templates[0]).all():
        raise ModelError(f"{candidate.path.name} gives no finite vector")
    if not model.fixed_batch and not _works(lambda: trial(model, 2)):
        return replace(model, fixed_batch=True)
    return model


def _works(trial: Callable[[], None]) -> bool:
    try:
        trial()
    except InferenceFailed:
        return False
    return True


class _Common(TypedDict):
    """The fields that both files fill alike."""

    file: str
    sha256: str
    source: str
    source_sha256: str
    licence: str
    converter: int
    colour: Colour
    mean: float
    std: float


def _common(candidate: _Candidate) -> _Common:
    return _Common(
        file=candidate.path.name,
        sha256=hashlib.sha256(candidate.content).hexdigest(),
        source=f"{candidate.path.name}, read as insightface reads it",
        source_sha256=hashlib.sha256(candidate.source).hexdigest(),
        licence=LICENCE,
        converter=0,
        colour="rgb",  # insightface swaps its BGR pictures before every model
        mean=candidate.mean,
        std=candidate.std,
    )

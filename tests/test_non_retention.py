"""Strangers leave no trace: a witness finds faces while a deployment runs and none after it."""

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from memory_reader import COSINE, Faces, Witness, look_before
from retention_trial import run_trial

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
    "one row": FACES.crops[2][8],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shift", [0, 4])
def test_the_witness_sees_a_crop_in_every_form(form: str, shift: int, tmp_path: Path) -> None:
    odd = 3 if form.startswith(("u8", "one")) else 0
    data = bytes(64 + shift + odd) + np.ascontiguousarray(FORMS[form]).tobytes() + bytes(64)
    (tmp_path / "file").write_bytes(data)
    assert WITNESS.search_folder(tmp_path).crops >= 1


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


def shortened(clip: Path, target: Path, frames: int) -> Path:
    """The first pictures of a clip, as they are."""
    with av.open(str(clip)) as source, av.open(str(target), "w") as short:
        video = source.streams.video[0]
        stream = short.add_stream_from_template(video)
        packets = (packet for packet in source.demux(video) if packet.dts is not None)
        for packet in itertools.islice(packets, frames):
            packet.stream = stream
            short.mux(packet)
    return target


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

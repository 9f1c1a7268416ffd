"""A scene shows one person: another detector and a recogniser find nobody else in it."""

import asyncio
import shutil
from pathlib import Path

import av
import numpy as np
import pytest

from lfrd.types import F32, Planes
from lfrd.vision import packs
from lfrd.vision.engine import Vision
from lfrd.vision.picture import AROUND, CELLS_ACROSS, SCENE_SIDE_PX, decoded, jpeg, png, scene
from lfrd.vision.planes import planes_from_rgb
from support.photos import SIX_FACES, photo_planes, plain_sface

BOX = np.array([100, 80, 140, 130], np.float32)
NOBODY = np.zeros((0, 4), np.float32)


def noise(width: int, height: int, seed: int = 3) -> Planes:
    rng = np.random.default_rng(seed)
    return planes_from_rgb(rng.integers(0, 256, (height, width, 3), np.uint8))


def test_outside_the_box_there_are_only_cells() -> None:
    rgb = scene(noise(640, 360), BOX, NOBODY)
    assert rgb.shape == (360, 640, 3)
    assert max(len(np.unique(row, axis=0)) for row in rgb[200:]) <= CELLS_ACROSS
    inside = rgb[80:130, 100:140].reshape(-1, 3)
    assert len(np.unique(inside, axis=0)) > 500, "the candidate is shown as seen"


def test_what_changes_one_pixel_elsewhere_changes_at_most_one_cell() -> None:
    planes = noise(640, 360)
    before = scene(planes, BOX, NOBODY)
    planes.y[250, 500] = 255 - planes.y[250, 500]
    changed = (scene(planes, BOX, NOBODY) != before).any(axis=2)
    assert not changed[:200].any()
    assert len(np.unique(np.argwhere(changed)[:, 1] // (640 // CELLS_ACROSS))) <= 1


def test_a_large_face_has_at_most_eight_cells() -> None:
    large = np.array([20, 10, 620, 350], np.float32)
    rgb = scene(noise(640, 360), BOX, np.stack([large, large]))
    assert max(len(np.unique(row, axis=0)) for row in rgb[200:]) <= 9


def test_others_inside_the_box_are_painted_over() -> None:
    other = np.array([[128, 70, 175, 140]], np.float32)
    rgb = scene(noise(640, 360), BOX, other)
    assert len(np.unique(rgb[90:125, 132:142].reshape(-1, 3), axis=0)) == 1


@pytest.mark.parametrize("size", [(1920, 1080), (641, 363), (64, 48), (360, 640)])
@pytest.mark.parametrize("at", [(-30, -30), (0.9, 0.9), (0.3, 0.5)])
def test_any_frame_and_place_will_do(size: tuple[int, int], at: tuple[float, float]) -> None:
    left, top = (where if where < 0 else where * side for where, side in zip(at, size, strict=True))
    box = np.array([left, top, left + 40, top + 50], np.float32)
    rgb = scene(noise(*size), box, NOBODY)
    assert max(rgb.shape[:2]) == min(SCENE_SIDE_PX, max(size))


def test_an_image_file_is_read_as_it_was_written() -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (112, 112, 3), np.uint8)
    assert np.array_equal(decoded(png(rgb)), rgb)


# --- with another detector, at the full size of the scene


@pytest.fixture
async def other_pack(shared: Path, tmp_path: Path) -> packs.Pack:
    return await asyncio.to_thread(install_other, shared, tmp_path)


def install_other(shared: Path, tmp_path: Path) -> packs.Pack:
    folder = tmp_path / "other"
    folder.mkdir()
    shutil.copy(shared / "models" / "scrfd_500m_kps.onnx", folder)
    (folder / "sface.onnx").write_bytes(plain_sface())
    return packs.install(str(folder), tmp_path / "cache", accept_licence=True)


def first_frame(clip: Path) -> Planes:
    with av.open(str(clip)) as container:
        frame = next(container.decode(video=0))
        return planes_from_rgb(np.ascontiguousarray(frame.to_ndarray(format="rgb24")))


async def templates(vision: Vision, planes: Planes, landmarks: F32) -> F32:
    found = []
    for points in landmarks:
        crop = await vision.align(planes, points)
        assert crop is not None
        probe = await vision.embed(crop)
        assert probe is not None
        found.append(probe.array.copy())
        probe.release()
        crop.release()
    return np.stack(found)


def centre_inside(box: F32, region: F32) -> bool:
    x, y = (box[:2] + box[2:]) / 2
    return bool(region[0] <= x <= region[2] and region[1] <= y <= region[3])


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("picture", ["six faces", "crowd"])
async def test_another_detector_and_a_recogniser_find_nobody_else(
    picture: str, shared: Path, other_pack: packs.Pack
) -> None:
    if picture == "crowd":
        planes = await asyncio.to_thread(first_frame, shared / "media" / "crowd" / "video.mp4")
    else:
        planes = photo_planes(SIX_FACES)
    async with Vision(other_pack, threads=1) as vision:
        faces = await vision.detect(planes)
        assert len(faces) >= 4, "the control: it finds them in the frame"
        known = await templates(vision, planes, faces.landmarks)
        for index, box in enumerate(faces.boxes):
            shown = decoded(jpeg(scene(planes, box, np.delete(faces.boxes, index, 0))))
            small = planes_from_rgb(np.ascontiguousarray(shown))
            scale = small.width_px / planes.width_px
            size = (box[2:] - box[:2]) * (AROUND - 1) / 2
            region = np.concatenate([box[:2] - size, box[2:] + size]) * scale
            found = await vision.detect(small)
            for landmarks, there in zip(found.landmarks, found.boxes, strict=True):
                assert centre_inside(there, region), f"a face outside the candidate's box {index}"
                seen = (await templates(vision, small, landmarks[None]))[0]
                others = np.delete(known, index, 0)
                assert float((others @ seen).max()) < 0.45

"""The face of a photo is found upright however the photo lies, and once however large it is."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from lfrd.errors import BadInput
from lfrd.lists.enrolment import EnrolledPhoto, enrol
from lfrd.lists.photo_face import find_faces, find_subject, in_box, largest
from lfrd.vision import packs
from lfrd.vision.engine import Vision
from lfrd.vision.picture import decoded
from support.photos import ASTRONAUT, SIX_FACES, photo_rgb


@pytest_asyncio.fixture
async def vision(pack: packs.Pack) -> AsyncIterator[Vision]:
    async with Vision(pack, threads=1) as vision:
        yield vision


def astronaut() -> Image.Image:
    return Image.fromarray(photo_rgb(ASTRONAUT))


def face_alone(side_px: int) -> Image.Image:
    """The astronaut's face from brow to chin, and nothing else."""
    return astronaut().crop((178, 62, 272, 166)).resize((side_px, side_px * 104 // 94))


async def enrolled(vision: Vision, image: Image.Image, kind: str = "BMP") -> EnrolledPhoto:
    out = io.BytesIO()
    image.save(out, kind)
    return await enrol(out.getvalue(), vision, name="x")


def alike(one: EnrolledPhoto, other: EnrolledPhoto) -> float:
    return float(one.template.vector @ other.template.vector)


@pytest.mark.parametrize("turned_deg", [90, 180, 270])
async def test_a_photo_that_lies_is_turned_upright_and_it_is_said(
    vision: Vision, turned_deg: int
) -> None:
    upright = await enrolled(vision, astronaut().crop((0, 0, 500, 400)))
    lying = await enrolled(
        vision, astronaut().crop((0, 0, 500, 400)).rotate(turned_deg, expand=True)
    )
    assert upright.turned_deg == 0
    assert lying.turned_deg == turned_deg, "Pillow turns against the clock, we turn back with it"
    assert alike(lying, upright) > 0.98
    assert (lying.width_px, lying.height_px) == (500, 400)
    shown, meant = decoded(lying.portrait), decoded(upright.portrait)
    assert shown.shape == meant.shape
    assert np.abs(shown.astype(int) - meant).mean() < 3, "people see it upright too"


@pytest.mark.parametrize("roll_deg", [-25, -15, 15, 25])
async def test_a_head_that_is_held_askew_is_no_photo_that_lies(
    vision: Vision, roll_deg: int
) -> None:
    upright = await enrolled(vision, astronaut())
    askew = await enrolled(vision, astronaut().rotate(roll_deg, Image.Resampling.BICUBIC))
    assert askew.turned_deg == 0
    assert alike(askew, upright) > 0.8


async def test_boxes_are_said_and_taken_in_the_photo_as_it_was_given(vision: Vision) -> None:
    upright = photo_rgb(SIX_FACES)
    lying = np.ascontiguousarray(np.rot90(upright))
    with pytest.raises(BadInput, match="shows 6 faces") as refused:
        await find_subject(vision, lying, "group")
    first = str(refused.value).split(": ")[1].split("; ")[0]
    box = np.array([float(side) for side in first.split(", ")], np.float32)
    assert box[2] <= lying.shape[1]
    assert box[3] <= lying.shape[0]
    found, index = await find_subject(vision, lying, "group", box)
    assert found.turned_deg == 90
    assert np.abs(found.boxes_as_given[index] - box).max() < 2
    as_it_was = await find_faces(vision, upright, largest)
    assert np.abs(found.faces.boxes[index] - as_it_was.faces.boxes[0]).max() < 4


@pytest.mark.parametrize("side_px", [112, 400, 1600, 2000])
async def test_a_face_that_fills_a_picture_is_one_face(vision: Vision, side_px: int) -> None:
    upright = await enrolled(vision, astronaut())
    tight = await enrolled(vision, face_alone(side_px))
    assert tight.quality.detector_score > 0.9
    assert alike(tight, upright) > 0.7


@pytest.mark.parametrize("turned_deg", [90, 180, 270])
async def test_a_face_that_fills_a_picture_that_lies_is_turned(
    vision: Vision, turned_deg: int
) -> None:
    upright = await enrolled(vision, face_alone(1600))
    lying = await enrolled(vision, face_alone(1600).rotate(turned_deg, expand=True))
    assert lying.turned_deg == turned_deg
    assert alike(lying, upright) > 0.95


async def test_two_faces_that_fill_a_picture_stay_two(vision: Vision) -> None:
    other = Image.fromarray(photo_rgb(SIX_FACES)).crop((462, 266, 576, 417)).resize((800, 885))
    both = Image.new("RGB", (1600, 885))
    both.paste(face_alone(800), (0, 0))
    both.paste(other, (800, 0))
    with pytest.raises(BadInput, match="shows 2 faces"):
        await enrolled(vision, both)


async def test_no_turn_makes_a_face_of_a_wall(vision: Vision) -> None:
    for seed in range(4):
        noise = np.random.default_rng(seed).integers(0, 256, (40, 30, 3), np.uint8)
        image = Image.fromarray(noise).resize((600, 800), Image.Resampling.BICUBIC)
        with pytest.raises(BadInput, match="no face was found in photo x"):
            await enrolled(vision, image)


def test_a_box_means_the_face_it_overlaps() -> None:
    boxes = np.array([[0, 0, 100, 100], [200, 0, 260, 60]], np.float32)
    assert largest(boxes) == 0
    assert in_box(np.array([210, 10, 250, 50], np.float32))(boxes) == 1
    assert in_box(np.array([90, 0, 210, 60], np.float32))(boxes) is None
    none = np.zeros((0, 4), np.float32)
    assert largest(none) is in_box(boxes[0])(none) is None


@pytest.mark.shared
@pytest.mark.parametrize("turned_deg", [90, 180, 270])
async def test_no_photo_of_a_set_is_turned_wrongly(
    shared: Path, vision: Vision, turned_deg: int
) -> None:
    paths = sorted((shared / "media" / "lfw10x10").glob("*/*_0003.jpg"))
    assert len(paths) == 10
    for path in paths:
        image = Image.open(path).convert("RGB").resize((500, 500))
        upright = await enrolled(vision, image)
        lying = await enrolled(vision, image.rotate(turned_deg))
        assert (upright.turned_deg, lying.turned_deg) == (0, turned_deg), path
        assert alike(upright, lying) > 0.95, path


@pytest.mark.shared
async def test_another_detector_is_turned_by_its_own_scores(shared: Path, tmp_path: Path) -> None:
    source = tmp_path / "models"
    source.mkdir()
    for name in ("scrfd_500m_kps.onnx", "MobileFaceNet_foamliu_selfnorm.onnx"):
        (source / name).write_bytes((shared / "models" / name).read_bytes())
    await asyncio.to_thread(
        lambda: packs.install(str(source), tmp_path, accept_licence=True, name="other")
    )
    async with Vision(packs.load("other", tmp_path), threads=1) as vision:
        upright = await enrolled(vision, astronaut())
        for turned_deg in (90, 180, 270):
            lying = await enrolled(vision, astronaut().rotate(turned_deg))
            assert lying.turned_deg == turned_deg
            assert alike(lying, upright) > 0.95

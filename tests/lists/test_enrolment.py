"""A reference photo is taken or refused, and the reason is one clear sentence."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from lfrd.errors import BadInput
from lfrd.lists.enrolment import enrol
from lfrd.vision import packs
from lfrd.vision.engine import Vision
from lfrd.vision.picture import decoded
from support.photos import ASTRONAUT, SIX_FACES, image_file, photo_rgb, red_and_blue


@pytest_asyncio.fixture
async def vision(pack: packs.Pack) -> AsyncIterator[Vision]:
    async with Vision(pack, threads=1) as vision:
        yield vision


async def test_a_portrait_gives_template_crop_and_quality(vision: Vision) -> None:
    data = ASTRONAUT.read_bytes()
    photo = await enrol(data, vision, name="astronaut")
    assert len(photo.sha256) == 64
    assert (photo.width_px, photo.height_px) == (512, 512)
    assert decoded(photo.crop).shape == (112, 112, 3)
    assert np.linalg.norm(photo.template.vector) == pytest.approx(1, abs=1e-5)
    assert photo.template.model_digest == vision.model_digest
    assert photo.quality.inter_eye_px == pytest.approx(47, abs=4)
    assert (vision.enrolled, vision.counts.made, vision.crops_held) == (1, 0, 0)


async def test_renditions_of_a_photo_give_one_template(vision: Vision) -> None:
    original = Image.fromarray(photo_rgb(ASTRONAUT))
    exif = Image.Exif()
    exif[0x0112] = 6
    files = [
        image_file(original, "PNG"),
        image_file(original.resize((1800, 1800)), "JPEG", quality=60),
        image_file(original.rotate(90, expand=True), "JPEG", exif=exif),
        image_file(original.convert("L"), "WEBP"),
    ]
    photos = await asyncio.gather(*(enrol(data, vision, name="x") for data in files))
    for photo in photos:
        assert photo.template.vector @ photos[0].template.vector > 0.8


async def test_no_face_is_refused(vision: Vision) -> None:
    with pytest.raises(BadInput, match="no face was found in photo wall"):
        await enrol(image_file(red_and_blue(640, 480), "PNG"), vision, name="wall")
    assert vision.enrolled == 0


async def test_several_faces_are_refused_with_their_number(vision: Vision) -> None:
    with pytest.raises(BadInput, match="photo group shows 6 faces"):
        await enrol(SIX_FACES.read_bytes(), vision, name="group")
    assert (vision.enrolled, vision.crops_held) == (0, 0)


async def test_a_far_smaller_face_behind_does_not_spoil_a_portrait(vision: Vision) -> None:
    large = Image.fromarray(photo_rgb(ASTRONAUT)).resize((900, 900))
    alone = await enrol(image_file(large, "BMP"), vision, name="x")
    small = Image.fromarray(photo_rgb(ASTRONAUT)).crop((150, 30, 310, 220)).resize((110, 130))
    large.paste(small, (0, 0))
    both = await enrol(image_file(large, "BMP"), vision, name="x")
    assert alone.template.vector @ both.template.vector > 0.95


async def test_a_small_face_is_refused_with_its_size(vision: Vision) -> None:
    tiny = Image.fromarray(photo_rgb(ASTRONAUT)).resize((180, 180))
    with pytest.raises(BadInput, match=r"too small: 1\d px between the eyes, at least 24"):
        await enrol(image_file(tiny, "PNG"), vision, name="x")


@pytest.mark.shared
@pytest.mark.parametrize(
    "photo", ["lin-manuel-miranda.png", "alex-lacamoire.png", "obama.jpg", "biden.jpg"]
)
async def test_reference_photos_enrol(photo: str, shared: Path, vision: Vision) -> None:
    data = (shared / "media" / "hamilton" / photo).read_bytes()
    assert (await enrol(data, vision, name=photo)).quality.detector_score > 0.7


@pytest.mark.parametrize(
    ("mode", "turned", "notes"),
    [("RGB", False, ()), ("CMYK", False, ("converted",)), ("RGB", True, ("rotated",)),
     ("L", True, ("rotated", "converted"))],
)  # fmt: skip
async def test_what_reading_did_to_a_photo_is_said(
    vision: Vision, mode: str, turned: bool, notes: tuple[str, ...]
) -> None:
    image = Image.fromarray(photo_rgb(ASTRONAUT)).convert(mode)
    exif = Image.Exif()
    if turned:
        image = image.rotate(90, expand=True)
        exif[0x0112] = 6
    data = image_file(image, "JPEG", exif=exif)
    assert (await enrol(data, vision, name="x")).notes == notes


async def test_a_box_says_which_of_several_faces_is_meant(vision: Vision) -> None:
    data = SIX_FACES.read_bytes()
    left = await enrol(data, vision, name="x", box=np.array([52, 266, 171, 400], np.float32))
    right = await enrol(data, vision, name="x", box=np.array([1132, 274, 1227, 399], np.float32))
    assert left.template.vector @ right.template.vector < 0.4
    with pytest.raises(BadInput, match="in the given box"):
        await enrol(data, vision, name="x", box=np.array([0, 0, 20, 20], np.float32))

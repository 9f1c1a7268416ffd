"""A reference photo is taken or refused, and the reason is one clear sentence."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lfrd.errors import BadInput
from lfrd.lists.enrolment import enrol, read_photo
from lfrd.vision import packs
from lfrd.vision.engine import Vision
from lfrd.vision.picture import decoded
from support.photos import ASTRONAUT, SIX_FACES, photo_rgb


@pytest_asyncio.fixture
async def vision(pack: packs.Pack) -> AsyncIterator[Vision]:
    async with Vision(pack, threads=1) as vision:
        yield vision


def _file(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _picture(width: int = 64, height: int = 48) -> Image.Image:
    """Red on the left half, blue on the right."""
    image = Image.new("RGB", (width, height), (255, 0, 0))
    image.paste((0, 0, 255), (width // 2, 0, width, height))
    return image


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_the_four_formats_are_read_in_rgb(kind: str) -> None:
    rgb = read_photo(_file(_picture(), kind), name="x")
    assert rgb.shape == (48, 64, 3)
    assert rgb.dtype == np.uint8
    assert np.abs(rgb[24, 8].astype(int) - [255, 0, 0]).max() < 20
    assert np.abs(rgb[24, 56].astype(int) - [0, 0, 255]).max() < 20


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1", "I;16"])
def test_other_colour_modes_become_rgb(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    source = _picture().convert("L").convert("I;16") if mode == "I;16" else _picture().convert(mode)
    assert read_photo(_file(source, kind), name="x").shape == (48, 64, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_cameras_rotation_is_applied(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb = read_photo(_file(_picture(), "JPEG", exif=exif), name="x")
    assert rgb.shape[:2] == ((48, 64) if orientation < 5 else (64, 48))
    red_corner = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0),
                  5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)}[orientation]  # fmt: skip
    assert rgb[red_corner][0] > 200


def test_a_very_large_photo_is_reduced_while_it_is_read() -> None:
    for kind in ("JPEG", "PNG"):
        rgb = read_photo(_file(_picture(8192, 64), kind), name="x")
        assert rgb.shape == (32, 4096, 3)
        assert rgb[16, 8][0] > 200


def test_a_100_megapixel_photo_is_refused_before_it_is_decoded() -> None:
    data = _file(Image.new("L", (10_000, 10_000)), "PNG")
    with pytest.raises(BadInput, match=r"10000 x 10000 = 100 megapixels; at most 50"):
        read_photo(data, name="big.png")
    with pytest.raises(BadInput, match="megapixels"):
        read_photo(data[:100], name="big.png")  # there is nothing to decode


def test_a_file_of_more_than_20_megabytes_is_refused() -> None:
    with pytest.raises(BadInput, match="20 MB; at most 20"):
        read_photo(b"\xff\xd8\xff" + bytes(20_000_000), name="x.jpg")


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a" + bytes(40), b"%PDF-1.7", b"<svg/>", "Größe".encode(), b"\x00" * 100,
     b"RIFF\x00\x00\x00\x00WAVEfmt "],
)  # fmt: skip
def test_what_is_no_picture_of_ours_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match="photo x is not a JPEG, PNG, WebP or BMP picture"):
        read_photo(data, name="x")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_picture_is_refused(kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    data = _file(Image.fromarray(noise), kind)
    with pytest.raises(BadInput, match="photo x is damaged or cut off"):
        read_photo(data[: int(len(data) * share)], name="x")


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animation_is_refused(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), (shade, 0, 0)) for shade in (0, 250)]
    data = _file(frames[0], kind, save_all=True, append_images=frames[1:])
    with pytest.raises(BadInput, match="animated"):
        read_photo(data, name="x")


_SEEDS = {kind: _file(_picture(24, 16), kind) for kind in ("JPEG", "PNG", "WEBP", "BMP")}


@given(st.sampled_from(sorted(_SEEDS)), st.data())
def test_no_damaged_file_gives_anything_but_a_picture_or_a_refusal(
    kind: str, data: st.DataObject
) -> None:
    content = bytearray(_SEEDS[kind])
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadInput):
        assert read_photo(bytes(content), name="x").ndim == 3


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
        _file(original, "PNG"),
        _file(original.resize((1800, 1800)), "JPEG", quality=60),
        _file(original.rotate(90, expand=True), "JPEG", exif=exif),
        _file(original.convert("L"), "WEBP"),
    ]
    photos = await asyncio.gather(*(enrol(data, vision, name="x") for data in files))
    for photo in photos:
        assert photo.template.vector @ photos[0].template.vector > 0.8


async def test_no_face_is_refused(vision: Vision) -> None:
    with pytest.raises(BadInput, match="no face was found in photo wall"):
        await enrol(_file(_picture(640, 480), "PNG"), vision, name="wall")
    assert vision.enrolled == 0


async def test_several_faces_are_refused_with_their_number(vision: Vision) -> None:
    with pytest.raises(BadInput, match="photo group shows 6 faces"):
        await enrol(SIX_FACES.read_bytes(), vision, name="group")
    assert (vision.enrolled, vision.crops_held) == (0, 0)


async def test_a_far_smaller_face_behind_does_not_spoil_a_portrait(vision: Vision) -> None:
    large = Image.fromarray(photo_rgb(ASTRONAUT)).resize((900, 900))
    alone = await enrol(_file(large, "BMP"), vision, name="x")
    small = Image.fromarray(photo_rgb(ASTRONAUT)).crop((150, 30, 310, 220)).resize((110, 130))
    large.paste(small, (0, 0))
    both = await enrol(_file(large, "BMP"), vision, name="x")
    assert alone.template.vector @ both.template.vector > 0.95


async def test_a_small_face_is_refused_with_its_size(vision: Vision) -> None:
    tiny = Image.fromarray(photo_rgb(ASTRONAUT)).resize((180, 180))
    with pytest.raises(BadInput, match=r"too small: 1\d px between the eyes, at least 24"):
        await enrol(_file(tiny, "PNG"), vision, name="x")


@pytest.mark.shared
@pytest.mark.parametrize(
    "photo", ["lin-manuel-miranda.png", "alex-lacamoire.png", "obama.jpg", "biden.jpg"]
)
async def test_reference_photos_enrol(photo: str, shared: Path, vision: Vision) -> None:
    data = (shared / "media" / "hamilton" / photo).read_bytes()
    assert (await enrol(data, vision, name=photo)).quality.detector_score > 0.7


def test_sixteen_bits_keep_their_greys_and_are_not_cut_off() -> None:
    ramp = np.linspace(0, 65535, 64 * 48).reshape(48, 64).astype(np.uint16)
    rgb = read_photo(_file(Image.fromarray(ramp), "PNG"), name="x")
    assert np.abs(rgb[..., 0].astype(int) - ramp // 257).max() <= 1


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
    data = _file(image, "JPEG", exif=exif)
    assert (await enrol(data, vision, name="x")).notes == notes


async def test_a_box_says_which_of_several_faces_is_meant(vision: Vision) -> None:
    data = SIX_FACES.read_bytes()
    left = await enrol(data, vision, name="x", box=np.array([52, 266, 171, 400], np.float32))
    right = await enrol(data, vision, name="x", box=np.array([1132, 274, 1227, 399], np.float32))
    assert left.template.vector @ right.template.vector < 0.4
    with pytest.raises(BadInput, match="in the given box"):
        await enrol(data, vision, name="x", box=np.array([0, 0, 20, 20], np.float32))

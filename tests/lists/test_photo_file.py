"""Every format that a photo may have is read within limits, or refused in one sentence."""

import contextlib
import io

import numpy as np
import pillow_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lfrd.errors import BadInput
from lfrd.lists.photo_file import media_type, read_photo
from support.photos import image_file, red_and_blue

pillow_heif.register_heif_opener()  # to write them


def pixels(data: bytes) -> np.ndarray:
    return read_photo(data, name="x").rgb


def in_mode(mode: str) -> Image.Image:
    if mode == "I;16":
        return red_and_blue().convert("L").convert(mode)
    return red_and_blue().convert(mode)


KINDS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF", "HEIF")


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_is_read_in_rgb(kind: str) -> None:
    rgb = pixels(image_file(red_and_blue(), kind))
    assert rgb.shape == (48, 64, 3)
    assert rgb.dtype == np.uint8
    assert np.abs(rgb[24, 8].astype(int) - [255, 0, 0]).max() < 20
    assert np.abs(rgb[24, 56].astype(int) - [0, 0, 255]).max() < 20


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_has_its_media_type(kind: str) -> None:
    expected = "image/heic" if kind == "HEIF" else f"image/{kind.lower()}"
    assert media_type(image_file(red_and_blue(), kind)) == expected
    assert media_type(b"<script>") is None


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1", "I;16"])
def test_other_colour_modes_become_rgb(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    source = (
        red_and_blue().convert("L").convert("I;16")
        if mode == "I;16"
        else red_and_blue().convert(mode)
    )
    assert pixels(image_file(source, kind)).shape == (48, 64, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_cameras_rotation_is_applied(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb = pixels(image_file(red_and_blue(), "JPEG", exif=exif))
    assert rgb.shape[:2] == ((48, 64) if orientation < 5 else (64, 48))
    red_corner = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0),
                  5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)}[orientation]  # fmt: skip
    assert rgb[red_corner][0] > 200


def test_a_very_large_photo_is_reduced_while_it_is_read() -> None:
    for kind in ("JPEG", "PNG"):
        rgb = pixels(image_file(red_and_blue(8192, 64), kind))
        assert rgb.shape == (32, 4096, 3)
        assert rgb[16, 8][0] > 200


def test_a_100_megapixel_photo_is_refused_before_it_is_decoded() -> None:
    data = image_file(Image.new("L", (10_000, 10_000)), "PNG")
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
    with pytest.raises(BadInput, match="photo x is not a JPEG, PNG, WebP, BMP, TIFF, AVIF or HEIC"):
        read_photo(data, name="x")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_picture_is_refused(kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    data = image_file(Image.fromarray(noise), kind)
    with pytest.raises(BadInput, match="photo x is damaged or cut off"):
        read_photo(data[: int(len(data) * share)], name="x")


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
def test_an_animation_is_refused(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), (shade, 0, 0)) for shade in (0, 250)]
    data = image_file(frames[0], kind, save_all=True, append_images=frames[1:])
    with pytest.raises(BadInput, match="animated"):
        read_photo(data, name="x")


_SEEDS = {kind: image_file(red_and_blue(24, 16), kind) for kind in KINDS}


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of damaged metadata, once, in the log
@given(st.sampled_from(sorted(_SEEDS)), st.data())
def test_no_damaged_file_gives_anything_but_a_picture_or_a_refusal(
    kind: str, data: st.DataObject
) -> None:
    content = bytearray(_SEEDS[kind])
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadInput):
        assert pixels(bytes(content)).ndim == 3


def test_sixteen_bits_keep_their_greys_and_are_not_cut_off() -> None:
    ramp = np.linspace(0, 65535, 64 * 48).reshape(48, 64).astype(np.uint16)
    rgb = pixels(image_file(Image.fromarray(ramp), "PNG"))
    assert np.abs(rgb[..., 0].astype(int) - ramp // 257).max() <= 1


@pytest.mark.parametrize("kind", ["TIFF", "AVIF", "HEIF"])
def test_no_reader_turns_a_photo_twice(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = red_and_blue().rotate(90, expand=True)
    rgb = pixels(image_file(lying, kind, exif=exif.tobytes()))
    assert rgb.shape == (48, 64, 3)
    assert rgb[24, 8, 0] > 200
    assert rgb[24, 56, 2] > 200


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "1", "I;16"])
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_a_scanners_tiff_becomes_rgb(mode: str, compression: str | None) -> None:
    source = (
        red_and_blue().convert("L").convert("I;16")
        if mode == "I;16"
        else red_and_blue().convert(mode)
    )
    assert pixels(image_file(source, "TIFF", compression=compression)).shape == (48, 64, 3)


def test_several_pages_are_refused() -> None:
    data = image_file(red_and_blue(), "TIFF", save_all=True, append_images=[red_and_blue()])
    with pytest.raises(BadInput, match="several pages"):
        read_photo(data, name="x")


def test_of_several_photos_in_a_heic_the_primary_one_is_read() -> None:
    other = Image.new("RGB", (32, 32), (0, 255, 0))
    data = image_file(other, "HEIF", save_all=True, append_images=[red_and_blue()], primary_index=1)
    assert pixels(data).shape == (48, 64, 3)


def test_ten_bits_of_a_heic_become_eight() -> None:
    deep = (np.linspace(0, 1023, 64 * 48).reshape(48, 64, 1).repeat(3, 2) * 64).astype(np.uint16)
    out = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", (64, 48), deep.tobytes()).save(out, quality=90)
    rgb = pixels(out.getvalue())
    assert rgb[0, 0].max() < 20
    assert rgb[-1, -1].min() > 235


def test_a_jpeg_of_more_than_50_megapixels_is_read_reduced() -> None:
    read = read_photo(image_file(red_and_blue(9000, 6000), "JPEG", quality=30), name="x")
    assert max(read.rgb.shape) <= 4096
    assert read.notes == ("reduced",)
    assert read.rgb[100, 100, 0] > 200


@pytest.mark.parametrize("mode", ["L", "1"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_other_formats_over_the_bound_are_refused_with_what_to_do(kind: str, mode: str) -> None:
    options = {"compression": "tiff_deflate"} if kind == "TIFF" else {}
    data = image_file(Image.new(mode, (7200, 7000)), kind, **options)
    with pytest.raises(BadInput, match=r"7200 x 7000 = 50 megapixels; at most 50 .* save it small"):
        read_photo(data, name="x")


def test_a_jpeg_that_claims_too_much_is_refused_before_it_is_decoded() -> None:
    data = bytearray(image_file(red_and_blue(), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = b"\xff\xdc\xff\xdc"
    with pytest.raises(BadInput, match=r"4290 megapixels; at most 250"):
        read_photo(bytes(data), name="x")


def test_a_large_heic_is_not_read_from_its_thumbnail() -> None:
    data = image_file(Image.new("RGB", (5000, 1000)), "HEIF", thumbnails=[512])
    assert pixels(data).shape[1] == 2500


@pytest.mark.parametrize(
    ("kind", "ending"),
    [("JPEG", "jfif"), ("JPEG", "txt"), ("TIFF", "jpg"), ("HEIF", "jpg"), ("AVIF", "heic")],
)
def test_what_a_photo_is_tell_its_bytes_and_not_its_name(kind: str, ending: str) -> None:
    assert read_photo(image_file(red_and_blue(), kind), name=f"x.{ending}").rgb.shape == (48, 64, 3)

"""A photo's file: which formats are read, within which limits, and what reading does to pixels."""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    Image,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from lfrd.errors import BadInput
from lfrd.lists.import_source import PHOTO_LIMIT_BYTES
from lfrd.types import U8

LIMIT_PIXELS = 50_000_000
JPEG_LIMIT_PIXELS = 250_000_000
PROGRESSIVE_LIMIT_PIXELS = 100_000_000
"""A JPEG is decoded at an eighth of its sides at least, so that a larger one takes no more memory;
of a progressive one all coefficients are held, 3 to 6 bytes for each pixel."""

READ_SIDE_PX = 4096
"""Photos with a longer side are reduced while they are read; it bounds the memory they take."""


@dataclass(frozen=True, slots=True)
class ReadPhoto:
    """The pixels u8[h, w, 3] RGB, upright as far as the file says, and what was done to them:
    `reduced`, `rotated`, `converted`."""

    rgb: U8
    notes: tuple[str, ...]


def read_photo(data: bytes, *, name: str) -> ReadPhoto:
    """Decode a photo; `name` is what messages call it.

    Size limits are checked before a pixel is decoded. Raises BadInput.
    """
    if len(data) > PHOTO_LIMIT_BYTES:
        limit_mb = PHOTO_LIMIT_BYTES / 1e6
        raise BadInput(
            f"photo {name} has {len(data) / 1e6:.0f} MB; at most {limit_mb:.0f} are taken"
        )
    try:
        with _opener(data, name)(io.BytesIO(data)) as image:
            _check(image, name)
            return _decoded(image)
    except Image.DecompressionBombError:
        raise BadInput(
            f"photo {name} claims to have more pixels than the {LIMIT_PIXELS / 1e6:.0f} megapixels "
            "that are taken"
        ) from None
    except _UNREADABLE as error:
        raise BadInput(f"photo {name} is damaged or cut off and cannot be read") from error


_UNREADABLE = (OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError,
               OverflowError, RuntimeError, struct.error)  # fmt: skip
"""What Pillow's readers raise on damaged files."""


def _heif(file: io.BytesIO) -> Any:
    from pillow_heif import HeifImageFile  # with libheif, for photos of that kind only

    opener: Callable[[io.BytesIO], Any] = HeifImageFile
    return opener(file)


def _brands(start: bytes) -> frozenset[bytes]:
    """Which kinds a file of the ISO base media format says it is (ISO/IEC 14496-12, `ftyp`)."""
    if start[4:8] != b"ftyp":
        return frozenset()
    end = min(len(start), int.from_bytes(start[:4], "big"))
    return frozenset(start[at : at + 4] for at in (8, *range(16, end, 4)))


_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


@dataclass(frozen=True, slots=True)
class _Format:
    """A kind of file: its media type, how it begins, and what reads it."""

    media_type: str
    begins: Callable[[bytes], bool]
    opener: Callable[[io.BytesIO], Any]


_FORMATS = (
    _Format("image/jpeg", lambda start: start.startswith(b"\xff\xd8\xff"),
            JpegImagePlugin.JpegImageFile),
    _Format("image/png", lambda start: start.startswith(b"\x89PNG\r\n\x1a\n"),
            PngImagePlugin.PngImageFile),
    _Format("image/webp", lambda start: start[:4] == b"RIFF" and start[8:12] == b"WEBP",
            WebPImagePlugin.WebPImageFile),
    _Format("image/bmp", lambda start: start.startswith(b"BM"), BmpImagePlugin.BmpImageFile),
    _Format("image/tiff", lambda start: start.startswith((b"II*\0", b"MM\0*")),
            TiffImagePlugin.TiffImageFile),
    _Format("image/avif", lambda start: b"avif" in _brands(start), AvifImagePlugin.AvifImageFile),
    _Format("image/heic", lambda start: not _HEIF_BRANDS.isdisjoint(_brands(start)), _heif),
)  # fmt: skip
"""Only these readers are ever used on a file from outside, whatever else Pillow can read."""

MEDIA_TYPES = tuple(known.media_type for known in _FORMATS)


def media_type(data: bytes) -> str | None:
    """What kind of picture a file is, by its first bytes; None of one that is never taken."""
    found = _format(data)
    return None if found is None else found.media_type


def _format(data: bytes) -> _Format | None:
    return next((known for known in _FORMATS if known.begins(data[:256])), None)


def _opener(data: bytes, name: str) -> Callable[[io.BytesIO], Any]:
    found = _format(data)
    if found is None:
        raise BadInput(f"photo {name} is not a JPEG, PNG, WebP, BMP, TIFF, AVIF or HEIC picture")
    return found.opener


def _check(image: Image.Image, name: str) -> None:
    width, height = image.size
    limit = LIMIT_PIXELS
    if image.format == "JPEG":
        progressive = image.info.get("progressive")
        limit = PROGRESSIVE_LIMIT_PIXELS if progressive else JPEG_LIMIT_PIXELS
    if width * height > limit:
        raise BadInput(
            f"photo {name} has {width} x {height} = {width * height / 1e6:.0f} megapixels; "
            f"at most {limit / 1e6:.0f} are taken of such a file: save it smaller"
        )
    if image.format == "TIFF" and getattr(image, "n_frames", 1) > 1:
        raise BadInput(f"photo {name} has several pages; save the page with the photo alone")
    if image.format != "HEIF" and getattr(image, "is_animated", False):
        raise BadInput(f"photo {name} is animated; save one still picture of it")


def _decoded(image: Image.Image) -> ReadPhoto:
    notes = []
    factor = -(-max(image.size) // READ_SIDE_PX)
    if factor > 1:
        notes.append("reduced")
        if image.format == "JPEG":  # of other formats a draft may be a thumbnail
            image.draft("RGB", (image.width // factor, image.height // factor))
            factor = -(-max(image.size) // READ_SIDE_PX)
    if image.getexif().get(_ORIENTATION, 1) != 1:
        notes.append("rotated")
    if image.mode != "RGB":
        notes.append("converted")
    upright = _eight_bit(ImageOps.exif_transpose(image)).convert("RGB")
    if factor > 1:
        upright = upright.reduce(factor)
    return ReadPhoto(np.asarray(upright, np.uint8), tuple(notes))


_ORIENTATION = 0x0112


def _eight_bit(image: Image.Image) -> Image.Image:
    """16 bits a pixel down to 8: Pillow's own conversion cuts off everything above 255."""
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.uint32)
    return Image.fromarray((values // 257).astype(np.uint8))

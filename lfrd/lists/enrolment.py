"""A reference photo in, a template to keep out; refused with one clear sentence where unfit."""

import asyncio
import hashlib
import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import BmpImagePlugin, Image, ImageOps, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from lfrd.errors import BadInput, Conflict
from lfrd.lists.import_source import PHOTO_LIMIT_BYTES
from lfrd.lists.photo_gate import Finding, PhotoRefused, Weight
from lfrd.types import F32, U8, Detections, Planes, Quality, Template, Texture
from lfrd.vision.engine import SMALLEST_INTER_EYE_PX, Vision
from lfrd.vision.picture import jpeg, png, portrait
from lfrd.vision.planes import planes_from_rgb
from lfrd.vision.quality import inter_eye_px, measure, texture

LIMIT_PIXELS = 50_000_000

READ_SIDE_PX = 4096
"""Photos with a longer side are reduced while they are read; it bounds the memory they take."""

SMALLEST_FACE_SHARE = 1 / 80
"""Distance between the eyes that is looked for in a photo, as a share of its long side."""

SUBJECT_AREA_RATIO = 3.0
"""The largest face is taken as the one meant if its box has this many times the area of any
other: people far behind the person portrayed do not spoil a photo, two people side by side do."""


@dataclass(frozen=True, slots=True)
class EnrolledPhoto:
    """What is kept of a reference photo.

    `sha256` of the file as uploaded, the size of the picture as it was read, the aligned face as
    PNG, the face with a little around it and other faces painted over, for people to see, as JPEG,
    the template, the quality of the look and the crop's texture. `notes` say what reading did to
    the pixels that were compared: `reduced`, `rotated`, `converted`.
    """

    sha256: str
    width_px: int
    height_px: int
    crop: bytes
    portrait: bytes
    template: Template
    quality: Quality
    texture: Texture
    notes: tuple[str, ...] = ()


async def enrol(data: bytes, vision: Vision, *, name: str, box: F32 | None = None) -> EnrolledPhoto:
    """Make the template of the one person in a photo; `name` names the photo in messages.

    `box` f32[4] says which face is meant, in pixels of the upright picture. Raises BadInput where
    the photo cannot be used; Conflict where too much is under way.
    """
    planes, notes = await asyncio.to_thread(_planes, data, name)
    faces = await detect_in_photo(vision, planes)
    index = subject_of(faces, name, box)
    landmarks: F32 = faces.landmarks[index]
    crop = await vision.align(planes, landmarks)
    if crop is None:
        raise Conflict("too many faces are being looked at; try again in a moment")
    try:
        template = await vision.embed_reference(crop)
        crop_rgb = crop.array.copy()
    finally:
        crop.release()

    def keep() -> EnrolledPhoto:
        around = portrait(planes, faces.boxes[index], np.delete(faces.boxes, index, 0))
        return EnrolledPhoto(
            sha256=hashlib.sha256(data).hexdigest(),
            width_px=planes.width_px,
            height_px=planes.height_px,
            crop=png(crop_rgb),
            portrait=jpeg(around),
            template=template,
            quality=measure(crop_rgb, landmarks, float(faces.scores[index])),
            texture=texture(crop_rgb),
            notes=notes,
        )

    return await asyncio.to_thread(keep)


def subject_of(faces: Detections, name: str, box: F32 | None = None) -> int:
    """Index of the one face that is meant. Raises BadInput where there is none, or none large
    enough."""
    index = _subject(faces, name) if box is None else _chosen(faces, box, name)
    between_px = inter_eye_px(faces.landmarks[index])
    if between_px < SMALLEST_INTER_EYE_PX:
        text = (
            f"the face in photo {name} is too small: {between_px:.0f} px between the eyes, "
            f"at least {SMALLEST_INTER_EYE_PX:.0f} are needed (60 or more are better)"
        )
        raise _refused("too-small", text, between_px, SMALLEST_INTER_EYE_PX)
    return index


async def detect_in_photo(vision: Vision, planes: Planes) -> Detections:
    """Faces of a photo, down to SMALLEST_FACE_SHARE of its long side between the eyes."""
    smallest_px = SMALLEST_FACE_SHARE * max(planes.width_px, planes.height_px)
    return await vision.detect(planes, smallest_inter_eye_px=smallest_px)


def _planes(data: bytes, name: str) -> tuple[Planes, tuple[str, ...]]:
    """The picture as it is searched, and what was done to its pixels."""
    read = _read(data, name)
    return planes_from_rgb(read.rgb), read.notes


def read_photo(data: bytes, *, name: str) -> U8:
    """Decode a JPEG, PNG, WebP or BMP file to u8[h, w, 3] RGB, upright.

    Size limits are checked before a pixel is decoded. Raises BadInput.
    """
    return _read(data, name).rgb


@dataclass(frozen=True, slots=True)
class _Read:
    """The pixels u8[h, w, 3] RGB, upright, and what was done to them."""

    rgb: U8
    notes: tuple[str, ...]


def _read(data: bytes, name: str) -> _Read:
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
               OverflowError, struct.error)  # fmt: skip
"""What Pillow's readers raise on damaged files."""

_OPENERS: tuple[tuple[Callable[[bytes], bool], Callable[[io.BytesIO], Any]], ...] = (
    (lambda start: start.startswith(b"\xff\xd8\xff"), JpegImagePlugin.JpegImageFile),
    (lambda start: start.startswith(b"\x89PNG\r\n\x1a\n"), PngImagePlugin.PngImageFile),
    (lambda start: start[:4] == b"RIFF" and start[8:] == b"WEBP", WebPImagePlugin.WebPImageFile),
    (lambda start: start.startswith(b"BM"), BmpImagePlugin.BmpImageFile),
)
"""Only these readers are ever used on a file from outside, whatever else Pillow can read."""


def _opener(data: bytes, name: str) -> Callable[[io.BytesIO], Any]:
    for matches, opener in _OPENERS:
        if matches(data[:12]):
            return opener
    raise BadInput(f"photo {name} is not a JPEG, PNG, WebP or BMP picture")


def _check(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width * height > LIMIT_PIXELS:
        raise BadInput(
            f"photo {name} has {width} x {height} = {width * height / 1e6:.0f} megapixels; "
            f"at most {LIMIT_PIXELS / 1e6:.0f} are taken"
        )
    if getattr(image, "is_animated", False):
        raise BadInput(f"photo {name} is animated; save one still picture of it")


def _decoded(image: Image.Image) -> _Read:
    notes = []
    factor = -(-max(image.size) // READ_SIDE_PX)
    if factor > 1:
        notes.append("reduced")
        image.draft("RGB", (image.width // factor, image.height // factor))
        factor = -(-max(image.size) // READ_SIDE_PX)
    if image.getexif().get(_ORIENTATION, 1) != 1:
        notes.append("rotated")
    if image.mode != "RGB":
        notes.append("converted")
    upright = _eight_bit(ImageOps.exif_transpose(image)).convert("RGB")
    if factor > 1:
        upright = upright.reduce(factor)
    return _Read(np.asarray(upright, np.uint8), tuple(notes))


_ORIENTATION = 0x0112


def _eight_bit(image: Image.Image) -> Image.Image:
    """16 bits a pixel down to 8: Pillow's own conversion cuts off everything above 255."""
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.uint32)
    return Image.fromarray((values // 257).astype(np.uint8))


def _subject(faces: Detections, name: str) -> int:
    """Index of the one face that a photo is about."""
    if not len(faces):
        text = f"no face was found in photo {name}; use one that shows the face from the front"
        raise _refused("no-face", text, 0, 1)
    areas = np.prod(faces.boxes[:, 2:] - faces.boxes[:, :2], axis=1)
    largest, *others = np.argsort(-areas)
    if others and areas[largest] < SUBJECT_AREA_RATIO * areas[others[0]]:
        boxes = "; ".join(
            ", ".join(f"{side:.0f}" for side in box) for box in faces.boxes[[largest, *others]]
        )
        text = (
            f"photo {name} shows {len(faces)} faces; cut it to the one person who is meant, or say "
            f"which box is theirs (left, top, right, bottom): {boxes}"
        )
        raise _refused("several-faces", text, len(faces), 1)
    return int(largest)


def _chosen(faces: Detections, box: F32, name: str) -> int:
    """Index of the face that a box means: the one it overlaps most, by half of either at least."""
    if not len(faces):
        return _subject(faces, name)
    sides = np.minimum(faces.boxes[:, 2:], box[2:]) - np.maximum(faces.boxes[:, :2], box[:2])
    shared = np.prod(np.maximum(sides, 0), axis=1)
    areas = np.prod(faces.boxes[:, 2:] - faces.boxes[:, :2], axis=1)
    smaller = np.minimum(areas, max(1.0, float(np.prod(box[2:] - box[:2]))))
    best = int(np.argmax(shared / smaller))
    if shared[best] < 0.5 * smaller[best]:
        raise _refused("no-face", f"no face was found in the given box of photo {name}", 0, 1)
    return best


def _refused(code: str, text: str, value: float, limit: float) -> PhotoRefused:
    return PhotoRefused(text, [Finding(code, Weight.AGAINST, text, round(value, 1), limit)])

"""A reference photo in, a template to keep out; refused with one clear sentence where unfit."""

import asyncio
import hashlib
from dataclasses import dataclass

import numpy as np

from lfrd.errors import Conflict
from lfrd.lists.photo_face import find_subject
from lfrd.lists.photo_file import read_photo
from lfrd.types import F32, Quality, Template, Texture
from lfrd.vision.engine import Vision
from lfrd.vision.picture import jpeg, png, portrait
from lfrd.vision.quality import measure, texture


@dataclass(frozen=True, slots=True)
class EnrolledPhoto:
    """What is kept of a reference photo.

    `sha256` of the file as uploaded, the size of the picture as it was read, the aligned face as
    PNG, the face with a little around it and other faces painted over, for people to see, as JPEG,
    the template, the quality of the look and the crop's texture. `notes` say what reading did to
    the pixels that were compared: `reduced`, `rotated`, `converted`. The photo was turned clockwise
    by `turned_deg`, since its face is upright so.
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
    turned_deg: int = 0


async def enrol(data: bytes, vision: Vision, *, name: str, box: F32 | None = None) -> EnrolledPhoto:
    """Make the template of the one person in a photo; `name` names the photo in messages.

    `box` f32[4] says which face is meant, in pixels of the picture as it is shown. Raises BadInput
    where the photo cannot be used; Conflict where too much is under way.
    """
    read = await asyncio.to_thread(lambda: read_photo(data, name=name))
    found, index = await find_subject(vision, read.rgb, name, box)
    planes, faces = found.planes, found.faces
    landmarks: F32 = faces.landmarks[index]
    crop = await vision.align_other(planes, landmarks)
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
            notes=read.notes,
            turned_deg=found.turned_deg,
        )

    return await asyncio.to_thread(keep)

"""The one face that a photo is about, found upright however the photo lies.

Phones and programs lose the note of how a photo was held: then it lies on its side or stands on its
head, and a face that is found in it anyway gives a template that resembles no one's. And a face
that fills a picture is larger than detectors know faces: it is found badly, or twice.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from lfrd.lists.photo_gate import Finding, PhotoRefused, Weight
from lfrd.types import F32, U8, Detections, Planes
from lfrd.vision.engine import SMALLEST_INTER_EYE_PX, Vision
from lfrd.vision.planes import planes_from_rgb
from lfrd.vision.quality import inter_eye_px

SMALLEST_FACE_SHARE = 1 / 80
"""Distance between the eyes that is looked for in a photo, as a share of its long side."""

SUBJECT_AREA_RATIO = 3.0
"""The largest face is taken as the one meant if its box has this many times the area of any
other: people far behind the person portrayed do not spoil a photo, two people side by side do."""

CLEARLY_BETTER = 0.02
"""A photo is turned where a face has so much more detector score then."""

FOUND_ONLY_TURNED = 0.05
"""Where a photo shows no face as it is, one that it shows when turned may have so much less than
the certain score: in walls, hands and hair there are faint faces in one turn or another."""

LARGE_SHARE = 0.45
"""A face whose box has more than this share of the long side is looked at from farther away ..."""
FAR_SIDE_PX = 640
FAR_SHARE = 0.5
"""... which is at so much of the side of a picture of that size, with grey around it."""
AROUND_GREY = (127, 127, 127)

OVERLAP_SHARE = 0.25
"""Two boxes that share so much of the smaller one may be one face that was found twice."""

Pick = Callable[[F32], int | None]
"""Of the boxes f32[n, 4], largest first, that of the face that a photo is about; None: of none."""


@dataclass(frozen=True, slots=True)
class PhotoFaces:
    """A photo turned so that its face is upright, and the faces in it.

    `boxes_as_given` f32[n, 4] are theirs in the photo as it was given, where people see them.
    """

    planes: Planes
    faces: Detections
    boxes_as_given: F32
    turned_deg: int
    """Clockwise: 0, 90, 180 or 270."""


async def find_faces(vision: Vision, rgb: U8, pick: Pick) -> PhotoFaces:
    """Look for the face that `pick` names in a photo u8[h, w, 3], and turn the photo if need be.

    The other turns are tried only where the face is not certainly upright.
    """
    best = await _look(vision, rgb, 0, pick)
    best_score = _score(best, pick)
    if _is_certain(best, pick, vision):
        return best
    least = max(best_score + CLEARLY_BETTER, 0.0)
    if best_score < 0:
        least = vision.certain_score - FOUND_ONLY_TURNED
    for turned_deg in (90, 180, 270):
        other = await _look(vision, rgb, turned_deg, pick)
        score = _score(other, pick)
        if score >= max(least, best_score):
            best, best_score = other, score
    return best


def largest(boxes: F32) -> int | None:
    """The largest face: what a photo of one person is about."""
    return int(np.argmax(_areas(boxes))) if len(boxes) else None


def in_box(box: F32) -> Pick:
    """The face that a box f32[4] means: the one it overlaps most, by half of either at least."""

    def pick(boxes: F32) -> int | None:
        if not len(boxes):
            return None
        shared = _shared(boxes, box)
        smaller = np.minimum(_areas(boxes), max(1.0, float(np.prod(box[2:] - box[:2]))))
        best = int(np.argmax(shared / smaller))
        return best if shared[best] >= 0.5 * smaller[best] else None

    return pick


def subject_of(found: PhotoFaces, name: str, box: F32 | None = None) -> int:
    """Index of the one face that is meant; `name` is what messages call the photo. Raises
    PhotoRefused where there is none, several may be meant, or it is too small."""
    faces = found.faces
    index = (largest if box is None else in_box(box))(found.boxes_as_given)
    if not len(faces):
        text = f"no face was found in photo {name}; use one that shows the face from the front"
        raise _refused("no-face", text, 0, 1)
    if index is None:
        raise _refused("no-face", f"no face was found in the given box of photo {name}", 0, 1)
    if box is None:
        _check_alone(found, index, name)
    between_px = inter_eye_px(faces.landmarks[index])
    if between_px < SMALLEST_INTER_EYE_PX:
        text = (
            f"the face in photo {name} is too small: {between_px:.0f} px between the eyes, "
            f"at least {SMALLEST_INTER_EYE_PX:.0f} are needed (60 or more are better)"
        )
        raise _refused("too-small", text, between_px, SMALLEST_INTER_EYE_PX)
    return index


async def find_subject(
    vision: Vision, rgb: U8, name: str, box: F32 | None = None
) -> tuple[PhotoFaces, int]:
    """The photo as its face is upright, and which of its faces is meant: `box` f32[4] says it in
    pixels of the photo as it was given. Raises as `subject_of`."""
    found = await find_faces(vision, rgb, largest if box is None else in_box(box))
    return found, subject_of(found, name, box)


def eyes_as_given(found: PhotoFaces) -> F32:
    """The eyes f32[n, 2, 2] of each face, x and y in the photo as it was given."""
    eyes = found.faces.landmarks[:, :2]
    width_px, height_px = found.planes.width_px, found.planes.height_px
    if found.turned_deg in (90, 270):
        width_px, height_px = height_px, width_px
    points = np.tile(eyes.reshape(-1, 2), 2)
    return _back(points, found.turned_deg, width_px, height_px)[:, :2].reshape(-1, 2, 2)


async def detect_in_photo(vision: Vision, planes: Planes) -> Detections:
    """Faces of a picture as it is, down to SMALLEST_FACE_SHARE of its long side between eyes."""
    smallest_px = SMALLEST_FACE_SHARE * max(planes.width_px, planes.height_px)
    return await vision.detect(planes, smallest_inter_eye_px=smallest_px)


async def _look(vision: Vision, rgb: U8, turned_deg: int, pick: Pick) -> PhotoFaces:
    """The faces in one turn of a photo; from farther away where that shows them better."""
    turned = await asyncio.to_thread(lambda: np.ascontiguousarray(np.rot90(rgb, -turned_deg // 90)))
    planes = await asyncio.to_thread(planes_from_rgb, turned)

    def as_found(faces: Detections) -> PhotoFaces:
        boxes = _back(faces.boxes, turned_deg, rgb.shape[1], rgb.shape[0])
        return PhotoFaces(planes, faces, boxes, turned_deg)

    near = as_found(await detect_in_photo(vision, planes))
    if _is_certain(near, pick, vision) or not _may_be_too_large(near, pick):
        return near
    far = as_found(await _from_afar(vision, turned))
    score = _score(far, pick)
    least = vision.certain_score - FOUND_ONLY_TURNED if not len(near.faces) else 0.0
    return far if score > max(_score(near, pick), least) else near


async def _from_afar(vision: Vision, rgb: U8) -> Detections:
    """Faces of a picture u8[h, w, 3] that is made small, with room around it, in its own pixels."""
    height, width = rgb.shape[:2]
    scale = FAR_SHARE * FAR_SIDE_PX / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    corner = (FAR_SIDE_PX - size[0]) // 2, (FAR_SIDE_PX - size[1]) // 2

    def smaller() -> Planes:
        image = Image.new("RGB", (FAR_SIDE_PX, FAR_SIDE_PX), AROUND_GREY)
        image.paste(Image.fromarray(rgb).resize(size, Image.Resampling.BILINEAR), corner)
        return planes_from_rgb(np.asarray(image, np.uint8))

    found = await vision.detect(await asyncio.to_thread(smaller))
    shift = np.array(corner, np.float32)
    return Detections(
        np.asarray((found.boxes - np.tile(shift, 2)) / scale, np.float32),
        found.scores,
        np.asarray((found.landmarks - shift) / scale, np.float32),
    )


def _is_certain(found: PhotoFaces, pick: Pick, vision: Vision) -> bool:
    return _score(found, pick) >= vision.certain_score and not _found_twice(found, pick)


def _score(found: PhotoFaces, pick: Pick) -> float:
    """The detector's, of the face that is meant; below 0 where there is none."""
    index = pick(found.boxes_as_given)
    return -1.0 if index is None else float(found.faces.scores[index])


def _may_be_too_large(found: PhotoFaces, pick: Pick) -> bool:
    index = pick(found.boxes_as_given)
    if index is None:
        return True
    left, top, right, bottom = map(float, found.faces.boxes[index])
    longest_px = max(found.planes.width_px, found.planes.height_px)
    return max(right - left, bottom - top) > LARGE_SHARE * longest_px


def _found_twice(found: PhotoFaces, pick: Pick) -> bool:
    """Whether another box lies over that of the face that is meant."""
    boxes = found.faces.boxes
    index = pick(found.boxes_as_given)
    if index is None:
        return False
    others = np.delete(boxes, index, 0)
    smaller = np.minimum(_areas(others), _areas(boxes[index : index + 1]))
    return bool(np.any(_shared(others, boxes[index]) > OVERLAP_SHARE * smaller))


def _check_alone(found: PhotoFaces, index: int, name: str) -> None:
    boxes = found.boxes_as_given
    areas = _areas(boxes)
    others = np.delete(areas, index)
    if len(others) and areas[index] < SUBJECT_AREA_RATIO * others.max():
        shown = "; ".join(
            ", ".join(f"{side:.0f}" for side in box) for box in boxes[np.argsort(-areas)]
        )
        text = (
            f"photo {name} shows {len(boxes)} faces; cut it to the one person who is meant, or say "
            f"which box is theirs (left, top, right, bottom): {shown}"
        )
        raise _refused("several-faces", text, len(boxes), 1)


def _areas(boxes: F32) -> F32:
    return np.asarray(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), np.float32)


def _shared(boxes: F32, box: F32) -> F32:
    """The area f32[n] that each of boxes f32[n, 4] has in common with one."""
    sides = np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2])
    return np.asarray(np.prod(np.maximum(sides, 0), axis=1), np.float32)


def _back(boxes: F32, turned_deg: int, width_px: int, height_px: int) -> F32:
    """Boxes f32[n, 4] of a turned picture, in the picture of this size that it was before."""
    left, top, right, bottom = boxes.T
    if turned_deg == 90:
        sides = top, height_px - right, bottom, height_px - left
    elif turned_deg == 180:
        sides = width_px - right, height_px - bottom, width_px - left, height_px - top
    elif turned_deg == 270:
        sides = width_px - bottom, left, width_px - top, right
    else:
        return boxes
    return np.asarray(np.stack(sides, axis=1), np.float32)


def _refused(code: str, text: str, value: float, limit: float) -> PhotoRefused:
    return PhotoRefused(text, [Finding(code, Weight.AGAINST, text, round(value, 1), limit)])

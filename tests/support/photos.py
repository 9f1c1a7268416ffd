"""Photos that come with installed packages, and so are there on every machine."""

import importlib.util
import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from lfrd.types import Planes
from lfrd.vision.graph import to_dynamic_f32
from lfrd.vision.packs import published_recogniser
from lfrd.vision.planes import planes_from_rgb


def _in_package(package: str, path: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / path


SIX_FACES = _in_package("insightface", "data/images/t1.jpg")
ASTRONAUT = _in_package("lfrd.vision", "astronaut.png")
SIX_BOXES = (
    (52, 266, 171, 400), (271, 147, 370, 276), (462, 266, 576, 417), (751, 346, 845, 472),
    (899, 57, 1005, 197), (1132, 274, 1227, 399),
)  # fmt: skip
"""Where the six people of SIX_FACES are, from left to right."""


def astronaut() -> bytes:
    """A photo with one face, as a file."""
    return ASTRONAUT.read_bytes()


def photo_rgb(path: Path) -> np.ndarray:
    """A photo as u8[h, w, 3] RGB."""
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert bgr is not None, path
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def photo_planes(path: Path) -> Planes:
    """A photo as planes."""
    return planes_from_rgb(photo_rgb(path))


def plain_sface() -> bytes:
    """The default recogniser as any directory of models could hold it: f32[n, 3, 112, 112] in."""
    return to_dynamic_f32(published_recogniser(), dynamic_axes=(0,))


def somebody_in_a_room(who: str, number: int, *, wall: int = 120) -> np.ndarray:
    """A picture u8[720, 1280, 3] RGB of a wall, and before it, always in the same place and moving
    a little, the `astronaut` or the `other` person."""
    photo, x, y, half = (
        (ASTRONAUT, 225, 120, 100) if who == "astronaut" else (SIX_FACES, 519, 341, 128)
    )
    head = photo_rgb(photo)[y - half : y + half, x - half : x + half]
    picture = np.full((720, 1280, 3), wall, np.uint8)
    left = 500 + number % 3
    picture[200:400, left : left + 200] = cv2.resize(head, (200, 200))
    return picture


def image_file(image: Image.Image, kind: str, **options: object) -> bytes:
    """A picture as a file of this format."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def red_and_blue(width: int = 64, height: int = 48) -> Image.Image:
    """Red on the left half, blue on the right."""
    image = Image.new("RGB", (width, height), (255, 0, 0))
    image.paste((0, 0, 255), (width // 2, 0, width, height))
    return image


def jpeg_of(image: Image.Image, quality: int = 92) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def portraits() -> list[bytes]:
    """Six people, each alone on a photo with about 60 px between the eyes."""
    whole = Image.open(SIX_FACES).convert("RGB")
    found = []
    for left, top, right, bottom in SIX_BOXES:
        dx, dy = (right - left) * 0.5, (bottom - top) * 0.5
        cut = whole.crop((round(left - dx), round(top - dy), round(right + dx), round(bottom + dy)))
        found.append(jpeg_of(cut.resize((cut.width * 2, cut.height * 2), Image.Resampling.BICUBIC)))
    return found


def noise(seed: int, side: int = 320) -> bytes:
    """A picture with nobody in it."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    return jpeg_of(Image.fromarray(pixels))

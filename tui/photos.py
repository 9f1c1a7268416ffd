"""Photo files on the operator's machine, and the gate's verdict drawn over one."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from lfrd.errors import BadInput, UserError
from lfrd.wire.lists import Finding, PhotoFace, PhotoVerdict

SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".tif", ".tiff", ".heic",
    ".heif", ".hif", ".avif",
)  # fmt: skip
READ_LIMIT_BYTES = 20_000_000
PHOTOS_MAX = 50
"""What an entry may have."""
FILES_SHOWN_MAX = 2_000

MEANT_RGB = (86, 180, 233)
OTHER_RGB = (160, 160, 160)
REFUSED_RGB = (240, 121, 58)
HALO_RGB = (0, 0, 0)
EYE = 1 / 14
"""An eye's circle, as a share of the face's width."""


def paths_of(text: str) -> tuple[Path, ...]:
    """The photos that were typed, pasted or dropped: paths with quotes or backslashes as a shell
    reads them, or one path as it is; a folder stands for the photos in it. Raises BadInput."""
    typed = text.strip()
    if not typed:
        return ()
    whole = Path(typed).expanduser()
    if whole.exists():
        given = [whole]
    else:
        try:
            given = [Path(part.removeprefix("file://")).expanduser() for part in shlex.split(typed)]
        except ValueError:
            raise BadInput("a quotation mark in the paths has no second one") from None
    found = tuple(path for item in given for path in _photos_at(item))
    if len(found) > PHOTOS_MAX:
        raise BadInput(f"an entry has at most {PHOTOS_MAX} photos; these are {len(found)}")
    return tuple(dict.fromkeys(found))


def _photos_at(path: Path) -> Sequence[Path]:
    if not path.is_dir():
        return [path]
    inside = photos_in(path)
    if not inside:
        raise BadInput(f"there is no photo in the folder {path}")
    return inside


def photos_in(folder: Path) -> tuple[Path, ...]:
    """The photos of a folder by their names, hidden ones left out. Raises BadInput."""
    try:
        names = sorted(folder.iterdir())
    except OSError as error:
        raise BadInput(f"the folder {folder} cannot be read: {error.strerror}") from None
    return tuple(path for path in names if is_photo(path) and path.is_file())


def is_photo(path: Path) -> bool:
    """Whether a file is a photo by its name."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def read_photo(path: Path) -> bytes:
    """A photo's file. Raises BadInput, UserError."""
    try:
        with path.open("rb") as file:
            data = file.read(READ_LIMIT_BYTES + 1)
    except FileNotFoundError:
        raise BadInput(f"there is no photo {path}") from None
    except OSError as error:
        raise UserError(f"the photo {path} cannot be read: {error.strerror}") from None
    if not data or len(data) > READ_LIMIT_BYTES:
        what = "is empty" if not data else f"is larger than {READ_LIMIT_BYTES // 1_000_000} MB"
        raise BadInput(f"the photo {path} {what}")
    return data


def box_text(face: PhotoFace) -> str:
    """A face's box, as the API takes it."""
    return ",".join(f"{side:.0f}" for side in face.box)


def drawn(picture: Image.Image, verdict: PhotoVerdict) -> Image.Image:
    """The photo with a box round each face: a thick one with its eyes for the one that is meant,
    orange where it would be refused; dashed where it is unknown which one is meant."""
    shown = picture.copy()
    pen = ImageDraw.Draw(shown)
    scale = shown.width / verdict.width_px, shown.height / verdict.height_px
    thick_px = max(2, shown.width // 64)
    for face in sorted(verdict.faces, key=lambda face: face.meant):
        colour = OTHER_RGB
        if face.meant:
            colour = MEANT_RGB if verdict.refused is None else REFUSED_RGB
        left, top, right, bottom = (
            side * scale[at % 2] for at, side in enumerate(face.box)
        )  # fmt: skip
        pen.rectangle((left, top, right, bottom), outline=HALO_RGB, width=2 * thick_px)
        pen.rectangle((left, top, right, bottom), outline=colour, width=thick_px)
        if face.meant:
            _draw_eyes(pen, face, scale, max(3.0, (right - left) * EYE), colour)
    return shown


def _draw_eyes(
    pen: ImageDraw.ImageDraw,
    face: PhotoFace,
    scale: tuple[float, float],
    radius_px: float,
    colour: tuple[int, int, int],
) -> None:
    for x, y in face.eyes:
        at_x, at_y = x * scale[0], y * scale[1]
        for size, ink in ((radius_px * 1.4, HALO_RGB), (radius_px, colour)):
            pen.ellipse((at_x - size, at_y - size, at_x + size, at_y + size), fill=ink)


def close_up(picture: Image.Image, verdict: PhotoVerdict) -> Image.Image:
    """The part around the faces: in a large photo a face is a few cells otherwise."""
    if not verdict.faces:
        return picture
    scale = picture.width / verdict.width_px, picture.height / verdict.height_px
    sides = list(zip(*(face.box for face in verdict.faces), strict=True))
    left, top = min(sides[0]) * scale[0], min(sides[1]) * scale[1]
    right, bottom = max(sides[2]) * scale[0], max(sides[3]) * scale[1]
    around = 0.6 * max(right - left, bottom - top)
    box = (
        max(0, int(left - around)), max(0, int(top - around)),
        min(picture.width, int(right + around)), min(picture.height, int(bottom + around)),
    )  # fmt: skip
    return picture.crop(box)


SIGNS = {"against": "✗", "warn": "▲", "note": "·"}


def finding_rows(
    findings: Sequence[Finding], *, refused: bool = False
) -> tuple[tuple[str, str], ...]:
    """Each finding as a sign and its sentence, what speaks against the photo first. ✗ is what it is
    refused for."""
    order = list(SIGNS)
    ranked = sorted(findings, key=lambda item: order.index(item.weight))
    signs = SIGNS if refused else {**SIGNS, "against": SIGNS["warn"]}
    return tuple((signs[item.weight], item.message) for item in ranked)

"""A folder of people, a folder each with their photos, and what the model makes of them."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from lfrd.errors import BadInput, NotFound
from lfrd.lists.photo_face import Pick, find_faces
from lfrd.lists.photo_file import read_photo
from lfrd.lists.photo_folder import files_in, folders_in, unread_words
from lfrd.types import F32, U8
from lfrd.vision.engine import Vision

KINDS = ("same", "twins")


def read_errata(path: Path) -> frozenset[frozenset[str]]:
    """Pairs of names that show one person, from a file of `name TAB name TAB score TAB kind`.

    Lines of kind `twins` are two people who look alike: they are strangers and stay. Raises
    BadInput.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"the list of known mistakes {path} cannot be read: {error}") from None
    same: set[frozenset[str]] = set()
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split("\t")
        if len(parts) != 4 or parts[3] not in KINDS or parts[0] == parts[1]:
            raise BadInput(
                f"{path} line {number} is not `name TAB name TAB score TAB {'|'.join(KINDS)}`"
            )
        if parts[3] == "same":
            same.add(frozenset(parts[:2]))
    return frozenset(same)


SMALL_SIDE_PX = 256
"""A photo with no longer side is doubled: the detector places landmarks tightly from about 300."""

AT_ONCE = 8
"""Photos under way at the same time."""

Progress = Callable[[int, int], None]
"""Told how many of how many are done."""


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """A photo and the name of the folder it lies in."""

    person: str
    path: Path


@dataclass(frozen=True, slots=True)
class Embedded:
    """Photos in which a face was found: row i of `vectors` f32[n, D] is of photos[i], and of the
    person with the number people[i]. `missed` are those in which none was. `norms` f32[n] are the
    lengths that the model gave the vectors, by which looks weigh; None: all weigh alike."""

    photos: tuple[LabelledPhoto, ...]
    people: npt.NDArray[np.intp]
    vectors: F32
    missed: tuple[LabelledPhoto, ...] = ()
    norms: F32 | None = None

    def __len__(self) -> int:
        return len(self.photos)

    def rows_by_person(self) -> list[npt.NDArray[np.intp]]:
        """The rows of each person, in the order of the people's numbers."""
        order = np.argsort(self.people, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(self.people[order])) + 1)

    def of(self, people: Sequence[str]) -> "Embedded":
        """Only these people, numbered anew."""
        kept = set(people)
        rows = np.array([n for n, photo in enumerate(self.photos) if photo.person in kept], np.intp)
        photos = tuple(self.photos[row] for row in rows)
        norms = None if self.norms is None else self.norms[rows]
        return Embedded(photos, numbered(photos), self.vectors[rows], (), norms)

    def norms_of(self, rows: npt.NDArray[np.intp]) -> F32 | None:
        """The norms of these rows, where they are known."""
        return None if self.norms is None else self.norms[rows]


def find_people(folder: Path) -> tuple[LabelledPhoto, ...]:
    """Every photo of every person's folder, in order. Raises NotFound, BadInput."""
    if not folder.is_dir():
        raise NotFound(f"there is no folder {folder}")
    photos = tuple(
        LabelledPhoto(person.name, path)
        for person in folders_in(folder)
        for path in files_in(person).photos
    )
    if len({photo.person for photo in photos}) < 2:
        raise BadInput(
            f"{folder} must hold a folder for each person with their photos, two people at least"
        )
    return photos


def left_out(folder: Path, missed: Sequence[LabelledPhoto]) -> tuple[str, ...]:
    """Of whom in such a folder there is no template, or one less, and why."""
    lines = [f"{photo.path}: no face was found" for photo in missed]
    for person in folders_in(folder):
        inside = files_in(person)
        lines += [f"{path}: {unread_words(path)}" for path in inside.unread]
        if not inside.photos:
            lines.append(f"{person} holds no photo")
    return tuple(lines)


def numbered(photos: Sequence[LabelledPhoto]) -> npt.NDArray[np.intp]:
    """The number of each photo's person, people in order of their names."""
    names = {name: n for n, name in enumerate(sorted({photo.person for photo in photos}))}
    return np.array([names[photo.person] for photo in photos], np.intp)


async def embed(
    vision: Vision, photos: Sequence[LabelledPhoto], progress: Progress | None = None
) -> Embedded:
    """The template of the face nearest to the middle of each photo, as the daemon makes it.

    Raises BadInput that names every photo that cannot be read.
    """
    vectors = np.zeros((len(photos), vision.dim), np.float32)
    norms = np.zeros(len(photos), np.float32)
    room = asyncio.Semaphore(AT_ONCE)
    done = 0
    unreadable: list[str] = []

    async def one(row: int) -> None:
        nonlocal done
        async with room:
            try:
                found = await template_of(vision, photos[row].path)
            except BadInput as error:
                unreadable.append(str(error))
                return
            if found is not None:
                vectors[row], norms[row] = found.vector, found.norm
            done += 1
            if progress is not None:
                progress(done, len(photos))

    async with asyncio.TaskGroup() as tasks:
        for row in range(len(photos)):
            tasks.create_task(one(row))
    if unreadable:
        raise BadInput("\n".join(sorted(unreadable)))
    there = np.asarray(vectors.any(axis=1)).tolist()
    kept = tuple(photo for photo, ok in zip(photos, there, strict=True) if ok)
    missed = tuple(photo for photo, ok in zip(photos, there, strict=True) if not ok)
    return Embedded(kept, numbered(kept), vectors[there], missed, norms[there])


@dataclass(frozen=True, slots=True)
class PhotoTemplate:
    """A vector f32[D] of unit norm, and the norm that the model gave it."""

    vector: F32
    norm: float


async def template_of(vision: Vision, path: Path) -> PhotoTemplate | None:
    """The template of the face nearest to a photo's middle; None where none is found."""
    rgb = await asyncio.to_thread(_pixels, path)
    pick = _central(rgb.shape[1], rgb.shape[0])
    found = await find_faces(vision, rgb, pick)
    index = pick(found.boxes_as_given)
    if index is None:
        return None
    crop = await vision.align(found.planes, found.faces.landmarks[index])
    if crop is None:
        raise BadInput("too many faces are being looked at; try again in a moment")
    try:
        probe = await vision.embed(crop)
        if probe is None:
            raise BadInput("too many faces are being compared; try again in a moment")
        try:
            return PhotoTemplate(probe.array.copy(), probe.norm)
        finally:
            probe.release()
    finally:
        crop.release()


def _pixels(path: Path) -> U8:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"the photo {path} cannot be read: {error.strerror}") from None
    return enlarged(read_photo(data, name=str(path)).rgb)


def enlarged(rgb: U8) -> U8:
    """The picture u8[h, w, 3], doubled if it is small."""
    height, width = rgb.shape[:2]
    if max(height, width) > SMALL_SIDE_PX:
        return rgb
    image = Image.fromarray(rgb).resize((2 * width, 2 * height), Image.Resampling.BICUBIC)
    return np.asarray(image, np.uint8)


def _central(width_px: int, height_px: int) -> Pick:
    """The face nearest to the middle."""
    middle = np.array([width_px, height_px]) / 2

    def pick(boxes: F32) -> int | None:
        if not len(boxes):
            return None
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        return int(np.argmin(np.hypot(*(centres - middle).T)))

    return pick

"""What `lfrd evaluate` is given of clips, read and checked as far as it can be before one plays."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lfrd.cli.evaluate_options import ClipOptions
from lfrd.cli.outputs import check_output
from lfrd.cli.temporary import FoundPhotos, camera_section, find_photos
from lfrd.clock import SystemClock
from lfrd.config import CameraSection
from lfrd.errors import BadInput, UserError
from lfrd.evaluate.shots import Shot, check_length, check_names, plain, read_labels
from lfrd.ingest.address import file_address
from lfrd.ingest.clip_times import ClipTimes, TimesReader

CAMERA = "clip"


@dataclass(frozen=True, slots=True)
class Inputs:
    """Clips with their labels times and cameras, all in one order, and the photos that were found.

    `notes` are what the user should know although it is no mistake.
    """

    wanted: ClipOptions
    photos: FoundPhotos
    shots: tuple[tuple[Shot, ...], ...]
    times: tuple[ClipTimes, ...]
    notes: tuple[str, ...]
    cameras: tuple[CameraSection, ...]


async def read_inputs(wanted: ClipOptions) -> Inputs:
    """Read everything, the clips to their ends. Raises UserError for what is wrong."""
    for output in (wanted.report, wanted.out):
        if output is not None:
            check_output(output, (*wanted.clips, *wanted.labels))
    cameras = tuple(
        camera_section(CAMERA, file_address(clip), wanted.picture) for clip in wanted.clips
    )
    photos = find_photos(wanted.watchlist)
    notes = check_people(photos.photos, wanted.watchlist)
    shots = tuple(check_names(read_labels(path), photos.photos, path) for path in wanted.labels)
    expected = sum(len(shot.present) for labels in shots for shot in labels)
    if wanted.require_raised is not None and wanted.require_raised > expected:
        raise BadInput(
            f"--require-raised {wanted.require_raised} cannot be met: the labels expect {expected} "
            "person-shots"
        )
    times = []
    for clip, labels, path in zip(wanted.clips, shots, wanted.labels, strict=True):
        found = await _times(clip, wanted.picture.get("stream"))
        if found.frames < 2:
            raise BadInput(f"{clip} has a single picture: a passage takes several")
        check_length(labels, found.frames, path, clip)
        if not found.stamped:
            notes.append(
                f"{clip} does not say when its pictures are shown: seconds go by its frame rate"
            )
        times.append(found)
    return Inputs(wanted, photos, shots, tuple(times), tuple(notes), cameras)


def check_people(photos: Mapping[str, list[Path]], folder: Path) -> list[str]:
    """Notes about people with photos in several places and about photos that two people share.

    Raises BadInput for names that only a computer tells apart, and for a photo given twice.
    """
    alike: dict[str, str] = {}
    for name in photos:
        if ";" in name:
            raise BadInput(
                f"{folder}: labels separate names by semicolons, so no name may have one: {name}"
            )
        other = alike.setdefault(plain(name).casefold(), name)
        if other != name:
            raise BadInput(
                f"{folder} has both {other} and {name}: if they are one person, put the photos "
                "into one folder; if they are two, name them apart"
            )
    notes = []
    for name, paths in photos.items():
        if len(paths) > 1 and any(path.parent == folder for path in paths):
            shown = ", ".join(str(path.relative_to(folder)) for path in paths)
            notes.append(f"{name} has several photos in {folder}, taken as one person's: {shown}")
    return notes + _shared(photos)


def _shared(photos: Mapping[str, list[Path]]) -> list[str]:
    """A note for each two people who have a photo in common, byte for byte.

    Raises BadInput where one person has the same photo twice, which a list refuses.
    """
    seen: dict[str, tuple[str, Path]] = {}
    notes = []
    for name, paths in photos.items():
        for path in paths:
            other, before = seen.setdefault(_digest(path), (name, path))
            if other != name:
                notes.append(f"{other} and {name} have the same photo: {before} and {path}")
            elif before != path:
                raise BadInput(f"{name} has the same photo twice, {before} and {path}: remove one")
    return notes


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"cannot read the photo {path}: {error.strerror}") from None


async def _times(clip: Path, stream: int | None) -> ClipTimes:
    """Read a clip in a thread, which ends soon if we are cancelled."""
    reader = TimesReader(clip, SystemClock(), stream)
    try:
        return await asyncio.to_thread(reader.read)
    finally:
        reader.stop()

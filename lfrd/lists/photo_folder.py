"""Which files of a folder are photos of a person, and which are left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PHOTO_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".tif", ".tiff", ".heic",
    ".heif", ".hif", ".avif",
)  # fmt: skip
"""How the names of photos end that can be read (lfrd.lists.photo_file), in lower case."""

_OTHER_PICTURES = frozenset(
    {
        ".arw", ".cr2", ".cr3", ".dng", ".eps", ".gif", ".ico", ".j2k", ".jp2", ".jxl", ".nef",
        ".orf", ".pbm", ".pcx", ".pdf", ".pgm", ".ppm", ".psd", ".raf", ".rw2", ".svg", ".tga",
    }
)  # fmt: skip
"""Pictures that are not read: a person who is in one of these is missed."""

_OF_THE_SYSTEM = frozenset({"thumbs.db", "desktop.ini"})


@dataclass(frozen=True, slots=True)
class PhotoFiles:
    """What lies in a folder: `photos` in order, `unread` are pictures of a kind that is not read,
    `others` are no pictures by their names. Hidden files, and those that systems leave behind, are
    in none."""

    photos: tuple[Path, ...]
    unread: tuple[Path, ...]
    others: tuple[Path, ...]


def is_photo(path: Path) -> bool:
    """Whether a file is a photo by its name; hidden ones (also the twins of macOS, `._a.jpg`) are
    not."""
    return path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".")


def files_in(folder: Path) -> PhotoFiles:
    """The files of a folder; folders inside it are not looked at."""
    inside = sorted(path for path in folder.iterdir() if not is_noise(path) and path.is_file())
    return PhotoFiles(
        tuple(path for path in inside if is_photo(path)),
        tuple(path for path in inside if is_unread(path)),
        tuple(path for path in inside if not is_photo(path) and not is_unread(path)),
    )


def folders_in(folder: Path) -> Sequence[Path]:
    """The folders of a folder, in order, without hidden ones."""
    return sorted(path for path in folder.iterdir() if not is_noise(path) and path.is_dir())


def unread_words(path: Path) -> str:
    """What is wrong with a picture that is not read."""
    return f"{path.suffix.lower()} pictures are not read; save it as JPEG or PNG"


def is_unread(path: Path) -> bool:
    """Whether a file is a picture of a kind that is not read, by its name."""
    return path.suffix.lower() in _OTHER_PICTURES


def is_noise(path: Path) -> bool:
    """Whether a file or folder is hidden, or one that systems leave behind, by its name."""
    name = path.name.lower()
    return name.startswith(".") or name in _OF_THE_SYSTEM or name == "__macosx"

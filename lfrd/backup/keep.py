"""The archives in a folder: until when each is kept."""

import os
from contextlib import suppress
from pathlib import Path

from lfrd.backup.archive import SUFFIX, Header, read_header
from lfrd.errors import BadInput, StoreFailed
from lfrd.store.state_folder import sync_folder

SHRED_BYTES = 65_536
"""The first line and age's header, which alone holds the key of the rest."""


def archives(folder: Path) -> list[tuple[Path, Header]]:
    """Those in a folder, oldest first."""
    found = []
    for path in folder.glob(f"*{SUFFIX}"):
        with suppress(BadInput):
            found.append((path, read_header(path)[0]))
    return sorted(found, key=lambda item: item[1].made_at_s)


def overdue(folder: Path, installation: str, now_s: float) -> list[Path]:
    """The archives of this installation whose last key is to be gone by now."""
    return [
        path
        for path, header in archives(folder)
        if header.installation == installation and header.expires_at_s <= now_s
    ]


def prune(folder: Path, installation: str, now_s: float, keep: Path) -> list[Path]:
    """Delete those, but for `keep`; return which. Raises StoreFailed."""
    gone = [path for path in overdue(folder, installation, now_s) if path != keep]
    try:
        for path in gone:
            shred(path)
        if gone:
            sync_folder(folder)
    except OSError as error:
        raise StoreFailed(
            f"{error.filename} is past its time and cannot be deleted: {error.strerror}"
        ) from error
    return gone


def shred(path: Path) -> None:
    """Overwrite what an archive is opened with, then unlink it: no copy of its blocks opens."""
    with path.open("r+b") as file:
        file.write(bytes(min(path.stat().st_size, SHRED_BYTES)))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()

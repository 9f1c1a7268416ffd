"""The last part of changing the master key, which is gone on from after a crash.

`lfrd key rotate` first makes new files beside the old ones (`*.next`), all of them under the new
key, checked and on the disk. Then one small file, the marker, is written: that is the moment of
the change. From there on `finish_rotation` puts the new files in the place of the old ones; it may
be cut off and run again as often as it takes. Without the marker the new files mean nothing.
"""

from pathlib import Path

from lfrd.errors import StateError
from lfrd.store.state_folder import StateFolder, overwrite, sync_folder, write_secret


def next_to(path: Path) -> Path:
    """Where the file that is to take the place of `path` is made."""
    return path.with_name(path.name + ".next")


def marker_of(folder: StateFolder) -> Path:
    return folder.path / "rotation"


def commit_rotation(folder: StateFolder) -> None:
    """Every new file is on the disk: from now on they are the ones that count."""
    write_secret(marker_of(folder), b"the files *.next take the place of those without\n")


def finish_rotation(folder: StateFolder) -> None:
    """Finish a rotation that was committed, undo one that was not. Raises StateError."""
    try:
        if marker_of(folder).exists():
            _put_in_place(folder)
        else:
            _undo(folder)
    except OSError as error:
        raise StateError(
            f"the change of the master key in {folder.path} cannot be finished: {error}"
        ) from error


def _files(folder: StateFolder) -> tuple[Path, ...]:
    return folder.keys_path, folder.database_path, folder.master_key_path


def _put_in_place(folder: StateFolder) -> None:
    for path in _files(folder):
        new = next_to(path)
        if not new.exists():
            continue
        for suffix in ("-wal", "-shm", "-journal"):  # of the old file; it was closed cleanly
            beside = path.with_name(path.name + suffix)
            if path != folder.database_path:
                overwrite(beside)
            beside.unlink(missing_ok=True)
        if path != folder.database_path:
            overwrite(path)
        new.replace(path)
        sync_folder(folder.path)
    # What the old key still opens: the index, made anew at start, and the copy from before the
    # last migration.
    for pattern in (folder.index_path.name, f"{folder.database_path.name}.before-"):
        for path in folder.path.glob(f"{pattern}*"):
            path.unlink()
    marker_of(folder).unlink()
    sync_folder(folder.path)


def _undo(folder: StateFolder) -> None:
    for new in (*map(next_to, _files(folder)), marker_of(folder)):
        for suffix in ("", ".new", "-wal", "-shm", "-journal"):
            path = new.with_name(new.name + suffix)
            overwrite(path)
            path.unlink(missing_ok=True)

"""One state folder belongs to one daemon."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from lfrd.errors import Conflict, StateError


def sync_folder(path: Path) -> None:
    """Make the names of the files in a folder survive a power cut."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Make the content of a file survive a power cut."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_secret(path: Path, content: bytes) -> None:
    """Make a file that only we can read: whole and on the disk before it has its name."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    sync_folder(path.parent)


def overwrite(path: Path) -> None:
    """Put zeros in the place of a file's content, where the file system writes in place."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())


FOLDER_OF_OTHERS = stat.S_IRWXO | stat.S_IWGRP
"""The group may pass through a folder, to a socket in it."""
FILE_OF_OTHERS = stat.S_IRWXO | stat.S_IRWXG


def refuse_others(path: Path) -> None:
    """Raises StateError where other users may read or write the state, with the mend."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & FOLDER_OF_OTHERS:
        raise StateError(
            f"the state folder {path} is open to other users (mode {mode:04o}): run "
            f"`chmod 700 {path}`, and look whether anything in it was changed"
        )
    for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
        mode = stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode)
        if entry.is_file(follow_symlinks=False) and mode & FILE_OF_OTHERS:
            raise StateError(
                f"{entry.path} can be read or changed by other users (mode {mode:04o}): run "
                f"`chmod 600 {entry.path}`, and think of what is in it as known to them"
            )


class StateFolder:
    """The folder that holds all state, locked while it is entered.

    Entering creates it (0700) where it is missing and takes the lock; a second daemon gets
    StateError. The lock is the kernel's: it goes with the process, however that ends, and where
    `keep_locked` was called only then. A folder that others may look into or change is refused,
    and so is one with a file that they may.
    """

    def __init__(self, path: Path, *, of_restore: bool = False) -> None:
        """`of_restore`: also where a restore was cut off, since it is to be done again."""
        self.path = path
        self._of_restore = of_restore
        self._lock: int | None = None

    @property
    def database_path(self) -> Path:
        """Everything there is, faces sealed."""
        return self.path / "lfrd.db"

    @property
    def index_path(self) -> Path:
        """Vectors for search; derived from the database, in no backup."""
        return self.path / "index.db"

    @property
    def keys_path(self) -> Path:
        """The data keys, wrapped."""
        return self.path / "keys.db"

    @property
    def master_key_path(self) -> Path:
        return self.path / "master.key"

    @property
    def audit_key_path(self) -> Path:
        """What signs the log."""
        return self.path / "audit.key"

    @property
    def lock_path(self) -> Path:
        return self.path / "lock"

    @contextmanager
    def without_backup(self, otherwise: str) -> Iterator[None]:
        """No backup is made meanwhile, and no other one of these goes on. Raises Conflict with this
        sentence where one does."""
        handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise Conflict(otherwise) from None
        finally:
            os.close(handle)

    @property
    def restoring(self) -> "StateFolder":
        """Where a restore is made ready; a folder that is there was cut off."""
        return StateFolder(self.path / "restoring", of_restore=True)

    def keep_locked(self) -> None:
        """Something of this process cannot be stopped: the lock goes with the process alone."""
        self._lock = None

    def __enter__(self) -> "StateFolder":
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            refuse_others(self.path)
            if not self._of_restore and self.restoring.path.exists():
                raise StateError(
                    f"a restore into {self.path} was cut off: run `lfrd restore` again"
                )
            lock = os.open(self.lock_path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(f"the state folder {self.path} cannot be used: {error}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            raise StateError(
                f"the state folder {self.path} is in use by another lfrd: stop that one, or "
                "choose another folder"
            ) from error
        except OSError as error:
            os.close(lock)
            raise StateError(f"the state folder {self.path} cannot be locked: {error}") from error
        self._lock = lock
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

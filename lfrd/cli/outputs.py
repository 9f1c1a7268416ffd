"""Files that a command writes for its user alone, since they hold names or faces."""

import os
from collections.abc import Sequence
from pathlib import Path

from lfrd.errors import BadInput, UserError

PRIVATE = 0o600


def refuse_folder(path: Path) -> None:
    """Raise BadInput where no file can be written, by any user."""
    if path.is_dir():
        raise BadInput(f"{path} is a folder: name a file to write")


def check_output(path: Path, inputs: Sequence[Path]) -> None:
    """Find out before hours of work whether a file could be written. Raises BadInput."""
    refuse_folder(path)
    if not path.parent.is_dir():
        raise BadInput(f"{path} cannot be written: there is no folder {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise BadInput(f"{path} cannot be written: this user may not")
    if any(other.exists() and path.exists() and path.samefile(other) for other in inputs):
        raise BadInput(f"{path} would be overwritten, and it is one of the inputs")


def write_public(path: Path, content: bytes) -> None:
    """Write what is meant for everybody, over what is there. Raises UserError."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None


def write_private_bytes(path: Path, content: bytes) -> None:
    """Write what only the user may read, over what is there. Raises UserError."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT, PRIVATE)
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, PRIVATE)  # before the first byte, also where the file was there
            file.truncate()
            file.write(content)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None


def write_private(path: Path, content: str) -> None:
    """The same of a text."""
    write_private_bytes(path, content.encode())

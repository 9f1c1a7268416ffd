"""The one module that uses age: what is encrypted to recipients opens with an identity alone."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol, Self

import pyrage

from lfrd.errors import BadInput, Conflict, StoreFailed
from lfrd.store.state_folder import write_secret

IDENTITY_BYTES = 65_536
"""More than any file of identities holds."""


class Source(Protocol):
    """Where plain bytes come from; empty at the end."""

    def read(self, size: int, /) -> bytes: ...


class Sink(Protocol):
    """Where sealed bytes go."""

    def write(self, data: bytes, /) -> int: ...
    def flush(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Recipient:
    """A public key: `age1…`."""

    text: str
    key: "pyrage.x25519.Recipient" = field(repr=False, compare=False)

    @classmethod
    def of(cls, text: str) -> Self:
        """Raises BadInput."""
        try:
            return cls(text, pyrage.x25519.Recipient.from_str(text.strip()))
        except pyrage.RecipientError as error:
            raise BadInput(
                f"{text!r} is no recipient ({error}): `lfrd key recipient FILE` makes one, age1…"
            ) from None


@dataclass(frozen=True, slots=True)
class Identity:
    """A private key."""

    key: "pyrage.x25519.Identity" = field(repr=False)

    @classmethod
    def new(cls) -> Self:
        return cls(pyrage.x25519.Identity.generate())

    @property
    def recipient(self) -> Recipient:
        public = self.key.to_public()
        return Recipient(str(public), public)

    def save(self, path: Path) -> None:
        """Write it as age's own tools do, for this user alone. Raises Conflict, StoreFailed."""
        if path.exists():
            raise Conflict(f"{path} is there already, and may open archives: name another file")
        text = f"# public key: {self.recipient.text}\n{self.key}\n"
        try:
            write_secret(path, text.encode())
        except OSError as error:
            raise StoreFailed(f"{path} cannot be written: {error.strerror}") from None


def identities_in(text: str, where: str) -> list[Identity]:
    """The private keys of a file of age's tools. Raises BadInput, which repeats nothing of it."""
    lines = [line.strip() for line in text.splitlines()]
    found = []
    for line in lines:
        if not line or line.startswith("#"):
            continue
        try:
            found.append(Identity(pyrage.x25519.Identity.from_str(line)))
        except pyrage.IdentityError:
            raise BadInput(f"{where} holds a line that is no age identity") from None
    if not found:
        raise BadInput(f"{where} holds no age identity (AGE-SECRET-KEY-1…)")
    return found


def seal(source: Source, sink: Sink, recipients: Sequence[Recipient]) -> None:
    """Encrypt all of `source`. What reading or writing raises comes back as StoreFailed."""
    try:
        pyrage.encrypt_io(source, sink, [recipient.key for recipient in recipients])
    except (pyrage.EncryptError, OSError) as error:
        raise StoreFailed(str(error)) from error


@contextmanager
def opened(file: IO[bytes], identities: Sequence[Identity], name: str) -> Iterator[IO[bytes]]:
    """What is sealed in `file` from its position on, as a file to read from.

    Raises BadInput on leaving where none of the identities opens it, or it was altered or cut.
    """
    away, back = os.pipe()
    failed: list[Exception] = []

    def decrypt() -> None:
        with os.fdopen(back, "wb", buffering=0) as plain:
            try:
                keys = [identity.key for identity in identities]
                pyrage.decrypt_io(file, _Whole(plain.write), keys)
            except (pyrage.DecryptError, OSError) as error:
                failed.append(error)

    worker = threading.Thread(target=decrypt, name="lfrd-archive")
    worker.start()
    trouble: Exception | None = None
    try:
        with os.fdopen(away, "rb") as plain:
            try:
                yield plain
                while plain.read(1 << 20):  # to the end: only there it is known to be whole
                    pass
            except Exception as error:
                trouble = error
    finally:
        worker.join()
    cause = next((e for e in failed if not isinstance(e, BrokenPipeError)), None)
    if cause is not None and not (trouble and "Broken pipe" in str(cause)):
        raise _refused(name, cause) from trouble
    if trouble is not None:
        raise trouble


class _Whole:
    """Writes all that it is given."""

    def __init__(self, write: Callable[[bytes | memoryview], int | None]) -> None:
        self._write = write

    def write(self, data: bytes) -> int:
        left = memoryview(data)
        while left:
            left = left[self._write(left) or 0 :]
        return len(data)

    def flush(self) -> None: ...


def _refused(name: str, error: Exception) -> BadInput:
    text = str(error)
    if "No matching keys" in text:
        return BadInput(f"{name} is encrypted to another key: give the identity that belongs to it")
    return BadInput(
        f"{name} is cut off or was altered: take another copy of it, or an earlier archive"
    )

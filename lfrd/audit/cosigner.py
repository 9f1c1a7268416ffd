"""The inside of a witness (c2sp.org/tlog-witness): what it signed last of each log, on its disk.

A checkpoint is signed only if it goes on from the one that was signed before, and is on the disk
before the signature leaves.
"""

import base64
import fcntl
import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lfrd.audit.signing import SEED_BYTES, PrivateKey, private_key_of
from lfrd.audit.verify import (
    COSIGNATURE,
    BadLog,
    Checkpoint,
    PublicKey,
    check_consistency,
    is_name,
    note_of,
)

BODY_BYTES_MAX = 64 * 1024
PLAIN, SIZE = "text/plain; charset=utf-8", "text/x.tlog.size"

_BODY = re.compile(
    r"old (?P<old>0|[1-9][0-9]{0,15})\n(?P<path>(?:[A-Za-z0-9+/]{43}=\n){0,63})\n(?P<note>.+)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """Of an HTTP request."""

    status: int
    text: str = ""
    media_type: str = PLAIN


class Cosigner:
    """What signs for some logs; open while entered, one for a folder.

    Raises BadLog on entering where the folder is in use, or its key is damaged.
    """

    def __init__(self, folder: Path, name: str, logs: Sequence[PublicKey]) -> None:
        if not is_name(name):
            raise BadLog("a witness is named by a word without spaces and plus signs")
        self._folder = folder
        self._name = name
        self._logs = {key.name: [item for item in logs if item.name == key.name] for key in logs}
        self._lock: int | None = None
        self._key: PrivateKey | None = None

    def __enter__(self) -> "Cosigner":
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._key = self._open_key()
        except OSError as error:
            os.close(lock)
            raise BadLog(f"{self._folder} is in use by another witness: {error}") from None
        except BadLog:
            os.close(lock)
            raise
        self._lock = lock
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def key(self) -> PublicKey:
        return self._own.public

    def add(self, body: bytes) -> Answer:
        """Answer an `add-checkpoint`. Not for two threads at once; waits for the disk."""
        try:
            found = _BODY.fullmatch(body.decode())
            asked = note_of(found["note"]) if found else None
        except (UnicodeDecodeError, BadLog):
            found = asked = None
        if found is None or asked is None or int(found["old"]) > asked.size:
            return Answer(400, "this is no add-checkpoint request\n")
        refused = self._refuses(asked)
        if refused is not None:
            return refused
        path = [base64.b64decode(line) for line in found["path"].splitlines()]
        return self._goes_on(int(found["old"]), asked, path)

    def _refuses(self, asked: Checkpoint) -> Answer | None:
        keys = self._logs.get(asked.origin)
        if keys is None:
            return Answer(404, "this log is not known here\n")
        try:
            by = asked.signers(keys)
        except BadLog:
            by = ()
        return None if by else Answer(403, "no known key signed this checkpoint\n")

    def _goes_on(self, old_size: int, asked: Checkpoint, path: Sequence[bytes]) -> Answer:
        latest = self._latest(asked.origin)
        size, root = (latest.size, latest.root) if latest else (0, b"")
        if old_size != size:
            return Answer(409, f"{size}\n", SIZE)
        if asked.size == size and asked.root != root:
            return Answer(409, f"{size}\n", SIZE)
        try:
            check_consistency((size, root), (asked.size, asked.root), path)
        except BadLog as error:
            return Answer(422, f"{error}\n")
        _write(self._file_of(asked.origin), asked.note)
        return Answer(200, self._own.sign(asked.text).line)

    def _latest(self, origin: str) -> Checkpoint | None:
        path = self._file_of(origin)
        return note_of(path.read_text(encoding="utf-8")) if path.exists() else None

    def _file_of(self, origin: str) -> Path:
        return self._folder / f"{hashlib.sha256(origin.encode()).hexdigest()}.checkpoint"

    def _open_key(self) -> PrivateKey:
        path = self._folder / "witness.key"
        if not path.exists():
            _write(path, PrivateKey(self._name, COSIGNATURE, os.urandom(SEED_BYTES)).text + "\n")
        key = private_key_of(path.read_text(encoding="utf-8"))
        if key.name != self._name:
            raise BadLog(f"{path} is the key of {key.name}: use that name, or another folder")
        return key

    @property
    def _own(self) -> PrivateKey:
        assert self._key is not None, "the witness is not entered"
        return self._key


def _write(path: Path, text: str) -> None:
    """Whole and on the disk before it has its name; for us alone."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

"""When checkpoints of the log are signed, and their copy on a second disk.

A checkpoint is of what was committed before, and is on both disks before anything else is done: the
copy first, so that it never lacks what the database has. Where it cannot be written, nothing that
has to be logged is done.
"""

import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lfrd.audit import signing
from lfrd.audit.signing import PrivateKey
from lfrd.audit.verify import BadLog, Checkpoint, PublicKey, note_of, notes_in
from lfrd.clock import Clock
from lfrd.errors import StateError, StoreFailed
from lfrd.store import audit_log
from lfrd.store.audit_key import RENEW
from lfrd.store.audit_log import StoredCheckpoint
from lfrd.store.sqlite import Connection
from lfrd.store.state_folder import sync_folder

EVERY = 256
EVERY_S = 3600.0
TAIL_BYTES = 256 * 1024
"""Of the copy, which is looked at when it is opened."""

COPIED_TO = "audit_copied_to"


@dataclass(frozen=True, slots=True)
class CheckpointRules:
    """After how many leaves at the latest, and where the copy is."""

    every: int = EVERY
    copy: Path | None = None


class Checkpoints:
    """Signs the log of one database. `keep_up` is for the writer's thread, `want` for any."""

    def __init__(self, key: PrivateKey, clock: Clock, rules: CheckpointRules) -> None:
        self._key = key
        self.key = key.public
        self._clock = clock
        self._rules = rules
        self._copy = None if rules.copy is None else CheckpointCopy(rules.copy)
        self._opened_at_s = clock.wall_s()
        self._wanted = threading.Event()

    def open(self, db: Connection) -> None:
        """Compare the log with what was signed before, and bring the copy up to date.

        Raises StateError where they differ, or the copy cannot be used.
        """
        newest = audit_log.newest_checkpoint(db)
        if newest is not None:
            _must_fit(db, self.key, note_of(newest.note), "its newest checkpoint")
        if self._copy is not None:
            self._copy.open(db, self.key)

    def want(self) -> None:
        """Sign one before the next commit, unless nothing was logged since the last."""
        self._wanted.set()

    def keep_up(self, db: Connection) -> None:
        """In the writer's transaction, before what is done in it: sign if it is time.

        Raises StoreFailed where the copy cannot be written.
        """
        wanted = self._wanted.is_set()
        leaves, newest = audit_log.size(db), audit_log.newest_checkpoint(db)
        signed = newest.size if newest else 0
        since_s = self._clock.wall_s() - (newest.at_s if newest else self._opened_at_s)
        due = leaves - signed >= self._rules.every or not 0 <= since_s < EVERY_S
        if leaves > signed and (due or wanted):
            self._sign(db, leaves)
        if wanted:  # what is wanted from here on is of what comes
            self._wanted.clear()

    def copy_cosigned(self, note: str) -> None:
        """In the writer's transaction: a checkpoint that others have signed goes into the copy once
        more, with their signatures. Raises StoreFailed where it cannot be written."""
        if self._copy is not None:
            self._copy.append(note)

    def _sign(self, db: Connection, leaves: int) -> None:
        now_s, root = self._clock.wall_s(), audit_log.root_at(db, leaves)
        note = signing.checkpoint(self._key, leaves, root, now_s).note
        if self._copy is not None:
            self._copy.append(note)
        audit_log.add_checkpoint(
            db, StoredCheckpoint(size=leaves, at_s=now_s, root=root, note=note)
        )


class CheckpointCopy:
    """A file that checkpoints are appended to, an empty line after each.

    The database knows which file it was, so that a disk that is not mounted is not taken for a new
    one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self, db: Connection, key: PublicKey) -> None:
        """Find the copy whole and in step with the log, or begin one. Raises StateError."""
        known = db.value("SELECT value FROM meta WHERE name = ?", (COPIED_TO,)) == str(self._path)
        if known and not self._path.exists():
            raise StateError(
                f"{self._path}, the copy of the log's checkpoints, is missing: mount its disk, or "
                "put it back; another name in `[audit] copy_to` begins another copy"
            )
        try:
            newest = self._newest(audit_log.origin(db), key)
            if not self._path.exists():
                self._path.touch(mode=0o644)
                sync_folder(self._path.parent)
        except OSError as error:
            raise StateError(str(self._failed(error))) from error
        if newest is not None:
            _must_fit(db, key, newest, f"the newest checkpoint in {self._path}")
        size = newest.size if newest else 0
        later = [item for item in audit_log.checkpoints(db) if item.size > size]
        try:
            self.append("\n".join(item.note for item in later))
        except StoreFailed as error:
            raise StateError(str(error)) from error
        db.execute(
            "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (COPIED_TO, str(self._path))
        )

    def append(self, text: str) -> None:
        """Write it, and return once it is on the disk; or nothing of it, and StoreFailed."""
        if not text:
            return
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        except OSError as error:
            raise self._failed(error) from error
        try:
            end, left = os.fstat(handle).st_size, f"{text}\n".encode()
            try:
                while left:
                    left = left[os.write(handle, left) :]
                os.fsync(handle)
            except OSError as error:
                with suppress(OSError):
                    os.ftruncate(handle, end)
                raise self._failed(error) from error
        finally:
            os.close(handle)

    def _newest(self, origin: str, key: PublicKey) -> Checkpoint | None:
        """The largest checkpoint in the file that this key signed; half a one after it, of a power
        cut, is taken away. Raises StateError where the file is of something else."""
        if not self._path.exists():
            return None
        with self._path.open("r+b") as file:
            start = max(0, self._path.stat().st_size - TAIL_BYTES)
            file.seek(start)
            if start:
                start += len(file.readline())  # half a line is no origin
            tail = file.read()
            notes, _ = notes_in(tail.decode("utf-8", "replace"))
            begun = origin.encode()[: len(tail)]
            if any(note.origin != origin for note in notes) or (
                not notes and (start or not tail.startswith(begun))
            ):
                raise StateError(
                    f"{self._path} is no copy of the checkpoints of this log ({origin}): name "
                    "another file in `[audit] copy_to`"
                )
            last = notes[-1].note.encode() if notes else b""
            end = tail.rfind(last) + len(last) if notes else 0
            if tail[end:].strip():
                file.truncate(start + end)
        by_key = (note for note in notes if _is_by(key, note, f"{self._path}"))
        return max(by_key, key=lambda note: note.size, default=None)

    def _failed(self, error: OSError) -> StoreFailed:
        return StoreFailed(
            f"{self._path}, the copy of the log's checkpoints, cannot be written "
            f"({error.strerror}): make room, or mount its disk again; until then nothing is done "
            "that has to be logged"
        )


def _is_by(key: PublicKey, signed: Checkpoint, what: str) -> bool:
    """Whether this key signed it. Raises StateError where the signature is wrong."""
    try:
        return key in signed.signers([key])
    except BadLog as error:
        raise StateError(f"{what}: {error}: it was changed; put it back, or {RENEW}") from None


def _must_fit(db: Connection, key: PublicKey, signed: Checkpoint, what: str) -> None:
    """Raises StateError where the log does not begin with what this key signed."""
    if not _is_by(key, signed, what):
        return  # an earlier key's, which was replaced by a stated act
    leaves = audit_log.size(db)
    if signed.size > leaves:
        raise StateError(
            f"the log has {leaves} leaves, and {what} is of {signed.size}: lfrd.db was cut, or put "
            f"back from an older backup. Put the newest one back; or {RENEW}"
        )
    if audit_log.root_at(db, signed.size) != signed.root:
        raise StateError(
            f"the first {signed.size} leaves of the log are not those that {what} is of: lfrd.db "
            f"was changed. Put it back from a backup; or {RENEW}"
        )

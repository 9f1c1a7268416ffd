"""The key that signs the log: a file of its own, and what is done when it is lost."""

import os
import stat
from pathlib import Path

from lfrd.audit.signing import SEED_BYTES, PrivateKey, private_key_of
from lfrd.audit.verify import ED25519, BadLog
from lfrd.errors import StateError
from lfrd.store import audit_log
from lfrd.store.sqlite import Connection
from lfrd.store.state_folder import StateFolder, overwrite, sync_folder, write_secret

RENEW = "`lfrd audit renew-key --reason …` goes on under a new key, and writes that into the log"


def open_key(
    folder: StateFolder, db: Connection, at_s: float, principal: str, *, anew: bool = False
) -> PrivateKey:
    """The key in the state folder; made at the first start, and where the log begins `anew`.

    Raises StateError where it is missing, damaged, or not the one that signed last.
    """
    finish_renewal(folder, db)
    path, origin, known = folder.audit_key_path, audit_log.origin(db), audit_log.keys(db)
    if anew and not known:  # the key of a log that is lost signs no other one
        overwrite(path)
        path.unlink(missing_ok=True)
    if not path.exists():
        if known:
            raise StateError(f"{path}, which signs the log, is missing: put it back; or {RENEW}")
        write_secret(path, _new(origin, ED25519).text.encode() + b"\n")
    key = read_key(path)
    if key.name != origin:
        mend = f"put the right one back; or {RENEW}" if known else "move it away"
        raise StateError(
            f"{path} is of another installation ({key.name}, this one is {origin}): {mend}"
        )
    if not known:
        audit_log.add_key(db, key.public, at_s, principal)
    elif key.public != known[-1]:
        raise StateError(
            f"{path} is not the key that signed the log last ({known[-1].brief}): put that one "
            f"back; or {RENEW}"
        )
    return key


def read_key(path: Path) -> PrivateKey:
    """Raises StateError, which repeats nothing of it."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise StateError(f"{path}, which signs the log, cannot be read: {error}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise StateError(
            f"{path}, which signs the log, can be read by other users (mode {mode:04o}): run "
            f"`chmod 600 {path}`; and since they may know it, {RENEW}"
        )
    try:
        return private_key_of(text)
    except BadLog as error:
        raise StateError(f"{path}: {error}: put the whole file back; or {RENEW}") from None


def begin_renewal(folder: StateFolder, origin: str, algorithm: int) -> PrivateKey:
    """Make a new key beside the old one; it counts once it is in the database."""
    new = _new(origin, algorithm)
    write_secret(_next(folder.audit_key_path), new.text.encode() + b"\n")
    return new


def finish_renewal(folder: StateFolder, db: audit_log.Queries) -> None:
    """Put a new key in its place, or away where it did not come to be logged."""
    path = folder.audit_key_path
    if not _next(path).exists():
        return
    known = audit_log.keys(db)
    if known and read_key(_next(path)).public == known[-1]:
        overwrite(path)
        _next(path).replace(path)
    else:
        overwrite(_next(path))
        _next(path).unlink()
    sync_folder(path.parent)


def _next(path: Path) -> Path:
    return path.with_name(path.name + ".next")


def _new(origin: str, algorithm: int) -> PrivateKey:
    return PrivateKey(origin, algorithm, os.urandom(SEED_BYTES))

"""What is done to keys while no daemon runs: change the master key, copy keys.db, go on without
it; go on under a new key for the log."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lfrd.audit.verify import RENEWAL, PublicKey
from lfrd.clock import Clock
from lfrd.errors import StateError
from lfrd.store import audit_log
from lfrd.store.audit import AuditClass, Fact
from lfrd.store.audit_key import begin_renewal, finish_renewal
from lfrd.store.database import SYSTEM, Database
from lfrd.store.key_files import (
    commit_rotation,
    finish_rotation,
    next_to,
    remove_journal,
    write_escrow,
)
from lfrd.store.keys import KeyStore, MasterKey
from lfrd.store.migrate import migrate, migrations_folder, read_migrations
from lfrd.store.seal import KEY_BYTES
from lfrd.store.sqlite import connect
from lfrd.store.state_folder import StateFolder, sync_file, write_secret
from lfrd.store.transaction import Reader, Transaction


def rotate(folder: StateFolder, current: MasterKey, new: MasterKey | None) -> None:
    """Put everything under another master key; crash-safe, see lfrd.store.key_files.

    The folder is locked by the caller, so no daemon runs. `new` None makes one, in `master.key`.
    Raises StateError where the current key does not open what is here, Conflict where a backup is
    being made.
    """
    with folder.without_backup("a backup is being made: change the key once it is done"):
        _rotate(folder, current, new)


def _rotate(folder: StateFolder, current: MasterKey, new: MasterKey | None) -> None:
    finish_rotation(folder)
    for path in (folder.keys_path, folder.database_path):
        if not path.exists():
            raise StateError(f"there is no {path}: start lfrd once before the key is changed")
    in_folder = new is None
    new = new or MasterKey("a new key", os.urandom(KEY_BYTES))
    _make_next_keys(folder, current, new)
    _make_next_database(folder, current, new)
    if in_folder:
        write_secret(next_to(folder.master_key_path), new.secret)
    commit_rotation(folder)
    finish_rotation(folder)


def _make_next_keys(folder: StateFolder, current: MasterKey, new: MasterKey) -> None:
    path = folder.keys_path
    draft = next_to(path)
    draft.touch(mode=0o600)
    with KeyStore(folder, current) as keys:
        keys.copy_to(draft, new)
    check = connect(draft, _page_key(new, path), journal="persist")
    check.close()
    remove_journal(draft)
    sync_file(draft)


def _make_next_database(folder: StateFolder, current: MasterKey, new: MasterKey) -> None:
    path = folder.database_path
    draft = next_to(path)
    draft.touch(mode=0o600)
    old = connect(path, _page_key(current, path))
    try:
        if not old.checkpoint():
            raise StateError(f"{path} is being read by another program: end that one first")
        old.copy_to(draft, _page_key(new, path))
    finally:
        old.close()
    check = connect(draft, _page_key(new, path))
    try:
        found = check.value("PRAGMA quick_check")
        check.checkpoint()
    finally:
        check.close()
    if found != "ok":
        raise StateError(f"the copy of {path} under the new key is not whole: {found!r}")
    sync_file(draft)


def copy_keys(folder: StateFolder, master: MasterKey, path: Path) -> None:
    """Copy keys.db as it is to a new file, under the same master key. A daemon may run."""
    key = _page_key(master, folder.keys_path)
    keys = connect(folder.keys_path, key, journal="persist", read_only=True)
    try:
        keys.copy_to(path, key)
    finally:
        keys.close()


def copy_database(
    folder: StateFolder, master: MasterKey, path: Path, between: Callable[[float], None]
) -> None:
    """The same of lfrd.db, in slices (see Connection.copy_to), and checked. Raises StateError."""
    key = _page_key(master, folder.database_path)
    database = connect(folder.database_path, key, read_only=True)
    try:
        database.copy_to(path, key, between)
    finally:
        database.close()
    copy = connect(path, key)
    try:
        found = copy.value("PRAGMA quick_check")
        copy.checkpoint()
    finally:
        copy.close()
    if found != "ok":
        raise StateError(f"{folder.database_path} is damaged ({found!r}): restore the last archive")


def upgrade(folder: StateFolder, master: MasterKey, at_s: float) -> int:
    """Bring lfrd.db to the schema of this program; which one it had. A copy of it as it was stays
    beside it. Raises StateError for one of a newer program, or where a migration fails."""
    path, key = folder.database_path, _page_key(master, folder.database_path)
    database = connect(path, key)
    try:
        before = database.value("SELECT coalesce(max(number), 0) FROM migration")
        migrate(database, key, read_migrations(migrations_folder()), at_s)
        if (found := database.value("PRAGMA quick_check")) != "ok":
            raise StateError(f"{path} is damaged: {found!r}")
        database.checkpoint()
    finally:
        database.close()
    assert isinstance(before, int)
    return before


def try_upgrade(folder: StateFolder, master: MasterKey, place: Path, at_s: float) -> int:
    """The same of a copy in the folder `place`; a daemon may run."""
    place.chmod(0o700)
    copy = StateFolder(place)
    copy.database_path.touch(mode=0o600)
    copy_database(folder, master, copy.database_path, lambda _: None)
    return upgrade(copy, master, at_s)


@contextmanager
def reading(folder: StateFolder, master: MasterKey) -> Iterator[Reader]:
    """What is in the copies of a database and its keys, that no other process uses."""
    with KeyStore(folder, master) as keys:
        key = _page_key(master, folder.database_path)
        database = connect(folder.database_path, key, read_only=True)
        try:
            yield Reader(database, keys)
        finally:
            database.close()


@contextmanager
def reading_live(folder: StateFolder, master: MasterKey) -> Iterator[Reader]:
    """What is in lfrd.db now, also while a daemon runs; the keys cannot be asked."""
    key = _page_key(master, folder.database_path)
    database = connect(folder.database_path, key, read_only=True)
    try:
        yield Reader(database, KeyStore(folder, master))
    finally:
        database.close()


def data_key_ids(folder: StateFolder, master: MasterKey) -> set[str]:
    """Every list and deployment that has a key now, also while a daemon runs."""
    return set(_ids_in(folder.keys_path, _page_key(master, folder.keys_path)))


def escrow_state(folder: StateFolder, master: MasterKey, path: Path) -> str | None:
    """What is wrong with the escrow, as the rest of a sentence; None where it is as it should."""
    key = _page_key(master, folder.keys_path)
    try:
        kept = _ids_in(path, key)
    except StateError:
        return "does not open with this master key"
    if kept != _ids_in(folder.keys_path, key):
        return "does not hold the keys as they are now"
    return None


def _ids_in(path: Path, key: bytes) -> list[str]:
    keys = connect(path, key, journal="persist", read_only=True)
    try:
        every = "SELECT id FROM data_key UNION ALL SELECT id FROM part ORDER BY id"
        return keys.column(every)
    finally:
        keys.close()


def escrow(folder: StateFolder, master: MasterKey, path: Path) -> None:
    """Overwrite the copy of keys.db at `path` with what keys.db holds now. A daemon may run.

    Raises StateError, StoreFailed.
    """
    if not folder.keys_path.exists():
        raise StateError(f"there is no {folder.keys_path}: start lfrd once")
    key = _page_key(master, folder.keys_path)
    keys = connect(folder.keys_path, key, journal="persist", read_only=True)
    try:
        write_escrow(keys, key, path)
    finally:
        keys.close()


async def abandon(folder: StateFolder, master: MasterKey, clock: Clock) -> None:
    """Go on without the lost keys.db: every record stays readable, no face ever again.

    What was done is in the log before the new keys.db has its name, so a crash only means doing
    it again. Raises StateError where keys.db is there, or the master key does not open lfrd.db.
    """
    if folder.keys_path.exists():
        raise StateError(
            f"{folder.keys_path} is there: move it away first, if it is not the one that belongs "
            "to this lfrd.db"
        )
    if not folder.database_path.exists():
        raise StateError(f"there is no {folder.database_path}: nothing was lost")
    database = connect(
        folder.database_path, _page_key(master, folder.database_path), read_only=True
    )
    try:
        installation_id = str(
            database.value("SELECT value FROM meta WHERE name = 'installation_id'")
        )
    finally:
        database.close()
    drafted = _Drafted(folder.path)
    drafted.keys_path.unlink(missing_ok=True)
    with KeyStore(drafted, master, adopt_installation=installation_id) as keys:
        async with Database(drafted, keys, clock) as opened:
            await opened.write(
                lambda tx: tx.audit(AuditClass.ERASURE, "keys.abandon"), principal=SYSTEM
            )
    drafted.keys_path.replace(folder.keys_path)


async def renew_audit_key(
    folder: StateFolder,
    master: MasterKey,
    clock: Clock,
    reason: str,
    algorithm: int,
    *,
    principal: str,
) -> PublicKey:
    """Have the log go on under a new key; a leaf says who did it and why.

    The new file lies beside the old one until then, so a crash only means doing it again.
    """
    with KeyStore(folder, master) as keys:
        async with Database(folder, keys, clock) as database:
            origin = await database.read(audit_log.origin)
            new = begin_renewal(folder, origin, algorithm).public

            def renew(tx: Transaction) -> None:
                known = audit_log.keys(tx)
                facts: dict[str, Fact] = {
                    "old": known[-1].text if known else None, "new": new.text, "reason": reason,
                }  # fmt: skip
                tx.audit(AuditClass.ALTERATION, RENEWAL, (), facts)
                audit_log.add_key(tx, new, tx.at_s, tx.principal)

            await database.write(renew, principal=principal)
            await database.read(lambda reader: finish_renewal(folder, reader))
    return new


class _Drafted(StateFolder):
    """The same folder, with a keys.db that does not have its name yet."""

    @property
    def keys_path(self) -> Path:
        return next_to(super().keys_path)


def _page_key(master: MasterKey, path: Path) -> bytes:
    return master.derive(f"pages of {path.name}")

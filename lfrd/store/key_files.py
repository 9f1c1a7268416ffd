"""keys.db as a file: its schema, its journal, its copy in escrow.

Its rollback journal holds the pages as they were, deleted keys with them. An unlinked file keeps
its bytes on the disk, and without a journal a crash could damage every key at once. So the journal
stays (PERSIST): SQLite ends each transaction by zeroing its header, and then we zero the rest, also
at the next start where a crash came between the two.
"""

import time
from pathlib import Path

from lfrd.errors import StateError, StoreFailed
from lfrd.ids import new_id
from lfrd.store.sqlite import Connection, all_or_nothing, connect
from lfrd.store.state_folder import StateFolder, overwrite, sync_file, sync_folder, write_secret

JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
"""How a journal begins that counts (sqlite.org/fileformat2.html#the_rollback_journal)."""

ESCROWED_AT = "escrowed_at_s"
"""In the escrow alone: when it was written."""

SCHEMA_VERSION = 2
SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE data_key (
    id TEXT PRIMARY KEY,
    wrapped BLOB NOT NULL,
    created_at_s REAL NOT NULL
) STRICT;
"""
PARTS_SCHEMA = """
CREATE TABLE part (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    secret BLOB NOT NULL CHECK (length(secret) = 32)
) STRICT, WITHOUT ROWID;
CREATE INDEX part_owner ON part (owner);
"""


def prepare(db: Connection, adopt_installation: str | None) -> str:
    """Make what is missing of the schema; return the installation it belongs to.

    Raises StateError where it is from a newer program.
    """
    if not db.value("SELECT count(*) FROM sqlite_schema"):
        all_or_nothing(db, lambda: _create_schema(db, adopt_installation or new_id()))
    if db.pragma("user_version") == 1:
        all_or_nothing(db, lambda: _add_parts(db))
    version = db.pragma("user_version")
    if version != SCHEMA_VERSION:
        raise StateError(
            f"{db.path} has version {version!r}, this lfrd knows {SCHEMA_VERSION}: install the "
            "newer lfrd"
        )
    return str(db.value("SELECT value FROM meta WHERE name = 'installation_id'"))


def _create_schema(db: Connection, installation_id: str) -> None:
    db.script(SCHEMA)
    db.execute("INSERT INTO meta (name, value) VALUES ('installation_id', ?)", (installation_id,))
    _add_parts(db)


def _add_parts(db: Connection) -> None:
    db.script(PARTS_SCHEMA)
    db.set_pragma("user_version", SCHEMA_VERSION)


def journal_of(path: Path) -> Path:
    """The rollback journal of a database file."""
    return path.with_name(path.name + "-journal")


def wipe_journal(path: Path) -> None:
    """Put zeros in the place of a journal, unless SQLite still needs it to undo a transaction."""
    journal = journal_of(path)
    if journal.exists() and not _is_hot(journal):
        overwrite(journal)


def hold_journal(path: Path) -> None:
    """Before the database is opened: SQLite unlinks the journal of a crash once it has used it,
    whatever its mode; a second name keeps it in reach of `wipe_held_journal`."""
    journal, held = journal_of(path), _held_name(path)
    if journal.exists() and not held.exists():
        try:
            held.hardlink_to(journal)
        except OSError as error:
            raise StateError(
                f"{journal} cannot get a second name ({error.strerror}): the state folder must lie "
                "on a local disk whose file system knows hard links"
            ) from error


def wipe_held_journal(path: Path) -> None:
    """After it was opened, and what a crash cut off is undone."""
    held = _held_name(path)
    overwrite(held)
    held.unlink(missing_ok=True)


def _held_name(path: Path) -> Path:
    return path.with_name(path.name + "-journal.held")


def remove_journal(path: Path) -> None:
    """The same, and its name goes too: for a database that was closed."""
    wipe_journal(path)
    journal = journal_of(path)
    if journal.exists() and not _is_hot(journal):
        journal.unlink()


def _is_hot(journal: Path) -> bool:
    with journal.open("rb") as file:
        return file.read(len(JOURNAL_MAGIC)) == JOURNAL_MAGIC


def _stamp_escrow(path: Path, page_key: bytes) -> None:
    copy = connect(path, page_key, journal="persist")
    try:
        copy.execute(
            "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (ESCROWED_AT, time.time())
        )
    finally:
        copy.close()
        remove_journal(path)


def write_escrow(keys: Connection, page_key: bytes, path: Path) -> None:
    """Copy keys.db to `path`, overwriting what stood there. Raises StoreFailed."""
    draft = path.with_name(path.name + ".new")
    try:
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        keys.copy_to(draft, page_key)
        _stamp_escrow(draft, page_key)
        sync_file(draft)
        overwrite(path)
        draft.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StoreFailed(
            f"the escrow {path} cannot be overwritten ({error.strerror}): make its place writable; "
            "until then it still holds keys of what was erased"
        ) from error


def next_to(path: Path) -> Path:
    """Where the file that is to take the place of `path` is made."""
    return path.with_name(path.name + ".next")


def marker_of(folder: StateFolder) -> Path:
    return folder.path / "rotation"


def commit_rotation(folder: StateFolder) -> None:
    """Every new file is on the disk: from now on they are the ones that count."""
    write_secret(marker_of(folder), b"the files *.next take the place of those without\n")


def finish_rotation(folder: StateFolder) -> None:
    """Finish a rotation that was committed, undo one that was not. Raises StateError.

    `lfrd key rotate` first makes new files beside the old ones (`*.next`), all of them under the
    new key, checked and on the disk. Then one small file, the marker, is written: that is the
    moment of the change. From there on `finish_rotation` puts the new files in the place of the old
    ones; it may be cut off and run again as often as it takes. Without the marker the new files
    mean nothing.
    """
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

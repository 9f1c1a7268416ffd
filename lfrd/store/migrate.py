"""Bring lfrd.db to the schema that this program knows.

The numbered files in migrations/ are applied in order, each in one transaction with its record,
after a copy of an existing database was made. A database from a newer program is refused.
"""

import functools
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lfrd.errors import StateError
from lfrd.store import records
from lfrd.store.sqlite import Connection, all_or_nothing
from lfrd.store.state_folder import sync_folder

FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
RECORD_TABLE = """
CREATE TABLE migration (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    applied_at_s REAL NOT NULL
) STRICT
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    sha256: str
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The record of a migration."""

    TABLE: ClassVar[str] = "migration"

    number: int
    name: str
    sha256: str
    applied_at_s: float


def migrations_folder() -> Path:
    """Inside the installed package, or at the root of a source checkout."""
    package = Path(__file__).parent.parent
    for folder in (package / "migrations", package.parent / "migrations"):
        if folder.is_dir():
            return folder
    raise StateError(f"the migrations are missing beside {package}: install lfrd again")


def read_migrations(folder: Path) -> tuple[Migration, ...]:
    """The migrations in order. Raises StateError where a number is missing or a name is odd."""
    found: list[Migration] = []
    for position, path in enumerate(sorted(folder.glob("*.sql")), start=1):
        match = FILE_NAME.fullmatch(path.name)
        if match is None or int(match[1]) != position:
            raise StateError(f"{path} is no migration number {position}: install lfrd again")
        content = path.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        found.append(Migration(position, match[2], sha256, content.decode()))
    return tuple(found)


def migrate(
    connection: Connection, key: bytes | None, migrations: tuple[Migration, ...], at_s: float
) -> None:
    """Apply what is missing. Raises StateError where the database is newer, or not ours."""
    applied = _applied(connection)
    _check_history(connection.path, applied, migrations)
    missing = migrations[len(applied) :]
    if not missing:
        return
    if applied:
        _keep_copy(connection, key, missing[0].number)
    for migration in missing:
        all_or_nothing(connection, functools.partial(_apply, connection, migration, at_s))


def _applied(connection: Connection) -> list[Applied]:
    known = connection.value("SELECT 1 FROM sqlite_schema WHERE name = 'migration'")
    if known is None:
        if connection.value("SELECT count(*) FROM sqlite_schema"):
            raise StateError(f"{connection.path} is no database of lfrd")
        return []
    rows = connection.rows(f"{records.select(Applied)} ORDER BY number")
    return [records.build(Applied, row) for row in rows]


def _check_history(path: Path, applied: list[Applied], known: tuple[Migration, ...]) -> None:
    if len(applied) > len(known):
        raise StateError(
            f"{path} was made by a newer lfrd (schema {applied[-1].number}, this one knows "
            f"{len(known)}): install that version, or put back {path.name}.before-"
            f"{len(known) + 1:04d} if it is there"
        )
    for record, migration in zip(applied, known, strict=False):
        if (record.number, record.sha256) != (migration.number, migration.sha256):
            raise StateError(
                f"{path}: migration {record.number} ({record.name}) is not the one this lfrd "
                "knows: install the version that made the database"
            )


def _apply(connection: Connection, migration: Migration, at_s: float) -> None:
    if migration.number == 1:
        connection.script(RECORD_TABLE)
    connection.script(migration.sql)
    record = Applied(
        number=migration.number,
        name=migration.name,
        sha256=migration.sha256,
        applied_at_s=at_s,
    )
    connection.execute(records.insert(Applied), records.values(record))
    if (broken := connection.value('SELECT "table" FROM pragma_foreign_key_check')) is not None:
        raise StateError(f"{connection.path}: migration {migration.number} broke table {broken!r}")


def _keep_copy(connection: Connection, key: bytes | None, number: int) -> None:
    """Copy the database to `lfrd.db.before-NNNN`; only the last such copy is kept."""
    path = connection.path
    final = path.with_name(f"{path.name}.before-{number:04d}")
    draft = path.with_name(f"{path.name}.copying")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    connection.copy_to(draft, key)
    draft.rename(final)
    for older in path.parent.glob(f"{path.name}.before-*"):
        if older != final:
            older.unlink()
    sync_folder(path.parent)

"""Migrations: copied before, whole or not at all, never backwards."""

import hashlib
from pathlib import Path

import pytest

from lfrd.errors import StateError, StoreFailed
from lfrd.store.migrate import Migration, migrate, migrations_folder, read_migrations
from lfrd.store.sqlite import Connection, connect
from support.store import opened

KEY = bytes(range(32))


def migration(number: int, sql: str) -> Migration:
    return Migration(number, f"step_{number}", hashlib.sha256(sql.encode()).hexdigest(), sql)


FIRST = migration(1, "CREATE TABLE thing (name TEXT NOT NULL) STRICT;")
SECOND = migration(2, "ALTER TABLE thing ADD COLUMN size INTEGER; UPDATE thing SET size = 3;")
THIRD = migration(3, "CREATE INDEX thing_size ON thing (size);")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lfrd.db"


def opened_with(path: Path, *migrations: Migration) -> Connection:
    connection = connect(path, KEY)
    try:
        migrate(connection, KEY, migrations, 1_000.0)
    except BaseException:
        connection.close()
        raise
    return connection


def fill(path: Path) -> None:
    connection = opened_with(path, FIRST)
    connection.execute("INSERT INTO thing (name) VALUES ('kept')")
    connection.close()


def test_the_shipped_migrations_apply_to_an_empty_file(path: Path) -> None:
    shipped = read_migrations(migrations_folder())
    connection = opened_with(path, *shipped)
    rows = list(connection.rows("SELECT number, name, sha256, applied_at_s FROM migration"))
    assert rows[0] == {
        "number": 1, "name": "spine", "sha256": shipped[0].sha256, "applied_at_s": 1_000.0,
    }  # fmt: skip
    strict = connection.column(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
        " AND NOT strict AND name NOT LIKE 'sqlite_%'"
    )
    assert strict == []
    connection.close()
    assert list(path.parent.glob("*before*")) == []


def test_a_copy_is_made_before_an_existing_file_changes(path: Path) -> None:
    fill(path)
    connection = opened_with(path, FIRST, SECOND)
    assert list(connection.rows("SELECT name, size FROM thing")) == [{"name": "kept", "size": 3}]
    connection.close()
    copy = connect(path.with_name("lfrd.db.before-0002"), KEY)
    assert copy.column("SELECT * FROM thing") == ["kept"]
    copy.close()
    assert path.with_name("lfrd.db.before-0002").stat().st_mode & 0o077 == 0
    assert b"kept" not in path.with_name("lfrd.db.before-0002").read_bytes()

    opened_with(path, FIRST, SECOND, THIRD).close()
    names = sorted(found.name for found in path.parent.glob("*.before-*"))
    assert names == ["lfrd.db.before-0003"]  # only the last copy is kept


def test_nothing_is_copied_when_nothing_is_missing(path: Path) -> None:
    fill(path)
    opened_with(path, FIRST).close()
    assert [found.name for found in path.parent.iterdir()] == ["lfrd.db"]


@pytest.mark.parametrize(
    "broken",
    [
        "ALTER TABLE thing ADD COLUMN size INTEGER; INSERT INTO nowhere VALUES (1);",
        "DELETE FROM thing; CREATE TABLE thing (x INTEGER) STRICT;",
        "CREATE TABLE child (of INTEGER REFERENCES migration (number)) STRICT;"
        "PRAGMA defer_foreign_keys = ON; INSERT INTO child VALUES (99);",
    ],
)
def test_a_migration_that_fails_half_way_leaves_the_old_file(path: Path, broken: str) -> None:
    fill(path)
    with pytest.raises((StoreFailed, StateError)):
        opened_with(path, FIRST, migration(2, broken))
    connection = opened_with(path, FIRST)
    assert connection.column("SELECT * FROM thing") == ["kept"]
    assert connection.value("SELECT count(*) FROM migration") == 1
    connection.close()
    assert path.with_name("lfrd.db.before-0002").exists()


def test_a_newer_database_is_refused_untouched(path: Path) -> None:
    fill(path)
    opened_with(path, FIRST, SECOND).close()
    before = path.read_bytes()
    with pytest.raises(StateError, match=r"newer lfrd \(schema 2, this one knows 1\)"):
        opened_with(path, FIRST)
    assert path.read_bytes() == before


def test_another_history_is_refused(path: Path) -> None:
    fill(path)
    with pytest.raises(StateError, match="not the one this lfrd knows"):
        opened_with(path, migration(1, "CREATE TABLE other (x INTEGER) STRICT;"))


def test_a_foreign_database_is_refused(path: Path) -> None:
    connection = connect(path, KEY)
    connection.script("CREATE TABLE theirs (x INTEGER)")
    connection.close()
    with pytest.raises(StateError, match="no database of lfrd"):
        opened_with(path, FIRST)


@pytest.mark.parametrize("names", [["0002_b.sql"], ["0001_a.sql", "0003_c.sql"], ["1_a.sql"]])
def test_a_gap_or_an_odd_name_is_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1;")
    with pytest.raises(StateError, match="is no migration number"):
        read_migrations(tmp_path)


async def test_a_database_of_the_tests_is_what_the_migrations_make(tmp_path: Path) -> None:
    """See `schema_is_made_once`: the second one at least was made at once."""
    for name in ("first", "second"):
        async with opened(tmp_path / name, encrypted=False):
            pass
    real = connect(tmp_path / "real.db", None)
    migrate(real, None, read_migrations(migrations_folder()), 1.0)
    made = connect(tmp_path / "second" / "lfrd.db", None)
    found, expected = contents(made), contents(real)
    made.close()
    real.close()
    assert found == expected


def contents(database: Connection) -> tuple[list[str], list[str]]:
    """Every statement of the schema, and the migrations."""
    schema = database.column("SELECT sql FROM sqlite_schema WHERE sql NOTNULL ORDER BY name, sql")
    return schema, database.column("SELECT number || name || sha256 FROM migration ORDER BY number")

"""The one module that uses SQLite: the only importer of apsw and sqlite_vec.

Every connection is opened the same way: cipher and key before anything else, then the settings,
each read back. apsw's exceptions become ours here; their texts name tables and columns, never
values.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import apsw
import sqlite_vec

from lfrd.errors import BadInput, Conflict, LfrdError, StateError, StoreFailed

SQLValue = None | int | float | str | bytes
Values = Sequence[SQLValue] | Mapping[str, SQLValue]
"""What is bound to a statement: by position to `?`, or by name to `:name`."""

Journal = Literal["wal", "persist"]

BUSY_TIMEOUT_MS = 5_000
PROGRESS_STEPS = 20_000
"""How many steps of SQLite's machine lie between two looks at the clock: about 2 ms."""


SLICE_PAGES = 1_000
"""That are copied at a time: 4 MB."""

LOG_PAGES = 1_000
"""So many in the write-ahead log are moved into the main file: 4 MB."""


class Row(dict[str, SQLValue]):
    """One row of a query, by the names of its columns, whatever their order in the SQL."""

    def text(self, name: str) -> str:
        value = self[name]
        assert isinstance(value, str), name
        return value

    def real(self, name: str) -> float:
        value = self[name]
        assert isinstance(value, float), name
        return value

    def whole(self, name: str) -> int:
        value = self[name]
        assert isinstance(value, int), name
        return value

    def blob(self, name: str) -> bytes:
        value = self[name]
        assert isinstance(value, bytes), name
        return value


class Connection:
    """A database connection for one thread at a time; opened by `connect`."""

    def __init__(self, path: Path, raw: apsw.Connection) -> None:
        self.path = path
        self._raw = raw
        self._log_pages = 0

    @property
    def in_transaction(self) -> bool:
        return bool(self._raw.in_transaction)

    def execute(self, sql: str, values: Values = ()) -> int:
        """Run one statement; return how many rows it changed (for INSERT, UPDATE, DELETE)."""
        with _Translated(self.path):
            self._raw.execute(sql, values)
            return int(self._raw.changes())

    def execute_many(self, sql: str, values: Iterable[Sequence[SQLValue]]) -> None:
        """Run one statement once for each set of values."""
        with _Translated(self.path):
            self._raw.executemany(sql, values)

    def script(self, sql: str) -> None:
        """Run several statements, one after the other."""
        with _Translated(self.path):
            for _ in self._raw.execute(sql):
                pass

    def rows(self, sql: str, values: Values = ()) -> Iterator[Row]:
        """The rows that a query gives, read as they are asked for; each column has a name."""
        with _Translated(self.path):
            cursor = self._raw.execute(sql, values)
            names: tuple[str, ...] = ()
            for row in cursor:
                if not names:
                    names = tuple(column[0] for column in cursor.get_description())
                    assert len(set(names)) == len(names), f"two columns of one name: {sql}"
                yield Row(zip(names, row, strict=True))

    def column(self, sql: str, values: Values = ()) -> list[str]:
        """The texts that a query of one column gives."""
        with _Translated(self.path):
            return [str(value) for (value,) in self._raw.execute(sql, values)]

    def value(self, sql: str, values: Values = ()) -> SQLValue:
        """The value that a query of one column gives first, None where there is no row."""
        with _Translated(self.path):
            for row in self._raw.execute(sql, values):
                found: SQLValue = row[0]
                return found
        return None

    def last_id(self) -> int:
        """The rowid of the last INSERT."""
        return int(self._raw.last_insert_rowid())

    def pragma(self, name: str) -> SQLValue:
        """Read a pragma."""
        return self.value(f"PRAGMA {name}")

    def set_pragma(self, name: str, value: int | str) -> None:
        with _Translated(self.path):
            self._raw.pragma(name, value)

    @contextmanager
    def time_limit(
        self, seconds: float, given_up: Callable[[], bool] = lambda: False
    ) -> Iterator[None]:
        """Interrupt whatever statement still runs in here after `seconds`, or once it is
        `given_up`, with StoreFailed."""
        end_s = time.monotonic() + seconds
        self._raw.set_progress_handler(
            lambda: time.monotonic() > end_s or given_up(), PROGRESS_STEPS
        )
        try:
            yield
        finally:
            self._raw.set_progress_handler(None)

    def tables(self) -> list[str]:
        """The tables that have pages of their own, that of the schema first."""
        sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 ORDER BY name"
        return ["sqlite_schema", *self.column(sql)]

    def damage(self, table: str) -> str | None:
        """What is wrong with the pages of a table and its indexes; None where they are whole.

        It names tables and pages, never values. Raises StoreFailed where it took too long.
        """
        sql = "SELECT quick_check FROM pragma_quick_check(?) LIMIT 1"
        with _Translated(self.path):
            try:
                found = self._raw.execute(sql, (table,)).get
            except (apsw.CorruptError, apsw.NotADBError, apsw.IOError) as error:
                return f"table {table}: {error}"
            return None if found == "ok" else f"table {table}: {str(found).splitlines()[-1]}"

    def checkpoint(self) -> bool:
        """Move the write-ahead log into the main file and empty it; False where a reader prevents
        it.

        Only after True are erased bytes gone from every file of this database.
        """
        with _Translated(self.path):
            try:
                self._raw.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            except apsw.BusyError:
                return False
            return True

    def shrink(self) -> None:
        """Free the pages that it keeps: 16 MB of a database that is large enough."""
        with _Translated(self.path):
            self._raw.pragma("shrink_memory")

    def empty_log_apart(self) -> None:
        """From now on no COMMIT moves the write-ahead log into the main file, which takes as long
        as several commits: `empty_log` does, when nobody waits for a commit."""

        def note(_: apsw.Connection, __: str, pages: int) -> int:
            self._log_pages = pages
            return apsw.SQLITE_OK

        self._raw.set_wal_hook(note)

    def empty_log(self) -> None:
        """Move it where it is long; what a reader still needs stays for the next time. A disk that
        fails here fails the next commit, which says so."""
        if self._log_pages < LOG_PAGES:
            return
        self._log_pages = 0
        with suppress(apsw.Error):
            self._raw.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def copy_to(
        self, path: Path, key: bytes | None, between: Callable[[float], None] | None = None
    ) -> None:
        """Write a consistent copy of this database to a new file, encrypted with `key`.

        `between` is called with the share that is done after each slice of some megabytes. Then the
        copy is of the moment of the call, also while others write; their log grows meanwhile. The
        caller brings it to the disk.
        """
        with _Translated(path):
            other = _open_raw(path, key, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
            try:
                if between is None:
                    _copy(self._raw, other, lambda _: None)
                    return
                for setting in ("journal_mode", "synchronous"):
                    other.pragma(setting, "OFF")
                self._raw.execute("BEGIN")
                try:
                    _copy(self._raw, other, between)
                finally:
                    self._raw.execute("ROLLBACK")
            finally:
                other.close()

    def close(self) -> None:
        with _Translated(self.path):
            self._raw.close()


def _copy(
    source: apsw.Connection, target: apsw.Connection, between: Callable[[float], None]
) -> None:
    source.execute("SELECT count(*) FROM sqlite_schema").get  # noqa: B018  # the view begins here
    with target.backup("main", source, "main") as backup:
        while not backup.done:
            backup.step(SLICE_PAGES)
            between(1 - backup.remaining / max(1, backup.page_count))


def connect(
    path: Path,
    key: bytes | None,
    *,
    journal: Journal = "wal",
    read_only: bool = False,
    cache_kib: int = 16_384,
    vectors: bool = False,
) -> Connection:
    """Open a database; create it (0600) where it is missing and not `read_only`.

    `key` is 32 bytes, or None for a plain file (tests look for bytes in those). `vectors` loads
    sqlite-vec. Raises StateError where the file does not open with this key, is damaged, or lies
    on a file system that cannot do what is needed.
    """
    flags = apsw.SQLITE_OPEN_READONLY
    if not read_only:
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    try:
        raw = _open_raw(path, key, flags)
    except apsw.Error as error:
        raise StateError(f"{path} cannot be opened: {error}") from error
    try:
        _read_first_page(path, raw)
        _settle(path, raw, journal, read_only, cache_kib)
        if vectors:
            _load_vectors(raw)
    except BaseException:
        raw.close()
        raise
    return Connection(path, raw)


def _open_raw(path: Path, key: bytes | None, flags: int) -> apsw.Connection:
    if any("\ud800" <= letter <= "\udfff" for letter in str(path)):
        raise StateError(f"{path}: a database has a name in UTF-8")
    raw = apsw.Connection(str(path), flags=flags)
    if key is not None:
        raw.pragma("cipher", "chacha20")
        raw.pragma("key", f"raw:{key.hex()}")
    return raw


def _read_first_page(path: Path, raw: apsw.Connection) -> None:
    try:
        raw.execute("SELECT count(*) FROM sqlite_schema").get  # noqa: B018  # the read is the test
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise StateError(
            f"{path} does not open with this master key, or is damaged: put back the key that "
            "belongs to it, or restore the whole state folder from a backup"
        ) from error
    except apsw.Error as error:
        raise StateError(f"{path} cannot be read: {error}") from error


def _settle(
    path: Path, raw: apsw.Connection, journal: Journal, read_only: bool, cache_kib: int
) -> None:
    """Set what every connection has, and read each back: a setting that did not take is fatal."""
    raw.set_busy_timeout(BUSY_TIMEOUT_MS)
    wanted: list[tuple[str, int | str, int | str]] = [
        ("temp_store", "MEMORY", 2),
        ("cache_size", -cache_kib, -cache_kib),
        ("foreign_keys", "ON", 1),
    ]
    if read_only:
        wanted.append(("query_only", "ON", 1))
    else:
        wanted += [
            ("journal_mode", journal, journal),
            ("synchronous", "FULL", 2),
            ("secure_delete", "ON", 1),
        ]
    for name, value, expected in wanted:
        try:
            raw.pragma(name, value)
            got = raw.pragma(name)
        except apsw.Error as error:
            raise StateError(f"{path}: {name}={value} failed: {error}") from error
        if got != expected:
            raise StateError(
                f"{path}: {name} is {got!r}, needs {expected!r}: the state folder must lie on a "
                "local disk, not on a network drive"
            )


def _load_vectors(raw: apsw.Connection) -> None:
    try:
        raw.enable_load_extension(True)
        raw.load_extension(sqlite_vec.loadable_path())
        raw.enable_load_extension(False)
    except apsw.Error as error:
        raise StateError(
            f"sqlite-vec cannot be loaded: {error}; install lfrd again (`uv sync`)"
        ) from error


def vector_version(connection: Connection) -> str:
    """The version of the loaded sqlite-vec."""
    return str(connection.value("SELECT vec_version()"))


def all_or_nothing(connection: Connection, work: Callable[[], object]) -> None:
    """Run `work` in one transaction that is rolled back when it raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        work()
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise


def roll_back(connection: Connection) -> None:
    """Leave the transaction, unless SQLite did so by itself (as when the disk is full)."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


class _Translated:
    """A context manager that turns apsw's exceptions into ours. It surrounds every statement: one
    made of a generator would take three times as long."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, apsw.Error):
            raise _ours(self._path, error) from error


def _ours(path: Path, error: apsw.Error) -> LfrdError:
    if isinstance(error, apsw.ConstraintError):
        return _constraint_error(error)
    if isinstance(error, apsw.InterruptError):
        return StoreFailed(f"{path.name}: a query took too long and was stopped")
    if isinstance(error, apsw.FullError):
        return StoreFailed(f"{path}: the disk is full; free some space")
    return StoreFailed(f"{path}: {type(error).__name__}: {error}")


def _constraint_error(error: apsw.ConstraintError) -> BadInput | Conflict:
    text = str(error)
    if text.startswith("UNIQUE"):
        return Conflict("there is one already")
    if text.startswith("on legal hold"):
        return Conflict(text)
    if text.startswith("FOREIGN KEY"):
        return Conflict("something it belongs to does not exist, or something still needs it")
    if "expires_at_s" in text:
        return BadInput("it would end before it was made: give a later end")
    return BadInput("a value is missing, or outside its bounds")

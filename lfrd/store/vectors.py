"""index.db: sqlite-vec's tables for ad-hoc search. Derived from the templates in lfrd.db, in no
backup, and made anew when it is missing, unreadable, or was made by another version.

Every model has a table of its own, so vectors of different models never meet.
"""

import asyncio
import functools
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

import numpy as np

from lfrd.errors import BadInput, StateError, StoreFailed
from lfrd.store import templates
from lfrd.store.database import Database
from lfrd.store.keys import KeyStore
from lfrd.store.sqlite import Connection, all_or_nothing, connect, vector_version
from lfrd.store.state_folder import StateFolder
from lfrd.store.templates import StoredTemplate, TemplateMatrix
from lfrd.types import Template

T = TypeVar("T")
log = logging.getLogger(__name__)

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE model (
    number INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    dim INTEGER NOT NULL
) STRICT;
CREATE TABLE item (
    id INTEGER PRIMARY KEY,
    template_id TEXT NOT NULL UNIQUE,
    entry_id TEXT NOT NULL,
    model_number INTEGER NOT NULL REFERENCES model (number)
) STRICT;
CREATE INDEX item_entry ON item (entry_id);
"""
CACHE_KIB = 200_000
"""Decrypted pages kept in memory: with the usual 2 MiB a search takes five times as long."""

CHUNK = 5_000
"""Vectors added in one transaction."""

LOAD_LIMIT_S = 60.0
TOP_LIMIT = 4_096
"""sqlite-vec's own limit for k."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A template near the probe; `score` is the cosine similarity, -1..1."""

    template_id: str
    entry_id: str
    score: float


@dataclass(frozen=True, slots=True)
class Drift:
    """How many templates the index lacks, and how many it has too many; both 0 when in step."""

    missing: int
    surplus: int


class VectorIndex:
    """Open while entered; one thread does all of its work, in turn.

    Callers queue for that thread; each is one awaiting task. Entering leaves it possibly empty or
    behind: `sync` brings it into step.
    """

    def __init__(self, folder: StateFolder, keys: KeyStore, *, encrypted: bool = True) -> None:
        self.path = folder.index_path
        self._key = keys.page_key(self.path.name) if encrypted else None
        self._turn = asyncio.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._connection: Connection | None = None
        self._soon: deque[StoredTemplate] = deque()

    async def __aenter__(self) -> "VectorIndex":
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="lfrd-index")
        try:
            self._connection = await self._in_thread(self._open)
        except BaseException:
            self._pool.shutdown()
            self._pool = None
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._in_thread(self._db.close)
        if self._pool is not None:
            self._pool.shutdown()  # its thread is idle: this does not block
            self._pool = None

    async def add(self, matrix: TemplateMatrix) -> None:
        """Add templates of one model. Raises Conflict where one is there already."""
        for start in range(0, len(matrix), CHUNK):
            rows = range(start, min(start + CHUNK, len(matrix)))
            await self._in_thread(functools.partial(self._add, matrix, rows))

    def add_soon(self, stored: StoredTemplate) -> None:
        """Add a template before the next thing that is asked of the index: it shares that trip to
        the thread. One that is there by then stays as it is."""
        self._soon.append(stored)

    async def remove(self, template_ids: Sequence[str]) -> int:
        """Remove templates; return how many were there. Their bytes are overwritten."""
        return await self._in_thread(lambda: self._remove("template_id", template_ids))

    async def remove_entries(self, entry_ids: Sequence[str]) -> int:
        """Remove all templates of these entries; return how many were there."""
        return await self._in_thread(lambda: self._remove("entry_id", entry_ids))

    async def search(self, probe: Template, top: int) -> list[Hit]:
        """The `top` templates of the probe's model that are most like it, best first."""
        if not 1 <= top <= TOP_LIMIT:
            raise BadInput(f"a search gives 1 to {TOP_LIMIT} hits, not {top}")
        return await self._in_thread(lambda: self._search(probe, top))

    async def check(self, db: Database) -> Drift:
        """Compare with the truth, id by id."""
        missing = surplus = 0
        for digest in await self._digests(db):
            stored, indexed = await self._ids(db, digest)
            missing += len(stored - indexed)
            surplus += len(indexed - stored)
        return Drift(missing, surplus)

    async def sync(self, db: Database) -> Drift:
        """Remove what is no longer stored, add what is missing; return what was amiss."""
        missing = surplus = 0
        for digest in await self._digests(db):
            stored, indexed = await self._ids(db, digest)
            surplus += await self.remove(sorted(indexed - stored))
            lacking = stored - indexed
            if lacking:
                matrix = await db.read(
                    functools.partial(templates.load, model_digest=digest), limit_s=LOAD_LIMIT_S
                )
                await self.add(_only(matrix, lacking))
            missing += len(lacking)
            if not stored:
                await self._in_thread(functools.partial(self._drop_model, digest))
        return Drift(missing, surplus)

    async def checkpoint(self) -> bool:
        """Empty the write-ahead log: only then are removed bytes gone from every file."""
        return await self._in_thread(self._db.checkpoint)

    @property
    def _db(self) -> Connection:
        if self._connection is None:
            raise StoreFailed("the index is closed")
        return self._connection

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._pool is None:
            raise StoreFailed("the index is closed")

        def in_turn() -> T:
            self._add_waiting()
            return work()

        async with self._turn:
            running = asyncio.get_running_loop().run_in_executor(self._pool, in_turn)
            return await asyncio.shield(running)

    def _add_waiting(self) -> None:
        waiting = [self._soon.popleft() for _ in range(len(self._soon))]
        if not waiting:
            return

        def work() -> None:
            for stored in waiting:
                known = "SELECT 1 FROM item WHERE template_id = ?"
                if self._db.value(known, (stored.id,)) is None:
                    self._insert(TemplateMatrix.of(stored), range(1))

        try:
            all_or_nothing(self._db, work)
        except StoreFailed:  # a full disk; anything else the next `sync` mends
            self._soon.extendleft(reversed(waiting))
            raise

    async def _digests(self, db: Database) -> list[str]:
        stored = await db.read(templates.model_digests)
        indexed = await self._in_thread(lambda: self._db.column("SELECT digest FROM model"))
        return sorted({*stored, *indexed})

    async def _ids(self, db: Database, digest: str) -> tuple[set[str], set[str]]:
        stored = await db.read(lambda reader: templates.ids_of_model(reader, digest))
        indexed = await self._in_thread(
            lambda: self._db.column(
                "SELECT template_id FROM item JOIN model ON number = model_number WHERE digest = ?",
                (digest,),
            )
        )
        return set(stored), set(indexed)

    def _open(self) -> Connection:
        try:
            connection = self._connect()
        except StateError as error:
            log.warning("%s is made anew: %s", self.path, error)
            self._discard()
            connection = self._connect()
        made_by = f"{SCHEMA_VERSION}/{vector_version(connection)}"
        if connection.value("SELECT count(*) FROM sqlite_schema"):
            if _made_by(connection) == made_by:
                return connection
            log.warning("%s is made anew: another version made it", self.path)
            connection.close()
            self._discard()
            connection = self._connect()
        all_or_nothing(connection, lambda: _create(connection, made_by))
        return connection

    def _connect(self) -> Connection:
        connection = connect(self.path, self._key, cache_kib=CACHE_KIB, vectors=True)
        # A power cut may cost the newest commits and never leaves half of one: `sync` mends that.
        connection.set_pragma("synchronous", "NORMAL")
        return connection

    def _discard(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def _add(self, matrix: TemplateMatrix, rows: range) -> None:
        all_or_nothing(self._db, lambda: self._insert(matrix, rows))

    def _insert(self, matrix: TemplateMatrix, rows: range) -> None:
        number = self._model_number(matrix.model_digest, matrix.vectors.shape[1])
        for row in rows:
            self._db.execute(
                "INSERT INTO item (template_id, entry_id, model_number) VALUES (?, ?, ?)",
                (matrix.template_ids[row], matrix.entry_ids[row], number),
            )
            table = f"vector_{number}"  # a name cannot be bound; the number is our own integer
            self._db.execute(
                f"INSERT INTO {table} (rowid, embedding) VALUES (?, ?)",  # noqa: S608  # as above
                (self._db.last_id(), matrix.vectors[row].tobytes()),
            )

    def _model_number(self, digest: str, dim: int) -> int:
        """The number of a model's table, made if it is new; our own integer, so safe in SQL."""
        for row in self._db.rows("SELECT number, dim FROM model WHERE digest = ?", (digest,)):
            if row["dim"] != dim:
                raise BadInput(f"model {digest} gives {row['dim']!r} numbers, not {dim}")
            return row.whole("number")
        self._db.execute("INSERT INTO model (digest, dim) VALUES (?, ?)", (digest, dim))
        number = self._db.last_id()
        self._db.execute(
            f"CREATE VIRTUAL TABLE vector_{number}"
            f" USING vec0(embedding float[{dim}] distance_metric=cosine)"
        )
        return number

    def _drop_model(self, digest: str) -> None:
        """Drop a model's empty table: secure_delete overwrites what it held."""

        def work() -> None:
            number = self._db.value("SELECT number FROM model WHERE digest = ?", (digest,))
            if isinstance(number, int):
                self._db.execute(f"DROP TABLE vector_{number}")
                self._db.execute("DELETE FROM model WHERE number = ?", (number,))

        all_or_nothing(self._db, work)

    def _remove(self, column: str, values: Sequence[str]) -> int:
        removed = 0

        def work() -> None:
            nonlocal removed
            for value in values:
                for item_id, number in list(self._items(column, value)):
                    self._db.execute(
                        f"DELETE FROM vector_{number} WHERE rowid = ?",  # noqa: S608
                        (item_id,),
                    )
                    removed += self._db.execute("DELETE FROM item WHERE id = ?", (item_id,))

        all_or_nothing(self._db, work)
        return removed

    def _items(self, column: str, value: str) -> Iterator[tuple[int, int]]:
        sql = f"SELECT id, model_number FROM item WHERE {column} = ?"  # noqa: S608  # ours
        for row in self._db.rows(sql, (value,)):
            yield row.whole("id"), row.whole("model_number")

    def _search(self, probe: Template, top: int) -> list[Hit]:
        number = self._db.value("SELECT number FROM model WHERE digest = ?", (probe.model_digest,))
        if number is None:
            return []
        assert isinstance(number, int)
        rows = self._db.rows(
            f"SELECT template_id, entry_id, distance FROM vector_{number}"  # noqa: S608
            f" JOIN item ON item.id = vector_{number}.rowid"
            " WHERE embedding MATCH ? AND k = ? ORDER BY distance, template_id",
            (probe.vector.astype(np.float32).tobytes(), top),
        )
        return [
            Hit(row.text("template_id"), row.text("entry_id"), 1.0 - row.real("distance"))
            for row in rows
        ]


def _made_by(connection: Connection) -> str | None:
    if connection.value("SELECT 1 FROM sqlite_schema WHERE name = 'meta'") is None:
        return None
    return str(connection.value("SELECT value FROM meta WHERE name = 'made_by'"))


def _create(connection: Connection, made_by: str) -> None:
    connection.script(SCHEMA)
    connection.execute("INSERT INTO meta (name, value) VALUES ('made_by', ?)", (made_by,))


def _only(matrix: TemplateMatrix, wanted: set[str]) -> TemplateMatrix:
    """The rows of a matrix whose template is wanted."""
    rows = [row for row, template_id in enumerate(matrix.template_ids) if template_id in wanted]
    return TemplateMatrix(
        matrix.model_digest,
        tuple(matrix.template_ids[row] for row in rows),
        tuple(matrix.entry_ids[row] for row in rows),
        tuple(matrix.person_ids[row] for row in rows),
        tuple(matrix.watchlist_ids[row] for row in rows),
        np.ascontiguousarray(matrix.vectors[rows]),
    )

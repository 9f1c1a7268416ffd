"""lfrd.db as the rest of the daemon sees it: functions to write, functions to read, events.

    async with Database(folder, keys) as db:
        entry = await db.write(lambda tx: watchlists.add_entry(tx, new), principal="user:ada")
        lists = await db.read(watchlists.lists)

The functions run in the store's own threads and touch nothing but what they are given.
"""

import asyncio
import logging
import queue
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager, suppress
from types import TracebackType
from typing import TypeVar

from lfrd.audit.verify import PublicKey
from lfrd.clock import Clock, SystemClock
from lfrd.counters import Spread
from lfrd.errors import StateError, StoreFailed
from lfrd.events import Event, EventBus, EventKind, EventPage
from lfrd.store import audit_log, event_log
from lfrd.store.audit_key import open_key
from lfrd.store.checkpoints import CheckpointRules, Checkpoints
from lfrd.store.keys import KeyStore
from lfrd.store.migrate import Migration, migrate, migrations_folder, read_migrations
from lfrd.store.sqlite import Connection, all_or_nothing, connect
from lfrd.store.state_folder import StateFolder
from lfrd.store.transaction import Reader, Transaction
from lfrd.store.writer import Writer

T = TypeVar("T")

log = logging.getLogger(__name__)

READERS = 2
READ_LIMIT_S = 5.0
"""A long reader blocks the checkpoint that completes an erasure, so none may be longer."""

ROOM_BYTES = 1024 * 1024
"""What `try_disk` writes: more than a candidate with its pictures."""

SYSTEM = "system"
"""The principal of what the daemon does by itself, for no user."""


class Database:
    """Open while entered. For one event loop.

    Raises StateError on entering where the file cannot be used. `encrypted=False` is for tests
    that look for bytes in the files.
    """

    def __init__(
        self,
        folder: StateFolder,
        keys: KeyStore,
        clock: Clock | None = None,
        *,
        encrypted: bool = True,
        migrations: tuple[Migration, ...] | None = None,
        new: bool = False,
        audit: CheckpointRules | None = None,
        tell: Callable[[Transaction], None] = lambda _: None,
    ) -> None:
        """`new`: begin with nothing although there are keys, whose database is gone. `audit`: when
        the log is signed; None: it grows, and is signed at the next start of the daemon. `tell` is
        called at the end of each action, and writes what others are to be told of it."""
        self.path = folder.database_path
        self._folder = folder
        self._audit = audit
        self._checkpoints: Checkpoints | None = None
        self.keys = keys
        self.events = EventBus(self._page_of_events)
        self._clock = clock or SystemClock()
        self._key = keys.page_key(self.path.name) if encrypted else None
        self._migrations = migrations
        self._new = new
        self._writer = Writer(self._open, keys, self._clock, self._publish, self._keep_up, tell)
        # Waiting reads queue here in turn; each is one awaiting caller.
        self._read_turns = asyncio.Semaphore(READERS)
        self._pool: ThreadPoolExecutor | None = None
        self._idle: queue.SimpleQueue[Connection] = queue.SimpleQueue()

    @property
    def failure(self) -> str | None:
        """Why the last write did not reach the disk; None while writes do. For health."""
        return self._writer.failure

    @property
    def commits(self) -> Spread:
        """How long actions took until they were on the disk."""
        return self._writer.commits

    @property
    def waiting(self) -> tuple[int, float]:
        """How many actions are not on the disk yet, and since when (s) the oldest of them."""
        return self._writer.waiting

    async def __aenter__(self) -> "Database":
        async with AsyncExitStack() as undo:
            await self._writer.start()
            undo.push_async_callback(self._writer.stop)
            self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="lfrd-reader")
            undo.push_async_callback(self._close_readers)
            await self._in_pool(self._open_readers)
            await self.sign_log()
            undo.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.events.close()
        try:
            await self.sign_log()
        except StoreFailed as failure:
            log.error("the log ends without a checkpoint: %s", failure)
        await self._close_readers()
        await self._writer.stop()

    @property
    def log_key(self) -> PublicKey:
        """The key that signs the log; for a database that was opened with `audit`."""
        assert self._checkpoints is not None, "this database's log is not signed"
        return self._checkpoints.key

    async def write(self, action: Callable[[Transaction], T], *, principal: str) -> T:
        """Run `action` in the writer's thread; return its result once it is on the disk.

        What it raises comes back, and nothing of it stays. Raises StoreFailed where the disk
        failed; what shared its commit then failed too, and the database goes on. A full queue
        makes the caller wait.
        """
        return await self._writer.submit(action, principal)

    async def read(self, query: Callable[[Reader], T], *, limit_s: float = READ_LIMIT_S) -> T:
        """Run `query` on one consistent view of the database, in a reader's thread.

        SQL that still runs after `limit_s` is interrupted and raises StoreFailed.
        """
        await self._read_turns.acquire()
        try:
            running = self._in_pool(lambda: self._run_query(query, limit_s))
        except BaseException:
            self._read_turns.release()
            raise
        # The turn ends with the query, not with a caller who no longer waits for it.
        running.add_done_callback(lambda _: self._read_turns.release())
        return await asyncio.shield(running)

    async def try_disk(self) -> None:
        """Write ROOM_BYTES and take them back: `failure` then says whether writes work again,
        also while nothing else is written. Raises StoreFailed where they do not."""
        await self.write(_use_room, principal=SYSTEM)

    async def sign_log(self) -> None:
        """Sign a checkpoint of all that was logged until now. Raises StoreFailed."""
        if self._checkpoints is not None:
            self._checkpoints.want()
            await self.look_at_log()

    async def cosigned(self, leaves: int, note: str) -> None:
        """Keep the checkpoint of this size with further signatures, here and in the copy."""

        def keep(tx: Transaction) -> None:
            audit_log.cosign(tx, leaves, note)
            if self._checkpoints is not None:
                self._checkpoints.copy_cosigned(note)

        await self.write(keep, principal=SYSTEM)

    async def look_at_log(self) -> None:
        """Sign one if it is time, also while nothing else is written. Raises StoreFailed."""
        await self.write(lambda _: None, principal=SYSTEM)

    async def checkpoint(self) -> bool:
        """Empty the write-ahead log into the main file; False where a reader prevented it."""
        return await self._writer.chore(Connection.checkpoint)

    async def shrink(self) -> None:
        """Have every connection free the pages that it keeps: the next queries read those that they
        need again, from the system's cache. A store that fails keeps them."""
        with suppress(StoreFailed):
            await self._writer.chore(Connection.shrink)
            for _ in range(READERS):
                await self._in_pool(self._shrink_reader)

    def _shrink_reader(self) -> None:
        with self._reader() as connection:
            connection.shrink()

    def _run_query(self, query: Callable[[Reader], T], limit_s: float) -> T:
        with self._reader() as connection:
            connection.execute("BEGIN")
            try:
                with connection.time_limit(limit_s):
                    return query(Reader(connection, self.keys))
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def _reader(self) -> Iterator[Connection]:
        """The one that was not used for longest; there is one for each thread of the pool."""
        connection = self._idle.get_nowait()
        try:
            yield connection
        finally:
            self._idle.put(connection)

    async def _page_of_events(
        self, after_id: int, limit: int, kinds: Sequence[EventKind] = ()
    ) -> EventPage:
        return await self.read(lambda reader: event_log.page(reader, after_id, limit, kinds))

    def _publish(self, events: list[Event]) -> None:
        self.events.publish(events)

    def _open(self) -> Connection:
        existed = self.path.exists()
        connection = connect(self.path, self._key)
        try:
            self._check_whole(connection)
            known = self._migrations or read_migrations(migrations_folder())
            migrate(connection, self._key, known, self._clock.wall_s())
            self._check_installation(connection)
            all_or_nothing(connection, lambda: self._open_log(connection))
        except BaseException:
            connection.close()
            if not existed and isinstance(sys.exception(), StateError):
                self.path.unlink(missing_ok=True)
            raise
        return connection

    def _check_whole(self, connection: Connection) -> None:
        """Keys without a database are what is left of lists and deployments that were there: a
        disk that is not mounted, or a restore that was forgotten, must not start empty and
        healthy."""
        kept = self.keys.count()
        if self._new or not kept or connection.value("SELECT count(*) FROM sqlite_schema"):
            return
        raise StateError(
            f"{self.path} is missing or empty, and keys.db beside it holds the keys of {kept} "
            f"watchlists and deployments: put {self.path.name} back from its backup (is its disk "
            "mounted?); or, to begin with nothing, start once with `lfrd run --new`"
        )

    def _check_installation(self, connection: Connection) -> None:
        """The faces in here open only with the keys.db that was made with it."""
        connection.execute(
            "INSERT OR IGNORE INTO meta (name, value) VALUES ('installation_id', ?)",
            (self.keys.installation_id,),
        )
        found = connection.value("SELECT value FROM meta WHERE name = 'installation_id'")
        if found != self.keys.installation_id:
            raise StateError(
                f"{self.path} and keys.db belong to different installations: put back the pair "
                "that belongs together"
            )

    def _open_log(self, connection: Connection) -> None:
        audit_log.grow(connection)  # what was logged by an lfrd that kept no tree
        if self._audit is not None:
            now_s = self._clock.wall_s()
            key = open_key(self._folder, connection, now_s, SYSTEM, anew=self._new)
            self._checkpoints = Checkpoints(key, self._clock, self._audit)
            self._checkpoints.open(connection)

    def _keep_up(self, connection: Connection) -> None:
        if self._checkpoints is not None:
            self._checkpoints.keep_up(connection)

    def _in_pool(self, work: Callable[[], T]) -> asyncio.Future[T]:
        if self._pool is None:
            raise StoreFailed("the store is closed")
        return asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _open_readers(self) -> None:
        for _ in range(READERS):
            self._idle.put(connect(self.path, self._key, read_only=True))

    async def _close_readers(self) -> None:
        """Wait for the queries that run (their limit bounds that), then close."""
        for _ in range(READERS):
            await self._read_turns.acquire()
        while not self._idle.empty():
            await self._in_pool(self._idle.get_nowait().close)
        if self._pool is not None:
            self._pool.shutdown(wait=True)  # its threads are idle: this does not block
            self._pool = None
        for _ in range(READERS):
            self._read_turns.release()


def _use_room(tx: Transaction) -> None:
    tx.execute(
        "INSERT INTO meta (name, value) VALUES ('room', hex(zeroblob(?)))", (ROOM_BYTES // 2,)
    )
    tx.execute("DELETE FROM meta WHERE name = 'room'")

"""The one writer: a thread that takes functions from a bounded queue and commits them in groups."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from lfrd.clock import Clock
from lfrd.counters import Spread
from lfrd.errors import StoreFailed
from lfrd.events import Event
from lfrd.request import RequestMark, current
from lfrd.store import audit_log, deployments, event_log, request_keys
from lfrd.store.keys import KeyStore
from lfrd.store.sqlite import Connection, roll_back
from lfrd.store.transaction import Transaction

T = TypeVar("T")

QUEUE_LIMIT = 1_024
"""Actions that wait for the disk. When full, `submit` waits, and with it its caller."""

GROUP_LIMIT = 256
PRUNE_EVERY_S = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class Action(Generic[T]):
    """A function that is committed whole or not at all, and the future that gets its result."""

    run: Callable[[Transaction], T]
    principal: str
    result: asyncio.Future[T]
    mark: RequestMark | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Chore(Generic[T]):
    """Work on the connection outside any transaction, such as a checkpoint."""

    run: Callable[[Connection], T]
    result: asyncio.Future[T]


Outcome = tuple[asyncio.Future[Any], object, BaseException | None]


class Writer:
    """Owns the writing connection and its thread, between `start` and `stop`.

    `publish` is called on the loop with the events of each commit, before the actions' awaiters
    wake; `tell` at the end of each action, to write what others are to be told of it; `keep_up` in
    the transaction before the actions: the checkpoint of the log that is due, or none of them is
    done. `failure` is why the last commit did not reach the disk, None once one did.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        keys: KeyStore,
        clock: Clock,
        publish: Callable[[list[Event]], None],
        keep_up: Callable[[Connection], None],
        tell: Callable[[Transaction], None],
    ) -> None:
        self._connect = connect
        self._keep_up = keep_up
        self._tell = tell
        self._keys = keys
        self._clock = clock
        self._publish = publish
        self._queue: queue.SimpleQueue[Action[Any] | Chore[Any] | None] = queue.SimpleQueue()
        self._room = asyncio.Semaphore(QUEUE_LIMIT)
        self._thread: threading.Thread | None = None
        self._ended = asyncio.Event()
        self._pruned_at_s = float("-inf")
        self.failure: str | None = None
        self.commits = Spread()
        """From when an action was asked for until it was on the disk."""
        self._since: dict[int, float] = {}
        """When each job that waits was asked for, the oldest first."""

    @property
    def waiting(self) -> tuple[int, float]:
        """How many actions are not on the disk yet, and since when (s) the oldest of them."""
        oldest_at_s = next(iter(self._since.values()), None)
        lag_s = 0.0 if oldest_at_s is None else time.monotonic() - oldest_at_s
        return len(self._since), lag_s

    async def start(self) -> None:
        """Open the database (and migrate it) in the thread; raise what that raises."""
        self._loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._main, args=(opened,), name="lfrd-writer")
        self._thread.start()
        try:
            await opened
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Carry out what was queued, close the database, and await the thread's end."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            await self._ended.wait()
            thread.join()  # the thread's last act was to say so: this does not block

    async def submit(self, run: Callable[[Transaction], T], principal: str) -> T:
        """Queue an action and await its commit. Once queued it is carried out, awaited or not."""
        result: asyncio.Future[T] = self._loop.create_future()
        return await self._enqueue(Action(run, principal, result, current.get()))

    async def chore(self, run: Callable[[Connection], T]) -> T:
        """Queue work that needs to be outside a transaction."""
        result: asyncio.Future[T] = self._loop.create_future()
        return await self._enqueue(Chore(run, result))

    async def _enqueue(self, job: Action[T] | Chore[T]) -> T:
        await self._room.acquire()
        if self._thread is None:
            self._room.release()
            raise StoreFailed("the store is closed")
        asked_at_s = self._since[id(job)] = time.monotonic()

        def over(result: asyncio.Future[T]) -> None:
            self._room.release()
            del self._since[id(job)]
            if not result.cancelled():
                self.commits.note(time.monotonic() - asked_at_s)

        job.result.add_done_callback(over)
        self._queue.put(job)
        return await job.result

    def _main(self, opened: asyncio.Future[None]) -> None:
        try:
            self._work(opened)
        finally:
            self._loop.call_soon_threadsafe(self._ended.set)

    def _work(self, opened: asyncio.Future[None]) -> None:
        try:
            connection = self._connect()
        except BaseException as error:  # handed to start(), which raises it
            self._deliver([(opened, None, error)], [])
            return
        connection.empty_log_apart()
        self._deliver([(opened, None, None)], [])
        try:
            while self._serve(connection):
                pass
        finally:
            connection.close()

    def _serve(self, connection: Connection) -> bool:
        """Take what is queued, up to a group, and carry it out; False when told to stop."""
        job = self._queue.get()
        actions: list[Action[Any]] = []
        while isinstance(job, Action):
            actions.append(job)
            if len(actions) >= GROUP_LIMIT:
                break
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                break
        while actions:
            actions = actions[self._commit_group(connection, actions) :]
            connection.empty_log()
        if isinstance(job, Chore):
            self._do_chore(connection, job)
        return job is not None

    def _do_chore(self, connection: Connection, chore: Chore[Any]) -> None:
        try:
            outcome: Outcome = (chore.result, chore.run(connection), None)
        except Exception as error:  # handed to the awaiter
            outcome = (chore.result, None, error)
        self._deliver([outcome], [])

    def _commit_group(self, connection: Connection, actions: list[Action[Any]]) -> int:
        """Run actions in one transaction; return how many have their outcome.

        An action that raises is rolled back alone. When SQLite gives up the whole transaction
        (disk full, I/O error), everything in it so far fails and the rest is left for the next.
        """
        outcomes: list[Outcome] = []
        events: list[Event] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._keep_up(connection)
            for action in actions:
                self._run_action(connection, action, outcomes, events)
                if not connection.in_transaction:
                    raise outcomes[-1][2] or StoreFailed("an action ended the transaction")
            self._prune(connection, bool(events))
            audit_log.grow(connection)
            self._keys.settle()
            connection.execute("COMMIT")
            self.failure = _disk_failure(outcomes)
        except Exception as error:  # handed to every awaiter of this group
            outcomes, events = self._lost(connection, actions, outcomes, error), []
        self._deliver(outcomes, events)
        return len(outcomes)

    def _run_action(
        self,
        connection: Connection,
        action: Action[Any],
        outcomes: list[Outcome],
        events: list[Event],
    ) -> None:
        transaction = Transaction(
            connection, self._keys, action.principal, self._clock.wall_s(), action.mark
        )
        connection.execute("SAVEPOINT action")
        try:
            request_keys.claim(transaction)
            value = action.run(transaction)
            deployments.follow_lists(transaction)
            self._tell(transaction)
            connection.execute("RELEASE action")
        except Exception as error:  # handed to the awaiter
            outcomes.append((action.result, None, error))
            if connection.in_transaction:
                connection.execute("ROLLBACK TO action")
                connection.execute("RELEASE action")
            return
        outcomes.append((action.result, value, None))
        events.extend(transaction.events)

    def _lost(
        self,
        connection: Connection,
        actions: list[Action[Any]],
        outcomes: list[Outcome],
        error: Exception,
    ) -> list[Outcome]:
        """Nothing of this group is on the disk: tell every caller that waits for it."""
        self.failure = str(error)
        roll_back(connection)
        self._keys.forget_unsettled()
        failed = StoreFailed(f"nothing was written: {error}")
        failed.__cause__ = error
        attempted = len(outcomes) or len(actions)  # none: not even BEGIN worked
        kept = {id(result): own for result, _, own in outcomes if own is not None}
        return [
            (action.result, None, kept.get(id(action.result), failed))
            for action in actions[:attempted]
        ]

    def _prune(self, connection: Connection, wrote_events: bool) -> None:
        now_s = self._clock.wall_s()
        if wrote_events and not 0 <= now_s - self._pruned_at_s < PRUNE_EVERY_S:
            event_log.prune(connection, now_s)
            request_keys.prune(connection, now_s)
            self._pruned_at_s = now_s

    def _deliver(self, outcomes: list[Outcome], events: list[Event]) -> None:
        self._loop.call_soon_threadsafe(self._settle, outcomes, events)

    def _settle(self, outcomes: list[Outcome], events: list[Event]) -> None:
        """On the loop: first the events, then the awaiters."""
        if events:
            self._publish(events)
        for result, value, error in outcomes:
            if result.done():  # its awaiter was cancelled
                continue
            if error is None:
                result.set_result(value)
            else:
                result.set_exception(error)


def _disk_failure(outcomes: list[Outcome]) -> str | None:
    """Why an action did not fit although others did, if there is such a one."""
    return next((str(error) for _, _, error in outcomes if isinstance(error, StoreFailed)), None)

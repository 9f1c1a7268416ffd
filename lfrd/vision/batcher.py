"""Calls of many cameras, run together on a fixed number of inference threads.

A camera's coroutine awaits one call at a time; calls that wait at the same moment and can share
one model run are run as one batch. Nothing waits for a batch to fill: while the threads are busy,
the next batch gathers by itself.
"""

import asyncio
import contextlib
import itertools
import threading
from collections import Counter, deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from lfrd.errors import Conflict

Result = TypeVar("Result")


class Call(Protocol):
    """Something to compute; up to `batch_limit` calls with equal `batch_key` may run together.

    `urgent` ones end what was begun, and go before those that begin something new.
    """

    @property
    def batch_key(self) -> Hashable: ...

    @property
    def batch_limit(self) -> int: ...

    @property
    def urgent(self) -> bool: ...


C = TypeVar("C", bound=Call)
Worker = Callable[[Sequence[C]], Sequence[Result]]
"""What runs a batch, on one thread only; gives a result for each call, in order."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting(Generic[C, Result]):
    """`over` is set when no thread works on the call any more, also where its caller was
    cancelled."""

    call: C
    future: asyncio.Future[Result]
    over: asyncio.Event


class Batcher(Generic[C, Result]):
    """An async context manager around the inference threads.

    First come, first served, but urgent calls first: the oldest call runs next, with others of its
    kind. A camera whose turn begins waits until those that were before it have ended theirs, and
    for no more than the turn of each other camera. At most `capacity` calls wait here; when
    it is full, further callers wait before it, and their cameras' mailboxes drop frames.
    """

    def __init__(
        self,
        make_worker: Callable[[], "Worker[C, Result]"],
        *,
        threads: int,
        capacity: int = 256,
        at_once: Mapping[Hashable, int] | None = None,
    ) -> None:
        """`make_worker` is called once on each thread, so that what it opens has one owner.

        `at_once`: of calls with this batch key, at most so many batches run at the same time;
        other threads take other work meanwhile.
        """
        assert threads >= 1, threads
        self._at_once = dict(at_once or {})
        self._running: Counter[Hashable] = Counter()
        self._make_worker = make_worker
        self._size = threads
        self._room = asyncio.Semaphore(capacity)
        self._changed = threading.Condition()
        self._queue: deque[_Waiting[C, Result]] = deque()
        self._urgent: deque[_Waiting[C, Result]] = deque()
        self._own: tuple[deque[_Waiting[C, Result]], ...] = tuple(deque() for _ in range(threads))
        self._idle = threads  # threads that run no batch now, waiting for one or on their way to
        self._open = False
        self._threads: list[threading.Thread] = []

    async def __aenter__(self) -> "Batcher[C, Result]":
        """Start the threads; returns when every worker is made, or raises what stopped one."""
        self._loop = asyncio.get_running_loop()
        self._open = True
        ready = [self._loop.create_future() for _ in range(self._size)]
        for index, future in enumerate(ready):
            thread = threading.Thread(
                target=self._work, args=(index, future), name=f"inference-{index}"
            )
            thread.start()
            self._threads.append(thread)
        try:
            await asyncio.gather(*ready)
        except BaseException:
            await asyncio.wait(ready)
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Refuse what still waits, let running batches end, and join the threads."""
        with self._changed:
            self._open = False
            queues = (self._urgent, self._queue, *self._own)
            left = [item for queue in queues for item in queue]
            for queue in queues:
                queue.clear()
            self._changed.notify_all()
        self._deliver(left, Conflict("inference has been shut down"))
        threads, self._threads = self._threads, []
        for thread in threads:
            await asyncio.to_thread(thread.join)

    @property
    def waiting(self) -> int:
        """How many calls no thread has begun."""
        with self._changed:
            return len(self._urgent) + len(self._queue)

    async def run(self, call: C) -> Result:
        """The result of `call`. Raises what its batch raised, or Conflict after the close.

        A cancelled caller returns only when no thread works on its call any more, so that it may
        then release the arrays it lent.
        """
        async with self._room:
            return await self._await(call, self._urgent if call.urgent else self._queue)

    async def run_on_each(self, make_call: Callable[[], C]) -> list[Result]:
        """Run one call on every thread, each alone; for work that concerns the worker itself."""
        return list(await asyncio.gather(*(self._await(make_call(), queue) for queue in self._own)))

    async def _await(self, call: C, queue: deque[_Waiting[C, Result]]) -> Result:
        item: _Waiting[C, Result] = _Waiting(call, self._loop.create_future(), asyncio.Event())
        with self._changed:
            if not self._open:
                raise Conflict("inference has been shut down")
            queue.append(item)
            anybody = queue is self._queue or queue is self._urgent
            self._changed.notify(1 if anybody else self._size)
        try:
            return await item.future
        except asyncio.CancelledError:
            if not self._withdraw(item, queue):
                await _patiently(item.over)
            raise

    def _withdraw(self, item: _Waiting[C, Result], queue: deque[_Waiting[C, Result]]) -> bool:
        """Take a call back that no thread has begun."""
        with self._changed:
            if item not in queue:
                return False
            queue.remove(item)
        return True

    def _work(self, index: int, ready: "asyncio.Future[None]") -> None:
        """One inference thread from start to end."""
        try:
            worker = self._make_worker()
        except Exception as error:
            self._loop.call_soon_threadsafe(_settle, [ready], error)
            return
        self._loop.call_soon_threadsafe(_settle, [ready], [None])
        while batch := self._next_batch(index):
            outcome: Sequence[Result] | Exception
            try:
                outcome = worker([item.call for item in batch])
            except Exception as error:  # every awaiting caller gets it
                outcome = error
            self._finished(batch[0].call.batch_key)
            self._loop.call_soon_threadsafe(self._deliver, batch, outcome)

    def _next_batch(self, index: int) -> list[_Waiting[C, Result]]:
        """Wait for work and take it; an empty list means the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._own[index] or self._ready() or not self._open)
            batch = [self._own[index].popleft()] if self._own[index] else self._take_alike()
            if batch:
                self._idle -= 1
                self._running[batch[0].call.batch_key] += 1
            return batch

    def _ready(self) -> _Waiting[C, Result] | None:
        """The oldest call that may run now."""
        for item in itertools.chain(self._urgent, self._queue):
            limit = self._at_once.get(item.call.batch_key)
            if limit is None or self._running[item.call.batch_key] < limit:
                return item
        return None

    def _take_alike(self) -> list[_Waiting[C, Result]]:
        """The oldest call that may run with others like it, leaving a share for idle threads."""
        first = self._ready()
        if first is None:
            return []
        key = first.call.batch_key
        queue = self._urgent if first.call.urgent else self._queue
        alike = [item for item in queue if item.call.batch_key == key]
        threads = min(self._idle, self._at_once.get(key, self._size) - self._running[key])
        share = -(-len(alike) // threads)
        batch = alike[: min(share, first.call.batch_limit)]
        for item in batch:
            queue.remove(item)
        return batch

    def _finished(self, key: Hashable) -> None:
        with self._changed:
            self._idle += 1
            self._running[key] -= 1
            if key in self._at_once and self._ready():
                self._changed.notify()  # such calls may have been left waiting

    def _deliver(
        self, batch: Sequence[_Waiting[C, Result]], outcome: Sequence[Result] | Exception
    ) -> None:
        _settle([item.future for item in batch], outcome)
        for item in batch:
            item.over.set()


def _settle(
    futures: Sequence["asyncio.Future[Result]"], outcome: Sequence[Result] | Exception
) -> None:
    """Give each future its result, or all of them the error."""
    for index, future in enumerate(futures):
        if future.done():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome[index])


async def _patiently(over: asyncio.Event) -> None:
    """Wait for the event, however often the waiting task is cancelled meanwhile."""
    while not over.is_set():
        with contextlib.suppress(asyncio.CancelledError):
            await over.wait()

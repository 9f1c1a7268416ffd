"""Calls are batched, shared out fairly, and nobody waits for ever."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from lfrd.errors import Conflict, InferenceFailed, ModelError
from lfrd.vision.batcher import Batcher


@dataclass(frozen=True, slots=True)
class Ask:
    """A call that gives its number back."""

    number: int
    batch_key: str = "any"
    urgent: bool = False
    batch_limit: int = 4


class Gate:
    """A worker whose batches can be held up; it notes what it ran."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.batches: list[list[int]] = []
        self.entered = threading.Semaphore(0)

    def __call__(self, calls: Sequence[Ask]) -> list[int]:
        self.batches.append([call.number for call in calls])
        self.entered.release()
        assert self.open.wait(5)
        return [call.number for call in calls]

    async def busy(self) -> None:
        """Until the worker has begun a batch."""
        assert await asyncio.to_thread(self.entered.acquire, timeout=5)


def _one_thread(worker: Callable[[Sequence[Ask]], list[int]]) -> Batcher[Ask, int]:
    return Batcher(lambda: worker, threads=1)


async def _queued(batcher: Batcher[Ask, int], *calls: Ask) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(batcher.run(call)) for call in calls]
    await asyncio.sleep(0)  # let each of them take its place
    return tasks


async def test_each_call_gets_its_own_result() -> None:
    async with Batcher[Ask, int](Gate, threads=2) as batcher:
        results = await asyncio.gather(*(batcher.run(Ask(number)) for number in range(40)))
    assert results == list(range(40))


async def test_what_waits_together_runs_together_up_to_the_limit() -> None:
    gate = Gate()
    async with _one_thread(gate) as batcher:
        gate.open.clear()
        first = await _queued(batcher, Ask(0))
        await gate.busy()
        rest = await _queued(batcher, *(Ask(number) for number in range(1, 7)))
        gate.open.set()
        await asyncio.gather(*first, *rest)
    assert gate.batches == [[0], [1, 2, 3, 4], [5, 6]]


async def test_what_ends_a_turn_goes_before_what_begins_one() -> None:
    gate = Gate()
    async with _one_thread(gate) as batcher:
        gate.open.clear()
        first = await _queued(batcher, Ask(0))
        await gate.busy()
        begins = await _queued(batcher, Ask(1), Ask(2))
        ends = await _queued(batcher, Ask(3, "look", True), Ask(4, "look", True))
        gate.open.set()
        await asyncio.gather(*first, *begins, *ends)
    assert gate.batches == [[0], [3, 4], [1, 2]]


async def test_only_calls_of_one_kind_share_a_batch_and_the_oldest_goes_first() -> None:
    gate = Gate()
    async with _one_thread(gate) as batcher:
        gate.open.clear()
        tasks = await _queued(batcher, Ask(0))
        await gate.busy()
        tasks += await _queued(batcher, Ask(1, "a"), Ask(2, "b"), Ask(3, "a"), Ask(4, "b"))
        gate.open.set()
        await asyncio.gather(*tasks)
    assert gate.batches == [[0], [1, 3], [2, 4]]


async def test_a_busy_camera_does_not_starve_a_quiet_one() -> None:
    gate = Gate()
    served: list[str] = []

    async def camera(name: str, count: int, batcher: Batcher[Ask, int]) -> None:
        for number in range(count):
            await batcher.run(Ask(number, batch_key=name))
            served.append(name)

    async with _one_thread(gate) as batcher:
        await asyncio.gather(*(camera(name, 10, batcher) for name in "abc"))
    for start in range(0, 30, 3):
        assert sorted(served[start : start + 3]) == ["a", "b", "c"]


async def test_idle_threads_get_their_share() -> None:
    gates: list[Gate] = []

    def make() -> Gate:
        gates.append(Gate())
        return gates[-1]

    async with Batcher[Ask, int](make, threads=2) as batcher:
        for gate in gates:
            gate.open.clear()
        tasks = await _queued(batcher, *(Ask(number) for number in range(4)))
        for gate in gates:
            await gate.busy()  # neither has taken all of it
        for gate in gates:
            gate.open.set()
        assert await asyncio.gather(*tasks) == list(range(4))


async def test_an_error_reaches_every_caller_of_its_batch_and_nobody_else() -> None:
    def worker(calls: Sequence[Ask]) -> list[int]:
        if any(call.batch_key == "bad" for call in calls):
            raise InferenceFailed("the provider broke")
        return [call.number for call in calls]

    async with _one_thread(worker) as batcher:
        results = await asyncio.gather(
            *(batcher.run(Ask(n, "bad" if n % 2 else "good")) for n in range(6)),
            return_exceptions=True,
        )
        assert await batcher.run(Ask(7)) == 7  # the thread lives on
    assert results[::2] == [0, 2, 4]
    assert all(isinstance(result, InferenceFailed) for result in results[1::2])


async def test_a_worker_that_cannot_be_made_stops_the_start() -> None:
    made = threading.Barrier(2, timeout=5)

    def make() -> Gate:
        if made.wait() == 0:
            raise ModelError("no such model")
        return Gate()

    with pytest.raises(ModelError, match="no such model"):
        async with Batcher[Ask, int](make, threads=2):
            pytest.fail("must not open")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("inference")]


async def test_closing_refuses_who_waits_and_lets_the_running_batch_end() -> None:
    gate = Gate()
    batcher = _one_thread(gate)
    async with batcher:
        gate.open.clear()
        running = await _queued(batcher, Ask(0))
        await gate.busy()
        waiting = await _queued(batcher, Ask(1), Ask(2))
        asyncio.get_running_loop().call_later(0.05, gate.open.set)
    assert await running[0] == 0
    for task in waiting:
        with pytest.raises(Conflict):
            await task
    with pytest.raises(Conflict):
        await batcher.run(Ask(3))
    assert gate.batches == [[0]]


async def test_a_cancelled_caller_who_waits_is_withdrawn() -> None:
    gate = Gate()
    async with _one_thread(gate) as batcher:
        gate.open.clear()
        running = await _queued(batcher, Ask(0))
        await gate.busy()
        (waiting,) = await _queued(batcher, Ask(1))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        gate.open.set()
        assert await running[0] == 0
    assert gate.batches == [[0]]


async def test_a_cancelled_caller_whose_batch_runs_returns_only_after_it() -> None:
    gate = Gate()
    async with _one_thread(gate) as batcher:
        gate.open.clear()
        (running,) = await _queued(batcher, Ask(0))
        await gate.busy()
        for _ in range(3):
            running.cancel()
            await asyncio.sleep(0.01)
            assert not running.done()  # a thread still uses the arrays it lent
        gate.open.set()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_a_full_queue_makes_callers_wait_before_it() -> None:
    gate = Gate()
    async with Batcher[Ask, int](lambda: gate, threads=1, capacity=2) as batcher:
        gate.open.clear()
        tasks = await _queued(batcher, *(Ask(number) for number in range(5)))
        await gate.busy()
        await asyncio.sleep(0.01)
        assert len(batcher._queue) <= 2
        gate.open.set()
        assert await asyncio.gather(*tasks) == list(range(5))


async def test_a_call_for_each_thread_runs_once_on_each() -> None:
    gates: list[Gate] = []

    def make() -> Gate:
        gates.append(Gate())
        return gates[-1]

    async with Batcher[Ask, int](make, threads=3) as batcher:
        assert await batcher.run_on_each(lambda: Ask(9)) == [9, 9, 9]
    assert [gate.batches for gate in gates] == [[[9]]] * 3


async def test_the_loop_stays_free_while_threads_work() -> None:
    def slow(calls: Sequence[Ask]) -> list[int]:
        time.sleep(0.05)
        return [call.number for call in calls]

    async with _one_thread(slow) as batcher:
        task = asyncio.create_task(batcher.run(Ask(1)))
        turns = 0
        while not task.done():
            await asyncio.sleep(0.001)
            turns += 1
    assert turns > 10

"""The pool counts what it hands out and overwrites what comes back."""

import asyncio
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.vision.pool import Buffer, Pool, PoolCounts


def test_a_released_buffer_is_overwritten_and_counted() -> None:
    pool = Pool(2, (3,), np.float32)
    buffer = pool.take()
    assert buffer is not None
    memory = buffer.array
    memory[:] = 7
    assert pool.counts() == PoolCounts(made=1, destroyed=0, held=1)
    buffer.release()
    assert not memory.any()
    assert pool.counts() == PoolCounts(made=1, destroyed=1, held=0)


def test_a_released_buffer_shows_nothing_of_its_next_owner() -> None:
    pool = Pool(1, (3,), np.float32)
    first = pool.take()
    assert first is not None
    first.release()
    second = pool.take()
    assert second is not None
    second.array[:] = 7
    assert first.array.size == 0


def test_releasing_twice_counts_once_and_does_not_free_another_owners_buffer() -> None:
    pool = Pool(1, (3,), np.float32)
    first = pool.take()
    assert first is not None
    first.release()
    second = pool.take()
    first.release()
    assert second is not None
    assert pool.take() is None
    assert pool.counts() == PoolCounts(made=2, destroyed=1, held=1)


def test_an_exhausted_pool_gives_none() -> None:
    pool = Pool(2, (1,), np.uint8)
    assert pool.take() is not None
    assert pool.take() is not None
    assert pool.take() is None
    assert pool.counts().made == 2


async def test_who_waits_is_told_as_the_last_one_is_given_back_by_any_thread() -> None:
    pool = Pool(3, (1,), np.uint8)
    await pool.whole()
    first, last = pool.take(), pool.take()
    assert first is not None
    assert last is not None
    waits = [asyncio.create_task(pool.whole()) for _ in range(2)]
    await asyncio.to_thread(first.release)
    await asyncio.sleep(0.02)
    assert not any(wait.done() for wait in waits), "one is held still"
    waits.pop().cancel()
    await asyncio.sleep(0)
    await asyncio.to_thread(last.release)
    await asyncio.wait_for(waits[0], 1)
    again = pool.take()
    assert again is not None
    again.release()


def test_arrays_are_contiguous_and_apart() -> None:
    pool = Pool(3, (4, 4, 3), np.uint8)
    held = [pool.take() for _ in range(3)]
    for index, buffer in enumerate(held):
        assert buffer is not None
        assert buffer.array.flags.c_contiguous
        buffer.array.fill(index)
    assert [int(buffer.array.max()) for buffer in held if buffer] == [0, 1, 2]


@given(st.lists(st.booleans(), max_size=60))
def test_made_is_always_destroyed_plus_held(steps: list[bool]) -> None:
    pool = Pool(4, (2,), np.float32)
    held: list[Buffer[np.float32]] = []
    made = 0
    for take in steps:
        if take:
            buffer = pool.take()
            assert (buffer is None) == (len(held) == 4)
            if buffer is not None:
                assert not buffer.array.any()
                buffer.array.fill(1)
                held.append(buffer)
                made += 1
        elif held:
            held.pop(0).release()
        assert pool.counts() == PoolCounts(made, made - len(held), len(held))


@pytest.mark.slow
def test_threads_may_take_and_release() -> None:
    pool = Pool(8, (16,), np.float32)

    def work() -> None:
        for _ in range(500):
            if buffer := pool.take():
                buffer.array.fill(1)
                buffer.release()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = pool.counts()
    assert counts.held == 0
    assert counts.made == counts.destroyed > 0

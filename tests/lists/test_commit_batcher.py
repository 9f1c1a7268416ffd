"""Rows go to the store together, and none waits for others that do not come."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from lfrd.lists.commit_batcher import CommitBatcher


class Rows:
    """Rows that are on the way for so many turns of the loop, and then join."""

    def __init__(self, batcher: CommitBatcher) -> None:
        self._batcher = batcher
        self.turn = 0
        self.departed: dict[int, int] = {}
        """By row: in which turn it left."""

    async def row(self, number: int, turns: int) -> None:
        with self._batcher.coming():
            for _ in range(turns):
                await asyncio.sleep(0)
        await self._batcher.join()
        self.departed[number] = self.turn

    async def run(self, *turns: int) -> list[list[int]]:
        """Who left together, in order."""
        rows = asyncio.gather(*(self.row(number, count) for number, count in enumerate(turns)))
        while not rows.done():
            self.turn += 1
            await asyncio.sleep(0)
        await rows
        times = sorted(set(self.departed.values()))
        return [sorted(n for n, at in self.departed.items() if at == time) for time in times]


async def test_a_row_that_comes_alone_does_not_wait() -> None:
    batcher = CommitBatcher(limit=8, patience_s=60.0)
    async with asyncio.timeout(1):
        with batcher.coming():
            pass
        await batcher.join()
        await batcher.join()


async def test_as_many_as_the_limit_go_together() -> None:
    rows = Rows(CommitBatcher(limit=2, patience_s=60.0))
    async with asyncio.timeout(1):
        assert await rows.run(0, 1, 5, 6, 20) == [[0, 1], [2, 3], [4]]


async def test_the_last_one_takes_those_who_wait_along() -> None:
    rows = Rows(CommitBatcher(limit=8, patience_s=60.0))
    async with asyncio.timeout(1):
        assert await rows.run(0, 4, 9) == [[0, 1, 2]]


async def test_nobody_waits_longer_than_patience_for_a_slow_photo() -> None:
    batcher = CommitBatcher(limit=8, patience_s=0.01)
    slow = asyncio.Event()

    async def never_ready() -> None:
        with batcher.coming():
            await slow.wait()

    async with asyncio.timeout(1), asyncio.TaskGroup() as tasks:
        tasks.create_task(never_ready())
        await asyncio.sleep(0)
        await batcher.join()
        slow.set()


async def test_a_row_that_fails_on_the_way_is_not_waited_for() -> None:
    batcher = CommitBatcher(limit=8, patience_s=60.0)

    async def fails() -> None:
        with batcher.coming():
            await asyncio.sleep(0.01)
            raise ValueError

    async with asyncio.timeout(1):
        failing = asyncio.create_task(fails())
        await asyncio.sleep(0)
        await batcher.join()
        assert isinstance((await asyncio.gather(failing, return_exceptions=True))[0], ValueError)


async def test_who_no_longer_waits_does_not_hold_up_the_others() -> None:
    batcher = CommitBatcher(limit=2, patience_s=60.0)
    with batcher.coming():
        given_up = asyncio.create_task(batcher.join())
        await asyncio.sleep(0)
        given_up.cancel()
        async with asyncio.timeout(1):
            await asyncio.gather(batcher.join(), batcher.join())


@given(st.lists(st.integers(0, 12), max_size=12), st.integers(1, 5))
def test_everybody_departs(turns: list[int], limit: int) -> None:
    async def run() -> list[list[int]]:
        async with asyncio.timeout(5):
            return await Rows(CommitBatcher(limit=limit, patience_s=60.0)).run(*turns)

    left = asyncio.run(run())
    assert sorted(number for group in left for number in group) == list(range(len(turns)))

"""The health board: the worst component counts, and a change wakes who waits for it."""

import asyncio

import pytest

from lfrd.health import HealthBoard, Status


async def test_the_worst_component_gives_the_status() -> None:
    board = HealthBoard()
    assert board.now.status is Status.OK
    board.degrade("camera:north", "camera north has been lost for 5 s")
    board.fail("store", "the disk is full")
    assert board.now.status is Status.FAILED
    assert board.now.reasons == ("the disk is full", "camera north has been lost for 5 s")
    board.clear("store")
    assert board.now.status is Status.DEGRADED
    board.clear("camera:north")
    assert (board.now.status, board.now.reasons) == (Status.OK, ())


async def test_saying_the_same_again_is_no_change() -> None:
    board = HealthBoard()
    board.fail("store", "the disk is full")
    version = board.now.version
    board.fail("store", "the disk is full")
    board.clear("camera:never-ill")
    assert board.now.version == version
    board.degrade("store", "the disk is nearly full")
    assert board.now.version == version + 1


async def test_a_change_wakes_everybody_who_waits() -> None:
    board = HealthBoard()
    waiters = asyncio.gather(board.after(0), board.after(0))
    await asyncio.sleep(0)
    assert not waiters.done()
    board.fail("store", "the disk is full")
    first, second = await waiters
    assert first == second == board.now


async def test_a_missed_change_is_given_at_once() -> None:
    board = HealthBoard()
    board.fail("store", "the disk is full")
    async with asyncio.timeout(1):
        assert (await board.after(0)).status is Status.FAILED
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await board.after(board.now.version)

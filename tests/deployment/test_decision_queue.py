"""Decisions are written while the camera goes on: in order, none lost, and nothing of them left."""

import asyncio

import numpy as np
import pytest

from lfrd.deployment.recorder import WAITING_LIMIT, DecisionQueue, Sight
from lfrd.errors import StoreFailed
from lfrd.types import U8, Decision, Planes
from support.values import look
from support.waiting import until

PLANES = Planes(
    np.full((72, 128), 90, np.uint8),
    np.full((36, 64), 90, np.uint8),
    np.full((36, 64), 90, np.uint8),
)
BOX = np.array([40, 20, 60, 45], np.float32)


class Disk:
    """Writes while `turning` is set, and remembers in which order it was told what."""

    def __init__(self) -> None:
        self.turning = asyncio.Event()
        self.turning.set()
        self.breaks = False
        self.told: list[str] = []
        self.pictures: list[U8] = []

    async def record(
        self,
        camera_id: str,
        decision: Decision,
        crop_rgb: U8,
        portrait_rgb: U8,
        scene_rgb: U8 | None = None,
    ) -> None:
        assert crop_rgb.all(), "it still shows the face"
        assert portrait_rgb.any()
        assert (scene_rgb is not None) == decision.clearer
        self.pictures += [crop_rgb, portrait_rgb]
        await self.turning.wait()
        if self.breaks:
            raise ValueError("a fault of ours")
        self.told.append(f"{camera_id} {decision.track_id} {decision.score}")

    def track_ended(self, camera_id: str, track_id: int) -> None:
        self.told.append(f"{camera_id} {track_id} ended")


def decision(track_id: int, score: float, *, clearer: bool = True) -> Decision:
    seen = look(1.0, ("entry", "person", score))
    return Decision(
        "raised", track_id, "entry", "person", score, None, 0.45, 3, seen, clearer=clearer
    )


def sight() -> Sight:
    return Sight(np.full((112, 112, 3), 7, np.uint8), PLANES, BOX, np.zeros((0, 4), np.float32))


async def test_decisions_are_written_in_order_and_the_end_of_their_track_comes_last() -> None:
    disk = Disk()
    disk.turning.clear()
    queue = DecisionQueue(disk)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(queue.run())
        for number in range(4):
            await queue.record("door", decision(7, number / 10, clearer=number == 0), sight())
        queue.track_ended("door", 7)
        queue.track_ended("door", 8)
        assert queue.unwritten == 4, "the camera did not wait for any of them"
        assert disk.told == ["door 8 ended"], "nothing of this one waits"
        disk.turning.set()
        await queue.close()
    assert disk.told[1:] == ["door 7 0.0", "door 7 0.1", "door 7 0.2", "door 7 0.3", "door 7 ended"]
    assert queue.unwritten == 0
    assert not any(picture.any() for picture in disk.pictures), "they were overwritten"


async def test_at_the_bound_the_camera_waits_and_nothing_is_lost() -> None:
    disk = Disk()
    disk.turning.clear()
    queue = DecisionQueue(disk)
    count = WAITING_LIMIT + 3

    async def camera() -> None:
        for number in range(count):
            await queue.record("door", decision(number, 0.6), sight())

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(queue.run())
        turn = tasks.create_task(camera())
        await until(lambda: len(disk.pictures) > 0)
        await asyncio.sleep(0.05)
        assert not turn.done(), "one is being written, as many wait as there may, and one asks"
        assert queue.unwritten == WAITING_LIMIT + 2
        disk.turning.set()
        await turn
        await queue.close()
    assert disk.told == [f"door {number} 0.6" for number in range(count)]


async def test_a_camera_that_is_stopped_while_it_waits_leaves_nothing() -> None:
    disk = Disk()
    queue = DecisionQueue(disk)
    for number in range(WAITING_LIMIT):
        await queue.record("door", decision(number, 0.6), sight())
    last = sight()
    asking = asyncio.ensure_future(queue.record("door", decision(99, 0.6), last))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not last.crop.any()
    assert queue.unwritten == WAITING_LIMIT


async def test_a_fault_of_the_store_ends_the_recorder_and_nobody_waits_for_ever() -> None:
    disk = Disk()
    disk.turning.clear()
    disk.breaks = True
    queue = DecisionQueue(disk)
    running = asyncio.ensure_future(queue.run())
    sights = [sight() for _ in range(WAITING_LIMIT + 2)]
    asking = [
        asyncio.ensure_future(queue.record("door", decision(number, 0.6), seen))
        for number, seen in enumerate(sights)
    ]
    await until(lambda: len(disk.pictures) > 0)
    disk.turning.set()
    with pytest.raises(ValueError, match="a fault of ours"):
        await running
    async with asyncio.timeout(5):
        await asyncio.gather(*asking, return_exceptions=True)
        with pytest.raises(StoreFailed, match="the queue has ended"):
            await queue.record("door", decision(1, 0.6), sight())
        await queue.close()
    assert queue.unwritten == 0
    assert not any(seen.crop.any() for seen in sights)

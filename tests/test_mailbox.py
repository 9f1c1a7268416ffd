import asyncio
import threading

from lfrd.mailbox import Every, Latest


async def test_the_newest_wins_and_what_was_dropped_is_counted() -> None:
    box: Latest[int] = Latest(asyncio.get_running_loop())
    for number in range(5):
        box.put(number)
    box.close()
    assert [item async for item in box] == [4]
    assert box.dropped == 4


async def test_an_item_from_another_thread_wakes_the_consumer() -> None:
    box: Latest[str] = Latest(asyncio.get_running_loop())
    thread = threading.Timer(0.02, lambda: (box.put("frame"), box.close()))
    thread.start()
    async with asyncio.timeout(2):
        assert [item async for item in box] == ["frame"]
    thread.join()


async def test_every_loses_nothing_and_holds_a_few() -> None:
    box: Every[int] = Every(asyncio.get_running_loop(), capacity=3)
    put = []

    def produce() -> None:
        for number in range(200):
            box.put(number)
            put.append(number)
        box.close()

    thread = threading.Thread(target=produce)
    thread.start()
    got = []
    async with asyncio.timeout(5):
        async for item in box:
            got.append(item)
            assert len(put) - len(got) <= 3, "the others have not been let in yet"
            await asyncio.sleep(0)
    thread.join()
    assert got == list(range(200))
    assert box.dropped == 0


async def test_closing_releases_a_waiting_producer() -> None:
    box: Every[int] = Every(asyncio.get_running_loop(), capacity=1)
    box.put(1)
    thread = threading.Thread(target=box.put, args=(2,))
    thread.start()
    box.close()
    thread.join(timeout=2)
    assert not thread.is_alive()
    assert [item async for item in box] == [1]


async def test_cleared_at_the_end_of_a_deployment() -> None:
    box: Latest[int] = Latest(asyncio.get_running_loop())
    box.put(1)
    box.clear()
    box.close()
    assert [item async for item in box] == []


def test_after_the_loop_has_closed_put_is_harmless() -> None:
    loop = asyncio.new_event_loop()
    box: Latest[int] = Latest(loop)
    loop.close()
    box.put(1)
    box.close()


async def test_what_waits_is_renewed_without_a_loss() -> None:
    box: Latest[int] = Latest(asyncio.get_running_loop())
    assert not box.waiting
    box.put(1)
    assert box.waiting
    box.put(2, renews=True)
    box.close()
    assert [item async for item in box] == [2]
    assert box.dropped == 0


class _Gate:
    """Lets in when told to."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.entered = 0

    async def enter(self) -> None:
        await self.opened.wait()
        self.entered += 1

    def leave(self) -> None:
        self.entered -= 1


async def test_at_a_gate_the_newest_is_taken_when_it_opens() -> None:
    box: Latest[int] = Latest(asyncio.get_running_loop())
    gate = _Gate()
    box.put(1)
    taking = asyncio.ensure_future(anext(aiter(box.items(gate))))
    await asyncio.sleep(0)
    box.put(2, renews=True)
    gate.opened.set()
    assert await taking == 2
    assert gate.entered == 1


async def test_a_gate_is_left_where_the_item_is_gone() -> None:
    box: Latest[int] = Latest(asyncio.get_running_loop())
    gate = _Gate()
    box.put(1)
    taking = asyncio.ensure_future(anext(aiter(box.items(gate)), None))
    await asyncio.sleep(0)
    box.clear()
    gate.opened.set()
    box.close()
    assert await taking is None
    assert gate.entered == 0

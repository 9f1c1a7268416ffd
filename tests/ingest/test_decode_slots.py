"""Only so many threads decode at once, and who waits longest is next."""

import threading
import time

from lfrd.ingest.decode_slots import Slots


def test_no_more_than_there_are_slots_are_inside() -> None:
    slots, inside, most, mind = Slots(2), 0, 0, threading.Lock()

    def decode() -> None:
        nonlocal inside, most
        for _ in range(20):
            with slots:
                with mind:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0.0005)
                with mind:
                    inside -= 1

    threads = [threading.Thread(target=decode) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert (inside, most) == (0, 2)


def test_who_leaves_and_comes_back_is_behind_those_who_wait() -> None:
    slots, order = Slots(1), []
    begun = threading.Event()

    def wait(name: str) -> None:
        begun.set()
        with slots:
            order.append(name)

    with slots:
        waiting = []
        for name in ("first", "second"):
            begun.clear()
            waiting.append(threading.Thread(target=wait, args=(name,)))
            waiting[-1].start()
            assert begun.wait(5)
            while len(slots._waiting) < len(waiting):
                time.sleep(0.0005)
    with slots:
        order.append("back again")
    for thread in waiting:
        thread.join(5)
    assert order == ["first", "second", "back again"]


def test_a_fault_inside_gives_the_slot_back() -> None:
    slots = Slots(1)
    for _ in range(3):
        try:
            with slots:
                raise ValueError
        except ValueError:
            pass
    with slots:
        pass

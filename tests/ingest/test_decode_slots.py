"""Only so many threads decode at once, and who waits longest is next."""

import threading
import time

import pytest

from lfrd.ingest.decode_slots import KNOWN_S, NEWEST, Slots


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


def test_how_long_a_picture_takes_is_forgotten_where_none_is_decoded() -> None:
    slots = Slots(1)
    assert slots.each_s(0.0) == 0.0
    for number in range(100):
        slots.took(0.02, number * 0.04)
    slots.took(0.12, 4.0)
    assert slots.each_s(4.0) == pytest.approx(0.02 + NEWEST * 0.1)
    assert slots.each_s(4.0 + KNOWN_S + 0.1) == 0.0
    slots.took(0.01, 20.0)
    assert slots.each_s(20.0) == pytest.approx(0.01), "what was before is not counted"

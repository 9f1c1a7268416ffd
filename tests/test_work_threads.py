"""A thread that cannot be hurried holds no end up."""

import asyncio
import threading
import time

import pytest

from lfrd import work_threads
from lfrd.work_threads import WorkThreads, threads_at_work


def test_the_end_waits_a_moment_for_a_thread_and_then_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(work_threads, "GRACE_S", 0.2)
    entered, release = threading.Event(), threading.Event()

    def look_up() -> None:
        entered.set()
        release.wait(20)

    async def leave() -> str:
        loop = asyncio.get_running_loop()
        left = loop.run_in_executor(None, look_up)
        while not entered.is_set():
            await asyncio.sleep(0.01)
        left.cancel()
        return await asyncio.to_thread(lambda: "done")

    try:
        with asyncio.Runner() as runner:
            runner.get_loop().set_default_executor(WorkThreads())
            assert runner.run(leave()) == "done"
            began_s = time.monotonic()
        assert 0.2 <= time.monotonic() - began_s < 5
        assert len(threads_at_work()) == 1
    finally:
        release.set()
    deadline_s = time.monotonic() + 5
    while threads_at_work() and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert threads_at_work() == ()

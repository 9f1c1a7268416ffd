"""The watchdog is fed while every part answers, and not otherwise."""

import asyncio
import contextlib
import signal
import socket
import threading
from pathlib import Path

import pytest

from lfrd.health import HealthBoard, Status
from lfrd.vision.engine import Vision
from lfrd.vision.packs import Pack
from lfrd.watchdog import Watchdog, interval_s
from support.program import daemon
from support.store import opened

EVERY_S = 0.05


async def fed(dog: Watchdog, beats: list[float], seconds: float) -> int:
    beats.clear()
    running = asyncio.create_task(dog.run())
    await asyncio.sleep(seconds)
    running.cancel()
    await asyncio.wait([running])
    return len(beats)


async def test_a_writer_that_hangs_is_noticed_and_forgiven(tmp_path: Path) -> None:
    beats: list[float] = []
    health, release = HealthBoard(), threading.Event()
    async with opened(tmp_path) as database:
        probes = {"the writer": database.look_at_log}
        dog = Watchdog(probes, health, lambda: beats.append(0.0), EVERY_S)
        assert await fed(dog, beats, 8 * EVERY_S) >= 2
        stuck = asyncio.create_task(database._writer.chore(lambda _: release.wait(10)))
        await asyncio.sleep(0)
        beats.clear()
        running = asyncio.create_task(dog.run())
        await asyncio.sleep(5 * EVERY_S)
        assert beats == []
        assert health.now.status is Status.FAILED
        assert "the writer did not answer" in health.now.reasons[0]
        release.set()
        await stuck
        await asyncio.sleep(4 * EVERY_S)
        assert beats
        assert health.now.status is Status.OK
        running.cancel()
        await asyncio.wait([running])


class Stuck:
    """A gallery whose search does not return: what a broken provider does."""

    def __init__(self) -> None:
        self.release = threading.Event()

    dim = 128

    def __len__(self) -> int:
        return 10_000_000  # too many to be searched on the event loop

    def search(self, probes: list[object], k: int) -> list[tuple[()]]:
        self.release.wait(10)
        return [()] * len(probes) * k


async def test_an_inference_thread_that_hangs_is_noticed(pack: Pack) -> None:
    beats: list[float] = []
    health, gallery = HealthBoard(), Stuck()
    async with Vision(pack, threads=2) as vision:
        dog = Watchdog({"inference": vision.answer}, health, lambda: beats.append(0.0), EVERY_S)
        assert await fed(dog, beats, 8 * EVERY_S) >= 2
        probe = vision._probes.take()
        assert probe is not None
        stuck = asyncio.create_task(vision.search(gallery, probe, 1))  # type: ignore[arg-type]
        await asyncio.sleep(EVERY_S)
        beats.clear()
        running = asyncio.create_task(dog.run())
        await asyncio.sleep(4 * EVERY_S)
        assert beats == []
        assert "inference did not answer" in health.now.reasons[0]
        gallery.release.set()
        await stuck
        probe.release()
        running.cancel()
        await asyncio.wait([running])


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [({}, 30.0), ({"WATCHDOG_USEC": "8000000"}, 2.0), ({"WATCHDOG_USEC": "x"}, 30.0),
     ({"WATCHDOG_USEC": "8000000", "WATCHDOG_PID": "1"}, 30.0)],
)  # fmt: skip
def test_how_often(environment: dict[str, str], seconds: float) -> None:
    assert interval_s(environment) == seconds


@pytest.mark.e2e
async def test_a_daemon_that_is_stopped_is_not_fed_and_goes_on_afterwards(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(10)
        variables = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "800000"}
        async with daemon(tmp_path / "state", **variables) as (process, _):

            async def until(word: bytes) -> None:
                while await asyncio.to_thread(manager.recv, 100) != word:
                    pass

            await until(b"READY=1")
            await until(b"WATCHDOG=1")
            process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(0.3)
            manager.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while manager.recv(100):
                    pass
            await asyncio.sleep(0.9)
            with pytest.raises(BlockingIOError):
                manager.recv(100)
            process.send_signal(signal.SIGCONT)
            manager.settimeout(10)
            await until(b"WATCHDOG=1")

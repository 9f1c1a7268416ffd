"""The daemon as the service manager and its users see it."""

import asyncio
import fcntl
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lfrd import daemon as daemon_module
from lfrd.config import Config
from lfrd.daemon import IDLE_SIGNALS, StoppedAtStart, open_site
from lfrd.errors import SourceError
from lfrd.vocabulary import Category, DeploymentState
from lfrd.wire.cameras import CameraCreate
from lfrd.wire.lists import WatchlistCreate
from support.program import (
    LIMIT_S,
    START_LIMIT_S,
    Call,
    daemon,
    enrol,
    environment,
    lfrd,
    look_for,
    refused,
)

STOP_LIMIT_S = 5.0


async def stop(process: asyncio.subprocess.Process) -> float:
    """SIGTERM; how long it took to end well."""
    began_s = time.monotonic()
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(STOP_LIMIT_S * 2):
        assert await process.wait() == 0
    return time.monotonic() - began_s


async def test_it_says_ready_keeps_its_socket_private_and_ends_on_sigterm(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(START_LIMIT_S)
        async with daemon(state, NOTIFY_SOCKET=str(tmp_path / "notify")) as (process, client):
            assert (await asyncio.to_thread(manager.recv, 100)) == b"READY=1"
            health = await client.health()
            assert health.status == "ok"
            assert health.model.pack == "yunet-sface"
            mode = stat.S_IMODE((state / "api.sock").stat().st_mode)
            assert mode == 0o660
            assert stat.S_IMODE(state.stat().st_mode) == 0o700
            assert await stop(process) < STOP_LIMIT_S
            assert manager.recv(100) == b"STOPPING=1"
    assert not (state / "api.sock").exists()


async def test_an_end_that_is_asked_for_while_models_are_measured_does_not_wait_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the first start that takes many seconds; the folder is free again at once."""
    measured, stop = threading.Event(), asyncio.Event()

    def measure(*_: object) -> None:
        loop.call_soon_threadsafe(stop.set)
        measured.wait(20)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(daemon_module, "_vision", measure)
    config = Config.model_validate({"site": {"state_dir": tmp_path / "state"}})
    try:
        async with asyncio.timeout(STOP_LIMIT_S):
            with pytest.raises(StoppedAtStart):
                async with open_site(config, stop=stop):
                    pytest.fail("it opened")
    finally:
        measured.set()
    with (tmp_path / "state" / "lock").open("rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


ASKED_WHILE_IT_IS_LOADED = """
import os, signal, sys
from lfrd import __main__
__main__._room_for_models = lambda: os.kill(os.getpid(), signal.SIGTERM)
sys.exit(__main__.main(["run"]))
"""


def test_sigterm_ends_it_by_itself_before_anything_is_open(tmp_path: Path) -> None:
    """The kernel does not end the first process of a container, which has to do that itself."""
    done = subprocess.run(
        [sys.executable, "-c", ASKED_WHILE_IT_IS_LOADED],
        timeout=LIMIT_S, env=environment(LFRD_SITE__STATE_DIR=str(tmp_path / "state")),
    )  # fmt: skip
    assert done.returncode == 0
    assert not (tmp_path / "state").exists()


@pytest.mark.e2e
async def test_it_ends_in_time_with_a_camera_whose_server_is_silent(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with daemon(state) as (process, client):
            address = f"rtsp://anna:geheim@127.0.0.1:{silent.getsockname()[1]}/x"
            await client.add_camera(CameraCreate(id="door", address=address))
            await look_for(client, await enrol(client))
            await asyncio.sleep(0.5)
            shown = await client.camera("door")
            assert "geheim" not in shown.model_dump_json()
            assert await stop(process) < STOP_LIMIT_S
    assert "geheim" not in (tmp_path / "daemon.log").read_text()
    assert "Traceback" not in (tmp_path / "daemon.log").read_text()


@pytest.mark.e2e
async def test_a_reader_that_does_not_return_delays_no_stop_and_keeps_the_lock(
    tmp_path: Path,
) -> None:
    state = tmp_path / "state"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with daemon(state) as (process, client):
            address = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/x"
            await client.add_camera(CameraCreate(id="door", address=address))
            testing = asyncio.ensure_future(client.check_camera("door", 5.0))
            held, _ = await asyncio.to_thread(silent.accept)
            await client.remove_camera("door")
            stopping = asyncio.ensure_future(stop(process))
            free_at_s = await asyncio.to_thread(when_free, state / "lock")
            assert await stopping < 2 * STOP_LIMIT_S
            assert time.monotonic() - free_at_s < 0.5, "the lock is what goes last"
            await asyncio.wait([testing])
            assert testing.exception() is not None
            held.close()
    assert "leaving although door did not return" in (tmp_path / "daemon.log").read_text()


def when_free(lock: Path) -> float:
    """Wait until another daemon could start; when that was."""
    with lock.open("r") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.01)
            else:
                return time.monotonic()


async def test_a_pipe_is_refused_and_delays_no_stop(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.mp4"
    pipe.write_bytes(b"")
    async with daemon(tmp_path / "state") as (process, client):
        await client.add_camera(CameraCreate(id="pipe", address=str(pipe)))
        pipe.unlink()
        os.mkfifo(pipe)
        with pytest.raises(SourceError, match=r"pipe\.mp4 is no file but a pipe"):
            await client.check_camera("pipe", 1.0)
        await client.remove_camera("pipe")
        assert await stop(process) < STOP_LIMIT_S


async def test_signals_that_ask_for_no_end_change_nothing(tmp_path: Path) -> None:
    async with daemon(tmp_path / "state") as (process, client):
        for number in IDLE_SIGNALS:
            process.send_signal(number)
            await asyncio.sleep(0.1)
            assert (await client.health()).status == "ok", number
        process.send_signal(signal.SIGQUIT)
        assert await process.wait() == 0
    log = (tmp_path / "daemon.log").read_text()
    assert "SIGUSR1 is ignored" in log
    assert "reloaded: nothing" in log


@pytest.mark.e2e
async def test_a_second_daemon_and_a_world_readable_key_are_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with daemon(state) as (process, client):
        ran = await asyncio.to_thread(lfrd, "run", LFRD_SITE__STATE_DIR=str(state))
        refused(ran, "in use by another lfrd")
        assert (await client.health()).status == "ok"
        await stop(process)
    (state / "master.key").chmod(0o644)
    ran = await asyncio.to_thread(lfrd, "run", LFRD_SITE__STATE_DIR=str(state))
    refused(ran, "master.key", "chmod 600")


@pytest.mark.e2e
async def test_a_crash_loses_no_list_but_a_lab_s_is_erased_after_use(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with daemon(state) as (process, client):
        used = await enrol(client)
        kept = await client.create_watchlist(
            WatchlistCreate(name="kept", category=Category.TEST, purpose="test", owner="test")
        )
        deployment_id = await look_for(client, used)
        process.kill()
        await process.wait()
    async with daemon(state) as (process, client):
        assert (await client.deployment(deployment_id)).state != DeploymentState.RUNNING
        assert [watchlist.id for watchlist in await client.watchlists()] == [kept.id]
        assert await stop(process) < STOP_LIMIT_S


async def test_the_command_line_talks_to_it(call: Call, tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with daemon(state) as (_, client):

        async def done(*words: str) -> str:
            ran = await asyncio.to_thread(call, *words, "--socket", state / "api.sock")
            assert ran.code == 0, ran.err
            return ran.out

        await enrol(client)
        added = await done("camera", "add", "door", "rtsp://anna:geheim@127.0.0.1:1/x")
        assert "door" in added
        assert "geheim" not in added
        assert "door" in await done("camera", "list", "--json")
        words = (
            "--profile",
            "lab",
            "--watchlist",
            "test",
            "--purpose",
            "a test",
            "--place",
            "here",
            "--yes",
        )
        assert "running" in await done("deployment", "start", *words)
        assert "ended" in await done("deployment", "end")
        assert "a test at here" in await done("deployment", "list")
        assert await done("camera", "remove", "door") == ""
        assert await client.cameras() == ()

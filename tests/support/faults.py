"""Faults that a site has to survive, each done to a real daemon.

Each is given an empty folder, raises where the site did not survive it, and returns what it
measured. Some need root, for a file system or a name space of their own.
"""

import asyncio
import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from lfrd import daemon as daemon_module
from lfrd.errors import LfrdError
from lfrd.wire.health import HealthStatus
from support.ended_at_step import STEPS
from support.faulty_site import (
    HEALTHY_BAR_S,
    NOWHERE,
    WAIT_S,
    Measured,
    Site,
    add_cameras,
    deploy,
    enrol_somebody,
    no_traceback,
    site,
)
from support.program import RUN, environment
from support.video import RtspServer, encode, moving_picture

MB = 1_000_000
HERE = Path(__file__).parent
ANSWER_BAR_S = 0.5
"""An API that is not held up answers `health` within this time, also on a busy machine."""
ENDS_BAR_S = 5.0
Found = list[Measured]


def run(*command: str | Path, must: bool = True) -> None:
    """A command of the system to its end."""
    subprocess.run(command, check=must, capture_output=True)


@contextmanager
def small_disk(at: Path, *options: str) -> Iterator[Path]:
    """A file system of its own, in memory."""
    at.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", ",".join(("mode=700", *options)), "none", at], check=True
    )
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", at], check=True)


def fill(disk: Path) -> Path:
    """Take all the room that is left."""
    path = disk / "filling"
    with path.open("wb") as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(64 * 1024))
            file.flush()
    return path


async def refused(at: Site) -> str:
    """Write until it is refused; what it says."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                await at.write()
            except LfrdError as error:
                return str(error)


def recovered(seconds: float) -> Measured:
    return Measured("works again after", seconds, "s", HEALTHY_BAR_S)


async def disk_full(folder: Path) -> Found:
    """Full, and then not: what was acknowledged is there, and a new start works too."""
    with small_disk(folder / "disk", "size=24m") as disk:
        state, lists = disk / "state", list[str]()
        async with site(state, lists) as at:
            await at.write()
            filling = await asyncio.to_thread(fill, disk)
            await refused(at)
            assert "full" in " ".join((await at.says("disk")).reasons)
            assert {item.id for item in await at.client.watchlists()} >= set(lists), "it reads"
            at.process.kill()
            await at.process.wait()
        code, said = await _run_to_end(state)
        assert code != 0, "there is no room for it to begin in"
        assert "Traceback" not in said, said
        filling.write_bytes(b"")
        async with site(state, lists) as at:
            await at.is_whole()
            filling = await asyncio.to_thread(fill, disk)
            await refused(at)
            filling.unlink()
            took_s = await at.recovers()
            await at.end()
        no_traceback(state)
    return [recovered(took_s)]


async def read_only(folder: Path) -> Found:
    """The file system turns read-only under a running daemon, as after an error of its disk."""
    image = folder / "image"
    with image.open("wb") as file:
        file.truncate(64 * MB)
    await asyncio.to_thread(run, "mkfs.ext4", "-q", image)
    disk, lists = folder / "disk", list[str]()
    disk.mkdir()
    await asyncio.to_thread(run, "mount", "-o", "loop", image, disk)
    state = disk / "state"
    try:
        async with site(state, lists) as at:
            await at.write()
            await asyncio.to_thread(run, "mount", "-o", "remount,abort", disk)
            await refused(at)
            assert (await at.says("writes do not reach the disk")).status is HealthStatus.FAILED
            assert {item.id for item in await at.client.watchlists()} >= set(lists), "it reads"
        code, said = await _run_to_end(state)
        assert code == 2, (code, said)
        assert "Traceback" not in said, said
        assert "Read-only file system" in said or "read-only" in said.lower(), said
        await asyncio.to_thread(run, "umount", "-l", disk)
        await asyncio.to_thread(run, "fsck.ext4", "-p", image, must=False)
        await asyncio.to_thread(run, "mount", "-o", "loop", image, disk)
        began_s = time.monotonic()
        async with site(state, lists) as at:
            await at.recovers()
    finally:
        await asyncio.to_thread(run, "umount", "-l", disk, must=False)
    return [recovered(time.monotonic() - began_s)]


async def inodes_gone(folder: Path) -> Found:
    """No new file can be made: a running daemon goes on, a start says why it cannot."""
    with small_disk(folder / "disk", "nr_inodes=64") as disk:
        state, lists = disk / "state", list[str]()
        async with site(state, lists) as at:
            await at.write()
            made = _take_inodes(disk)
            await at.is_whole()
            await at.end()
        made += _take_inodes(disk)
        code, said = await _run_to_end(state)
        assert code in (1, 2), (code, said)
        assert "Traceback" not in said, said
        for path in made:
            path.unlink()
        began_s = time.monotonic()
        async with site(state, lists) as at:
            await at.recovers()
    return [recovered(time.monotonic() - began_s)]


def _take_inodes(disk: Path) -> list[Path]:
    made: list[Path] = []
    with contextlib.suppress(OSError):
        while True:
            path = disk / f"file-{time.monotonic_ns()}"
            path.touch()
            made.append(path)
    return made


def descriptors_of(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def descriptors_gone(folder: Path) -> Found:
    """More clients than there are descriptors: those are turned away, and nothing else."""
    state = folder / "state"
    async with site(state) as at:
        await at.write()
        used = descriptors_of(at.process.pid)
        resource.prlimit(at.process.pid, resource.RLIMIT_NOFILE, (used + 20, used + 20))
        crowd = [await _connected(state / "api.sock") for _ in range(60)]
        await asyncio.sleep(1.0)
        assert at.process.returncode is None
        for client in crowd:
            client.close()
        took_s = await at.recovers()
        await at.says("no more files may be opened")
        await at.end()
    no_traceback(state)
    return [recovered(took_s)]


async def _connected(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        client.connect(str(path))
    return client


async def too_little_memory(folder: Path) -> Found:
    """600 MB of address space: a sentence, not an abort."""
    code, said = await _run_to_end(folder / "state", prefix=("prlimit", f"--as={600 * MB}"))
    assert code == 2, (code, said)
    assert "600 MB of address space" in said
    assert "Traceback" not in said
    return []


def faketime() -> Path:
    """The library that sets the clock of one process."""
    return next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


async def clock_jumps(folder: Path) -> Found:
    """The machine's clock is set a day back and forty ahead, while a deployment runs."""
    clock = folder / "clock"
    library = faketime()
    clock.write_text("+0")
    faked = {
        "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip
    lists: list[str] = []
    took_s = 0.0
    async with site(folder / "state", lists, **faked) as at:
        await add_cameras(at.client, {"gate": NOWHERE})
        running = await deploy(at, await enrol_somebody(at.client))
        for offset in ("-1d", "+40d"):
            clock.write_text(offset)
            began_s = time.monotonic()
            await at.is_whole()
            current = await at.client.current_deployment()
            assert current is not None, "it runs by the time that passed"
            assert current.id == running
            took_s = max(took_s, time.monotonic() - began_s)
        clock.write_text("+0")
        await at.end()
    async with site(folder / "state", lists, **faked) as at:
        await at.is_whole()
        current = await at.client.current_deployment()
        assert current is not None
        assert current.id == running
    no_traceback(folder / "state")
    return [recovered(took_s)]


@asynccontextmanager
async def _watching(folder: Path, program: tuple[str, ...] = RUN) -> AsyncIterator[tuple]:
    """A site whose two cameras are live in a deployment, and what serves them."""
    clips = folder / "clips"
    clips.mkdir()
    encode(clips / "loop.mp4", moving_picture(frames=200))
    server = RtspServer(clips)
    async with server.running(), site(folder / "state", program=program, limit_s=40) as at:
        cameras = {name: server.url("loop.mp4") for name in ("door", "hall")}
        await add_cameras(at.client, cameras)
        running = await deploy(at, await enrol_somebody(at.client))
        await _all_are(at, "live")
        yield at, server, running


async def _all_are(at: Site, *states: str) -> None:
    async with asyncio.timeout(40):
        while not all(item.state in states for item in await at.client.cameras()):
            await asyncio.sleep(0.05)


async def cameras_lost(folder: Path) -> Found:
    """Every camera goes at once, and comes back."""
    async with _watching(folder) as (at, server, running):
        await asyncio.to_thread(server.kill)
        await _all_are(at, "lost", "connecting", "offline", "waiting")
        assert (await at.client.health()).status is not HealthStatus.OK
        await at.is_whole()
        await asyncio.to_thread(server.start)
        began_s = time.monotonic()
        await _all_are(at, "live")
        took_s = time.monotonic() - began_s
        current = await at.client.current_deployment()
        assert current is not None
        assert current.id == running
        await at.end()
    no_traceback(folder / "state")
    return [Measured("cameras are back after", took_s, "s", 35.0)]


async def provider_fails(folder: Path) -> Found:
    """The models break: it is said, the process ends with 1, and the next one goes on."""
    trigger = folder / "gone"
    program = str(HERE / "breaking_provider.py"), str(trigger)
    async with _watching(folder, program) as (at, _, running):
        trigger.touch()
        await at.says("nothing is compared any more")
        async with asyncio.timeout(WAIT_S):
            assert await at.process.wait() == 1
        trigger.unlink()
        began_s = time.monotonic()
        async with site(folder / "state", at.lists, program, 40) as again:
            await again.recovers()
            current = await again.client.current_deployment()
            assert current is not None
            assert current.id == running
            took_s = time.monotonic() - began_s
    return [recovered(took_s)]


async def stopped_and_continued(folder: Path) -> Found:
    """SIGSTOP for three seconds, as a machine that is moved or short of memory."""
    async with _watching(folder) as (at, _, running):
        at.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(3.0)
        at.process.send_signal(signal.SIGCONT)
        began_s = time.monotonic()
        await at.recovers()
        await _all_are(at, "live")
        took_s = time.monotonic() - began_s
        current = await at.client.current_deployment()
        assert current is not None
        assert current.id == running
        await at.end()
    return [recovered(took_s)]


async def corrupt_page(folder: Path) -> Found:
    """A page of the database turns bad on the disk while the daemon runs."""
    state = folder / "state"
    async with site(state, program=(str(HERE / "eager_check.py"),)) as at:
        await at.write()
        await at.end()
    async with site(state, at.lists, (str(HERE / "eager_check.py"),)) as at:
        with (state / "lfrd.db").open("r+b") as file:
            pages = file.seek(0, os.SEEK_END) // 4096
            for page in range(pages // 2, pages):
                file.seek(page * 4096 + 2000)
                file.write(os.urandom(16))
        began_s = time.monotonic()
        health = await at.says("is damaged", "lfrd restore")
        assert health.status is HealthStatus.FAILED
    return [Measured("found after", time.monotonic() - began_s, "s", 10.0)]


async def names_gone(folder: Path) -> Found:
    """No name server answers: cameras and receivers are named, and nothing else stands still."""
    (folder / "resolv.conf").write_text("nameserver 192.0.2.1\noptions timeout:5 attempts:3\n")
    (folder / "secret").write_text(f"whsec_{'A' * 43}=\n")
    (folder / "secret").chmod(0o600)
    (folder / "lfrd.toml").write_text(
        '[[webhook]]\nid = "hook"\nurl = "https://receiver.example.org/"\n'
        f'secret_file = "{folder / "secret"}"\n'
    )
    bound = f'mount --bind {folder / "resolv.conf"} /etc/resolv.conf && exec "$@"'
    prefix = ("unshare", "-m", "sh", "-c", bound, "sh")
    async with site(folder / "state", prefix=prefix, LFRD_CONFIG=str(folder / "lfrd.toml")) as at:
        await add_cameras(
            at.client, {f"cam-{n}": f"rtsp://cam-{n}.example.org/1" for n in range(4)}
        )
        await deploy(at, await enrol_somebody(at.client))
        waits: list[float] = []
        for _ in range(40):
            began_s = time.monotonic()
            await at.client.health()
            waits.append(time.monotonic() - began_s)
            await asyncio.sleep(0.1)
        await at.is_whole()
        began_s = time.monotonic()
        await at.end()
        ended_s = time.monotonic() - began_s
    assert ended_s < ENDS_BAR_S, "nobody waits for a name"
    no_traceback(folder / "state")
    return [
        Measured("health answers within", max(waits), "s", ANSWER_BAR_S),
        Measured("ends within", ended_s, "s", ENDS_BAR_S),
    ]


async def ended_while_starting(folder: Path, every: int = 1) -> Found:
    """SIGTERM at each step of the start: it ends soon, and the next start works. `every`: so many
    steps on each time."""
    state = folder / "state"
    slowest_s, seen = 0.0, set[str]()
    steps = range(0, len(STEPS), every)
    for step in steps:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(HERE / "ended_at_step.py"), str(step),
            stderr=asyncio.subprocess.PIPE,
            env=environment(LFRD_SITE__STATE_DIR=str(state), LFRD_MODELS__THREADS="1"),
        )  # fmt: skip
        assert process.stderr is not None
        began_s = time.monotonic()
        async with asyncio.timeout(30):
            said = (await process.stderr.read()).decode()
            code = await process.wait()
        told = [line for line in said.splitlines() if line.startswith("STEP ")]
        seen.update(told)
        assert "Traceback" not in said, said
        assert code in (0, -signal.SIGTERM), (code, said)
        slowest_s = max(slowest_s, time.monotonic() - began_s)
    assert len(seen) == len(steps), seen
    began_s = time.monotonic()
    async with site(state) as at:
        await at.recovers()
    return [
        Measured("steps", len(seen)),
        Measured("started and ended within", slowest_s, "s", 2 * ENDS_BAR_S),
        recovered(time.monotonic() - began_s),
    ]


async def ended_at_first_start(folder: Path) -> Found:
    """SIGTERM while the models are made and measured for the first time, and then a start."""
    step = STEPS.index((daemon_module, "_vision"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "ended_at_step.py"), str(step), stderr=asyncio.subprocess.PIPE,
        env=environment(
            LFRD_SITE__STATE_DIR=str(folder / "state"),
            LFRD_MODELS__CACHE_DIR=str(folder / "cache"),
        ),
    )  # fmt: skip
    assert process.stderr is not None
    async with asyncio.timeout(60):
        while not (await process.stderr.readline()).startswith(b"STEP "):
            pass
        began_s = time.monotonic()
        said = (await process.stderr.read()).decode()
        code = await process.wait()
        ended_s = time.monotonic() - began_s
    assert ended_s < ENDS_BAR_S, "nobody waits for the models"
    assert code == 0, (code, said)
    assert "Traceback" not in said, said
    models = str(folder / "cache")  # which have still to be made
    async with site(folder / "state", limit_s=120.0, LFRD_MODELS__CACHE_DIR=models) as at:
        await at.recovers()
    return [Measured("ends within", ended_s, "s", ENDS_BAR_S)]


async def second_instance(folder: Path) -> Found:
    """Another daemon on the same folder is refused, and the first one does not notice."""
    async with site(folder / "state") as at:
        await at.write()
        code, said = await _run_to_end(folder / "state")
        assert code == 2, (code, said)
        assert len(said.strip().splitlines()) == 1, said
        began_s = time.monotonic()
        await at.is_whole()
        took_s = time.monotonic() - began_s
        await at.end()
    return [recovered(took_s)]


async def outbox_full(folder: Path) -> Found:
    """As many messages wait as may: the oldest is dropped, it is said, and writes go on."""
    (folder / "secret").write_text(f"whsec_{'A' * 43}=\n")
    (folder / "secret").chmod(0o600)
    (folder / "lfrd.toml").write_text(
        '[[webhook]]\nid = "hook"\nurl = "http://127.0.0.1:9/"\nprivate = true\n'
        f'secret_file = "{folder / "secret"}"\n'
    )
    state, settings = folder / "state", {"LFRD_CONFIG": str(folder / "lfrd.toml")}
    async with site(state, **settings) as at:
        await at.write()
        await at.end()
    await _fill_outbox(state)
    async with site(state, at.lists, **settings) as at:
        await at.says("messages wait for the endpoint hook")
        began_s = time.monotonic()
        await at.is_whole()
        await add_cameras(at.client, {"gate": NOWHERE})
        await deploy(at, await enrol_somebody(at.client))
        took_s = time.monotonic() - began_s
        await at.end()
    no_traceback(state)
    return [recovered(took_s)]


async def _fill_outbox(state: Path) -> None:
    from lfrd.store import outbox
    from lfrd.store.transaction import Transaction
    from lfrd.vocabulary import OutwardKind
    from support.store import opened

    def fill_up(tx: Transaction) -> None:
        new = outbox.NewMessage("msg", OutwardKind.CAMERA_LOST, "gate", {})
        outbox.put(tx, "hook", new)
        tx.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO outbox (message_id, endpoint, kind, subject, facts, at_s, since_s, state,"
            " behind, attempts, next_at_s) SELECT 'msg-' || i, endpoint, kind, 's-' || i, facts,"
            " at_s, since_s, state, 0, attempts, next_at_s FROM n, outbox WHERE message_id = 'msg'",
            (outbox.WAITING_MAX - 1,),
        )
        outbox._count(tx, "hook", waiting=outbox.WAITING_MAX - 1)

    async with opened(state) as database:
        await database.write(fill_up, principal="user:test")


async def _run_to_end(state: Path, prefix: tuple[str, ...] = ()) -> tuple[int, str]:
    """A daemon that is to be refused: its exit code, and what it says."""
    process = await asyncio.create_subprocess_exec(
        *prefix, sys.executable, "-m", "lfrd", "run", stderr=asyncio.subprocess.PIPE,
        env=environment(LFRD_SITE__STATE_DIR=str(state), LFRD_LOG__LEVEL="error"),
    )  # fmt: skip
    try:
        async with asyncio.timeout(WAIT_S):
            _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, said.decode()


FAULTS: dict[str, Callable[..., Awaitable[Found]]] = {
    fault.__name__: fault
    for fault in (
        disk_full, read_only, inodes_gone, descriptors_gone, too_little_memory, clock_jumps,
        cameras_lost, provider_fails, stopped_and_continued, corrupt_page, names_gone,
        ended_while_starting, ended_at_first_start, second_instance, outbox_full,
    )
}  # fmt: skip
NEED_ROOT = frozenset({"disk_full", "read_only", "inodes_gone", "names_gone"})

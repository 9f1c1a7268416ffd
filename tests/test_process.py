"""The process keeps its memory to itself, uses the processors it may, and tells its manager."""

import asyncio
import os
import resource
import shutil
import socket
import stat
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import pytest

from lfrd.errors import UserError
from lfrd.process import GIVES_WAY, check_memory, give_way, keep_small, tell, usable_cores
from support.program import Ran, environment, refused
from support.waiting import until

EVIL = "\x1b[2J\u202eAnna\x9b"
ALLOWED = len(os.sched_getaffinity(0))
UNIT = Path(__file__).resolve().parent.parent / "systemd" / "lfrd.service"
PROGRAM = """
import ctypes, resource, sys
from lfrd.process import harden
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
def left_by(size):
    block, guard = libc.malloc(size), libc.malloc(64)
    ctypes.memset(block, 0x5C, size)
    libc.free(block)
    return ctypes.string_at(block + 64, size - 128).count(0x5C)
assert left_by(40_000) > 39_000, "nothing would be proved"
harden()
print(libc.prctl(3, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE), left_by(40_000))
"""

LARGE_BLOCKS = """
import ctypes, sys
from lfrd.process import share_heaps
class Used(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "abcdefghij"]  # e: in pages of their own
libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Used
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
if sys.argv[1] == "set":
    share_heaps()
libc.free(libc.malloc(8_000_000))
before = libc.mallinfo2().e
libc.malloc(1_000_000)
print(libc.mallinfo2().e - before > 900_000)
"""


class Cycle:
    """Refers to itself, so that only the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


async def test_what_only_cycles_hold_is_freed_in_time() -> None:
    left = weakref.ref(Cycle())
    assert left() is not None
    freed = asyncio.Event()

    async def free() -> None:
        freed.set()

    task = asyncio.create_task(keep_small(free, every_s=0.01))
    await until(lambda: left() is None)
    assert freed.is_set()
    task.cancel()


@pytest.mark.parametrize(("settings", "own_pages"), [("set", "True"), ("not set", "False")])
def test_pictures_leave_no_holes_between_smaller_blocks(settings: str, own_pages: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LARGE_BLOCKS, settings], capture_output=True, text=True, timeout=30
    )
    assert done.stdout.strip() == own_pages, done.stderr


def test_no_core_file_no_reading_and_freed_memory_is_overwritten() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30
    )
    assert done.stdout.strip() == "0 (0, 0) 0", (done.stdout, done.stderr)


def test_libraries_log_no_request_and_no_key() -> None:
    code = (
        "import logging, lfrd.process as h; logging.basicConfig(level='DEBUG'); h.harden();"
        "import httpx; t = httpx.MockTransport(lambda _: httpx.Response(200));"
        "httpx.Client(transport=t).get('http://u:Zq9Secret@h/x')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert "Zq9Secret" not in ran.stderr


def _cgroup(tmp_path: Path, file: str = "cpu.max", **limits: str) -> tuple[Path, Path]:
    """A tree /slice/unit with the given limits, and the file that says we are in unit."""
    unit = tmp_path / "fs" / "slice" / "unit"
    unit.mkdir(parents=True, exist_ok=True)
    folders = {"root": tmp_path / "fs", "slice": unit.parent, "unit": unit}
    for name, text in limits.items():
        (folders[name] / file).write_text(text)
    own = tmp_path / "cgroup"
    own.write_text("0::/slice/unit\n")
    return tmp_path / "fs", own


def test_without_a_quota_the_affinity_counts(tmp_path: Path) -> None:
    assert usable_cores(*_cgroup(tmp_path)) == ALLOWED
    assert usable_cores(tmp_path / "none", tmp_path / "nothing") == ALLOWED


@pytest.mark.parametrize(
    ("limits", "cores"),
    [
        ({"unit": "50000 100000"}, 1),
        ({"unit": "max 100000", "slice": "100000 100000"}, 1),
        ({"unit": "max 100000"}, ALLOWED),
        ({"unit": f"{ALLOWED * 10}00000 100000"}, ALLOWED),
        ({"unit": "nonsense"}, ALLOWED),
    ],
)
def test_the_tightest_quota_counts(tmp_path: Path, limits: dict[str, str], cores: int) -> None:
    assert usable_cores(*_cgroup(tmp_path, **limits)) == cores


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_a_thread_gives_way_alone() -> None:
    before, seen = os.getpriority(os.PRIO_PROCESS, 0), []

    def run() -> None:
        give_way()
        seen.append(os.getpriority(os.PRIO_PROCESS, 0))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [min(19, before + GIVES_WAY)]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_too_little_memory_is_said_before_anything_is_opened(tmp_path: Path) -> None:
    check_memory(*_cgroup(tmp_path, "memory.max", unit="max", slice="4294967296"))
    with pytest.raises(UserError, match="may have 268 MB of memory and needs 320"):
        check_memory(*_cgroup(tmp_path, "memory.max", slice="268435456"))


LIMIT = 600_000_000


def test_too_little_address_space_is_one_sentence() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "lfrd", "run"], capture_output=True, text=True, timeout=30,
        env=environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT)),
    )  # fmt: skip
    refused(Ran(ran.returncode, ran.stdout, ran.stderr), "600 MB of address space", "ulimit -v")


def test_where_it_may_not_give_way_a_thread_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)
    give_way()


def test_the_state_arrives(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        assert tell("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert receiver.recv(100) == b"READY=1"


def test_without_a_service_manager_nothing_happens() -> None:
    assert not tell("READY=1", {})


def test_operators_reach_the_socket_and_nothing_else() -> None:
    unit = UNIT.read_text().splitlines()
    assert "Environment=LFRD_API__SOCKET_GROUP=lfrd-operators" in unit
    assert "SupplementaryGroups=lfrd-operators lfrd-admin" in unit
    assert "ReadWritePaths=/run/lfrd" in unit
    folders = UNIT.with_name("lfrd.tmpfiles").read_text().splitlines()
    assert "d /run/lfrd 0710 lfrd lfrd-operators -" in folders
    assert "d /etc/lfrd 2770 root lfrd-admin -" in folders
    assert "g lfrd-operators -" in UNIT.with_name("lfrd.sysusers").read_text().splitlines()


def test_the_unit_lets_the_kernel_tell_operators_apart() -> None:
    """In a user namespace of its own the daemon sees every other user as nobody."""
    assert not any(line.startswith("PrivateUsers=") for line in UNIT.read_text().splitlines())


@pytest.mark.e2e
@pytest.mark.skipif(not shutil.which("systemd-tmpfiles"), reason="systemd is not installed")
def test_users_groups_and_folders_are_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    for program, file in (
        (["systemd-sysusers"], "lfrd.sysusers"),
        (["systemd-tmpfiles", "--create"], "lfrd.tmpfiles"),
    ):
        given = [*program, f"--root={tmp_path}", str(UNIT.with_name(file))]
        subprocess.run(given, check=True, timeout=60)
    groups = (tmp_path / "etc/group").read_text()
    ids = {line.split(":")[0]: int(line.split(":")[2]) for line in groups.splitlines()}
    made = (tmp_path / "run/lfrd").stat()
    assert (made.st_gid, stat.S_IMODE(made.st_mode)) == (ids["lfrd-operators"], 0o710)
    kept = (tmp_path / "etc/lfrd").stat()
    assert (kept.st_gid, stat.S_IMODE(kept.st_mode)) == (ids["lfrd-admin"], 0o2770)


@pytest.mark.e2e
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_the_units_are_clean(tmp_path: Path) -> None:
    program = tmp_path / "lfrd"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    units = []
    for name in ("lfrd.service", "lfrd.socket", "lfrd-backup.service", "lfrd-backup.timer"):
        units.append(tmp_path / name)
        text = UNIT.with_name(name).read_text().replace("/opt/lfrd/.venv/bin/lfrd", str(program))
        if name == "lfrd.service":  # with what the examples of drop-ins add
            text += "".join(
                example.read_text()
                for example in sorted(UNIT.parent.glob("lfrd.service.d/*.example"))
            )
        units[-1].write_text(text)
    checked = subprocess.run(
        ["systemd-analyze", "verify", *map(str, units)], capture_output=True, text=True, timeout=60
    )
    assert (checked.returncode, checked.stderr) == (0, "")
    for unit in (UNIT, UNIT.with_name("lfrd-backup.service")):
        exposure = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--threshold=14", str(unit)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert exposure.returncode == 0, exposure.stdout

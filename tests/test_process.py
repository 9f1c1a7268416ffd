"""The process keeps its memory to itself, uses the processors it may, and tells its manager."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lfrd.process import tell, usable_cores

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


def _cgroup(tmp_path: Path, **limits: str) -> tuple[Path, Path]:
    """A tree /slice/unit with the given cpu.max files, and the file that says we are in unit."""
    unit = tmp_path / "fs" / "slice" / "unit"
    unit.mkdir(parents=True)
    folders = {"root": tmp_path / "fs", "slice": unit.parent, "unit": unit}
    for name, text in limits.items():
        (folders[name] / "cpu.max").write_text(text)
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


def test_the_state_arrives(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        assert tell("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert receiver.recv(100) == b"READY=1"


def test_without_a_service_manager_nothing_happens() -> None:
    assert not tell("READY=1", {})


@pytest.mark.e2e
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_the_unit_is_clean(tmp_path: Path) -> None:
    program = tmp_path / "lfrd"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "lfrd.service"
    unit.write_text(UNIT.read_text().replace("/opt/lfrd/.venv/bin/lfrd", str(program)))
    checked = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60
    )
    assert (checked.returncode, checked.stderr) == (0, "")
    exposure = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(UNIT)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert exposure.returncode == 0, exposure.stdout

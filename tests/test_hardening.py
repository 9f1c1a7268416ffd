"""The process keeps its memory to itself."""

import subprocess
import sys

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

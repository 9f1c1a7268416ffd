"""The demo's screen is a process of its own, and must not outlive the demo."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

LIMIT_S = 90.0
pytestmark = pytest.mark.e2e


def _read_until(terminal: int, over: Callable[[bytes], bool]) -> None:
    seen, end_s = b"", time.monotonic() + LIMIT_S
    while not over(seen):
        assert time.monotonic() < end_s, seen[-500:]
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                seen += os.read(terminal, 65536)
            except OSError:  # its end is closed
                return


def _screens(demo: int) -> list[int]:
    """Process ids of the operator's screens that a demo started."""
    children = Path(f"/proc/{demo}/task/{demo}/children").read_text().split()
    return [int(one) for one in children if b"tui" in Path(f"/proc/{one}/cmdline").read_bytes()]


def test_a_demo_that_is_told_to_end_ends_its_screen() -> None:
    ours, theirs = pty.openpty()
    demo = subprocess.Popen(
        [sys.executable, "-m", "lfrd", "demo"], stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True, env=os.environ | {"TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(theirs)
    try:
        _read_until(ours, lambda seen: b"candidate" in seen and bool(_screens(demo.pid)))
        (screen,) = _screens(demo.pid)
        demo.terminate()
        _read_until(ours, lambda _: demo.poll() is not None)
        assert demo.wait(10) == 0
        assert not Path(f"/proc/{screen}").exists()
    finally:
        demo.kill()
        os.close(ours)

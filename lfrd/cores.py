"""How many processors this process may really use, and how its threads share memory."""

import ctypes
import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


_M_ARENA_MAX = -8
"""glibc's name for the setting, in malloc.h."""


def share_heaps(heaps: int = 2) -> None:
    """Let all threads take memory from a few common heaps, where the C library is glibc.

    By default it gives almost every thread a heap of its own, and each keeps what its thread once
    needed: 40 MB with one camera, more with each further one.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, heaps)


def usable_cores(cgroup: Path = _CGROUP, own: Path = Path("/proc/self/cgroup")) -> int:
    """The processors of this process's affinity, or fewer where a cgroup's quota allows less.

    A container on a large host sees all its processors but may only use its quota; threads for
    the rest would be throttled together. Part of a processor counts as one.
    """
    allowed = len(os.sched_getaffinity(0))
    quotas = [_quota(folder) for folder in _folders(cgroup, own)]
    return max(1, min([allowed, *(math.ceil(quota) for quota in quotas if quota is not None)]))


def _folders(cgroup: Path, own: Path) -> list[Path]:
    """The cgroup (v2) of this process and those above it: the tightest quota counts."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        lines = []
    name = next((line[3:] for line in lines if line.startswith("0::")), "/")
    mine = cgroup / name.lstrip("/")
    above = [folder for folder in mine.parents if folder.is_relative_to(cgroup)]
    return [mine, *above]


def _quota(folder: Path) -> float | None:
    """Processors' worth of time from `cpu.max` ("200000 100000"), None where there is no limit."""
    try:
        quota, period = (folder / "cpu.max").read_text().split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else int(quota) / int(period)

"""The process itself: what it keeps to itself, its log, its processors, its service manager."""

import asyncio
import ctypes
import gc
import logging
import math
import os
import resource
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from lfrd.errors import UserError

log = logging.getLogger(__name__)

PR_SET_DUMPABLE = 4
"""prctl(2)."""
M_PERTURB = -6
"""mallopt(3)."""
FILL = 0xA5
GIVES_WAY = 6
"""By so much a thread is nicer (setpriority(2)): one that computes has four times its share."""


def harden() -> None:
    """Call once, before the first picture is read."""
    forbid_core_files()
    hide_memory()
    overwrite_freed_memory()
    quieten_libraries()


def quieten_libraries() -> None:
    """httpx logs the address of each request, its password included; others log keys and tokens."""
    for name in ("httpx", "httpcore", "aiortc", "aioice", "hpack"):
        logging.getLogger(name).setLevel(logging.WARNING)


def forbid_core_files() -> None:
    """No crash writes the memory, and the faces in it, to a disk."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def hide_memory() -> None:
    """No other process of the same user may read this one's memory or attach to it (Linux)."""
    if sys.platform == "linux" and _libc().prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        log.warning("the process cannot hide its memory from others of the same user")


def overwrite_freed_memory() -> None:
    """Have the C library overwrite what is freed: decoders and encoders free buffers of faces.

    glibc does so for blocks above about a kilobyte (smaller ones stay in a cache of each thread
    until they are used again). Another C library goes without it.
    """
    mallopt = getattr(_libc(), "mallopt", None)
    if mallopt is None or mallopt(M_PERTURB, FILL) != 1:
        log.warning("this C library does not overwrite freed memory: it is not glibc")


def give_way() -> None:
    """Let the other threads of this process, and what they compute, go before this one and those
    that it starts (Linux; elsewhere, and where a filter of system calls refuses it, all are
    alike)."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, 0) + GIVES_WAY)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


_CGROUP = Path("/sys/fs/cgroup")


_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3
"""glibc's names for the settings, in malloc.h."""
OWN_PAGES_BYTES = 128 * 1024
"""What glibc begins with. It raises this to the size of the largest block that was freed."""


def share_heaps(heaps: int = 2) -> None:
    """Let all threads take small blocks of memory from a few common heaps, and pictures from none,
    where the C library is glibc.

    By default it gives almost every thread a heap of its own, and each keeps what its thread once
    needed: 40 MB with one camera, more with each further one. And pictures come to lie between
    small blocks that live longer, and leave holes: 40 MB in five minutes of four cameras. With
    pages of their own, which go back to the kernel at once, a picture of 720 lines costs 0.4 ms
    more.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, heaps)
        mallopt(_M_MMAP_THRESHOLD, OWN_PAGES_BYTES)


MEMORY_EVERY_S = 60.0


async def keep_small(free: Callable[[], Awaitable[None]], every_s: float = MEMORY_EVERY_S) -> None:
    """Once in a while free what nobody uses any more, without an end; `free` frees its part first.

    A WebRTC session leaves cycles of 3 MB behind, and the collector, which counts objects, not
    megabytes, would let dozens of them lie. 20 ms of the interpreter at a time.
    """
    while True:
        await asyncio.sleep(every_s)
        await free()
        await asyncio.to_thread(give_memory_back)


def give_memory_back() -> None:
    """Free what only cycles hold, and give pages that lie empty between others to the kernel."""
    gc.collect()
    trim = getattr(_libc(), "malloc_trim", None)
    if trim is not None:
        trim(0)


LEAST_ADDRESSES = 1_000_000_000
"""Bytes of address space. The daemon takes 0.7 GB before it sees a camera, most of it for programs
and stacks that are never touched, and a library that is refused some ends the process without a
word."""
LEAST_MEMORY = 320_000_000
"""Bytes. The daemon takes 240 MB before it sees a camera."""


def check_memory(cgroup: Path = _CGROUP, own: Path = Path("/proc/self/cgroup")) -> None:
    """Raises UserError where a limit leaves too little for models and cameras."""
    addresses, _ = resource.getrlimit(resource.RLIMIT_AS)
    if addresses != resource.RLIM_INFINITY and addresses < LEAST_ADDRESSES:
        raise UserError(
            f"this process may have {addresses / 1e6:.0f} MB of address space and needs "
            f"{LEAST_ADDRESSES / 1e6:.0f}: raise the limit (`ulimit -v unlimited`; LimitAS= of "
            "the service)"
        )
    limits = [_bytes(folder / "memory.max") for folder in _folders(cgroup, own)]
    least = min((limit for limit in limits if limit is not None), default=None)
    if least is not None and least < LEAST_MEMORY:
        raise UserError(
            f"this process may have {least / 1e6:.0f} MB of memory and needs "
            f"{LEAST_MEMORY / 1e6:.0f}, and more for each camera: raise the limit (MemoryMax= of "
            "the service, or that of the container)"
        )


def _bytes(file: Path) -> int | None:
    """A limit of a cgroup; None where there is none."""
    try:
        text = file.read_text().strip()
        return None if text == "max" else int(text)
    except (OSError, ValueError):
        return None


def usable_cores(cgroup: Path = _CGROUP, own: Path = Path("/proc/self/cgroup")) -> int:
    """The processors of this process's affinity, or fewer where a cgroup's quota allows less.

    A container on a large host sees all its processors but may only use its quota; threads for
    the rest would be throttled together. Part of a processor counts as one.
    """
    allowed = len(os.sched_getaffinity(0))
    quotas = [_quota(folder) for folder in _folders(cgroup, own)]
    return max(1, min([allowed, *(math.ceil(quota) for quota in quotas if quota is not None)]))


def processor_name() -> str:
    """What the processors call themselves (Linux)."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown"
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "unknown")


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


@contextmanager
def tell_reload() -> Iterator[None]:
    """Say that the configuration is read anew, and afterwards that the service is ready."""
    tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
    try:
        yield
    finally:
        tell("READY=1")


def tell(state: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Send a state such as `READY=1` or `STOPPING=1`; False where no service manager listens."""
    address = environment.get("NOTIFY_SOCKET")
    if not address:
        return False
    if address.startswith("@"):  # the abstract namespace
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.sendto(state.encode(), address)
    return True

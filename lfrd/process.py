"""The process keeps to itself what it sees: no core file, no reading of its memory, no leftovers.

systemd's unit does some of it too; this holds wherever the program is started. There is no switch
to turn it off: the tests that read the daemon's memory start it through a door of their own.
"""

import ctypes
import logging
import resource
import sys

log = logging.getLogger(__name__)

PR_SET_DUMPABLE = 4
"""prctl(2)."""
M_PERTURB = -6
"""mallopt(3)."""
FILL = 0xA5


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


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)

"""Globally unique, time-ordered identifiers."""

import os
import time
import uuid


def new_id(at_ns: int | None = None) -> str:
    """Return a UUIDv7 (RFC 9562, sections 5.7 and 6.2, method 3) as text.

    48 bits of milliseconds, 12 bits of the millisecond's fraction (about a quarter of a
    microsecond), 62 random bits: ids made one after the other sort in that order. `at_ns` makes one
    as if at that time, in nanoseconds since the Unix epoch.
    """
    milliseconds, rest_ns = divmod(time.time_ns() if at_ns is None else at_ns, 1_000_000)
    fraction = rest_ns * 4096 // 1_000_000
    random = int.from_bytes(os.urandom(8), "big") >> 2
    value = (
        (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62 | random
    )
    return str(uuid.UUID(int=value))

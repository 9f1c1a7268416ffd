"""Globally unique, time-ordered identifiers."""

import os
import time
import uuid


def new_id() -> str:
    """Return a UUIDv7 (RFC 9562, section 5.7) as text: 48 bits of milliseconds, 74 random bits."""
    unix_ms = time.time_ns() // 1_000_000
    value = (unix_ms & 0xFFFF_FFFF_FFFF) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))

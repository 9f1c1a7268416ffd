"""Runs the program itself, as its user would, and gives what it printed."""

import asyncio
import contextlib
import os
import sys

from lfrd.client import Client
from lfrd.errors import LfrdError

THRESHOLD_VARIABLE = "LFRD_MATCHING__THRESHOLD"


async def printed_by(
    *arguments: str, threshold: float | None = None, limit_s: float | None = None
) -> bytes:
    """Standard output of `lfrd ARGUMENTS`; `threshold` is the lab's constant, None the default.

    Raises SystemExit where it fails, TimeoutError where it takes longer than `limit_s`.
    """
    environment = dict(os.environ)
    if threshold is not None:
        environment[THRESHOLD_VARIABLE] = str(threshold)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lfrd", *arguments, stdout=asyncio.subprocess.PIPE, env=environment
    )
    try:
        async with asyncio.timeout(limit_s):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise SystemExit(f"lfrd {' '.join(arguments[:2])} failed with code {process.returncode}")
    return printed


async def until_it_answers(client: Client, limit_s: float) -> None:
    """Wait for a daemon that was started just now. Raises TimeoutError."""
    async with asyncio.timeout(limit_s):
        while True:
            with contextlib.suppress(LfrdError):
                await client.health()
                return
            await asyncio.sleep(0.02)

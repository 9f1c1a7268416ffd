"""Serves the demo's clip as a real RTSP stream on loopback, from a process of its own."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from lfrd.errors import StateError

START_LIMIT_S = 15.0
STOP_LIMIT_S = 3.0


@asynccontextmanager
async def rtsp_stream(clip: Path) -> AsyncIterator[str]:
    """The address of `clip`, played in a loop, while entered."""
    port = _free_port()
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "lfrd.demo.rtsp_server",
        str(clip.parent),
        str(port),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        await _answers(server, port)
        yield f"rtsp://127.0.0.1:{port}/{clip.name}?play_count=0"
    finally:
        await _end(server)


async def _answers(server: asyncio.subprocess.Process, port: int) -> None:
    try:
        async with asyncio.timeout(START_LIMIT_S):
            while server.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                    continue
                writer.close()
                await writer.wait_closed()
                return
    except TimeoutError:
        raise StateError("the demo's RTSP server does not answer") from None
    raise StateError(f"the demo's RTSP server ended with code {server.returncode}")


async def _end(server: asyncio.subprocess.Process) -> None:
    if server.returncode is None:
        server.terminate()
        try:
            async with asyncio.timeout(STOP_LIMIT_S):
                await server.wait()
        except TimeoutError:
            server.kill()
    await server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""Clips as cameras: GStreamer's RTSP server in a process of its own, and what it costs."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

PYTHON = "/usr/bin/python3"
"""The system's, which has GStreamer's bindings."""
PACKAGES = "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-{good,bad}"
BEGINS_S = 15.0


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """A server of the clips that are in a folder now, and its port; ends the program where there is
    no GStreamer. A clip is played once: it has to be longer than what is measured."""
    port = free_port()
    program = str(Path(__file__).with_name("rtsp_server.py"))
    async with _running(PYTHON, program, str(folder), str(port)) as server:
        await _until_it_answers(server, port)
        yield server, port


@asynccontextmanager
async def repeated(folder: Path, port: int | None = None) -> AsyncIterator[int]:
    """The demo's server, on a free port or on this one, which is given back: with `?play_count=0`
    it plays a clip for ever, and costs four times as much."""
    port = port or free_port()
    async with _running(
        sys.executable, "-m", "lfrd.demo.rtsp_server", str(folder), str(port)
    ) as server:
        await _until_it_answers(server, port)
        yield port


@asynccontextmanager
async def _running(*program: str) -> AsyncIterator[asyncio.subprocess.Process]:
    server = await asyncio.create_subprocess_exec(
        *program, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield server
    finally:
        if server.returncode is None:
            server.terminate()
        await server.wait()


async def _until_it_answers(server: asyncio.subprocess.Process, port: int) -> None:
    async with asyncio.timeout(BEGINS_S):
        while True:
            if server.returncode is not None:
                raise SystemExit(f"the RTSP server did not begin: apt install {PACKAGES}")
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.1)
                continue
            writer.close()
            return


def free_port() -> int:
    """One that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_s(pid: int) -> float:
    """The processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

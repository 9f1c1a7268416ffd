"""A deployment of the real daemon over a clip, with a witness at its memory and its files."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lfrd.client import Client
from lfrd.demo.stream import rtsp_stream
from lfrd.wire.cameras import CameraCreate
from lfrd.wire.deployments import DeploymentSummary
from support.memory_reader import NOTHING, Before, Hits, Witness, faces_of, look_before
from support.program import daemon, enrol, look_for

T = TypeVar("T")

PROGRAM = Path(__file__).with_name("readable_program.py")
START_LIMIT_S = 60.0
LOOKS_LIMIT = 40
"""How often the daemon is stopped to see whether it holds a face at that moment."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What the witness found, and the daemon's own count of the deployment."""

    faces: int
    during: Hits
    after: Hits
    files: Hits
    summary: DeploymentSummary


async def run_trial(clip: Path, portraits: list[Path]) -> Trial:
    """Watch `clip` for the people of `portraits`, who are not in it; search during and after."""
    faces = await faces_of(clip)
    witness = await asyncio.to_thread(Witness, faces)
    with tempfile.TemporaryDirectory(prefix="lfrd-trial-") as folder:
        root = Path(folder)
        (root / "temp").mkdir()
        async with rtsp_stream(clip) as address, _readable(root) as (process, client):
            watchlist_id = await enrol(client, {path.stem: path.read_bytes() for path in portraits})
            await client.add_camera(CameraCreate(id="street", address=address))
            before = await asyncio.to_thread(_stopped, process.pid, look_before)
            deployment_id = await look_for(client, watchlist_id)
            await _frames(client, 10)
            during, files = NOTHING, NOTHING
            for _ in range(LOOKS_LIMIT):
                during = await asyncio.to_thread(_glance, witness, process.pid, before)
                if during.total:
                    break
                await asyncio.sleep(0.03)
            files += await asyncio.to_thread(witness.search_folder, root)
            await _frames(client, 60)
            ended = await client.end_deployment(deployment_id, "the trial is over")
            assert ended.summary is not None
            after = await asyncio.to_thread(witness.search_process, process.pid, before)
            files += await asyncio.to_thread(witness.search_folder, root)
    return Trial(len(faces.crops), during, after, files, ended.summary)


def _glance(witness: Witness, pid: int, before: Before) -> Hits:
    """The process as it is at one moment."""
    return _stopped(pid, lambda _: witness.search_process(pid, before))


def _stopped(pid: int, look: Callable[[int], T]) -> T:
    os.kill(pid, signal.SIGSTOP)
    try:
        return look(pid)
    finally:
        os.kill(pid, signal.SIGCONT)


def _readable(
    root: Path,
) -> AbstractAsyncContextManager[tuple[asyncio.subprocess.Process, Client]]:
    """The daemon, with its memory left open to this user."""
    return daemon(
        root / "state",
        program=(str(PROGRAM), "run"),
        limit_s=START_LIMIT_S,
        LFRD_DETECTION__TARGET_HZ="100",
        TMPDIR=str(root / "temp"),
    )


async def _frames(client: Client, count: int) -> None:
    """Wait until so many frames were searched."""
    async with asyncio.timeout(START_LIMIT_S):
        while True:
            current = await client.current_deployment()
            assert current is not None, "the deployment ended by itself"
            if current.summary is not None and current.summary.frames_detected >= count:
                return
            await asyncio.sleep(0.1)

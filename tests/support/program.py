"""The program as a user runs it: a command to its end, or the daemon in a process of its own."""

import asyncio
import io
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lfrd.client import Client
from lfrd.demo.clip import listed_photo
from lfrd.demo.stream import rtsp_stream
from lfrd.errors import LfrdError
from lfrd.vocabulary import Category
from lfrd.wire.cameras import CameraCreate
from lfrd.wire.deployments import DeploymentStart
from lfrd.wire.lists import EntryCreate, WatchlistCreate

LIMIT_S = 90.0
C = TypeVar("C", bound=Client)
RUN = ("-m", "lfrd", "run")
START_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict]:
        """Its JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


Call = Callable[..., Ran]
"""What the fixture `call` gives: runs a command in this process."""


class Typed(io.StringIO):
    """Standard input or output that is a terminal."""

    def isatty(self) -> bool:
        return True


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without settings of lfrd, plus `variables`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LFRD_")}
    return kept | variables


def lfrd(*arguments: str | Path, **variables: str) -> Ran:
    """Run a command to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "lfrd", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def refused(ran: Ran, *words: str) -> None:
    """Exit code 2 and one clear sentence: no traceback, nothing on standard output."""
    assert ran.code == 2, (ran.code, ran.err)
    assert "Traceback" not in ran.err
    assert ran.out == ""
    assert len(ran.err.strip().splitlines()) == 1, ran.err
    for word in words:
        assert word in ran.err, (word, ran.err)


@asynccontextmanager
async def daemon(
    state: Path,
    door: type[C] = Client,
    program: tuple[str, ...] = RUN,
    limit_s: float = START_LIMIT_S,
    prefix: tuple[str, ...] = (),
    **variables: str,
) -> AsyncIterator[tuple[asyncio.subprocess.Process, C]]:
    """A daemon on a state folder, once it answers; killed in the end if it runs still.

    `program` is what python is given, `prefix` what that is started by. It writes
    to `daemon.log` beside the state folder.
    """
    given = {
        "LFRD_SITE__STATE_DIR": str(state),
        "LFRD_POLICY__ALLOW_LAB": "true",
        "LFRD_SOURCES__FOLDERS": "/",
    }
    settings = environment(**(given | variables))
    with (state.parent / "daemon.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *prefix, sys.executable, *program, env=settings, stderr=log
        )
    try:
        async with door.over_socket(state / "api.sock") as client:
            await _answers(process, client, limit_s)
            yield process, client
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _answers(process: asyncio.subprocess.Process, client: Client, limit_s: float) -> None:
    async with asyncio.timeout(limit_s):
        while process.returncode is None:
            try:
                await client.health()
            except LfrdError:
                await asyncio.sleep(0.05)
            else:
                return
    raise AssertionError(f"the daemon ended with code {process.returncode}")


async def enrol(client: Client, photos: Mapping[str, bytes] | None = None) -> str:
    """A list with a photo for each reference (else with the astronaut); its id."""
    made = await client.create_watchlist(
        WatchlistCreate(name="test", category=Category.TEST, purpose="test", owner="test")
    )
    for reference, photo in (photos or {"astronaut": listed_photo()}).items():
        entry = await client.add_entry(
            made.id, EntryCreate(reference=reference, basis="test", source="test")
        )
        await client.add_photo(entry.id, photo, f"{reference}.jpg")
    return made.id


async def look_for(client: Client, watchlist_id: str) -> str:
    """Start to look for those on a list; the deployment's id."""
    started = await client.start_deployment(
        DeploymentStart(profile="lab", purpose="test", place="bench", watchlist_ids=(watchlist_id,))
    )
    return started.id


@asynccontextmanager
async def looking(state: Path, clip: Path) -> AsyncIterator[None]:
    """A daemon whose one camera, `gate`, plays a clip and looks for the astronaut."""
    async with rtsp_stream(clip) as address, daemon(state) as (_, client):
        await client.add_camera(CameraCreate(id="gate", address=address))
        await look_for(client, await enrol(client))
        yield

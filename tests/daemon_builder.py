"""The daemon as a process of its own, and somebody on a list whom a deployment looks for."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from program import environment

from lfrd.client import Client
from lfrd.demo.clip import listed_photo
from lfrd.errors import LfrdError
from lfrd.vocabulary import Category
from lfrd.wire.deployments import DeploymentStart
from lfrd.wire.lists import EntryCreate, WatchlistCreate

C = TypeVar("C", bound=Client)

RUN = ("-m", "lfrd", "run")
START_LIMIT_S = 30.0


@asynccontextmanager
async def daemon(
    state: Path,
    door: type[C] = Client,
    program: tuple[str, ...] = RUN,
    limit_s: float = START_LIMIT_S,
    **variables: str,
) -> AsyncIterator[tuple[asyncio.subprocess.Process, C]]:
    """A daemon on a state folder, once it answers; killed in the end if it runs still.

    `program` is what python is given. It writes to `daemon.log` beside the state folder.
    """
    given = {
        "LFRD_SITE__STATE_DIR": str(state),
        "LFRD_POLICY__ALLOW_LAB": "true",
        "LFRD_SOURCES__FOLDERS": "/",
    }
    settings = environment(**(given | variables))
    with (state.parent / "daemon.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *program, env=settings, stderr=log
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

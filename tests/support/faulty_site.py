"""A real daemon that is going to be hurt: what it is given to keep, and whether it is there."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lfrd.client import Client
from lfrd.demo.clip import listed_photo
from lfrd.errors import LfrdError, NotFound
from lfrd.vocabulary import Category, Role
from lfrd.wire.cameras import CameraCreate
from lfrd.wire.deployments import DeploymentDraft, UseCase
from lfrd.wire.health import Health, HealthStatus
from lfrd.wire.lists import EntryCreate, WatchlistCreate
from lfrd.wire.people import TokenCreate
from support.program import RUN, daemon
from support.site import DOCUMENTS

HEALTHY_BAR_S = 5.0
"""So soon after a fault is over the site has to work."""
WAIT_S = 20.0
NOWHERE = "rtsp://127.0.0.1:9/1"
"""A camera that answers nobody."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One number of a fault, and its bar; None: it is told only."""

    name: str
    value: float
    unit: str = ""
    at_most: float | None = None


@dataclass(slots=True)
class Site:
    """A daemon and who asks it."""

    state: Path
    process: asyncio.subprocess.Process
    client: Client
    lists: list[str] = field(default_factory=list)
    """Those that it said are there."""

    async def write(self) -> str:
        """A new list, once the daemon has said that it is there."""
        name = f"list {time.monotonic_ns()}"
        made = await self.client.create_watchlist(
            WatchlistCreate(name=name, category=Category.TEST, purpose="test", owner="test")
        )
        self.lists.append(made.id)
        return made.id

    async def is_whole(self) -> None:
        """Everything that it said is there is there, and more can be written."""
        await self.write()
        there = {item.id for item in await self.client.watchlists()}
        assert not (lost := set(self.lists) - there), f"lost: {lost}"

    async def recovers(self) -> float:
        """Wait until it is not failed, and takes writes; return for how long (s)."""
        began_s = time.monotonic()
        async with asyncio.timeout(WAIT_S):
            while True:
                try:
                    if (await self.client.health()).status is not HealthStatus.FAILED:
                        await self.is_whole()
                        return time.monotonic() - began_s
                except LfrdError:
                    pass
                await asyncio.sleep(0.05)

    async def says(self, *words: str) -> Health:
        """Wait until health says these words."""
        async with asyncio.timeout(WAIT_S):
            while True:
                health = await self.client.health()
                if all(any(word in reason for reason in health.reasons) for word in words):
                    return health
                await asyncio.sleep(0.05)

    async def end(self) -> None:
        """As a service manager ends it."""
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(WAIT_S):
            assert await self.process.wait() == 0


@asynccontextmanager
async def site(
    state: Path,
    lists: list[str] | None = None,
    program: tuple[str, ...] = RUN,
    limit_s: float = 30.0,
    prefix: tuple[str, ...] = (),
    **variables: str,
) -> AsyncIterator[Site]:
    """A daemon on this folder, which is to have these lists."""
    given = {"LFRD_MODELS__THREADS": "1"}
    async with daemon(
        state, program=program, limit_s=limit_s, prefix=prefix, **(given | variables)
    ) as started:
        yield Site(state, *started, lists if lists is not None else [])


def log_of(state: Path) -> str:
    """What every daemon on this folder wrote to its log."""
    return (state.parent / "daemon.log").read_text(errors="replace")


def no_traceback(state: Path) -> None:
    assert "Traceback" not in log_of(state), log_of(state)[-3000:]


WANTED = "wanted"


async def enrol_somebody(client: Client) -> str:
    """A list that may be used under the standard rules, with one person; its id."""
    made = await client.create_watchlist(
        WatchlistCreate(name=WANTED, category=Category.WANTED, purpose="to find them",
                        owner="the desk")
    )  # fmt: skip
    entry = await client.add_entry(
        made.id,
        EntryCreate(reference="wanted-1", basis="warrant 12", source="the court",
                    reviewer="user:desk"),
    )  # fmt: skip
    await client.add_photo(entry.id, listed_photo(), "photo.jpg")
    return made.id


async def deploy(at: Site, watchlist_id: str) -> str:
    """A deployment under the standard rules, which another person authorised; its id."""
    made = await at.client.create_token(TokenCreate(principal="chief", role=Role.SUPERVISOR))
    drafted = await at.client.governance.draft(
        DeploymentDraft(
            profile="standard", purpose="to find them", use_case=UseCase.LOCATE_WANTED,
            place="the station", expectation="they were seen there", documents=DOCUMENTS,
            watchlist_ids=(watchlist_id,), duration_s=4 * 3600.0,
        )
    )  # fmt: skip
    async with Client.over_socket(at.state / "api.sock", made.secret) as chief:
        await chief.governance.authorise(drafted.id)
    await at.client.governance.start(drafted.id)
    return drafted.id


async def add_cameras(client: Client, addresses: Mapping[str, str]) -> None:
    for camera_id, address in addresses.items():
        try:
            await client.camera(camera_id)
        except NotFound:
            await client.add_camera(CameraCreate(id=camera_id, address=address))


def is_root() -> bool:
    return os.geteuid() == 0

"""A real site on a temporary folder: alone, under a policy, or behind its API on a socket."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from lfrd.api.request_guard import Limits
from lfrd.api.server import ApiServer
from lfrd.client import Client
from lfrd.clock import Clock, ManualClock
from lfrd.config import (
    ApiSection,
    CameraSection,
    Config,
    KeysSection,
    ModelsSection,
    PolicySection,
    SiteSection,
    SourcesSection,
)
from lfrd.daemon import open_site
from lfrd.governance.people import digest_of
from lfrd.governance.planning import Plan
from lfrd.site import Site
from lfrd.store import tokens, watchlists
from lfrd.store.deployments import Deployment
from lfrd.store.episodes import Episode
from lfrd.store.watchlists import NewEntry, NewWatchlist
from lfrd.vocabulary import Category, Role
from lfrd.wire.base import Problem
from lfrd.wire.people import TokenCreate
from support.photos import astronaut
from support.store import raise_episode

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
DOCUMENTS = ("impact-assessment: DPIA 7", "notice: sign at the door")
REFERENCES = ("fundamental-rights: FRIA 3", "registration: EU-DB 4711")


@dataclass(frozen=True, slots=True)
class Served:
    """A running site, its server, and a client of it."""

    site: Site
    server: ApiServer
    client: Client

    @property
    def socket(self) -> Path:
        return self.site.config.socket_path


def config_on(folder: Path, tcp: str | None = None, profile: str = "standard") -> Config:
    return Config(
        site=SiteSection(node="test-site", state_dir=folder),
        api=ApiSection(tcp=tcp),
        models=ModelsSection(threads=1),
        policy=PolicySection(profile=profile, allow_lab=True),
        sources=SourcesSection(folders=(Path("/"),)),
    )


@asynccontextmanager
async def serve(
    folder: Path,
    clock: Clock | None = None,
    *,
    tcp: str | None = None,
    secrets: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    profile: str = "standard",
) -> AsyncIterator[Served]:
    """Everything that a daemon has, models included, answering on `folder`/api.sock.

    `secrets` are of personal tokens, with their holders.
    """
    async with open_site(config_on(folder, tcp, profile), clock=clock) as site:
        for secret, holder in (secrets or {}).items():
            await site.database.write(
                partial(tokens.add, holder=holder, role=Role.OPERATOR, digest=digest_of(secret)),
                principal="user:test",
            )
        async with (
            ApiServer(site, limits) as server,
            Client.over_socket(site.config.socket_path) as client,
        ):
            yield Served(site, server, client)


def http(socket: Path) -> httpx.AsyncClient:
    """A client without our own manners."""
    transport = httpx.AsyncHTTPTransport(uds=str(socket))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def talk(path: Path, sent: bytes, *, finish: bool = False) -> bytes:
    """Send raw bytes on one connection; return everything until the server closes it."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(sent)
    if finish:
        writer.write_eof()
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


def problem_in(answer: bytes) -> Problem:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower()
    return Problem.model_validate_json(body)


class SettableClock(ManualClock):
    """A machine's clock that somebody sets, while time goes on at its own pace."""

    def set_by(self, seconds: float) -> None:
        self._wall_s += seconds


@asynccontextmanager
async def governed(
    folder: Path, clock: SettableClock, escrow: Path | None = None, **policy: str | float | bool
) -> AsyncIterator[Site]:
    """A site with one camera that answers nobody, under the policy `profile` (standard)."""
    camera = CameraSection(id="gate", address="rtsp://127.0.0.1:9/1")
    config = config_on(folder).model_copy(
        update={
            "camera": (camera,),
            "policy": PolicySection.model_validate({"allow_lab": True} | policy),
            "keys": KeysSection(escrow=escrow),
        }
    )
    async with open_site(config, clock=clock) as site:
        yield site


async def make_list(
    site: Site,
    name: str = "wanted",
    principal: str = "user:lists",
    category: Category = Category.WANTED,
) -> str:
    """A list with one person on it; its id."""
    made = await site.watchlists.create_list(
        NewWatchlist(name, category, "to find them", "the desk"), principal=principal
    )
    entry = await site.watchlists.add_entry(
        NewEntry(made.row.id, f"{name}-1", "warrant 12", "the court", reviewer="user:desk"),
        principal=principal,
    )
    await site.photos.add(entry.row.id, astronaut(), "photo", principal=principal)
    return made.row.id


def plan_of(watchlist_id: str, profile: str = "standard") -> Plan:
    return Plan(
        profile=profile, purpose="to find them", use_case="locate-wanted", place="the station",
        watchlist_ids=(watchlist_id,), expectation="they were seen there",
        documents=(*DOCUMENTS, *REFERENCES) if profile.startswith("eu") else DOCUMENTS,
    )  # fmt: skip


async def train(site: Site, *names: str) -> None:
    """So many reviewers are trained for a year."""
    until_s = site.clock.wall_s() + 365 * DAY_S
    for name in names:
        await site.trainings.record(name, "a course", until_s, principal="user:chief")


async def deploy(site: Site, watchlist_id: str, hours: float = 4.0) -> Deployment:
    """A running deployment of the standard profile, planned by Ada and authorised by Bo."""
    plan = plan_of(watchlist_id, site.deployments.policies.own.name)
    row = await site.deployments.draft(plan, hours * HOUR_S, principal="user:ada")
    await site.deployments.authorise(row.id, principal="user:bo")
    return await site.deployments.start_planned(row.id, principal="user:ada")


async def see_somebody(
    site: Site, deployment_id: str, watchlist_id: str, track: int = 1, **pictures: bytes | None
) -> Episode:
    """A candidate for the first entry of a list; `pictures` as `raise_episode` takes them."""
    entry = (await site.database.read(lambda r: watchlists.entries(r, watchlist_id)))[0]
    return await site.database.write(
        lambda tx: raise_episode(tx, deployment_id, entry, track, **pictures), principal="system"
    )


async def decide(client: httpx.AsyncClient, path: str, decision: dict[str, str]) -> None:
    """Submit a review of the alert at this path, and make it final."""
    assert (await client.post(f"{path}/review", json=decision)).status_code == 200
    assert (await client.post(f"{path}/review/final")).status_code == 200


@asynccontextmanager
async def people(
    served: Served, roles: dict[str, Role]
) -> AsyncIterator[tuple[httpx.AsyncClient, ...]]:
    """A client for each, with a personal token, all over the Unix socket of one login."""
    async with AsyncExitStack() as open_clients:
        admin = await open_clients.enter_async_context(Client.over_socket(served.socket))
        clients = []
        for name, role in roles.items():
            made = await admin.create_token(TokenCreate(principal=name, role=role))
            transport = httpx.AsyncHTTPTransport(uds=str(served.socket), verify=False)
            client = httpx.AsyncClient(
                transport=transport,
                base_url="http://x",
                headers={"Authorization": f"Bearer {made.secret}"},
                timeout=20,
            )
            clients.append(await open_clients.enter_async_context(client))
        yield tuple(clients)

"""A real site on a temporary folder, behind its API on a real socket. For tests."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lfrd.api.door import Limits
from lfrd.api.server import ApiServer
from lfrd.client import Client
from lfrd.clock import Clock
from lfrd.config import (
    ApiSection,
    Config,
    ModelsSection,
    PolicySection,
    SiteSection,
    SourcesSection,
)
from lfrd.daemon import open_site
from lfrd.governance.people import digest_of
from lfrd.site import Site
from lfrd.store import tokens
from lfrd.vocabulary import Role


@dataclass(frozen=True, slots=True)
class Served:
    """A running site, its server, and a client of it."""

    site: Site
    server: ApiServer
    client: Client

    @property
    def socket(self) -> Path:
        return self.site.config.socket_path


def config_on(folder: Path, tcp: str | None = None) -> Config:
    return Config(
        site=SiteSection(node="test-site", state_dir=folder),
        api=ApiSection(tcp=tcp),
        models=ModelsSection(threads=1),
        policy=PolicySection(allow_lab=True),
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
) -> AsyncIterator[Served]:
    """Everything that a daemon has, models included, answering on `folder`/api.sock.

    `secrets` are of personal tokens, with their holders.
    """
    async with open_site(config_on(folder, tcp), clock=clock) as site:
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

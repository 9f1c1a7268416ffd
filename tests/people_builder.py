"""Several people who share one login of the machine, each with a personal token. For tests."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
from site_builder import Served

from lfrd.client import Client
from lfrd.vocabulary import Role
from lfrd.wire.people import TokenCreate


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

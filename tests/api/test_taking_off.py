"""Every way to take people off a list needs the role that may erase; the caller is an operator."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from governed_site import make_list
from site_builder import Served, serve

from lfrd.api.schema_review import Role, TokenCreate
from lfrd.review_client import ReviewClient
from lfrd.store.watchlists import Category


@dataclass(frozen=True, slots=True)
class Desk:
    """A list with one person on it, and somebody who asks for things with a role."""

    served: Served
    http: httpx.AsyncClient
    listed: str

    async def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        return await self.http.request(method, path, json=body)

    async def compared(self) -> int:
        return (await self.served.site.watchlists.get_list(self.listed)).templates


@asynccontextmanager
async def desk(
    folder: Path, role: Role = Role.OPERATOR, category: Category = Category.WANTED
) -> AsyncIterator[Desk]:
    async with serve(folder) as served, ReviewClient.over_socket(served.socket) as admin:
        made = await admin.create_token(TokenCreate(principal="anna", role=role))
        transport = httpx.AsyncHTTPTransport(uds=str(served.socket), verify=False)
        head = {"Authorization": f"Bearer {made.secret}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://x", headers=head
        ) as http:
            yield Desk(served, http, await make_list(served.site, category=category))


START = {"purpose": "p", "place": "q"}


@pytest.mark.parametrize("category", [Category.WANTED, Category.TEST])
async def test_an_operator_starts_nothing_that_erases_a_list(
    tmp_path: Path, category: Category
) -> None:
    async with desk(tmp_path, category=category) as at:
        for body in (START, START | {"profile": "lab"}):
            reply = await at.ask("POST", "/v1/deployments", body | {"watchlist_ids": [at.listed]})
            assert reply.status_code == 403, reply.text


async def test_no_profile_is_no_lab(tmp_path: Path) -> None:
    async with desk(tmp_path, Role.SUPERVISOR, Category.TEST) as at:
        body = START | {"watchlist_ids": [at.listed]}
        reply = await at.ask("POST", "/v1/deployments", body)
        assert (reply.status_code, reply.json()["detail"]) == (
            422, "profile: this field is required",
        )  # fmt: skip
        reply = await at.ask("POST", "/v1/deployments", body | {"profile": "lab"})
        assert reply.status_code == 201, reply.text

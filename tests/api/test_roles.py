"""Every route asks for the role that docs/api.md says, of everybody, before it does anything."""

import asyncio
import os
import pwd
import re
from pathlib import Path

import httpx
import pytest

from lfrd.client import Client
from lfrd.vocabulary import Role
from lfrd.wire.people import TokenCreate
from support.site import Served, serve

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "api.md"
NEEDS = re.compile(r"^\| (supervisor|admin) \| (.*) \|$", re.MULTILINE)
ROUTE = re.compile(r"`([A-Z]+) ([^`]+)`")
NO_PRINCIPAL = ("/v1/whip/", "/openapi.json")
"""Publishers have a token of their camera's own; the description is for everybody."""
ENDLESS = "/v1/events"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def documented() -> dict[tuple[str, str], Role]:
    """The least role for each route that wants more than an operator."""
    found = {}
    for role, routes in NEEDS.findall(DOCUMENT.read_text()):
        for method, path in ROUTE.findall(routes):
            found[method, path] = Role(role)
    return found


async def routes(client: httpx.AsyncClient) -> list[tuple[str, str]]:
    """Every method and path of the API, parameters as `{id}`."""
    described = (await client.get("/openapi.json")).json()["paths"]
    return [
        (method.upper(), re.sub(r"{\w+}", "{id}", path))
        for path, methods in described.items()
        for method in methods
        if path != ENDLESS and not path.startswith(NO_PRINCIPAL)
    ]


async def secrets(served: Served) -> dict[Role, str]:
    async with Client.over_socket(served.socket) as admin:
        return {
            role: (await admin.create_token(TokenCreate(principal=role.value, role=role))).secret
            for role in Role
        }


def test_the_document_says_who_may_authorise_hold_erase_and_hand_out_tokens() -> None:
    wanted = documented()
    for method, path, role in (
        ("POST", "/v1/deployments/{id}/authorise", Role.SUPERVISOR),
        ("POST", "/v1/holds/{id}/confirm", Role.SUPERVISOR),
        ("POST", "/v1/erasures", Role.SUPERVISOR),
        ("POST", "/v1/tokens", Role.ADMIN),
    ):
        assert wanted[method, path] is role


async def test_every_route_with_every_role(tmp_path: Path) -> None:
    """What is asked for is nothing there is, so that nobody changes anything: a refusal for the
    role is told from all others by its status."""
    wanted = documented()
    async with serve(tmp_path) as served:
        transport = httpx.AsyncHTTPTransport(uds=str(served.socket), verify=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            every = await routes(client)
            assert wanted.keys() <= set(every), "the document names routes that are not there"
            assert len(every) > 60
            for role, secret in (await secrets(served)).items():
                head = {"Authorization": f"Bearer {secret}"}
                for method, path in every:
                    assert method in METHODS
                    place = path.replace("{id}", "nothing")
                    content = None if method == "GET" else b"{}"
                    reply = await client.request(method, place, content=content, headers=head)
                    denied = not role.includes(wanted.get((method, path), Role.OPERATOR))
                    assert (reply.status_code == 403) == denied, f"{role} {method} {path}"
                    if denied:
                        assert "needs the role" in reply.json()["detail"]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_a_role_is_asked_for_before_the_body_is_looked_at(
    tmp_path: Path, method: str
) -> None:
    path = {"POST": "/v1/erasures", "DELETE": "/v1/watchlists/nothing"}[method]
    async with serve(tmp_path) as served:
        transport = httpx.AsyncHTTPTransport(uds=str(served.socket), verify=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            head = {"Authorization": f"Bearer {(await secrets(served))[Role.OPERATOR]}"}
            reply = await client.request(method, path, content=b'{"x": 1}', headers=head)
            assert reply.status_code == 403


async def test_who_was_refused_what_is_in_the_log(tmp_path: Path) -> None:
    me = f"user:{pwd.getpwuid(os.getuid()).pw_name}"
    async with serve(tmp_path) as served:
        transport = httpx.AsyncHTTPTransport(uds=str(served.socket), verify=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            operator = {"Authorization": f"Bearer {(await secrets(served))[Role.OPERATOR]}"}
            asked = [
                ("DELETE", "/v1/watchlists/secret-name", operator, 403),
                ("GET", "/v1/health", {"Authorization": "Bearer wrong"}, 401),
                ("POST", "/v1/whip/door", {"Authorization": "Bearer wrong"}, 401),
            ]
            for method, path, headers, status in asked:
                reply = await client.request(method, path, headers=headers)
                assert reply.status_code == status

        async def logged() -> set[tuple[str, str]]:
            rows = await served.site.database.read(
                lambda reader: [
                    (row.text("principal"), row.text("payload"))
                    for row in reader.rows(
                        "SELECT principal, payload FROM audit_leaf WHERE class = 'denial'"
                    )
                ]
            )
            return set(rows)

        async with asyncio.timeout(10):
            while len(found := await logged()) < len(asked):
                await asyncio.sleep(0.02)
        assert found == {
            ("user:operator",
             '{"count":1,"request":"DELETE /v1/watchlists/{watchlist_id}","status":403}'),
            (me, '{"count":1,"request":"authentication","status":401}'),
            (me, '{"count":1,"request":"POST /v1/whip/{camera_id}","status":401}'),
        }  # fmt: skip

"""Every way to take people off a list needs the role that may erase; the caller is an operator."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from lfrd.client import Client
from lfrd.store.watchlists import NewWatchlist
from lfrd.vocabulary import Category, Role
from lfrd.wire.people import TokenCreate
from support.photos import astronaut
from support.site import Served, make_list, serve


@dataclass(frozen=True, slots=True)
class Desk:
    """A list with one person on it, and a caller with a role."""

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
    async with serve(folder) as served, Client.over_socket(served.socket) as admin:
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


@dataclass(frozen=True, slots=True)
class Way:
    """A request that may take a person off a list; `{list}`, `{entry}`, `{photo}`, `{person}` and
    `{import}` stand for what there is."""

    method: str
    path: str
    body: dict[str, object] | None = None

    @property
    def route(self) -> str:
        return f"{self.method} {re.sub(r'{[^}]+}', '{}', self.path)}"


SOON_S = time.time() + 3600.0
CAMERA = {"id": "door", "address": "rtsp://127.0.0.1:9/1"}
ROW = {"number": 1, "reference": "wanted-1", "file": "a.jpg", "expires_at_s": SOON_S, "margin": 0.2}
DENIED = (
    Way("DELETE", "/v1/watchlists/{list}"),
    Way("DELETE", "/v1/entries/{entry}"),
    Way("DELETE", "/v1/photos/{photo}"),
    Way("POST", "/v1/photos/{photo}/quarantine", {"reason": "r"}),
    Way("PATCH", "/v1/entries/{entry}", {"expires_at_s": SOON_S}),
    Way("PATCH", "/v1/entries/{entry}", {"margin": 0.2}),
    Way("PATCH", "/v1/watchlists/{list}", {"expires_at_s": SOON_S}),
    Way("PATCH", "/v1/watchlists/{list}", {"margin": 0.2}),
    Way("PUT", "/v1/watchlists/{list}/cameras", {"camera_ids": ["door"]}),
    Way("POST", "/v1/erasures", {"kind": "person", "subject_id": "{person}", "reason": "r"}),
    Way("POST", "/v1/erasures", {"kind": "watchlist", "subject_id": "{list}", "reason": "r"}),
    Way("POST", "/v1/deployments", {"profile": "lab", "watchlist_ids": ["{list}"], **START}),
    Way("POST", "/v1/models/switch", {"pack": "other", "accept_missing": True}),
    Way("POST", "/v1/models/preparation", {"pack": "other"}),
)
HARMLESS = (
    "POST /v1/watchlists", "POST /v1/watchlists/{}/entries", "POST /v1/watchlists/{}/confirm",
    "POST /v1/watchlists/{}/imports", "POST /v1/watchlists/{}/import-check",
    "POST /v1/watchlists/{}/export", "POST /v1/entries/{}/photos", "POST /v1/entries/{}/approve",
    "POST /v1/photos/check", "POST /v1/photos/inspect", "DELETE /v1/photos/{}/quarantine",
    "POST /v1/imports/{}/rows",
    "POST /v1/imports/{}/end",
)  # fmt: skip
"""What changes lists, entries or photos, and takes no person off one."""

OF_LISTS = re.compile(r"^/v1/(watchlists|entries|photos|imports|erasures|models)\b")


async def test_every_route_about_lists_is_weighed_here(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        described = (await at.http.get("/openapi.json")).json()["paths"]
        routes = {
            f"{method.upper()} {re.sub(r'{[^}]+}', '{}', path)}"
            for path, methods in described.items()
            for method in methods
            if OF_LISTS.match(path) and method != "get"
        }
        assert routes == {way.route for way in DENIED if OF_LISTS.match(way.path)} | set(HARMLESS)


async def test_every_way_to_take_people_off_a_list_is_denied_to_operators(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        (entry,) = await at.served.site.watchlists.entries(at.listed)
        await at.ask("POST", "/v1/cameras", CAMERA)
        known = {
            "list": at.listed, "entry": entry.row.id, "photo": entry.photos[0].id,
            "person": entry.row.person_id,
        }  # fmt: skip
        for way in DENIED:
            text = json.dumps(way.body)
            path = way.path
            for name, value in known.items():
                path, text = path.replace(f"{{{name}}}", value), text.replace(f"{{{name}}}", value)
            reply = await at.ask(way.method, path, json.loads(text))
            assert reply.status_code == 403, f"{way}: {reply.text}"
            assert "needs the role" in reply.json()["detail"]
        assert await at.compared() == 1
        (left,) = await at.served.site.watchlists.entries(at.listed)
        assert left == entry


async def test_a_supervisor_may(tmp_path: Path) -> None:
    async with desk(tmp_path, Role.SUPERVISOR) as at:
        (entry,) = await at.served.site.watchlists.entries(at.listed)
        await at.ask("POST", "/v1/cameras", CAMERA)
        for method, path, body in (
            ("PUT", f"/v1/watchlists/{at.listed}/cameras", {"camera_ids": ["door"]}),
            ("PATCH", f"/v1/watchlists/{at.listed}", {"margin": 0.2}),
            ("PATCH", f"/v1/entries/{entry.row.id}", {"expires_at_s": SOON_S}),
            ("POST", f"/v1/photos/{entry.photos[0].id}/quarantine", {"reason": "r"}),
            ("DELETE", f"/v1/photos/{entry.photos[0].id}", None),
        ):
            reply = await at.ask(method, path, body)
            assert reply.is_success, f"{method} {path}: {reply.text}"


async def test_what_takes_nobody_off_stays_open_to_operators(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        site = at.served.site
        (entry,) = await site.watchlists.entries(at.listed)
        await site.watchlists.change_entry(
            entry.row.id,
            {"margin": 0.2, "expires_at_s": SOON_S},
            principal="user:boss",
            role=Role.SUPERVISOR,
        )
        empty = await site.watchlists.create_list(
            NewWatchlist("empty", Category.TEST, "p", "o"), principal="user:x"
        )
        await at.ask("POST", "/v1/cameras", CAMERA)
        for method, path, body in (
            ("PATCH", f"/v1/entries/{entry.row.id}", {"margin": 0.1}),
            ("PATCH", f"/v1/entries/{entry.row.id}", {"expires_at_s": SOON_S + 60}),
            ("PATCH", f"/v1/entries/{entry.row.id}", {"expires_at_s": None}),
            ("PATCH", f"/v1/watchlists/{empty.row.id}", {"expires_at_s": SOON_S, "margin": 0.1}),
            ("PUT", f"/v1/watchlists/{empty.row.id}/cameras", {"camera_ids": ["door"]}),
            ("PUT", f"/v1/watchlists/{at.listed}/cameras", {"camera_ids": []}),
        ):
            reply = await at.ask(method, path, body)
            assert reply.is_success, f"{method} {path}: {reply.text}"


async def test_one_of_several_photos_may_go_and_the_last_may_not(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        site = at.served.site
        (entry,) = await site.watchlists.entries(at.listed)
        second = await site.photos.add(
            entry.row.id, astronaut() + b" ", "second", principal="user:x"
        )
        first = entry.photos[0].id
        reply = await at.ask("POST", f"/v1/photos/{first}/quarantine", {"reason": "blurred"})
        assert reply.is_success, reply.text
        for method, path in (
            ("DELETE", f"/v1/photos/{second.id}"),
            ("POST", f"/v1/photos/{second.id}/quarantine"),
        ):
            reply = await at.ask(method, path, {"reason": "r"})
            assert reply.status_code == 403, "the other one is not compared"
        assert (await at.ask("DELETE", f"/v1/photos/{first}")).is_success


async def test_the_last_two_photos_cannot_go_at_once(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        site = at.served.site
        (entry,) = await site.watchlists.entries(at.listed)
        second = await site.photos.add(
            entry.row.id, astronaut() + b" ", "second", principal="user:x"
        )
        replies = await asyncio.gather(
            *(at.ask("DELETE", f"/v1/photos/{name}") for name in (entry.photos[0].id, second.id))
        )
        assert sorted(reply.status_code for reply in replies) == [204, 403]
        assert await at.compared() == 1


async def test_an_import_ends_no_entry_that_is_there(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        (entry,) = await at.served.site.watchlists.entries(at.listed)
        begun = await at.ask(
            "POST", f"/v1/watchlists/{at.listed}/imports",
            {"source_sha256": "a" * 64, "source_name": "a", "total": 1},
        )  # fmt: skip
        reply = await at.http.post(
            f"/v1/imports/{begun.json()['id']}/rows",
            params={"row": json.dumps(ROW)},
            content=astronaut(),
        )
        assert reply.is_success, reply.text
        (left,) = await at.served.site.watchlists.entries(at.listed)
        assert left == entry
        assert await at.compared() == 1

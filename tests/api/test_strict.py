"""Bad requests get one clear refusal: none is a fault of ours, none is taken for something else."""

import base64
import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import ValidationError

from lfrd.store.watchlists import NewEntry
from lfrd.wire.alerts import Shown
from lfrd.wire.base import Problem
from lfrd.wire.lists import EntryCreate, ImportRow, WatchlistCreate
from support.site import http, make_list, serve

HUGE_WEBP = base64.b64decode("UklGRhoAAABXRUJQVlA4TA4AAAAv/r//DwcQEf0PRET/Aw==")
SQL = ("constraint", "NULL", "UNIQUE", "CHECK", "SELECT", "entry.", "watchlist.")


def said(reply: httpx.Response, status: int) -> str:
    assert reply.status_code == status, reply.text
    detail = Problem.model_validate_json(reply.content).detail
    assert not any(word in detail for word in SQL), detail
    return detail


async def test_a_picture_that_claims_to_be_huge_is_a_bad_picture(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, http(served.socket) as client:
        listed = await make_list(served.site)
        (entry,) = await served.site.watchlists.entries(listed)
        for path in (
            "/v1/photos/check",
            "/v1/photos/inspect",
            f"/v1/entries/{entry.row.id}/photos",
        ):
            reply = await client.post(path, content=HUGE_WEBP, params={"name": "bomb.webp"})
            assert "bomb.webp claims to have more pixels" in said(reply, 422)


async def test_no_sql_is_in_a_refusal(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, http(served.socket) as client:
        listed = await make_list(served.site)
        (entry,) = await served.site.watchlists.entries(listed)
        place = f"/v1/entries/{entry.row.id}"
        for name in ("status_checked_at_s", "basis", "source", "reviewer", "margin"):
            assert name in said(await client.patch(place, json={name: None}), 422)
        for name in ("name", "purpose", "owner", "colour", "margin"):
            reply = await client.patch(f"/v1/watchlists/{listed}", json={name: None})
            assert name in said(reply, 422)
        for path in (place, f"/v1/watchlists/{listed}"):
            assert "later end" in said(await client.patch(path, json={"expires_at_s": 5}), 422)
            assert (await client.patch(path, json={"expires_at_s": None})).is_success
        await make_list(served.site, "other")
        said(await client.patch(f"/v1/watchlists/{listed}", json={"name": "other"}), 409)


async def test_a_query_parameter_that_is_none_is_refused(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, http(served.socket) as client:
        reply = await client.get("/v1/alerts", params={"stat": "open"})
        assert said(reply, 422) == (
            "there is no query parameter stat here; it has: before, camera_id, deployment_id, "
            "entry_id, limit, mine, next, since_s, state, until_s, watchlist_id"
        )
        assert "it has: none" in said(await client.get("/v1/health?x=1"), 422)
        assert (await client.get("/v1/alerts", params={"state": "open"})).is_success
        described = (await client.get("/openapi.json")).json()["paths"]
        for path, methods in described.items():
            if "get" in methods and path != "/v1/events":
                reply = await client.get(f"{path.replace('{', '').replace('}', '')}?hunter2=1")
                assert reply.status_code == 422, path


async def test_405_names_every_method_there_is(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, http(served.socket) as client:
        described = (await client.get("/openapi.json")).json()["paths"]
        for path, methods in described.items():
            if "{" in path and path.replace("{", "").count("}") > 1:
                continue
            place = path.replace("{", "").replace("}", "")
            reply = await client.request("TRACE", place)
            said(reply, 405)
            allowed = set(reply.headers["allow"].split(", "))
            assert {method.upper() for method in methods} <= allowed, path


async def test_a_body_that_nobody_called_json_is_told_so(tmp_path: Path) -> None:
    body = json.dumps({"name": "a", "category": "test", "purpose": "p", "owner": "o"})
    async with serve(tmp_path) as served, http(served.socket) as client:
        for head in ({}, {"Content-Type": "text/plain"}):
            reply = await client.post("/v1/watchlists", content=body, headers=head)
            assert "Content-Type: application/json" in said(reply, 415)
        head = {"Content-Type": "application/json; charset=utf-8"}
        assert (await client.post("/v1/watchlists", content=body, headers=head)).is_success


LIST = {"name": "a", "category": "test", "purpose": "p", "owner": "o"}
ENTRY = {"reference": "r", "basis": "b", "source": "s"}
ROW = {"number": 1, "reference": "r", "file": "f"}


@pytest.mark.parametrize("value", ["0.1", True, "nan", float("nan"), float("inf")])
def test_what_is_no_number_is_not_taken_for_one(value: object) -> None:
    for kind, body, name in (
        (WatchlistCreate, LIST, "margin"),
        (WatchlistCreate, LIST, "expires_at_s"),
        (EntryCreate, ENTRY, "expires_at_s"),
        (ImportRow, ROW, "number"),
        (Shown, {"face_px": 1, "reference_px": 1, "seen_s": 1}, "seen_s"),
    ):
        with pytest.raises(ValidationError, match=name):
            kind.model_validate({**body, name: value})
    with pytest.raises(ValidationError, match="box"):
        ImportRow.model_validate({**ROW, "box": [0, 0, value, 5]})


@pytest.mark.parametrize("value", ["true", "yes", 1, 0, 1.0])
def test_what_is_no_truth_is_not_taken_for_one(value: object) -> None:
    with pytest.raises(ValidationError, match="true or false is wanted"):
        EntryCreate.model_validate({**ENTRY, "under_18": value})


def test_numbers_and_truths_are_taken() -> None:
    made = EntryCreate.model_validate({**ENTRY, "under_18": True, "expires_at_s": 5, "margin": 0})
    assert (made.under_18, made.expires_at_s) == (True, 5.0)
    row = ImportRow.model_validate_json(json.dumps({**ROW, "box": [0, 1, 2.5, 3]}))
    assert row.box == (0, 1, 2.5, 3)


async def test_numbers_beyond_any_date_or_row_are_refused(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, http(served.socket) as client:
        listed = await make_list(served.site)
        far = {
            "watchlist_ids": [listed],
            "purpose": "p",
            "use_case": "test",
            "profile": "lab",
            "place": "q",
            "expectation": "e",
            "duration_s": 3600,
            "start_at_s": 253402300799,
        }
        for method, path, body in (
            ("POST", "/v1/deployments/drafts", far),
            ("GET", f"/v1/imports/x/rows?after={2**68}", None),
            ("GET", "/v1/deployments/x/authority-request?until_at_s=1e300", None),
            ("POST", "/v1/deployments/x/extend", {"until_at_s": 1e300}),
            ("POST", "/v1/deployments/x/extend", {"until_at_s": 253_402_300_800}),
            ("POST", "/v1/trainings", {"principal": "a", "what": "b", "valid_until_s": 1e300}),
            ("GET", "/v1/years/1999", None),
            ("GET", f"/v1/incidents?year={10**30}", None),
        ):
            reply = await client.request(method, path, json=body)
            assert "less than" in (told := said(reply, 422)) or "greater than" in told, path


async def test_the_longest_name_can_be_trained_and_listed(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, http(served.socket) as client:
        body = {"principal": "n" * 200, "what": "w" * 200, "valid_until_s": 9e9}
        made = await client.post("/v1/trainings", json=body)
        assert made.json()["principal"] == f"user:{'n' * 200}", made.text
        assert (await client.get("/v1/trainings")).json() == [made.json()]


async def test_the_longest_name_can_have_a_token(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, http(served.socket) as client:
        made = await client.post("/v1/tokens", json={"principal": "n" * 195})
        assert made.json()["token"]["principal"] == f"user:{'n' * 195}", made.text
        longer = await client.post("/v1/tokens", json={"principal": "n" * 196})
        assert "principal: string should have at most 195 characters" in said(longer, 422)


async def test_what_the_description_calls_valid_is_taken_for_it(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, http(served.socket) as client:
        described = (await client.get("/openapi.json")).json()
        schemas = described["components"]["schemas"]
        for name in ("WatchlistChange", "EntryChange"):
            assert schemas[name]["minProperties"] == 1
            kinds = schemas[name]["properties"]
            can_be_null = {field for field, kind in kinds.items() if "anyOf" in kind}
            assert can_be_null == {"expires_at_s"}
        parameters = described["paths"]["/v1/alerts"]["get"]["parameters"]
        (following,) = (item["schema"] for item in parameters if item["name"] == "next")
        listed = await make_list(served.site)
        for number in range(3):
            new = NewEntry(listed, str(number), "ban", "incident")
            await served.site.watchlists.add_entry(new, principal="user:a")
        page = await client.get(f"/v1/watchlists/{listed}/entries", params={"limit": 1})
        given = parse_qs(urlsplit(page.links["next"]["url"]).query)["next"][0]
        assert re.fullmatch(following["pattern"], given)
        hidden = base64.urlsafe_b64encode(b' ["0"]').decode().rstrip("=")  # no `next` of ours
        reply = await client.get(f"/v1/watchlists/{listed}/entries", params={"next": hidden})
        assert "this is no `next`" in said(reply, 422)

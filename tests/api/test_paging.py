"""Lists come in pages that hold each item once, whatever is added or deleted meanwhile."""

import base64
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lfrd.api import paging
from lfrd.client import AlertFilter
from lfrd.errors import BadInput
from lfrd.store.watchlists import NewEntry
from lfrd.vocabulary import HoldKind, IncidentKind
from lfrd.wire.alerts import AlertState, Mine, ReviewDecision, ReviewSubmit, Shown
from lfrd.wire.cameras import CameraCreate
from lfrd.wire.deployments import HoldCreate
from lfrd.wire.evaluations import IndependentTestRecord
from lfrd.wire.incidents import IncidentRecord
from lfrd.wire.people import TokenCreate, TrainingRecord
from support.site import Served, http, make_list, serve
from support.store import raise_some

MATCH = ReviewSubmit(
    shown=Shown(face_px=112, reference_px=112, seen_s=2.0), decision=ReviewDecision.MATCH
)


@given(st.text(max_size=200), st.floats(allow_nan=False, allow_infinity=False))
def test_a_cursor_is_read_back(text: str, at_s: float) -> None:
    assert paging.text_after(paging.cursor(text)) == text
    assert paging.moment_after(paging.cursor(at_s, text)) == (at_s, text)


@given(
    st.text(max_size=50) | st.sampled_from(["bnVsbA", "WzFd", "W251bGxd", "W1tdLFtdXQ", "WzEsMl0"])
)
@example("WyJcdWQ4MDAiXQ")  # half a character
@example(base64.urlsafe_b64encode(b'[1e999,"a"]').decode().rstrip("="))
@example(base64.urlsafe_b64encode(b'[1%s,"a"]' % (b"0" * 400)).decode().rstrip("="))
def test_what_is_no_cursor_is_refused(word: str) -> None:
    for read in (paging.text_after, paging.moment_after):
        with pytest.raises(BadInput, match="no `next`"):
            read(word)


async def test_entries_come_in_pages_by_reference(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        listed = await make_list(served.site)
        for number in range(7):
            await served.site.watchlists.add_entry(
                NewEntry(listed, f"a ref ü&{number}"), principal="user:lists"
            )
        whole = await served.client.entries(listed)
        assert len(whole) == 8
        first = await served.client.entries_page(listed, limit=3)
        assert first.items == whole[:3]
        await served.site.watchlists.add_entry(NewEntry(listed, "a first"), principal="user:lists")
        second = await served.client.entries_page(listed, limit=3, after=first.next)
        third = await served.client.entries_page(listed, limit=3, after=second.next)
        assert (second.items, third.items, third.next) == (whole[3:6], whole[6:], None)
        exactly = await served.client.entries_page(listed, limit=9)
        assert (len(exactly.items), exactly.next) == (9, None)


async def test_deployments_and_leaves_come_in_pages(served: Served) -> None:
    client = served.client
    rows = [await served.site.deployments.page(None, 9)]
    page = await client.deployments_page(limit=1)
    assert [item.id for item in page.items] == [row.id for row in rows[0][:1]]
    leaves = (await client.audit_leaves({"limit": 1_000})).leaves
    reply = await client._send(
        "GET", "/v1/audit/leaves", params={"limit": 2, "class": "collection"}
    )
    assert 'rel="next"' in reply.headers["link"]
    assert "class=collection" in reply.headers["link"]
    following = await client._send("GET", httpx.URL(reply.links["next"]["url"]).raw_path.decode())
    shown = [leaf["index"] for page in (reply, following) for leaf in page.json()["leaves"]]
    assert shown == [leaf.index for leaf in leaves if leaf.event_class == "collection"][:4]


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(tmp_path) as served:
        await raise_some(served.site.database, 5)
        yield served


async def test_alerts_are_filtered(served: Served) -> None:
    client = served.client
    everything = await client.alerts()
    one = everything[2]

    async def ids(**given: object) -> list[str]:
        page = await client.alerts_page(AlertFilter(**given))  # type: ignore[arg-type]  # tried by name
        return [alert.id for alert in page.items]

    whole = [alert.id for alert in everything]
    assert await ids() == whole
    for name in ("camera_id", "watchlist_id", "entry_id", "deployment_id"):
        value = getattr(one, name)
        assert await ids(**{name: value}) == [a.id for a in everything if getattr(a, name) == value]
        assert await ids(**{name: "other"}) == []
    assert await ids(since_s=one.raised_at_s, until_s=one.raised_at_s) == []
    assert await ids(until_s=one.raised_at_s + 3600) == whole
    assert await ids(since_s=one.raised_at_s + 3600) == []
    assert await ids(state=AlertState.OPEN, camera_id=one.camera_id) == whole


@pytest.mark.parametrize("few", [3_000, 0])
async def test_mine_is_what_waits_for_me_and_what_i_decided(
    served: Served, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lfrd.store.episodes.FEW_DECISIONS", few)
    client = served.client
    whole = [alert.id for alert in await client.alerts()]
    await client.submit_review(whole[1], MATCH)
    for mine, wanted in ((Mine.DECIDED, whole[1:2]), (Mine.WAITING, [whole[0], *whole[2:]])):
        found: list[str] = []
        page = await client.alerts_page(AlertFilter(mine=mine), limit=2)
        while page.next:
            found += [alert.id for alert in page.items]
            page = await client.alerts_page(AlertFilter(mine=mine), limit=2, after=page.next)
        assert [*found, *(alert.id for alert in page.items)] == wanted


async def test_a_page_before_an_alert_that_is_not_there_is_not_found(served: Served) -> None:
    reply = await served.client._http.get("/v1/alerts", params={"before": "x"})
    assert reply.status_code == 404
    for word in ("x", "W10", paging.cursor("a", "b")):
        reply = await served.client._http.get("/v1/alerts", params={"next": word})
        assert reply.status_code == 422, word
    for word in ("nan", "inf", "-1"):
        reply = await served.client._http.get("/v1/alerts", params={"since_s": word})
        assert reply.status_code == 422, word


SHORT = {
    "/v1/outbox/endpoints": "those of the configuration: 19 at most",
    "/v1/deployments/{deployment_id}/thresholds": "one for each list of a deployment",
    "/v1/cameras/{camera_id}/flow": "minutes of a day: 1,440 at most",
    "/v1/reviewers": "one for each person who reviewed",
}
"""Lists that come whole, and why they stay short."""


async def test_every_list_comes_in_pages_or_is_short(tmp_path: Path) -> None:
    """And is asked for with nothing that it does not know."""
    async with serve(tmp_path) as served, http(served.socket) as client:
        paths = (await client.get("/openapi.json")).json()["paths"]
        whole = set()
        for path, methods in paths.items():
            if "get" not in methods or not is_list(methods["get"]):
                continue
            known = {item["name"] for item in methods["get"].get("parameters", ())}
            if not {"limit", "next"} <= known:
                whole.add(path)
            asked = re.sub(r"{\w+}", "x", path)
            assert (await client.get(asked, params={"limits": 1})).status_code == 422, path
        assert whole == SHORT.keys()


def is_list(operation: dict[str, Any]) -> bool:
    content = operation["responses"]["200"].get("content", {})
    return content.get("application/json", {}).get("schema", {}).get("type") == "array"


async def test_a_list_of_any_kind_is_whole_page_by_page(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, http(served.socket) as client:
        for number in range(5):
            await fill(served, number)
        for path in (
            "/v1/watchlists", "/v1/cameras", "/v1/tokens", "/v1/incidents", "/v1/trainings",
            "/v1/evaluations/independent", "/v1/holds", "/v1/erasures",
        ):  # fmt: skip
            whole = (await client.get(path)).json()
            assert len(whole) >= 5, path
            found, after = [], {}
            while True:
                reply = await client.get(path, params={"limit": 2, **after})
                assert len(reply.json()) <= 2
                found += reply.json()
                if "next" not in reply.links:
                    break
                after = {"next": httpx.URL(reply.links["next"]["url"]).params["next"]}
            assert found == whole, path
        assert len(await served.client.watchlists()) == 5


async def fill(served: Served, number: int) -> None:
    """One more of everything; two incidents and tests at one moment."""
    client, listed = served.client, await make_list(served.site, f"list-{9 - number}")
    gone = await make_list(served.site, f"gone-{number}")
    address = f"rtsp://127.0.0.1:9/{number}"
    await client.add_camera(CameraCreate(id=f"camera-{9 - number}", address=address))
    await client.create_token(TokenCreate(principal="ada"))
    incident = IncidentRecord(kind=IncidentKind.OTHER, what="x", happened_at_s=number // 2)
    await client.governance.record_incident(incident)
    training = TrainingRecord(principal=f"user:{9 - number}", what="x", valid_until_s=4e9)
    await client.governance.record_training(training)
    test = IndependentTestRecord(tested_by="x", tested_at_s=number // 2, reference=f"r {number}")
    await client.governance.record_independent_test(test)
    hold = HoldCreate(kind=HoldKind.WATCHLIST, subject_id=listed, reason="x")
    await client.governance.ask_hold(hold)
    await client.delete_watchlist(gone)

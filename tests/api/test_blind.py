"""The second reviewer sees the same world whether the first has decided or not."""

import asyncio
import contextlib
import re
from pathlib import Path

import httpx
import pytest

from lfrd.client import Client
from lfrd.clock import ManualClock
from lfrd.errors import Conflict, Denied
from lfrd.governance.reviews import UNDO_WINDOW_S
from lfrd.store.episodes import Episode
from lfrd.vocabulary import Role
from lfrd.wire.alerts import (
    AlertState,
    EngagementReport,
    Outcome,
    ReviewDecision,
    ReviewSubmit,
    Shown,
)
from lfrd.wire.people import TokenCreate
from support.site import Served, people, serve
from support.store import add_rival, raise_one, raise_some

SEEN = Shown(face_px=64, reference_px=64, seen_s=2.0)
MATCH = ReviewSubmit(shown=SEEN, decision=ReviewDecision.MATCH, reason="the scar over the eye")
NO_MATCH = ReviewSubmit(shown=SEEN, decision=ReviewDecision.NOT_A_MATCH, reason="another nose")
ENDLESS = "/v1/events"
TAKES_A_CAMERA = {f"/v1/cameras/{{camera_id}}/{what}" for what in ("preview", "snapshot", "mjpeg")}
IMAGES = ("probe", "reference", "scene")


async def values_of(served: Served, episode: Episode, rival_person: str) -> dict[str, list[str]]:
    """A value, or several, for every parameter in a path."""
    client = served.client
    entry = (await client.entries(episode.watchlist_id))[0]
    return {
        "alert_id": [episode.id],
        "which": list(IMAGES),
        "person_id": [rival_person],
        "deployment_id": [episode.deployment_id],
        "watchlist_id": [episode.watchlist_id],
        "entry_id": [entry.id],
        "photo_id": [photo.id for photo in entry.photos],
    }


async def walk(client: httpx.AsyncClient, values: dict[str, list[str]]) -> dict[str, bytes]:
    """The body of every GET route, by path; a parameter without a value here is asked for `x`.
    And what is refused to a reviewer who has not decided."""
    described = (await client.get("/openapi.json")).json()
    found: dict[str, bytes] = {}
    for template, methods in described["paths"].items():
        if "get" not in methods or template == ENDLESS or template in TAKES_A_CAMERA:
            continue
        paths = [template]
        for name in re.findall(r"{(\w+)}", template):
            choices = values.get(name, ["x"])
            paths = [path.replace(f"{{{name}}}", value) for path in paths for value in choices]
        for path in paths:
            reply = await client.get(path)
            found[path] = str(reply.status_code).encode() + b" " + reply.content
    for state in ("open", "closed"):
        found[f"state={state}"] = (await client.get(f"/v1/alerts?state={state}")).content
    watchlist_id = values["watchlist_id"][0]
    derived = await client.get(f"/v1/thresholds?watchlist_id={watchlist_id}&one_in=1000")
    found["derived"] = derived.content
    return found | await refusals(client, values["alert_id"][0])


async def refusals(client: httpx.AsyncClient, alert_id: str) -> dict[str, bytes]:
    """What the routes that change something say to somebody who has not decided."""
    found = {}
    for method, last, body in (
        ("DELETE", "review", None),
        ("POST", "review/final", None),
        ("POST", "replay", None),
        ("POST", "engagement", {"kind": "arrest"}),
    ):
        reply = await client.request(method, f"/v1/alerts/{alert_id}/{last}", json=body)
        assert reply.status_code in (404, 409), reply.text
        found[f"{method} {last}"] = str(reply.status_code).encode() + b" " + reply.content
    return found


async def events(client: httpx.AsyncClient) -> list[str]:
    """Every kept change, as the stream replays it."""
    lines: list[str] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.5), client.stream("GET", f"{ENDLESS}?after=0") as reply:
            async for line in reply.aiter_lines():
                lines.append(line)  # noqa: PERF401 - what came before the timeout is wanted
    kept = [line for line in lines if line.startswith("data:") and '"subject_id"' in line]
    assert kept, "the stream replays"
    return kept


def bytes_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


HIDDEN = (b"anna", b"the scar", b"0.61", b"0.45", b"unresolved")


def shows(name: str, body: bytes) -> list[bytes]:
    """Of what is hidden, what is in a body. An admin sees the tokens, and their holders; a record
    has a count of what is unresolved."""
    body = body.replace(b'"unresolved":0', b"")
    words = HIDDEN[1:] if name == "/v1/tokens" else HIDDEN
    return [word for word in words if word in body]


@pytest.mark.parametrize("role", list(Role))
async def test_every_route_and_event_is_the_same_with_and_without_a_first_decision(
    tmp_path: Path, role: Role
) -> None:
    clock = ManualClock()
    async with serve(tmp_path, clock) as served:
        served.site.reviews.required = 2
        episode = await raise_one(served.site.database)
        rival = await add_rival(served.site.database, episode)
        values = await values_of(served, episode, rival.person_id)
        path = f"/v1/alerts/{episode.id}/review"
        deployment = f"/v1/deployments/{episode.deployment_id}"
        async with people(served, {"anna": Role.OPERATOR, "ben": role}) as (anna, ben):
            before, events_before = await walk(ben, values), await events(ben)
            assert len(before) > 25
            assert not [name for name, body in before.items() if shows(name, body)]
            for name in (deployment, "derived"):
                assert b'"threshold":null' in before[name]
            submitted = await anna.post(path, json=MATCH.model_dump())
            assert submitted.status_code == 200, submitted.text
            assert await walk(ben, values) == before
            assert await events(ben) == events_before
            assert (await anna.post(f"{path}/final")).json()["revealed"]["score"] == 0.61
            assert (await anna.get(deployment)).json()["threshold"] == 0.45
            assert await walk(ben, values) == before
            assert await events(ben) == events_before
            # ... nor while their own decision may still be undone.
            await ben.post(path, json=NO_MATCH.model_dump())
            for name in (f"/v1/alerts/{episode.id}", "/v1/alerts", deployment, "/v1/deployments"):
                assert not shows(name, (await ben.get(name)).content), name
            clock.advance(UNDO_WINDOW_S)
            await served.site.reviews.sweep()
            shown = (await ben.get(f"/v1/alerts/{episode.id}")).json()
            assert shown["revealed"]["outcome"] == "unresolved"
            assert {review["principal"] for review in shown["revealed"]["reviews"]} == {
                "user:anna",
                "user:ben",
            }
            assert (await ben.get(deployment)).json()["threshold"] == 0.45


async def test_a_new_candidate_hides_the_threshold_again(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        first, second = await raise_some(served.site.database, 2)
        client = served.client

        async def threshold() -> float | None:
            return (await client.deployment(first.deployment_id)).threshold

        for episode in (first, second):
            assert await threshold() is None
            await client.submit_review(episode.id, MATCH)
            await client.finish_review(episode.id)
        assert await threshold() == 0.45
        assert (await client.deployments())[0].threshold == 0.45


async def test_a_supervisor_sees_that_one_is_needed_and_decides(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        served.site.reviews.required = 2
        alert_id = (await raise_one(served.site.database)).id
        admin = Client.over_socket(served.socket)
        async with admin:
            secrets = {
                name: (await admin.create_token(TokenCreate(principal=name, role=role))).secret
                for name, role in (
                    ("anna", Role.OPERATOR),
                    ("ben", Role.OPERATOR),
                    ("clara", Role.SUPERVISOR),
                    ("dora", Role.OPERATOR),
                )
            }
            for name, what in (("anna", MATCH), ("ben", NO_MATCH)):
                async with Client.over_socket(served.socket, secrets[name]) as client:
                    await client.submit_review(alert_id, what)
                    await client.finish_review(alert_id)
            async with Client.over_socket(served.socket, secrets["dora"]) as dora:
                assert not (await dora.alert(alert_id)).escalated
            async with Client.over_socket(served.socket, secrets["clara"]) as clara:
                waiting = await clara.alert(alert_id)
                assert (waiting.state, waiting.escalated) == (AlertState.OPEN, True)
                assert waiting.revealed is None, "a supervisor decides blindly too"
                await clara.submit_review(alert_id, NO_MATCH)
                closed = await clara.finish_review(alert_id)
                assert closed.state is AlertState.CLOSED
                assert closed.revealed is not None
                assert closed.revealed.outcome is Outcome.NOT_A_MATCH
                assert [review.supervising for review in closed.revealed.reviews] == [
                    False,
                    False,
                    True,
                ]
                report = EngagementReport(kind="stopped", engagement_min=6, complaint=True)  # type: ignore[arg-type]
                assert (await clara.report_engagement(alert_id, report)).engagement == report
                with pytest.raises(Conflict, match="already"):
                    await clara.report_engagement(alert_id, report)
            async with Client.over_socket(served.socket, secrets["dora"]) as dora:
                outside = await dora.alert(alert_id)
                assert (outside.revealed, outside.engagement) == (None, None)


async def test_tokens_are_for_admins_shown_once_and_gone_when_revoked(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, Client.over_socket(served.socket) as admin:
        made = await admin.create_token(TokenCreate(principal="anna"))
        assert made.token.principal == "user:anna"
        assert made.secret.encode() not in bytes_below(tmp_path)
        assert made.secret not in str(await admin.tokens())
        async with Client.over_socket(served.socket, made.secret) as anna:
            await anna.health()
            for call in (anna.tokens(), anna.create_token(TokenCreate(principal="x"))):
                with pytest.raises(Denied, match="admin"):
                    await call
            revoked = await admin.revoke_token(made.token.id)
            assert revoked.revoked_by is not None
            with pytest.raises(Denied):
                await anna.health()


async def test_tokens_outlive_a_restart(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, Client.over_socket(served.socket) as admin:
        secret = (await admin.create_token(TokenCreate(principal="anna"))).secret
    async with serve(tmp_path) as served, Client.over_socket(served.socket, secret) as anna:
        assert (await anna.health()).node == "test-site"

"""What scripts rely on when they write: Location, ETag and If-Match, Idempotency-Key, HEAD, ids of
requests, and tokens that expire."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from lfrd.errors import BadInput
from lfrd.events import EventKind
from lfrd.vocabulary import Role
from lfrd.wire.people import TokenCreate
from support.site import Served, SettableClock, http, make_list, serve
from support.store import raise_one

NEW = {"name": "bans", "category": "excluded", "purpose": "ban", "owner": "security"}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(tmp_path) as served:
        yield served


@pytest.fixture
async def client(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with http(served.socket) as client:
        yield client


async def test_what_was_made_is_where_the_answer_says(client: httpx.AsyncClient) -> None:
    made = await client.post("/v1/watchlists", json=NEW)
    place = made.headers["location"]
    assert (await client.get(place)).json() == made.json()
    entry = await client.post(
        f"{place}/entries", json={"reference": "r", "basis": "b", "source": "s"}
    )
    assert (await client.get(entry.headers["location"])).json() == entry.json()


async def test_an_edit_of_what_was_changed_meanwhile_is_refused(client: httpx.AsyncClient) -> None:
    place = (await client.post("/v1/watchlists", json=NEW)).headers["location"]
    tag = (await client.get(place)).headers["etag"]
    await client.post(f"{place}/entries", json={"reference": "r", "basis": "b", "source": "s"})
    assert (await client.get(place)).headers["etag"] == tag, "an entry is no edit of the list"
    edits = [
        client.patch(place, json={"purpose": f"ban {n}"}, headers={"If-Match": tag})
        for n in range(5)
    ]
    answers = await asyncio.gather(*edits)
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412]
    (done,) = [answer for answer in answers if answer.status_code == 200]
    assert (await client.get(place)).json() == done.json()
    refused = next(answer for answer in answers if answer.status_code == 412)
    assert refused.json()["code"] == "changed"
    for stale in (tag, "W/" + done.headers["etag"]):
        gone = await client.delete(place, headers={"If-Match": stale})
        assert gone.status_code == 412
    assert (await client.delete(place, headers={"If-Match": done.headers["etag"]})).is_success


@pytest.mark.parametrize("given", ["*", 'a, "b" , *'])
async def test_a_star_matches_whatever_there_is(client: httpx.AsyncClient, given: str) -> None:
    place = (await client.post("/v1/watchlists", json=NEW)).headers["location"]
    changed = await client.patch(place, json={"purpose": "x"}, headers={"If-Match": given})
    assert changed.status_code == 200


async def test_a_write_that_is_sent_again_is_done_once(
    served: Served, client: httpx.AsyncClient
) -> None:
    key = {"Idempotency-Key": "key-1"}
    first = await client.post("/v1/watchlists", json=NEW, headers=key)
    again = await client.post("/v1/watchlists", json=NEW, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert "idempotency-replayed" not in first.headers
    assert len((await client.get("/v1/watchlists")).json()) == 1
    other = await client.post("/v1/watchlists", json={**NEW, "name": "x"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "bad-input")
    for bad in ("", "a b", "x" * 256):
        refused = await client.post("/v1/watchlists", json=NEW, headers={"Idempotency-Key": bad})
        assert refused.status_code == 422, bad


async def test_a_refused_write_may_be_mended_under_the_same_key(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "key-2"}
    assert (await client.post("/v1/watchlists", json={}, headers=key)).status_code == 422
    assert (await client.post("/v1/watchlists", json=NEW, headers=key)).status_code == 201


async def test_of_those_sent_while_the_first_one_runs_none_is_done(
    served: Served, client: httpx.AsyncClient
) -> None:
    key = {"Idempotency-Key": "key-3"}
    may_write = threading.Event()

    async def ask(new: dict[str, str] = NEW) -> httpx.Response:
        return await client.post("/v1/watchlists", json=new, headers=key)

    async with asyncio.TaskGroup() as group:
        hold = served.site.database.write(lambda _: may_write.wait(5), principal="user:a")
        group.create_task(hold)
        first, second = group.create_task(ask()), group.create_task(ask())
        await asyncio.wait((first, second), return_when=asyncio.FIRST_COMPLETED)
        other = await ask({**NEW, "name": "other"})
        may_write.set()
    done, refused = sorted((first.result(), second.result()), key=lambda reply: reply.status_code)
    assert (refused.status_code, refused.json()["code"]) == (409, "under-way")
    assert refused.headers["retry-after"] == "1"
    assert (other.status_code, other.json()["code"]) == (422, "bad-input"), "not what it is for"
    assert (await ask()).json() == done.json()
    assert len((await client.get("/v1/watchlists")).json()) == 1


async def test_a_kept_answer_is_given_only_to_who_still_may(served: Served) -> None:
    made = await served.client.create_token(TokenCreate(principal="anna", role=Role.SUPERVISOR))
    head = {"Authorization": f"Bearer {made.secret}"}
    trained = {"principal": "user:ben", "what": "course", "valid_until_s": 1.9e9}
    async with http(served.socket) as client:

        async def ask() -> tuple[httpx.Response, httpx.Response]:
            return (
                await client.post(
                    "/v1/trainings", json=trained, headers={**head, "Idempotency-Key": "key-7"}
                ),
                await client.post(
                    "/v1/watchlists", json=NEW, headers={**head, "Idempotency-Key": "key-8"}
                ),
            )

        async def ask_as(role: Role) -> list[tuple[int, object]]:
            await served.client.create_token(TokenCreate(principal="anna", role=role))
            return [(reply.status_code, reply.json()) for reply in await ask()]

        first = await ask_as(Role.SUPERVISOR)
        assert [status for status, _ in first] == [201, 201]
        assert await ask_as(Role.ADMIN) == first, "a higher role may too"
        refused = await ask_as(Role.OPERATOR)
        assert [status for status, _ in refused] == [403, 409], "what it still may is not repeated"
        assert await ask_as(Role.SUPERVISOR) == first
        await served.client.revoke_token(made.token.id)
        assert [reply.status_code for reply in await ask()] == [401, 401]


async def test_an_answer_is_not_kept_once_somebody_was_erased(
    served: Served, client: httpx.AsyncClient
) -> None:
    place = (await client.post("/v1/watchlists", json=NEW)).headers["location"]
    new = {"reference": "r", "basis": "b", "source": "s"}
    key = {"Idempotency-Key": "key-9"}
    entry = await client.post(f"{place}/entries", json=new, headers=key)
    again = await client.post(f"{place}/entries", json=new, headers=key)
    assert again.json() == entry.json()
    assert (await client.delete(entry.headers["location"])).is_success
    again = await client.post(f"{place}/entries", json=new, headers=key)
    assert (again.status_code, again.json()["code"]) == (409, "done-before")


async def test_after_a_restart_it_is_still_done_once(tmp_path: Path) -> None:
    key = {"Idempotency-Key": "key-4", "X-Request-Id": "the-same-word"}
    async with serve(tmp_path) as served, http(served.socket) as client:
        assert (await client.post("/v1/watchlists", json=NEW, headers=key)).status_code == 201
    async with serve(tmp_path) as served, http(served.socket) as client:
        again = await client.post("/v1/watchlists", json=NEW, headers=key)
        assert (again.status_code, again.json()["code"]) == (409, "done-before")
        assert len((await client.get("/v1/watchlists")).json()) == 1


async def test_a_secret_is_not_answered_twice(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "key-5"}
    new = {"principal": "anna"}
    assert "secret" in (await client.post("/v1/tokens", json=new, headers=key)).json()
    again = await client.post("/v1/tokens", json=new, headers=key)
    assert (again.status_code, again.json()["code"]) == (409, "done-before")


async def test_head_is_get_without_a_body(client: httpx.AsyncClient) -> None:
    whole = await client.get("/v1/watchlists")
    head = await client.head("/v1/watchlists")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]
    assert (await client.head("/v1/watchlists/none")).status_code == 404
    assert (await client.head("/v1/events")).status_code == 405


async def test_an_event_names_the_request_that_it_is_the_work_of(
    served: Served, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lfrd.api.access")
    await make_list(served.site)
    await raise_one(served.site.database)
    mine = {"X-Request-Id": "nightly-import-7"}
    made = await client.post("/v1/watchlists", json=NEW, headers=mine)
    assert made.headers["x-request-id"] == "nightly-import-7"
    said = [record.message for record in caplog.records if record.name == "lfrd.api.access"]
    assert any(line.endswith(" ms nightly-import-7") for line in said)
    kept, _ = await served.client.kept_events()
    by_request = [event for event in kept.events if event.request_id == "nightly-import-7"]
    assert [event.subject_id for event in by_request] == [made.json()["id"]]
    assert all(event.request_id is None for event in kept.events if event.kind[:5] == "alert")
    for bad in ("x", "a b c d e f g", "x" * 65, "évènement-1"):
        answer = await client.get("/v1/me", headers=[(b"X-Request-Id", bad.encode())])
        assert answer.headers["x-request-id"] != bad


async def test_who_closed_an_alert_is_not_in_its_event(
    served: Served, client: httpx.AsyncClient
) -> None:
    episode = await raise_one(served.site.database)
    shown = {"face_px": 112, "reference_px": 112, "seen_s": 2.0}
    decided = {"decision": "match", "shown": shown}
    await client.post(f"/v1/alerts/{episode.id}/review", json=decided)
    await client.post(f"/v1/alerts/{episode.id}/review/final")
    page = await served.site.bus.kept(0, 100, [EventKind.EPISODE_CLOSED])
    assert page.events[0].request_id is not None, "it is known, and not told"
    kept, _ = await served.client.kept_events()
    assert {event.request_id for event in kept.events if event.kind[:5] == "alert"} == {None}


async def test_a_token_expires_and_says_when_it_was_used(tmp_path: Path) -> None:
    clock = SettableClock(1_800_000_000.0)
    async with serve(tmp_path, clock) as served:
        with pytest.raises(BadInput, match="this moment is over"):
            await served.client.create_token(
                TokenCreate(principal="ben", expires_at_s=clock.wall_s() - 1)
            )
        made = await served.client.create_token(
            TokenCreate(principal="anna", expires_at_s=clock.wall_s() + 60)
        )
        (token,) = await served.client.tokens()
        assert token.last_used_at_s is None
        head = {"Authorization": f"Bearer {made.secret}"}
        async with http(served.socket) as client:
            assert (await client.get("/v1/me", headers=head)).json()["principal"] == "user:anna"
            (token,) = await served.client.tokens()
            assert token.last_used_at_s == pytest.approx(clock.wall_s())
            clock.advance(61)
            assert (await client.get("/v1/me", headers=head)).status_code == 401

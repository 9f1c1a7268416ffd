"""The client: a refusal is the daemon's own error again, and no daemon is said in one sentence."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import httpx
import pytest

from lfrd import errors
from lfrd.api import sockets
from lfrd.api.problems import problem, status_of
from lfrd.api.protocol import PeerProtocol
from lfrd.client import (
    BACKOFF_S,
    LIMITS,
    Away,
    Back,
    Client,
    Reset,
    SyncClient,
    Unreachable,
    backoff_s,
)
from lfrd.vocabulary import Category
from lfrd.wire import sse
from lfrd.wire.audit import AuditExportStart
from lfrd.wire.events import EventKind, EventMessage
from lfrd.wire.health import HealthChange, HealthStatus
from lfrd.wire.lists import WatchlistCreate
from support.site import serve


def every_error() -> Iterator[type[errors.LfrdError]]:
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, errors.LfrdError):
            yield value


def client_of(answer: httpx.Response) -> Client:
    """A client whose daemon always says the same."""
    transport = httpx.MockTransport(lambda _: answer)
    return Client(transport, "http://localhost", "the test daemon", None)


@pytest.mark.parametrize("kind", [*every_error()], ids=lambda kind: kind.__name__)
async def test_every_error_arrives_as_itself(kind: type[errors.LfrdError]) -> None:
    document = problem(status_of(kind("why")), "why", kind.code)
    answer = httpx.Response(document.status, content=document.model_dump_json())
    async with client_of(answer) as client:
        with pytest.raises(errors.LfrdError, match=r"^why$") as raised:
            await client.health()
    assert type(raised.value) is kind


def test_no_two_errors_share_a_code() -> None:
    codes = [kind.code for kind in every_error()]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize(
    ("status", "kind"), [(418, errors.UserError), (507, errors.Failure), (413, errors.UserError)]
)
async def test_a_refusal_without_an_error_of_ours(
    status: int, kind: type[errors.LfrdError]
) -> None:
    document = problem(status, "no")
    async with client_of(httpx.Response(status, content=document.model_dump_json())) as client:
        with pytest.raises(kind, match=r"^no$"):
            await client.health()


async def test_an_answer_that_is_no_problem_document_is_a_failure() -> None:
    async with client_of(httpx.Response(502, text="<h1>Bad Gateway</h1>")) as client:
        with pytest.raises(errors.Failure, match="HTTP 502"):
            await client.health()


@pytest.mark.parametrize("body", [b"", b"[]", b'{"status":"ok"}', b"\xff"])
async def test_an_answer_of_another_version_is_said(body: bytes) -> None:
    async with client_of(httpx.Response(200, content=body)) as client:
        with pytest.raises(Unreachable, match="not as this version of lfrd"):
            await client.health()


async def test_no_daemon_is_one_sentence_that_names_the_place(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    async with Client.over_socket(path) as client:
        with pytest.raises(Unreachable, match=f"no daemon answers on {path}"):
            await client.health()


LIST = WatchlistCreate(name="a list", category=Category.TEST, purpose="a test", owner="me")


async def test_a_connection_that_is_closed_as_a_request_sets_out_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit on idle connections strikes just as each further request arrives on one."""
    closed = 0

    def just_then(self: PeerProtocol, data: bytes) -> None:
        nonlocal closed
        if self.cycle is not None and self.idle:
            closed += 1
            self.timeout_keep_alive_handler()
        else:
            heard(self, data)

    heard = PeerProtocol.data_received
    monkeypatch.setattr(PeerProtocol, "data_received", just_then)
    async with serve(tmp_path) as served:
        client = served.client
        await client.health()
        await client.health()
        made = await client.create_watchlist(LIST)
        await client.confirm_watchlist(made.id)
        async with aclosing(client.events()) as stream:
            assert await anext(stream) == Back()
        assert closed >= 3
        assert [listed.id for listed in await client.watchlists()] == [made.id]


async def test_a_write_whose_answer_is_lost_is_done_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = asyncio.Event()

    async def lose(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        reply = await sent(self, request)
        if request.method == "POST" and not lost.is_set():
            lost.set()
            raise httpx.ReadError("reset by peer", request=request)
        return reply

    sent = httpx.AsyncHTTPTransport.handle_async_request
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", lose)
    async with serve(tmp_path) as served:
        made = await served.client.create_watchlist(LIST)
        assert lost.is_set()
        assert [listed.id for listed in await served.client.watchlists()] == [made.id]


async def test_a_write_that_is_cut_off_waits_for_the_answer_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection breaks while the daemon works on it: sent again it is told to wait."""
    refused = asyncio.Event()
    works = threading.Event()

    async def cut_off(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and not works.is_set() and not refused.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await sent(self, request)
            refused.set()
            raise httpx.ReadError("reset by peer", request=request)
        reply = await sent(self, request)
        if reply.status_code == 409:
            assert reply.headers["retry-after"] == "1"
            works.set()
        return reply

    sent = httpx.AsyncHTTPTransport.handle_async_request
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", cut_off)
    monkeypatch.setattr("lfrd.client.AGAIN_S", 0.02)
    async with serve(tmp_path) as served, asyncio.TaskGroup() as group:
        group.create_task(served.site.database.write(lambda _: works.wait(5), principal="user:a"))
        made = await served.client.create_watchlist(LIST)
        assert works.is_set(), "it was told that the first one is under way"
        assert [listed.id for listed in await served.client.watchlists()] == [made.id]


async def test_who_waits_for_a_write_gives_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lfrd.client.AGAIN_S", 0.01)
    monkeypatch.setattr("lfrd.client.WAITED_S", 0.1)
    document = problem(409, "wait", errors.UnderWay.code)
    answer = httpx.Response(409, content=document.model_dump_json(), headers={"retry-after": "1"})
    async with client_of(answer) as client:
        with pytest.raises(errors.UnderWay, match=r"^wait$"):
            await client.create_watchlist(LIST)


async def test_a_connection_that_breaks_again_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal tries
        tries += 1
        raise httpx.RemoteProtocolError("Server disconnected", request=request)

    client = Client(httpx.MockTransport(answer), "http://localhost", "the test daemon", None)
    async with client:
        with pytest.raises(Unreachable, match="Server disconnected"):
            await client.health()
    assert tries == 2


async def test_connections_are_given_up_before_the_daemon_closes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LIMITS.keepalive_expiry is not None
    assert LIMITS.keepalive_expiry < sockets.KEEP_ALIVE_S / 2
    monkeypatch.setattr(sockets, "KEEP_ALIVE_S", 0.05)
    async with serve(tmp_path) as served:
        for wait_s in (0.0, 0.04, 0.05, 0.06, 0.1):  # around the limit, many at once
            await asyncio.gather(*(served.client.health() for _ in range(8)))
            await asyncio.sleep(wait_s)
        async with asyncio.timeout(5):
            while served.server.connections:
                await asyncio.sleep(0.01)


def test_the_waits_grow_and_are_bounded() -> None:
    shortest, longest = BACKOFF_S
    for failures in range(200):
        bound = min(shortest * 2**failures, longest)
        assert bound / 2 <= backoff_s(failures) <= bound
    assert backoff_s(199) > longest / 4


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams are opened again at once."""
    monkeypatch.setattr("lfrd.client.BACKOFF_S", (0.0, 0.0))


async def test_a_stream_without_a_daemon_keeps_trying(tmp_path: Path, hasty: None) -> None:
    client = Client.over_socket(tmp_path / "api.sock")
    async with client, aclosing(client.events()) as stream:
        for _ in range(3):
            item = await anext(stream)
            assert isinstance(item, Away)
            assert "no daemon answers" in item.reason


async def test_a_refused_stream_is_an_error_and_not_a_wait() -> None:
    document = problem(403, "you may not")
    client = client_of(httpx.Response(403, content=document.model_dump_json()))
    async with client, aclosing(client.events()) as stream:
        with pytest.raises(errors.Denied, match="you may not"):
            await anext(stream)


EVENT = EventMessage(id=7, kind=EventKind.ALERT_RAISED, subject_id="a", at_s=1.5)
HEALTH = HealthChange(status=HealthStatus.OK, reasons=())


async def test_a_stream_is_resumed_from_the_last_event_seen(hasty: None) -> None:
    asked: list[str | None] = []
    texts = [
        sse.position(6) + sse.encode(sse.CHANGE, EVENT.model_dump_json(), 7),
        sse.HEARTBEAT + sse.encode(sse.HEALTH, HEALTH.model_dump_json()),
        sse.encode(sse.RESET, "{}", 90),
        sse.encode(sse.RATES, "[]"),
    ]

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("last-event-id"))
        return httpx.Response(200, content=texts[len(asked) - 1])

    client = Client(httpx.MockTransport(answer), "http://localhost", "the test daemon", None)
    async with client, aclosing(client.events()) as stream:
        got = [await anext(stream) for _ in range(12)]
    away = Away("the daemon ended the event stream")
    assert got == [
        *(Back(), EVENT, away),
        *(Back(), HEALTH, away),
        *(Back(), Reset(), away),
        *(Back(), (), away),
    ]
    assert asked == [None, "7", "7", "90"]


async def test_a_stream_that_makes_no_sense_is_away(hasty: None) -> None:
    nonsense = sse.encode(sse.CHANGE, '{"id":"x"}', 7)
    client = client_of(httpx.Response(200, content=nonsense))
    async with client, aclosing(client.events()) as stream:
        assert isinstance(await anext(stream), Back)
        away = await anext(stream)
        assert isinstance(away, Away)
        assert "another version" in away.reason


def test_a_script_without_asyncio_asks_the_same() -> None:
    text = sse.position(6) + sse.encode(sse.CHANGE, EVENT.model_dump_json(), 7)
    answers = {
        "/v1/me": httpx.Response(200, json={"principal": "user:anna", "role": "admin"}),
        "/v1/holds": httpx.Response(200, json=[]),
        "/v1/events": httpx.Response(200, content=text),
        "/v1/audit/export": httpx.Response(200, content=b"the log"),
    }
    transport = httpx.MockTransport(lambda request: answers[request.url.path])
    client = Client(transport, "http://localhost", "the test daemon", None)
    with SyncClient(client) as asked:
        assert asked.me().principal == "user:anna"
        assert asked.governance.holds() == ()
        assert asked.place == "the test daemon"
        stream = asked.events()
        assert [next(stream), next(stream)] == [Back(), EVENT]
        stream.close()
        assert b"".join(asked.audit_export(AuditExportStart(reason="x"))) == b"the log"
        with pytest.raises(AttributeError):
            asked.nothing()

"""The server itself: who gets in, what is refused and how, and how fast it goes away."""

import asyncio
import logging
import os
import pwd
import socket
import stat
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from lfrd.api import protocol
from lfrd.api.door import Limits
from lfrd.api.server import ApiServer
from lfrd.client import Client
from lfrd.errors import Denied, StateError
from lfrd.lists.commit_batcher import PHOTOS_AT_ONCE
from lfrd.store import episodes
from lfrd.vocabulary import Category
from lfrd.wire.base import Problem
from lfrd.wire.lists import WatchlistCreate
from support.site import http, serve

ME = f"user:{pwd.getpwuid(os.getuid()).pw_name}"
LIST = WatchlistCreate(name="a list", category=Category.TEST, purpose="a test", owner="me")


async def talk(path: Path, sent: bytes, *, finish: bool = False) -> bytes:
    """Send raw bytes on one connection; return everything until the server closes it."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(sent)
    if finish:
        writer.write_eof()
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


def problem_in(answer: bytes) -> Problem:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower()
    return Problem.model_validate_json(body)


async def test_the_socket_is_for_owner_and_group_and_goes_with_the_server(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        assert served.server.ready
        mode = served.socket.stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o660
        assert (await served.client.health()).node == "test-site"
    assert not served.server.ready
    assert not served.socket.exists()


async def test_the_kernel_says_who_asks(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        await served.client.create_watchlist(LIST)
        principals = await served.site.database.read(
            lambda reader: reader.column("SELECT principal FROM watchlist")
        )
        assert principals == [ME]


async def test_two_servers_never_share_a_socket(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        with pytest.raises(StateError, match="another daemon answers"):
            async with ApiServer(served.site):
                pass
        assert (await served.client.health()).status == "ok"


async def test_a_restart_takes_over_the_socket_of_a_crash(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "api.sock"))
    async with serve(tmp_path) as served:
        assert (await served.client.health()).status == "ok"


async def test_tcp_is_off_unless_configured(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        assert served.server.tcp_port is None


async def test_tcp_needs_a_token_for_every_path(tmp_path: Path) -> None:
    secrets = {"open sesame": "token:script"}
    async with serve(tmp_path, tcp="127.0.0.1:0", secrets=secrets) as served:
        url = f"http://127.0.0.1:{served.server.tcp_port}"
        async with httpx.AsyncClient(base_url=url) as stranger:
            for path in ("/v1/health", "/openapi.json", "/v1/events", "/nothing"):
                answer = await stranger.get(path)
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
                assert Problem.model_validate_json(answer.content).code == "denied"
        async with Client.over_tcp(url, "open sesame") as client:
            made = await client.create_watchlist(LIST)
        async with Client.over_tcp(url, "open") as client:
            with pytest.raises(Denied):
                await client.health()
        written = await served.site.database.read(
            lambda reader: reader.value("SELECT principal FROM watchlist WHERE id = ?", (made.id,))
        )
        assert written == "token:script"


async def test_tcp_without_any_token_opens_to_nobody(tmp_path: Path) -> None:
    async with serve(tmp_path, tcp="127.0.0.1:0") as served:
        url = f"http://127.0.0.1:{served.server.tcp_port}"
        async with Client.over_tcp(url, "guess") as client:
            with pytest.raises(Denied):
                await client.health()


async def test_a_rebound_name_is_refused(tmp_path: Path) -> None:
    secrets = {"open sesame": "token:script"}
    async with serve(tmp_path, tcp="127.0.0.1:0", secrets=secrets) as served:
        url = f"http://127.0.0.1:{served.server.tcp_port}"
        headers = {"Authorization": "Bearer open sesame", "Host": "evil.example"}
        async with httpx.AsyncClient(base_url=url, headers=headers) as page:
            assert (await page.get("/v1/health")).status_code == 403


async def test_every_refusal_is_a_problem_document(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, http(served.socket) as client:
        cases = [
            ("GET", "/v1/nothing", None, 404, "not-found", "GET /v1/nothing"),
            ("GET", "/v1/health/", None, 404, "not-found", "GET /v1/health/"),
            ("PUT", "/v1/health", None, 405, "method-not-allowed", "PUT"),
            ("GET", "/v1/watchlists/none", None, 404, "not-found", "none"),
            ("POST", "/v1/watchlists", b"{", 422, "bad-input", "body: this is not JSON"),
            ("POST", "/v1/watchlists", b"", 422, "bad-input", "body: this field is required"),
            ("POST", "/v1/watchlists", b'{"nam":"x"}', 422, "bad-input", "nam: no such field"),
            ("GET", "/v1/alerts?limit=0", None, 422, "bad-input", "limit"),
            ("GET", "/v1/alerts?state=odd", None, 422, "bad-input", "state"),
            ("GET", "/v1/events?after=-1", None, 422, "bad-input", "after"),
        ]
        for method, path, body, status, code, said in cases:
            answer = await client.request(
                method, path, content=body, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == status, (method, path, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            problem = Problem.model_validate_json(answer.content)
            assert (problem.status, problem.code) == (status, code), path
            assert said in problem.detail, problem.detail
        assert (await client.put("/v1/health")).headers["allow"] == "GET"


async def test_a_refusal_does_not_repeat_what_was_sent(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, http(served.socket) as client:
        body = {"id": "North Door", "address": ["rtsp://u:hunter2@cam/1"], "hunter2": 1}
        answer = await client.post("/v1/cameras", json=body)
        assert answer.status_code == 422
        detail = Problem.model_validate_json(answer.content).detail
        assert "id:" in detail
        assert "address:" in detail
        assert "rtsp" not in answer.text
        assert "North Door" not in answer.text


async def test_a_fault_is_logged_in_full_and_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(tmp_path) as served, http(served.socket) as client:

        def broken() -> None:
            raise RuntimeError("the secret inside")

        monkeypatch.setattr(served.site.fleet, "cameras", broken)
        answer = await client.get("/v1/cameras")
        assert answer.status_code == 500
        assert Problem.model_validate_json(answer.content).status == 500
        assert "secret" not in answer.text
        assert "the secret inside" in caplog.text
        assert (await client.get("/v1/health")).status_code == 200


async def test_what_is_not_http_gets_a_problem_document(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        assert problem_in(await talk(served.socket, b"\x16\x03\x01 hello\r\n\r\n")).status == 400


async def test_answers_are_not_kept_or_sniffed(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, http(served.socket) as client:
        for path in ("/v1/health", "/v1/nothing"):
            headers = (await client.get(path)).headers
            assert headers["cache-control"] == "no-store"
            assert headers["x-content-type-options"] == "nosniff"
            assert "date" in headers
            assert "server" not in headers


# --- bounds


SMALL = Limits(body_bytes=1000, photo_bytes=5000, discard_bytes=20_000, body_s=0.3, request_s=2.0)
POST = b"POST /v1/watchlists HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
PHOTO = b"POST /v1/entries/e/photos HTTP/1.1\r\nHost: x\r\n"


def chunked(size: int, pieces: int = 4) -> bytes:
    piece = b"x" * (size // pieces)
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for _ in range(pieces)) + b"0\r\n\r\n"


async def test_a_body_over_its_limit_is_refused_while_it_is_read(tmp_path: Path) -> None:
    async with serve(tmp_path, limits=SMALL) as served:
        declared = b"Content-Length: 1001\r\n\r\n" + b"x" * 1001
        streamed = b"Transfer-Encoding: chunked\r\n\r\n"
        for sent in (
            POST + declared,
            POST + streamed + chunked(1200),
            PHOTO + streamed + chunked(5200),
            PHOTO + b"Content-Length: 5001\r\n\r\n" + b"x" * 5001,
        ):
            problem = problem_in(await talk(served.socket, sent))
            assert problem.status == 413
            assert "at most" in problem.detail
        within = await talk(
            served.socket,
            PHOTO + b"Connection: close\r\nContent-Length: 4999\r\n\r\n" + b"x" * 4999,
        )
        assert problem_in(within).status == 404


async def test_an_endless_body_is_cut_off(tmp_path: Path) -> None:
    async with serve(tmp_path, limits=SMALL) as served:
        endless = PHOTO + b"Transfer-Encoding: chunked\r\n\r\n" + b"fffffff\r\n" + b"x" * 10**7
        with pytest.raises(ConnectionError):
            await talk(served.socket, endless)
        assert (await served.client.health()).status == "ok"


async def test_who_asks_first_is_told_before_sending(tmp_path: Path) -> None:
    async with serve(tmp_path, limits=SMALL) as served:
        sent = POST + b"Expect: 100-continue\r\nContent-Length: 900000\r\n\r\n"
        answer = await talk(served.socket, sent)
        assert b"100 Continue" not in answer
        assert problem_in(answer).status == 413


async def test_a_slow_body_is_given_up(tmp_path: Path) -> None:
    async with serve(tmp_path, limits=SMALL) as served:
        answer = await talk(served.socket, POST + b'Content-Length: 100\r\n\r\n{"name":')
        assert problem_in(answer).status == 408


async def test_only_a_few_photos_are_held_at_once(tmp_path: Path) -> None:
    """One upload too many waits until a slow one is given up, and then is read."""
    async with serve(tmp_path, limits=SMALL) as served:
        slow = [
            await asyncio.open_unix_connection(str(served.socket)) for _ in range(PHOTOS_AT_ONCE)
        ]
        for _, writer in slow:
            writer.write(PHOTO + b"Content-Length: 100\r\n\r\nx")
        await asyncio.sleep(0.1)
        whole = PHOTO + b"Connection: close\r\nContent-Length: 3\r\n\r\nxyz"
        begun = time.monotonic()
        assert problem_in(await talk(served.socket, whole)).status == 404
        assert time.monotonic() - begun > 0.1
        for reader, writer in slow:
            assert problem_in(await reader.read()).status == 408
            writer.close()
            await writer.wait_closed()


async def test_a_slow_head_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "REQUEST_HEAD_S", 0.2)
    async with serve(tmp_path) as served:
        assert await talk(served.socket, b"") == b""
        assert await talk(served.socket, b"GET /v1/health HT") == b""
        # ... and the head of a second request on a connection that is kept.
        reader, writer = await asyncio.open_unix_connection(str(served.socket))
        writer.write(b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
        await reader.readuntil(b"}")
        writer.write(b"GET /v1")
        async with asyncio.timeout(2):
            await reader.read()
        writer.close()
        await writer.wait_closed()


async def test_a_request_that_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(tmp_path, limits=Limits(request_s=0.2)) as served:

        async def never(*_: object) -> None:
            await asyncio.Event().wait()

        with monkeypatch.context() as patched:
            patched.setattr(served.site.database, "read", never)
            async with http(served.socket) as client:
                answer = await client.get("/v1/alerts")
        assert answer.status_code == 504
        assert "look whether it was done" in answer.text


async def test_the_access_log_holds_no_query(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lfrd.api.access")
    async with serve(tmp_path) as served, http(served.socket) as client:
        await client.post("/v1/entries/e/photos?name=jane-doe.jpg", content=b"x")
        await client.get("/v1/a%0ab")
    said = [record.message for record in caplog.records if record.name == "lfrd.api.access"]
    assert any(line.startswith(f"{ME} POST /v1/entries/e/photos 404 ") for line in said)
    assert "jane" not in caplog.text
    assert any("/v1/a%0Ab" in line for line in said)


# --- the end


async def test_an_open_stream_does_not_hold_up_the_end(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, asyncio.TaskGroup() as tasks:
        async with asyncio.timeout(5):
            streams = [served.client.events() for _ in range(3)]
            for stream in streams:
                await anext(stream)
        idle = await asyncio.open_unix_connection(str(served.socket))
        begun = time.monotonic()
        closing = tasks.create_task(served.server.__aexit__(None, None, None))
        await closing
        assert time.monotonic() - begun < 0.5
        for stream in streams:
            await stream.aclose()
        idle[1].close()
        await idle[1].wait_closed()


async def test_a_request_under_way_is_answered_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(tmp_path) as served:
        page, loop, begun = episodes.page, asyncio.get_running_loop(), asyncio.Event()

        def slowly(*args: Any, **named: Any) -> list[episodes.Episode]:
            loop.call_soon_threadsafe(begun.set)
            time.sleep(0.3)
            return page(*args, **named)

        monkeypatch.setattr(episodes, "page", slowly)
        async with asyncio.TaskGroup() as tasks:
            asked = tasks.create_task(served.client.alerts())
            await begun.wait()
            await served.server.__aexit__(None, None, None)
        assert asked.result() == ()

"""The server itself: its sockets, what it answers to what is no request, how fast it ends."""

import asyncio
import os
import pwd
import socket
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from lfrd.api import protocol
from lfrd.api.server import ApiServer
from lfrd.errors import StateError
from lfrd.store import episodes
from lfrd.vocabulary import Category
from lfrd.wire.base import Problem
from lfrd.wire.lists import WatchlistCreate
from support.site import http, problem_in, serve, talk

ME = f"user:{pwd.getpwuid(os.getuid()).pw_name}"
LIST = WatchlistCreate(name="a list", category=Category.TEST, purpose="a test", owner="me")


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
        assert (await client.put("/v1/health")).headers["allow"] == "GET, HEAD"


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


async def test_no_request_is_recorded_for_telemetry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")

    async def recorded(*_: object, **__: object) -> None:
        raise AssertionError("FastAPI records this request")

    monkeypatch.setattr("fastapi.telemetry._asgi.NativeTelemetry.__call__", recorded)
    async with serve(tmp_path) as served, http(served.socket) as client:
        assert (await client.get("/v1/health")).status_code == 200
        assert (await client.get("/v1/alerts?limit=x")).status_code == 422


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

"""What every request passes first: tokens, hosts, bounds of size and time, the access log."""

import asyncio
import contextlib
import logging
import os
import pwd
import socket
import time
from pathlib import Path

import httpx
import pytest

from lfrd.api import protocol
from lfrd.api.request_guard import Limits
from lfrd.client import Client
from lfrd.errors import Denied
from lfrd.lists.commit_batcher import PHOTOS_AT_ONCE
from lfrd.vocabulary import Category
from lfrd.wire.base import Problem
from lfrd.wire.lists import WatchlistCreate
from support.site import http, problem_in, serve, talk

ME = f"user:{pwd.getpwuid(os.getuid()).pw_name}"
LIST = WatchlistCreate(name="a list", category=Category.TEST, purpose="a test", owner="me")


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


async def test_answers_are_not_kept_or_sniffed(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, http(served.socket) as client:
        for path in ("/v1/health", "/v1/nothing"):
            headers = (await client.get(path)).headers
            assert headers["cache-control"] == "no-store"
            assert headers["x-content-type-options"] == "nosniff"
            assert "date" in headers
            assert "server" not in headers


SMALL = Limits(body_bytes=1000, photo_bytes=5000, body_s=0.3, request_s=2.0)

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


@pytest.mark.parametrize(("size", "seconds"), [(20_000, 10.0), (10**9, 0.2)])
async def test_an_endless_body_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, seconds: float
) -> None:
    monkeypatch.setattr(protocol, "LINGER_BYTES", size)
    monkeypatch.setattr(protocol, "LINGER_S", seconds)
    async with serve(tmp_path, limits=SMALL) as served:
        answer = await asyncio.to_thread(_send_without_end, served.socket)
        assert problem_in(answer).status == 413
        assert (await served.client.health()).status == "ok"


def _send_without_end(place: Path) -> bytes:
    """Until it is cut off; then what was answered."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(str(place))
        sock.sendall(PHOTO + b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while True:
                sock.sendall(b"x" * 4096)
                time.sleep(0.001)
        return sock.recv(65536)


async def test_an_answer_before_the_end_of_a_large_body_arrives(tmp_path: Path) -> None:
    """Whoever sends all of it first, as most programs do, still gets to read the answer."""
    body = b"x" * 8_000_000
    head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%b"
    head += b"Content-Length: 8000000\r\n\r\n"
    token = b"Authorization: Bearer open sesame\r\n"
    secrets = {"open sesame": "token:script"}
    async with serve(tmp_path, tcp="127.0.0.1:0", secrets=secrets) as served:
        port = served.server.tcp_port
        for path, said, status in (
            (b"/v1/entries/e/photos", b"", 401),
            (b"/v1/entries/e/photos", token + b"X: \x00\r\n", 400),
            (b"/v1/nothing", token, 413),
            (b"/v1/entries/e/photos?box=nonsense", token, 422),
            (b"/v1/whip/door", b"", 413),
        ):
            sent = head % (path, said) + body
            answer = await asyncio.to_thread(_send_all_then_read, port, sent)
            assert answer.startswith(b"HTTP/1.1 %d " % status), (path, answer)
            assert problem_in(answer).status == status
        async with asyncio.timeout(5):
            while served.server.connections > 1:  # that of the client
                await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("TRACE", "/v1/tokens", 405), ("POST", "/v1/photos/inspect?box=0,0,0,0&x=1", 422)],
)
async def test_a_body_that_sets_out_after_its_answer_resets_nothing(
    tmp_path: Path, method: str, path: str, status: int
) -> None:
    """What is refused by its first lines is answered before its body is there, however small."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
    async with serve(tmp_path) as served:
        reader, writer = await asyncio.open_unix_connection(str(served.socket))
        writer.write(head.encode() + b"Connection: close\r\n\r\n")
        answer = await reader.readuntil(b"\r\n\r\n")
        for piece in (b"1\r\nx\r\n", b"0\r\n\r\n"):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02)
        answer += await reader.read()
        assert problem_in(answer).status == status
        writer.close()
        await writer.wait_closed()


def _send_all_then_read(port: int | None, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port or 0), timeout=10) as sock:
        sock.sendall(sent)
        time.sleep(0.05)  # a reset would have come by now, and taken the answer away
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
        return answer


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

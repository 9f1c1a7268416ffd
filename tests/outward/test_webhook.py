"""Signed webhooks over a real wire, to receivers good and bad."""

import asyncio
import base64
import hashlib
import hmac
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Verifier

from lfrd.outward import post as posting
from lfrd.outward.endpoint import DeliveryFailed, Letter, RefusedForGood, Unreachable
from lfrd.outward.post import Post
from lfrd.outward.webhook import Webhook
from lfrd.vocabulary import OutwardKind
from support.certificates import self_signed
from support.receiver import Answer, Got, Receiver, receiver, status

SECRETS = tuple(f"whsec_{base64.b64encode(bytes([n]) * 32).decode()}" for n in (1, 2))
LETTER = Letter("msg_1", OutwardKind.CANDIDATE, 1_700_000_000.25, {"alert_id": "ä-1", "x": None})


@asynccontextmanager
async def hook(
    there: Receiver, *, secrets: tuple[str, ...] = SECRETS[:1], ca_file: Path | None = None
) -> AsyncIterator[Webhook]:
    async with Webhook(Post(there.url, private=True, ca_file=ca_file), secrets) as made:
        yield made


async def test_a_receiver_that_knows_either_secret_can_check_it(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    async with (
        receiver(certificate) as there,
        hook(there, secrets=SECRETS, ca_file=certificate[0]) as made,
    ):
        await made.send(LETTER)
        (got,) = there.got
        for secret in SECRETS:
            body = Verifier(secret).verify(got.body, dict(got.headers))
            assert body["type"] == "candidate.for_review"
            assert body["data"] == {"alert_id": "ä-1", "x": None}
            assert body["timestamp"] == "2023-11-14T22:13:20.250+00:00"
        key = base64.b64decode(SECRETS[0].removeprefix("whsec_"))
        signed = f"msg_1.{got.headers['webhook-timestamp']}.".encode() + got.body
        mac = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        assert f"v1,{mac}" in got.headers["webhook-signature"].split()
        assert abs(int(got.headers["webhook-timestamp"]) - time.time()) < 5
        assert got.headers["host"] == f"127.0.0.1:{there.port}"


async def test_one_connection_serves_many_messages(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    async with receiver(certificate) as there, hook(there, ca_file=certificate[0]) as made:
        for _ in range(5):
            await made.send(LETTER)
        assert (len(there.got), there.connections) == (5, 1)


async def test_a_certificate_that_is_not_trusted_gets_nothing(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = self_signed(tmp_path / "other")
    async with receiver(self_signed(tmp_path)) as there, hook(there, ca_file=other[0]) as made:
        with pytest.raises(Unreachable, match="certificate is not trusted"):
            await made.send(LETTER)
        assert there.got == []


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (status(302, "location: http://169.254.169.254/"), DeliveryFailed, "not followed"),
        (status(410), RefusedForGood, "410"),
        (status(400), DeliveryFailed, "answers 400"),
        (status(500), DeliveryFailed, "answers 500"),
    ],
)
async def test_an_answer_that_is_no_success(answer: Answer, kind: type, words: str) -> None:
    async with receiver() as there, hook(there) as made:
        there.answer = answer
        with pytest.raises(DeliveryFailed, match=words) as caught:
            await made.send(LETTER)
        assert type(caught.value) is kind
        assert len(there.got) == 1


@pytest.mark.parametrize(("given", "taken"), [("7", 7.0), ("99999", 3600.0), ("soon", None)])
async def test_a_receiver_may_ask_for_patience(given: str, taken: float | None) -> None:
    async with receiver() as there, hook(there) as made:
        there.answer = status(429, f"retry-after: {given}")
        with pytest.raises(DeliveryFailed) as caught:
            await made.send(LETTER)
        assert caught.value.retry_after_s == taken


async def hang(_: Got, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3)


async def drip(_: Got, writer: asyncio.StreamWriter) -> None:
    """A status line that never ends."""
    for _ in range(30):
        writer.write(b"HTTP/1.1 200 OK\r\nx: y\r\n"[:1])
        await writer.drain()
        await asyncio.sleep(0.1)


async def hang_up(_: Got, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def babble(_: Got, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\xff not http\r\n\r\n")


@pytest.mark.parametrize("answer", [hang, drip, hang_up, babble])
async def test_a_receiver_that_does_not_answer(
    answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "ANSWER_S", 0.5)
    async with receiver() as there, hook(there) as made:
        there.answer = answer
        begun_s = time.monotonic()
        with pytest.raises(Unreachable) as caught:
            await made.send(LETTER)
        assert time.monotonic() - begun_s < 2
        assert "hunter2" not in str(caught.value)


async def lie_about_length(_: Got, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nshort")


async def flood(_: Got, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(2_000):
        writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        await writer.drain()


@pytest.mark.parametrize("answer", [lie_about_length, flood])
async def test_what_follows_a_good_status_changes_nothing(
    answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "REST_S", 0.3)
    async with receiver() as there, hook(there) as made:
        there.answer = answer
        begun_s = time.monotonic()
        await made.send(LETTER)
        assert time.monotonic() - begun_s < 2


async def test_nobody_there_and_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiver() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        async with hook(Receiver(9, False)) as made:
            with pytest.raises(Unreachable, match="cannot be connected to"):
                await made.send(LETTER)
        assert proxy.got == []


async def test_what_was_checked_is_what_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads to a good host first and to another one whenever it is looked up again."""
    real, asked = socket.getaddrinfo, []

    def look_up(host: str, *given: object, **named: object) -> object:
        if host == "hook.example":
            asked.append(host)
            good = "127.0.0.1" if len(asked) == 1 else "169.254.169.254"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (good, 80))]
        return real(host, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    async with receiver() as there:
        url = f"http://hook.example:{there.port}/"
        async with Webhook(Post(url, private=True), SECRETS[:1]) as made:
            await made.send(LETTER)
            assert len(asked) == 1
            assert there.got[0].headers["host"] == f"hook.example:{there.port}"
            with pytest.raises(Unreachable, match="link-local or metadata"):
                await made.send(LETTER)
        assert len(there.got) == 1

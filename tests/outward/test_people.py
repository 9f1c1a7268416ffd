"""What reaches a telephone or a mailbox: over a real wire, to real servers."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from lfrd.outward import mail as mailing
from lfrd.outward.endpoint import DeliveryFailed, Letter, RefusedForGood, Unreachable
from lfrd.outward.mail import Mail
from lfrd.outward.ntfy import Ntfy
from lfrd.outward.post import Post
from lfrd.outward.reach import tls_for
from lfrd.outward.text import text_of
from lfrd.vocabulary import OutwardKind
from support.certificates import self_signed
from support.receiver import receiver

CANDIDATE = Letter(
    "msg_7", OutwardKind.CANDIDATE, 1_700_000_000.0,
    {"alert_id": "0190-a", "camera_id": "gate", "watchlist_id": "w", "category": "wanted"},
    image=b"\xff\xd8 a face",
)  # fmt: skip


class Mailbox:
    """What a mail server took, and what it answers."""

    def __init__(self) -> None:
        self.got: list[Message] = []
        self.to: list[str] = []
        self.secure: list[bool] = []
        self.recipient_answer: str | None = None
        self.refused = frozenset({"a@example.org", "b@example.org"})
        self.sender_answer: str | None = None
        self.data_answer = "250 OK"

    async def handle_MAIL(  # noqa: N802 - as aiosmtpd calls it
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.sender_answer or "250 OK"

    async def handle_RCPT(  # noqa: N802 - as aiosmtpd calls it
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if self.recipient_answer is not None and address in self.refused:
            return self.recipient_answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - as aiosmtpd calls it
        self, server: SMTP, _: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        self.got.append(message_from_bytes(envelope.content))
        self.to = envelope.rcpt_tos
        self.secure.append(server.transport.get_extra_info("ssl_object") is not None)
        return self.data_answer


def _authenticate(_: SMTP, __: Session, ___: Envelope, ____: str, data: object) -> AuthResult:
    assert isinstance(data, LoginPassword)
    good = (data.login, data.password) == (b"lfrd", b"hunter2")
    return AuthResult(success=good, handled=False)


@asynccontextmanager
async def mail(
    folder: Path, *, at_once: bool = True, password: str = "hunter2", trusted: bool = True
) -> AsyncIterator[tuple[Mailbox, Mail]]:
    certificate = self_signed(folder)
    (folder / "other").mkdir()
    ca_file = certificate[0] if trusted else self_signed(folder / "other")[0]
    box = Mailbox()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    def session() -> SMTP:
        with warnings.catch_warnings():  # it does not know that TLS was there from the beginning
            warnings.simplefilter("ignore")
            return SMTP(
                box, tls_context=None if at_once else context, require_starttls=not at_once,
                authenticator=_authenticate, auth_require_tls=not at_once, auth_required=True,
            )  # fmt: skip

    server = await asyncio.get_running_loop().create_server(
        session, "127.0.0.1", 0, ssl=context if at_once else None
    )
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield box, Mail(
            "127.0.0.1", port, tls_for("127.0.0.1", ca_file), at_once=at_once, private=True,
            sender="lfrd@example.org", to=("a@example.org", "b@example.org"), node="front",
            open_with="lfrd tui", user=("lfrd", password),
        )  # fmt: skip


@pytest.mark.parametrize("at_once", [True, False])
async def test_mail_arrives_over_tls_without_a_face(tmp_path: Path, at_once: bool) -> None:
    async with mail(tmp_path, at_once=at_once) as (box, way):
        await way.send(CANDIDATE)
        (got,) = box.got
        assert box.secure == [True]
        assert box.to == ["a@example.org", "b@example.org"]
        assert got["Subject"] == "Candidate for review (front)"
        assert got["Message-ID"] == "<msg_7@front>"
        text = got.get_payload()
        assert isinstance(text, str)
        assert "Camera: gate" in text
        assert "Open it with: lfrd tui" in text
        assert not got.is_multipart()
        for secret in ("wanted", "face", "score"):
            assert secret not in text


async def test_a_server_that_is_not_who_it_says_gets_nothing(tmp_path: Path) -> None:
    async with mail(tmp_path, trusted=False) as (box, way):
        with pytest.raises(Unreachable, match="certificate is not trusted"):
            await way.send(CANDIDATE)
        assert box.got == []


async def test_a_wrong_password_is_not_repeated(tmp_path: Path) -> None:
    async with mail(tmp_path, password="zq9secret") as (_, way):
        with pytest.raises(Unreachable, match="refuses name or password") as caught:
            await way.send(CANDIDATE)
        assert "zq9secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("step", "answer", "kind"),
    [
        ("recipient_answer", "550 no such user", Unreachable),
        ("recipient_answer", "451 later", DeliveryFailed),
        ("sender_answer", "550 not from you", Unreachable),
        ("sender_answer", "451 later", DeliveryFailed),
        ("data_answer", "554 not such a text", RefusedForGood),
        ("data_answer", "452 later", DeliveryFailed),
    ],
)
async def test_what_the_server_does_not_take(
    tmp_path: Path, step: str, answer: str, kind: type
) -> None:
    """Who sends and who gets mail is the same for each message: then none of them would pass."""
    async with mail(tmp_path) as (box, way):
        setattr(box, step, answer)
        with pytest.raises(DeliveryFailed, match=answer[:3]) as caught:
            await way.send(CANDIDATE)
        assert type(caught.value) is kind
        named = {"recipient_answer": "named in to ", "sender_answer": "named in sender "}
        assert named.get(step, "") in str(caught.value)


async def test_who_gets_no_mail_while_others_do_is_named_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with mail(tmp_path) as (box, way):
        box.recipient_answer, box.refused = "550 no such user", frozenset({"b@example.org"})
        await way.send(CANDIDATE)
        assert (box.to, len(box.got)) == (["a@example.org"], 1)
    assert "the mail server takes nothing for b@example.org (550)" in caplog.text


async def test_tls_at_the_wrong_moment_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailing, "GREET_S", 0.3)
    for at_once, said in ((True, "smtps:// is for TLS from"), (False, "smtp:// is for STARTTLS")):
        (folder := tmp_path / str(at_once)).mkdir()
        async with mail(folder, at_once=at_once) as (_, way):
            way._at_once = not at_once
            with pytest.raises(Unreachable, match=said):
                await way.send(CANDIDATE)


async def test_a_server_without_tls_gets_neither_password_nor_mail(tmp_path: Path) -> None:
    heard = bytearray()

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 plain\r\n")
        while line := await reader.readline():
            heard.extend(line)
            writer.write(b"250 plain\r\n" if b"EHLO" in line else b"502 no\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server:
        way = Mail(
            "127.0.0.1", server.sockets[0].getsockname()[1], tls_for("127.0.0.1", None),
            at_once=False, private=True, sender="a@b.org", to=("c@d.org",), node="front",
            open_with="x", user=("lfrd", "hunter2"),
        )  # fmt: skip
        with pytest.raises(Unreachable, match="offers no STARTTLS"):
            await way.send(CANDIDATE)
    assert b"AUTH" not in heard
    assert b"MAIL" not in heard


async def test_a_server_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailing, "SEND_S", 0.3)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        way = Mail(
            "127.0.0.1", server.sockets[0].getsockname()[1], tls_for("127.0.0.1", None),
            at_once=False, private=True, sender="a@b.org", to=("c@d.org",), node="front",
            open_with="x",
        )  # fmt: skip
        with pytest.raises(Unreachable):
            await way.send(CANDIDATE)


async def test_ntfy_gets_a_title_a_text_and_a_link() -> None:
    async with receiver() as there:
        async with Ntfy(
            Post(f"http://127.0.0.1:{there.port}", private=True), "lfrd-front", node="front",
            open_with="lfrd tui", link="https://console.example/{id}", token="tk_zq9",
        ) as way:  # fmt: skip
            await way.send(CANDIDATE)
        (got,) = there.got
        assert got.headers["authorization"] == "Bearer tk_zq9"
        assert got.json["topic"] == "lfrd-front"
        assert got.json["title"] == "Candidate for review (front)"
        assert got.json["click"] == "https://console.example/0190-a"
        assert got.json["priority"] == 4
        assert "wanted" not in got.body.decode()
        assert "face" not in got.body.decode()


@pytest.mark.parametrize("kind", list(OutwardKind))
def test_every_kind_has_words(kind: OutwardKind) -> None:
    facts = {"camera_id": "gate", "status": "degraded", "reasons": 2, "outcome": "match"}
    text = text_of(Letter("m", kind, 0.0, facts), "lfrd tui")
    assert "1970-01-01 00:00:00 UTC" in text
    assert "match" not in text, "what was decided is for who may ask"

"""Logins that FFmpeg cannot answer are told from wrong ones."""

import asyncio

import pytest

from lfrd.ingest.rtsp import only_sha256
from lfrd.ingest.settings import CameraSettings, State
from support.bad_wire import tcp_server
from support.cameras import make, until_state

SHA256 = 'WWW-Authenticate: Digest realm="IP Camera", nonce="a", algorithm="SHA-256"\r\n'
MD5 = 'WWW-Authenticate: Digest realm="IP Camera", nonce="a"\r\n'
BASIC = 'WWW-Authenticate: Basic realm="IP Camera"\r\n'


@pytest.mark.parametrize(
    ("challenges", "expected"),
    [
        (SHA256, True),
        (SHA256 + MD5, False),
        (SHA256 + BASIC, False),
        (MD5, False),
        (BASIC, False),
        ("", False),
        (SHA256.replace('"SHA-256"', "sha-256-sess"), True),
        (MD5.replace("\r\n", ", algorithm=MD5\r\n"), False),
    ],
)
def test_which_logins_are_asked_for(challenges: str, expected: bool) -> None:
    assert only_sha256(f"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n{challenges}\r\n") is expected


@pytest.mark.parametrize(
    ("challenge", "words"),
    [(SHA256, "SHA-256 digest alone"), (MD5, "refused the user or password")],
)
async def test_a_camera_that_takes_only_sha256_says_so(challenge: str, words: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            cseq = next(line for line in head.splitlines() if line.startswith("CSeq"))
            status = "200 OK" if head.startswith("OPTIONS") else "401 Unauthorized"
            said = "" if head.startswith("OPTIONS") else challenge
            writer.write(f"RTSP/1.0 {status}\r\n{cseq}\r\n{said}\r\n".encode())
            await writer.drain()

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except asyncio.IncompleteReadError:
            return

    async with tcp_server(quietly) as port:
        settings = CameraSettings("gate", f"rtsp://admin:zq-secret@127.0.0.1:{port}/live")
        async with make(settings).camera as camera:
            await until_state(camera, State.REFUSED)
            assert words in camera.status.reason
            assert "zq-secret" not in camera.status.reason

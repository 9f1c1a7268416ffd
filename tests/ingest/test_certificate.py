"""A certificate for other names, as recorders show it, is accepted by its pin and nothing else."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lfrd.errors import BadInput
from lfrd.ingest.certificate import Certificate, read_pin, shown_by
from lfrd.ingest.settings import CameraSettings, State
from support.cameras import make, until_state
from support.certificates import self_signed

ELSEWHERE = "127.0.0.2"
"""The certificate is for 127.0.0.1."""


@asynccontextmanager
async def recorder(folder: Path) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Answers each request with 404; its port, and what it was asked."""
    asked: list[bytes] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*await asyncio.to_thread(self_signed, folder))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n")
            await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, ELSEWHERE, 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], asked
    finally:
        server.close()
        await asyncio.sleep(0.1)


async def reason(settings: CameraSettings, state: State) -> str:
    async with make(settings).camera as camera:
        await until_state(camera, state)
        return camera.status.reason


async def test_a_pin_accepts_one_certificate_and_no_other(tmp_path: Path) -> None:
    async with recorder(tmp_path) as (port, asked):
        address = f"rtsps://u:zq-secret@{ELSEWHERE}:{port}/x"
        untrusted = await reason(CameraSettings("gate", address), State.LOST)
        certificate = await asyncio.to_thread(shown_by, ELSEWHERE, port)
        assert certificate is not None
        assert "is not trusted" in untrusted
        assert f"{certificate.pin} with what the camera itself shows" in untrusted
        assert not asked, "nothing was said to a stranger"

        pinned = CameraSettings("gate", address, pin=certificate.pin)
        assert "is not known to the camera (404)" in await reason(pinned, State.LOST)
        assert asked

        asked.clear()
        other = CameraSettings("gate", address, pin="sha256:" + "0" * 64)
        refused = await reason(other, State.REFUSED)
        assert f"another certificate than the pinned one: {certificate.pin}" in refused
        assert not asked
        assert "zq-secret" not in untrusted + refused


def test_a_pin_is_read_as_people_copy_it() -> None:
    plain = "sha256:" + "ab" * 32
    assert read_pin("SHA-256:" + ":".join(["AB"] * 32)) == plain
    assert read_pin(f" {plain} ") == plain
    for wrong in ("", "ab" * 32, "sha256:", plain + "00", "sha256:" + "xy" * 32):
        with pytest.raises(BadInput, match="64 hexadecimal digits"):
            read_pin(wrong)


def test_a_certificate_has_a_name_of_its_own(tmp_path: Path) -> None:
    pem = self_signed(tmp_path)[0].read_text()
    assert Certificate(ssl.PEM_cert_to_DER_cert(pem)).name == "127.0.0.1"

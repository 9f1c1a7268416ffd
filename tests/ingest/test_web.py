"""MJPEG over HTTP, as webcams, phones and old cameras send it."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PIL import Image

from lfrd.errors import SourceError
from lfrd.ingest.settings import CameraSettings, State
from support.bad_wire import tcp_server
from support.cameras import make, take, until_state
from support.video import moving_picture

BOUNDARY = "--frame"
LOGIN = "Basic " + base64.b64encode(b"me:zq-secret").decode()


def jpegs(folder: Path) -> list[bytes]:
    made = []
    for number, rgb in enumerate(moving_picture(160, 120, frames=10)):
        path = folder / f"{number}.jpg"
        Image.fromarray(rgb).save(path)
        made.append(path.read_bytes())
    return made


@asynccontextmanager
async def web_camera(pictures: list[bytes], login: str | None = None) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if head.startswith("GET /moved"):
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2:1/x\r\n\r\n")
        elif head.startswith("GET /page"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>" + b"x" * 999)
        elif login is not None and f"Authorization: {login}" not in head:
            writer.write(
                b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=x\r\n"
                b"Content-Length: 0\r\n\r\n"
            )
        else:
            kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
            writer.write(f"HTTP/1.0 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode())
            while True:
                for picture in pictures:
                    part = f"{BOUNDARY}\r\nContent-Type: image/jpeg\r\n"
                    part += f"Content-Length: {len(picture)}\r\n\r\n"
                    writer.write(part.encode() + picture + b"\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.04)
        await writer.drain()

    async with tcp_server(serve) as port:
        yield port


async def test_pictures_come_over_http(tmp_path: Path) -> None:
    async with web_camera(await asyncio.to_thread(jpegs, tmp_path)) as port:
        made = make(CameraSettings("gate", f"http://127.0.0.1:{port}/video.mjpg"))
        async with made.camera as camera:
            frames = await take(camera, 10)
            await until_state(camera, State.LIVE)
            assert camera.status.codec == "mjpeg"
    assert frames[-1].planes.y.shape == (120, 160)
    spans = frames[-1].media_at_s - frames[0].media_at_s
    assert 0.1 < spans < 5.0
    assert made.states()[:2] == [State.CONNECTING, State.LIVE]


async def test_a_login_is_sent_and_not_shown(tmp_path: Path) -> None:
    pictures = await asyncio.to_thread(jpegs, tmp_path)
    async with web_camera(pictures, LOGIN) as port:
        right = make(CameraSettings("gate", f"http://me:zq-secret@127.0.0.1:{port}/video"))
        async with right.camera as camera:
            await take(camera, 2)
        wrong = make(CameraSettings("gate", f"http://me:zq-wrong@127.0.0.1:{port}/video"))
        async with wrong.camera as camera:
            await until_state(camera, State.REFUSED)
        assert "zq-" not in repr(right.said) + repr(wrong.said)


@pytest.mark.parametrize(
    ("path", "words"), [("page", "sends no MJPEG"), ("moved", "leads to another address")]
)
async def test_what_is_no_mjpeg_says_so(tmp_path: Path, path: str, words: str) -> None:
    async with web_camera([]) as port:
        address = f"http://127.0.0.1:{port}/{path}"
        async with make(CameraSettings("gate", address, must_open=True)).camera as camera:
            with pytest.raises(SourceError, match=words):
                await take(camera, 1)

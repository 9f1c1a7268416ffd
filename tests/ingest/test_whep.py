"""Streams fetched over WebRTC."""

import pytest
from fastapi import FastAPI, Response

from lfrd.errors import SourceError, SourceRefused
from lfrd.ingest.settings import CameraSettings, State
from support.cameras import make, take, until_state
from support.video import free_port
from support.waiting import until
from support.webrtc import WhepServer, serving


async def test_a_stream_is_pulled_and_the_session_ended() -> None:
    server = WhepServer(token="letmein")  # the test's own
    async with serving(server.app) as base:
        settings = CameraSettings("gate", f"whep+{base}/whep", bearer_token="letmein")
        async with make(settings).camera as camera:
            frames = await take(camera, 20)
            await until_state(camera, State.LIVE)
            assert camera.status.codec in ("h264", "vp8")
        assert frames[-1].planes.y.shape == (240, 320)
        await until(lambda: server.ended == 1, 5)
        await server.drop()


async def test_a_dropped_stream_comes_back() -> None:
    server = WhepServer()
    async with serving(server.app) as base:
        made = make(CameraSettings("gate", f"whep+{base}/whep"))
        async with made.camera as camera:
            await take(camera, 3)
            await until_state(camera, State.LIVE)
            await server.drop()
            await until_state(camera, State.LOST)
            await take(camera, 3)
            await until_state(camera, State.LIVE)
        await server.drop()
    assert server.begun == 2


async def test_a_wrong_token_is_refused_and_never_shown() -> None:
    server = WhepServer(token="letmein")
    async with serving(server.app) as base:
        address = f"whep+{base.replace('://', '://user:zq-pass@')}/whep"
        settings = CameraSettings("gate", address, bearer_token="zq-token", must_open=True)
        made = make(settings)
        async with made.camera as camera:
            with pytest.raises(SourceRefused) as caught:
                await take(camera, 1)
    said = f"{caught.value} {made.said} {settings}"
    assert "zq-" not in said


def _answering(status: int, body: str) -> FastAPI:
    app = FastAPI()

    @app.post("/whep")
    async def post() -> Response:
        return Response(body, status, {"Location": "http://elsewhere.invalid/1"})

    return app


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, "", "not known"),
        (500, "", "status 500"),
        (302, "", "status 302"),
        (201, "hello", "no session description"),
        (201, "v=0\r\nm=video x\r\n", "cannot be used"),
        (201, "v=0\r\n" + "a=x\r\n" * 250_000, "more than a session description"),
    ],
)
async def test_a_server_that_answers_wrongly(status: int, body: str, said: str) -> None:
    async with serving(_answering(status, body)) as base:
        made = make(CameraSettings("gate", f"whep+{base}/whep", must_open=True))
        async with made.camera as camera:
            with pytest.raises(SourceError, match=said):
                await take(camera, 1)


async def test_nobody_there() -> None:
    address = f"whep+http://127.0.0.1:{free_port()}/whep"
    async with make(CameraSettings("gate", address, must_open=True)).camera as camera:
        with pytest.raises(SourceError, match="does not answer"):
            await take(camera, 1)

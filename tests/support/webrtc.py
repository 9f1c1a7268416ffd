"""The other side of WebRTC for tests: a WHIP front door, publishers, and a WHEP server."""

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path

import av
import uvicorn
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from fastapi import FastAPI, Request, Response

from lfrd.errors import Conflict, NotFound, UserError
from lfrd.ingest.whip import WhipIngest
from support.video import moving_picture

NO_SERVERS = RTCConfiguration(iceServers=[])


class MovingTrack(MediaStreamTrack):
    """A moving picture at 25 frames a second."""

    kind = "video"

    def __init__(self, width: int = 320, height: int = 240) -> None:
        super().__init__()
        self._pictures = list(moving_picture(width, height, 25))
        self._index = 0
        self._start_s: float | None = None

    async def recv(self) -> av.VideoFrame:
        now_s = asyncio.get_running_loop().time()
        self._start_s = now_s if self._start_s is None else self._start_s
        await asyncio.sleep(max(0.0, self._start_s + self._index / 25 - now_s))
        picture = self._pictures[self._index % len(self._pictures)]
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = self._index * 3600, Fraction(1, 90_000)
        self._index += 1
        return frame


@asynccontextmanager
async def publisher(
    ingest: WhipIngest, camera_id: str, codec: str = "H264", sound: bool = False
) -> AsyncIterator[tuple[RTCPeerConnection, str]]:
    """An aiortc publisher that sends to a camera; yields the connection and the session's id."""
    connection = RTCPeerConnection(NO_SERVERS)
    try:
        if sound:
            connection.addTransceiver("audio", direction="sendonly")
        transceiver = connection.addTransceiver(MovingTrack(), direction="sendonly")
        capabilities = transceiver.sender.getCapabilities("video")
        wanted = [c for c in capabilities.codecs if c.mimeType == f"video/{codec}"]
        transceiver.setCodecPreferences(wanted[:1])
        await connection.setLocalDescription()
        published = await ingest.publish(camera_id, connection.localDescription.sdp)
        answer = RTCSessionDescription(published.answer_sdp, "answer")
        await connection.setRemoteDescription(answer)
        yield connection, published.session_id
    finally:
        await connection.close()


class _Server(uvicorn.Server):
    """Leaves the signals alone: pytest wants them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """Serve an app on loopback; yields its base address."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        server = _Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        task = asyncio.ensure_future(server.serve(sockets=[bound]))
        try:
            while not server.started:
                await asyncio.sleep(0.01)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            await task


def whip_app(ingest: WhipIngest, token: str = "letmein") -> FastAPI:
    """The thinnest possible WHIP route."""
    app = FastAPI()

    @app.post("/whip/{camera_id}")
    async def post(camera_id: str, request: Request) -> Response:
        if request.headers.get("Authorization") != f"Bearer {token}":
            return Response(status_code=401)
        try:
            published = await ingest.publish(camera_id, (await request.body()).decode())
        except Conflict as error:
            return Response(str(error), 409, {"Retry-After": "5"})
        except UserError as error:
            return Response(str(error), 422)
        location = {"Location": f"/whip/session/{published.session_id}"}
        return Response(published.answer_sdp, 201, location, "application/sdp")

    @app.delete("/whip/session/{session_id}")
    async def delete(session_id: str) -> Response:
        try:
            await ingest.delete(session_id)
        except NotFound:
            return Response(status_code=404)
        return Response(status_code=200)

    return app


class WhepServer:
    """Sends a moving picture to each client that asks; counts sessions begun and ended."""

    def __init__(self, token: str | None = None) -> None:
        self.begun = 0
        self.ended = 0
        self._token = token
        self._connections: list[RTCPeerConnection] = []
        self.app = FastAPI()
        self.app.post("/whep")(self._post)
        self.app.delete("/session/{number}")(self._delete)

    async def _post(self, request: Request) -> Response:
        if self._token and request.headers.get("Authorization") != f"Bearer {self._token}":
            return Response(status_code=401)
        connection = RTCPeerConnection(NO_SERVERS)
        self._connections.append(connection)
        offer = RTCSessionDescription((await request.body()).decode(), "offer")
        await connection.setRemoteDescription(offer)
        connection.addTrack(MovingTrack())
        await connection.setLocalDescription()
        self.begun += 1
        location = {"Location": f"/session/{self.begun - 1}"}
        return Response(connection.localDescription.sdp, 201, location, "application/sdp")

    async def _delete(self, number: int) -> Response:
        self.ended += 1
        await self._connections[number].close()
        return Response(status_code=200)

    async def drop(self) -> None:
        """End every stream."""
        for connection in self._connections:
            await connection.close()


_FFMPEG_PUBLISHER = """
import sys, time
sys.path[:0] = sys.argv[5:]
from fractions import Fraction
import av
from support.video import moving_picture
url, token, cert, key = sys.argv[1:5]
options = {"authorization": token, "cert_file": cert, "key_file": key}
with av.open(url, "w", format="whip", options=options) as container:
    x264 = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline"}
    stream = container.add_stream("libx264", rate=25, options=x264)
    stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
    stream.codec_context.gop_size = 25
    pictures = list(moving_picture(640, 360, 25))
    start = time.monotonic()
    for index in range(100_000):
        frame = av.VideoFrame.from_ndarray(pictures[index % 25], format="rgb24")
        frame.pts, frame.time_base = index, Fraction(1, 25)
        container.mux(stream.encode(frame))
        time.sleep(max(0.0, start + index / 25 - time.monotonic()))
"""


@contextlib.contextmanager
def ffmpeg_publisher(
    url: str, token: str, certificate: tuple[Path, Path]
) -> Iterator["subprocess.Popen[bytes]"]:
    """FFmpeg's own WHIP muxer in a process of its own.

    It gets a certificate on the curve P-256: with GnuTLS, FFmpeg 8 makes one on a curve that
    nobody else accepts.
    """
    paths = [str(folder) for folder in Path(__file__).parents[1:3]]
    process = subprocess.Popen(
        [sys.executable, "-c", _FFMPEG_PUBLISHER, url, token, *map(str, certificate), *paths],
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)

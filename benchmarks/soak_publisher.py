"""A camera that publishes a clip by WHIP over the daemon's socket, again and again.

    LFRD_PUBLISH_TOKEN=... python -m benchmarks.soak_publisher SOCKET CAMERA CLIP

The clip's compressed pictures are sent as they are, so that it takes hardly any processor. It must
be an MPEG transport stream of H.264 without B-pictures.
"""

import asyncio
import os
import sys
from fractions import Fraction
from pathlib import Path

import av
import httpx
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)

CLOCK_HZ = 90_000
AGAIN_S = 2.0
"""Until it asks again where no deployment runs, or after it was left."""


class Compressed(MediaStreamTrack):
    """The clip's packets at their times, from the beginning again after the last."""

    kind = "video"

    def __init__(self, clip: Path) -> None:
        super().__init__()
        with av.open(str(clip)) as container:
            video = container.streams.video[0]
            rate = video.average_rate or Fraction(25)
            self._packets = [bytes(packet) for packet in container.demux(video) if packet.size]
        self._step_s = float(1 / rate)
        self._sent = 0
        self._begun_s: float | None = None

    async def recv(self) -> av.Packet:
        now_s = asyncio.get_running_loop().time()
        self._begun_s = now_s if self._begun_s is None else self._begun_s
        at_s = self._sent * self._step_s
        await asyncio.sleep(max(0.0, self._begun_s + at_s - now_s))
        packet = av.Packet(self._packets[self._sent % len(self._packets)])
        packet.pts, packet.time_base = round(at_s * CLOCK_HZ), Fraction(1, CLOCK_HZ)
        self._sent += 1
        return packet


async def publish(http: httpx.AsyncClient, camera: str, token: str, clip: Path) -> None:
    """Once, until the connection ends or is refused."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    over = asyncio.Event()

    @connection.on("connectionstatechange")
    def _changed() -> None:
        if connection.connectionState in ("failed", "closed"):
            over.set()

    try:
        sender = connection.addTransceiver(Compressed(clip), direction="sendonly")
        codecs = sender.sender.getCapabilities("video").codecs
        sender.setCodecPreferences([c for c in codecs if c.mimeType == "video/H264"][:1])
        await connection.setLocalDescription()
        reply = await http.post(
            f"/v1/whip/{camera}", content=connection.localDescription.sdp,
            headers={"authorization": f"Bearer {token}", "content-type": "application/sdp"},
        )  # fmt: skip
        if reply.status_code != 201:
            print(f"{camera}: {reply.status_code} {reply.text}", file=sys.stderr)
            return
        answer = RTCSessionDescription(reply.text, "answer")
        await connection.setRemoteDescription(answer)
        await over.wait()
    finally:
        await connection.close()


async def main(socket: str, camera: str, clip: Path) -> None:
    token = os.environ["LFRD_PUBLISH_TOKEN"]
    transport = httpx.AsyncHTTPTransport(uds=socket)
    async with httpx.AsyncClient(transport=transport, base_url="http://x", timeout=20) as http:
        while True:
            try:
                await publish(http, camera, token, clip)
            except httpx.HTTPError as error:
                print(f"{camera}: {error}", file=sys.stderr)
            await asyncio.sleep(AGAIN_S)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))

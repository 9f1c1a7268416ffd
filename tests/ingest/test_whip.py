"""Publishers come in over WebRTC, and go in every way there is."""

import asyncio
import contextlib
from typing import Any

import pytest
from aiortc import RTCPeerConnection

from lfrd.clock import SystemClock
from lfrd.counters import CameraCounters
from lfrd.errors import BadInput, NotFound
from lfrd.ingest.camera import Camera
from lfrd.ingest.settings import CameraSettings, CameraStatus, IceServer, State
from lfrd.ingest.web_backlog import Compressed, Decoded
from lfrd.ingest.whip import NotReceiving, WhipIngest
from support.cameras import Made, take, until_state
from support.video import free_port
from support.waiting import until
from support.webrtc import NO_SERVERS, publisher


@pytest.fixture
def ingest() -> WhipIngest:
    return WhipIngest()


def whip_camera(ingest: WhipIngest, *ice_servers: IceServer) -> Made:
    counters = CameraCounters()
    said: list[CameraStatus] = []
    settings = CameraSettings("gate", "whip://", ice_servers=ice_servers)
    return Made(Camera(settings, SystemClock(), counters, said.append, whip=ingest), counters, said)


async def running(camera: Camera, ingest: WhipIngest) -> None:
    """Wait until the camera's reader takes publishers."""
    await until(lambda: ingest.receiving("gate"))


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_a_publisher_is_seen_and_its_end_is_noticed(ingest: WhipIngest, codec: str) -> None:
    made = whip_camera(ingest)
    async with made.camera as camera:
        await running(camera, ingest)
        assert camera.status.reason == "waiting for a publisher"
        async with publisher(ingest, "gate", codec) as (_, session_id):
            frames = await take(camera, 20)
            assert frames[-1].planes.y.shape == (240, 320)
            await until_state(camera, State.LIVE)
            assert camera.status.codec == codec.lower()
            await ingest.delete(session_id)
            await until_state(camera, State.LOST)
            assert "the publisher stopped" in camera.status.reason
        async with publisher(ingest, "gate", codec):
            await take(camera, 5)
            await until_state(camera, State.LIVE)
    assert made.states()[:4] == [State.CONNECTING, State.LIVE, State.LOST, State.LIVE]


async def test_what_is_not_taken_in_time_waits_in_queues_with_an_end(
    ingest: WhipIngest, monkeypatch: pytest.MonkeyPatch
) -> None:
    went_through: set[type] = set()
    for kind in (Compressed, Decoded):
        put = kind.put

        def noted(self: object, item: object, put: Any = put) -> Any:
            went_through.add(type(self))
            return put(self, item)

        monkeypatch.setattr(kind, "put", noted)
    async with whip_camera(ingest).camera as camera:
        await running(camera, ingest)
        async with publisher(ingest, "gate"):
            await take(camera, 3)
    assert went_through == {Compressed, Decoded}


async def test_sound_is_declined(ingest: WhipIngest) -> None:
    async with whip_camera(ingest).camera as camera:
        await running(camera, ingest)
        async with publisher(ingest, "gate", sound=True) as (connection, _):
            await take(camera, 3)
            sound, picture = connection.getTransceivers()
            assert (sound.currentDirection, picture.currentDirection) == ("inactive", "sendonly")


async def test_a_publisher_that_leaves_by_itself(ingest: WhipIngest) -> None:
    async with whip_camera(ingest).camera as camera:
        await running(camera, ingest)
        async with publisher(ingest, "gate"):
            await take(camera, 3)
        await until_state(camera, State.LOST, seconds=5)


async def test_a_turn_server_that_is_away_does_not_keep_neighbours_out(
    ingest: WhipIngest,
) -> None:
    away = IceServer(f"turn:127.0.0.1:{free_port()}?transport=tcp", "user", "zq-secret")
    assert "zq-secret" not in repr(away)
    async with whip_camera(ingest, away).camera as camera:
        await running(camera, ingest)
        async with publisher(ingest, "gate"):
            await take(camera, 3)


@pytest.mark.parametrize("url", ["", "http://a", "stun:", "turn:a:b", "stun:a b", "turn:a?x=1"])
def test_an_ice_server_is_checked_when_it_is_named(url: str) -> None:
    with pytest.raises(BadInput):
        IceServer(url)


async def test_a_newer_publisher_takes_over(ingest: WhipIngest) -> None:
    async with whip_camera(ingest).camera as camera:
        await running(camera, ingest)
        async with publisher(ingest, "gate") as (_, first):
            await take(camera, 3)
            async with publisher(ingest, "gate") as (_, second):
                await take(camera, 30)
                await until_state(camera, State.LIVE)
                with pytest.raises(NotFound):
                    await ingest.delete(first)
                await ingest.delete(second)


async def test_outside_a_deployment_a_publisher_is_turned_away(ingest: WhipIngest) -> None:
    offer = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"
    with pytest.raises(NotReceiving) as caught:
        await ingest.publish("gate", offer)
    assert caught.value.retry_after_s > 0
    async with whip_camera(ingest).camera as camera:
        await running(camera, ingest)
        async with publisher(ingest, "gate"):
            await take(camera, 3)
    with pytest.raises(NotReceiving):
        await ingest.publish("gate", offer)


async def test_the_end_of_a_deployment_closes_the_publisher(ingest: WhipIngest) -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with whip_camera(ingest).camera as camera:
            await running(camera, ingest)
            connection, _ = await stack.enter_async_context(publisher(ingest, "gate"))
            await take(camera, 3)
        await until(lambda: connection.connectionState in ("closed", "failed"), 10)


@pytest.mark.parametrize(
    "offer",
    [
        "",
        "hello",
        "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96\r\n",
        "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n",
        "v=0\r\nm=video nine UDP/TLS/RTP/SAVPF 96\r\na=rtpmap\r\n",
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"
        "a=rtpmap:96 AV1/90000\r\na=mid:0\r\na=sendonly\r\n",
        "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n" + "a=x\r\n" * 250_000,
    ],
    ids=["empty", "text", "sound only", "bare", "garbage", "wrong codec", "a megabyte"],
)
async def test_a_bad_offer_is_refused_and_harms_nothing(ingest: WhipIngest, offer: str) -> None:
    made = whip_camera(ingest)
    async with made.camera as camera:
        await running(camera, ingest)
        with pytest.raises(BadInput):
            await ingest.publish("gate", offer)
        async with publisher(ingest, "gate"):
            await take(camera, 3)
            assert State.LOST not in made.states()


async def test_two_offers_at_once_leave_one_session(ingest: WhipIngest) -> None:
    async with whip_camera(ingest).camera as camera:
        await running(camera, ingest)
        connection = RTCPeerConnection(NO_SERVERS)
        connection.addTransceiver("video", direction="sendonly")
        await connection.setLocalDescription()
        offer = connection.localDescription.sdp
        results = await asyncio.gather(
            ingest.publish("gate", offer), ingest.publish("gate", offer), return_exceptions=True
        )
        await connection.close()
    assert sum(not isinstance(result, BaseException) for result in results) >= 1
    assert all(
        isinstance(result, NotReceiving) for result in results if isinstance(result, BaseException)
    )

"""One WebRTC connection that receives video; the only user of aiortc.

It lives on an event loop of its own in the camera's reader thread: the protocol is Python, and a
flood of packets for one camera then holds up neither the other cameras nor the API.
"""

import asyncio
import re
from collections.abc import Coroutine, Sequence
from types import TracebackType
from typing import Any, Final, Self

import av
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpCodecParameters,
    RTCSessionDescription,
)
from aiortc.codecs import CODECS
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtcpFeedback

from lfrd.clock import Clock
from lfrd.errors import BadInput, SourceError
from lfrd.ingest.pictures import FrameView, check_size
from lfrd.ingest.sdp import check_sdp
from lfrd.ingest.settings import AS_SENT, Correction, IceServer
from lfrd.ingest.source import Picture, Sink, SourceStalled, StreamInfo
from lfrd.ingest.web_backlog import Compressed, Decoded

CONNECT_TIMEOUT_S: Final = 10.0
SILENCE_TIMEOUT_S: Final = 8.0
"""aiortc itself notices a vanished peer after half a minute. The camera says frozen after 4 s."""
_GATHER_TIMEOUT_S: Final = 6.0
_STOP_POLL_S: Final = 0.1
_H264_PROFILES: Final = ("640028", "64001f", "4d001f", "640c1f")
"""High 4.0 and 3.1, Main, constrained High: aiortc decodes them but does not offer them."""
_RATE_HINT: Final = "x-google-start-bitrate=2500;x-google-min-bitrate=1500"
"""Without it browsers begin at a small picture and may stay there (kilobits a second)."""


LEFT_OUT: Final = "pictures left out: they came faster than this machine takes them"
_DECODER_QUEUE, _DECODER_ERROR = (f"_RTCRtpReceiver__decoder_{name}" for name in ("queue", "error"))
"""What waits for the decoder; and the sign upon which aiortc asks for a keyframe."""


class Peer:
    """A peer connection from its offer to its end."""

    def __init__(
        self, shown: str, ice_servers: Sequence[IceServer], correction: Correction = AS_SENT
    ) -> None:
        _teach_profiles()
        servers = [RTCIceServer(s.url, s.username, s.password) for s in ice_servers]
        # an empty list means host candidates only; None would ask a public server
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._shown = shown
        self._correction = correction
        self._codec = ""
        self._decoded = Decoded()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._connection.close()

    async def answer(self, offer_sdp: str) -> str:
        """Take a publisher's offer and return the answer. Raises BadInput, SourceError."""
        check_sdp(offer_sdp)
        await self._take(offer_sdp, "offer")
        self._only_one_video()
        await self._gather()
        answer = with_rate_hint(self._connection.localDescription.sdp)
        self._codec = first_codec(answer)
        return answer

    async def offer(self) -> str:
        """Return our offer to receive one video."""
        self._connection.addTransceiver("video", direction="recvonly")
        await self._gather()
        return str(self._connection.localDescription.sdp)

    async def accept(self, answer_sdp: str) -> None:
        """Take the server's answer to our offer. Raises BadInput."""
        check_sdp(answer_sdp)
        await self._take(answer_sdp, "answer")
        self._codec = first_codec(answer_sdp)

    async def receive(self, sink: Sink, clock: Clock) -> None:
        """Pass pictures on until the sender ends, vanishes or falls silent: always SourceError."""
        sink.opened(StreamInfo(self._codec, 0, 0))
        track = self._video_track()
        patience_s = CONNECT_TIMEOUT_S
        while True:
            try:
                async with asyncio.timeout(patience_s):
                    frame = await track.recv()
            except TimeoutError:
                what = "no picture came" if patience_s == CONNECT_TIMEOUT_S else "fell silent"
                raise SourceStalled(f"{self._shown}: {what} for {patience_s:.0f} s") from None
            except MediaStreamError:
                raise SourceError(f"{self._shown}: the sender ended the stream") from None
            patience_s = SILENCE_TIMEOUT_S
            if not sink.decoding:
                raise SourceError(f"{self._shown}: closed, nothing is decoded now")
            if isinstance(frame, av.VideoFrame):
                left_out = self._decoded.take_left_out()
                if left_out:
                    sink.trouble(LEFT_OUT)
                sink.picture(self._picture(frame, clock, left_out))

    def _picture(self, frame: av.VideoFrame, clock: Clock, left_out: int) -> Picture:
        check_size(frame, self._shown)
        view = FrameView(frame, self._correction)
        damaged, now_s = bool(frame.is_corrupt), clock.monotonic_s()
        return Picture(view, frame.time, now_s, damaged=damaged, passed_over=left_out)

    async def _take(self, sdp: str, kind: str) -> None:
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(sdp, kind))
            self._bound()  # before the connection stands, and its decoder's thread begins
        except Exception as error:  # the parser raises whatever a stranger's text makes it trip on
            raise BadInput(
                f"the {kind} cannot be used ({type(error).__name__}): it must hold one video "
                "in H.264 or VP8"
            ) from None

    def _bound(self) -> None:
        """Put queues with an end into the video's receiver; aiortc has no other place for them."""
        for transceiver in self._connection.getTransceivers():
            receiver = transceiver.receiver
            track: Any = receiver.track
            if transceiver.kind != "video" or track is None:
                continue
            track._queue = self._decoded
            compressed = Compressed(getattr(receiver, _DECODER_ERROR).set, self._decoded.leave_out)
            setattr(receiver, _DECODER_QUEUE, compressed)
            return

    async def _gather(self) -> None:
        """Describe our side; finding its addresses may need the configured servers."""
        try:
            async with asyncio.timeout(_GATHER_TIMEOUT_S):
                await self._connection.setLocalDescription()
        except Exception as error:  # whatever a STUN or TURN server makes the library raise
            raise SourceError(
                f"{self._shown}: the ICE servers cannot be used ({type(error).__name__})"
            ) from None

    def _only_one_video(self) -> None:
        """Sound is not wanted and a second picture neither: say so instead of decoding them."""
        videos = 0
        for transceiver in self._connection.getTransceivers():
            videos += transceiver.kind == "video"
            wanted = transceiver.kind == "video" and videos == 1
            transceiver.direction = "recvonly" if wanted else "inactive"
        if not videos:
            raise BadInput("this session description offers no video")

    def _video_track(self) -> MediaStreamTrack:
        for transceiver in self._connection.getTransceivers():
            track: MediaStreamTrack | None = transceiver.receiver.track
            if transceiver.kind == "video" and track is not None:
                return track
        raise SourceError(f"{self._shown}: the other side sends no video")


async def until_stopping(sink: Sink, body: Coroutine[Any, Any, None]) -> None:
    """Run `body`; cancel it and return when the camera is stopping."""
    task = asyncio.ensure_future(body)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=_STOP_POLL_S)
            if sink.stopping and not task.done():
                task.cancel()
                await asyncio.wait({task})
                return
        task.result()
    finally:
        task.cancel()


def with_rate_hint(sdp: str) -> str:
    """Add the rate hint to each H.264 and VP8 payload of an answer, whatever its line ends."""
    lines = sdp.splitlines()
    codecs = re.findall(r"^a=rtpmap:(\d+) (?:H264|VP8)/", sdp, re.MULTILINE)
    for payload in codecs:
        start = f"a=fmtp:{payload} "
        place = next((i for i, line in enumerate(lines) if line.startswith(start)), None)
        if place is not None:
            lines[place] += f";{_RATE_HINT}"
        else:
            mapped = next(i for i, s in enumerate(lines) if s.startswith(f"a=rtpmap:{payload} "))
            lines.insert(mapped + 1, start + _RATE_HINT)
    return "\r\n".join(lines) + "\r\n"


def first_codec(sdp: str) -> str:
    """Return the name of the first codec of the first video section, `h264` or `vp8`."""
    section = re.search(r"^m=video \d+ \S+ (\d+)", sdp, re.MULTILINE)
    if section is None:
        return "unknown"
    name = re.search(rf"^a=rtpmap:{section[1]} ([^/\s]+)/", sdp, re.MULTILINE)
    return name[1].lower() if name else "unknown"


def _teach_profiles() -> None:
    """Put the missing H.264 profiles into aiortc's table, once; it has no other place for them."""
    videos = CODECS["video"]
    known = {codec.parameters.get("profile-level-id") for codec in videos}
    payload = max(codec.payloadType or 0 for codec in videos) + 1
    for profile in _H264_PROFILES:
        if profile in known:
            continue
        feedback = [
            RTCRtcpFeedback(type="nack"),
            RTCRtcpFeedback(type="nack", parameter="pli"),
            RTCRtcpFeedback(type="goog-remb"),
        ]
        h264 = RTCRtpCodecParameters(
            mimeType="video/H264",
            clockRate=90000,
            payloadType=payload,
            rtcpFeedback=feedback,
            parameters={
                "level-asymmetry-allowed": "1",
                "packetization-mode": "1",
                "profile-level-id": profile,
            },
        )
        rtx = RTCRtpCodecParameters(
            mimeType="video/rtx",
            clockRate=90000,
            payloadType=payload + 1,
            parameters={"apt": payload},
        )
        videos += [h264, rtx]
        payload += 2

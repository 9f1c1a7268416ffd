"""`camera test`: connect for some seconds and measure what the camera really sends."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from lfrd.clock import Clock
from lfrd.counters import CameraCounters
from lfrd.errors import SourceError
from lfrd.ingest.camera import KEYFRAME_ADVICE, Camera, PacketNote
from lfrd.ingest.settings import CameraSettings
from lfrd.ingest.whip import WhipIngest
from lfrd.types import Frame

MAX_PROBE_S: Final = 60.0
"""Outside a deployment nothing is decoded for longer than this."""
_OPEN_PATIENCE_S: Final = 12.0
_WHOLE_S: Final = 55.0
"""The wait for a keyframe and the watching together: a request ends after 60 s."""
_LEAST_S: Final = 2.0
_POLL_S: Final = 0.1
_NOTES: Final = 20_000  # full: the oldest is forgotten


@dataclass(frozen=True, slots=True)
class CameraProbe:
    """What came in `seconds` of watching.

    `first_frame_s` from asking to the first picture. `keyframe_interval_s` and `bit_rate_kbps`
    are None where the connection does not tell (WebRTC, or fewer than two keyframes).
    """

    codec: str | None
    width_px: int
    height_px: int
    fps: float | None
    decoder: str | None
    first_frame_s: float
    keyframe_interval_s: float | None
    bit_rate_kbps: float | None
    frames: int
    frames_damaged: int
    seconds: float
    keyframe_waited_s: float = 0.0
    """For how long packets came before the first keyframe."""


async def probe_camera(
    settings: CameraSettings,
    clock: Clock,
    seconds: float,
    on_frame: Callable[[Frame], Awaitable[None]] | None = None,
    whip: WhipIngest | None = None,
) -> CameraProbe:
    """Watch a camera for some seconds (at most 60) after its first picture, for fewer where that
    came late.

    `on_frame` gets the newest frame each time it is ready for one. Raises SourceError where no
    picture comes, BadInput for the address.
    """
    assert 0 < seconds <= MAX_PROBE_S
    counters = CameraCounters()
    packets: deque[PacketNote] = deque(maxlen=_NOTES)
    asked_s = clock.monotonic_s()
    wanted = replace(settings, must_open=True, every_frame=False)
    async with Camera(wanted, clock, counters, whip=whip) as camera:
        camera.intake.on_packet = packets.append
        first = await _first(camera, settings.address.shown, clock)
        started_s = clock.monotonic_s()
        last = first
        try:
            left_s = max(_LEAST_S, _WHOLE_S - (started_s - asked_s))
            async with asyncio.timeout(min(seconds, left_s)):
                if on_frame is not None:
                    await on_frame(first)
                async for frame in camera.frames:
                    last = frame
                    if on_frame is not None:
                        await on_frame(frame)
        except TimeoutError:  # the time is over, as it should be
            pass
        watched_s = clock.monotonic_s() - started_s
        status = camera.status
        fps = camera.intake.fps(clock.monotonic_s())
    seen = [note for note in packets if note.arrived_at_s >= started_s]
    return CameraProbe(
        codec=status.codec,
        width_px=last.planes.width_px,
        height_px=last.planes.height_px,
        fps=fps,
        decoder=status.decoder,
        first_frame_s=first.arrived_at_s - asked_s,
        keyframe_interval_s=_keyframe_interval_s(packets),
        bit_rate_kbps=sum(n.size_bytes for n in seen) * 8 / 1000 / watched_s if seen else None,
        frames=counters.frames_decoded,
        frames_damaged=counters.frames_corrupt,
        seconds=watched_s,
        keyframe_waited_s=_keyframe_waited_s(packets),
    )


async def _first(camera: Camera, shown: str, clock: Clock) -> Frame:
    """The first picture; while packets come, a keyframe is waited for."""
    coming = asyncio.ensure_future(anext(aiter(camera.frames), None))
    asked_s = clock.monotonic_s()
    try:
        while not (await asyncio.wait({coming}, timeout=_POLL_S))[0]:
            now_s = clock.monotonic_s()
            waited_s = camera.intake.waits_for_keyframe_s(now_s)
            if waited_s is not None and now_s - asked_s > _WHOLE_S - _LEAST_S:
                raise SourceError(
                    f"{shown} sends data, but no keyframe for {waited_s:.0f} s: {KEYFRAME_ADVICE}"
                )
            since_s = asked_s if waited_s is None else (camera.intake.packet_at_s or asked_s)
            if now_s - since_s > _OPEN_PATIENCE_S:
                raise SourceError(f"{shown}: no picture within {_OPEN_PATIENCE_S:.0f} s")
        frame = coming.result()
    finally:
        coming.cancel()
        await asyncio.wait({coming})
    if frame is None:
        raise SourceError(f"{shown} ended before its first picture")
    return frame


def _keyframe_interval_s(packets: deque[PacketNote]) -> float | None:
    """The mean distance of keyframes; arrival times, so the first burst counts a little short."""
    times = [note.arrived_at_s for note in packets if note.keyframe]
    steps = [later - earlier for earlier, later in pairwise(times)]
    return sum(steps) / len(steps) if steps else None


def _keyframe_waited_s(packets: deque[PacketNote]) -> float:
    first_key_s = next((note.arrived_at_s for note in packets if note.keyframe), None)
    return first_key_s - packets[0].arrived_at_s if first_key_s is not None else 0.0

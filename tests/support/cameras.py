"""Short words for tests that run cameras."""

import asyncio
from dataclasses import dataclass, field

from lfrd.clock import SystemClock
from lfrd.counters import CameraCounters
from lfrd.ingest.camera import Camera
from lfrd.ingest.settings import CameraSettings, CameraStatus, State
from lfrd.ingest.source import Source
from lfrd.supervise import Backoff
from lfrd.types import Frame
from support.waiting import until

QUICK = Backoff(first_s=0.1, cap_s=0.2, refused_s=0.5)


@dataclass(slots=True)
class Made:
    """A camera with everything it says and counts."""

    camera: Camera
    counters: CameraCounters
    said: list[CameraStatus] = field(default_factory=list)

    def states(self) -> list[State]:
        """The states in their order, without repetition."""
        states: list[State] = []
        for status in self.said:
            if not states or states[-1] is not status.state:
                states.append(status.state)
        return states


def make(settings: CameraSettings, source: Source | None = None) -> Made:
    """Return a camera that retries quickly."""
    counters = CameraCounters()
    said: list[CameraStatus] = []
    camera = Camera(settings, SystemClock(), counters, said.append, source=source, backoff=QUICK)
    return Made(camera, counters, said)


async def take(camera: Camera, count: int, seconds: float = 20.0) -> list[Frame]:
    """Return the next frames, fewer where the camera ends."""
    frames: list[Frame] = []
    async with asyncio.timeout(seconds):
        async for frame in camera.frames:
            frames.append(frame)
            if len(frames) == count:
                break
    return frames


async def until_state(camera: Camera, state: State, seconds: float = 20.0) -> None:
    """Wait for a state, and say which one it was instead."""
    try:
        await until(lambda: camera.status.state is state, seconds)
    except TimeoutError:
        raise AssertionError(f"not {state} but {camera.status}") from None

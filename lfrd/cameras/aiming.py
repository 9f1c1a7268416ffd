"""Pictures for aiming a camera: as flat cells in which no person can be recognised, or as they are.

Nothing is looked for in them and nothing is kept.
"""

import asyncio
import contextlib
from types import TracebackType

import numpy as np

from lfrd.clock import Clock
from lfrd.errors import Conflict
from lfrd.ingest.probe import probe_camera
from lfrd.ingest.settings import CameraSettings
from lfrd.ingest.whip import WhipIngest
from lfrd.types import Frame, Planes
from lfrd.vision.picture import jpeg
from lfrd.vision.planes import rgb_full
from lfrd.vision.quality import coarse_rgb

AIMING_MAX = 4
"""Cameras that are looked through at the same time, each over a connection of its own."""


class Aiming:
    """Looks through a camera while entered, for so many seconds (60 at most), and gives at most so
    many pictures a second; who asks more rarely gets the newest. `others` are those under way."""

    def __init__(
        self,
        settings: CameraSettings,
        clock: Clock,
        whip: WhipIngest,
        others: "set[Aiming]",
        *,
        clear: bool,
        seconds: float,
        per_second: float,
    ) -> None:
        """Raises Conflict while as many look as may."""
        if len(others) >= AIMING_MAX:
            raise Conflict(f"{AIMING_MAX} cameras are being aimed already: end one first")
        self._settings = settings
        self._clock = clock
        self._whip = whip
        self._others = others
        self._clear = clear
        self._seconds = seconds
        self._every_s = 1 / per_second
        self._next_s = 0.0
        self._made: asyncio.Queue[bytes | None] = asyncio.Queue(1)

    async def __aenter__(self) -> "Aiming":
        self._others.add(self)
        self._watching = asyncio.create_task(self._watch(), name=f"aim-{self._settings.id}")
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._watching.cancel()
        while not self._watching.done():  # a request that was cancelled is so at each await
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([self._watching])
        if not self._watching.cancelled():
            self._watching.exception()  # told by `picture`, if anybody asked
        self._others.discard(self)

    async def picture(self) -> bytes | None:
        """The newest picture that was not given yet, as a JPEG; None: the time is over. Raises
        SourceError where the camera gives none."""
        made = await self._made.get()
        if made is None:
            await self._watching
        return made

    async def _watch(self) -> None:
        try:
            await probe_camera(self._settings, self._clock, self._seconds, self._keep, self._whip)
        finally:
            self._put(None)

    async def _keep(self, frame: Frame) -> None:
        now_s = self._clock.monotonic_s()
        if now_s >= self._next_s:
            self._next_s = now_s + self._every_s
            make = clear_picture if self._clear else flat_picture
            self._put(await asyncio.to_thread(make, frame.planes))

    def _put(self, made: bytes | None) -> None:
        """The newest takes the place of the one before."""
        if self._made.full():
            self._made.get_nowait()
        self._made.put_nowait(made)


def clear_picture(planes: Planes) -> bytes:
    """The picture as it is; what the regions hide is black in it already."""
    rgb = rgb_full(planes)
    try:
        return jpeg(rgb)
    finally:
        rgb.fill(0)


def flat_picture(planes: Planes) -> bytes:
    """The picture as flat cells in which no person can be recognised."""
    rgb = rgb_full(planes)
    flat = coarse_rgb(rgb)
    rgb.fill(0)
    return jpeg(np.ascontiguousarray(flat))

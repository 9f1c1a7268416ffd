"""A camera with two streams of one view: faces are looked for in the small one, and compared in the
large one.

Of the stream that is not looked at only the packets since its last keyframe are kept
(`kept_packets`). At first that is the large one; as soon as the small one shows a face, the large
one is decoded from there on, and its frames take the place of the small one's until no face is seen
any more. So no two pictures have to be paired: a face is found, followed and compared in one and
the same. Where one stream is gone, the other goes on alone, and the camera's state says so.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from lfrd.clock import Clock
from lfrd.counters import CameraCounters
from lfrd.ingest.camera import Camera
from lfrd.ingest.pacing import PairPacer
from lfrd.ingest.settings import GIVES_PICTURES, CameraSettings, CameraStatus, State
from lfrd.supervise import Backoff
from lfrd.types import Frame

_GONE: Final = (State.LOST, State.FROZEN, State.REFUSED, State.ENDED)


class PairedCamera:
    """Used like `lfrd.ingest.camera.Camera`; for streams that do not end by themselves."""

    def __init__(
        self,
        settings: CameraSettings,
        clock: Clock,
        counters: CameraCounters,
        on_status: Callable[[CameraStatus], None] | None = None,
        *,
        backoff: Backoff | None = None,
        pacer: PairPacer | None = None,
    ) -> None:
        """`settings` with both addresses; without a `pacer` (nothing is searched) all is decoded.
        Raises BadInput for an address that cannot be understood."""
        self.settings = settings
        self._on_status = on_status
        self._pacer = pacer
        counters.large = CameraCounters()
        self._small = Camera(
            settings.look, clock, counters, self._small_changed, backoff=backoff,
            pacer=None if pacer is None else pacer.small,
        )  # fmt: skip
        self._large = Camera(
            replace(settings, look_address=None), clock, counters.large, self._large_changed,
            backoff=backoff, pacer=None if pacer is None else pacer.large, into=self._small,
        )  # fmt: skip
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._small)
        await self._stack.enter_async_context(self._large)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.__aexit__(kind, error, traceback)

    @property
    def status(self) -> CameraStatus:
        """The state of the two together; size and codec are those of the large stream."""
        small, large = self._small.status, self._large.status
        if small.state in GIVES_PICTURES and large.state in GIVES_PICTURES:
            worse = small if small.state is State.DEGRADED else large
            fps = max((s.fps for s in (small, large) if s.fps is not None), default=None)
            return replace(large, state=worse.state, reason=worse.reason, fps=fps)
        if small.state in GIVES_PICTURES and large.state in _GONE:
            reason = f"faces are looked for and compared in the small stream alone: {large.reason}"
            return replace(small, state=State.DEGRADED, reason=reason)
        if large.state in GIVES_PICTURES and small.state in _GONE:
            reason = f"the large stream is decoded all the time: the small one: {small.reason}"
            return replace(large, state=State.DEGRADED, reason=reason)
        return small if large.state in GIVES_PICTURES else large

    @property
    def still_closing(self) -> bool:
        """See `Camera`."""
        return self._small.still_closing or self._large.still_closing

    async def wait_closed(self) -> None:
        """See `Camera`."""
        await self._small.wait_closed()
        await self._large.wait_closed()

    @property
    def frames(self) -> AsyncIterator[Frame]:
        """Frames of both streams, for one consumer; see `Camera`."""
        return self._small.frames

    async def next_frame(self) -> Frame:
        """See `Camera`."""
        return await self._small.next_frame()

    def decode(self, on: bool) -> None:
        """See `Camera`."""
        self._small.decode(on)
        self._large.decode(on)

    def lose(self, reason: str) -> None:
        """See `Camera`."""
        self._small.lose(reason)
        self._large.lose(reason)

    def _small_changed(self, status: CameraStatus) -> None:
        if self._pacer is not None:
            self._pacer.small_is_gone = status.state in _GONE
        self._changed()

    def _large_changed(self, status: CameraStatus) -> None:
        if self._pacer is not None:
            self._pacer.large_is_well = status.state in GIVES_PICTURES
        self._changed()

    def _changed(self) -> None:
        if self._on_status is not None:
            self._on_status(self.status)

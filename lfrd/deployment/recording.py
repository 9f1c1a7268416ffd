"""From a camera's turn to the store: decisions are written behind the cameras' backs, in order."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from lfrd.errors import StoreFailed
from lfrd.types import F32, U8, Decision, Planes
from lfrd.vision.picture import portrait, scene

WAITING_LIMIT = 8
"""Each decision that waits holds a frame, 3 MB at 1080p."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What a decision was made of: the frame, where the face is in it, f32[4], and everybody else,
    f32[n, 4]. `crop` u8[112, 112, 3] RGB is the recorder's from then on, and overwritten."""

    crop: U8
    planes: Planes
    box: F32
    others: F32


class Store(Protocol):
    """Commits a decision with its pictures (see lfrd.deployment.recorder)."""

    async def record(
        self,
        camera_id: str,
        decision: Decision,
        crop_rgb: U8,
        portrait_rgb: U8,
        scene_rgb: U8 | None = None,
    ) -> None: ...

    def track_ended(self, camera_id: str, track_id: int) -> None: ...


@dataclass(frozen=True, slots=True)
class _Waiting:
    camera_id: str
    decision: Decision
    sight: Sight

    @property
    def track(self) -> tuple[str, int]:
        return self.camera_id, self.decision.track_id


class Recorder:
    """The one writer of a deployment's decisions; `run` is its whole life, `close` its end.

    Pictures are made and encoded in a thread, and then committed one decision after the other, so
    those of a track stay in order. Full (a disk that takes nothing): the camera waits, and nothing
    is lost. For the event loop only.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: asyncio.Queue[_Waiting | None] = asyncio.Queue(WAITING_LIMIT)
        self._of_track: Counter[tuple[str, int]] = Counter()
        self._ended: set[tuple[str, int]] = set()
        self._over = asyncio.Event()

    @property
    def unwritten(self) -> int:
        """Decisions taken in and not on the disk yet."""
        return self._of_track.total()

    async def record(self, camera_id: str, decision: Decision, sight: Sight) -> None:
        """Take a decision in; waits only while as many wait already as there may.

        Raises StoreFailed where the recorder has ended.
        """
        waiting = _Waiting(camera_id, decision, sight)
        self._of_track[waiting.track] += 1
        try:
            await self._waiting.put(waiting)
        except BaseException:
            self._done(waiting)
            raise
        if self._over.is_set():
            self._forget_all()
            raise StoreFailed("candidates are not written any more: the recorder has ended")

    def track_ended(self, camera_id: str, track_id: int) -> None:
        """The track is gone, but its last decisions may not be written yet."""
        if self._of_track[camera_id, track_id]:
            self._ended.add((camera_id, track_id))
        else:
            self._store.track_ended(camera_id, track_id)

    async def run(self) -> None:
        """Write until `close`; what the store raises ends it."""
        try:
            while (waiting := await self._waiting.get()) is not None:
                try:
                    await self._write(waiting)
                finally:
                    self._done(waiting)
        finally:
            self._over.set()
            self._forget_all()

    async def close(self) -> None:
        """Let `run` end when everything taken in so far is written."""
        if not self._over.is_set():
            await self._waiting.put(None)
            await self._over.wait()

    async def _write(self, waiting: _Waiting) -> None:
        decision, sight = waiting.decision, waiting.sight
        seen = sight.planes, sight.box, sight.others
        face = await asyncio.to_thread(portrait, *seen)
        around = await asyncio.to_thread(scene, *seen) if decision.clearer else None
        try:
            await self._store.record(waiting.camera_id, decision, sight.crop, face, around)
        finally:
            face.fill(0)
            if around is not None:
                around.fill(0)

    def _done(self, waiting: _Waiting) -> None:
        waiting.sight.crop.fill(0)
        self._of_track[waiting.track] -= 1
        if self._of_track[waiting.track]:
            return
        del self._of_track[waiting.track]
        if waiting.track in self._ended:
            self._ended.remove(waiting.track)
            self._store.track_ended(*waiting.track)

    def _forget_all(self) -> None:
        """Overwrite what nobody will write, and let go of those who wait to hand over."""
        while not self._waiting.empty():
            waiting = self._waiting.get_nowait()
            if waiting is not None:
                self._done(waiting)

"""How the cameras of one deployment are looked at: which of their pictures, and by which rules."""

import time
from collections.abc import AsyncIterator

from lfrd.counters import CameraCounters
from lfrd.deployment.counts import RunCounts
from lfrd.deployment.pipeline import DecisionSink, LookObserver, run_camera
from lfrd.ingest.pacing import UNPACED, CameraPacer, PairPacer, RateController
from lfrd.matching.live_search import LiveSearch
from lfrd.tracking.best_shot import BestShotRule
from lfrd.types import Frame
from lfrd.vision.engine import Vision

FRAMES_AHEAD = 8
"""Detections in flight beyond the frame whose turn it is, where a file is read at full speed."""


class CameraWatch:
    """Watches each camera by the same rules.

    `rate` is common to all of them; None: every frame is looked at. Where nothing moves a turn is
    taken every `still_look_s` only; 0 takes all. `media_clock`: files are read at full speed.
    """

    def __init__(
        self,
        vision: Vision,
        search: LiveSearch,
        decisions: DecisionSink,
        best_shot: BestShotRule,
        counts: RunCounts,
        *,
        rate: RateController | None,
        still_look_s: float,
        media_clock: bool,
        observer: LookObserver | None = None,
    ) -> None:
        self._vision = vision
        self._search = search
        self._decisions = decisions
        self._best_shot = best_shot
        self._counts = counts
        self._rate = rate
        self._still_look_s = still_look_s
        self._frames_ahead = FRAMES_AHEAD if media_clock else 1
        self._observer = observer
        self._pacers: dict[str, CameraPacer | PairPacer] = {}

    def pacer_for(self, camera_id: str, paired: bool) -> CameraPacer | PairPacer | None:
        """A camera begins, with two streams or one: which of its pictures shall be looked at."""
        if self._rate:
            pacer = PairPacer if paired else CameraPacer
            self._pacers[camera_id] = pacer(self._rate, camera_id, self._still_look_s)
        return self._pacers.get(camera_id)

    def mind_load(self) -> str | None:
        """Let rate and decoding follow what the machine can do, also where no camera has a turn;
        return what to say where it is full."""
        if self._rate is None:
            return None
        self._rate.adapt(time.monotonic())
        full, wanting = self._rate.budget.counts
        if full < wanting:
            fit = f"about {full}" if full else "fewer"
            so_far = (
                f"{full} of {wanting} cameras are decoded in full, the others at their keyframes, "
                f"in turn; {fit} cameras of this kind fit"
            )
        elif self._rate.below_floor:
            so_far = (
                "its cameras are looked at less often than detection.floor_hz; `lfrd bench` says "
                "how many fit"
            )
        else:
            return None
        return (
            f"the machine is full: {so_far}: give them smaller pictures, fewer a second, or "
            "a small stream to look at, or the machine more processors"
        )

    async def watch(
        self, camera_id: str, frames: AsyncIterator[Frame], counters: CameraCounters
    ) -> None:
        """One camera's part, until its frames end."""
        self._counts.camera_begins(camera_id, counters)
        try:
            await run_camera(
                camera_id,
                frames,
                counters,
                vision=self._vision,
                search=self._search,
                decisions=self._decisions,
                best_shot=self._best_shot,
                frames_ahead=self._frames_ahead,
                pacer=self._pacers.get(camera_id, UNPACED),
                observer=self._observer,
            )
        finally:
            self._counts.camera_ends()

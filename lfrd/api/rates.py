"""Frames a second of each camera, from its counts at two moments."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from lfrd.api import schema, views
from lfrd.fleet import FleetCamera

SAMPLE_EVERY_S = 0.5
WINDOW_S = 3.0


@dataclass(frozen=True, slots=True)
class _Sample:
    at_s: float
    decoded: int
    detected: int


class RateMeter:
    """Remembers some counts of each camera for WINDOW_S; shared by all who ask.

    A sample is taken when somebody asks, at most every SAMPLE_EVERY_S, so the memory is bounded.
    """

    def __init__(self) -> None:
        self._samples: dict[str, deque[_Sample]] = {}

    def measure(
        self, cameras: Sequence[FleetCamera], now_s: float
    ) -> tuple[schema.CameraRates, ...]:
        """The figures of the cameras that run, at the monotonic time `now_s`."""
        running = [item for item in cameras if item.counters is not None]
        gone = self._samples.keys() - {item.row.id for item in running}
        for camera_id in gone:
            del self._samples[camera_id]
        return tuple(self._measure_one(item, now_s) for item in running)

    def _measure_one(self, item: FleetCamera, now_s: float) -> schema.CameraRates:
        counters = item.counters
        assert counters is not None
        now = _Sample(now_s, counters.frames_decoded, counters.frames_detected)
        kept = self._samples.setdefault(item.row.id, deque())
        if kept and kept[-1].decoded > now.decoded:
            kept.clear()  # a new deployment counts from 0
        while kept and now_s - kept[0].at_s > WINDOW_S:
            kept.popleft()
        first = kept[0] if kept else now
        if not kept or now_s - kept[-1].at_s >= SAMPLE_EVERY_S:
            kept.append(now)
        passed_s = now.at_s - first.at_s
        if passed_s <= 0:
            return views.camera_rates(item.row.id, counters, 0.0, 0.0)
        return views.camera_rates(
            item.row.id,
            counters,
            round((now.decoded - first.decoded) / passed_s, 2),
            round((now.detected - first.detected) / passed_s, 2),
        )

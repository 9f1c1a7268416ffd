"""Frames a second of each camera, from its counts at two moments."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from lfrd.api import views
from lfrd.cameras.fleet import FleetCamera
from lfrd.counters import CameraCounters
from lfrd.wire import cameras as wire_cameras
from lfrd.wire import sse

_RATES = TypeAdapter(tuple[wire_cameras.CameraRates, ...])

SAMPLE_EVERY_S = 0.5
LEAST_S = 1e-3
"""A rate over less time says nothing."""
WINDOW_S = 3.0


@dataclass(frozen=True, slots=True)
class _Sample:
    at_s: float
    decoded: int
    detected: int


def running(cameras: Sequence[FleetCamera]) -> dict[str, CameraCounters]:
    """The counts of the cameras that take part in a deployment, by id."""
    return {item.row.id: item.counters for item in cameras if item.counters is not None}


class RateMeter:
    """Remembers some counts of each camera for WINDOW_S; shared by all who ask.

    A sample is taken when a client asks, at most every SAMPLE_EVERY_S, so the memory is bounded.
    """

    def __init__(self) -> None:
        self._samples: dict[str, deque[_Sample]] = {}
        self._said, self._said_at_s = b"", float("-inf")

    def said(self, running: Callable[[], Mapping[str, CameraCounters]], now_s: float) -> bytes:
        """The same as an event of the stream, empty where no camera runs: made once for all who
        ask within SAMPLE_EVERY_S."""
        if not 0 <= now_s - self._said_at_s < SAMPLE_EVERY_S:
            rates = self.measure(running(), now_s)
            text = _RATES.dump_json(rates).decode()
            self._said = sse.encode(sse.RATES, text) if rates else b""
            self._said_at_s = now_s
        return self._said

    def measure(
        self, running: Mapping[str, CameraCounters], now_s: float
    ) -> tuple[wire_cameras.CameraRates, ...]:
        """The figures of the cameras that run, by id, at the monotonic time `now_s`."""
        for camera_id in self._samples.keys() - running.keys():
            del self._samples[camera_id]
        return tuple(self._measure_one(*item, now_s) for item in running.items())

    def _measure_one(
        self, camera_id: str, counters: CameraCounters, now_s: float
    ) -> wire_cameras.CameraRates:
        now = _Sample(now_s, counters.frames_decoded, counters.frames_detected)
        kept = self._samples.setdefault(camera_id, deque())
        if kept and kept[-1].decoded > now.decoded:
            kept.clear()  # a new deployment counts from 0
        while kept and now_s - kept[0].at_s > WINDOW_S:
            kept.popleft()
        first = kept[0] if kept else now
        if not kept or now_s - kept[-1].at_s >= SAMPLE_EVERY_S:
            kept.append(now)
        passed_s = now.at_s - first.at_s
        if passed_s < LEAST_S:
            return views.camera_rates(camera_id, counters, 0.0, 0.0)
        return views.camera_rates(
            camera_id,
            counters,
            round((now.decoded - first.decoded) / passed_s, 2),
            round((now.detected - first.detected) / passed_s, 2),
        )

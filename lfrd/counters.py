"""Counts that end in summaries, health and metrics. They hold numbers, never faces."""

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class CameraCounters:
    """What one camera did in one deployment; single-writer, read from the loop."""

    frames_decoded: int = 0
    frames_dropped: int = 0
    frames_detected: int = 0
    frames_corrupt: int = 0
    keyframes_only_s: float = 0.0
    """For how long not every picture was decoded, because the machine was full."""
    faces_detected: int = 0
    tracks: int = 0
    tracks_split: int = 0
    """Tracks that began because another one had come to follow another person."""
    scene_cuts: int = 0
    """Times that the whole picture was another one, which ended every track."""
    templates_made: int = 0
    recent_inter_eye_px: float = 0.0
    """The largest face by the distance between its eyes, since it was last set to 0."""
    looks_skipped: Counter[str] = field(default_factory=Counter)
    """Looks not embedded, by reason (`too-small`, `pose`, `blur`, `track-cap`, `pool-full`)."""
    large: "CameraCounters | None" = None
    """Of a camera with two streams, what was done with the large one."""
    first_frame_at_s: float | None = None
    cpu_at_first_s: float = 0.0
    """When the first frame arrived, by the monotonic clock, and what the process had spent then."""

    def took_frame(self, arrived_at_s: float) -> None:
        """A frame is on its way to the detector."""
        if self.first_frame_at_s is None:
            self.first_frame_at_s, self.cpu_at_first_s = arrived_at_s, time.process_time()

    def saw(self, inter_eye_px: float) -> None:
        """A face of this size was seen."""
        self.recent_inter_eye_px = max(self.recent_inter_eye_px, inter_eye_px)


BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Spread:
    """How long something took, each time: so many that took at most so long. From any thread."""

    def __init__(self, bounds_s: Sequence[float] = BOUNDS_S) -> None:
        self._bounds_s = tuple(bounds_s)
        self._counts = [0] * (len(self._bounds_s) + 1)
        self._sum_s = 0.0
        self._lock = threading.Lock()

    def note(self, took_s: float) -> None:
        """It took so long, once."""
        place = bisect_left(self._bounds_s, took_s)
        with self._lock:
            self._counts[place] += 1
            self._sum_s += took_s

    def read(self) -> tuple[list[tuple[str, float]], float]:
        """How many took at most each bound (the last one is +Inf), and how long all took."""
        with self._lock:
            counts, sum_s = list(self._counts), self._sum_s
        so_far, buckets = 0, []
        for bound, count in zip((*map(str, self._bounds_s), "+Inf"), counts, strict=True):
            so_far += count
            buckets.append((bound, float(so_far)))
        return buckets, sum_s


@dataclass(frozen=True, slots=True)
class Measures:
    """What the site measures of itself, over all deployments."""

    candidate: Spread = field(default_factory=Spread)
    """From the arrival of the deciding look until the candidate was on the disk."""
    requests: dict[tuple[str, str], Spread] = field(default_factory=dict)
    """Requests that were answered, by method and class of the status (2xx)."""

    def answered(self, method: str, status: int, took_s: float) -> None:
        """A request was answered. Strange methods are one."""
        known = method if method in METHODS else "other"
        self.requests.setdefault((known, f"{status // 100}xx"), Spread()).note(took_s)


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

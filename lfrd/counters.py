"""Counts that end in summaries, health and metrics. They hold numbers, never faces."""

import time
from collections import Counter
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

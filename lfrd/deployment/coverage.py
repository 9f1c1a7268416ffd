"""For how long each camera of a deployment gave pictures, and for how long it should have."""

from collections import defaultdict
from collections.abc import Callable, Mapping

from lfrd.ingest.settings import GIVES_PICTURES, State

TAKES_NO_PART = frozenset({State.IDLE, State.ENDED, State.CLOSING})
"""Paused by a user, come to its end, or about to leave: nothing is missing."""

States = Callable[[], Mapping[str, State]]


class Coverage:
    """Seconds by camera. `tick` is called every now and then, and what a camera is doing then
    counts since the last time. While no operator is present (`paused`) no camera is asked."""

    def __init__(self, states: States, now_s: float) -> None:
        self.active_s: defaultdict[str, float] = defaultdict(float)
        self.down_s: defaultdict[str, float] = defaultdict(float)
        self.ran_s = 0.0
        self.paused_s = 0.0
        self._states = states
        self._last_s = now_s

    def tick(self, now_s: float, *, paused: bool) -> None:
        """Count what passed since the last time."""
        passed_s, self._last_s = max(0.0, now_s - self._last_s), now_s
        self.ran_s += passed_s
        if paused:
            self.paused_s += passed_s
            return
        for camera_id, state in self._states().items():
            if state in GIVES_PICTURES:
                self.active_s[camera_id] += passed_s
            elif state not in TAKES_NO_PART:
                self.down_s[camera_id] += passed_s

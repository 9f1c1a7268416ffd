"""Which looks at a track are worth a template. Pure: measures in, yes or a reason out.

The first acceptable look is taken at once, so that a candidate comes early. Later ones are taken
when they are clearly better, or when enough time has passed for the look to be a new piece of
evidence, and never more than a fixed number for one track.
"""

from dataclasses import dataclass
from typing import Literal

from lfrd.types import Quality

Skip = Literal["too-small", "turned-away", "track-cap", "too-soon"]


@dataclass(frozen=True, slots=True)
class BestShotRule:
    """`better` is the factor of quality at which a look is clearly better than the best so far."""

    smallest_inter_eye_px: float = 24.0
    max_yaw_deg: float = 45.0
    max_looks: int = 16
    apart_s: float = 0.5
    better: float = 1.15
    better_apart_s: float = 0.2


class BestShot:
    """The looks taken of one track."""

    def __init__(self, rule: BestShotRule) -> None:
        self._rule = rule
        self._taken = 0
        self._best = 0.0
        self._last_s = float("-inf")

    def refusal(self, quality: Quality, at_s: float) -> Skip | None:
        """Why this look is not worth a template, or None when it is."""
        rule = self._rule
        if quality.inter_eye_px < rule.smallest_inter_eye_px:
            return "too-small"
        if abs(quality.yaw_deg) > rule.max_yaw_deg:
            return "turned-away"
        if self._taken >= rule.max_looks:
            return "track-cap"
        since_s = at_s - self._last_s
        if since_s >= rule.apart_s:
            return None
        if since_s >= rule.better_apart_s and quality.overall >= self._best * rule.better:
            return None
        return "too-soon"

    def took(self, quality: Quality, at_s: float) -> None:
        """A template was made of this look."""
        self._taken += 1
        self._best = max(self._best, quality.overall)
        self._last_s = at_s

"""Which looks at a track are worth a template. Pure: measures in, a reason to skip out.

The first acceptable look is taken at once, so that a candidate comes early. Later ones are taken
when they are clearly better, or when enough time has passed for the look to be a new piece of
evidence, and never more than a fixed number for one track.
"""

from dataclasses import dataclass
from typing import Literal

from lfrd.types import Quality

Skip = Literal["too-small", "turned-away", "track-cap", "too-soon", "pool-full"]


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

    def early_refusal(self, inter_eye_px: float, yaw_deg: float, at_s: float) -> Skip | None:
        """Why this look is not worth a crop, from its landmarks alone."""
        rule = self._rule
        if inter_eye_px < rule.smallest_inter_eye_px:
            return "too-small"
        if abs(yaw_deg) > rule.max_yaw_deg:
            return "turned-away"
        if self._taken >= rule.max_looks:
            return "track-cap"
        if at_s - self._last_s < rule.better_apart_s:
            return "too-soon"
        return None

    def refusal(self, quality: Quality, at_s: float) -> Skip | None:
        """Why the crop is not worth a template, or None when it is."""
        early = self.early_refusal(quality.inter_eye_px, quality.yaw_deg, at_s)
        if early is not None or at_s - self._last_s >= self._rule.apart_s:
            return early
        return None if quality.overall >= self._best * self._rule.better else "too-soon"

    def took(self, quality: Quality, at_s: float) -> None:
        """A template was made of this look."""
        self._taken += 1
        self._best = max(self._best, quality.overall)
        self._last_s = at_s

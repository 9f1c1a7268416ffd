"""Which looks at a track are worth a template. Pure: measures in, a reason to skip out.

The first acceptable look is taken at once, so that a candidate comes early, and a few more soon
after it, because several looks decide better than one. From then on a look is only worth its
template if it can change the decision: where the track already looks like somebody on the list the
pace is kept, where it does not each next look waits twice as long, and a clearly better look may
come earlier. A track never gets more than a fixed number.
"""

from dataclasses import dataclass
from typing import Literal

from lfrd.types import Quality

Skip = Literal["too-small", "turned-away", "track-cap", "too-soon", "pool-full", "frame-full"]


@dataclass(frozen=True, slots=True)
class BestShotRule:
    """`better` is the factor of quality at which a look is clearly better than the best so far,
    and may come after `better_share` of the wait.

    The wait is `apart_s` for the first `brisk_looks`, and as long as somebody on the list is
    near; then it doubles with each look, up to `longest_wait_s`. The mean of three looks is what
    a decision is made of (see lfrd.identity.evidence).
    """

    smallest_inter_eye_px: float = 24.0
    max_yaw_deg: float = 45.0
    max_looks: int = 16
    apart_s: float = 0.5
    brisk_looks: int = 3
    longest_wait_s: float = 8.0
    better: float = 1.15
    better_share: float = 0.4


class BestShot:
    """The looks taken of one track."""

    def __init__(self, rule: BestShotRule) -> None:
        self._rule = rule
        self._taken = 0
        self._best = 0.0
        self._best_potential = 0.0
        self._last_s = float("-inf")
        self._wait_s = rule.apart_s

    def closed(self, at_s: float) -> Skip | None:
        """Why no look is worth anything now, however good it is."""
        if self._taken >= self._rule.max_looks:
            return "track-cap"
        if at_s - self._last_s < self._rule.better_share * self._wait_s:
            return "too-soon"
        return None

    def early_refusal(
        self, inter_eye_px: float, yaw_deg: float, potential: float, at_s: float
    ) -> Skip | None:
        """Why this look is not worth a crop, from its landmarks alone.

        `potential` is the quality as far as landmarks and detector tell (see quality.potential).
        """
        rule = self._rule
        if closed := self.closed(at_s):
            return closed
        if inter_eye_px < rule.smallest_inter_eye_px:
            return "too-small"
        if abs(yaw_deg) > rule.max_yaw_deg:
            return "turned-away"
        return self._too_soon(potential, self._best_potential, at_s)

    def refusal(self, quality: Quality, potential: float, at_s: float) -> Skip | None:
        """Why the crop is not worth a template, or None when it is."""
        early = self.early_refusal(quality.inter_eye_px, quality.yaw_deg, potential, at_s)
        return early or self._too_soon(quality.overall, self._best, at_s)

    def took(self, quality: Quality, potential: float, at_s: float) -> None:
        """A template was made of this look."""
        self._taken += 1
        self._best = max(self._best, quality.overall)
        self._best_potential = max(self._best_potential, potential)
        self._last_s = at_s

    def compared(self, *, near: bool) -> None:
        """What the comparison said: is somebody on the list near, so that more looks decide?"""
        rule = self._rule
        if near or self._taken < rule.brisk_looks:
            self._wait_s = rule.apart_s
        else:
            self._wait_s = min(2 * self._wait_s, rule.longest_wait_s)

    def _too_soon(self, value: float, best: float, at_s: float) -> Skip | None:
        """Before its time a look must be clearly better than the best one."""
        if at_s - self._last_s >= self._wait_s:
            return None
        return None if value >= best * self._rule.better else "too-soon"

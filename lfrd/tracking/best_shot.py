"""Which looks at a track are worth a template. Pure: measures in, a reason to skip out.

The first acceptable look is taken at once, so that a candidate comes early. What the next one is
worth depends on what the last one said. Where a person on the list is near, looks follow quickly
until it is decided. Where no person on the list is near, or the track is decided, each wait is
twice as long as the one before, or at once the longest where the look was a clear one, and only a
clearly better look comes earlier. A track has a fixed number of looks, which the promise of the
threshold counts on; after them it is looked at rarely, to see whether it still shows the same
person. Where there is reason to doubt that (`doubtful`), a look is due at once.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

from lfrd.types import Quality

Skip = Literal["too-small", "turned-away", "track-cap", "too-soon", "pool-full", "frame-full"]


LOOKED_AT = 0.75
"""Faces down to this part of the smallest size that is surely found are looked at where they are
found and show a front. They weigh as little as they tell (see lfrd.matching.evidence)."""

SMALL_MAX_YAW_DEG = 30.0


class Nearness(Enum):
    """What a comparison said about the entries of the list."""

    DECIDED = auto()
    """An entry was raised."""
    NEAR = auto()
    """More looks may raise an entry."""
    UNCLEAR = auto()
    """No person on the list is near, but a poor look would say so too."""
    FAR = auto()
    """No person on the list is anywhere near, and the look was not a clear one."""
    NOT_LISTED = auto()
    """A clear look says that no person on the list is anywhere near."""


@dataclass(frozen=True, slots=True)
class BestShotRule:
    """`better` is the factor of quality at which a look is clearly better than the best so far,
    and may come after `better_share` of the wait; `much_better` is that of a track of which a clear
    look said that it is no person on the list.

    The wait is `apart_s` between the first `brisk_looks` as long as they may decide, `near_s` while
    a person on the list is near, and else doubles with each look up to `longest_wait_s`. A look in
    doubt may come `doubt_s` after the last one.
    """

    smallest_inter_eye_px: float = 24.0
    max_yaw_deg: float = 80.0
    max_looks: int = 16
    apart_s: float = 0.35
    near_s: float = 0.5
    doubt_s: float = 0.4
    brisk_looks: int = 3
    longest_wait_s: float = 3.0
    better: float = 1.5
    much_better: float = 2.0
    better_share: float = 0.6


class BestShot:
    """The looks taken of one track."""

    def __init__(self, rule: BestShotRule) -> None:
        self._rule = rule
        self._taken = 0
        self._best = 0.0
        self._best_potential = 0.0
        self._last_s = float("-inf")
        self._wait_s = rule.apart_s
        self._better = rule.better

    @property
    def full(self) -> bool:
        """Whether it has had all its looks; what comes now only checks who it is."""
        return self._taken >= self._rule.max_looks

    def closed(self, at_s: float, *, doubtful: bool = False) -> Skip | None:
        """Why no look is worth anything now, however good it is."""
        waited_s = at_s - self._last_s
        if doubtful:
            return None if waited_s >= self._rule.doubt_s else "too-soon"
        if self.full:
            return None if waited_s >= self._rule.longest_wait_s else "track-cap"
        return "too-soon" if waited_s < self._rule.better_share * self._wait_s else None

    def early_refusal(
        self,
        size_px: float,
        yaw_deg: float,
        potential: float,
        at_s: float,
        *,
        doubtful: bool = False,
    ) -> Skip | None:
        """Why this look is not worth a crop, from its landmarks alone.

        `size_px` is that of the face (see quality.face_size_px), `potential` the quality as far as
        landmarks and detector tell (see quality.potential).
        """
        rule = self._rule
        if closed := self.closed(at_s, doubtful=doubtful):
            return closed
        if size_px < LOOKED_AT * rule.smallest_inter_eye_px:
            return "too-small"
        small = size_px < rule.smallest_inter_eye_px
        if abs(yaw_deg) > (SMALL_MAX_YAW_DEG if small else rule.max_yaw_deg):
            return "turned-away"
        return None if doubtful else self._too_soon(potential, self._best_potential, at_s)

    def refusal(
        self, quality: Quality, size_px: float, potential: float, at_s: float, *, doubtful: bool
    ) -> Skip | None:
        """Why the crop is not worth a template, or None when it is."""
        early = self.early_refusal(size_px, quality.yaw_deg, potential, at_s, doubtful=doubtful)
        if early or doubtful or at_s - self._last_s >= self._wait_s:
            return early
        return None if quality.overall >= self._best else "too-soon"

    def took(self, quality: Quality, potential: float, at_s: float) -> None:
        """A template was made of this look."""
        self._taken += 1
        self._best = max(self._best, quality.overall)
        self._best_potential = max(self._best_potential, potential)
        self._last_s = at_s

    def compared(self, nearness: Nearness, *, small: bool = False) -> None:
        """What the comparison of the look just taken said; of a `small` face, that no person is
        near is all it will say until the face is larger."""
        rule = self._rule
        brisk = self._taken < rule.brisk_looks
        self._better = rule.much_better if nearness is Nearness.NOT_LISTED else rule.better
        if nearness is Nearness.NEAR:
            self._wait_s = rule.apart_s if brisk else rule.near_s
        elif nearness is Nearness.UNCLEAR and brisk and not small:
            self._wait_s = rule.apart_s
        elif nearness is Nearness.NOT_LISTED:
            self._wait_s = rule.longest_wait_s
        else:
            self._wait_s = min(2 * self._wait_s, rule.longest_wait_s)

    def _too_soon(self, value: float, best: float, at_s: float) -> Skip | None:
        """Before its time a look must be clearly better than the best one."""
        if at_s - self._last_s >= self._wait_s:
            return None
        return None if value >= best * self._better else "too-soon"


class SpareLooks:
    """How many looks at small faces a camera can spare. Every look takes one of BURST, which grow
    back at RATE_HZ; small faces have looks as long as more than half are there, so that a street
    full of people spends them on those who come near."""

    RATE_HZ = 5.0
    BURST = 6.0

    def __init__(self) -> None:
        self._left = self.BURST
        self._at_s = float("-inf")

    def took(self, at_s: float) -> None:
        """A look was taken, of whatever face."""
        self._left = max(0.0, self._now(at_s) - 1.0)
        self._at_s = at_s

    def any(self, at_s: float) -> bool:
        """Whether there is one for a small face."""
        return self._now(at_s) > self.BURST / 2

    def _now(self, at_s: float) -> float:
        grown = self.RATE_HZ * max(0.0, at_s - self._at_s)
        return min(self.BURST, self._left + grown)

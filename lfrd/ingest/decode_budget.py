"""Which cameras decode every picture where the machine cannot do so for all of them.

How many that are is not known beforehand: their number goes down while the machine is too busy, and
up again, more carefully each time that was too much. Cameras at which a face is followed come
first, and lose their place only where streams are read late; among the others it goes round.
"""

from dataclasses import dataclass
from typing import Final

LESS_EVERY_S: Final = 2.0
MORE_AFTER_S: Final = 1.0
MORE_AFTER_LIMIT_S: Final = 20.0
"""So long nothing was too much before one more camera decodes all; doubled where that one was too
many, up to the limit."""
TOO_MUCH_S: Final = 10.0
"""Too busy so soon after one more: that one was too many."""
LATE_S: Final = 3.0
"""Only so long after a stream was read late do cameras at which a face is followed lose their
place: else looks at all of them are made rarer."""
TURN_S: Final = 4.0
"""So long a camera keeps its place while others wait: two keyframes of most cameras."""


@dataclass(slots=True, eq=False)
class Claim:
    """One camera's. `granted` is read by its reader thread; `wants` and `follows` say whether it
    would decode every picture, and whether a face is followed there."""

    wants: bool = True
    follows: bool = False
    granted: bool = True
    since_s: float = float("-inf")
    """When it was last granted, or last lost it."""


class DecodeBudget:
    """Grants the claims. Pure: times are passed in. For the event loop only."""

    def __init__(self) -> None:
        self._claims: dict[str, Claim] = {}
        self._limit: int | None = None
        self._less_at_s = self._more_at_s = self._late_at_s = float("-inf")
        self._more_after_s = MORE_AFTER_S

    def join(self, camera_id: str) -> Claim:
        """A camera begins."""
        claim = self._claims[camera_id] = Claim()
        return claim

    def leave(self, camera_id: str) -> None:
        """A camera left; the others may have its place."""
        self._claims.pop(camera_id, None)

    @property
    def limited(self) -> bool:
        """Whether not all may."""
        return self._limit is not None

    @property
    def counts(self) -> tuple[int, int]:
        """How many cameras decode every picture, of how many that would."""
        wanting = [claim for claim in self._claims.values() if claim.wants]
        return sum(claim.granted for claim in wanting), len(wanting)

    def less(self, now_s: float, *, late: bool = False) -> None:
        """Too busy: one camera less, every two seconds. `late`: to decode what comes, not only to
        look at it."""
        if late:
            self._late_at_s = now_s
        if not self._claims or now_s - self._less_at_s < LESS_EVERY_S:
            return
        if now_s - self._more_at_s < TOO_MUCH_S:
            self._more_after_s = min(2 * self._more_after_s, MORE_AFTER_LIMIT_S)
        self._less_at_s = now_s
        self._limit = max(0, self.counts[0] - 1)

    def more(self, now_s: float) -> None:
        """There is room: one camera more, after a while."""
        assert self._limit is not None
        if now_s - max(self._less_at_s, self._more_at_s) < self._more_after_s:
            return
        if now_s - self._less_at_s > MORE_AFTER_LIMIT_S:
            self._more_after_s = MORE_AFTER_S
        self._more_at_s = now_s
        self._limit += 1
        if self._limit >= len(self._claims):
            self._limit = None

    def share_out(self, now_s: float) -> None:
        """Grant as many claims as may be; those of followed faces, then those that waited."""
        wanting = [claim for claim in self._claims.values() if claim.wants]
        limit = len(wanting) if self._limit is None else self._limit
        if now_s - self._late_at_s > LATE_S:
            limit = max(limit, sum(claim.follows for claim in wanting))
        chosen = sorted(wanting, key=lambda claim: _rank(claim, now_s))[:limit]
        for claim in self._claims.values():
            granted = any(claim is one for one in chosen) or not claim.wants
            if granted is not claim.granted:
                claim.granted, claim.since_s = granted, now_s


def _rank(claim: Claim, now_s: float) -> tuple[bool, bool, float]:
    """First who follows a face; then who has had its place for a short while only; then who waits
    longest, and last who has had it longest."""
    has_turn = claim.granted and now_s - claim.since_s < TURN_S
    since_s = 2 * now_s - claim.since_s if claim.granted else claim.since_s
    return not claim.follows, not has_turn, since_s

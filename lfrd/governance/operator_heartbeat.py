"""The heartbeat of rule 7: no operator present, no matching; likewise of a team on the spot. Pure:
pings and a clock in.

A permanent camera that compares faces while no operator is there to decide is what the rule is
against. After `minutes` without a sign of an operator matching pauses, and no camera is decoded;
after as long again the deployment ends.
"""

import enum


class Operators(enum.Enum):
    """Whether an operator is there to decide, or a team on the spot."""

    HERE = "here"
    AWAY = "away"
    GONE = "gone"


class OperatorHeartbeat:
    """Counts from the start of a deployment (or from its going on after a restart)."""

    def __init__(self, minutes: float | None, now_s: float, *, at_once: bool = False) -> None:
        """`minutes` None: no heartbeat is wanted. `now_s` as everywhere here is monotonic.
        `at_once`: an operator who is away is gone, without a pause before."""
        self._at_once = at_once
        self._limit_s = None if minutes is None else minutes * 60.0
        self._seen_s = now_s

    def seen(self, now_s: float) -> None:
        """An operator gave a sign."""
        self._seen_s = now_s

    def at(self, now_s: float) -> Operators:
        if self._limit_s is None or now_s - self._seen_s <= self._limit_s:
            return Operators.HERE
        away_s = now_s - self._seen_s
        waits = away_s <= 2 * self._limit_s and not self._at_once
        return Operators.AWAY if waits else Operators.GONE

"""Is a camera well? Judged from a few numbers and the time, without side effects."""

from dataclasses import dataclass
from typing import Final

from lfrd.ingest.settings import State

FROZEN_AFTER_S: Final = 4.0
UNCHANGED_AFTER_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Pulse:
    """What the reader last saw, in monotonic seconds; None for never in this connection.

    `frame_at_s`: a frame with a new timestamp. `changed_at_s`: a frame whose luma differs from
    the one before.
    """

    frame_at_s: float | None = None
    changed_at_s: float | None = None
    damaged_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """A state and why."""

    state: State
    reason: str


def judge(pulse: Pulse, now_s: float) -> Verdict:
    """Return live, degraded or frozen for a connected camera that has given at least one frame.

    An unchanged picture is only degraded: at night nothing may move for hours, and that is no
    fault. So is a stream of which more than a quarter of the pictures is damaged.
    """
    assert pulse.frame_at_s is not None
    silent_s = now_s - pulse.frame_at_s
    if silent_s >= FROZEN_AFTER_S:
        return Verdict(State.FROZEN, "no new picture or timestamp for 4 s")
    if pulse.changed_at_s is not None and now_s - pulse.changed_at_s >= UNCHANGED_AFTER_S:
        return Verdict(
            State.DEGRADED, "picture unchanged for 30 s: a still scene, or a camera that repeats"
        )
    if pulse.damaged_share > 0.25:
        return Verdict(State.DEGRADED, "more than a quarter of the pictures arrive damaged")
    return Verdict(State.LIVE, "pictures arrive")

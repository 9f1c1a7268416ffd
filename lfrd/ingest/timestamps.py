"""Time of a picture, from what cameras send: missing, repeated, jumping and drifting stamps.

Pure and synchronous. `MediaTimeline` makes the stream's own time start at 0 and rise strictly.
`CaptureClock` maps the sender's wall clock (RTCP sender reports) to our monotonic clock.
"""

from typing import Final

SMALLEST_STEP_S: Final = 1e-4
USUAL_PERIOD_S: Final = 0.04
MAX_REORDER_S: Final = 0.5
LIVE_GAP_S: Final = 10.0
FILE_GAP_S: Final = 3600.0
SLOW_STEP_S: Final = 1 / 480
"""No camera takes pictures faster: stamps of a file that rise by less, for SLOW_LIMIT pictures on
end, do not tell the time."""
SLOW_LIMIT: Final = 5


class MediaTimeline:
    """Seconds of stream time since the first picture, strictly rising, through anything.

    A stamp that is missing continues with the usual distance. A stamp a little behind (a picture
    out of order) is squeezed in. A stamp that goes back further, or leaps further ahead than the
    arrival explains, starts a new origin, as counters wrap and encoders restart; a live stream
    then continues by the time that passed, a file by one picture.

    A file's stamps may also stand still, or rise by next to nothing: then its pictures follow each
    other as its frame rate says, until the stamps rise again.
    """

    def __init__(self, live: bool) -> None:
        self._live = live
        self._max_gap_s = LIVE_GAP_S if live else FILE_GAP_S
        self._origin_s: float | None = None
        self._last_s: float | None = None
        self._last_arrived_s = 0.0
        self._period_s = USUAL_PERIOD_S
        self._stuck = not live  # until stamps have risen
        self._slow = 0
        self._slow_since_s = 0.0

    def restart(self, fps: float | None = None) -> None:
        """The next stamp has a new origin: the stream was opened anew. `fps` is the rate that a
        file tells of itself; a live stream's is not believed."""
        self._origin_s = None
        if not self._live:
            self._stuck, self._slow = True, 0
            self._max_gap_s = FILE_GAP_S
            self._period_s = 1 / fps if fps else USUAL_PERIOD_S

    def step(self, stream_s: float | None, arrived_at_s: float) -> float:
        """Return the picture's time. `stream_s` has an arbitrary origin; None where unknown."""
        if self._last_s is None:
            self._last_s = 0.0
            self._origin_s = stream_s
        else:
            waited_s = max(0.0, arrived_at_s - self._last_arrived_s) if self._live else 0.0
            self._last_s = self._next(self._last_s, stream_s, waited_s)
        self._last_arrived_s = arrived_at_s
        return self._last_s

    def _next(self, last_s: float, stream_s: float | None, waited_s: float) -> float:
        if stream_s is None:
            return last_s + self._period_s
        step_s = max(self._period_s, waited_s)
        if self._origin_s is not None:
            ahead_s = stream_s - self._origin_s - last_s
            if -MAX_REORDER_S <= ahead_s <= waited_s + self._max_gap_s:
                late_s = 0.0 if self._live else self._stuck_for_s(last_s, ahead_s)
                if late_s == 0.0:
                    self._learn_period(ahead_s)
                    return last_s + max(ahead_s, SMALLEST_STEP_S)
                step_s = late_s
            elif ahead_s < 0.0 and not self._live:
                self._max_gap_s = LIVE_GAP_S  # stamps that went back are not believed a long gap
        self._origin_s = stream_s - last_s - step_s
        return last_s + step_s

    def _stuck_for_s(self, last_s: float, ahead_s: float) -> float:
        """By how much the time of a file goes on although its stamp, `ahead_s` after the last
        picture's time, does not tell; 0 where the stamp is to be believed, or squeezed in."""
        if ahead_s >= min(SLOW_STEP_S, self._period_s / 2):
            self._stuck, self._slow = False, 0
            return 0.0
        if self._slow == 0:
            self._slow_since_s = last_s
        self._slow += 1
        if self._stuck:
            return self._period_s
        if self._slow < SLOW_LIMIT:
            return 0.0
        self._stuck = True  # those that were squeezed in are made up for
        return max(self._period_s, self._slow_since_s + self._slow * self._period_s - last_s)

    def _learn_period(self, step_s: float) -> None:
        least_s = SMALLEST_STEP_S if self._live else min(SLOW_STEP_S, self._period_s / 2)
        if least_s < step_s < 1.0:
            self._period_s += 0.1 * (step_s - self._period_s)


class CaptureClock:
    """When a picture was taken, in our monotonic seconds, never falling and never in the future.

    The sender's clock is believed where it puts the picture at most `max_delay_s` before its
    arrival; a camera whose clock is wrong by more than that says nothing, and the arrival counts.
    Where belief begins or ends, time slows down to half instead of standing still or going back.
    """

    def __init__(self, max_delay_s: float = 10.0) -> None:
        self._max_delay_s = max_delay_s
        self._last_s: float | None = None
        self._last_arrived_s = 0.0

    def captured(
        self, arrived_at_s: float, arrived_wall_s: float, sender_wall_s: float | None
    ) -> float:
        """Return the capture time of a picture that arrived at both clocks' `arrived`."""
        delay_s = 0.0 if sender_wall_s is None else arrived_wall_s - sender_wall_s
        if not 0.0 <= delay_s <= self._max_delay_s:
            delay_s = 0.0
        captured_s = arrived_at_s - delay_s
        if self._last_s is not None:
            waited_s = max(0.0, arrived_at_s - self._last_arrived_s)
            captured_s = max(captured_s, self._last_s + 0.5 * waited_s)
        self._last_s = captured_s
        self._last_arrived_s = max(arrived_at_s, self._last_arrived_s)
        return captured_s

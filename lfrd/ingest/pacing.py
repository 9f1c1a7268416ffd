"""Which pictures of a camera are looked at: those whose turn it is, and of these those in which
something moved. Decided in the reader thread, so that the others cost nothing further on."""

from lfrd.types import U8
from lfrd.vision.motion import MotionGate

BUSY, IDLE = 0.9, 0.7
"""Shares of its time between two turns that a camera may take before all get slower; and below
which all may get faster. What lies between changes nothing."""

STEP_S = 0.5
SLOWEST_STEP, FASTER_STEP = 0.7, 1.1
MEMORY = 0.3
"""Weight of the newest turn in a camera's mean share."""
LONGEST_PERIODS = 10
FORGOTTEN_S = 3.0
"""A camera that took no turn for so long has no say."""


class RateController:
    """The common rate in turns a second, `hz`, between `floor_hz` and `target_hz`.

    Every camera gets the target while all can have it. When one can no longer keep up (its faces
    are many, or the processors are busy), all slow down together until it can, but not below the
    floor: so each camera has the floor before any has more. When there is room again, all get
    faster.

    Pure: the time of each step is passed in. For the event loop only.
    """

    def __init__(self, target_hz: float, floor_hz: float) -> None:
        assert 0 < floor_hz <= target_hz, (floor_hz, target_hz)
        self.hz = target_hz
        self._target_hz = target_hz
        self._floor_hz = floor_hz
        self._adapted_at_s = float("-inf")
        self._shares: dict[str, tuple[float, float]] = {}
        """Mean share of the time between turns that each camera takes, and when it last told."""

    def turn(self, camera_id: str) -> "Turn":
        """The turns of one camera, whose frames' own clock says when they are."""
        return Turn(self, camera_id)

    def took(self, camera_id: str, busy_s: float, now_s: float) -> None:
        """A camera's turn took so long, and ended now."""
        share = busy_s * self.hz
        known = self._shares.get(camera_id, (share, now_s))[0]
        self._shares[camera_id] = known + MEMORY * (share - known), now_s
        if now_s - self._adapted_at_s >= STEP_S:
            self._adapted_at_s = now_s
            self._adapt(now_s)

    def _adapt(self, now_s: float) -> None:
        shares = {
            camera_id: (share, told_at_s)
            for camera_id, (share, told_at_s) in self._shares.items()
            if now_s - told_at_s <= FORGOTTEN_S
        }
        worst = max(share for share, _ in shares.values())
        hz = self.hz
        if worst > BUSY:
            hz *= max(SLOWEST_STEP, BUSY / worst)
        elif worst < IDLE:
            hz *= min(FASTER_STEP, BUSY / max(worst, 0.01))
        hz = min(self._target_hz, max(self._floor_hz, hz))
        # At another rate the same work is another share of the time.
        self._shares = {
            camera_id: (share * hz / self.hz, told_at_s)
            for camera_id, (share, told_at_s) in shares.items()
        }
        self.hz = hz


class Turn:
    """When one camera is due. `due` is for one thread, `took` for the event loop."""

    def __init__(self, rate: RateController, camera_id: str) -> None:
        self._rate = rate
        self._camera_id = camera_id
        self._due_s = float("-inf")

    def due(self, at_s: float) -> bool:
        """Whether a frame of this time is to be looked at; if so, the next turn is set."""
        period_s = 1 / self._rate.hz
        early_s = self._due_s - at_s
        if 1e-6 < early_s <= LONGEST_PERIODS * period_s:  # further back, a clock was set anew
            return False
        behind_s = at_s - period_s
        self._due_s = max(self._due_s, behind_s) + period_s if early_s <= 1e-6 else at_s + period_s
        return True

    def took(self, busy_s: float, now_s: float) -> None:
        """The turn is over."""
        self._rate.took(self._camera_id, busy_s, now_s)


class CameraPacer:
    """One camera's. `due` and `still` are for its reader thread; the rest for the event loop."""

    def __init__(self, rate: RateController, camera_id: str, still_look_s: float = 0.0) -> None:
        """`still_look_s` 0: nothing counts as still (see lfrd.vision.motion)."""
        self._rate = rate
        self._turn: Turn = rate.turn(camera_id)
        self._gate = MotionGate(still_look_s) if still_look_s else None
        self._handed: int | None = None
        self._over: int | None = None

    @property
    def period_s(self) -> float:
        """How far apart two turns are now."""
        return 1 / self._rate.hz

    def due(self, at_s: float) -> bool:
        """Whether it is the turn of a picture of this time."""
        return self._turn.due(at_s)

    def still(self, luma: U8, at_s: float) -> bool:
        """Whether nothing moved in a picture whose turn it is; luma u8[h, w]."""
        return self._gate is not None and not self._gate.lets(luma, at_s)

    @property
    def at_rest(self) -> bool:
        """Whether the last picture that was handed over is done with, and no face is followed: a
        still one would be passed over. For the reader thread."""
        return self._over == self._handed

    def handed(self, sequence: int) -> None:
        """The picture of this number is on its way. For the reader thread."""
        self._handed = sequence

    def over(self, sequence: int, follows_any: bool) -> None:
        """The picture of this number is done with; `follows_any`: faces may still be there."""
        self._over = None if follows_any else sequence

    def took(self, busy_s: float, now_s: float) -> None:
        """A turn is over."""
        self._turn.took(busy_s, now_s)

    def clear(self) -> None:
        """Forget what the camera showed."""
        if self._gate is not None:
            self._gate.clear()

"""Which pictures of a camera are looked at: those whose turn it is, and of these those in which
something moved. Decided in the reader thread, so that the others cost nothing further on."""

from lfrd.ingest.rate_controller import Tempo, Turn
from lfrd.types import U8
from lfrd.vision.motion import MotionGate


class Pacer:
    """One camera's. `due` and `still` are for its reader thread; the rest for the event loop."""

    def __init__(self, tempo: Tempo, camera_id: str, still_look_s: float = 0.0) -> None:
        """`still_look_s` 0: nothing counts as still (see lfrd.vision.motion)."""
        self._tempo = tempo
        self._turn: Turn = tempo.turn(camera_id)
        self._gate = MotionGate(still_look_s) if still_look_s else None
        self._handed: int | None = None
        self._over: int | None = None

    @property
    def period_s(self) -> float:
        """How far apart two turns are now."""
        return 1 / self._tempo.hz

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

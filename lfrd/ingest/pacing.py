"""Which pictures of a camera are decoded and looked at: those whose turn it is, and of these those
in which something moved. Decided in the reader thread, so that the others cost nothing further on.

A machine that is full looks more rarely first; where that is not enough, some cameras decode their
keyframes only, those first at which no face is followed. No camera is lost for it.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from lfrd.ingest.decode_budget import Claim, DecodeBudget
from lfrd.ingest.rest import REST_S
from lfrd.ingest.source import DUE_NOW, EVERY, KEYFRAMES, NONE, NOT_DUE, Due, Wanted
from lfrd.types import U8, Frame
from lfrd.vision.motion import MotionGate

PLACES_WAITING = 2
"""Frames worked on beyond one for each inference thread, so that none waits for the event loop."""
BUSY, IDLE = 0.9, 0.7
"""Shares of its time between two turns that a camera may take before all get slower; and below
which all may get faster. What lies between changes nothing."""

STEP_S = 0.5
SLOWEST_STEP, FASTER_STEP = 0.7, 1.3
BEHIND_S, BEHIND_STEP, KEEPS_UP_S = 0.5, 0.85, 0.25
"""Where a large stream is read so late, all get slower by so little, before it is decoded at its
keyframes only; and none gets faster before all are read on time."""
TOO_BUSY, TOO_BUSY_S = 1.0, 3.0
"""A camera that takes so much of its time at the slowest rate, and for so long, gets less than the
floor: then fewer are decoded in full."""
MEMORY = 0.3
"""Weight of the newest turn in a camera's mean share."""
REST_SHARE = 0.25
"""Packets may lie for so much of the time between two turns."""
LONGEST_PERIODS = 10
FORGOTTEN_S = 3.0
"""A camera that took no turn for so long has no say."""
NEAR_S, NEAR_TURNS = 0.4, 2.5
"""So long after the last face, and for so many turns, the large stream of two is still decoded.
Longer costs a fifth of its decoding where people come and go; where it was too short, decoding goes
on with what was kept."""
GONE_LOOKS = 3
"""After so many looks in a row without a face it is NEAR_S, however far apart the turns are."""
BEGINS_S, SOON_HZ = 0.6, 8.0
"""So long after the large stream was gone on with it is looked at so often, however full the
machine is: the first looks are those that tell who came. So it is once a look shows no face, to
know soon whether all have gone."""
IN_USE_S = 0.5
"""The small stream is not searched while the large one gave a picture so recently."""


class Places:
    """How many frames are worked on at the same time, over all cameras: enough to keep the
    processors busy, and no more, since each of them makes the others later. The others wait in
    their mailboxes, where newer pictures take their place; who waits longest is next.
    """

    def __init__(self, count: int) -> None:
        assert count >= 1, count
        self._room = asyncio.Semaphore(count)

    def gate(self, now_s: Callable[[], float] = time.monotonic) -> "Gate":
        """One camera's."""
        return Gate(self._room, now_s)


class Gate:
    """The places of one camera; see `mailbox.Gate`. For the event loop."""

    def __init__(self, room: asyncio.Semaphore, now_s: Callable[[], float]) -> None:
        self._room = room
        self._now_s = now_s
        self._entered = 0
        self.waited_s = 0.0
        """For how long the last frame waited to be taken."""

    async def enter(self) -> None:
        """Wait for a place."""
        begun_s = self._now_s()
        await self._room.acquire()
        self._entered += 1
        self.waited_s = self._now_s() - begun_s

    def leave(self) -> None:
        """A frame is done with. Does nothing where none came through here."""
        if self._entered:
            self._entered -= 1
            self._room.release()

    def leave_all(self) -> None:
        """The camera left."""
        while self._entered:
            self.leave()


class RateController:
    """The common rate in turns a second, `hz`, between `floor_hz` and `target_hz`.

    Every camera gets the target while all can have it. When one can no longer keep up (its faces
    are many, or the processors are busy), all slow down together until it can, but not below the
    floor: so each camera has the floor before any has more. At the floor, fewer cameras decode
    every picture (`budget`), first those at which no face is followed. When there is room
    again, first those decode all, then all get faster.

    Pure: the time of each step is passed in. For the event loop only, but for `late`.
    """

    def __init__(self, target_hz: float, floor_hz: float, threads: int = 2) -> None:
        """`threads`: those that work on the frames."""
        assert 0 < floor_hz <= target_hz, (floor_hz, target_hz)
        self.hz = target_hz
        self.places = Places(threads + PLACES_WAITING)
        self.budget = DecodeBudget()
        self.target_hz = target_hz
        self._floor_hz = floor_hz
        self._adapted_at_s = float("-inf")
        self._shares: dict[str, tuple[float, float]] = {}
        """Mean share of the time between turns that each camera takes, and when it last told."""
        self._late: set[str] = set()
        self._late_at_s = float("-inf")
        self._behind_s = 0.0
        """The most that a stream was read late since the last step."""
        self._kept_up_at_s = float("-inf")
        """When last no camera was too busy at the slowest rate."""

    @property
    def ease(self) -> float:
        """The rate as a part of the target: 1 where the machine has room."""
        return self.hz / self.target_hz

    @property
    def below_floor(self) -> bool:
        """Whether even the floor is too much for some camera."""
        return self._adapted_at_s - self._kept_up_at_s > TOO_BUSY_S

    def turn(self, camera_id: str) -> "Turn":
        """The turns of one camera, whose frames' own clock says when they are."""
        return Turn(self, camera_id)

    def took(self, camera_id: str, busy_s: float, now_s: float) -> None:
        """A camera's turn took so long, and ended now."""
        share = busy_s * self.hz
        known = self._shares.get(camera_id, (share, now_s))[0]
        self._shares[camera_id] = known + MEMORY * (share - known), now_s
        self.adapt(now_s)

    def late(self, camera_id: str) -> None:
        """A camera was read too late to decode every picture. For any thread."""
        self._late.add(camera_id)

    def behind(self, late_s: float) -> None:
        """Some large stream was read so late, and every picture is decoded. For any thread."""
        self._behind_s = max(self._behind_s, late_s)

    def forget(self, camera_id: str) -> None:
        """A camera left."""
        self._late.discard(camera_id)
        self._shares.pop(camera_id, None)
        self.budget.leave(camera_id)

    def adapt(self, now_s: float) -> None:
        """Twice a second at most: slower or faster, as the last seconds were."""
        if now_s - self._adapted_at_s < STEP_S:
            return
        self._adapted_at_s = now_s
        self._shares = {
            camera_id: (share, told_at_s)
            for camera_id, (share, told_at_s) in self._shares.items()
            if now_s - told_at_s <= FORGOTTEN_S
        }
        worst = max((share for share, _ in self._shares.values()), default=0.0)
        late, self._late = self._late, set()
        if late:
            self._late_at_s = now_s
        if worst <= TOO_BUSY or self.hz > self._floor_hz:
            self._kept_up_at_s = now_s
        behind_s, self._behind_s = self._behind_s, 0.0
        step = _slower(worst, bool(late), behind_s)
        if self.hz > self._floor_hz and step < 1.0:
            self._go(self.hz * step)
        elif late or now_s - self._kept_up_at_s > TOO_BUSY_S:
            self.budget.less(now_s, late=bool(late))
        elif worst < IDLE and now_s - self._late_at_s > FORGOTTEN_S:
            if self.budget.limited:
                self.budget.more(now_s)
            elif behind_s < KEEPS_UP_S:
                self._go(self.hz * min(FASTER_STEP, BUSY / max(worst, 0.01)))
        self.budget.share_out(now_s)

    def _go(self, hz: float) -> None:
        hz = min(self.target_hz, max(self._floor_hz, hz))
        # At another rate the same work is another share of the time.
        self._shares = {
            camera_id: (share * hz / self.hz, told_at_s)
            for camera_id, (share, told_at_s) in self._shares.items()
        }
        self.hz = hz


def _slower(worst: float, late: bool, behind_s: float) -> float:
    """What the rate is to be multiplied by: less than 1 where some camera takes too much of its
    time, or is read late."""
    if late:
        return SLOWEST_STEP
    step = BEHIND_STEP if behind_s > BEHIND_S else 1.0
    return min(step, max(SLOWEST_STEP, BUSY / worst)) if worst > BUSY else step


class Turn:
    """When one camera is due. `due` is for one thread, `took` for the event loop."""

    def __init__(self, rate: RateController, camera_id: str) -> None:
        self._rate = rate
        self._camera_id = camera_id
        self._due_s = self._last_s = float("-inf")

    def due(self, at_s: float, least_hz: float = 0.0) -> bool:
        """Whether a frame of this time is to be looked at; if so, the next turn is set, at
        `least_hz` where the common rate is lower."""
        period_s = 1 / max(self._rate.hz, least_hz)
        early_s = min(self._due_s, self._last_s + period_s) - at_s
        if 1e-6 < early_s <= LONGEST_PERIODS * period_s:  # further back, a clock was set anew
            return False
        behind_s = at_s - period_s
        self._due_s = max(self._due_s, behind_s) + period_s if early_s <= 1e-6 else at_s + period_s
        self._last_s = at_s
        return True

    def took(self, busy_s: float, now_s: float) -> None:
        """The turn is over."""
        self._rate.took(self._camera_id, busy_s, now_s)


class CameraPacer:
    """One camera's. `due`, `still`, `late` and what `source.Pacer` asks for are for its reader
    thread; the rest for the event loop."""

    def __init__(
        self,
        rate: RateController,
        camera_id: str,
        still_look_s: float = 0.0,
        claim: Claim | None = None,
        gate: Gate | None = None,
    ) -> None:
        """`still_look_s` 0: nothing counts as still (see lfrd.vision.motion). `claim`: its own
        among the cameras that would be decoded in full, and `gate`, where it has one already."""
        self._rate = rate
        self.gate = rate.places.gate() if gate is None else gate
        self._camera_id = camera_id
        self._claim = rate.budget.join(camera_id) if claim is None else claim
        self._turn: Turn = rate.turn(camera_id)
        self._motion = MotionGate(still_look_s) if still_look_s else None
        self._renews = self._was_still = False
        self._handed: int | None = None
        self._over: int | None = None

    @property
    def wanted(self) -> Wanted:
        """Every picture, unless the machine is full and others need it more."""
        return EVERY if self._claim.granted else KEYFRAMES

    def late(self, late_s: float) -> None:
        """See `source.Pacer`."""
        if late_s > 0:
            self._rate.late(self._camera_id)

    def behind(self, late_s: float) -> None:
        """See `source.Pacer`. Where many streams are decoded all the time, to look less before one
        of them is late helps none of them: eight cameras had a tenth fewer looks."""

    @property
    def ease(self) -> float:
        """See `RateController`."""
        return self._rate.ease

    @property
    def below_floor(self) -> bool:
        """See `source.Pacer`."""
        return self._rate.below_floor

    @property
    def period_s(self) -> float:
        """How far apart two turns are now."""
        return 1 / self._rate.hz

    @property
    def rest_s(self) -> float:
        """See `source.Pacer`. Where a face is followed, a part of what lies between two turns."""
        if self.at_rest or self.wanted is not EVERY:
            return REST_S
        return min(REST_S, REST_SHARE / max(self._rate.hz, self._least_hz))

    def due(self, at_s: float, *, waiting: bool = False) -> Due:
        """See `source.Pacer`."""
        self._renews = waiting
        if self._turn.due(at_s, self._least_hz):
            return DUE_NOW
        return Due.NEWER if waiting else NOT_DUE

    def still(self, luma: U8, at_s: float) -> bool:
        """Whether nothing moved in a picture whose turn it is, or in an older one whose place it
        takes; luma u8[h, w]."""
        if self._motion is None or (self._renews and not self._was_still):
            return False
        self._was_still = not self._motion.lets(luma, at_s)
        return self._was_still

    @property
    def small(self) -> bool:
        """See `source.Pacer`."""
        return False

    @property
    def only_faces(self) -> bool:
        """See `source.Pacer`."""
        return False

    @property
    def _least_hz(self) -> float:
        """How often it is looked at even where the common rate is lower."""
        return 0.0

    @property
    def at_rest(self) -> bool:
        """Whether the last picture that was handed over is done with, and no face is followed: a
        still one would be passed over. For the reader thread."""
        return self._over == self._handed

    def handed(self, sequence: int) -> None:
        """The picture of this number is on its way. For the reader thread."""
        self._handed = sequence

    def saw_face(self) -> None:
        """One was found in a frame, and looks may be taken of it now, until it is over."""

    def over(self, frame: Frame, follows_any: bool) -> None:
        """A frame is done with; `follows_any`: faces may still be there."""
        self.gate.leave()
        self._over = None if follows_any else frame.sequence
        self._claim.follows = follows_any

    def took(self, busy_s: float, now_s: float) -> None:
        """A turn is over, and took so long after the frame was taken."""
        self._turn.took(self.gate.waited_s + busy_s, now_s)

    def clear(self) -> None:
        """The camera left: forget what it showed."""
        self.gate.leave_all()
        self._rate.forget(self._camera_id)
        self.forget_picture()

    def forget_picture(self) -> None:
        """The next picture is the first to be compared with."""
        if self._motion is not None:
            self._motion.clear()


class Unpaced:
    """For frames that are all there are: a file's that is read at full speed."""

    ease = 1.0

    def took(self, busy_s: float, now_s: float) -> None:
        """See `CameraPacer`."""

    def saw_face(self) -> None:
        """See `CameraPacer`."""

    def over(self, frame: Frame, follows_any: bool) -> None:
        """See `CameraPacer`."""

    def clear(self) -> None:
        """See `CameraPacer`."""


UNPACED: Final = Unpaced()


class PairPacer:
    """Which of the two streams is searched, and when. `small` and `large` are the pacers of their
    readers; the rest is for the consumer of the frames, as of `CameraPacer`."""

    def __init__(
        self,
        rate: RateController,
        camera_id: str,
        still_look_s: float = 0.0,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = rate
        self._camera_id = camera_id
        self._now_s = now_s
        self._face_at_s = self._large_at_s = self._begun_at_s = float("-inf")
        self._looks = False
        """Whether looks are taken of a face now, however long that takes."""
        self._faceless = 0
        """Looks in a row at the large stream that showed no face."""
        self.small_is_gone = self.large_is_well = False
        self.claim = rate.budget.join(camera_id)
        self.claim.wants = False
        self.gate = rate.places.gate()
        self.small = SmallPacer(self, rate, camera_id, still_look_s)
        self.large = LargePacer(self, rate, camera_id, still_look_s)

    @property
    def wants_large(self) -> bool:
        """Whether the large stream would be decoded: a face was seen just now, or the small one
        is gone."""
        if self._looks or self.small_is_gone:
            return True
        gone = self._faceless >= GONE_LOOKS
        near_s = NEAR_S if gone else max(NEAR_S, NEAR_TURNS / self._rate.hz)
        return self._now_s() - self._face_at_s < near_s

    @property
    def uses_large(self) -> bool:
        """Whether the large stream is wanted, and has just given a picture."""
        return self._now_s() - self._large_at_s < IN_USE_S and self.wants_large

    @property
    def is_soon(self) -> bool:
        """Whether the large stream is looked at more often: it was gone on with just now, or the
        faces may have gone."""
        begins = self._now_s() - self._begun_at_s < BEGINS_S
        return begins or 0 < self._faceless < GONE_LOOKS

    def large_came(self) -> None:
        """A picture of the large stream was decoded."""
        now_s = self._now_s()
        if now_s - self._large_at_s > IN_USE_S:
            self._begun_at_s, self._faceless = now_s, 0
        self._large_at_s = now_s

    def saw_face(self) -> None:
        """See `CameraPacer`."""
        self._looks, self._faceless = True, 0

    def over(self, frame: Frame, follows_any: bool) -> None:
        """See `CameraPacer`."""
        if self._looks:
            self._looks, self._face_at_s = False, self._now_s()
        elif not frame.small:
            self._faceless += 1
        (self.small if frame.small else self.large).over(frame, follows_any)

    @property
    def ease(self) -> float:
        """See `RateController`."""
        return self._rate.ease

    def took(self, busy_s: float, now_s: float) -> None:
        """See `CameraPacer`."""
        self._rate.took(self._camera_id, self.gate.waited_s + busy_s, now_s)

    def clear(self) -> None:
        """See `CameraPacer`. The two streams are one camera, with one gate and one share."""
        self._looks = False
        self.gate.leave_all()
        self._rate.forget(self._camera_id)
        self.small.forget_picture()
        self.large.forget_picture()


class SmallPacer(CameraPacer):
    """The small stream's: every picture may be searched while the large one gives none."""

    def __init__(
        self, pair: PairPacer, rate: RateController, camera_id: str, still_look_s: float
    ) -> None:
        super().__init__(rate, camera_id, still_look_s, claim=Claim(), gate=pair.gate)
        self._pair = pair

    @property
    def small(self) -> bool:
        return True

    @property
    def wanted(self) -> Wanted:
        """None while the large one is searched: what comes is kept, and gone on with."""
        return NONE if self._pair.uses_large else super().wanted

    @property
    def only_faces(self) -> bool:
        return self._pair.large_is_well and self._pair.claim.granted

    def due(self, at_s: float, *, waiting: bool = False) -> Due:
        return NOT_DUE if self._pair.uses_large else super().due(at_s, waiting=waiting)


class LargePacer(CameraPacer):
    """The large stream's: nothing is decoded before a face is seen."""

    def __init__(
        self, pair: PairPacer, rate: RateController, camera_id: str, still_look_s: float
    ) -> None:
        super().__init__(rate, camera_id, still_look_s, claim=pair.claim, gate=pair.gate)
        self._pair = pair

    @property
    def wanted(self) -> Wanted:
        self._claim.wants = self._pair.wants_large
        if not self._claim.wants:
            return NONE
        if self._claim.granted:
            return EVERY
        return KEYFRAMES if self._pair.small_is_gone else NONE

    @property
    def _least_hz(self) -> float:
        return min(SOON_HZ, self._rate.target_hz) if self._pair.is_soon else 0.0

    def behind(self, late_s: float) -> None:
        """See `source.Pacer`."""
        self._rate.behind(late_s)

    def due(self, at_s: float, *, waiting: bool = False) -> Due:
        self._pair.large_came()
        return super().due(at_s, waiting=waiting)

"""Cameras and health as others are told of them: a change that lasts, once, and not each flicker.

Of health they are told the status and how many reasons there are: the reasons themselves may name
lists and hosts, and are for who may ask the API.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from functools import partial

from lfrd.cameras.fleet import Fleet, FleetCamera
from lfrd.clock import Clock
from lfrd.errors import StoreFailed
from lfrd.health import HealthBoard
from lfrd.ingest.settings import State
from lfrd.outward.telling import Said, Telling
from lfrd.store import outbox
from lfrd.store.database import SYSTEM, Database
from lfrd.store.transaction import Transaction
from lfrd.vocabulary import OutwardKind

LOOK_S = 1.0
LOST_AFTER_S, BACK_AFTER_S = 10.0, 2.0
HEALTH_AFTER_S = 3.0
HEALTH_AGAIN_S = 60.0
"""While the status stays, another number of reasons is told so often at most."""

LOST = frozenset({State.LOST, State.REFUSED, State.FROZEN})
LIVE = frozenset({State.LIVE, State.DEGRADED})


class Steady:
    """A value that counts once it has lasted."""

    def __init__(self) -> None:
        self._value: str | None = None
        self._since_s = 0.0

    def lasts_s(self, value: str, now_s: float) -> float:
        """For how long it has been this value."""
        if value != self._value:
            self._value, self._since_s = value, now_s
        return now_s - self._since_s


class Watch:
    """Looks at the fleet and the health board, and puts down what changed for good."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        fleet: Fleet,
        health: HealthBoard,
        telling: Telling,
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._fleet = fleet
        self._health = health
        self._telling = telling
        self._wake = wake
        self._cameras: dict[str, Steady] = {}
        self._said: dict[str, str] = {}
        self._status = Steady()
        self._status_at_s = float("-inf")

    async def run(self) -> None:
        """Look every LOOK_S, until cancelled. While the disk is full it is told later."""
        while True:
            with contextlib.suppress(StoreFailed):
                await self._look()
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        now_s = self._clock.monotonic_s()
        cameras = self._fleet.cameras()
        for camera in cameras:
            said = _camera(camera)
            if said is not None:
                limit_s = LOST_AFTER_S if said.kind is OutwardKind.CAMERA_LOST else BACK_AFTER_S
                steady = self._cameras.setdefault(camera.row.id, Steady())
                if steady.lasts_s(said.kind, now_s) >= limit_s:
                    await self._tell(said, said.kind)
        await self._forget_removed(cameras)
        await self._look_at_health(now_s)

    async def _look_at_health(self, now_s: float) -> None:
        picture = self._health.now
        state = f"{picture.status}:{len(picture.reasons)}"
        known = self._said.get("health", "")
        if self._status.lasts_s(state, now_s) < HEALTH_AFTER_S:
            return
        same = known.partition(":")[0] == picture.status
        if same and now_s - self._status_at_s < HEALTH_AGAIN_S:
            return
        facts = {"status": picture.status.value, "reasons": len(picture.reasons)}
        if await self._tell(Said(OutwardKind.HEALTH, "health", facts), state):
            self._status_at_s = now_s

    async def _tell(self, said: Said, state: str) -> bool:
        """Put it down unless it was said last; what was said is asked of the store once."""
        if self._said.get(said.subject) == state:
            return False
        await self._database.write(partial(_put, self._telling, said, state), principal=SYSTEM)
        self._said[said.subject] = state
        self._wake()
        return True

    async def _forget_removed(self, cameras: Sequence[FleetCamera]) -> None:
        gone = self._cameras.keys() - {camera.row.id for camera in cameras}
        for camera_id in gone:
            subject = f"camera:{camera_id}"
            await self._database.write(partial(_forget, subject), principal=SYSTEM)
            del self._cameras[camera_id]
            self._said.pop(subject, None)


def _put(telling: Telling, said: Said, state: str, tx: Transaction) -> None:
    """Nothing is said of what is well and was never said to be ill."""
    well = said.kind is OutwardKind.CAMERA_BACK or state == "ok:0"
    if well and outbox.told(tx, said.subject) is None:
        return
    telling.put_once(tx, said, state)


def _forget(subject: str, tx: Transaction) -> None:
    outbox.forget(tx, subject)


def _camera(camera: FleetCamera) -> Said | None:
    """What its state says; None while it says nothing, such as outside a deployment."""
    state = camera.status.state
    if state in LOST:
        kind = OutwardKind.CAMERA_LOST
    elif state in LIVE:
        kind = OutwardKind.CAMERA_BACK
    else:
        return None
    return Said(kind, f"camera:{camera.row.id}", {"camera_id": camera.row.id})

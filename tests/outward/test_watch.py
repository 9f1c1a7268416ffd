"""Cameras and health: what lasts is told, once."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

from lfrd.cameras.fleet import Fleet
from lfrd.clock import ManualClock
from lfrd.health import HealthBoard
from lfrd.ingest.settings import State
from lfrd.outward.endpoint import Filter
from lfrd.outward.telling import Telling
from lfrd.outward.watch import Watch
from lfrd.store import outbox
from lfrd.store.database import Database
from support.store import opened


class Cameras:
    """A fleet of one, whose state a test sets."""

    def __init__(self) -> None:
        self.state = State.IDLE
        self.there = True

    def cameras(self) -> tuple[object, ...]:
        camera = SimpleNamespace(
            row=SimpleNamespace(id="gate"), status=SimpleNamespace(state=self.state)
        )
        return (camera,) if self.there else ()


def watch(db: Database, clock: ManualClock, fleet: Cameras, health: HealthBoard) -> Watch:
    telling = Telling({"hook": Filter()}, 1)
    return Watch(db, clock, cast(Fleet, fleet), health, telling, lambda: None)


async def told(db: Database) -> list[str]:
    found = await db.read(lambda reader: outbox.page(reader, "hook", None, None, 100))
    return [
        f"{m.kind} {m.stated.get('status', '')}{m.stated.get('reasons', '')}".strip()
        for m in found[::-1]
    ]


async def test_a_camera_that_flickers_is_not_told_and_one_that_is_lost_is(tmp_path: Path) -> None:
    clock, fleet, health = ManualClock(), Cameras(), HealthBoard()
    async with opened(tmp_path, clock=clock) as db:
        looking = watch(db, clock, fleet, health)

        async def stays(state: State, seconds: int) -> None:
            fleet.state = state
            for _ in range(seconds):
                await looking._look()
                clock.advance(1)

        await stays(State.LIVE, 5)
        for _ in range(5):
            await stays(State.LOST, 8)
            await stays(State.LIVE, 1)
        assert await told(db) == [], "nothing is said of what is well, and of what flickers"
        await stays(State.LOST, 30)
        await stays(State.REFUSED, 30)
        assert await told(db) == ["camera.lost"]
        await stays(State.IDLE, 30)
        assert await told(db) == ["camera.lost"], "no deployment runs: it is neither"
        looking = watch(db, clock, fleet, health)  # started anew
        await stays(State.LOST, 30)
        assert await told(db) == ["camera.lost"]
        await stays(State.LIVE, 5)
        assert await told(db) == ["camera.lost", "camera.back"]
        fleet.there = False
        await stays(State.LIVE, 1)
        assert await db.read(lambda reader: outbox.told(reader, "camera:gate")) is None


async def test_health_is_told_by_its_status_and_number_of_reasons(tmp_path: Path) -> None:
    clock, health = ManualClock(), HealthBoard()
    async with opened(tmp_path, clock=clock) as db:
        looking = watch(db, clock, Cameras(), health)

        async def look(seconds: int = 6) -> list[str]:
            for _ in range(seconds):
                await looking._look()
                clock.advance(1)
            return await told(db)

        assert await look() == []
        health.degrade("a", "list Secret Name cannot be read")
        assert await look() == ["health.changed degraded1"]
        health.degrade("b", "y")
        assert await look() == ["health.changed degraded1"], "not so soon again"
        assert (await look(70))[1:] == ["health.changed degraded2"]
        health.fail("b", "z")
        assert (await look())[2:] == ["health.changed failed2"]
        health.clear("a")
        health.clear("b")
        assert (await look())[3:] == ["health.changed ok0"]
        rows = await db.read(lambda r: outbox.page(r, "hook", None, None, 9))
        assert not any("Secret" in row.facts for row in rows)

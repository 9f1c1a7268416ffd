"""People are told once of an entry that keeps passing a camera; each candidate stays an episode."""

from pathlib import Path

from lfrd.clock import ManualClock
from lfrd.store import episodes, watchlists
from lfrd.store.database import Database
from lfrd.store.transaction import Transaction
from support.store import (
    MODEL,
    add_list,
    add_person,
    opened,
    start_deployment,
    unit_vectors,
)

COOLDOWN_S = 60.0


def candidate(
    deployment_id: str, entry: watchlists.Entry, camera_id: str, cooldown_s: float
) -> episodes.NewEpisode:
    return episodes.NewEpisode(
        deployment_id=deployment_id, camera_id=camera_id, track_id=1, entry_id=entry.id,
        person_id=entry.person_id, watchlist_id=entry.watchlist_id, reference=entry.reference,
        score=0.6, margin=None, threshold=0.45, model_digest=MODEL, looks=2, sequence=1,
        media_at_s=0.0, captured_at_s=0.0, latency_ms=None,
        evidence=episodes.Evidence(b"crop", b"portrait"), cooldown_s=cooldown_s,
    )  # fmt: skip


class Street:
    """Entries that pass cameras at set times."""

    def __init__(self, db: Database, clock: ManualClock) -> None:
        self._db = db
        self._clock = clock

    async def open(self) -> None:
        def fill(tx: Transaction) -> tuple[str, list[watchlists.Entry]]:
            listed = add_list(tx)
            vectors = unit_vectors(2)
            people = [add_person(tx, listed.id, f"P{n}", vectors[n])[0] for n in range(2)]
            return start_deployment(tx).id, people

        self._deployment_id, self._people = await self._db.write(fill, principal="ada")

    async def passes(
        self, person: int, camera_id: str, after_s: float, cooldown_s: float = COOLDOWN_S
    ) -> episodes.Episode:
        self._clock.advance(after_s)
        new = candidate(self._deployment_id, self._people[person], camera_id, cooldown_s)
        return await self._db.write(lambda tx: episodes.add(tx, new), principal="system")


async def test_the_first_one_tells_and_those_soon_after_are_bundled_with_it(tmp_path: Path) -> None:
    clock = ManualClock()
    async with opened(tmp_path, clock=clock) as db:
        street = Street(db, clock)
        await street.open()
        first = await street.passes(0, "gate", 0)
        soon = await street.passes(0, "gate", 40)
        elsewhere = await street.passes(0, "door", 0)
        somebody = await street.passes(1, "gate", 0)
        late = await street.passes(0, "gate", 20)
        bundled = await street.passes(0, "gate", 59)
    assert [first.bundled_with, soon.bundled_with] == [None, first.id]
    assert [elsewhere.bundled_with, somebody.bundled_with] == [None, None]
    assert late.bundled_with is None, "who stands there all day is told of once a minute"
    assert bundled.bundled_with == late.id
    assert len({first.id, soon.id, late.id, bundled.id}) == 4


async def test_no_cooldown_tells_each_time_and_a_clock_set_back_tells(tmp_path: Path) -> None:
    clock = ManualClock()
    async with opened(tmp_path, clock=clock) as db:
        street = Street(db, clock)
        await street.open()
        each = [await street.passes(0, "gate", 0, cooldown_s=0.0) for _ in range(2)]
        back = await street.passes(0, "gate", -3600)
    assert [episode.bundled_with for episode in (*each, back)] == [None] * 3

"""A candidate that the disk refuses is not lost: its camera waits and health turns red."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lfrd import daemon
from lfrd.clock import ManualClock, SystemClock
from lfrd.daemon import watch_store
from lfrd.deployment import recorder
from lfrd.deployment.recorder import EpisodeWriter
from lfrd.errors import StoreFailed
from lfrd.health import HealthBoard, Status
from lfrd.store import episodes, erasures, reviews
from lfrd.store.database import Database
from lfrd.store.transaction import Transaction
from lfrd.store.watchlists import Entry
from lfrd.summary import CandidateLine
from lfrd.types import Decision
from lfrd.vocabulary import ErasureKind
from support.store import (
    MODEL,
    add_list,
    add_person,
    disk_full,
    opened,
    start_deployment,
    unit_vectors,
)
from support.values import look
from support.waiting import until

CROP = np.zeros((112, 112, 3), np.uint8)


async def set_up(db: Database) -> tuple[str, Entry]:
    """A running deployment and somebody who is listed."""

    def build(tx: Transaction) -> tuple[str, Entry]:
        entry, _, _ = add_person(tx, add_list(tx).id, "one", unit_vectors(1)[0])
        return start_deployment(tx).id, entry

    return await db.write(build, principal="user:test")


def decision(entry: Entry, score: float = 0.6, kind: str = "raised") -> Decision:
    seen = look(1.0, (entry.id, entry.person_id, score))
    return Decision(kind, 7, entry.id, entry.person_id, score, None, 0.45, 3, seen)  # type: ignore[arg-type]


async def test_a_full_disk_pauses_the_camera_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "RETRY_S", 0.05)
    monkeypatch.setattr(daemon, "STORE_LOOK_S", 0.05)
    told: list[CandidateLine] = []
    async with opened(tmp_path) as db:
        deployment_id, entry = await set_up(db)
        health = HealthBoard()
        sink = EpisodeWriter(db, SystemClock(), deployment_id, MODEL, report=told.append)  # type: ignore[arg-type]
        big = np.random.default_rng(1).integers(0, 255, (480, 480, 3), np.uint8)
        watching = asyncio.ensure_future(watch_store(db, health))
        async with disk_full(db):
            writing = asyncio.ensure_future(sink.record("door", decision(entry), CROP, big))
            await until(lambda: health.now.status is Status.FAILED)
            assert "writes do not reach the disk" in health.now.reasons[0]
            assert not writing.done(), "the camera waits"
            assert told == []
        async with asyncio.timeout(10):
            await writing
        await until(lambda: health.now.status is Status.OK)
        watching.cancel()
        assert [line.event for line in told] == ["candidate"]
        assert len(await db.read(episodes.page)) == 1


async def test_health_gets_well_with_the_disk_and_without_another_candidate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What failed was the event of a camera, written once and not tried again."""
    monkeypatch.setattr(daemon, "STORE_LOOK_S", 0.05)
    async with opened(tmp_path) as db:
        health = HealthBoard()
        watching = asyncio.ensure_future(watch_store(db, health))
        pages = await db._writer.chore(lambda c: c.value("PRAGMA page_count"))
        assert isinstance(pages, int)
        await db._writer.chore(lambda c: c.set_pragma("max_page_count", pages))
        with pytest.raises(StoreFailed):
            await db.try_disk()
        await until(lambda: health.now.status is Status.FAILED)
        await asyncio.sleep(0.3)
        assert health.now.status is Status.FAILED, "it is full still"
        await db._writer.chore(lambda c: c.set_pragma("max_page_count", pages + 10_000))
        await until(lambda: health.now.status is Status.OK)
        watching.cancel()
        left = await db.read(lambda r: r.count("SELECT count(*) FROM meta WHERE name = 'room'"))
        assert left == 0


async def test_a_track_is_one_episode_and_a_comeback_is_a_new_one(tmp_path: Path) -> None:
    told: list[CandidateLine] = []
    async with opened(tmp_path) as db:
        deployment_id, entry = await set_up(db)
        sink = EpisodeWriter(db, SystemClock(), deployment_id, MODEL, report=told.append)  # type: ignore[arg-type]
        await sink.record("door", decision(entry, 0.6), CROP, CROP)
        await sink.record("door", decision(entry, 0.7, "updated"), CROP, CROP)
        sink.track_ended("door", 7)
        await sink.record("door", decision(entry, 0.6), CROP, CROP)
        assert [line.event for line in told] == ["candidate", "update", "candidate"]
        kept = await db.read(episodes.page)
        assert sorted(round(episode.score, 2) for episode in kept) == [0.6, 0.7]
        assert sink.raised == 2


async def test_an_entry_taken_off_its_list_is_not_raised(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        deployment_id, entry = await set_up(db)
        from lfrd.store import watchlists

        await db.write(lambda tx: watchlists.delete_entry(tx, entry.id), principal="user:test")
        sink = EpisodeWriter(db, SystemClock(), deployment_id, MODEL)
        await sink.record("door", decision(entry), CROP, CROP)
        assert sink.raised == 0
        assert await db.read(episodes.page) == []


async def begin_to_erase(db: Database, kind: ErasureKind, subject_id: str) -> None:
    """The first step of an erasure: the keys are gone, the rows are there for a moment more."""

    def write(tx: Transaction) -> None:
        assert erasures.destroy_key(tx, erasures.ask(tx, kind, subject_id, "a test"))

    await db.write(write, principal="user:test")


@pytest.mark.parametrize("kind", [ErasureKind.PERSON, ErasureKind.ENTRY, ErasureKind.WATCHLIST])
async def test_an_entry_that_is_being_erased_is_not_raised_and_ends_nothing(
    tmp_path: Path, kind: ErasureKind
) -> None:
    async with opened(tmp_path) as db:
        deployment_id, entry = await set_up(db)
        other = await db.write(
            lambda tx: add_person(tx, add_list(tx, "b").id, "two", unit_vectors(2)[1])[0],
            principal="user:test",
        )
        subject = {
            ErasureKind.PERSON: entry.person_id,
            ErasureKind.ENTRY: entry.id,
            ErasureKind.WATCHLIST: entry.watchlist_id,
        }[kind]
        await begin_to_erase(db, kind, subject)
        sink = EpisodeWriter(db, SystemClock(), deployment_id, MODEL)
        await sink.record("door", decision(entry), CROP, CROP)
        assert sink.raised == 0
        assert await db.read(episodes.page) == []
        await sink.record("door", decision(other), CROP, CROP)
        assert [episode.entry_id for episode in await db.read(episodes.page)] == [other.id]


async def test_a_better_look_at_whoever_is_being_erased_ends_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        deployment_id, entry = await set_up(db)
        sink = EpisodeWriter(db, SystemClock(), deployment_id, MODEL)
        await sink.record("door", decision(entry, 0.6), CROP, CROP)
        await begin_to_erase(db, ErasureKind.PERSON, entry.person_id)
        clearer = replace(decision(entry, 0.7, "updated"), clearer=True)
        await sink.record("door", clearer, CROP + 200, CROP + 200)
        (episode,) = await db.read(episodes.page)
        assert round(episode.score, 2) == 0.6


async def test_a_rival_who_is_being_erased_does_not_hide_the_candidate(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        deployment_id, entry = await set_up(db)
        rival = await db.write(
            lambda tx: add_person(tx, add_list(tx, "b").id, "two", unit_vectors(2)[1])[0],
            principal="user:test",
        )
        await begin_to_erase(db, ErasureKind.PERSON, rival.person_id)
        seen = look(1.0, (rival.id, rival.person_id, 0.5))
        both = replace(decision(entry), rivals=seen.matches)
        await EpisodeWriter(db, SystemClock(), deployment_id, MODEL).record(
            "door", both, CROP, CROP
        )
        (episode,) = await db.read(episodes.page)
        assert episode.entry_id == entry.id
        assert await db.read(lambda reader: episodes.rivals(reader, episode.id)) == []


TWO_DECIDE = '{"values": {"reviewers_required": 2}}'


async def shown_after(folder: Path, *, two: bool, decided: bool, late_s: float = 1.0) -> bytes:
    """The picture of an episode after a clearer look, and what its events told."""
    clock = ManualClock()
    async with opened(folder, clock=clock) as db:
        deployment_id, entry = await set_up(db)
        if two:
            sql = "UPDATE deployment SET policy = ?"
            await db.write(lambda tx: tx.execute(sql, (TWO_DECIDE,)), principal="test")
        sink = EpisodeWriter(db, clock, deployment_id, MODEL)
        await sink.record("door", decision(entry, 0.6), CROP, CROP)
        (episode,) = await db.read(episodes.page)
        if decided:
            anna = reviews.ReviewDecision.MATCH
            await db.write(lambda tx: reviews.submit(tx, episode.id, anna), principal="user:anna")
        clock.advance(late_s)
        clearer = replace(decision(entry, 0.7, "updated"), clearer=True)
        await sink.record("door", clearer, CROP + 200, CROP + 200)
        image = await db.write(
            lambda tx: episodes.read_image(tx, episode.id, "probe"), principal="user:ben"
        )
        told = await db.read(lambda reader: reader.column("SELECT kind FROM event"))
        return image + ",".join(told).encode()


async def test_a_second_reviewer_cannot_tell_a_decision_by_the_pictures(tmp_path: Path) -> None:
    async def both(late_s: float) -> list[bytes]:
        return [
            await shown_after(tmp_path / f"{made}{late_s}", two=True, decided=made, late_s=late_s)
            for made in (False, True)
        ]

    before, after = await both(1.0), await both(recorder.IMPROVE_S)
    assert before[0] == before[1], "with and without a first decision"
    assert after[0] == after[1]
    assert before[0] != after[0], "they get better for a while, and then no more"


async def test_one_reviewers_pictures_stay_as_they_were_decided_about(tmp_path: Path) -> None:
    undecided, decided, late = (
        await shown_after(tmp_path / "a", two=False, decided=False),
        await shown_after(tmp_path / "b", two=False, decided=True),
        await shown_after(tmp_path / "c", two=False, decided=False, late_s=60.0),
    )
    assert undecided != decided
    assert undecided == late


async def test_who_comes_back_soon_is_bundled_and_stays_a_candidate(tmp_path: Path) -> None:
    clock = ManualClock()
    async with opened(tmp_path, clock=clock) as db:
        deployment_id, entry = await set_up(db)
        sink = EpisodeWriter(db, clock, deployment_id, MODEL, cooldown_s=60.0)
        for track_id, after_s in ((1, 0.0), (2, 30.0), (3, 30.0)):
            clock.advance(after_s)
            await sink.record("door", replace(decision(entry), track_id=track_id), CROP, CROP)
        third, second, first = await db.read(episodes.page)
    assert [first.bundled_with, second.bundled_with, third.bundled_with] == [None, first.id, None]
    assert sink.raised == 3

"""Events: after the commit, in order, without gap or duplicate, or with a clear reason why not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lfrd.clock import ManualClock
from lfrd.errors import Conflict, StoreFailed
from lfrd.events import (
    QUEUE_LIMIT,
    Ended,
    Event,
    EventBus,
    EventKind,
    EventPage,
    Reset,
    Subscription,
)
from lfrd.store import event_log
from lfrd.store.database import Database
from lfrd.store.transaction import Transaction
from support.store import opened

KIND = EventKind.CAMERA_CHANGED


async def tell(db: Database, subject_id: str) -> None:
    await db.write(lambda tx: tx.event(KIND, subject_id), principal="ada")


async def tell_many(db: Database, subject_ids: list[str]) -> None:
    def all_of_them(tx: Transaction) -> None:
        for subject_id in subject_ids:
            tx.event(KIND, subject_id)

    await db.write(all_of_them, principal="ada")


async def take(subscription: Subscription, count: int) -> list[Event | Reset]:
    found: list[Event | Reset] = []

    async def collect() -> None:
        async for item in subscription:
            found.append(item)
            if len(found) == count:
                return

    if count:
        await asyncio.wait_for(collect(), 10)
    return found


def subjects(items: list[Event | Reset]) -> list[str]:
    return [item.subject_id if isinstance(item, Event) else "reset" for item in items]


async def test_events_come_after_the_commit_and_in_order(tmp_path: Path) -> None:
    async with opened(tmp_path) as db, db.events.subscribe() as subscription:
        for subject in ("a", "b", "c"):
            await tell(db, subject)
        events = await take(subscription, 3)
        assert subjects(events) == ["a", "b", "c"]
        assert [event.id for event in events if isinstance(event, Event)] == [1, 2, 3]


async def test_a_failing_commit_publishes_nothing(tmp_path: Path) -> None:
    def fails(tx: Transaction) -> None:
        tx.event(KIND, "never")
        raise Conflict("no")

    def breaks_the_commit(tx: Transaction) -> None:
        tx.event(KIND, "never")
        tx.execute("PRAGMA defer_foreign_keys = ON")
        tx.execute(
            "INSERT INTO review (id, episode_id, principal, decision, reason, submitted_at_s)"
            " VALUES ('r', 'no-such-episode', 'p', 'match', '', 1)"
        )

    async with opened(tmp_path) as db, db.events.subscribe() as subscription:
        for action in (fails, breaks_the_commit):
            with pytest.raises(Exception, match=r"no$|nothing was written"):
                await db.write(action, principal="ada")
        await tell(db, "real")
        assert subjects(await take(subscription, 1)) == ["real"]
        assert await db.read(lambda r: r.count("SELECT count(*) FROM event")) == 1
        assert await db.read(lambda r: r.count("SELECT count(*) FROM review")) == 0


async def test_what_was_missed_is_replayed_and_then_it_goes_on_live(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        await tell_many(db, [f"old-{n}" for n in range(1_200)])
        async with db.events.subscribe(after_id=1_150) as subscription:
            await tell(db, "new")
            items = await take(subscription, 51)
            assert subjects(items) == [f"old-{n}" for n in range(1_150, 1_200)] + ["new"]


async def test_replay_while_others_write_has_no_gap_and_no_duplicate(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        await tell_many(db, [f"{n}" for n in range(700)])

        async def write_more() -> None:
            for n in range(700, 1_000):
                await tell(db, f"{n}")

        async with db.events.subscribe(after_id=0) as subscription:
            items, _ = await asyncio.gather(take(subscription, 1_000), write_more())
        assert subjects(items) == [f"{n}" for n in range(1_000)]


async def test_ids_go_on_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        await tell(db, "before")
        await db.write(lambda tx: tx.execute("DELETE FROM event"), principal="ada")
    async with opened(tmp_path) as db, db.events.subscribe(after_id=1) as subscription:
        await tell(db, "after")
        [event] = await take(subscription, 1)
        assert isinstance(event, Event)
        assert (event.id, event.subject_id) == (2, "after")


@pytest.mark.parametrize("after_id", [0, 3, 99])
async def test_an_id_that_cannot_be_resumed_gets_a_reset(tmp_path: Path, after_id: int) -> None:
    """Older than what is kept, or from another database."""
    async with opened(tmp_path) as db:
        await tell_many(db, [f"{n}" for n in range(1, 11)])
        await db.write(lambda tx: tx.execute("DELETE FROM event WHERE id <= 4"), principal="ada")
        items: list[Event | Reset] = []
        async with db.events.subscribe(after_id=after_id) as subscription:
            async for item in subscription:
                items.append(item)
                if isinstance(item, Event):
                    break
                await tell(db, "live")
        assert items[0] == Reset(10)
        assert subjects(items) == ["reset", "live"]


async def test_the_last_kept_id_is_resumed_without_a_reset(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        await tell_many(db, [f"{n}" for n in range(1, 11)])
        await db.write(lambda tx: tx.execute("DELETE FROM event WHERE id <= 4"), principal="ada")
        async with db.events.subscribe(after_id=4) as subscription:
            assert subjects(await take(subscription, 6)) == [f"{n}" for n in range(5, 11)]


async def test_a_slow_subscriber_is_cut_off_and_may_resume(tmp_path: Path) -> None:
    total = QUEUE_LIMIT + 200
    async with opened(tmp_path) as db, db.events.subscribe() as slow:
        first = asyncio.ensure_future(take(slow, 1))
        await asyncio.sleep(0)
        await tell(db, "0")
        [seen] = await first
        assert isinstance(seen, Event)
        for start in range(1, total, 100):
            await tell_many(db, [f"{n}" for n in range(start, min(start + 100, total))])
        assert await take(slow, 1) == []
        assert slow.ended is Ended.TOO_SLOW
        async with db.events.subscribe(after_id=seen.id) as again:
            assert subjects(await take(again, total - 1)) == [f"{n}" for n in range(1, total)]


async def test_closing_the_store_ends_the_subscriptions(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        subscription = db.events.subscribe()
        await subscription.__aenter__()
        waiting = asyncio.ensure_future(take(subscription, 1))
        await asyncio.sleep(0)
    assert await waiting == []
    assert subscription.ended is Ended.CLOSED
    async with db.events.subscribe() as late:
        assert await take(late, 1) == []


async def test_a_subscriber_that_left_gets_nothing_more() -> None:
    async def page(after_id: int, limit: int) -> EventPage:
        return EventPage((), 1, 0)

    bus = EventBus(page)
    async with bus.subscribe() as subscription:
        bus.publish([Event(1, KIND, "a", 0.0)])
    bus.publish([Event(2, KIND, "b", 0.0)])
    items = aiter(subscription)
    first = await anext(items)
    assert isinstance(first, Event)
    assert first.id == 1
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await anext(items)


async def test_the_same_thing_is_told_once_within_an_action(tmp_path: Path) -> None:
    async with opened(tmp_path) as db, db.events.subscribe() as subscription:
        await tell_many(db, ["a", "b", "a"])
        await tell(db, "a")
        assert subjects(await take(subscription, 3)) == ["a", "b", "a"]


async def test_old_events_are_pruned_from_the_oldest_on(tmp_path: Path) -> None:
    clock = ManualClock()
    async with opened(tmp_path, clock=clock) as db:
        await tell_many(db, ["old-1", "old-2"])
        clock.advance(event_log.KEPT_S - 10)
        await tell(db, "young")
        assert await db.read(lambda r: r.count("SELECT count(*) FROM event")) == 3
        clock.advance(100)
        await tell(db, "now")
        kept = await db.read(lambda r: event_log.page(r, 0, 10))
        assert subjects(list(kept.events)) == ["young", "now"]
        assert (kept.oldest_id, kept.newest_id) == (3, 4)


async def test_no_more_events_are_kept_than_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "KEPT_COUNT", 5)
    clock = ManualClock()
    async with opened(tmp_path, clock=clock) as db:
        await tell_many(db, [f"{n}" for n in range(20)])
        clock.advance(61)
        await tell(db, "20")
        kept = await db.read(lambda r: event_log.page(r, 0, 100))
        assert subjects(list(kept.events)) == ["16", "17", "18", "19", "20"]


async def test_pages_are_read_to_the_end(tmp_path: Path) -> None:
    """More than one page, the last one exactly full."""

    async def ids(subscription: Subscription) -> AsyncIterator[int]:
        async for item in subscription:
            assert isinstance(item, Event)
            yield item.id

    async with opened(tmp_path) as db:
        await tell_many(db, [f"{n}" for n in range(1_000)])
        async with db.events.subscribe(after_id=0) as subscription:
            found = []
            async for event_id in ids(subscription):
                found.append(event_id)
                if event_id == 1_000:
                    break
            assert found == list(range(1, 1_001))


async def test_a_replay_under_which_the_store_closes_just_ends() -> None:
    async def page(after_id: int, limit: int) -> EventPage:
        bus.close()
        raise StoreFailed("the store is closed")

    bus = EventBus(page)
    async with bus.subscribe(after_id=5) as subscription:
        assert await take(subscription, 1) == []
        assert subscription.ended is Ended.CLOSED


async def test_a_replay_that_fails_otherwise_says_so() -> None:
    async def page(after_id: int, limit: int) -> EventPage:
        raise StoreFailed("the disk is gone")

    async with EventBus(page).subscribe(after_id=5) as subscription:
        with pytest.raises(StoreFailed, match="disk is gone"):
            await take(subscription, 1)

"""Messages that wait for other systems: order, bounds, and what comes of them."""

import time
from pathlib import Path

import pytest

from lfrd.clock import ManualClock
from lfrd.errors import Conflict, NotFound
from lfrd.store import outbox
from lfrd.store.outbox import MessageState, NewMessage
from lfrd.store.transaction import Transaction
from lfrd.vocabulary import OutwardKind
from support.store import actions, opened

TO = "hook"


def message(number: int, subject: str) -> NewMessage:
    return NewMessage(f"msg_{number}", OutwardKind.CANDIDATE, subject, {"alert_id": subject})


def put_all(tx: Transaction, *subjects: str, to: str = TO) -> list[int]:
    return [outbox.put(tx, to, message(n, subject)) for n, subject in enumerate(subjects)]


async def test_of_one_subject_the_next_leaves_once_the_one_before_is_done(tmp_path: Path) -> None:
    async with opened(tmp_path, clock=ManualClock()) as db:
        first, second, other, third = await db.write(
            lambda tx: put_all(tx, "a", "a", "b", "a"), principal="system"
        )

        async def due(now_s: float = 2e9) -> list[int]:
            return [m.id for m in await db.read(lambda r: outbox.due(r, TO, now_s, 10))]

        assert await due() == [first, other]
        await db.write(lambda tx: outbox.delivered(tx, first), principal="system")
        assert await due() == [second, other]
        await db.write(lambda tx: outbox.failed(tx, second, "no", tx.at_s + 50), principal="system")
        now_s = ManualClock().wall_s()
        assert await due(now_s) == [other]
        assert await due(now_s + 51) == [other, second]
        await db.write(lambda tx: outbox.dead(tx, second, "never"), principal="system")
        assert await due() == [other, third]
        tally = await db.read(lambda r: outbox.tally(r, TO))
        assert (tally.waiting, tally.delivered, tally.dead) == (2, 1, 1)
        assert (await db.read(lambda r: outbox.get(r, second))).reason == "never"


async def test_a_clock_that_was_set_back_delays_nothing(tmp_path: Path) -> None:
    clock = ManualClock()
    async with opened(tmp_path, clock=clock) as db:
        (row_id,) = await db.write(lambda tx: put_all(tx, "a"), principal="system")
        later_s = clock.wall_s() + 600
        await db.write(lambda tx: outbox.failed(tx, row_id, "no", later_s), principal="system")
        for now_s, count in ((clock.wall_s(), 0), (clock.wall_s() - 1e7, 1)):
            found = await db.read(lambda r, s=now_s: outbox.due(r, TO, s, 10))  # type: ignore[misc]
            assert len(found) == count


async def test_what_was_done_is_sent_once_more_on_request_and_that_is_logged(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, clock=ManualClock()) as db:
        first, second = await db.write(lambda tx: put_all(tx, "a", "a"), principal="system")
        await db.write(lambda tx: outbox.dead(tx, first, "x"), principal="system")
        again = await db.write(lambda tx: outbox.again(tx, first), principal="user:anna")
        assert (again.state, again.behind, again.attempts) == (MessageState.WAITING, True, 0)
        assert (await actions(db))[-1] == "outbox.redeliver"
        await db.write(lambda tx: outbox.delivered(tx, second), principal="system")
        assert [m.id for m in await db.read(lambda r: outbox.due(r, TO, 2e9, 10))] == [first]
        with pytest.raises(Conflict, match="waits already"):
            await db.write(lambda tx: outbox.again(tx, first), principal="user:anna")
        with pytest.raises(NotFound):
            await db.write(lambda tx: outbox.again(tx, 999), principal="user:anna")


async def test_when_too_many_wait_the_oldest_is_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "WAITING_MAX", 3)
    async with opened(tmp_path, clock=ManualClock()) as db:
        ids = await db.write(lambda tx: put_all(tx, "a", "a", "b", "c", "d"), principal="system")
        tally = await db.read(lambda r: outbox.tally(r, TO))
        assert (tally.waiting, tally.dropped) == (3, 2)
        kept = await db.read(lambda r: outbox.page(r, TO, MessageState.WAITING, None, 10))
        assert [m.id for m in kept] == ids[:1:-1]
        await db.write(lambda tx: outbox.delivered(tx, ids[0]), principal="system")
        assert (await db.read(lambda r: outbox.tally(r, TO))).delivered == 0, "it is gone"


async def test_what_is_old_is_given_up_and_what_is_done_goes_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    async with opened(tmp_path, clock=clock) as db:
        ids = await db.write(lambda tx: put_all(tx, *"abcd"), principal="system")
        clock.advance(100)
        (young,) = await db.write(lambda tx: put_all(tx, "e"), principal="system")
        await db.write(lambda tx: outbox.delivered(tx, ids[0]), principal="system")
        limit_s = clock.wall_s() - 50
        given_up = await db.write(
            lambda tx: outbox.give_up_before(tx, TO, limit_s, "away"), principal="system"
        )
        assert given_up == 3
        assert [m.id for m in await db.read(lambda r: outbox.due(r, TO, 2e9, 10))] == [young]
        monkeypatch.setattr(outbox, "DONE_MAX", 2)
        assert await db.write(lambda tx: outbox.prune(tx, TO), principal="system") == 1
        clock.advance(outbox.DELIVERED_KEPT_S + 1)
        assert await db.write(lambda tx: outbox.prune(tx, TO), principal="system") == 1
        tally = await db.read(lambda r: outbox.tally(r, TO))
        assert (tally.waiting, tally.delivered, tally.dead) == (1, 0, 2)


async def test_what_waits_for_an_endpoint_that_is_gone_is_given_up(tmp_path: Path) -> None:
    async with opened(tmp_path, clock=ManualClock()) as db:
        await db.write(lambda tx: put_all(tx, "a", "b", to="old"), principal="system")
        await db.write(lambda tx: put_all(tx, "a"), principal="system")
        assert await db.write(lambda tx: outbox.retire(tx, [TO]), principal="system") == 2
        assert (await db.read(lambda r: outbox.tally(r, "old"))).dead == 2
        assert (await db.read(lambda r: outbox.tally(r, TO))).waiting == 1


@pytest.mark.slow
async def test_a_full_outbox_holds_nothing_up(tmp_path: Path) -> None:
    """Two endpoints with as many rows as may wait, half of them behind another."""
    rows = 2 * outbox.WAITING_MAX
    async with opened(tmp_path, clock=ManualClock(), encrypted=False) as db:
        await db.write(
            lambda tx: tx.execute(
                "INSERT INTO outbox (message_id, endpoint, kind, subject, facts, at_s, since_s,"
                " state, behind, attempts, next_at_s)"
                " WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
                " SELECT 'msg', 'e' || (i % 2), 'test', 's' || (i / 4), '{}', i, i,"
                " 'waiting', (i / 2) % 2, 0, i FROM n",
                (rows - 1,),
            ),
            principal="system",
        )
        await db.write(
            lambda tx: tx.execute(
                "INSERT INTO outbox_tally SELECT endpoint, count(*), 0, 0, 0, NULL FROM outbox"
                " GROUP BY endpoint"
            ),
            principal="system",
        )
        begun_s = time.monotonic()
        found = await db.read(lambda r: outbox.due(r, "e1", 2e9, 32))
        put = await db.write(lambda tx: outbox.put(tx, "e1", message(1, "s1")), principal="system")
        await db.write(
            lambda tx: [outbox.delivered(tx, item.id) for item in found], principal="system"
        )
        await db.read(lambda r: outbox.page(r, "e1", MessageState.WAITING, None, 100))
        took_s = time.monotonic() - begun_s
        assert len(found) == 32
        assert put > rows
        assert (await db.read(lambda r: outbox.tally(r, "e1"))).dropped == 1
        assert took_s < 0.5

"""From the row to the receiver: at least once, in order, and what cannot arrive is said."""

import asyncio
import base64
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lfrd.clock import ManualClock
from lfrd.errors import NotFound
from lfrd.health import HealthBoard, Status
from lfrd.outward import outbox as sending
from lfrd.outward.endpoint import Endpoint
from lfrd.outward.outbox import Outbox
from lfrd.outward.post import Post
from lfrd.outward.webhook import Webhook
from lfrd.store import deployments, outbox
from lfrd.store.database import Database
from lfrd.store.outbox import MessageState, NewMessage
from lfrd.store.transaction import Transaction
from lfrd.supervise import Backoff
from lfrd.vocabulary import OutwardKind
from support.certificates import self_signed
from support.receiver import Got, Receiver, receiver, status
from support.store import PROBE, actions, opened, raise_one

SECRET = f"whsec_{base64.b64encode(bytes(32)).decode()}"
QUICK = Backoff(first_s=0.05, cap_s=0.1)
HOUR_S = 3600.0


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWAY", "REFUSED"):
        monkeypatch.setattr(sending, name, QUICK)
    monkeypatch.setattr(sending, "IDLE_S", 0.05)


def endpoint(
    there: Receiver, name: str = "hook", *, images: bool = False, ca_file: Path | None = None
) -> Endpoint:
    way = Webhook(Post(there.url, private=True, ca_file=ca_file), [SECRET])
    return Endpoint(name, way, images)


@asynccontextmanager
async def running(
    db: Database, *endpoints: Endpoint, clock: ManualClock | None = None, required: int = 1
) -> AsyncIterator[tuple[Outbox, HealthBoard]]:
    health = HealthBoard()
    async with Outbox(
        db, clock or ManualClock(), health, endpoints, give_up_s=HOUR_S, required=required
    ) as box:
        work = asyncio.create_task(box.run())
        try:
            yield box, health
        finally:
            work.cancel()
            await asyncio.wait([work])


def put(tx: Transaction, *subjects: str, to: str = "hook") -> list[int]:
    return [
        outbox.put(tx, to, NewMessage(f"msg_{n}", OutwardKind.CAMERA_LOST, subject, {"n": n}))
        for n, subject in enumerate(subjects)
    ]


async def counts(db: Database, to: str = "hook") -> tuple[int, int, int]:
    tally = await db.read(lambda reader: outbox.tally(reader, to))
    return tally.waiting, tally.delivered, tally.dead


async def settled(db: Database, to: str = "hook", *, waiting: int = 0) -> None:
    async with asyncio.timeout(20):
        while (await counts(db, to))[0] > waiting:
            await asyncio.sleep(0.02)


async def test_everything_arrives_in_order_per_subject(tmp_path: Path) -> None:
    subjects = [f"alert:{n % 20}" for n in range(200)]
    async with opened(tmp_path, clock=ManualClock()) as db, receiver() as there:
        flaky = 0

        async def answer(got: Got, writer: asyncio.StreamWriter) -> None:
            nonlocal flaky
            flaky += 1
            await status(503 if flaky % 7 == 0 else 204)(got, writer)

        there.answer = answer
        await db.write(lambda tx: put(tx, *subjects), principal="system")
        clock = ManualClock()
        async with running(db, endpoint(there), clock=clock):
            while (await counts(db))[0]:
                clock.advance(0.2)
                await asyncio.sleep(0.02)
        assert await counts(db) == (0, 200, 0)
        seen: dict[str, list[int]] = {}
        for got in there.got:
            number = got.json["data"]["n"]
            seen.setdefault(subjects[number], []).append(number)
        for numbers in seen.values():
            assert list(dict.fromkeys(numbers)) == sorted(set(numbers))
        assert sum(len(set(numbers)) for numbers in seen.values()) == 200


async def test_one_that_is_away_is_tried_with_one_message_and_holds_nobody_up(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    async with opened(tmp_path, clock=clock) as db, receiver() as good:
        await db.write(lambda tx: put(tx, *"abcdefghij", to="away"), principal="system")
        await db.write(lambda tx: put(tx, *"abcdefghij"), principal="system")
        away = Receiver(9, False)
        async with running(db, endpoint(away, "away"), endpoint(good), clock=clock) as (
            box,
            health,
        ):
            await settled(db)
            async with asyncio.timeout(10):
                while not health.now.reasons:
                    await asyncio.sleep(0.02)
            (reason,) = health.now.reasons
            assert health.now.status is Status.DEGRADED
            assert "endpoint away has taken no message since" in reason
            assert "hunter2" not in reason
            state = (await box.states())[0]
            assert (state.tally.waiting, state.reason) == (10, state.reason)
            assert state.reason is not None
            assert "cannot be connected to" in state.reason
            assert "hunter2" not in state.endpoint.way.place
            tried = await box.page("away", None, None, 100)
            assert sum(1 for message in tried if message.attempts) < 10


async def test_what_waits_too_long_is_given_up_with_its_reason(tmp_path: Path) -> None:
    clock = ManualClock()
    async with opened(tmp_path, clock=clock) as db:
        await db.write(lambda tx: put(tx, *"abca"), principal="system")
        clock.advance(HOUR_S + 1)
        async with running(db, endpoint(Receiver(9, False)), clock=clock) as (box, _):
            await settled(db)
            dead = await box.page("hook", MessageState.DEAD, None, 10)
            assert len(dead) == 4
            assert all("given up: cannot be connected to" in (m.reason or "") for m in dead)
            again = await box.redeliver(dead[0].id, principal="user:anna")
            assert again.state is MessageState.WAITING
            await asyncio.sleep(0.3)
            assert (await counts(db))[0] == 1, "it has its time anew"


async def test_one_that_wants_no_more_is_given_up_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path, clock=ManualClock()) as db, receiver() as there:
        there.answer = status(410)
        await db.write(lambda tx: put(tx, "a", "a", "b"), principal="system")
        async with running(db, endpoint(there)):
            await settled(db)
        assert await counts(db) == (0, 0, 3)


async def test_one_bad_message_holds_up_its_own_subject_alone(tmp_path: Path) -> None:
    async with opened(tmp_path, clock=ManualClock()) as db, receiver() as there:

        async def answer(got: Got, writer: asyncio.StreamWriter) -> None:
            await status(400 if got.json["data"]["n"] == 0 else 204)(got, writer)

        there.answer = answer
        await db.write(lambda tx: put(tx, "a", "a", *"bcdefgh"), principal="system")
        async with running(db, endpoint(there)) as (_, health):
            await settled(db, waiting=2)
            await asyncio.sleep(0.1)
            assert health.now.status is Status.OK
        assert await counts(db) == (2, 7, 0)


async def test_a_test_message_goes_to_the_one_it_is_asked_for(tmp_path: Path) -> None:
    async with opened(tmp_path, clock=ManualClock()) as db, receiver() as there:
        async with running(db, endpoint(there), endpoint(there, "other")) as (box, _):
            message = await box.test("hook", principal="user:anna")
            await settled(db)
            assert (await box.get(message.id)).state is MessageState.DELIVERED
            with pytest.raises(NotFound, match="configuration has hook, other"):
                await box.test("nobody", principal="user:anna")
        assert [got.json["type"] for got in there.got] == ["test"]


async def test_it_is_sent_again_where_the_store_did_not_hear_of_it(tmp_path: Path) -> None:
    """As after a power cut between the answer and the commit: twice, with one id."""
    async with opened(tmp_path, clock=ManualClock()) as db, receiver() as there:
        await db.write(lambda tx: put(tx, "a"), principal="system")
        for _ in range(2):
            async with running(db, endpoint(there)):
                await settled(db)
            await db.write(lambda tx: outbox.again(tx, 1), principal="system")
        assert Counter(got.id for got in there.got) == {"msg_0": 2}


@pytest.mark.parametrize(
    ("allowed", "required", "closed", "leaves"),
    [
        (True, 1, False, True),
        (False, 1, False, False),
        (True, 2, False, False),
        (True, 2, True, True),
    ],
)
async def test_a_picture_leaves_where_the_rules_allow_it_and_is_logged(
    tmp_path: Path, allowed: bool, required: int, closed: bool, leaves: bool
) -> None:
    certificate = self_signed(tmp_path)
    async with (
        opened(tmp_path / "state", clock=ManualClock()) as db,
        receiver(certificate) as there,
    ):
        episode = await raise_one(db)

        def prepare(tx: Transaction) -> None:
            values = (
                f'{{"outward_images": {str(allowed).lower()}, "reviewers_required": {required}}}'
            )
            tx.execute("UPDATE deployment SET policy = ?", (f'{{"values": {values}}}',))
            if closed:
                tx.execute("UPDATE episode SET state = 'closed', closed_at_s = raised_at_s")
            new = NewMessage("msg_1", OutwardKind.CANDIDATE, "alert:1", {"alert_id": episode.id})
            outbox.put(tx, "hook", new)

        await db.write(prepare, principal="system")
        assert (await db.read(lambda r: deployments.get(r, episode.deployment_id))).policy != "{}"
        async with running(db, endpoint(there, images=True, ca_file=certificate[0])):
            await settled(db)
        (got,) = there.got
        image = got.json["data"].get("image_jpeg")
        assert (image is not None) == leaves
        assert ("outbox.image" in await actions(db)) == leaves
        if leaves:
            assert base64.b64decode(image) == PROBE


async def test_a_picture_does_not_leave_where_it_cannot_be_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    async with (
        opened(tmp_path / "state", clock=ManualClock()) as db,
        receiver(certificate) as there,
    ):
        episode = await raise_one(db)

        def prepare(tx: Transaction) -> None:
            tx.execute("""UPDATE deployment SET policy = '{"values": {"outward_images": true}}'""")
            new = NewMessage("msg_1", OutwardKind.CANDIDATE, "alert:1", {"alert_id": episode.id})
            outbox.put(tx, "hook", new)
            tx.execute(
                "CREATE TRIGGER no_log BEFORE INSERT ON audit_leaf"
                " WHEN NEW.action = 'outbox.image' BEGIN SELECT RAISE(ROLLBACK, 'no'); END"
            )

        await db.write(prepare, principal="system")
        async with running(db, endpoint(there, images=True, ca_file=certificate[0])):
            await asyncio.sleep(0.3)
        assert there.got == []


async def test_an_endpoint_is_replaced_while_messages_are_on_their_way(tmp_path: Path) -> None:
    """What is on its way arrives once and is noted; the rest goes to the one that has its name now;
    the other endpoint notices nothing; and what waits for a name that is gone is given up."""
    clock, begun, go = ManualClock(), asyncio.Event(), asyncio.Event()
    async with opened(tmp_path, clock=clock) as db, receiver() as old, receiver() as new:

        async def slow(got: Got, writer: asyncio.StreamWriter) -> None:
            begun.set()
            await go.wait()
            await status(204)(got, writer)

        old.answer = slow
        subjects = [f"alert:{n}" for n in range(40)]
        await db.write(lambda tx: put(tx, *subjects), principal="system")
        other = endpoint(new, "other")
        async with running(db, endpoint(old), other, clock=clock) as (box, _):
            await begun.wait()
            replacing = asyncio.create_task(box.replace([endpoint(new), other]))
            await asyncio.sleep(0.05)
            assert not replacing.done()
            go.set()
            await replacing
            await settled(db)
            assert box.endpoints[1] is other
            assert await counts(db) == (0, 40, 0)
            ids = [got.id for got in (*old.got, *new.got)]
            assert sorted(ids) == sorted({f"msg_{n}" for n in range(40)})
            assert 0 < len(old.got) <= sending.SENDING
            new.answer = status(503)
            await db.write(lambda tx: put(tx, "a", "b"), principal="system")
            await box.replace([other])
            await settled(db)
            assert await counts(db) == (0, 40, 2)

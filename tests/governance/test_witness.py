"""The log is countersigned by another machine, and what is wrong with that is said."""

from pathlib import Path

import pytest

from lfrd.audit.verify import note_of
from lfrd.governance.witness import Witness
from lfrd.health import HealthBoard, Status
from lfrd.store import audit_log
from lfrd.store.audit import AuditClass
from lfrd.store.database import Database
from support import witness as server
from support.store import signing

DEAD = "http://127.0.0.1:9/w"


async def log(db: Database, count: int) -> None:
    await db.write(
        lambda tx: [tx.audit(AuditClass.ALTERATION, "a.test") for _ in range(count)], principal="x"
    )
    await db.sign_log()


async def cosigned(db: Database, other: server.Witness) -> list[int]:
    return [
        item.size
        for item in await db.read(audit_log.checkpoints)
        if note_of(item.note).signers([other.key.public])
    ]


async def test_each_newest_checkpoint_is_countersigned_once(tmp_path: Path) -> None:
    with server.witness() as other:
        async with signing(tmp_path) as db:
            other.trusts = db.log_key
            health = HealthBoard()
            asks = Witness(db, health, other.url + "/", other.key.public)
            await asks.cosign()
            assert other.requests == [], "there is nothing yet"
            await log(db, 3)
            await asks.cosign()
            await asks.cosign()
            assert len(other.requests) == 1
            await log(db, 300)
            await asks.cosign()
            assert await cosigned(db, other) == [3, 303]
            anew = Witness(db, health, other.url, other.key.public)  # after a restart
            await log(db, 4)
            await anew.cosign()
            assert await cosigned(db, other) == [3, 303, 307]
            assert [text.split("\n")[0] for text in other.requests[1:]] == [
                "old 3", "old 0", "old 303",
            ]  # fmt: skip
            assert health.now.status is Status.OK


@pytest.mark.parametrize(
    ("answers", "says", "status"),
    [
        ([(404, "")], "does not know this log", Status.FAILED),
        ([(403, "")], "does not accept the key of this log", Status.FAILED),
        ([(422, "")], "does not go on from what it signed before", Status.FAILED),
        ([(409, "99\n")], "has signed 99 leaves, and the log has 3", Status.FAILED),
        ([(409, "3\n"), (409, "")], "answers 409", Status.FAILED),
        ([(409, "nine")], "has signed another log of this name", Status.FAILED),
        ([(500, "")], "answers 500", Status.FAILED),
        ([(200, "hello")], "what is no signature", Status.FAILED),
        ([(200, "— w.example/x AAAAAAAAAAAA\n")], "a signature of another key", Status.FAILED),
        ([(302, "")], "answers 302", Status.FAILED),
        ([(200, "x" * 9_000_000)], "what is no signature", Status.FAILED),
    ],
)
async def test_what_is_wrong_with_a_witness_is_said(
    tmp_path: Path, answers: list[tuple[int, str]], says: str, status: Status
) -> None:
    with server.witness() as other:
        async with signing(tmp_path) as db:
            other.trusts, other.answers = db.log_key, answers
            health = HealthBoard()
            asks = Witness(db, health, other.url, other.key.public)
            await log(db, 3)
            await asks.cosign()
            assert health.now.status is status
            assert says in health.now.reasons[0]
            assert await cosigned(db, other) == []
            other.answers = []
            await asks.cosign()
            assert health.now.status is Status.OK
            assert await cosigned(db, other) == [3]


async def test_a_witness_that_is_away_stops_nothing(tmp_path: Path) -> None:
    with server.witness() as other:
        async with signing(tmp_path) as db:
            health = HealthBoard()
            await log(db, 3)
            await Witness(db, health, DEAD, other.key.public).cosign()
            assert health.now.status is Status.DEGRADED
            assert "does not answer" in health.now.reasons[0]
            await log(db, 1)


async def test_a_log_that_was_rewritten_is_not_countersigned(tmp_path: Path) -> None:
    with server.witness() as other:
        async with signing(tmp_path) as db:
            other.trusts = db.log_key
            await log(db, 3)
            await Witness(db, HealthBoard(), other.url, other.key.public).cosign()
            other.signed = (2, b"\x01" * 32)  # what the rewritten log would not go on from
            await log(db, 3)
            health = HealthBoard()
            await Witness(db, health, other.url, other.key.public).cosign()
            assert "does not go on from what it signed before" in health.now.reasons[0]

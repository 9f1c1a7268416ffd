"""What an action has others told, in its own transaction."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lfrd.clock import ManualClock
from lfrd.governance.reviews import _finish_own
from lfrd.outward.endpoint import Filter
from lfrd.outward.telling import Telling
from lfrd.store import deployments, episodes, keys, outbox, reviews, state_folder
from lfrd.store.database import Database
from lfrd.store.outbox import Message
from lfrd.store.reviews import ReviewDecision
from lfrd.store.transaction import Transaction
from lfrd.vocabulary import OutwardKind
from support.store import (
    add_list,
    add_person,
    raise_episode,
    raise_one,
    seed_beside,
    start_deployment,
    unit_vectors,
)

EVERYTHING = {"hook": Filter()}


@asynccontextmanager
async def telling(
    path: Path, filters: Mapping[str, Filter] = EVERYTHING, required: int = 1
) -> AsyncIterator[Database]:
    with state_folder.StateFolder(path) as folder:
        master = keys.load_master_key(folder, {})
        with keys.KeyStore(folder, master) as key_store:
            tell = Telling(filters, required).follow
            async with Database(folder, key_store, ManualClock(), tell=tell) as db:
                yield db


async def told(db: Database, endpoint: str = "hook") -> list[Message]:
    """Oldest first."""
    found = await db.read(lambda reader: outbox.page(reader, endpoint, None, None, 100))
    return found[::-1]


def decide(episode_id: str, decision: ReviewDecision, required: int = 1):  # type: ignore[no-untyped-def]
    def write(tx: Transaction) -> None:
        reviews.submit(tx, episode_id, decision, "", supervisor=False, shown={})
        _finish_own(tx, episode_id, required)

    return write


async def test_a_candidate_and_its_end_are_told_and_nothing_of_the_person(tmp_path: Path) -> None:
    async with telling(tmp_path) as db:
        episode = await raise_one(db)
        await db.write(decide(episode.id, ReviewDecision.NOT_MATCH), principal="user:anna")
        began, candidate, decided = await told(db)
        assert began.kind is OutwardKind.DEPLOYMENT_BEGAN
        assert candidate.kind is OutwardKind.CANDIDATE
        assert candidate.stated == {
            "alert_id": episode.id, "deployment_id": episode.deployment_id, "camera_id": "gate",
            "watchlist_id": episode.watchlist_id, "category": "test", "bundled_with": None,
        }  # fmt: skip
        assert decided.subject == candidate.subject
        assert decided.stated == candidate.stated | {"outcome": "not_match", "decoy": False}
        for message in (candidate, decided):
            assert episode.reference not in message.facts
            assert episode.person_id not in message.facts
            assert "anna" not in message.facts
            assert "score" not in message.facts


async def test_what_is_rolled_back_is_not_told(tmp_path: Path) -> None:
    async with telling(tmp_path) as db:

        def build(tx: Transaction) -> None:
            entry, _, _ = add_person(tx, add_list(tx).id, "ref-1", unit_vectors(1)[0])
            raise_episode(tx, start_deployment(tx).id, entry)
            raise RuntimeError("no")

        with pytest.raises(RuntimeError):
            await db.write(build, principal="system")
        assert await told(db) == []


async def test_until_two_have_decided_nothing_is_told(tmp_path: Path) -> None:
    async with telling(tmp_path, required=2) as db:
        episode = await raise_one(db)
        before = await told(db)
        first, second = (decide(episode.id, decision, 2) for decision in (
            ReviewDecision.MATCH, ReviewDecision.NOT_MATCH
        ))  # fmt: skip
        await db.write(first, principal="user:anna")
        assert await told(db) == before
        await db.write(second, principal="user:ben")
        assert await told(db) == before, "they disagree: a supervisor has to decide"


async def test_a_decoy_is_told_as_a_candidate_and_as_a_decoy_once_it_is_decided(
    tmp_path: Path,
) -> None:
    async with telling(tmp_path) as db:
        decoy = await seed_beside(db, await raise_one(db))
        candidate = (await told(db))[-1]
        assert candidate.kind is OutwardKind.CANDIDATE
        assert "decoy" not in candidate.stated
        await db.write(decide(decoy.id, ReviewDecision.MATCH), principal="user:anna")
        assert (await told(db))[-1].stated["decoy"] is True


async def test_an_undecided_one_has_lapsed(tmp_path: Path) -> None:
    async with telling(tmp_path) as db:
        episode = await raise_one(db)
        await db.write(lambda tx: episodes.lapse(tx, episode.id), principal="system")
        assert (await told(db))[-1].stated["outcome"] == "lapsed"


async def test_a_deployment_begins_once_and_ends_once(tmp_path: Path) -> None:
    async with telling(tmp_path) as db:
        row = await db.write(start_deployment, principal="system")
        await db.write(
            lambda tx: deployments.extend(tx, row.id, tx.at_s + 3600), principal="system"
        )
        for step in (
            lambda tx: deployments.end(tx, row.id, reason="x", summary="{}"),
            lambda tx: deployments.mark_erased(tx, row.id),
        ):
            await db.write(step, principal="system")
        found = await told(db)
        assert [m.kind for m in found] == [
            OutwardKind.DEPLOYMENT_BEGAN, OutwardKind.DEPLOYMENT_ENDED
        ]  # fmt: skip
        assert json.loads(found[1].facts) == {"deployment_id": row.id, "profile": "lab"}
        assert [m.behind for m in found] == [False, True]


async def test_each_endpoint_is_told_what_it_wants(tmp_path: Path) -> None:
    filters = {
        "all": Filter(),
        "kinds": Filter(kinds=frozenset({OutwardKind.DECIDED})),
        "here": Filter(cameras=frozenset({"gate"})),
        "elsewhere": Filter(cameras=frozenset({"door"})),
        "list": Filter(lists=frozenset({"visitors"})),
        "other-list": Filter(lists=frozenset({"others"})),
    }
    async with telling(tmp_path, filters) as db:
        await raise_one(db)
        kinds = {name: [m.kind.value for m in await told(db, name)] for name in filters}
        began, candidate = "deployment.began", "candidate.for_review"
        assert kinds == {
            "all": [began, candidate], "kinds": [], "here": [began, candidate],
            "elsewhere": [began], "list": [began, candidate], "other-list": [began],
        }  # fmt: skip
        ids = [(await told(db, name))[0].message_id for name in ("all", "here")]
        assert ids[0] == ids[1]


def test_people_are_told_once_of_who_keeps_passing() -> None:
    for once, wanted in ((True, False), (False, True)):
        facts = {"camera_id": "gate", "bundled_with": "earlier"}
        assert Filter(once=once).wants(OutwardKind.CANDIDATE, facts, "x") is wanted

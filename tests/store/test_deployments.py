"""A deployment goes its way step by step, and only one runs."""

import json
from pathlib import Path

import pytest

from lfrd.errors import Conflict, NotFound
from lfrd.store import deployments
from lfrd.store.deployments import NewDeployment
from lfrd.store.transaction import Transaction
from lfrd.vocabulary import DeploymentState
from support.store import (
    add_list,
    add_person,
    opened,
    start_deployment,
    unit_vectors,
)

NEW = NewDeployment("lab", "a test", "test", "the bench", 0.45, "sha256:d", "sha256:e")


async def test_from_draft_to_ended(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        draft = await db.write(lambda tx: deployments.add(tx, NEW), principal="ada")
        assert draft.state is DeploymentState.DRAFT
        with pytest.raises(Conflict, match="is draft"):
            await db.write(lambda tx: deployments.start(tx, draft.id), principal="ada")
        authorised = await db.write(lambda tx: deployments.authorise(tx, draft.id), principal="bo")
        assert (authorised.state, authorised.authorised_by) == ("authorised", "bo")
        assert await db.read(deployments.running) is None
        running = await db.write(lambda tx: deployments.start(tx, draft.id), principal="ada")
        assert await db.read(deployments.running) == running
        ended = await db.write(
            lambda tx: deployments.end(tx, draft.id, reason="asked", summary='{"tracks": 3}'),
            principal="ada",
        )
        assert (ended.state, ended.end_reason, ended.ended_by) == ("ended", "asked", "ada")
        logged = await db.read(
            lambda r: r.rows("SELECT payload FROM audit_leaf WHERE action = 'deployment.end'")
        )
        assert [json.loads(row.text("payload"))["reason"] for row in logged] == ["asked"]
        with pytest.raises(Conflict, match="is ended"):
            await db.write(
                lambda tx: deployments.end(tx, draft.id, reason="x", summary="{}"), principal="ada"
            )
        assert await db.read(deployments.page) == [ended]
        with pytest.raises(NotFound):
            await db.write(lambda tx: deployments.authorise(tx, "none"), principal="ada")


async def test_only_one_runs(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        first = await db.write(start_deployment, principal="ada")
        with pytest.raises(Conflict, match=f"{first.id} is running"):
            await db.write(start_deployment, principal="ada")
        with pytest.raises(Conflict):  # the database holds it too
            await db.write(
                lambda tx: tx.execute(
                    "INSERT INTO deployment (id, profile, state, purpose, use_case, place,"
                    " threshold, detector_digest, embedder_digest, created_at_s, planned_end_at_s,"
                    " authorised_at_s, authorised_by, started_at_s, started_by, ended_at_s,"
                    " ended_by, end_reason, erased_at_s, summary, principal)"
                    " SELECT 'x', profile, state, purpose, use_case, place,"
                    " threshold, detector_digest, embedder_digest, created_at_s, planned_end_at_s,"
                    " authorised_at_s, authorised_by, started_at_s, started_by, ended_at_s,"
                    " ended_by, end_reason, erased_at_s, summary, principal FROM deployment"
                ),
                principal="mallory",
            )
        assert len(await db.read(deployments.page)) == 1


async def test_a_snapshot_tells_one_state_of_a_list_from_another(tmp_path: Path) -> None:
    def snap(tx: Transaction, watchlist_id: str) -> deployments.Snapshot:
        deployment = deployments.add(tx, NEW)
        return deployments.take_snapshot(tx, deployment.id, watchlist_id)

    async with opened(tmp_path) as db:
        watchlist = await db.write(add_list, principal="ada")
        empty = await db.write(lambda tx: snap(tx, watchlist.id), principal="ada")
        same = await db.write(lambda tx: snap(tx, watchlist.id), principal="ada")
        await db.write(
            lambda tx: add_person(tx, watchlist.id, "one", unit_vectors(1)[0]), principal="ada"
        )
        one = await db.write(lambda tx: snap(tx, watchlist.id), principal="ada")
        assert (empty.entry_count, same.entry_count, one.entry_count) == (0, 0, 1)
        assert empty.snapshot_hash == same.snapshot_hash != one.snapshot_hash
        assert await db.read(lambda r: deployments.snapshots(r, one.deployment_id)) == [one]

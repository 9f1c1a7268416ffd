"""Passages of test subjects in a real store."""

from pathlib import Path

import pytest

from lfrd.clock import ManualClock
from lfrd.errors import BadInput, Conflict, NotFound
from lfrd.evaluate.trials import evaluate
from lfrd.store import deployments, trials, watchlists
from lfrd.store.transaction import Transaction
from lfrd.store.watchlists import Entry, NewEntry, NewWatchlist
from lfrd.vocabulary import Category
from support.store import add_list, opened, raise_episode, start_deployment, unit_vectors
from support.store import add_person as add_subject

START_S = 1_800_000_000.0


def seeded(tx: Transaction) -> tuple[deployments.Deployment, list[Entry]]:
    """A running deployment that compares with two test subjects."""
    listed = add_list(tx)
    vectors = unit_vectors(2)
    subjects = [add_subject(tx, listed.id, f"s{n}", vectors[n])[0] for n in range(2)]
    deployment = start_deployment(tx)
    deployments.take_snapshot(tx, deployment.id, listed.id)
    return deployment, subjects


async def test_passages_are_counted_and_judged_by_the_episodes(tmp_path: Path) -> None:
    clock = ManualClock(START_S)
    async with opened(tmp_path, clock=clock) as db:
        deployment, (first, second) = await db.write(seeded, principal="ada")
        for at_s, entry in ((5.0, first), (5.0, second), (400.0, first)):
            await db.write(
                lambda tx, at_s=at_s, entry=entry: trials.count(
                    tx, "gate", entry.id, START_S + at_s
                ),
                principal="ada",
            )
        clock.advance(10)
        await db.write(lambda tx: raise_episode(tx, deployment.id, first), principal="system")
        clock.advance(60)
        passages = await db.read(lambda r: trials.passages(r, deployment.id))
        raised = await db.read(lambda r: trials.raised(r, deployment.id))
        found = evaluate(passages, raised, clock.wall_s(), 30.0)
        (camera,) = found.cameras
        assert (camera.camera_id, camera.rates.subjects) == ("gate", 2)
        assert (camera.rates.tpir.k, camera.rates.tpir.n, found.pending) == (1, 2, 1)
        assert await db.read(lambda r: r.count("SELECT count(*) FROM audit_leaf WHERE action ="
                                               " 'trial.passage'")) == 3  # fmt: skip


async def test_the_same_passage_is_counted_once_and_can_be_taken_back(tmp_path: Path) -> None:
    async with opened(tmp_path, clock=ManualClock(START_S)) as db:
        deployment, (first, _) = await db.write(seeded, principal="ada")

        def count(tx: Transaction) -> trials.TrialPassage:
            return trials.count(tx, "gate", first.id, START_S + 1)

        once = await db.write(count, principal="ada")
        assert await db.write(count, principal="ben") == once
        await db.write(lambda tx: trials.take_back(tx, once.id), principal="ada")
        assert await db.read(lambda r: trials.passages(r, deployment.id)) == []
        with pytest.raises(NotFound):
            await db.write(lambda tx: trials.take_back(tx, once.id), principal="ada")


async def test_only_test_subjects_of_the_running_deployment_are_counted(tmp_path: Path) -> None:
    def others(tx: Transaction) -> tuple[str, str]:
        banned = watchlists.add(tx, NewWatchlist("bans", Category.EXCLUDED, "a ban", "security"))
        one = watchlists.add_entry(tx, NewEntry(banned.id, "x"))
        apart = add_list(tx, "another test")
        two = watchlists.add_entry(tx, NewEntry(apart.id, "y"))
        return one.id, two.id

    async with opened(tmp_path, clock=ManualClock(START_S)) as db:
        with pytest.raises(Conflict, match="no deployment runs"):
            await db.write(lambda tx: trials.count(tx, "gate", "e", START_S), principal="ada")
        _, (first, _) = await db.write(seeded, principal="ada")
        banned, apart = await db.write(others, principal="ada")
        for entry_id, at_s, error, words in (
            (banned, 1.0, BadInput, "category test"),
            (apart, 1.0, Conflict, "does not compare"),
            (first.id, -10.0, BadInput, "outside"),
            ("unheard-of", 1.0, NotFound, "no entry"),
        ):
            with pytest.raises(error, match=words):
                await db.write(
                    lambda tx, e=entry_id, s=at_s: trials.count(tx, "gate", e, START_S + s),
                    principal="ada",
                )


async def test_after_its_expiry_nobody_is_counted(tmp_path: Path) -> None:
    def listed(tx: Transaction) -> str:
        made = add_list(tx)
        entry = watchlists.add_entry(tx, NewEntry(made.id, "s", expires_at_s=START_S + 100))
        deployments.take_snapshot(tx, start_deployment(tx).id, made.id)
        return entry.id

    async with opened(tmp_path, clock=ManualClock(START_S)) as db:
        entry_id = await db.write(listed, principal="ada")
        await db.write(lambda tx: trials.count(tx, "gate", entry_id, START_S + 99), principal="a")
        with pytest.raises(BadInput, match="expired"):
            await db.write(
                lambda tx: trials.count(tx, "gate", entry_id, START_S + 100), principal="a"
            )


async def test_passages_are_listed_with_the_reference_while_it_is_there(tmp_path: Path) -> None:
    def ended(tx: Transaction, entry: Entry) -> None:
        assert tx.execute("DELETE FROM entry WHERE id = ?", (entry.id,)) == 1

    async with opened(tmp_path, clock=ManualClock(START_S)) as db:
        deployment, (first, second) = await db.write(seeded, principal="ada")
        for at_s, entry in ((5.0, first), (9.0, second)):
            await db.write(
                lambda tx, at_s=at_s, entry=entry: trials.count(
                    tx, "gate", entry.id, START_S + at_s
                ),
                principal="ada",
            )
        listed = await db.read(lambda r: trials.named_passages(r, deployment.id, None, 10))
        assert [item.reference for item in listed] == ["s1", "s0"]
        await db.write(lambda tx: ended(tx, first), principal="ada")
        listed = await db.read(lambda r: trials.named_passages(r, deployment.id, None, 10))
        assert [item.reference for item in listed] == ["s1", None]
        assert len(await db.read(lambda r: trials.named_passages(r, deployment.id, None, 1))) == 1
        with pytest.raises(NotFound):
            await db.read(lambda r: trials.named_passages(r, "none", None, 10))


async def test_that_nobody_was_compared_is_noted_at_once_or_afterwards(tmp_path: Path) -> None:
    async with opened(tmp_path, clock=ManualClock(START_S)) as db:
        _, (first, second) = await db.write(seeded, principal="ada")

        async def count(entry: Entry, after_s: float, *, missed: bool) -> trials.TrialPassage:
            return await db.write(
                lambda tx: trials.count(
                    tx, "gate", entry.id, START_S + after_s, not_compared=missed
                ), principal="ada",
            )  # fmt: skip

        assert (await count(first, 0, missed=True)).not_compared
        before = await count(second, 0, missed=False)
        after = await count(second, 0, missed=True)
        assert (before.not_compared, after.not_compared, after.id) == (False, True, before.id)
        assert (await count(second, 0, missed=False)).not_compared, "only `undo` takes it back"
        with pytest.raises(BadInput, match="when the person has passed"):
            await count(first, 60, missed=True)
        assert await db.read(lambda r: r.count(
            "SELECT count(*) FROM audit_leaf WHERE action = 'trial.passage.not-compared'"
        )) == 1  # fmt: skip

"""One decision a person and episode; undone while it may be, final afterwards."""

from pathlib import Path

import pytest

from lfrd.clock import ManualClock
from lfrd.errors import Conflict, NotFound
from lfrd.store import episodes, reviews
from lfrd.store.reviews import ReviewDecision
from lfrd.store.transaction import Transaction
from support.store import (
    add_list,
    add_person,
    opened,
    raise_episode,
    start_deployment,
    unit_vectors,
)


def an_episode(tx: Transaction) -> str:
    entry, _, _ = add_person(tx, add_list(tx).id, "one", unit_vectors(1)[0])
    return raise_episode(tx, start_deployment(tx).id, entry).id


async def test_submit_undo_submit_final(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        episode_id = await db.write(an_episode, principal="system")

        def submit(decision: ReviewDecision, principal: str) -> reviews.Review:
            return db.write(
                lambda tx: reviews.submit(tx, episode_id, decision, "why"), principal=principal
            )

        first = await submit(ReviewDecision.MATCH, "ada")
        with pytest.raises(Conflict, match="has decided"):
            await submit(ReviewDecision.NOT_MATCH, "ada")
        assert not await db.write(lambda tx: reviews.undo(tx, first.id), principal="ben")
        assert await db.write(lambda tx: reviews.undo(tx, first.id), principal="ada")
        second = await submit(ReviewDecision.NOT_MATCH, "ada")
        other = await submit(ReviewDecision.UNSURE, "ben")
        final = await db.write(lambda tx: reviews.finalise(tx, second.id), principal="ada")
        assert final.final_at_s is not None
        assert final.decision is ReviewDecision.NOT_MATCH
        assert not await db.write(lambda tx: reviews.undo(tx, second.id), principal="ada")
        with pytest.raises(Conflict, match="final already"):
            await db.write(lambda tx: reviews.finalise(tx, second.id), principal="ada")
        assert await db.read(lambda r: reviews.of_episode(r, episode_id)) == [final, other]
        assert await db.read(lambda r: reviews.own(r, episode_id, "ben")) == other
        with pytest.raises(NotFound):
            await db.read(lambda r: reviews.own(r, episode_id, "cy"))


async def test_nothing_is_decided_about_a_closed_or_missing_episode(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        episode_id = await db.write(an_episode, principal="system")
        await db.write(lambda tx: episodes.close(tx, episode_id), principal="ada")
        for wrong_id, error in ((episode_id, Conflict), ("none", NotFound)):
            with pytest.raises(error):
                await db.write(
                    lambda tx, i=wrong_id: reviews.submit(tx, i, ReviewDecision.MATCH),
                    principal="ada",
                )
        with pytest.raises(NotFound):
            await db.write(lambda tx: reviews.finalise(tx, "none"), principal="ada")


async def test_reviews_whose_time_for_undoing_has_run_out(tmp_path: Path) -> None:
    clock = ManualClock()
    async with opened(tmp_path, clock=clock) as db:
        episode_id = await db.write(an_episode, principal="system")
        review = await db.write(
            lambda tx: reviews.submit(tx, episode_id, ReviewDecision.MATCH), principal="ada"
        )
        now_s = clock.wall_s()
        assert await db.read(lambda r: reviews.not_final(r, now_s - 1)) == []
        assert await db.read(lambda r: reviews.not_final(r, now_s)) == [review]


async def test_no_event_tells_of_a_review(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        episode_id = await db.write(an_episode, principal="system")
        before = await db.read(lambda r: r.count("SELECT count(*) FROM event"))
        review = await db.write(
            lambda tx: reviews.submit(tx, episode_id, ReviewDecision.MATCH), principal="ada"
        )
        await db.write(lambda tx: reviews.finalise(tx, review.id), principal="ada")
        assert await db.read(lambda r: r.count("SELECT count(*) FROM event")) == before

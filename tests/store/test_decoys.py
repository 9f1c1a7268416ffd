"""A decoy is an episode to whatever erases and logs, and none to whatever counts candidates."""

from pathlib import Path

import pytest

from lfrd.clock import ManualClock
from lfrd.errors import Conflict
from lfrd.governance.reviews import Reviews, read
from lfrd.health import HealthBoard
from lfrd.store import decoys, deployments, episodes, erasures, outcomes, trials
from lfrd.store.episodes import Episode, EpisodeState
from lfrd.store.reviews import ReviewDecision
from lfrd.vocabulary import Engagement
from support.store import LAB_FACES, actions, opened, raise_one, seed_beside

MATCH, NOT_MATCH, UNSURE = ReviewDecision


async def decide(reviews: Reviews, episode: Episode, what: ReviewDecision, who: str) -> None:
    await reviews.submit(episode.id, what, "", principal=who)
    await reviews.finish(episode.id, principal=who)


async def test_disagreement_about_a_decoy_closes_it_and_needs_no_supervisor(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        real = await raise_one(db)
        decoy = await seed_beside(db, real)
        reviews = Reviews(db, ManualClock(), HealthBoard(), required=2)
        for episode in (real, decoy):
            await decide(reviews, episode, MATCH, "user:anna")
            assert (await db.read(lambda r, e=episode: episodes.get(r, e.id))).state == "open"
            await decide(reviews, episode, NOT_MATCH, "user:ben")
        settled = await db.read(lambda r: episodes.get(r, decoy.id))
        assert (settled.state, settled.escalated_at_s) == (EpisodeState.CLOSED, None)
        assert (await db.read(lambda r: episodes.get(r, real.id))).escalated_at_s is not None
        with pytest.raises(Conflict, match="decoy"):
            await db.write(
                lambda tx: outcomes.add(tx, decoy.id, Engagement.ARREST),
                principal="user:anna",
            )


async def test_decoys_are_in_the_hit_rate_and_in_no_other_figure_of_a_reviewer(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as db:
        real = await raise_one(db)
        reviews = Reviews(db, ManualClock(), HealthBoard(), required=1)
        await decide(reviews, real, MATCH, "user:anna")
        (before,) = await db.read(lambda r: read(r, None, 1))
        assert (before.decoys.k, before.decoys.n) == (0, 0)
        for mated, said in ((True, MATCH), (False, MATCH), (False, NOT_MATCH), (True, UNSURE)):
            await decide(reviews, await seed_beside(db, real, mated=mated), said, "user:anna")
        waiting = await seed_beside(db, real)
        await reviews.submit(waiting.id, MATCH, "", principal="user:anna")
        (after,) = await db.read(lambda r: read(r, real.deployment_id, 1))
        assert (after.decoys.k, after.decoys.n) == (2, 4)
        assert after.decoys.lo == pytest.approx(0.150, abs=1e-3)
        assert after.decoys.hi == pytest.approx(0.850, abs=1e-3)
        for name in ("matches", "not_matches", "unsure", "compared", "agreed", "median_s"):
            assert getattr(after, name) == getattr(before, name), name
        await decide(reviews, await seed_beside(db, real), MATCH, "user:ben")
        ben = (await db.read(lambda r: read(r, None, 1)))[1]
        assert (ben.matches, ben.median_s, ben.decoys.k) == (0, None, 1)


async def test_a_decoy_is_logged_counted_open_and_gone_with_the_others(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        real = await raise_one(db)
        decoy = await seed_beside(db, real)
        assert (await actions(db))[-2:] == ["episode.raise", "decoy.seed"]
        assert await db.read(lambda r: episodes.is_as_logged(r, decoy.id))
        assert await db.read(lambda r: decoys.open_in(r, real.deployment_id)) == 1
        assert await db.read(lambda r: decoys.undecided_in(r, "user:x")) == {real.deployment_id: 1}
        assert await db.read(lambda r: trials.raised(r, real.deployment_id)) == []
        image = await db.write(
            lambda tx: episodes.read_image(tx, decoy.id, "reference"), principal="user:x"
        )
        assert image == LAB_FACES[4]
        assert not any(face in (tmp_path / "lfrd.db").read_bytes() for face in LAB_FACES)
        later_s = decoy.raised_at_s + 1
        gone = await db.write(
            lambda tx: erasures.blank_due(tx, real.deployment_id, later_s), principal="system"
        )
        assert gone is not None
        assert gone.episodes == 2
        await db.write(lambda tx: erasures.drop_episodes(tx, [decoy.id]), principal="system")
        assert await db.read(lambda r: decoys.of_episode(r, decoy.id)) is None


async def test_a_decoy_needs_a_running_deployment_and_has_a_key_of_its_own(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        real = await raise_one(db)
        decoy = await seed_beside(db, real)
        scope = deployments.scope_of(real.deployment_id)
        assert await db.read(lambda r: r.keys.open_part(scope, decoy.id)) is not None
        await db.write(
            lambda tx: deployments.end(tx, real.deployment_id, reason="done", summary="{}"),
            principal="system",
        )
        with pytest.raises(Conflict, match="not running"):
            await seed_beside(db, real)

"""Reviews: when a decision counts, when it can be taken back, and what two reviewers add up to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.clock import ManualClock
from lfrd.errors import BadInput, Conflict, NotFound, StoreFailed
from lfrd.governance.reviews import (
    SHOWN_PX_AT_LEAST,
    SHOWN_S_AT_LEAST,
    UNDO_WINDOW_S,
    Outcome,
    Reviews,
    Shown,
    conclude,
    is_due,
    may_undo,
    outcome_of,
)
from lfrd.health import HealthBoard, Status
from lfrd.store import episodes, outcomes, reviews
from lfrd.store.database import Database
from lfrd.store.episodes import EpisodeState
from lfrd.store.reviews import Review, ReviewDecision
from lfrd.vocabulary import Engagement
from support.store import opened, raise_one
from tui.screens import review_screen
from tui.widgets import faces

decisions = st.lists(st.sampled_from(ReviewDecision), max_size=5)
MATCH, NOT_MATCH, UNSURE = ReviewDecision
ANNA, BEN, CLARA = "user:anna", "user:ben", "user:clara"


# --- the pure rules


@given(decisions, st.integers(1, 2))
def test_too_few_decisions_conclude_nothing(final: list[ReviewDecision], required: int) -> None:
    assert (conclude(final, required) is None) == (len(final) < required)


@given(decisions.filter(bool))
def test_one_reviewers_decision_is_the_outcome(final: list[ReviewDecision]) -> None:
    outcome = conclude(final, 1)
    assert outcome is not None
    assert outcome.value == final[0].value


@given(st.sampled_from(ReviewDecision), st.sampled_from(ReviewDecision))
def test_two_agree_or_it_is_unresolved(first: ReviewDecision, second: ReviewDecision) -> None:
    outcome = conclude([first, second], 2)
    assert outcome is not None
    assert outcome == conclude([second, first], 2), "the order of two reviewers is no argument"
    assert (outcome is Outcome.UNRESOLVED) == (first is not second)
    if first is second:
        assert outcome.value == first.value


@given(decisions, decisions, st.integers(1, 2))
def test_a_conclusion_stands(
    final: list[ReviewDecision], later: list[ReviewDecision], required: int
) -> None:
    outcome = conclude(final, required)
    assert outcome is None or conclude(final + later, required) == outcome


def review(decision: ReviewDecision, final_at_s: float | None, number: int = 0) -> Review:
    return Review(
        id=f"r{number}", episode_id="e", principal=f"user:{number}", decision=decision, reason="",
        submitted_at_s=100.0, final_at_s=final_at_s,
    )  # fmt: skip


def test_what_became_final_first_counts() -> None:
    given_ = [review(MATCH, 130.0, 1), review(NOT_MATCH, 120.0, 2), review(UNSURE, None, 3)]
    assert outcome_of(given_, 1) is Outcome.NOT_MATCH
    assert outcome_of(given_, 2) is Outcome.UNRESOLVED
    assert outcome_of(given_[:1] + given_[2:], 2) is None


@given(st.floats(0, 60))
def test_until_it_is_due_and_only_then_it_can_be_undone(waited_s: float) -> None:
    now_s = 100.0 + waited_s
    open_review = review(MATCH, None)
    assert may_undo(open_review, now_s) != is_due(open_review, now_s)
    assert may_undo(open_review, now_s) == (now_s < 100.0 + UNDO_WINDOW_S)
    assert not may_undo(review(MATCH, 101.0), now_s)
    assert not is_due(review(MATCH, 101.0), now_s)


# --- the service


@asynccontextmanager
async def site(
    folder: Path, clock: ManualClock, required: int = 1
) -> AsyncIterator[tuple[Database, Reviews]]:
    async with opened(folder, clock=clock) as database:
        yield database, Reviews(database, clock, HealthBoard(), required=required)


async def state(database: Database, episode_id: str) -> EpisodeState:
    return (await database.read(lambda reader: episodes.get(reader, episode_id))).state


async def leaves(database: Database, action: str) -> list[str]:
    return await database.read(
        lambda reader: reader.column(
            "SELECT principal FROM audit_leaf WHERE action = ? ORDER BY id", (action,)
        )
    )


async def test_a_decision_becomes_final_by_itself(tmp_path: Path) -> None:
    clock = ManualClock()
    async with site(tmp_path, clock) as (database, service):
        episode_id = (await raise_one(database)).id
        await service.submit(episode_id, MATCH, "the scar", principal=ANNA)
        assert await service.sweep() == pytest.approx(UNDO_WINDOW_S)
        clock.advance(UNDO_WINDOW_S - 0.5)
        assert await service.sweep() == pytest.approx(0.5)
        assert await state(database, episode_id) is EpisodeState.OPEN
        clock.advance(0.5)
        assert await service.sweep() is None
        assert await state(database, episode_id) is EpisodeState.CLOSED
        assert await leaves(database, "review.submit") == [ANNA]
        assert await leaves(database, "review.final") == ["system"]
        assert await leaves(database, "episode.outcome") == ["system"]


async def test_what_was_submitted_before_a_restart_becomes_final(tmp_path: Path) -> None:
    clock = ManualClock()
    async with site(tmp_path, clock) as (database, service):
        episode_id = (await raise_one(database)).id
        await service.submit(episode_id, NOT_MATCH, "", principal=ANNA)
    clock.advance(3600)
    async with site(tmp_path, clock) as (database, service):
        assert await service.sweep() is None
        assert await state(database, episode_id) is EpisodeState.CLOSED


async def test_undone_is_as_if_never_decided(tmp_path: Path) -> None:
    clock = ManualClock()
    async with site(tmp_path, clock) as (database, service):
        episode_id = (await raise_one(database)).id
        await service.submit(episode_id, MATCH, "", principal=ANNA)
        clock.advance(UNDO_WINDOW_S - 0.001)
        await service.undo(episode_id, principal=ANNA)
        with pytest.raises(NotFound):
            await service.undo(episode_id, principal=ANNA)
        clock.advance(UNDO_WINDOW_S)
        assert await service.sweep() is None
        assert await state(database, episode_id) is EpisodeState.OPEN
        await service.submit(episode_id, NOT_MATCH, "", principal=ANNA)
        assert await leaves(database, "review.undo") == [ANNA], "the log keeps what was undone"


async def test_too_late_is_too_late_even_before_the_sweep(tmp_path: Path) -> None:
    clock = ManualClock()
    async with site(tmp_path, clock) as (database, service):
        episode_id = (await raise_one(database)).id
        await service.submit(episode_id, MATCH, "", principal=ANNA)
        clock.advance(UNDO_WINDOW_S)
        with pytest.raises(Conflict, match="no longer be undone"):
            await service.undo(episode_id, principal=ANNA)
        other = await database.read(lambda reader: reviews.own(reader, episode_id, ANNA))
        assert other.final_at_s is None


async def test_nobody_undoes_or_finishes_for_another(tmp_path: Path) -> None:
    async with site(tmp_path, ManualClock()) as (database, service):
        episode_id = (await raise_one(database)).id
        await service.submit(episode_id, MATCH, "", principal=ANNA)
        with pytest.raises(NotFound):
            await service.undo(episode_id, principal=BEN)
        with pytest.raises(NotFound):
            await service.finish(episode_id, principal=BEN)
        assert await state(database, episode_id) is EpisodeState.OPEN


async def test_the_same_principal_decides_once(tmp_path: Path) -> None:
    async with site(tmp_path, ManualClock(), required=2) as (database, service):
        episode_id = (await raise_one(database)).id
        await service.submit(episode_id, MATCH, "", principal=ANNA)
        with pytest.raises(Conflict):
            await service.submit(episode_id, MATCH, "", principal=ANNA)
        await service.finish(episode_id, principal=ANNA)
        await service.finish(episode_id, principal=ANNA)
        with pytest.raises(Conflict):
            await service.submit(episode_id, NOT_MATCH, "", principal=ANNA)
        assert await state(database, episode_id) is EpisodeState.OPEN
        assert await leaves(database, "review.final") == [ANNA]


async def test_finishing_early_closes_and_cannot_be_undone(tmp_path: Path) -> None:
    async with site(tmp_path, ManualClock()) as (database, service):
        episode_id = (await raise_one(database)).id
        await service.submit(episode_id, MATCH, "", principal=ANNA)
        await service.finish(episode_id, principal=ANNA)
        assert await state(database, episode_id) is EpisodeState.CLOSED
        with pytest.raises(Conflict):
            await service.undo(episode_id, principal=ANNA)
        with pytest.raises(Conflict, match="closed"):
            await service.submit(episode_id, MATCH, "", principal=BEN)


async def outcome_in_log(database: Database) -> str | None:
    return await database.read(
        lambda reader: reader.value(  # type: ignore[return-value]
            "SELECT payload ->> 'outcome' FROM audit_leaf WHERE action = 'episode.outcome'"
        )
    )


async def decide(
    service: Reviews, episode_id: str, who: str, what: ReviewDecision, *, supervisor: bool = False
) -> None:
    await service.submit(episode_id, what, "", principal=who, supervisor=supervisor)
    await service.finish(episode_id, principal=who)


async def test_two_reviewers_who_agree_close_together(tmp_path: Path) -> None:
    clock = ManualClock()
    async with site(tmp_path, clock, required=2) as (database, service):
        episode_id = (await raise_one(database)).id
        await decide(service, episode_id, ANNA, MATCH)
        assert await state(database, episode_id) is EpisodeState.OPEN
        await service.submit(episode_id, MATCH, "", principal=BEN)
        clock.advance(UNDO_WINDOW_S)
        await service.sweep()
        assert await state(database, episode_id) is EpisodeState.CLOSED
        assert await outcome_in_log(database) == "match"


@pytest.mark.parametrize(
    ("says", "outcome"), [(MATCH, "match"), (NOT_MATCH, "not_match"), (UNSURE, "unresolved")]
)
async def test_disagreement_waits_for_a_supervisor_who_is_neither(
    tmp_path: Path, says: ReviewDecision, outcome: str
) -> None:
    async with site(tmp_path, ManualClock(), required=2) as (database, service):
        episode_id = (await raise_one(database)).id
        await decide(service, episode_id, ANNA, MATCH)
        await decide(service, episode_id, BEN, NOT_MATCH)
        assert await state(database, episode_id) is EpisodeState.OPEN
        assert await outcome_in_log(database) is None, "nothing goes out before it is settled"
        assert await leaves(database, "episode.escalate") == [BEN]
        await decide(service, episode_id, "user:third", MATCH)
        assert await state(database, episode_id) is EpisodeState.OPEN, "a third voice is no judge"
        with pytest.raises(Conflict):
            await service.submit(episode_id, MATCH, "", principal=ANNA, supervisor=True)
        await decide(service, episode_id, CLARA, says, supervisor=True)
        assert await state(database, episode_id) is EpisodeState.CLOSED
        assert await outcome_in_log(database) == outcome
        assert await leaves(database, "episode.escalate") == [BEN], "once"


async def test_a_supervisor_who_decides_early_is_one_reviewer_among_others(tmp_path: Path) -> None:
    async with site(tmp_path, ManualClock(), required=2) as (database, service):
        episode_id = (await raise_one(database)).id
        await decide(service, episode_id, CLARA, MATCH, supervisor=True)
        assert await state(database, episode_id) is EpisodeState.OPEN
        await decide(service, episode_id, ANNA, NOT_MATCH)
        assert await state(database, episode_id) is EpisodeState.OPEN


async def test_two_second_reviews_at_once_count_one_after_the_other(tmp_path: Path) -> None:
    async with site(tmp_path, ManualClock(), required=2) as (database, service):
        episode_id = (await raise_one(database)).id
        await decide(service, episode_id, ANNA, MATCH)
        await asyncio.gather(
            service.submit(episode_id, MATCH, "", principal=BEN),
            service.submit(episode_id, NOT_MATCH, "", principal=CLARA),
        )
        await asyncio.gather(
            service.finish(episode_id, principal=BEN), service.finish(episode_id, principal=CLARA)
        )
        given_ = await database.read(lambda reader: reviews.of_episode(reader, episode_id))
        assert [item.final_at_s for item in given_].count(None) == 0, "each decision is kept"
        counted = sorted(given_, key=lambda item: (item.final_at_s, item.id))[:2]
        agreed = len({item.decision for item in counted}) == 1
        assert (await state(database, episode_id) is EpisodeState.CLOSED) == agreed
        assert len(await leaves(database, "episode.outcome")) == (1 if agreed else 0)
        assert len(await leaves(database, "episode.escalate")) == (0 if agreed else 1)


async def test_the_deployments_own_policy_says_how_many_decide(tmp_path: Path) -> None:
    async with site(tmp_path, ManualClock(), required=1) as (database, service):
        episode_id = (await raise_one(database)).id
        await database.write(
            lambda tx: tx.execute(
                "UPDATE deployment SET policy = ?", ('{"values": {"reviewers_required": 2}}',)
            ),
            principal="test",
        )
        await decide(service, episode_id, ANNA, MATCH)
        assert await state(database, episode_id) is EpisodeState.OPEN


async def test_one_primary_outcome_and_only_after_the_review(tmp_path: Path) -> None:
    async with site(tmp_path, ManualClock()) as (database, service):
        episode_id = (await raise_one(database)).id

        async def report(kind: Engagement) -> outcomes.PrimaryOutcome:
            return await database.write(
                lambda tx: outcomes.add(tx, episode_id, kind, engagement_min=4.5, complaint=True),
                principal=ANNA,
            )

        with pytest.raises(Conflict, match="under review"):
            await report(Engagement.STOPPED)
        await decide(service, episode_id, ANNA, MATCH)
        made = await report(Engagement.STOPPED)
        assert (made.kind, made.engagement_min, made.complaint) == (Engagement.STOPPED, 4.5, True)
        with pytest.raises(Conflict, match="already"):
            await report(Engagement.ARREST)
        assert await database.read(lambda reader: outcomes.of_episode(reader, episode_id)) == made


async def test_a_late_decision_becomes_final_and_changes_nothing(tmp_path: Path) -> None:
    clock = ManualClock()
    async with site(tmp_path, clock) as (database, service):
        episode_id = (await raise_one(database)).id
        await service.submit(episode_id, MATCH, "", principal=ANNA)
        await service.submit(episode_id, NOT_MATCH, "", principal=BEN)
        await service.finish(episode_id, principal=ANNA)
        clock.advance(UNDO_WINDOW_S)
        assert await service.sweep() is None
        given_ = await database.read(lambda reader: reviews.of_episode(reader, episode_id))
        assert all(item.final_at_s is not None for item in given_)
        assert outcome_of(given_, 1) is Outcome.MATCH
        assert len(await leaves(database, "episode.close")) == 1


async def test_run_wakes_for_a_new_decision(tmp_path: Path) -> None:
    clock = ManualClock()
    async with site(tmp_path, clock) as (database, service), asyncio.TaskGroup() as tasks:
        episode_id = (await raise_one(database)).id
        sweeper = tasks.create_task(service.run())
        await asyncio.sleep(0.05)  # it sleeps now, with nothing to wait for
        clock.advance(-UNDO_WINDOW_S)  # so that what is decided now is due at once
        await service.submit(episode_id, MATCH, "", principal=ANNA)
        clock.advance(UNDO_WINDOW_S - 0.05)
        async with asyncio.timeout(5):
            while await state(database, episode_id) is EpisodeState.OPEN:
                clock.advance(0.01)
                await asyncio.sleep(0.01)
        sweeper.cancel()


async def test_a_full_disk_turns_health_red_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    monkeypatch.setattr("lfrd.governance.reviews.RETRY_S", 0.01)
    async with opened(tmp_path, clock=clock) as database:
        health = HealthBoard()
        service = Reviews(database, clock, health)
        episode_id = (await raise_one(database)).id
        await service.submit(episode_id, MATCH, "", principal=ANNA)
        clock.advance(UNDO_WINDOW_S)
        real_write = database.write

        async def full(*_: object, **__: object) -> None:
            raise StoreFailed("the disk is full")

        monkeypatch.setattr(database, "write", full)
        async with asyncio.TaskGroup() as tasks, asyncio.timeout(5):
            sweeper = tasks.create_task(service.run())
            picture = await health.after(0)
            assert picture.status is Status.FAILED
            assert "the disk is full" in picture.reasons[0]
            monkeypatch.setattr(database, "write", real_write)
            assert (await health.after(picture.version)).status is Status.OK
            assert await state(database, episode_id) is EpisodeState.CLOSED
            sweeper.cancel()


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (Shown(0, 64, 2.0), "the face was drawn 0 dots"),
        (Shown(15, 64, 2.0), "the face was drawn 15 dots"),
        (Shown(64, 2, 2.0), "the reference was drawn 2 dots"),
        (Shown(64, 64, 0.3), "seen for 0.3 s"),
    ],
)
async def test_nobody_decides_about_a_face_that_nobody_saw(
    tmp_path: Path, shown: Shown, said: str
) -> None:
    async with site(tmp_path, ManualClock()) as (database, reviewing):
        episode_id = (await raise_one(database)).id
        with pytest.raises(BadInput, match=said):
            await reviewing.submit(episode_id, MATCH, "", shown, principal=ANNA)
        assert await leaves(database, "review.submit") == []
        await reviewing.submit(episode_id, MATCH, "", Shown(16, 16, 0.4), principal=ANNA)
        (kept,) = await database.read(
            lambda reader: reader.column(
                "SELECT payload FROM audit_leaf WHERE action = 'review.submit'"
            )
        )
        assert '"face_px":16' in kept


def test_the_terminal_knows_what_the_daemon_wants() -> None:
    assert faces.SHOWN_PX_AT_LEAST == SHOWN_PX_AT_LEAST
    assert review_screen.LOOK_S == SHOWN_S_AT_LEAST

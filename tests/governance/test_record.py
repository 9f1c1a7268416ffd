"""The record adds up, hides what is to be decided, and outlives what it is made of."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.errors import Conflict, RecordUnsound
from lfrd.governance import record
from lfrd.governance.record import KINDS, SUMS, check, kind_of
from lfrd.governance.reviews import Outcome
from lfrd.store import audit_log, deployments, episodes, outcomes, reviews, tallies, watchlists
from lfrd.store.database import Database
from lfrd.store.reviews import ReviewDecision
from lfrd.store.tallies import CameraTally, RunTally, Tallies
from lfrd.store.transaction import Transaction
from lfrd.vocabulary import Engagement, Identity
from lfrd.wire import record as wire
from support.records import Told, record_of
from support.store import add_list, opened, raise_some, seed_beside

ALERTS = st.lists(
    st.builds(
        Told,
        st.sampled_from(KINDS),
        st.sampled_from(["door", "hall", "yard"]),
        st.sampled_from([None, *Engagement]),
        st.sampled_from([None, "one", "two"]),
    ),
    max_size=30,
)
FACES = st.dictionaries(st.sampled_from(["door", "hall", "gate"]), st.integers(0, 5000))


@given(ALERTS, FACES)
def test_whatever_happened_the_figures_add_up(alerts: list[Told], faces: dict[str, int]) -> None:
    made = check(record_of(alerts, faces))
    assert made.alerts.total == len(alerts)
    false = sum(alert.kind.startswith("false") for alert in alerts)
    assert (made.false_alerts_of_faces is None) == (false > sum(faces.values()))
    assert made.false_alerts_of_alerts.n == sum(alert.kind != "pending" for alert in alerts)


WHOLE = record_of(
    [Told(kind, camera, Engagement.STOPPED, "one" if kind.startswith("false") else None)
     for kind in KINDS for camera in ("door", "hall")],
    {"door": 100, "hall": 50},
)  # fmt: skip


def changed(item: wire.Wire, **values: Any) -> Any:
    return item.model_copy(update=values)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        (changed(WHOLE, alerts=changed(WHOLE.alerts, unresolved=3)), "alerts by kind"),
        (changed(WHOLE, alerts=changed(WHOLE.alerts, total=13)), "alerts by kind"),
        (
            changed(
                WHOLE, alerts=changed(WHOLE.alerts, false_confirmed=3, false_unconfirmed=1)
            ),
            "alerts by camera",
        ),
        (
            changed(WHOLE, cameras=(changed(
                WHOLE.cameras[0], alerts=changed(WHOLE.cameras[0].alerts, total=7)
            ), WHOLE.cameras[1])),
            "alerts of each camera by kind",
        ),
        (changed(WHOLE, outcomes=changed(WHOLE.outcomes, arrest=1)), "outcomes"),
        (changed(WHOLE, false_alerts_by_group=()), "false alerts by group"),
        (changed(WHOLE, faces_seen=151), "faces by camera"),
        (changed(WHOLE, faces_never_compared=1), "faces never compared by camera"),
        (changed(WHOLE, looks_rejected={"blur": 1}), "looks rejected by camera"),
        (changed(WHOLE, looks_rejected={"blur": 150, "pose": 1}), "looks rejected by camera"),
        (changed(WHOLE, false_alerts_of_faces=None), "rates"),
        (changed(WHOLE, true_alerts_of_alerts=record.rate(1, 10)), "rates"),
        (changed(WHOLE, watchlist_size=8), "watchlist size"),
        (changed(WHOLE, watchlist_under_18=0), "watchlist size"),
        (changed(WHOLE, ended_at_s=0.5), "start and end"),
        (changed(WHOLE, preliminary=()), "pending alerts make it preliminary"),
    ],
)  # fmt: skip
def test_a_figure_that_does_not_fit_is_refused_and_its_sum_is_named(
    wrong: wire.Record, name: str
) -> None:
    assert check(WHOLE) is WHOLE
    assert name in SUMS
    with pytest.raises(RecordUnsound, match=name):
        check(wrong)


def test_every_sum_has_a_record_that_breaks_it() -> None:
    cases = test_a_figure_that_does_not_fit_is_refused_and_its_sum_is_named.pytestmark[0]
    assert {name for _, name in cases.args[1]} == SUMS.keys()


def test_what_was_established_outweighs_what_was_decided() -> None:
    assert kind_of(Outcome.MATCH, None) == "true_unconfirmed"
    assert kind_of(Outcome.NOT_MATCH, None) == "false_unconfirmed"
    assert kind_of(Outcome.MATCH, Identity.OTHER) == "false_confirmed"
    assert kind_of(Outcome.NOT_MATCH, Identity.SAME) == "true_confirmed"
    for unsure in (Outcome.UNSURE, Outcome.UNRESOLVED, None):
        assert kind_of(unsure, None) == "unresolved"


def test_nothing_found_is_a_bound_and_never_zero() -> None:
    none = record.rate(0, 3000)
    assert none.value is None
    assert none.at_most == pytest.approx(3 / 3000, rel=0.01)
    assert "none of 3000: at most 0.001" in none.in_words()
    some = record.rate(2, 3000)
    assert (some.at_most, some.value) == (None, pytest.approx(2 / 3000))
    assert some.lo < 2 / 3000 < some.hi
    assert record.rate(0, 0).in_words() == "nothing was counted"


def decide(tx: Transaction, episode_id: str, decision: ReviewDecision) -> None:
    review = reviews.submit(tx, episode_id, decision)
    reviews.finalise(tx, review.id)


async def made_for(db: Database, deployment_id: str, viewer: str | None) -> wire.Record:
    def read(reader: Any) -> wire.Record:
        row = deployments.get(reader, deployment_id)
        return check(record.make(
            reader, row, tallies.of(reader, deployment_id), viewer=viewer, required=1,
            now_s=row.created_at_s + 60,
        ))  # fmt: skip

    return await db.read(read)


async def run_of(db: Database) -> str:
    """Three candidates (a match that was confirmed, a false one, one open) and a decoy; the id."""
    match, false, _open = await raise_some(db, 3)
    await seed_beside(db, match)

    def write(tx: Transaction) -> None:
        decide(tx, match.id, ReviewDecision.MATCH)
        decide(tx, false.id, ReviewDecision.NOT_MATCH)
        for episode in (match, false):
            episodes.close(tx, episode.id)
        outcomes.add(tx, match.id, Engagement.ARREST, engagement_min=20, identity=Identity.SAME)
        outcomes.add(tx, false.id, Engagement.NO_ACTION, recorded_group="one")
        tallies.keep(tx, Tallies(
            RunTally(deployment_id=match.deployment_id, ran_s=60.0),
            {"gate": CameraTally(deployment_id=match.deployment_id, camera_id="gate", tracks=40)},
        ))  # fmt: skip

    await db.write(write, principal="user:ada")
    return match.deployment_id


async def test_a_record_counts_what_people_decided(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        deployment_id = await run_of(db)
        shown = await made_for(db, deployment_id, None)
        assert shown.preliminary == (
            "the deployment has not ended", "alerts that are not decided: 1"
        )  # fmt: skip
        assert shown.alerts == wire.RecordAlerts(
            total=3, true_confirmed=1, true_unconfirmed=0, false_confirmed=0, false_unconfirmed=1,
            unresolved=0, pending=1,
        )  # fmt: skip
        assert (shown.outcomes.arrest, shown.outcomes.engagement_min) == (1, 20.0)
        assert shown.false_alerts_by_group == (wire.RecordGroup(group="one", false_alerts=1),)
        assert shown.false_alerts_of_faces == record.rate(1, 40)
        assert shown.true_alerts_of_alerts == record.rate(1, 2)
        assert [item.decisions for item in shown.reviewers] == [2]
        assert shown.audit is None
        text = shown.model_dump_json()
        for word in ('"ada"', "ref-1", "ref-9", "visitors"):
            assert word not in text, "no name and no reference to a person"


async def test_whoever_has_yet_to_decide_learns_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        deployment_id = await run_of(db)
        before = await made_for(db, deployment_id, "user:ben")
        assert (before.threshold, before.thresholds) == (None, ())
        assert before.alerts.pending == 2, "the decoy is one of them for ben"
        assert before.latency.n == 2
        ids = await db.read(lambda r: episodes.ids_in(r, deployment_id))
        waiting = [i for i in ids if i in await db.read(
            lambda r: reviews.undecided_of(r, "user:ben", deployment_id))]  # fmt: skip
        for episode_id in waiting:
            await db.write(
                partial(reviews.submit, episode_id=episode_id, decision=ReviewDecision.MATCH),
                principal="user:ada2",
            )
        assert await made_for(db, deployment_id, "user:ben") == before


async def actions_more(db: Database) -> None:
    """The log goes on."""
    await db.write(lambda tx: add_list(tx, "later"), principal="user:ada")


async def test_the_record_of_an_ended_deployment_names_the_log_at_its_end(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        deployment_id = await run_of(db)
        await db.write(
            lambda tx: deployments.end(tx, deployment_id, reason="over", summary="{}"),
            principal="user:ada",
        )
        size = await db.read(lambda r: r.count("SELECT max(id) FROM audit_leaf"))
        shown = await made_for(db, deployment_id, None)
        root = await db.read(lambda r: audit_log.root_at(r, size))
        assert shown.audit == wire.RecordAudit(size=size, root=root.hex())
        await actions_more(db)
        assert (await made_for(db, deployment_id, None)).audit == shown.audit
        await db.write(lambda tx: record.freeze(tx, deployment_id, 1), principal="system")
        kept = await db.read(lambda r: deployments.kept_record(r, deployment_id))
        assert kept is not None
        frozen = wire.Record.model_validate_json(kept)
        assert frozen.alerts == shown.alerts
        await db.write(lambda tx: record.freeze(tx, deployment_id, 1), principal="system")
        assert await db.read(lambda r: deployments.kept_record(r, deployment_id)) == kept


async def test_what_has_not_begun_has_no_record(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        new = deployments.NewDeployment("lab", "a", "test", "b", 0.4, "x", "y")
        draft = await db.write(lambda tx: deployments.add(tx, new), principal="user:ada")
        with pytest.raises(Conflict, match="has not begun"):
            await made_for(db, draft.id, None)


async def test_a_list_is_described_and_stays_so_when_it_is_erased(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        episode = (await raise_some(db, 1))[0]

        def write(tx: Transaction) -> None:
            deployments.take_snapshot(tx, episode.deployment_id, episode.watchlist_id)
            record.note_lists(tx, episode.deployment_id)
            deployments.end(tx, episode.deployment_id, reason="over", summary="{}")

        def erase(tx: Transaction) -> None:
            watchlists.delete(tx, episode.watchlist_id)
            record.note_lists(tx, episode.deployment_id)

        await db.write(write, principal="user:ada")
        await db.write(erase, principal="user:ada")
        listed = (await made_for(db, episode.deployment_id, None)).watchlists[0]
        assert (listed.category, listed.entries, listed.photos) == ("test", 1, 1)
        assert listed.quality == wire.RecordQuantiles(p05=0.8, p50=0.8, p95=0.8)


def test_the_published_schema_is_the_one_that_is_served() -> None:
    path = Path(__file__).resolve().parents[2] / "docs" / "record.schema.json"
    assert path.read_text() == wire.record_schema(), "lfrd record schema > docs/record.schema.json"

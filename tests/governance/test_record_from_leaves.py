"""The verifier computes a published record from the leaves alone, and names what differs."""

import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lfrd.audit import verify
from lfrd.audit.export import export_folder
from lfrd.audit.verify import verify_export
from lfrd.clock import ManualClock
from lfrd.config import NoticeSection
from lfrd.deployment.runner import DeploymentRunner
from lfrd.governance import planning, record
from lfrd.governance.audit import AuditLog
from lfrd.governance.publication import Publication
from lfrd.governance.reviews import Reviews
from lfrd.health import HealthBoard
from lfrd.store import deployments, independent_tests, outcomes, tallies, thresholds
from lfrd.store.database import Database
from lfrd.store.episodes import Episode
from lfrd.store.reviews import ReviewDecision
from lfrd.store.tallies import CameraTally, RunTally, Tallies
from lfrd.store.thresholds import ThresholdRow
from lfrd.store.transaction import Transaction
from lfrd.vocabulary import Engagement, Identity
from support.store import MODEL, add_person, raise_some, seed_beside, signing, unit_vectors

M, N, U = ReviewDecision.MATCH, ReviewDecision.NOT_MATCH, ReviewDecision.UNSURE


class Life:
    """A deployment that is lived through in a real store."""

    def __init__(self, db: Database, clock: ManualClock) -> None:
        self.db, self.clock = db, clock
        self.reviews = Reviews(db, clock, HealthBoard())

    async def do(self, write: Any, principal: str = "user:ada", after_s: float = 7.25) -> Any:
        self.clock.advance(after_s)
        return await self.db.write(write, principal=principal)

    async def decide(self, alert: Episode, said: ReviewDecision, who: str = "ada") -> None:
        self.clock.advance(3.5)
        await self.reviews.submit(alert.id, said, "", principal=f"user:{who}")
        await self.reviews.finish(alert.id, principal=f"user:{who}")

    async def live(self) -> str:
        """Alerts of every kind, a decoy, a list that changes, two cameras; the deployment's id."""
        await self.do(lambda tx: independent_tests.add(tx, MODEL, "NPL", 1.7e9, "report MS 43"))
        await self.do(lambda tx: independent_tests.add(tx, "another", "X", 1.7e9, "report 2"))
        alerts = await raise_some(self.db, 6)
        first, deployment_id = alerts[0], alerts[0].deployment_id
        decoy = await seed_beside(self.db, first)
        await self.do(lambda tx: deployments.take_snapshot(tx, deployment_id, first.watchlist_id))
        await self.do(lambda tx: record.note_lists(tx, deployment_id))
        await self.do(lambda tx: thresholds.note(tx, row_of(deployment_id, 0.51, tx.at_s)))
        vector = unit_vectors(1, seed=3)[0]
        await self.do(lambda tx: add_person(tx, first.watchlist_id, "ref-3", vector))
        await self.do(lambda tx: thresholds.note(tx, row_of(deployment_id, 0.53, tx.at_s)))
        for alert, said in zip([*alerts[:5], decoy], (M, M, N, N, U, M), strict=True):
            await self.decide(alert, said)
        self.clock.advance(2)
        await self.reviews.submit(alerts[5].id, M, "", principal="user:ben")
        await self.reviews.undo(alerts[5].id, principal="user:ben")
        await self.decide(alerts[5], N, "ben")
        await self.do(
            lambda tx: outcomes.add(
                tx, alerts[0].id, Engagement.ARREST, engagement_min=20.5, identity=Identity.SAME
            )
        )
        await self.do(lambda tx: outcomes.add(
            tx, alerts[1].id, Engagement.STOPPED, complaint=True, identity=Identity.OTHER,
            recorded_group="one"))  # fmt: skip
        await self.do(lambda tx: end(tx, deployment_id))
        return str(deployment_id)


def row_of(deployment_id: str, threshold: float, at_s: float) -> ThresholdRow:
    return ThresholdRow(
        deployment_id=deployment_id, at_s=at_s, threshold=threshold, reference_count=2, looks=3,
        looks_effective=1.7, demographic_factor=10.0, fpir=1 / 6100, fpir_low=1e-5, fpir_high=3e-4,
        extrapolated=False, principal="system",
    )  # fmt: skip


def end(tx: Transaction, deployment_id: str) -> None:
    cameras = {
        name: CameraTally(
            deployment_id=deployment_id, camera_id=name, tracks=tracks, never_compared=7,
            looks_skipped='{"blur": 12, "too small": 3}', active_s=61.37, down_s=4.04,
            frames_detected=900, frames_dropped=2,
        )
        for name, tracks in (("gate", 310), ("hall", 77))
    }  # fmt: skip
    run = RunTally(deployment_id=deployment_id, ran_s=66.1, paused_s=5.2, software='["1 sha"]')
    tallies.keep(tx, Tallies(run, cameras))
    row = deployments.get(tx, deployment_id)
    planning.end(tx, row, "the event is over", "{}", 2)


async def published(life: Life, deployment_id: str, folder: Path) -> tuple[Path, Path]:
    """The record as JSON, and after it the log."""
    runner = cast(DeploymentRunner, SimpleNamespace(running=None))
    office = Publication(life.db, life.clock, runner, NoticeSection(), 1)
    life.clock.advance(60)
    path, log = folder / "record.json", folder / "log"
    path.write_text(await office.export(deployment_id, "json", principal="user:ada"))
    with export_folder(log) as writer:
        head, pieces = await AuditLog(life.db).export("to check", principal="user:ada")
        writer.feed(head.line)
        async for piece in pieces:
            writer.feed(piece)
        writer.feed(b"end\n")
        writer.finish()
    return path, log


def change(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return None if isinstance(value, str) else 1


def put(into: Any, place: str, value: Any) -> None:
    *way, last = place.split(".")
    for step in way:
        into = into[int(step)] if isinstance(into, list) else into[step]
    into[int(last) if isinstance(into, list) else last] = value


async def test_every_figure_of_a_record_is_computed_from_the_leaves(tmp_path: Path) -> None:
    clock = ManualClock(wall_s=1_790_000_000.25)
    async with signing(tmp_path / "state", clock=clock) as db:
        life = Life(db, clock)
        deployment_id = await life.live()
        path, log = await published(life, deployment_id, tmp_path)
        told = json.loads(path.read_text())
        assert told["alerts"] == {
            "total": 6, "true_confirmed": 1, "true_unconfirmed": 0, "false_confirmed": 1,
            "false_unconfirmed": 3, "unresolved": 1, "pending": 0,
        }  # fmt: skip
        assert told["independent_tests"] == ["NPL, 2023-11-14: report MS 43"]
        found = verify_export(log, record=path)
        assert found.problems == []
        assert found.figures > 100
        assert found.published is not None
        names = {
            place for place, _ in verify._flat(
                {k: v for k, v in told.items() if k not in verify._NOT_IN_LEAVES}
            ) if not place.endswith(".length")
        }  # fmt: skip
        forged = dict(told)
        for place, value in verify._flat(json.loads(path.read_text())):
            if place in names:
                put(forged, place, change(value))
        path.write_text(json.dumps(forged))
        problems = verify_export(log, record=path).problems
        for place in names:
            assert any(item.startswith(f"record: {place} is") for item in problems), place


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"purpose": "another"}, "is not what was planned"),
        ({"false_alerts_by_group": []}, "does not add up"),
        ({"audit": {"size": 3, "root": "00"}}, "size and root"),
        ({"lab": True}, "no leaf says that this very file"),
        ({"preliminary": ["it runs"]}, "is preliminary"),
        ({"deployment_id": "another"}, "do not tell deployment another"),
        ({"format": "else"}, "no record of the format"),
        ({"cameras": []}, "cameras.0.faces_seen is missing"),
        ({"independent_tests": []}, "independent_tests.length is 0"),
    ],
)
async def test_what_is_no_figure_is_held_too(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    clock = ManualClock(wall_s=1_790_000_000.25)
    async with signing(tmp_path / "state", clock=clock) as db:
        life = Life(db, clock)
        path, log = await published(life, await life.live(), tmp_path)
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
        found = verify_export(log, record=path)
        assert not found.good
        assert any(said in item for item in found.problems), found.problems


async def test_what_comes_after_a_record_was_made_does_not_make_it_wrong(tmp_path: Path) -> None:
    clock = ManualClock(wall_s=1_790_000_000.25)
    async with signing(tmp_path / "state", clock=clock) as db:
        life = Life(db, clock)
        deployment_id = await life.live()
        path, _ = await published(life, deployment_id, tmp_path)
        ids = await db.read(lambda r: r.column("SELECT id FROM episode ORDER BY id"))
        await life.do(partial(outcomes.add, episode_id=ids[2], kind=Engagement.OTHER))
        (tmp_path / "later").mkdir()
        later, log = await published(life, deployment_id, tmp_path / "later")
        assert verify_export(log, record=path).problems == []
        assert verify_export(log, record=later).problems == []
        assert json.loads(later.read_text())["outcomes"]["other"] == 1


@pytest.mark.parametrize(("k", "n"), [(0, 0), (0, 9), (1, 9), (9, 9), (3, 20_000), (41, 3_147_436)])
def test_both_ways_of_computing_an_interval_agree(k: int, n: int) -> None:
    ours, theirs = record.rate(k, n).model_dump(), verify._rate(k, n)
    for name, value in theirs.items():
        assert ours[name] == (value if value is None else pytest.approx(value, rel=1e-6)), name


def test_a_record_that_is_not_there_is_called_that(tmp_path: Path) -> None:
    (problem,) = verify_export(tmp_path, record=tmp_path / "none.json").problems
    assert problem.startswith("there is no record")

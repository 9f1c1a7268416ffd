"""The public record of a deployment: what happened, in figures that add up.

It is made of what the store counted and what people decided, never of a face or a name. A reader
who has yet to decide about a candidate is shown it as pending, as all are shown what is open, so
that no figure tells what others decided (compare lfrd.api.projection). Decoys are in no figure.

`check` holds the figures to their sums each time a record is shown; one that does not add up is
refused, with the name of the sum that fails.
"""

import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lfrd.errors import Conflict, RecordUnsound
from lfrd.governance.profile import LAB
from lfrd.governance.reviews import Outcome, is_final, outcome_of, required_of
from lfrd.stats import clopper_pearson, upper_bound
from lfrd.store import (
    audit_log,
    decoys,
    episodes,
    erasures,
    outcomes,
    reference_images,
    reviews,
    tallies,
    thresholds,
    watchlists,
)
from lfrd.store import deployments as stored
from lfrd.store.audit import Fact, number
from lfrd.store.deployments import Deployment, Snapshot
from lfrd.store.episodes import Episode, EpisodeState
from lfrd.store.outcomes import PrimaryOutcome
from lfrd.store.reviews import Review
from lfrd.store.tallies import CameraTally, Tallies
from lfrd.store.transaction import Reader, Transaction
from lfrd.summary import percentile
from lfrd.vocabulary import DeploymentState, Engagement, Identity
from lfrd.wire import record as wire

MINUTE_S = 60.0
DAY_S = 24 * 3600.0
OVER = (DeploymentState.ENDED, DeploymentState.ERASED)
UNKNOWN = "unknown"
"""The category of a list that an earlier lfrd used, and that is erased."""
KINDS = (
    "true_confirmed", "true_unconfirmed", "false_confirmed", "false_unconfirmed", "unresolved",
    "pending",
)  # fmt: skip
COMPOSED = (
    "category", "under_18", "photos", "inter_eye_px", "quality", "photo_age_d", "photos_undated",
    "built_at_s", "confirmed_at_s",
)  # fmt: skip
"""Of a list, what is kept when the deployment starts and ends."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One alert as the record counts it; `kind` is a field of RecordAlerts."""

    episode: Episode
    kind: str
    outcome: PrimaryOutcome | None
    given: tuple[Review, ...] = ()

    @property
    def is_false(self) -> bool:
        return self.kind.startswith("false")


def kind_of(outcome: Outcome | None, identity: Identity | None) -> str:
    """What a decided alert counts as. What was established on the spot outweighs what was decided
    by the pictures."""
    if identity is not None:
        return "true_confirmed" if identity is Identity.SAME else "false_confirmed"
    if outcome is Outcome.MATCH:
        return "true_unconfirmed"
    return "false_unconfirmed" if outcome is Outcome.NOT_MATCH else "unresolved"


def make(
    reader: Reader,
    deployment: Deployment,
    counted: Tallies,
    *,
    viewer: str | None,
    required: int,
    now_s: float,
) -> wire.Record:
    """The record as `viewer` may see it (None: nothing is hidden), not yet checked. `counted` is
    what the deployment counted so far, `required` is for policies that name no number of reviewers.

    Raises Conflict for one that has not begun.
    """
    if deployment.started_at_s is None:
        raise Conflict(f"deployment {deployment.id} has not begun: there is nothing to record")
    hidden = reviews.undecided_of(reader, viewer, deployment.id) if viewer else frozenset()
    judged = _judged(reader, deployment, hidden, required)
    lists = tuple(_list(reader, item) for item in stored.snapshots(reader, deployment.id))
    over = deployment.state in OVER
    return wire.Record(
        **_plan(deployment),
        **_sizes(lists),
        **_counts(judged, _cameras(counted, judged)),
        preliminary=_preliminary(deployment, judged),
        made_at_s=now_s,
        authority=_authority(reader, deployment),
        threshold=None if hidden else deployment.threshold,
        thresholds=() if hidden else _thresholds(reader, deployment.id),
        outcomes=_outcomes(judged),
        false_alerts_by_group=_groups(judged),
        latency=_latency(judged),
        reviewers=_reviewers(judged),
        downtime=_downtime(
            counted,
            deployment,
            len(stored.logged(reader, deployment.id, "deployment.team-away")),
            now_s,
        ),
        software=tuple(json.loads(counted.run.software)),
        audit=_audit(reader, deployment.id) if over else None,
    )


def _plan(deployment: Deployment) -> dict[str, Any]:
    """What was decided beforehand, and when it began and ended."""
    start_s, end_s = deployment.started_at_s, deployment.ended_at_s
    known = start_s is not None and end_s is not None
    return {
        "lab": deployment.profile == LAB,
        "deployment_id": deployment.id,
        "state": deployment.state,
        "place": deployment.place,
        "purpose": deployment.purpose,
        "use_case": deployment.use_case,
        "profile": deployment.profile,
        "policy_sha256": deployment.policy_digest,
        "documents": tuple(json.loads(deployment.documents)),
        "planned_start_at_s": deployment.planned_start_at_s,
        "planned_end_at_s": deployment.planned_end_at_s,
        "started_at_s": start_s,
        "ended_at_s": end_s,
        "end_reason": deployment.end_reason,
        "duration_min": _minutes(end_s - start_s) if known and start_s and end_s else None,
        "detector_sha256": deployment.detector_digest,
        "recogniser_sha256": deployment.embedder_digest,
        "independent_tests": tuple(json.loads(deployment.independent_tests or "[]")),
    }


def _sizes(lists: Sequence[wire.RecordList]) -> dict[str, Any]:
    by_category: Counter[str] = Counter()
    for listed in lists:
        by_category[listed.category or UNKNOWN] += listed.entries
    return {
        "watchlist_size": by_category.total(),
        "watchlist_by_category": dict(sorted(by_category.items())),
        "watchlist_under_18": sum(item.under_18 or 0 for item in lists),
        "watchlists": lists,
    }


def _counts(judged: Sequence[Judged], cameras: tuple[wire.RecordCamera, ...]) -> dict[str, Any]:
    """What was counted by camera and over all of them, and the rates."""
    alerts = _alerts(judged)
    faces = sum(camera.faces_seen for camera in cameras)
    false = alerts.false_confirmed + alerts.false_unconfirmed
    true = alerts.true_confirmed + alerts.true_unconfirmed
    decided = alerts.total - alerts.pending
    rejected: Counter[str] = Counter()
    for camera in cameras:
        rejected.update(camera.looks_rejected)
    return {
        "cameras": cameras,
        "alerts": alerts,
        "faces_seen": faces,
        "faces_never_compared": sum(camera.faces_never_compared for camera in cameras),
        "looks_rejected": dict(sorted(rejected.items())),
        "false_alerts_of_faces": rate(false, faces) if false <= faces else None,
        "false_alerts_of_alerts": rate(false, decided),
        "true_alerts_of_alerts": rate(true, decided),
    }


def rate(k: int, n: int) -> wire.RecordRate:
    """`k` of `n`; nothing found is a bound and never 0."""
    found = clopper_pearson(k, n)
    return wire.RecordRate(
        k=k, n=n, lo=found.lo, hi=found.hi,
        value=found.value if k else None,
        at_most=upper_bound(0, n) if n and not k else None,
    )  # fmt: skip


def _judged(
    reader: Reader, deployment: Deployment, hidden: frozenset[str], required: int
) -> tuple[Judged, ...]:
    """Every alert; a decoy only for a reader who has yet to decide about it, and must not know."""
    seeded = decoys.ids_in(reader, deployment.id) - hidden
    given: dict[str, list[Review]] = defaultdict(list)
    for review in reviews.all_in(reader, deployment.id):
        given[review.episode_id].append(review)
    done = {item.episode_id: item for item in outcomes.all_in(reader, deployment.id)}
    needed = required_of(deployment, required)
    found = []
    for episode in episodes.all_in(reader, deployment.id):
        if episode.id in seeded:
            continue
        if episode.state is EpisodeState.OPEN or episode.id in hidden:
            found.append(Judged(episode, "pending", None))
            continue
        final = tuple(review for review in given[episode.id] if is_final(review))
        what = done.get(episode.id)
        decided = outcome_of(final, needed)
        kind = kind_of(decided, what.identity if what else None)
        found.append(Judged(episode, kind, what, final))
    return tuple(found)


def _alerts(judged: Iterable[Judged]) -> wire.RecordAlerts:
    counts = Counter(item.kind for item in judged)
    return wire.RecordAlerts(total=counts.total(), **{name: counts[name] for name in KINDS})


def _outcomes(judged: Sequence[Judged]) -> wire.RecordOutcomes:
    known = [item.outcome for item in judged if item.outcome is not None]
    counts = Counter(item.kind for item in known)
    return wire.RecordOutcomes(
        **{kind.value: counts[kind] for kind in Engagement},
        none_recorded=len(judged) - len(known),
        engagement_min=sum(item.engagement_min for item in known),
        complaints=sum(item.complaint for item in known),
    )


def _groups(judged: Iterable[Judged]) -> tuple[wire.RecordGroup, ...]:
    counts = Counter(
        item.outcome.recorded_group if item.outcome else None for item in judged if item.is_false
    )
    return tuple(
        wire.RecordGroup(group=group, false_alerts=counts[group])
        for group in sorted(counts, key=lambda group: (group is None, group or ""))
    )


def _cameras(counted: Tallies, judged: Sequence[Judged]) -> tuple[wire.RecordCamera, ...]:
    """Those that counted something, and those that an alert is of."""
    alerts: dict[str, list[Judged]] = defaultdict(list)
    for item in judged:
        alerts[item.episode.camera_id].append(item)
    found = []
    for camera_id in sorted(counted.cameras.keys() | alerts.keys()):
        tally = counted.cameras.get(camera_id) or CameraTally(
            deployment_id=counted.run.deployment_id, camera_id=camera_id
        )
        wanted_s = tally.active_s + tally.down_s
        found.append(
            wire.RecordCamera(
                camera_id=camera_id,
                active_min=_minutes(tally.active_s),
                down_min=_minutes(tally.down_s),
                coverage=tally.active_s / wanted_s if wanted_s else None,
                faces_seen=tally.tracks,
                faces_never_compared=tally.never_compared,
                looks_rejected=json.loads(tally.looks_skipped),
                frames_searched=tally.frames_detected,
                frames_dropped=tally.frames_dropped,
                alerts=_alerts(alerts[camera_id]),
            )
        )
    return tuple(found)


def _latency(judged: Iterable[Judged]) -> wire.RecordLatency:
    """Of decided alerts: that of an open decoy would tell what it is."""
    known = [
        item.episode.latency_ms
        for item in judged
        if item.kind != "pending" and item.episode.latency_ms is not None
    ]
    p50, p95, p99 = (percentile(known, part) for part in (0.50, 0.95, 0.99))
    return wire.RecordLatency(n=len(known), p50_ms=p50, p95_ms=p95, p99_ms=p99)


def _reviewers(judged: Iterable[Judged]) -> tuple[wire.RecordReviewer, ...]:
    """Numbered by how many they decided: no name is in it, and no reviewer's place in it stays."""
    waits_s: dict[str, list[float]] = defaultdict(list)
    for item in judged:
        for review in item.given:
            waits_s[review.principal].append(review.submitted_at_s - item.episode.raised_at_s)
    figures = sorted((-len(waits), statistics.median(waits)) for waits in waits_s.values())
    return tuple(
        wire.RecordReviewer(number=number, decisions=-fewer, median_s=median_s)
        for number, (fewer, median_s) in enumerate(figures, start=1)
    )


def _downtime(
    counted: Tallies, deployment: Deployment, absences: int, now_s: float
) -> wire.RecordDowntime:
    run, over = counted.run, deployment.state in OVER
    end_s = now_s if deployment.ended_at_s is None else deployment.ended_at_s
    lasted_s = end_s - (deployment.started_at_s or end_s)
    return wire.RecordDowntime(
        paused_min=_minutes(run.paused_s),
        away_min=_minutes(max(0.0, lasted_s - run.ran_s)),
        cut_offs=run.cut_offs + (over and run.is_open),
        team_absences=absences,
    )


def _authority(reader: Reader, deployment: Deployment) -> wire.RecordAuthority:
    given = [
        number
        for action in ("authorise", "authorise-standing", "urgent")
        for number in stored.logged(reader, deployment.id, f"deployment.{action}")
    ]
    return wire.RecordAuthority(
        authorised_at_s=deployment.authorised_at_s,
        log_entry=max(given, default=None),
        by_another_than_the_starter=deployment.authorised_by != deployment.started_by,
        standing=deployment.schedule_id is not None,
        urgent=deployment.urgent_reason is not None,
        ratified_at_s=deployment.ratified_at_s,
        extensions=len(stored.logged(reader, deployment.id, "deployment.extend")),
        list_size_max=deployment.list_size_max,
        lists=tuple(json.loads(deployment.authorised_lists or "[]")),
        outside=any(
            (by or "").startswith(stored.OUTSIDE)
            for by in (deployment.authorised_by, deployment.ratified_by)
        ),
        street_team=deployment.street_team_at_s is not None,
    )


def _thresholds(reader: Reader, deployment_id: str) -> tuple[wire.RecordThreshold, ...]:
    return tuple(
        wire.RecordThreshold(
            at_s=row.at_s,
            threshold=row.threshold,
            references=row.reference_count,
            false_alert_rate=row.fpir,
            false_alert_rate_lo=row.fpir_low,
            false_alert_rate_hi=row.fpir_high,
            extrapolated=row.extrapolated,
        )
        for row in thresholds.history(reader, deployment_id)
    )


def _audit(reader: Reader, deployment_id: str) -> wire.RecordAudit | None:
    """The log up to the entry of the end; None once the log says no more which entry that is."""
    ends = stored.logged(reader, deployment_id, "deployment.end")
    if not ends:
        return None
    root = audit_log.root_at(reader, ends[-1])
    return wire.RecordAudit(size=ends[-1], root=root.hex())


def _preliminary(deployment: Deployment, judged: Iterable[Judged]) -> tuple[str, ...]:
    pending = sum(item.kind == "pending" for item in judged)
    found = [] if deployment.state in OVER else ["the deployment has not ended"]
    if pending:
        found.append(f"alerts that are not decided: {pending}")
    return tuple(found)


def _minutes(seconds: float) -> float:
    return round(max(0.0, seconds) / MINUTE_S, 2)


def log_counts(tx: Transaction, row: Deployment) -> dict[str, Fact]:
    """Put what was counted into the log, with the end, so that the record can be computed from
    leaves: a leaf for each camera; and what the leaf of the end states of the whole."""
    counted = tallies.of(tx, row.id)
    for camera_id, tally in sorted(counted.cameras.items()):
        skipped: dict[str, int] = json.loads(tally.looks_skipped)
        stored.log_counts(
            tx,
            row.id,
            {
                "camera": camera_id,
                "active_s": number(tally.active_s),
                "down_s": number(tally.down_s),
                "faces_seen": tally.tracks,
                "faces_never_compared": tally.never_compared,
                "frames_searched": tally.frames_detected,
                "frames_dropped": tally.frames_dropped,
                "looks_rejected": [f"{why} {skipped[why]}" for why in sorted(skipped)],
            },
        )
    run = counted.run
    return {
        "ran_s": number(run.ran_s),
        "paused_s": number(run.paused_s),
        "cut_offs": run.cut_offs + run.is_open,
        "software": json.loads(run.software),
        "threshold": number(row.threshold),
    }


def freeze(tx: Transaction, deployment_id: str, required: int) -> None:
    """Keep the record as it is, once, before anything goes that it is made of. It is not checked
    here: what is due to go goes, whatever the figures say."""
    row = stored.get(tx, deployment_id)
    if row.started_at_s is None:
        return
    made = make(
        tx, row, tallies.of(tx, deployment_id), viewer=None, required=required, now_s=tx.at_s,
    )  # fmt: skip
    stored.keep_record(tx, deployment_id, made.model_dump_json())


# lists -------------------------------------------------------------------------------------------


def note_lists(tx: Transaction, deployment_id: str) -> None:
    """Keep what the lists of a deployment are made of, as far as they are there: they may be erased
    before the record is read."""
    for snapshot in stored.snapshots(tx, deployment_id):
        composition = _composition(tx, snapshot.watchlist_id, tx.at_s)
        if composition is not None:
            stored.keep_composition(tx, deployment_id, snapshot.watchlist_id, composition)


def _composition(reader: Reader, watchlist_id: str, now_s: float) -> str | None:
    listed = watchlists.find(reader, watchlist_id)
    if listed is None:
        return None
    photos = reference_images.measures(reader, watchlist_id)
    taken_s = [photo.taken_at_s for photo in photos if photo.taken_at_s is not None]
    return json.dumps(
        {
            "category": listed.category.value,
            "under_18": watchlists.count_under_18(reader, watchlist_id),
            "photos": len(photos),
            "inter_eye_px": _quantiles([photo.inter_eye_px for photo in photos]),
            "quality": _quantiles([photo.overall for photo in photos]),
            "photo_age_d": _quantiles([max(0.0, now_s - at_s) / DAY_S for at_s in taken_s]),
            "photos_undated": len(photos) - len(taken_s),
            "built_at_s": listed.created_at_s,
            "confirmed_at_s": listed.confirmed_at_s,
        }
    )


def _quantiles(values: Sequence[float]) -> dict[str, float | None]:
    parts = {"p05": 0.05, "p50": 0.50, "p95": 0.95}
    found = {name: percentile(values, part) for name, part in parts.items()}
    return {name: None if value is None else round(value, 3) for name, value in found.items()}


def _list(reader: Reader, snapshot: Snapshot) -> wire.RecordList:
    known: dict[str, Any] = dict.fromkeys(COMPOSED)
    known |= json.loads(snapshot.composition or "{}")
    return wire.RecordList(
        **known,
        entries=snapshot.entry_count,
        erased_at_s=erasures.list_erased_at_s(reader, snapshot.watchlist_id),
        changes=snapshot.changes,
        snapshot_sha256=snapshot.snapshot_hash,
    )


# sums --------------------------------------------------------------------------------------------


def check(record: wire.Record) -> wire.Record:
    """The same record. Raises RecordUnsound with the name of each sum that fails."""
    failed = [name for name, holds in SUMS.items() if not holds(record)]
    if failed:
        raise RecordUnsound(
            f"the record of deployment {record.deployment_id} does not add up "
            f"({', '.join(failed)}), so it is not shown: report this, with the audit log"
        )
    return record


def _kinds(alerts: wire.RecordAlerts) -> dict[str, int]:
    return {name: getattr(alerts, name) for name in KINDS}


def _false(record: wire.Record) -> int:
    return record.alerts.false_confirmed + record.alerts.false_unconfirmed


def _is_sum(whole: Mapping[str, int], parts: Iterable[Mapping[str, int]]) -> bool:
    added: Counter[str] = Counter()
    for part in parts:
        added.update(part)
    return all(whole.get(name, 0) == added[name] for name in whole.keys() | added.keys())


def _rates_fit(record: wire.Record) -> bool:
    alerts, of_faces = record.alerts, record.false_alerts_of_faces
    false, decided = _false(record), alerts.total - alerts.pending
    true = alerts.true_confirmed + alerts.true_unconfirmed
    shown = record.false_alerts_of_alerts, record.true_alerts_of_alerts
    return (
        (of_faces is None) == (false > record.faces_seen)
        and (of_faces is None or (of_faces.k, of_faces.n) == (false, record.faces_seen))
        and [(item.k, item.n) for item in shown] == [(false, decided), (true, decided)]
    )


def _outcomes_fit(record: wire.Record) -> bool:
    known = record.outcomes
    done: int = sum(getattr(known, kind.value) for kind in Engagement)
    return record.alerts.total == known.none_recorded + done


def _lists_fit(record: wire.Record) -> bool:
    size = record.watchlist_size
    return (
        size == sum(item.entries for item in record.watchlists)
        == sum(record.watchlist_by_category.values())
        and record.watchlist_under_18 == sum(item.under_18 or 0 for item in record.watchlists)
    )  # fmt: skip


SUMS: Mapping[str, Callable[[wire.Record], bool]] = {
    "alerts by kind": lambda r: r.alerts.total == sum(_kinds(r.alerts).values()),
    "alerts of each camera by kind": lambda r: all(
        item.alerts.total == sum(_kinds(item.alerts).values()) for item in r.cameras
    ),
    "alerts by camera": lambda r: _is_sum(
        _kinds(r.alerts), (_kinds(item.alerts) for item in r.cameras)
    ),
    "false alerts by group": lambda r: (
        _false(r) == sum(item.false_alerts for item in r.false_alerts_by_group)
    ),
    "outcomes": _outcomes_fit,
    "faces by camera": lambda r: r.faces_seen == sum(item.faces_seen for item in r.cameras),
    "faces never compared by camera": lambda r: (
        r.faces_never_compared == sum(item.faces_never_compared for item in r.cameras)
    ),
    "looks rejected by camera": lambda r: _is_sum(
        r.looks_rejected, (item.looks_rejected for item in r.cameras)
    ),
    "rates": _rates_fit,
    "watchlist size": _lists_fit,
    "start and end": lambda r: (
        r.ended_at_s is None or r.started_at_s is None or r.started_at_s <= r.ended_at_s
    ),
    "pending alerts make it preliminary": lambda r: not r.alerts.pending or bool(r.preliminary),
}
"""What has to hold, by name. An alert counts once in each of these, for every reader."""

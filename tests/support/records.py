"""Records of deployments made of alerts that a test names, as the daemon makes them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lfrd.governance import record
from lfrd.governance.record import Judged
from lfrd.store.episodes import Episode, EpisodeState
from lfrd.store.outcomes import PrimaryOutcome
from lfrd.store.tallies import CameraTally, RunTally, Tallies
from lfrd.vocabulary import Category, DeploymentState, Engagement
from lfrd.wire import record as wire

EPISODE = Episode(
    id="e", deployment_id="d", camera_id="door", track_id=1, entry_id="n", person_id="p",
    watchlist_id="w", reference="ref-1", score=0.6, margin=None, threshold=0.45,
    model_digest="m", looks=1, sequence=1, media_at_s=1.0, captured_at_s=1.0, raised_at_s=10.0,
    latency_ms=100.0, state=EpisodeState.CLOSED, closed_at_s=20.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """An alert as a test tells it: `kind` is a field of RecordAlerts."""

    kind: str
    camera_id: str = "door"
    done: Engagement | None = None
    group: str | None = None


def judged(alerts: Sequence[Told]) -> tuple[Judged, ...]:
    return tuple(
        Judged(
            replace(EPISODE, camera_id=alert.camera_id),
            alert.kind,
            None
            if alert.done is None
            else PrimaryOutcome(
                episode_id="e", kind=alert.done, engagement_min=1.5, complaint=False, note="",
                at_s=30.0, principal="user:ada", recorded_group=alert.group,
            ),
        )
        for alert in alerts
    )  # fmt: skip


def tallies_of(faces: dict[str, int]) -> Tallies:
    """So many passing faces by camera, each camera with 90 % coverage of an hour."""
    return Tallies(
        RunTally(deployment_id="d", ran_s=3600.0, software='["1 sha256:a"]'),
        {
            name: CameraTally(
                deployment_id="d", camera_id=name, tracks=count, never_compared=count // 10,
                looks_skipped=json.dumps({"blur": count}), active_s=3240.0, down_s=360.0,
            )
            for name, count in faces.items()
        },
    )  # fmt: skip


def record_of(
    alerts: Sequence[Told] = (), faces: dict[str, int] | None = None, **texts: str
) -> wire.Record:
    """A whole record; `texts` replace what people wrote."""
    told, counted = judged(alerts), tallies_of({"door": 1000} if faces is None else faces)
    made = wire.Record.model_validate(
        {
            "preliminary": ("pending",) if any(a.kind == "pending" for a in alerts) else (),
            "lab": False, "made_at_s": 4000.0, "deployment_id": "d",
            "state": DeploymentState.ENDED, "place": "the station", "purpose": "to find them",
            "use_case": "locate-wanted", "profile": "standard", "policy_sha256": "p" * 64,
            "documents": ("notice: sign at the door",),
            "authority": wire.RecordAuthority(
                authorised_at_s=0.0, log_entry=12, by_another_than_the_starter=True,
                standing=False, urgent=False, ratified_at_s=None, extensions=0,
                list_size_max=None, street_team=False,
            ),
            "planned_start_at_s": 0.0, "planned_end_at_s": 3600.0, "started_at_s": 1.0,
            "ended_at_s": 3601.0, "end_reason": "over", "duration_min": 60.0,
            "threshold": 0.45, "thresholds": (),
            "outcomes": record._outcomes(told), "false_alerts_by_group": record._groups(told),
            "latency": record._latency(told), "reviewers": (),
            "downtime": wire.RecordDowntime(paused_min=0.0, away_min=0.0, cut_offs=0),
            "detector_sha256": "a" * 64, "recogniser_sha256": "b" * 64, "software": ("1",),
            "audit": wire.RecordAudit(size=99, root=None),
            **record._sizes((LIST,)),
            **record._counts(told, record._cameras(counted, told)),
        }
    )  # fmt: skip
    return made.model_copy(update=texts)


LIST = wire.RecordList(
    category=Category.WANTED, entries=7, under_18=1, photos=9, inter_eye_px=None,
    quality=wire.RecordQuantiles(p05=0.2, p50=0.5, p95=0.9), photo_age_d=None,
    photos_undated=9, built_at_s=0.0, confirmed_at_s=0.0, erased_at_s=None, changes=0,
    snapshot_sha256="c" * 64,
)  # fmt: skip

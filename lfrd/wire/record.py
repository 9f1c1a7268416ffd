"""The public record of a deployment and the notice before it: their JSON is a published format.

No name, no face and no reference to a person is in either. The texts that people wrote (purpose,
place, reason of the end, documents) are in as they were written, and name nobody.

`lfrd record schema` prints the JSON Schema of the record; docs/record.schema.json is the same.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import Field

from lfrd.vocabulary import Category, DeploymentState
from lfrd.wire.base import Wire

Count = Annotated[int, Field(ge=0)]
Minutes = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class RecordRate(Wire):
    """`k` of `n` with the exact 95 % interval of the rate behind it (Clopper and Pearson).

    `at_most` is given where nothing was found: the one-sided 95 % bound, about 3/n, which is what
    may be said; the rate itself is then not 0 but unknown. `value` is null where nothing was found
    or nothing was looked at."""

    k: Count
    n: Count
    value: Share | None
    lo: Share
    hi: Share
    at_most: Share | None

    def in_words(self) -> str:
        """Never without the interval, and nothing found never as 0."""
        if not self.n:
            return "nothing was counted"
        if self.at_most is not None:
            return f"none of {self.n}: at most {self.at_most:.2g} (95 %)"
        one_in = f"1 in {self.n / self.k:,.0f}, " if self.n >= 10 * self.k else ""
        return (
            f"{self.k} of {self.n}: {one_in}{self.k / self.n:.3g} "
            f"(95 % {self.lo:.2g} to {self.hi:.2g})"
        )


def rate_in_words(rate: RecordRate | None) -> str:
    """The same for people, also where there is none."""
    lost = "not known: counts were lost when the daemon was cut off"
    return lost if rate is None else rate.in_words()


class RecordAlerts(Wire):
    """Every alert is one of these. True and false is what the reviewers decided, or what was
    established on the spot; confirmed is what was established on the spot. Unresolved: the
    reviewers were unsure or disagreed, or it was erased undecided. Pending: not decided yet."""

    total: Count
    true_confirmed: Count
    true_unconfirmed: Count
    false_confirmed: Count
    false_unconfirmed: Count
    unresolved: Count
    pending: Count


class RecordOutcomes(Wire):
    """What was done about the alerts, one primary outcome each."""

    stopped: Count
    no_action: Count
    arrest: Count
    safeguarding: Count
    other: Count
    none_recorded: Count
    engagement_min: Minutes
    """Minutes that people were held up, all together."""
    complaints: Count


class RecordGroup(Wire):
    """False alerts of one group, as a person recorded it; null: no group was recorded."""

    group: str | None
    false_alerts: Count


class RecordQuantiles(Wire):
    """The 5th percentile, the median, the 95th; null of nothing."""

    p05: float | None
    p50: float | None
    p95: float | None


class RecordList(Wire):
    """A list that was compared with, at the end. `snapshot_sha256` is of what it held, followed
    through its `changes` while the deployment ran. Built and confirmed before, erased after use."""

    category: Category | None
    entries: Count
    under_18: Count | None
    photos: Count | None
    inter_eye_px: RecordQuantiles | None
    quality: RecordQuantiles | None
    """Of the photos, 0 to 1."""
    photo_age_d: RecordQuantiles | None
    """Days from the photo to the deployment, of those whose date is known."""
    photos_undated: Count | None
    built_at_s: float | None
    confirmed_at_s: float | None
    erased_at_s: float | None
    changes: Count
    snapshot_sha256: str


class RecordThreshold(Wire):
    """A threshold and what it was derived from; it only ever rose. The rate is that of a false
    alert for one passing face, predicted, with its interval."""

    at_s: float
    threshold: float
    references: Count
    false_alert_rate: float
    false_alert_rate_lo: float
    false_alert_rate_hi: float
    extrapolated: bool


class RecordCamera(Wire):
    """One camera. Coverage is the share of the time that it should have given pictures and did.
    `faces_never_compared` had no look that was good enough (failures to acquire);
    `looks_rejected` are single looks, by reason."""

    camera_id: str
    active_min: Minutes
    down_min: Minutes
    coverage: Share | None
    faces_seen: Count
    faces_never_compared: Count
    looks_rejected: dict[str, Count]
    frames_searched: Count
    frames_dropped: Count
    alerts: RecordAlerts


class RecordLatency(Wire):
    """From the capture of the deciding look to the alert, over `n` decided alerts."""

    n: Count
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class RecordReviewer(Wire):
    """One reviewer, who is a number: how many alerts they decided, and the median of the seconds
    from the alert to their decision."""

    number: Annotated[int, Field(ge=1)]
    decisions: Count
    median_s: float | None


class RecordAuthority(Wire):
    """Under which authority it ran. `log_entry` is the number of the authorisation in the audit
    log, null where the log has it no more. Who gave it is in the log."""

    authorised_at_s: float | None
    log_entry: int | None
    by_another_than_the_starter: bool
    standing: bool
    """Given once for a weekly schedule."""
    urgent: bool
    ratified_at_s: float | None
    extensions: Count
    list_size_max: int | None
    """So many entries it allowed; null: it set no limit."""
    lists: tuple[str, ...] = ()
    """What its lists held when it was given."""
    outside: bool = False
    """Whether an authority from outside gave it."""
    street_team: bool
    """Whether the starter said that a team was on the spot."""


class RecordDowntime(Wire):
    """Minutes in which nobody was compared: no operator was present, or the daemon was away. Each
    cut-off (a crash) lost the counts of one minute at most. So often the team on the spot gave no
    sign although the rules want one."""

    paused_min: Minutes
    away_min: Minutes
    cut_offs: Count
    team_absences: Count = 0


class RecordAudit(Wire):
    """The audit log when the deployment had ended: how many entries it had, and their Merkle tree
    root (RFC 6962) where it is known."""

    size: Count
    root: str | None


class Record(Wire):
    """The record of one deployment. `preliminary` says why it is not the last word; empty: it is.

    Passing faces are tracks: who passes twice, or whose track broke off, counts twice."""

    format: Literal["lfrd-record-1"] = "lfrd-record-1"
    preliminary: tuple[str, ...]
    lab: bool
    made_at_s: float
    deployment_id: str
    state: DeploymentState
    place: str
    purpose: str
    use_case: str
    profile: str
    policy_sha256: str
    documents: tuple[str, ...]
    authority: RecordAuthority
    planned_start_at_s: float | None
    planned_end_at_s: float | None
    started_at_s: float | None
    ended_at_s: float | None
    end_reason: str | None
    duration_min: Minutes | None
    watchlist_size: Count
    watchlist_by_category: dict[str, Count]
    watchlist_under_18: Count
    watchlists: tuple[RecordList, ...]
    threshold: float | None
    """Null for whoever has yet to decide about one of its alerts, and with it the history."""
    thresholds: tuple[RecordThreshold, ...]
    alerts: RecordAlerts
    outcomes: RecordOutcomes
    false_alerts_by_group: tuple[RecordGroup, ...]
    counting_method: Literal["tracks"] = "tracks"
    faces_seen: Count
    faces_never_compared: Count
    looks_rejected: dict[str, Count]
    false_alerts_of_faces: RecordRate | None
    """Null where a cut-off lost so many counts that there are fewer faces than false alerts."""
    false_alerts_of_alerts: RecordRate
    true_alerts_of_alerts: RecordRate
    cameras: tuple[RecordCamera, ...]
    latency: RecordLatency
    reviewers: tuple[RecordReviewer, ...]
    downtime: RecordDowntime
    detector_sha256: str
    recogniser_sha256: str
    independent_tests: tuple[str, ...] = ()
    """Who had tested the recogniser independently when it started: who, the day, where to read."""
    software: tuple[str, ...]
    audit: RecordAudit | None


class RecordFormat(Wire):
    """In which form the record is wanted, for publication. That it left is logged."""

    format: Literal["json", "csv", "html"]


class Notice(Wire):
    """What a sign on the spot says: where, when, what for, who answers for it, how to object.

    `closing` is the report after the end, null before. `code` is what the QR code holds: the page
    that the site names, else the contact."""

    deployment_id: str
    lab: bool
    place: str
    purpose: str
    use_case: str
    start_at_s: float | None
    end_at_s: float | None
    responsible: str
    contact: str
    url: str | None
    lines: tuple[str, ...]
    code: str
    closing: str | None


def record_schema() -> str:
    """The JSON Schema of the record (draft 2020-12), as text."""
    schema: dict[str, Any] = Record.model_json_schema(mode="serialization")
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"

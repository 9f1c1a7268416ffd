"""The wire contract of deployments and what governs them: rules, schedules, holds, erasures."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from lfrd.vocabulary import DeploymentState, ErasureKind, HoldKind, UseCase
from lfrd.wire.base import Line, Moment, Text, Wire

TIME_OF_DAY = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"


class PolicyBrief(Wire):
    """Which rules are in force: two equal digests are the same rules."""

    name: str
    version: int
    title: str
    digest: str
    is_lab: bool


class Policy(PolicyBrief):
    """All the rules. `changed` are the keys that the site's configuration sets."""

    values: dict[str, bool | int | float | str]
    changed: tuple[str, ...]


class SitePolicies(Wire):
    """What may be in force here: the site's own, and the lab's where it was allowed."""

    own: Policy
    lab: Policy | None


class DeploymentSummary(Wire):
    """The counts of one deployment; passing faces are counted as tracks. `tracks_split` of them
    began because another one had come to follow another person."""

    frames_decoded: int
    frames_detected: int
    frames_dropped: int
    tracks: int
    tracks_split: int = 0
    candidates: int
    templates_made: int
    templates_destroyed: int
    latency_p50_ms: float | None
    latency_p95_ms: float | None


class Deployment(Wire):
    id: str
    profile: str
    state: DeploymentState
    purpose: str
    place: str
    threshold: float | None
    """None for a reviewer who has a candidate of this deployment to decide about: images come
    first."""
    recogniser_digest: str
    watchlist_ids: tuple[str, ...]
    started_by: str | None
    started_at_s: float | None
    planned_end_at_s: float | None
    ended_at_s: float | None
    end_reason: str | None
    ended_by: str | None = None
    summary: DeploymentSummary | None
    policy: PolicyBrief | None = None
    use_case: str = ""
    expectation: str = ""
    documents: tuple[str, ...] = ()
    camera_ids: tuple[str, ...] = ()
    detector_digest: str = ""
    planned_start_at_s: float | None = None
    created_by: str = ""
    authorised_by: str | None = None
    authorised_at_s: float | None = None
    urgent_reason: str | None = None
    ratify_by_at_s: float | None = None
    ratified_by: str | None = None
    schedule_id: str | None = None
    erased_at_s: float | None = None
    list_size_max: int | None = None
    street_team_at_s: float | None = None
    authorised_lists: tuple[str, ...] = ()
    """What its lists held when it was authorised."""
    paused: bool = False
    """Whether matching pauses because no operator, or no team that the rules want, is present."""
    team_away: bool = False
    """Whether the team on the spot, which the rules want a sign of, gives none."""


class DeploymentStart(Wire):
    """Starts a deployment of the `lab` profile on the named lists and all enabled cameras. The
    lists are of category `test`, and are erased when the daemon stops."""

    profile: Literal["lab"]
    purpose: Line
    place: Line
    watchlist_ids: Annotated[tuple[str, ...], Field(min_length=1, max_length=100)]
    duration_s: Annotated[float, Field(gt=0, le=4 * 3600)] = 3600.0


class DeploymentEnd(Wire):
    """Ends a running deployment, or discards a plan. The reason is shown and in the log."""

    reason: Line = "ended by the operator"


SignedNote = Annotated[str, Field(min_length=1, max_length=100_000)]


class OutsideAuthority(Wire):
    """`authority` is the plan's text as `…/authority-request` gives it, signed by an authority from
    outside (c2sp.org/signed-note); null: the caller's own authority."""

    authority: SignedNote | None = None


class AuthorityRequest(Wire):
    """What an authority from outside is to sign."""

    text: str


class Presence(Wire):
    """An operator is there; and says that a team is on the spot."""

    street_team: bool = False


class DeploymentLapse(Wire):
    """Closes what an ended deployment left open, undecided. The reason is in the log."""

    reason: Line


class Lapsed(Wire):
    """How many candidates were closed undecided."""

    closed: int


Documents = Annotated[tuple[Line, ...], Field(max_length=50)]
ListSize = Annotated[int, Field(ge=1, le=10_000_000)]
"""So many entries the lists may hold, at the start and while it runs."""
ListIds = Annotated[tuple[str, ...], Field(max_length=100)]


class DeploymentDraft(Wire):
    """A deployment as it is planned: nothing starts by it. `start_at_s` null is now.

    `documents` are `kind: reference` texts, such as `impact-assessment: DPIA-2026-04`. What is
    missing is no error here; the gate says it.
    """

    profile: Line
    purpose: Text = ""
    use_case: UseCase
    place: Text = ""
    expectation: Text = ""
    documents: Documents = ()
    watchlist_ids: ListIds = ()
    start_at_s: Moment | None = None
    duration_s: Annotated[float, Field(gt=0, le=24 * 3600)]
    list_size_max: ListSize | None = None


class DeploymentChange(Wire):
    """What is given of a plan is changed; a `start_at_s` of null is now. Authority that the plan
    had is gone, and it is planned under the rules and models as they are now."""

    purpose: Text | None = None
    use_case: UseCase | None = None
    place: Text | None = None
    expectation: Text | None = None
    documents: Documents | None = None
    watchlist_ids: ListIds | None = None
    start_at_s: Moment | None = None
    duration_s: Annotated[float, Field(gt=0, le=24 * 3600)] | None = None
    list_size_max: ListSize | None = None


class GateFinding(Wire):
    """One thing that is missing, or to be known. `key` is stable."""

    key: str
    text: str


class GateVerdict(Wire):
    """Everything that bars this caller from starting the deployment now, at once; `erases` is what
    its rules erase after use."""

    open: bool
    missing: tuple[GateFinding, ...]
    warnings: tuple[GateFinding, ...]
    erases: tuple[GateFinding, ...] = ()


class DeploymentBegin(Wire):
    """Starts an authorised deployment; with an urgent reason, a draft, to be ratified by others."""

    urgent_reason: Line | None = None
    street_team: bool = False
    """The starter says that a team is on the spot, and not only an operator at a screen."""


class DeploymentPause(Wire):
    """Whether matching shall pause: nothing is decoded meanwhile."""

    paused: bool


class DeploymentExtend(Wire):
    """A new authorisation for a running deployment to last until then; `authority` as there."""

    until_at_s: Moment
    authority: SignedNote | None = None


class Reason(Wire):
    """Why."""

    reason: Line


class Window(Wire):
    """`start` is HH:MM in the schedule's time zone."""

    day: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    start: Annotated[str, StringConstraints(pattern=TIME_OF_DAY)]
    hours: Annotated[float, Field(gt=0, le=24)]


class ScheduleCreate(Wire):
    """A week's windows; each one's deployment has a record of its own."""

    profile: Line
    purpose: Line
    use_case: UseCase
    place: Line
    expectation: Line
    documents: Documents = ()
    watchlist_ids: Annotated[tuple[str, ...], Field(min_length=1, max_length=100)]
    windows: Annotated[tuple[Window, ...], Field(min_length=1, max_length=50)]
    timezone: Line = "UTC"
    expires_at_s: Moment
    list_size_max: ListSize | None = None


class Schedule(Wire):
    id: str
    profile: str
    purpose: str
    use_case: str
    place: str
    watchlist_ids: tuple[str, ...]
    windows: tuple[Window, ...]
    timezone: str
    created_by: str
    expires_at_s: float
    authorised_by: str | None
    authorised_at_s: float | None
    revoked_by: str | None
    revoked_at_s: float | None


class HoldCreate(Wire):
    """Asks for a legal hold; it has no effect before another person confirms it."""

    kind: HoldKind
    subject_id: Line
    reason: Line


class Hold(Wire):
    """`subject` is what it is about as people call it, null once that is gone."""

    id: str
    kind: HoldKind
    subject_id: str
    reason: str
    asked_by: str
    asked_at_s: float
    confirmed_by: str | None
    confirmed_at_s: float | None
    released_by: str | None
    released_at_s: float | None
    release_reason: str | None
    subject: str | None = None


class ErasureRequest(Wire):
    """Erases a list, an entry, a photo, a person (with every copy in episodes) or an ended
    deployment's faces."""

    kind: Literal["watchlist", "entry", "photo", "person", "deployment"]
    subject_id: Line
    reason: Line


class Erasure(Wire):
    """With `done_at_s` it is the receipt: the bytes are gone from every file. `leaf_id` is its
    entry in the log. `subject` is what it is about as people call it, where that is still there:
    what is erased has no name any more."""

    id: str
    kind: ErasureKind
    subject_id: str
    reason: str
    asked_by: str
    asked_at_s: float
    done_at_s: float | None
    entries: int
    templates: int
    images: int
    episodes: int
    leaf_id: int | None
    subject: str | None = None

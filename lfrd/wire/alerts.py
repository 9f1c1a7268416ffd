"""The wire contract of API v1: what the server sends and the client reads.

Times are Unix seconds UTC (`_at_s`), durations seconds (`_s`), sizes pixels (`_px`). Every model is
frozen and refuses unknown keys, so that a misspelt field in a request is an error and not silence.
A refusal is a `Problem` (RFC 9457, media type application/problem+json).
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from lfrd.wire.base import Colour as Colour
from lfrd.wire.base import Line as Line
from lfrd.wire.base import Margin as Margin
from lfrd.wire.base import Slug as Slug
from lfrd.wire.base import Text as Text
from lfrd.wire.base import Wire as Wire
from lfrd.wire.deployments import Deployment as Deployment
from lfrd.wire.deployments import DeploymentEnd as DeploymentEnd
from lfrd.wire.deployments import DeploymentStart as DeploymentStart
from lfrd.wire.deployments import DeploymentState as DeploymentState
from lfrd.wire.deployments import DeploymentSummary as DeploymentSummary
from lfrd.wire.deployments import PolicyBrief as PolicyBrief


class Problem(Wire):
    """Why a request was refused. `code` is the slug of the error class, `detail` one sentence."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str


class HealthStatus(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"


class ModelInfo(Wire):
    pack: str
    detector_digest: str
    recogniser_digest: str
    provider: str


class Health(Wire):
    """`reasons` says in plain sentences why the status is not ok."""

    status: HealthStatus
    reasons: tuple[str, ...]
    version: str
    node: str
    started_at_s: float
    model: ModelInfo
    deployment_id: str | None
    gallery_templates: int
    policy: PolicyBrief | None = None
    """The rules of the site; every screen shows their name."""


class Me(Wire):
    """Who the daemon takes the caller for: where a login is shared, a screen says it."""

    principal: str
    role: Literal["operator", "supervisor", "admin"]


class CameraState(StrEnum):
    IDLE = "idle"
    CONNECTING = "connecting"
    LIVE = "live"
    DEGRADED = "degraded"
    FROZEN = "frozen"
    LOST = "lost"
    REFUSED = "refused"
    PAUSED = "paused"
    ENDED = "ended"
    CLOSING = "closing"


class CameraRates(Wire):
    """Ephemeral figures of one camera in the running deployment; never stored.

    The rates are over the last seconds in which somebody asked, 0 until there were two askings.
    """

    camera_id: str
    frames_decoded: int
    frames_dropped: int
    frames_detected: int
    faces_detected: int
    tracks: int
    tracks_split: int = 0
    decode_fps: float
    detect_fps: float


Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Corners = Annotated[tuple[tuple[Fraction, Fraction], ...], Field(min_length=3, max_length=64)]
"""A polygon: corners (x, y) as fractions of the picture's width and height."""


class Regions(Wire):
    """Where to look: inside any of `include` (everywhere if empty), outside every `privacy`."""

    include: Annotated[tuple[Corners, ...], Field(max_length=32)] = ()
    privacy: Annotated[tuple[Corners, ...], Field(max_length=32)] = ()


class Camera(Wire):
    """`address` never holds a password. `declared` cameras are changed in the configuration.

    `keep_connected`: outside deployments the stream stays connected and nothing is decoded.
    """

    id: str
    name: str
    address: str
    declared: bool
    transport: Literal["tcp", "udp"]
    hwaccel: str | None
    keep_connected: bool
    regions: Regions
    decoder: str | None
    enabled: bool
    state: CameraState
    since_at_s: float
    reason: str
    codec: str | None
    width_px: int | None
    height_px: int | None
    fps: float | None
    rates: CameraRates | None
    rotate: Literal[0, 90, 180, 270] = 0
    aspect: str | None = None
    deinterlace: Literal["auto", "on", "off"] = "auto"
    stream: int | None = None
    pin: str | None = None


class Category(StrEnum):
    """Why a person is on a list: a closed choice, so that it can be counted in public."""

    WANTED = "wanted"
    MISSING = "missing"
    AT_RISK = "at-risk"
    COURT_ORDER = "court-order"
    EXCLUDED = "excluded"
    TEST = "test"


class Watchlist(Wire):
    id: str
    name: str
    category: Category
    purpose: str
    owner: str
    colour: str
    margin: float
    entries: int
    templates: int
    camera_ids: tuple[str, ...]
    created_at_s: float
    expires_at_s: float | None
    confirmed_at_s: float
    confirmed_by: str


class WatchlistCreate(Wire):
    name: Line
    category: Category
    purpose: Line
    owner: Line
    colour: Colour = "#d0021b"
    margin: Margin = 0.0
    expires_at_s: float | None = None


class Finding(Wire):
    """One thing that the enrolment gate has to say of a photo, with its measure and its limit.

    `against` is what `strict` refuses; `other_id` is the entry that a photo resembles.
    """

    code: str
    weight: Literal["note", "warn", "against"]
    message: str
    value: float | None
    limit: float | None
    other_id: str | None


class Photo(Wire):
    """A reference photo. In quarantine it is kept, and not compared with."""

    id: str
    entry_id: str
    sha256: str
    width_px: int
    height_px: int
    inter_eye_px: float
    findings: tuple[Finding, ...]
    quarantined_at_s: float | None
    quarantine_reason: str | None
    added_at_s: float


class Entry(Wire):
    """One person on one list, under a pseudonymous reference."""

    id: str
    watchlist_id: str
    person_id: str
    reference: str
    basis: str
    source: str
    reviewer: str
    under_18: bool
    under_18_reason: str
    approved_by: str | None
    margin: float
    status_checked_at_s: float
    added_at_s: float
    expires_at_s: float | None
    photos: tuple[Photo, ...]


class EntryCreate(Wire):
    reference: Line
    basis: Line
    source: Line
    reviewer: Text = ""
    under_18: bool = False
    under_18_reason: Text = ""
    margin: Margin = 0.0
    status_checked_at_s: float | None = None
    expires_at_s: float | None = None
    person_id: str | None = None
    """Set where the same person is already on another list."""


class ReviewDecision(StrEnum):
    MATCH = "match"
    NOT_A_MATCH = "not_a_match"
    UNSURE = "unsure"


class Shown(Wire):
    """What a reviewer had before them when they decided: how large the face that was seen and the
    reference were drawn (the shorter side, in dots: pixels, or half character cells of a terminal),
    and for how long both could be seen together."""

    face_px: Annotated[int, Field(ge=0, le=100_000)]
    reference_px: Annotated[int, Field(ge=0, le=100_000)]
    seen_s: Annotated[float, Field(ge=0, le=1e6)]


class ReviewSubmit(Wire):
    """A decision, and what it is about: under 16 dots or 0.4 s nobody can have decided anything,
    and it is refused."""

    decision: ReviewDecision
    reason: Text = ""
    shown: Shown


class Review(Wire):
    """One's own decision: it can be undone until `final_at_s` is set."""

    decision: ReviewDecision
    reason: str
    principal: str
    submitted_at_s: float
    final_at_s: float | None
    supervising: bool = False
    """A supervisor's, about an alert on which the reviewers disagreed."""


class Outcome(StrEnum):
    """What the reviewers together say: their common decision, or unresolved."""

    MATCH = "match"
    NOT_A_MATCH = "not_a_match"
    UNSURE = "unsure"
    UNRESOLVED = "unresolved"


class Revealed(Wire):
    """What a reviewer may see only after their own decision is final.

    `reviews` are the final ones; `outcome` is None while another reviewer has yet to decide.
    """

    score: float
    margin: float | None
    threshold: float
    looks: int
    recogniser_digest: str
    outcome: Outcome | None
    reviews: tuple[Review, ...]


class Engagement(StrEnum):
    """What was done about a candidate: the one primary outcome."""

    STOPPED = "stopped"
    NO_ACTION = "no_action"
    ARREST = "arrest"
    SAFEGUARDING = "safeguarding"
    OTHER = "other"


class EngagementReport(Wire):
    """Once for each alert, when it is closed. `engagement_min` is how long somebody was held up."""

    kind: Engagement
    engagement_min: Annotated[float, Field(ge=0, le=1440)] = 0.0
    complaint: bool = False
    note: Text = ""


class AlertState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class Rival(Wire):
    """Another person over the threshold on the same track.

    Their picture is at `/v1/alerts/{id}/rivals/{person_id}/image`.
    """

    person_id: str
    entry_id: str
    watchlist_id: str
    reference: str


class Alert(Wire):
    """A candidate for review, as this viewer may see it.

    The images are at `/v1/alerts/{id}/images/probe` (the face that was seen, with a little around
    it) and `.../reference` (the one on the list). `ambiguous` says that there are rivals. A list
    that was deleted meanwhile has an empty name.

    `escalated` says that the reviewers disagree and a supervisor decides; supervisors see it, and
    whose own decision is final. `engagement` is what was done about it, for the same people.
    `decoy` tells who sees `revealed` that nobody was seen: it was seeded to measure reviewers, and
    `decoy_right` was the right answer. It is null for a real candidate, and until then.

    `bundled_with` is an earlier alert of the same entry at the same camera, within `cooldown_s` of
    this one: whoever notifies people told them with that one. Each is reviewed by itself.

    `erased` says why there is no face any more, and nothing to decide: screens drop the pictures.
    """

    id: str
    deployment_id: str
    camera_id: str
    state: AlertState
    raised_at_s: float
    closed_at_s: float | None
    entry_id: str
    reference: str
    watchlist_id: str
    watchlist_name: str
    watchlist_colour: str
    ambiguous: bool
    rivals: tuple[Rival, ...]
    my_review: Review | None
    revealed: Revealed | None
    escalated: bool = False
    engagement: EngagementReport | None = None
    decoy: Literal[True] | None = None
    decoy_right: ReviewDecision | None = None
    bundled_with: str | None = None
    erased: str | None = None


class EventKind(StrEnum):
    """What changed. A single review is not among them: the next reviewer must not learn of it."""

    ALERT_RAISED = "alert.raised"
    ALERT_UPDATED = "alert.updated"
    ALERT_CLOSED = "alert.closed"
    CAMERA_CHANGED = "camera.changed"
    WATCHLIST_CHANGED = "watchlist.changed"
    DEPLOYMENT_CHANGED = "deployment.changed"


class EventMessage(Wire):
    """One server-sent event: `event: change`, `id:` the event's id, `data:` this.

    It names what changed and never how: the subject is read through its own route. Three further
    kinds carry no id: `event: rates` (a list of CameraRates, about once a second while cameras
    run), `event: health` (HealthChange, whenever it changes) and `event: reset` (events after the
    id you gave are gone: read everything again).
    """

    id: int
    kind: EventKind
    subject_id: str
    at_s: float


class HealthChange(Wire):
    """The status as it is now; the whole picture is at /v1/health."""

    status: HealthStatus
    reasons: tuple[str, ...]

"""The wire contract of alerts: candidates, reviews, outcomes, replays, figures of reviewers."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from lfrd.vocabulary import Engagement, Identity
from lfrd.wire.base import Text, Wire


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
    """A decision, and what it is about: under 16 dots or 0.4 s no reviewer can have decided
    anything, and it is refused."""

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


class EngagementReport(Wire):
    """Once for each alert, when it is closed. `engagement_min` is how long a person was held up.
    `identity` says whether it was the person on the list, where that was established on the spot.
    `group` is for a false alert alone: one of the site's own words (`[notice] groups`), as a person
    recorded it; nothing here infers one."""

    kind: Engagement
    engagement_min: Annotated[float, Field(ge=0, le=1440)] = 0.0
    complaint: bool = False
    note: Text = ""
    identity: Identity | None = None
    group: Annotated[str, Field(max_length=40)] | None = None


class AlertState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class Mine(StrEnum):
    """Alerts by what the caller has to do with them: open ones that they have not decided about, or
    those that they have."""

    WAITING = "waiting"
    DECIDED = "decided"


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
    `decoy` tells who sees `revealed` that no person was seen: it was seeded to measure reviewers,
    and `decoy_right` was the right answer. It is null for a real candidate, and until then.

    `bundled_with` is an earlier alert of the same entry at the same camera, within `cooldown_s` of
    this one, with which people were notified. Each is reviewed by itself.

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
    look_alikes: str = ""
    """Relatives and look-alikes of the person on the list that are known of."""
    has_scene: bool = False
    """Whether there is a picture of the scene, at `/v1/alerts/{id}/images/scene`."""


class Replay(Wire):
    """An alert's score and decision, computed again; None where it holds too little to tell.

    `crop_score` is of its own sealed crop and reference; `crop_recorded` is what was recorded for
    that look, over all photos of the entry. `fused_score` is computed from the recorded scores of
    all looks by the recorded rule. `as_logged`: the pictures are the ones in the log.
    """

    alert_id: str
    recogniser_digest: str
    threshold: float
    as_logged: bool
    crop_score: float
    crop_recorded: float | None
    crop_agrees: bool | None
    fused_score: float | None
    fused_recorded: float
    fused_agrees: bool | None
    raised: bool


class ReviewerFigures(Wire):
    """How one reviewer decided about closed alerts. `compared` are those that others decided about
    too, with a sure outcome, `agreed` those of them in which it was their own decision. `median_s`
    is from the candidate's rise to the decision, waiting included; null of none.

    `decoys_right` of the `decoys_shown` were decided rightly (`unsure` was not); `decoys_right_lo`
    and `_hi` are Wilson's 95 % interval of that rate, null where none was shown. Decoys are in no
    other figure."""

    principal: str
    matches: int
    not_matches: int
    unsure: int
    compared: int
    agreed: int
    median_s: float | None
    decoys_shown: int = 0
    decoys_right: int = 0
    decoys_right_lo: float | None = None
    decoys_right_hi: float | None = None

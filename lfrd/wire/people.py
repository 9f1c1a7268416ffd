"""The wire contract of tokens and replays; see lfrd.wire.alerts for its manners."""

from enum import StrEnum

from lfrd.wire.alerts import Line, Wire


class Role(StrEnum):
    """What somebody may do; each includes the one before it."""

    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


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


class TokenCreate(Wire):
    """`principal` is whose token it will be, such as `anna`; their role becomes `role`."""

    principal: Line
    role: Role = Role.OPERATOR


class Token(Wire):
    """A personal token, without its secret."""

    id: str
    principal: str
    created_at_s: float
    created_by: str
    revoked_at_s: float | None
    revoked_by: str | None


class NewToken(Wire):
    """`secret` is shown here once and never again."""

    token: Token
    role: Role
    secret: str


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

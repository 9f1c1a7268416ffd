"""What states, times and figures are called on the screen.

Every state is a symbol and a word, so that nothing rests on colour alone; the style only repeats
it. The three decisions look alike on purpose: none of them is the "good" one.
"""

from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from lfrd.text import one_line
from lfrd.vocabulary import Identity
from lfrd.wire.alerts import Alert, AlertState, EngagementReport, Revealed, ReviewDecision
from lfrd.wire.cameras import CameraState
from lfrd.wire.deployments import Deployment, PolicyBrief
from lfrd.wire.health import HealthStatus, Me

UNDO_WINDOW_S = 10.0
"""How long the server lets a decision be undone; it is the judge, this only drives the display."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One state as it is shown: a symbol one cell wide, a word, a style of the theme."""

    symbol: str
    word: str
    style: str = ""

    @property
    def text(self) -> str:
        return f"{self.symbol} {self.word}"


_CAMERA = {
    CameraState.IDLE: Mark("○", "idle", "$quiet"),
    CameraState.CONNECTING: Mark("◌", "connecting", "$warning"),
    CameraState.LIVE: Mark("●", "live", "$success"),
    CameraState.DEGRADED: Mark("◐", "degraded", "$warning"),
    CameraState.FROZEN: Mark("■", "frozen", "$error"),
    CameraState.LOST: Mark("✗", "lost", "$error"),
    CameraState.REFUSED: Mark("⊘", "refused", "$error"),
    CameraState.PAUSED: Mark("▮", "paused", "$warning"),
    CameraState.ENDED: Mark("–", "ended", "$quiet"),
    CameraState.CLOSING: Mark("◌", "closing", "$quiet"),
}

_HEALTH = {
    HealthStatus.OK: Mark("●", "ok", "$success"),
    HealthStatus.DEGRADED: Mark("▲", "degraded", "$warning"),
    HealthStatus.FAILED: Mark("✗", "failed", "$error"),
}

_DECISION = {
    ReviewDecision.MATCH: Mark("✓", "match", "$decided"),
    ReviewDecision.NOT_A_MATCH: Mark("✗", "not a match", "$decided"),
    ReviewDecision.UNSURE: Mark("?", "unsure", "$decided"),
}

AMBIGUOUS = Mark("≈", "ambiguous", "$warning")
ESCALATED = Mark("▲", "for a supervisor", "$warning")


def camera_mark(state: CameraState) -> Mark:
    """How a camera's state is shown."""
    return _CAMERA[state]


def health_mark(status: HealthStatus) -> Mark:
    """How the daemon's health is shown."""
    return _HEALTH[status]


def decision_mark(decision: ReviewDecision) -> Mark:
    """How a decision is shown."""
    return _DECISION[decision]


def is_undecided(alert: Alert) -> bool:
    """Whether it waits for this viewer's decision."""
    return alert.state is AlertState.OPEN and alert.my_review is None and alert.erased is None


def is_final(alert: Alert) -> bool:
    """Whether this viewer's decision can no longer be undone."""
    return alert.my_review is not None and alert.my_review.final_at_s is not None


def waits_for_supervisor(alert: Alert) -> bool:
    """Whether the reviewers disagree and no supervisor has settled it yet."""
    return alert.escalated and alert.state is AlertState.OPEN


def undo_left_s(alert: Alert, now_s: float) -> float:
    """Seconds left to undo this viewer's decision; 0 where there is nothing to undo."""
    review = alert.my_review
    if review is None or review.final_at_s is not None:
        return 0.0
    return min(UNDO_WINDOW_S, max(0.0, review.submitted_at_s + UNDO_WINDOW_S - now_s))


def candidate_mark(alert: Alert, unread: bool, now_s: float) -> Mark:
    """How a candidate's state is shown to this viewer."""
    review = alert.my_review
    if waits_for_supervisor(alert) and (review is None or is_final(alert)):
        return ESCALATED
    if review is None:
        if alert.state is AlertState.CLOSED:
            return Mark("–", "closed", "$quiet")
        return Mark("●", "new", "$unread") if unread else Mark("○", "waiting", "$foreground")
    mark = _DECISION[review.decision]
    if review.final_at_s is not None:
        return mark
    left_s = undo_left_s(alert, now_s)
    rest = f"final in {left_s:.0f} s" if left_s > 0 else "becoming final"
    return Mark("◷", f"{mark.word}, {rest}", "$decided")


def duration_text(seconds: float) -> str:
    """A duration in its largest fitting unit, rounded down: `42 s`, `5 min`, `3 h`, `2 d`."""
    whole = max(0, int(seconds))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if whole >= 2 * size or (unit == "min" and whole >= size):
            return f"{whole // size} {unit}"
    return f"{whole} s"


LATE_AFTER_S = (300.0, 900.0)
"""A candidate that waits for longer than this is late, and then very late."""


def waited_mark(alert: Alert, now_s: float) -> Mark:
    """How long ago it was raised; where it waits for this viewer, how late that is."""
    waited_s = max(0.0, now_s - alert.raised_at_s)
    words = duration_text(waited_s)
    if not is_undecided(alert) or waited_s < LATE_AFTER_S[0]:
        return Mark(" ", words, "$quiet")
    return Mark("!", words, "bold $error" if waited_s >= LATE_AFTER_S[1] else "$warning")


def cut(text: str, cells: int) -> str:
    """No wider than so many cells, which is shown where something is left out."""
    if cell_len(text) <= cells:
        return text
    return f"{set_cell_size(text, max(0, cells - 1)).rstrip()}…"


def clock_text(at_s: float) -> str:
    """The local time of day, `hh:mm:ss`."""
    return datetime.fromtimestamp(at_s).astimezone().strftime("%H:%M:%S")


def ends_text(planned_end_at_s: float | None, now_s: float) -> str:
    """When the deployment ends, as seen from now."""
    if planned_end_at_s is None:
        return "no planned end"
    left_s = planned_end_at_s - now_s
    if left_s < 0:
        return f"should have ended {duration_text(-left_s)} ago"
    return f"ends in {duration_text(left_s)}, at {clock_text(planned_end_at_s)[:5]}"


def ended_text(deployment: Deployment) -> str:
    """When, by whom and why it ended."""
    at = "" if deployment.ended_at_s is None else f" at {clock_text(deployment.ended_at_s)[:5]}"
    who = (deployment.ended_by or "").removeprefix("user:")
    by = f" by {who}" if who and who != "system" else ""
    return f"ended{at}{by}: {deployment.end_reason or 'no reason is known'}"


def figures_text(revealed: Revealed) -> str:
    """What the comparison measured, as plain numbers; a percentage of it would mean nothing.

    The margin is the distance to the next best person; none where no other person is listed.
    """
    margin = "none" if revealed.margin is None else f"{revealed.margin:.3f}"
    looks = "1 look" if revealed.looks == 1 else f"{revealed.looks} looks"
    parts = [f"score {revealed.score:.3f}", f"margin {margin}"]
    return " · ".join([*parts, f"threshold {revealed.threshold:.3f}", looks])


def together_text(revealed: Revealed) -> str:
    """Where several people decide, what they say together; empty where one does."""
    if revealed.outcome is None:
        return "another reviewer has yet to decide"
    if len(revealed.reviews) > 1:
        return f"together: {revealed.outcome.value.replace('_', ' ')}"
    return ""


def policy_text(policy: PolicyBrief, *, technical: bool = True) -> str:
    """Which rules: their name; technically also the version and the beginning of the digest, which
    two sites can compare."""
    return f"{policy.name} v{policy.version} {policy.digest[:8]}" if technical else policy.name


def people_text(number: int) -> str:
    """So many people on a list."""
    return "1 person" if number == 1 else f"{number:,} people"


def candidates_text(number: int) -> str:
    """So many candidates."""
    return "1 candidate" if number == 1 else f"{number:,} candidates"


def photos_text(number: int) -> str:
    """So many photos."""
    return "1 photo" if number == 1 else f"{number:,} photos"


def me_text(me: Me) -> str:
    """As whom this screen decides."""
    return f"you are {me.principal.removeprefix('user:')}, {me.role}"


WHO = {Identity.SAME: "the person on the list", Identity.OTHER: "somebody else"}


def engagement_text(report: EngagementReport) -> str:
    """What was done about a candidate."""
    parts = [report.kind.value.replace("_", " ")]
    if report.engagement_min:
        parts.append(f"{report.engagement_min:g} min")
    if report.complaint:
        parts.append("complaint")
    if report.identity is not None:
        parts.append(f"it was {WHO[report.identity]}")
    return " · ".join([*parts, *([report.note] if report.note else [])])


def complaint(sentence: str) -> Content:
    """What went wrong, as one line."""
    return Content.assemble(("✗ ", "bold $error"), (one_line(" ".join(sentence.split())), "$error"))

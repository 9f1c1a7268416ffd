"""Messages in words, for a telephone or a mailbox: no face, no name, no score, no decision."""

from datetime import UTC, datetime

from lfrd.outward.endpoint import Letter
from lfrd.vocabulary import OutwardKind

_TITLES = {
    OutwardKind.CANDIDATE: "Candidate for review",
    OutwardKind.DECIDED: "Review finished",
    OutwardKind.DEPLOYMENT_BEGAN: "Deployment began",
    OutwardKind.DEPLOYMENT_ENDED: "Deployment ended",
    OutwardKind.CAMERA_LOST: "Camera lost",
    OutwardKind.CAMERA_BACK: "Camera back",
    OutwardKind.HEALTH: "Health changed",
    OutwardKind.TEST: "Test message",
}

URGENT = frozenset({OutwardKind.CANDIDATE, OutwardKind.CAMERA_LOST})


def title_of(letter: Letter, node: str) -> str:
    """One line."""
    return f"{_TITLES[letter.kind]} ({node})"


def text_of(letter: Letter, how_to_open: str) -> str:
    """Some lines; the last one says how to open it."""
    facts = letter.facts
    lines = []
    if camera := facts.get("camera_id"):
        lines.append(f"Camera: {camera}")
    if letter.kind is OutwardKind.HEALTH:
        count = facts.get("reasons")
        lines.append(f"Health is {facts.get('status')}, with {count} reason(s): lfrd health")
    if letter.kind is OutwardKind.TEST:
        lines.append("Nothing happened: this shows that messages arrive.")
    lines.append(f"Time: {_moment(letter.at_s)}")
    if letter.kind in (OutwardKind.CANDIDATE, OutwardKind.DECIDED):
        lines.append(f"Open it with: {how_to_open}")
    return "\n".join(lines)


def link_of(letter: Letter, link: str | None) -> str | None:
    """The address that opens the alert that it is about, where the site has one: `{id}` is its
    id."""
    alert_id = letter.facts.get("alert_id")
    return None if link is None or alert_id is None else link.replace("{id}", str(alert_id))


def _moment(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")

"""Whether a picture of a candidate may leave with a message, and that it did."""

import json

from lfrd.errors import NotFound
from lfrd.governance.reviews import required_for
from lfrd.store import deployments, episodes
from lfrd.store.audit import AuditClass
from lfrd.store.outbox import Message
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import OutwardKind


def may_leave(reader: Reader, episode: episodes.Episode, kind: OutwardKind, required: int) -> bool:
    """The deployment's own rules allow it, and no reviewer could look at it before deciding
    without it being known: where two decide, only once the candidate is closed."""
    policy = json.loads(deployments.get(reader, episode.deployment_id).policy)
    if policy.get("values", {}).get("outward_images") is not True:
        return False
    closed = episode.state is episodes.EpisodeState.CLOSED
    return kind is OutwardKind.DECIDED or closed or required_for(reader, episode, required) == 1


def disclosed(tx: Transaction, *, message: Message, required: int) -> bytes | None:
    """The face that was seen, as a JPEG, for one attempt; that it leaves is logged in the same
    transaction. None where it may not leave or is there no more."""
    alert_id = str(message.stated["alert_id"])
    try:
        episode = episodes.get(tx, alert_id)
        if not may_leave(tx, episode, message.kind, required):
            return None
        image = episodes.read_image(tx, alert_id, "probe")
    except NotFound:
        return None
    tx.audit(
        AuditClass.DISCLOSURE, "outbox.image", (alert_id,),
        {"endpoint": message.endpoint, "attempt": message.attempts + 1},
    )  # fmt: skip
    return image

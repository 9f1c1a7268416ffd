"""The wire contract of messages to other systems: endpoints, and what waits for them."""

from enum import StrEnum

from lfrd.vocabulary import OutwardKind
from lfrd.wire.base import Wire


class MessageState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


class OutboxEndpoint(Wire):
    """Who is told. `place` is its address without secrets. `waiting`, `delivered` and `dead` are
    messages that are kept; `dropped` ever, because too many waited. `failing_since_s` and `reason`
    are null while messages arrive."""

    id: str
    place: str
    images: bool
    waiting: int
    delivered: int
    dead: int
    dropped: int
    oldest_waiting_at_s: float | None
    failing_since_s: float | None
    reason: str | None


class OutboxMessage(Wire):
    """One message for one endpoint. `message_id` is the same at each attempt and for all endpoints;
    `facts` are the ids and states that it tells. `next_at_s` is when it may be tried, null where it
    waits no more; `reason` is why the last attempt failed, or why it was given up."""

    id: int
    message_id: str
    endpoint: str
    kind: OutwardKind
    state: MessageState
    at_s: float
    attempts: int
    next_at_s: float | None
    done_at_s: float | None
    reason: str | None
    facts: dict[str, str | int | float | bool | None]

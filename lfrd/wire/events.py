"""The wire contract of events: that something changed, and never how."""

from enum import StrEnum

from lfrd.wire.base import Wire


class EventKind(StrEnum):
    """What changed. A single review is not among them: the next reviewer must not learn of it."""

    ALERT_RAISED = "alert.raised"
    ALERT_UPDATED = "alert.updated"
    ALERT_CLOSED = "alert.closed"
    CAMERA_CHANGED = "camera.changed"
    WATCHLIST_CHANGED = "watchlist.changed"
    DEPLOYMENT_CHANGED = "deployment.changed"
    DEPLOYMENT_ENDING = "deployment.ending"
    """Its planned end is 10 min away, or 1 min."""


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
    request_id: str | None = None
    """The `X-Request-Id` of the request that it is the work of; null for the daemon's own, and for
    events of alerts, which would tell what another reviewer did."""


class KeptEvents(Wire):
    """Events that are kept (a day, or 100,000), oldest first; of all that are kept the ids are from
    `oldest_id` to `newest_id`. `missed`: some that came after the id that was given are kept no
    more, or no event has had that id here: read everything again."""

    events: tuple[EventMessage, ...]
    oldest_id: int
    newest_id: int
    missed: bool

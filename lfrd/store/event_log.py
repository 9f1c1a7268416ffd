"""The table of events: what replay reads, and how it stays small."""

import json
from collections.abc import Sequence

from lfrd.events import Event, EventKind, EventPage
from lfrd.store.sqlite import Connection
from lfrd.store.transaction import Reader

KEPT_S = 24 * 3600.0
KEPT_COUNT = 100_000


def page(reader: Reader, after_id: int, limit: int, kinds: Sequence[EventKind] = ()) -> EventPage:
    """At most `limit` kept events after an id (of some kinds, or of all where none is named), and
    the range of the ids that are kept."""
    newest_id = reader.value("SELECT seq FROM sqlite_sequence WHERE name = 'event'") or 0
    assert isinstance(newest_id, int)
    oldest_id = reader.value("SELECT min(id) FROM event")
    if oldest_id is None:
        return EventPage((), newest_id + 1, newest_id)
    assert isinstance(oldest_id, int)
    rows = reader.query(
        Event,
        "SELECT id, kind, subject_id, at_s, request_id FROM event WHERE id > ?1"
        " AND (?2 = '[]' OR kind IN (SELECT value FROM json_each(?2))) ORDER BY id LIMIT ?3",
        (after_id, json.dumps(list(kinds)), limit),
    )
    return EventPage(tuple(rows), oldest_id, newest_id)


def prune(connection: Connection, at_s: float) -> int:
    """Delete the events older than KEPT_S, and all but the newest KEPT_COUNT.

    Always a run from the oldest on, so that the smallest id kept tells what can be replayed, even
    when the clock was set back and forth.
    """
    return connection.execute(
        "DELETE FROM event WHERE id <= max("
        " coalesce((SELECT max(id) FROM event WHERE at_s < ?), 0),"
        " coalesce((SELECT max(id) FROM event), 0) - ?)",
        (at_s - KEPT_S, KEPT_COUNT),
    )

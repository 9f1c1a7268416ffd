"""What an examination of a site reads in its database; nothing is written."""

from dataclasses import dataclass

from lfrd.store import watchlists
from lfrd.store.cameras import Camera
from lfrd.store.key_care import data_key_ids
from lfrd.store.keys import MasterKey
from lfrd.store.state_folder import StateFolder
from lfrd.store.transaction import Reader

OUTBOX_LATE_S = 900.0


@dataclass(frozen=True, slots=True)
class Examined:
    """`outbox_since_s`: since when the oldest message waits."""

    schema: int
    bytes: int
    leaves: int
    last_log_s: float
    has_outbox: bool
    outbox_waiting: int = 0
    outbox_dead: int = 0
    outbox_since_s: float | None = None

    def outbox_late(self, now_s: float) -> bool:
        """Whether a message waits for longer than a system is usually down."""
        return self.outbox_since_s is not None and now_s - self.outbox_since_s > OUTBOX_LATE_S


def examine(reader: Reader) -> Examined:
    """The database as it is."""
    schema = reader.count("SELECT coalesce(max(number), 0) FROM migration")
    size = reader.count(
        "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    )
    leaves = reader.count("SELECT count(*) FROM audit_leaf")
    newest = reader.value("SELECT at_s FROM audit_leaf ORDER BY id DESC LIMIT 1")
    at_s = newest if isinstance(newest, float) else 0.0
    if not reader.count("SELECT count(*) FROM sqlite_schema WHERE name = 'outbox'"):
        return Examined(schema, size, leaves, at_s, has_outbox=False)
    since_s = reader.value("SELECT min(since_s) FROM outbox WHERE state = 'waiting'")
    return Examined(
        schema, size, leaves, at_s, has_outbox=True,
        outbox_waiting=reader.count("SELECT count(*) FROM outbox WHERE state = 'waiting'"),
        outbox_dead=reader.count("SELECT count(*) FROM outbox WHERE state = 'dead'"),
        outbox_since_s=since_s if isinstance(since_s, float) else None,
    )  # fmt: skip


def lists_without_key(reader: Reader, folder: StateFolder, master: MasterKey) -> int:
    """How many lists have records and no faces any more."""
    known = data_key_ids(folder, master)
    ids = reader.column("SELECT id FROM watchlist")
    return sum(1 for item in ids if watchlists.scope_of(item).key_id not in known)


def cameras(reader: Reader) -> dict[str, str]:
    """The addresses of the enabled cameras, secrets included, by id."""
    return {row.id: row.address for row in reader.find(Camera, "WHERE enabled = 1")}


def table_sizes(reader: Reader) -> dict[str, int]:
    """How many rows each table has."""
    names = reader.column("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    return {
        name: reader.count(f'SELECT count(*) FROM "{name}"')  # noqa: S608  # a name of ours
        for name in names
        if not name.startswith("sqlite_")
    }

"""What a start has to know of the state it finds: the newest entry of the log, and lost keys."""

from lfrd.health import HealthBoard
from lfrd.store import deployments, watchlists
from lfrd.store.database import Database
from lfrd.store.transaction import Reader

COMPONENT = "keys"


def last_log_entry_at_s(reader: Reader) -> float:
    """When the log was written last; the clock must not be behind it."""
    at_s = reader.value("SELECT at_s FROM audit_leaf ORDER BY id DESC LIMIT 1")
    return at_s if isinstance(at_s, float) else 0.0


async def report_missing_keys(database: Database, health: HealthBoard) -> None:
    """Say on the health board whose faces can no longer be opened, as after a restore without
    keys.db: their records are there, their faces are not."""
    lists, deployed = await database.read(_without_key)
    if not lists and not deployed:
        return
    health.degrade(
        COMPONENT,
        f"the keys of {lists} watchlists and {deployed} deployments are gone: their records can be "
        "read, their faces cannot; delete these lists, and enrol the photos anew",
    )


def _without_key(reader: Reader) -> tuple[int, int]:
    lists = reader.column("SELECT id FROM watchlist")
    deployed = reader.column(
        "SELECT DISTINCT deployment_id FROM episode WHERE faces_erased_at_s IS NULL"
    )
    return (
        sum(not reader.keys.has(watchlists.scope_of(name)) for name in lists),
        sum(not reader.keys.has(deployments.scope_of(name)) for name in deployed),
    )

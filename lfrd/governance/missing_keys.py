"""What a start has to know of the state it finds: whose keys are lost."""

from lfrd.health import HealthBoard
from lfrd.store import deployments, episodes, watchlists
from lfrd.store.database import Database
from lfrd.store.transaction import Reader

COMPONENT = "keys"


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
    lists, deployed = watchlists.list_all(reader), episodes.deployments_with_faces(reader)
    return (
        sum(not reader.keys.has(watchlists.scope_of(row.id)) for row in lists),
        sum(not reader.keys.has(deployments.scope_of(name)) for name in deployed),
    )

"""Alerts for review, as a running deployment leaves them in a real store. For tests."""

from store_builders import add_list, add_person, raise_episode, start_deployment, unit_vectors

from lfrd.store import episodes
from lfrd.store.database import Database
from lfrd.store.episodes import Episode, Rival
from lfrd.store.transaction import Transaction

PROBE = b"probe portrait bytes"
REFERENCE = b"portrait of ref-1"
RIVAL = b"portrait of ref-2"


async def raise_one(database: Database) -> Episode:
    """A list with one person, a running deployment, and a candidate for review."""
    return (await raise_some(database, 1))[0]


async def raise_some(database: Database, count: int) -> list[Episode]:
    """The same with several candidates, oldest first, each of a track of its own."""

    def build(tx: Transaction) -> list[Episode]:
        entry, _, _ = add_person(tx, add_list(tx).id, "ref-1", unit_vectors(1)[0])
        deployment_id = start_deployment(tx).id
        return [raise_episode(tx, deployment_id, entry, track) for track in range(count)]

    return await database.write(build, principal="system")


async def add_rival(database: Database, episode: Episode) -> Rival:
    """A second person of the same list, over the threshold on the same track."""

    def build(tx: Transaction) -> Rival:
        other, _, _ = add_person(tx, episode.watchlist_id, "ref-2", unit_vectors(1, seed=2)[0])
        return episodes.add_rival(
            tx,
            Rival(
                episode_id=episode.id,
                entry_id=other.id,
                person_id=other.person_id,
                watchlist_id=other.watchlist_id,
                reference=other.reference,
                score=0.52,
            ),
        )

    return await database.write(build, principal="system")

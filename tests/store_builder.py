"""A real store on a temporary folder, with what a review needs in it. For tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from builders import quality

from lfrd.clock import Clock
from lfrd.store import deployments, episodes, reference_images, watchlists
from lfrd.store.database import Database
from lfrd.store.deployments import NewDeployment
from lfrd.store.episodes import Episode, Evidence, NewEpisode
from lfrd.store.keys import KeyStore, load_master_key
from lfrd.store.reference_images import NewReferenceImage
from lfrd.store.state_folder import StateFolder
from lfrd.store.transaction import Transaction
from lfrd.store.watchlists import Category, Entry, NewEntry, NewWatchlist

PROBE = b"\x89PNG\r\n\x1a\n the face that was seen"
PHOTO = b"\xff\xd8\xff\xe0 the photo that was given"
REFERENCE = b"\x89PNG\r\n\x1a\n the face on the list"
DIGEST = "d" * 64


@asynccontextmanager
async def open_database(folder: Path, clock: Clock) -> AsyncIterator[Database]:
    """Everything a daemon has under `folder`, as the daemon opens it."""
    with StateFolder(folder) as state:
        master = load_master_key(state, {})
        with KeyStore(state, master) as keys:
            async with Database(state, keys, clock) as database:
                yield database


def list_one_person(
    tx: Transaction, reference: str = "ref-1", name: str = "excluded here"
) -> Entry:
    made = watchlists.add(
        tx, NewWatchlist(name, Category.EXCLUDED, "house ban", "security", "#d0021b")
    )
    entry = watchlists.add_entry(
        tx, NewEntry(made.id, reference, Category.EXCLUDED, "ban of 3 May", "incident 12")
    )
    reference_images.add(
        tx, NewReferenceImage(entry.id, PHOTO, 320, 400, REFERENCE, REFERENCE, quality())
    )
    return entry


def start_deployment(tx: Transaction, watchlist_ids: tuple[str, ...] = ()) -> str:
    new = NewDeployment("lab", "a test", "test", "the hall", 0.45, DIGEST, DIGEST)
    deployment_id = deployments.add(tx, new).id
    deployments.authorise(tx, deployment_id)
    for watchlist_id in watchlist_ids:
        deployments.take_snapshot(tx, deployment_id, watchlist_id)
    return deployments.start(tx, deployment_id).id


def raise_episode(
    tx: Transaction, deployment_id: str, entry: Entry, *, track_id: int = 7, score: float = 0.6172
) -> Episode:
    return episodes.add(
        tx,
        NewEpisode(
            deployment_id, "north-door", track_id, entry.id, entry.person_id, entry.watchlist_id,
            entry.reference, score, 0.2183, 0.4591, DIGEST, 3, 251, 10.04, 1010.04, 212.5,
            Evidence(PROBE, PROBE),
        ),
    )  # fmt: skip


async def raise_one(database: Database, principal: str = "user:starter") -> Episode:
    """A list with one person, a running deployment, and a candidate for review."""

    def build(tx: Transaction) -> Episode:
        entry = list_one_person(tx)
        return raise_episode(tx, start_deployment(tx, (entry.watchlist_id,)), entry)

    return await database.write(build, principal=principal)

"""A real store with something in it: lists, candidates for review, decoys; real encryption."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from lfrd.clock import Clock, ManualClock
from lfrd.ids import new_id
from lfrd.store import (
    decoys,
    deployments,
    episodes,
    keys,
    reference_images,
    state_folder,
    templates,
    watchlists,
)
from lfrd.store.checkpoints import CheckpointRules
from lfrd.store.database import Database
from lfrd.store.episodes import Episode, Evidence, NewEpisode, Rival
from lfrd.store.reference_images import Likeness
from lfrd.store.transaction import Transaction
from lfrd.types import F32, Quality, Template
from lfrd.vocabulary import Category

QUALITY = Quality(60.0, 3.0, -2.0, 180.0, 0.5, 0.9, 0.8)
MODEL = "sha256:model-a"
DIM = 128
PROBE = b"probe portrait bytes"
REFERENCE = b"portrait of ref-1"
RIVAL = b"portrait of ref-2"
LAB_FACES = (b"lab probe crop", b"lab probe portrait", b"lab scene", b"lab crop", b"lab portrait")


@asynccontextmanager
async def opened(
    path: Path, *, clock: Clock | None = None, encrypted: bool = True
) -> AsyncIterator[Database]:
    """A database in the folder `path`, with its keys, closed at the end."""
    with state_folder.StateFolder(path) as folder:
        master = keys.load_master_key(folder, {})
        with keys.KeyStore(folder, master) as key_store:
            async with Database(folder, key_store, clock, encrypted=encrypted) as db:
                yield db


@asynccontextmanager
async def signing(
    path: Path,
    *,
    every: int = 1_000,
    copy: Path | None = None,
    clock: Clock | None = None,
    new: bool = False,
) -> AsyncIterator[Database]:
    """The same as the daemon opens it: its log is signed."""
    rules = CheckpointRules(every, copy)
    with state_folder.StateFolder(path) as folder:
        master = keys.load_master_key(folder, {})
        with keys.KeyStore(folder, master) as key_store:
            timed = clock or ManualClock()
            async with Database(folder, key_store, timed, audit=rules, new=new) as db:
                yield db


@asynccontextmanager
async def disk_full(database: Database, room_pages: int = 0) -> AsyncIterator[None]:
    """The database may take so many pages more and no others, until the block is left.

    SQLite says the same as on a full disk, of which tests cannot make one.
    """
    writer = database._writer
    pages = await writer.chore(lambda c: c.value("PRAGMA page_count"))
    assert isinstance(pages, int)
    await writer.chore(lambda c: c.set_pragma("max_page_count", pages + room_pages))
    try:
        yield
    finally:
        await writer.chore(lambda c: c.set_pragma("max_page_count", pages + 10_000))


def unit_vectors(count: int, dim: int = DIM, seed: int = 1) -> F32:
    """Seeded unit vectors f32[count, dim]."""
    vectors = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def add_list(tx: Transaction, name: str = "visitors") -> watchlists.Watchlist:
    return watchlists.add(
        tx, watchlists.NewWatchlist(name, Category.TEST, "a test", "the test team")
    )


def add_person(
    tx: Transaction, watchlist_id: str, reference: str, vector: F32, model: str = MODEL
) -> tuple[watchlists.Entry, reference_images.ReferenceImage, templates.StoredTemplate]:
    """An entry with one photo and one template."""
    entry = watchlists.add_entry(tx, watchlists.NewEntry(watchlist_id, reference))
    image = reference_images.add(
        tx,
        reference_images.NewReferenceImage(
            entry.id, b"photo of " + reference.encode(), 640, 480, b"crop of " + reference.encode(),
            b"portrait of " + reference.encode(), QUALITY,
        ),
    )  # fmt: skip
    return entry, image, templates.add(tx, image.id, Template(vector, model))


def start_deployment(tx: Transaction, threshold: float = 0.45) -> deployments.Deployment:
    """A running lab deployment."""
    new = deployments.NewDeployment(
        "lab", "a test", "test", "the bench", threshold, "sha256:detector", MODEL
    )
    deployment = deployments.add(tx, new)
    deployments.authorise(tx, deployment.id)
    return deployments.start(tx, deployment.id)


def raise_episode(
    tx: Transaction,
    deployment_id: str,
    entry: watchlists.Entry,
    track_id: int = 1,
    probe: bytes = PROBE,
    scene: bytes | None = b"scene bytes",
) -> episodes.Episode:
    """A candidate for an entry that has a photo; `probe` is the face that was seen."""
    return episodes.add(
        tx,
        episodes.NewEpisode(
            deployment_id=deployment_id, camera_id="gate", track_id=track_id, entry_id=entry.id,
            person_id=entry.person_id, watchlist_id=entry.watchlist_id, reference=entry.reference,
            score=0.61, margin=None, threshold=0.45, model_digest=MODEL, looks=2, sequence=82,
            media_at_s=3.28, captured_at_s=3.28, latency_ms=120.0,
            evidence=episodes.Evidence(
                b"probe crop bytes", probe, scene
            ),
        ),
    )  # fmt: skip


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


def seed_decoy(
    tx: Transaction, deployment_id: str, watchlist_id: str, *, mated: bool = True
) -> Episode:
    """A decoy beside the candidates."""
    crop, portrait, scene, *reference = LAB_FACES
    new = NewEpisode(
        deployment_id=deployment_id, camera_id="gate", track_id=0, entry_id=new_id(),
        person_id=new_id(), watchlist_id=watchlist_id, reference="ref-9", score=0.58, margin=None,
        threshold=0.45, model_digest=MODEL, looks=1, sequence=82, media_at_s=0.0,
        captured_at_s=0.0, latency_ms=None,
        evidence=Evidence(crop, portrait, scene, likeness=Likeness(*reference)),
    )  # fmt: skip
    return decoys.add(tx, new, mated=mated)


async def seed_beside(database: Database, real: Episode, *, mated: bool = True) -> Episode:
    """A decoy of the deployment and list of a real candidate."""
    return await database.write(
        lambda tx: seed_decoy(tx, real.deployment_id, real.watchlist_id, mated=mated),
        principal="system",
    )


async def actions(database: Database) -> list[str]:
    """What the log says was done, in order."""
    return await database.read(lambda r: r.column("SELECT action FROM audit_leaf ORDER BY id"))

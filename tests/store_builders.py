"""Builders for tests that need a store with something in it: real files, real encryption."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from lfrd.clock import Clock
from lfrd.store import (
    deployments,
    episodes,
    keys,
    reference_images,
    state_folder,
    templates,
    watchlists,
)
from lfrd.store.database import Database
from lfrd.store.transaction import Transaction
from lfrd.types import F32, Quality, Template
from lfrd.vocabulary import Category

QUALITY = Quality(60.0, 3.0, -2.0, 180.0, 0.5, 0.9, 0.8)
MODEL = "sha256:model-a"
DIM = 128


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
    tx: Transaction, deployment_id: str, entry: watchlists.Entry, track_id: int = 1
) -> episodes.Episode:
    """A candidate for an entry that has a photo."""
    return episodes.add(
        tx,
        episodes.NewEpisode(
            deployment_id=deployment_id, camera_id="gate", track_id=track_id, entry_id=entry.id,
            person_id=entry.person_id, watchlist_id=entry.watchlist_id, reference=entry.reference,
            score=0.61, margin=None, threshold=0.45, model_digest=MODEL, looks=2, sequence=82,
            media_at_s=3.28, captured_at_s=3.28, latency_ms=120.0,
            evidence=episodes.Evidence(
                b"probe crop bytes", b"probe portrait bytes", b"scene bytes"
            ),
        ),
    )  # fmt: skip

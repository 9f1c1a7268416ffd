"""Real lists on a real store, index and models, without the daemon around them. For tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lfrd.clock import Clock, SystemClock
from lfrd.governance.erasure import Eraser
from lfrd.health import HealthBoard
from lfrd.lists.bulk_import import BulkImport
from lfrd.lists.expiry import Expiry
from lfrd.lists.photos import Photos
from lfrd.lists.watchlists import ListedEntry, Watchlists
from lfrd.matching.live_search import LiveGallery, LiveSearch, Promise, open_search
from lfrd.matching.thresholds import Thresholds
from lfrd.store.database import Database
from lfrd.store.keys import KeyStore, load_master_key
from lfrd.store.state_folder import StateFolder
from lfrd.store.vectors import VectorIndex
from lfrd.store.watchlists import NewEntry, NewWatchlist
from lfrd.vision import packs
from lfrd.vision.engine import Vision
from lfrd.vocabulary import Category, Role

ADA, BEN = "user:ada", "user:ben"


@dataclass(frozen=True, slots=True)
class Lists:
    """Everything that has to do with lists."""

    database: Database
    index: VectorIndex
    vision: Vision
    live: LiveGallery
    photos: Photos
    watchlists: Watchlists
    imports: BulkImport
    thresholds: Thresholds
    expiry: Expiry
    eraser: Eraser
    clock: Clock

    async def make_list(self, name: str = "list", principal: str = ADA) -> str:
        made = await self.watchlists.create_list(
            NewWatchlist(name, Category.EXCLUDED, "house ban", "security"), principal=principal
        )
        return made.row.id

    async def make_entry(
        self, watchlist_id: str, reference: str, expires_at_s: float | None = None
    ) -> ListedEntry:
        return await self.watchlists.add_entry(
            NewEntry(watchlist_id, reference, "ban", "incident", expires_at_s=expires_at_s),
            principal=ADA,
        )

    async def search(self, *watchlist_ids: str, promise: Promise | None = None) -> LiveSearch:
        """What a deployment on these lists would compare with, kept in step like one."""
        search = LiveSearch("none", self.vision.model_digest, self.vision.dim, 0.45, promise)
        await open_search(self.database, self.clock, self.live, search, watchlist_ids)
        return search


@asynccontextmanager
async def lists(
    folder: Path, pack: packs.Pack, clock: Clock | None = None, threads: int = 1
) -> AsyncIterator[Lists]:
    clock = clock or SystemClock()
    with StateFolder(folder) as state, KeyStore(state, load_master_key(state, {})) as keys:
        async with (
            Database(state, keys, clock) as database,
            VectorIndex(state, keys) as index,
            Vision(pack, threads=threads) as vision,
        ):
            live, health = LiveGallery(), HealthBoard()
            thresholds = Thresholds(
                database, clock, vision.model_digest, constant=0.45, looks=16,
                demographic_factor=10.0, curves=folder / "curves",
            )  # fmt: skip
            photos = Photos(database, index, vision, live, clock, thresholds)
            watchlists = Watchlists(database, index, photos, live, clock, vision.model_digest)
            eraser = Eraser(database, index, live)
            erase = partial(
                eraser.erase, reason="it has expired", principal="system", role=Role.SUPERVISOR
            )
            expiry = Expiry(database, clock, health, live, 3600.0, erase)
            yield Lists(
                database, index, vision, live, photos, watchlists,
                BulkImport(database, photos, clock), thresholds, expiry, eraser, clock,
            )  # fmt: skip

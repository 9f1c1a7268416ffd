"""Watchlists as people change them: stored first, then known to the running search."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from lfrd.clock import Clock
from lfrd.governance import taking_off, two_person
from lfrd.lists.archive import export_list
from lfrd.lists.photos import Photos
from lfrd.matching.live_search import LOADING_LIMIT_S, LiveGallery, read_search_contents
from lfrd.store import reference_images, templates
from lfrd.store import watchlists as stored
from lfrd.store.database import Database
from lfrd.store.reference_images import ReferenceImage
from lfrd.store.sqlite import SQLValue
from lfrd.store.transaction import Reader, Transaction
from lfrd.store.vectors import VectorIndex
from lfrd.store.watchlists import Entry, NewEntry, NewWatchlist, Watchlist
from lfrd.vocabulary import Role


@dataclass(frozen=True, slots=True)
class ListedWatchlist:
    """A list, what is on it, and the cameras that it is meant for (none: all)."""

    row: Watchlist
    entries: int
    templates: int
    camera_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListedEntry:
    """An entry and its photos."""

    row: Entry
    photos: tuple[ReferenceImage, ...]


class Watchlists:
    """Lists and entries. Every changing call names its principal.

    What may take a person off a list is told what the caller may do (`role`), and raises Denied.
    To erase a list or an entry ask lfrd.governance.erasure.
    """

    def __init__(
        self,
        database: Database,
        index: VectorIndex,
        photos: Photos,
        live: LiveGallery,
        clock: Clock,
        model_digest: str,
    ) -> None:
        self._photos = photos
        self._database = database
        self._index = index
        self._live = live
        self._clock = clock
        self._model_digest = model_digest

    async def lists(self) -> list[ListedWatchlist]:
        """All lists, by name."""
        return await self._database.read(
            lambda reader: [self._listed(reader, row) for row in stored.list_all(reader)]
        )

    async def page(self, after: str | None, limit: int) -> list[ListedWatchlist]:
        """Some lists, by name; `after` is the name of the last one of the page before."""
        return await self._database.read(
            lambda reader: [self._listed(reader, row) for row in stored.page(reader, after, limit)]
        )

    async def get_list(self, watchlist_id: str) -> ListedWatchlist:
        """Raises NotFound."""
        return await self._database.read(
            lambda reader: self._listed(reader, stored.get(reader, watchlist_id))
        )

    async def create_list(self, new: NewWatchlist, *, principal: str) -> ListedWatchlist:
        """Raises Conflict where the name is taken."""
        row = await self._database.write(lambda tx: stored.add(tx, new), principal=principal)
        return ListedWatchlist(row, 0, 0)

    async def change_list(
        self,
        watchlist_id: str,
        changes: Mapping[str, SQLValue],
        *,
        principal: str,
        role: Role,
    ) -> ListedWatchlist:
        """Set some of a list's values (the store's `LIST_COLUMNS`). Raises NotFound, Conflict."""

        def write(tx: Transaction) -> None:
            taking_off.check_list_change(tx, watchlist_id, changes, role)
            stored.change_list(tx, watchlist_id, changes)

        await self._database.write(write, principal=principal)
        await self.refill(watchlist_id, principal=principal)
        return await self.get_list(watchlist_id)

    async def set_cameras(
        self,
        watchlist_id: str,
        camera_ids: Sequence[str],
        *,
        principal: str,
        role: Role,
    ) -> ListedWatchlist:
        """Compare with a list on these cameras only; without any, on all. Raises NotFound."""

        def write(tx: Transaction) -> None:
            taking_off.check_cameras(tx, watchlist_id, camera_ids, role)
            stored.set_cameras(tx, watchlist_id, camera_ids)

        await self._database.write(write, principal=principal)
        await self.refill(watchlist_id, principal=principal)
        return await self.get_list(watchlist_id)

    async def confirm_list(
        self, watchlist_id: str, *, principal: str, role: Role
    ) -> ListedWatchlist:
        """Note that the list was looked over and is right as of now. Raises NotFound, Denied where
        it was restored from a backup and is closed: that takes the role that may erase."""

        def confirm(tx: Transaction) -> None:
            if stored.get(tx, watchlist_id).restored_from_s is not None:
                two_person.demand_take_off(role)
            stored.confirm(tx, watchlist_id)

        await self._database.write(confirm, principal=principal)
        return await self.get_list(watchlist_id)

    async def export(
        self, watchlist_id: str, passphrase: str, reason: str, *, principal: str
    ) -> AsyncIterator[bytes]:
        """The pieces of a list's encrypted archive (see `export_list`). Raises NotFound."""
        return await export_list(
            self._database, watchlist_id, passphrase, reason, principal=principal
        )

    async def entries(
        self,
        watchlist_id: str,
        reference: str | None = None,
        *,
        after: str | None = None,
        limit: int = -1,
    ) -> list[ListedEntry]:
        """The entries of a list, by reference: at most `limit` (-1: all) after the reference
        `after`; or only the one that has `reference`. Raises NotFound."""

        def query(reader: Reader) -> list[ListedEntry]:
            stored.get(reader, watchlist_id)
            if reference is not None:
                found = stored.entry_by_reference(reader, watchlist_id, reference)
                return [] if found is None else [_listed_entry(reader, found)]
            rows = stored.entries(reader, watchlist_id, after, limit)
            photos = reference_images.of_entries(reader, [row.id for row in rows])
            return [ListedEntry(row, tuple(photos.get(row.id, ()))) for row in rows]

        return await self._database.read(query)

    async def get_entry(self, entry_id: str) -> ListedEntry:
        """Raises NotFound."""
        return await self._database.read(
            lambda reader: _listed_entry(reader, stored.get_entry(reader, entry_id))
        )

    async def add_entry(self, new: NewEntry, *, principal: str) -> ListedEntry:
        """Put a person on a list, in the list's category. Raises NotFound, Conflict, BadInput."""
        row = await self._database.write(lambda tx: stored.add_entry(tx, new), principal=principal)
        return ListedEntry(row, ())

    async def change_entry(
        self,
        entry_id: str,
        changes: Mapping[str, SQLValue],
        *,
        principal: str,
        role: Role,
    ) -> ListedEntry:
        """Set some of an entry's values (the store's `ENTRY_COLUMNS`). Raises NotFound."""

        def write(tx: Transaction) -> None:
            taking_off.check_entry_change(tx, entry_id, changes, role)
            stored.change_entry(tx, entry_id, changes)

        await self._database.write(write, principal=principal)
        await self._photos.refresh(entry_id, principal=principal)
        return await self.get_entry(entry_id)

    async def approve_entry(self, entry_id: str, *, principal: str) -> ListedEntry:
        """The second person's approval of an entry of a person under 18. Raises NotFound, Denied,
        Conflict."""
        await self._database.write(
            lambda tx: two_person.approve_entry(tx, entry_id), principal=principal
        )
        await self._photos.refresh(entry_id, principal=principal)
        return await self.get_entry(entry_id)

    async def refill(self, watchlist_id: str, *, principal: str) -> None:
        """Have the running search know its lists anew, if this is one of them."""
        search = self._live.search
        if search is None or watchlist_id not in search.watchlist_ids:
            return
        digest, now_s, lists = search.model_digest, self._clock.wall_s(), search.watchlist_ids
        held = await self._database.read(
            lambda reader: read_search_contents(reader, digest, sorted(lists), now_s),
            limit_s=LOADING_LIMIT_S,
        )
        if self._live.search is search:
            risen = search.fill(held.matrix, held.margins, held.scope)
            await self._photos.note_rise(search, risen, principal=principal)

    def _listed(self, reader: Reader, row: Watchlist) -> ListedWatchlist:
        entries = stored.count_entries(reader, row.id)
        kept = templates.count_on_list(reader, self._model_digest, row.id)
        cameras = stored.cameras_of(reader, (row.id,)).get(row.id, frozenset())
        return ListedWatchlist(row, entries, kept, tuple(sorted(cameras)))


def _listed_entry(reader: Reader, row: Entry) -> ListedEntry:
    return ListedEntry(row, tuple(reference_images.of_entry(reader, row.id)))

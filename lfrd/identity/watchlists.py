"""Watchlists as people change them: stored first, then known to the running search."""

from collections.abc import Callable
from dataclasses import dataclass

from lfrd.errors import BadInput, NotFound
from lfrd.identity.enrolment import enrol
from lfrd.identity.live_gallery import LiveGallery
from lfrd.store import reference_images, templates
from lfrd.store import watchlists as stored
from lfrd.store.database import Database
from lfrd.store.reference_images import NewReferenceImage, ReferenceImage
from lfrd.store.templates import TemplateMatrix
from lfrd.store.transaction import Reader, Transaction
from lfrd.store.vectors import VectorIndex
from lfrd.store.watchlists import Category, Entry, NewEntry, NewWatchlist, Watchlist
from lfrd.vision.engine import Vision
from lfrd.vision.picture import jpeg, png

PHOTOS_LIMIT = 50


@dataclass(frozen=True, slots=True)
class ListedWatchlist:
    """A list and what is on it."""

    row: Watchlist
    entries: int
    templates: int


@dataclass(frozen=True, slots=True)
class ListedEntry:
    """An entry and its photos."""

    row: Entry
    photos: tuple[ReferenceImage, ...]


class Watchlists:
    """Lists, entries and photos. Every changing call names its principal."""

    def __init__(
        self, database: Database, index: VectorIndex, vision: Vision, live: LiveGallery
    ) -> None:
        self._database = database
        self._index = index
        self._vision = vision
        self._live = live

    async def lists(self) -> list[ListedWatchlist]:
        """All lists, by name."""
        return await self._database.read(
            lambda reader: [self._listed(reader, row) for row in stored.list_all(reader)]
        )

    async def get_list(self, watchlist_id: str) -> ListedWatchlist:
        """Raises NotFound."""
        return await self._database.read(
            lambda reader: self._listed(reader, stored.get(reader, watchlist_id))
        )

    async def create_list(
        self,
        name: str,
        category: Category,
        purpose: str,
        owner: str,
        colour: str,
        expires_at_s: float | None,
        *,
        principal: str,
    ) -> ListedWatchlist:
        """Raises Conflict where the name is taken."""
        new = NewWatchlist(name, category, purpose, owner, colour, expires_at_s=expires_at_s)
        row = await self._database.write(lambda tx: stored.add(tx, new), principal=principal)
        return ListedWatchlist(row, 0, 0)

    async def delete_list(self, watchlist_id: str, *, principal: str) -> None:
        """Erase a list with everything on it. Raises NotFound."""
        await self._erase("watchlist_id = ?", watchlist_id, stored.delete, "watchlist", principal)

    async def entries(self, watchlist_id: str) -> list[ListedEntry]:
        """The entries of a list, by reference. Raises NotFound."""

        def query(reader: Reader) -> list[ListedEntry]:
            stored.get(reader, watchlist_id)
            return [_listed_entry(reader, row) for row in stored.entries(reader, watchlist_id)]

        return await self._database.read(query)

    async def get_entry(self, entry_id: str) -> ListedEntry:
        """Raises NotFound."""
        return await self._database.read(
            lambda reader: _listed_entry(reader, stored.get_entry(reader, entry_id))
        )

    async def add_entry(
        self,
        watchlist_id: str,
        reference: str,
        basis: str,
        source: str,
        under_18: bool,
        expires_at_s: float | None,
        person_id: str | None,
        *,
        principal: str,
    ) -> ListedEntry:
        """Put somebody on a list, in the list's category. Raises NotFound, Conflict."""

        def write(tx: Transaction) -> Entry:
            category = stored.get(tx, watchlist_id).category
            new = NewEntry(
                watchlist_id,
                reference,
                category,
                basis,
                source,
                under_18=under_18,
                expires_at_s=expires_at_s,
                person_id=person_id,
            )
            return stored.add_entry(tx, new)

        return ListedEntry(await self._database.write(write, principal=principal), ())

    async def delete_entry(self, entry_id: str, *, principal: str) -> None:
        """Take somebody off a list, photos and templates included. Raises NotFound."""
        await self._erase("entry_id = ?", entry_id, stored.delete_entry, "entry", principal)

    async def add_photo(
        self, entry_id: str, data: bytes, name: str, *, principal: str
    ) -> ReferenceImage:
        """Enrol a photo, or refuse it with a reason and store nothing.

        Raises NotFound, BadInput (no face, several, too small, no image), Conflict (known photo).
        """
        entry = await self.get_entry(entry_id)
        if len(entry.photos) >= PHOTOS_LIMIT:
            raise BadInput(f"an entry has at most {PHOTOS_LIMIT} photos; remove one first")
        photo = await enrol(data, self._vision, name=name)
        new = NewReferenceImage(
            entry_id,
            data,
            photo.width_px,
            photo.height_px,
            png(photo.crop_rgb),
            jpeg(photo.portrait_rgb),
            photo.quality,
        )

        def write(tx: Transaction) -> tuple[ReferenceImage, templates.StoredTemplate]:
            image = reference_images.add(tx, new)
            return image, templates.add(tx, image.id, photo.template)

        image, template = await self._database.write(write, principal=principal)
        self._live.added(template)
        await self._index.add(TemplateMatrix.of(template))
        return image

    async def delete_photo(self, photo_id: str, *, principal: str) -> None:
        """Raises NotFound."""
        await self._erase(
            "reference_image_id = ?", photo_id, reference_images.delete, "photo", principal
        )

    async def photo_image(self, photo_id: str, *, principal: str) -> bytes:
        """The photo's file as it was given; reading it is logged."""
        return await self._database.write(
            lambda tx: reference_images.read_image(tx, photo_id), principal=principal
        )

    def _listed(self, reader: Reader, row: Watchlist) -> ListedWatchlist:
        entries = reader.count("SELECT count(*) FROM entry WHERE watchlist_id = ?", (row.id,))
        kept = reader.count(
            "SELECT count(*) FROM template JOIN entry ON entry.id = entry_id"
            " WHERE watchlist_id = ? AND model_digest = ?",
            (row.id, self._vision.model_digest),
        )
        return ListedWatchlist(row, entries, kept)

    async def _erase(
        self,
        whose: str,
        subject_id: str,
        delete: Callable[[Transaction, str], bool],
        what: str,
        principal: str,
    ) -> None:
        """Delete something and everything under it, then take its templates out of the search."""

        def write(tx: Transaction) -> list[str]:
            rows = tx.rows(
                f"SELECT template.id FROM template JOIN entry ON entry.id = entry_id WHERE {whose}",  # noqa: S608  # `whose` is one of three literals above
                (subject_id,),
            )
            gone = [str(row[0]) for row in rows]
            if not delete(tx, subject_id):
                raise NotFound(f"there is no {what} {subject_id}")
            return gone

        gone = await self._database.write(write, principal=principal)
        self._live.removed(gone)
        await self._index.remove(gone)


def _listed_entry(reader: Reader, row: Entry) -> ListedEntry:
    return ListedEntry(row, tuple(reference_images.of_entry(reader, row.id)))

"""A list leaves the daemon: encrypted, with a reason, and on the record before the first byte."""

import asyncio
import functools
from collections.abc import AsyncIterator
from dataclasses import dataclass

from lfrd.errors import NotFound
from lfrd.lists.archive import ArchivedList, ArchiveWriter
from lfrd.lists.import_source import Row
from lfrd.store import reference_images
from lfrd.store import watchlists as stored
from lfrd.store.audit import AuditClass
from lfrd.store.database import Database
from lfrd.store.transaction import Reader, Transaction
from lfrd.store.watchlists import Entry


@dataclass(frozen=True, slots=True)
class _Planned:
    entry: Entry
    photo_ids: tuple[str, ...]


async def export_list(
    database: Database, watchlist_id: str, passphrase: str, reason: str, *, principal: str
) -> AsyncIterator[bytes]:
    """The pieces of a list's archive; photos in quarantine stay behind.

    The disclosure is logged first. What is erased while the archive is being made is left out, and
    then the archive says of itself that it is not whole. Raises NotFound.
    """
    listed, plan = await database.write(
        lambda tx: _begin(tx, watchlist_id, reason), principal=principal
    )
    writer = await asyncio.to_thread(ArchiveWriter, passphrase)
    return _pieces(database, writer, listed, plan)


async def _pieces(
    database: Database, writer: ArchiveWriter, listed: ArchivedList, plan: tuple[_Planned, ...]
) -> AsyncIterator[bytes]:
    yield writer.start(listed)
    number = 0
    for item in plan:
        for photo_id in item.photo_ids:
            number += 1
            try:
                photo = await database.read(
                    functools.partial(reference_images.open_image, image_id=photo_id)
                )
            except NotFound:
                continue
            yield writer.row(_row(number, item.entry, photo_id), photo)
    yield writer.end()


def _begin(
    tx: Transaction, watchlist_id: str, reason: str
) -> tuple[ArchivedList, tuple[_Planned, ...]]:
    row = stored.get(tx, watchlist_id)
    plan = tuple(_Planned(entry, _photos(tx, entry)) for entry in stored.entries(tx, watchlist_id))
    photos = sum(len(item.photo_ids) for item in plan)
    tx.audit(
        AuditClass.DISCLOSURE,
        "watchlist.export",
        (watchlist_id, *(item.entry.id for item in plan)),
        {"photos": photos, "reason": reason},
    )
    listed = ArchivedList(
        row.name, row.category.value, row.purpose, row.owner, row.colour, row.margin,
        row.expires_at_s, photos,
    )  # fmt: skip
    return listed, plan


def _photos(reader: Reader, entry: Entry) -> tuple[str, ...]:
    found = reference_images.of_entry(reader, entry.id)
    return tuple(photo.id for photo in found if photo.quarantined_at_s is None)


def _row(number: int, entry: Entry, photo_id: str) -> Row:
    return Row(
        number, entry.reference, photo_id, entry.basis, entry.source, entry.reviewer,
        entry.under_18, entry.under_18_reason, entry.margin, entry.expires_at_s,
        entry.status_checked_at_s, entry.person_id,
    )  # fmt: skip

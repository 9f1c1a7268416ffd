"""Erasing, in the order that makes it true: key, rows, vectors, escrow, logs, receipt.

The one way to erase a list, an entry, a photo, a person or a deployment, for people and for the
daemon itself.

1. The data key is destroyed: no copy of the faces, backups included, can be decrypted any more.
2. Rows are deleted, faces blanked; vectors leave the running search and the index.
3. The escrow is overwritten, and both write-ahead logs are emptied into their files, again and
   again until no reader bars it: only then are key and bytes gone from every file.
4. The receipt is written, as a row and in the log.

A crash between any two of these is gone on from: `finish_open` does what is left.
"""

import asyncio
from collections.abc import Callable, Sequence

from lfrd.errors import Conflict, StoreFailed
from lfrd.governance import taking_off
from lfrd.governance.two_person import demand_take_off
from lfrd.matching.live_search import LiveGallery
from lfrd.store import erasures
from lfrd.store import subjects as named
from lfrd.store.database import SYSTEM, Database
from lfrd.store.erasures import Erasure, ErasureState
from lfrd.store.transaction import Transaction
from lfrd.store.vectors import VectorIndex
from lfrd.vocabulary import ErasureKind, Role

CHECKPOINT_RETRY_S = 0.1
CHECKPOINT_LIMIT_S = 30.0
"""A read lasts 5 s at most (60 s while a gallery is filled), so it does not prevent this for long;
what is not clean by then stays open and is tried again by the sweeper."""

_DELETE: dict[ErasureKind, Callable[[Transaction, Erasure], Erasure]] = {
    ErasureKind.WATCHLIST: erasures.delete_list,
    ErasureKind.PERSON: erasures.delete_person,
    ErasureKind.DEPLOYMENT: erasures.delete_deployment,
    ErasureKind.ENTRY: erasures.delete_entry,
    ErasureKind.PHOTO: erasures.delete_photo,
}


class Eraser:
    """Carries erasures out. Deleting waits for no other erasure's cleaning: what is erased leaves
    the running search at once, also while a reader bars the emptying of a log."""

    def __init__(self, database: Database, index: VectorIndex, live: LiveGallery) -> None:
        self._database = database
        self._index = index
        self._live = live
        self._deleting = asyncio.Lock()
        self._cleaning = asyncio.Lock()
        self.forgetters: list[Callable[[], None]] = []
        """Called once rows are gone, by whoever holds something of them in memory."""

    async def erase(
        self,
        kind: ErasureKind,
        subject_id: str,
        reason: str,
        *,
        principal: str,
        role: Role,
    ) -> Erasure:
        """Erase a list, an entry, a photo, a person or a deployment; return the receipt.

        Raises NotFound, Conflict where it is on legal hold, Denied where `role` may not take people
        off a list (a photo that is not the last one of its entry takes no person off), StoreFailed
        where the disk or the escrow failed: then it is under way, and is gone on with by itself.
        """
        assert kind in _DELETE, kind

        def ask(tx: Transaction) -> Erasure:
            if kind is ErasureKind.PHOTO:
                taking_off.check_photo(tx, subject_id, role)
            else:
                demand_take_off(role)
            return erasures.ask(tx, kind, subject_id, reason)

        erasure = await self._database.write(ask, principal=principal)
        async with self._deleting:
            now = await self._database.read(lambda reader: erasures.find(reader, erasure.id))
            if now is None or not await self._delete(now):
                raise Conflict(erasures.ON_HOLD)
        async with self._cleaning:
            await self._clean()
            return await self._database.write(
                lambda tx: erasures.receipt(tx, erasure.id), principal=principal
            )

    async def receipts(
        self, after: tuple[float, str] | None = None, limit: int = 200
    ) -> list[Erasure]:
        """Erasures, those under way included, newest first; `after`: when the last one of the page
        before was asked for, and its id."""
        return await self._database.read(lambda reader: erasures.receipts(reader, after, limit))

    async def names(self, rows: Sequence[Erasure]) -> dict[str, str]:
        """What the subjects of erasures are called, by their ids, where they are still there."""
        subjects = [(row.kind, row.subject_id) for row in rows]
        return await self._database.read(lambda reader: named.names(reader, subjects))

    async def finish_open(self) -> list[Erasure]:
        """Bring every erasure that is under way to its receipt; return them."""
        if not await self._database.read(erasures.unfinished):
            return []
        async with self._deleting:
            under_way = [
                erasure
                for erasure in await self._database.read(erasures.unfinished)
                if await self._delete(erasure)
            ]
        async with self._cleaning:
            # a crash may have come between rows and vectors
            await self._index.sync(self._database)
            await self._clean()
            return await self._database.write(
                lambda tx: [erasures.receipt(tx, item.id) for item in under_way], principal=SYSTEM
            )

    async def _delete(self, erasure: Erasure) -> bool:
        """Steps 1 and 2, where they are to be taken; False where a hold ended the erasure."""
        database, principal = self._database, erasure.principal
        if erasure.state is not ErasureState.ASKED:
            return True
        may = await database.write(
            lambda tx: erasures.destroy_key(tx, erasure), principal=principal
        )
        if not may:
            return False

        def write(tx: Transaction) -> tuple[list[str], set[str]]:
            gone = erasures.templates_and_entries(tx, erasure)
            _DELETE[erasure.kind](tx, erasure)
            return gone

        template_ids, entry_ids = await database.write(write, principal=principal)
        self._live.removed(template_ids, entry_ids)
        for forget in self.forgetters:
            forget()
        await self._index.remove(template_ids)
        return True

    async def _clean(self) -> None:
        """Step 3. Raises StoreFailed where something bars it for too long, or the escrow cannot be
        overwritten."""
        await asyncio.to_thread(self._database.keys.renew_escrow)
        for empty in (self._database.checkpoint, self._index.checkpoint):
            tries = round(CHECKPOINT_LIMIT_S / CHECKPOINT_RETRY_S)
            while not await empty():
                tries -= 1
                if not tries:
                    raise StoreFailed(
                        "an erasure is not complete: a reader bars the emptying of the log; "
                        "it is tried again"
                    )
                await asyncio.sleep(CHECKPOINT_RETRY_S)

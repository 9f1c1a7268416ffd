"""Legal holds as people ask for them: one person asks, another confirms, either ends it."""

from collections.abc import Sequence

from lfrd.governance import two_person
from lfrd.store import holds as stored
from lfrd.store import subjects as named
from lfrd.store.database import Database
from lfrd.store.holds import Hold
from lfrd.vocabulary import HoldKind


class Holds:
    """The legal holds of one site."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, after: str | None, limit: int) -> list[Hold]:
        """Holds, newest first; `after` is the id of the last one of the page before."""
        return await self._database.read(lambda reader: stored.page(reader, after, limit))

    async def names(self, holds: Sequence[Hold]) -> dict[str, str]:
        """What the subjects of holds are called, by their ids; of what is gone there is none."""
        subjects = [(hold.kind, hold.subject_id) for hold in holds]
        return await self._database.read(lambda reader: named.names(reader, subjects))

    async def ask(self, kind: HoldKind, subject_id: str, reason: str, *, principal: str) -> Hold:
        """Ask for one; it has no effect before it is confirmed. Raises NotFound, BadInput."""
        return await self._database.write(
            lambda tx: stored.ask(tx, kind, subject_id, reason), principal=principal
        )

    async def confirm(self, hold_id: str, *, principal: str) -> Hold:
        """Put one in force; not by the person who asked. Raises NotFound, Denied, Conflict."""
        return await self._database.write(
            lambda tx: two_person.confirm_hold(tx, hold_id), principal=principal
        )

    async def release(self, hold_id: str, reason: str, *, principal: str) -> Hold:
        """End one: the timers apply again, at once. Raises NotFound, BadInput, Conflict."""
        return await self._database.write(
            lambda tx: stored.release(tx, hold_id, reason), principal=principal
        )

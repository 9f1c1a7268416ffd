"""Proofs for people who were not on a list: what a deployment compares with is committed to in the
log when it starts and when its lists grow, and nobody else is revealed (lfrd.audit.absence).

The lab's lists are of consenting people and go when the daemon stops: they are committed to only
where somebody asks.
"""

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial

from lfrd.audit.verify import AbsenceProof
from lfrd.errors import BadInput, Conflict, NotFound
from lfrd.governance.audit import AuditLog
from lfrd.store import absences, deployments, watchlists
from lfrd.store.absences import AbsenceSet
from lfrd.store.audit import AuditClass
from lfrd.store.database import SYSTEM, Database
from lfrd.store.transaction import Reader, Transaction

SIGNED_AT_ONCE = 500
"""References that are signed between two writes: half a second."""


async def prepare(database: Database, watchlist_ids: Iterable[str]) -> None:
    """Sign the references of some lists beforehand, so that nothing waits for it in a transaction:
    a millisecond for each that is new since the last time."""
    own = await database.write(absences.key, principal=SYSTEM)

    def sign(waiting: Sequence[absences.Unmarked]) -> list[tuple[str, bytes]]:
        return [absences.marked(own.private, entry) for entry in waiting]

    for watchlist_id in watchlist_ids:
        look = partial(
            absences.unmarked, key_id=own.id, watchlist_id=watchlist_id, limit=SIGNED_AT_ONCE
        )
        while waiting := await database.read(look):
            marks = await asyncio.to_thread(sign, waiting)
            keep = partial(absences.keep_marks, key_id=own.id, marks=marks)
            await database.write(keep, principal=SYSTEM)


class Absences:
    """Proves for one site that a reference was on no list."""

    def __init__(self, database: Database, log: AuditLog) -> None:
        self._database = database
        self._log = log

    async def prove(
        self,
        reference: str,
        reason: str,
        *,
        watchlist_id: str | None = None,
        deployment_id: str | None = None,
        principal: str,
    ) -> tuple[AbsenceProof, ...]:
        """That a reference was never on the lists of a deployment while it compared with them (or
        on one of them), or without one that it is not on a list now. The question is logged, also
        where the answer is that there is no such proof.

        Raises NotFound, BadInput; Conflict where the reference is or was on one of them.
        """
        if watchlist_id is None and deployment_id is None:
            raise BadInput("name a list, or a deployment, or both")
        if deployment_id is None and watchlist_id is not None:
            await prepare(self._database, [watchlist_id])

        def ask(tx: Transaction) -> list[AbsenceSet]:
            sets = _sets(tx, watchlist_id, deployment_id)
            shown = [absences.show(tx, item, item.leaf, reference) for item in sets]
            listed = sum(item.is_listed for item in shown)
            tx.audit(
                AuditClass.CONSULTATION, "subject.prove-absence", (),
                {"reason": reason, "lists": len(shown), "absent": not listed},
            )  # fmt: skip
            return [] if listed else sets

        sets = await self._database.write(ask, principal=principal)
        if not sets:
            raise Conflict(
                "there is no proof of absence: the reference is or was on such a list "
                "(`lfrd subject lookup` says on which)"
            )
        return tuple([await self._proof(item, reference, principal) for item in sets])

    async def _proof(self, asked: AbsenceSet, reference: str, principal: str) -> AbsenceProof:
        """Of a set as it was when it was asked about; it may have grown since."""

        def read(reader: Reader) -> absences.Shown:
            now = absences.get(reader, asked.id)
            return absences.show(reader, now, asked.leaf, reference)

        log = await self._log.prove(asked.leaf, principal=principal)
        shown = await self._database.read(read)
        return AbsenceProof(
            asked.watchlist_id, reference, shown.public_key, shown.signature, shown.path,
            shown.end, log,
        )  # fmt: skip


def _sets(tx: Transaction, watchlist_id: str | None, deployment_id: str | None) -> list[AbsenceSet]:
    """What is asked about; committed to now where it is a list of now."""
    if deployment_id is None:
        assert watchlist_id is not None
        watchlists.get(tx, watchlist_id)
        return [absences.commit(tx, watchlist_id)]
    deployments.get(tx, deployment_id)
    sets = [
        item for item in absences.sets_of(tx, deployment_id)
        if watchlist_id in (None, item.watchlist_id)
    ]  # fmt: skip
    if not sets:
        raise NotFound(
            f"the log commits to no such list of deployment {deployment_id}: it has not begun, is "
            "of the lab, ran under an earlier lfrd, or is too long ago"
        )
    return sets

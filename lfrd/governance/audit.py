"""The log as people read, prove and export it, and its hourly checkpoint.

A reader who has yet to decide an open candidate reads the log up to that candidate: what follows
may say how others decided, or that it is a decoy.
"""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lfrd.audit import tree
from lfrd.audit.export import Head, leaf_line
from lfrd.audit.verify import Proof, PublicKey, note_of
from lfrd.errors import Conflict, Failure, NotFound, StoreFailed
from lfrd.store import audit_log, reviews
from lfrd.store.audit import AuditClass, canonical_bytes
from lfrd.store.audit_log import LeafFilter, ShownLeaf
from lfrd.store.database import Database
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import DeploymentState

if TYPE_CHECKING:
    from lfrd.governance.witness import Witness

OVER = (DeploymentState.ENDED, DeploymentState.ERASED)
SHOWN = 5
"""So many candidates a message names."""
LOOK_S = 60.0
RUN = 1_000
"""Leaves that an export reads at once."""


@dataclass(frozen=True, slots=True)
class Page:
    """Leaves, newest first; from `held_back_from` on none is shown to this reader yet."""

    leaves: tuple[ShownLeaf, ...]
    held_back_from: int | None


@dataclass(frozen=True, slots=True)
class LogKeys:
    """The log's name and the keys that sign it, oldest first."""

    origin: str
    keys: tuple[PublicKey, ...]


class AuditLog:
    """The log of one site; `run` belongs into the daemon's task group."""

    def __init__(self, database: Database, witness: "Witness | None" = None) -> None:
        self._database = database
        self._witness = witness

    @property
    def key(self) -> PublicKey:
        """What signs it now."""
        return self._database.log_key

    async def run(self) -> None:
        """Have the hourly checkpoint signed also while nothing happens, and the newest one by the
        witness; until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            with contextlib.suppress(StoreFailed):  # health says so
                await self._database.look_at_log()
                if self._witness is not None:
                    await self._witness.cosign()

    async def keys(self) -> LogKeys:
        """Whose signatures count."""
        return await self._database.read(
            lambda reader: LogKeys(audit_log.origin(reader), tuple(audit_log.keys(reader)))
        )

    async def page(self, wanted: LeafFilter, limit: int, *, principal: str) -> Page:
        """What `principal` may read of the log."""

        def query(reader: Reader) -> Page:
            bound = audit_log.first_undecided(reader, principal)
            return Page(tuple(audit_log.page(reader, wanted.below(bound), limit)), bound)

        return await self._database.read(query)

    async def prove(self, index: int, *, principal: str) -> Proof:
        """That a leaf is in the log, under its newest checkpoint. Raises NotFound, Conflict."""
        found = await self._database.read(lambda reader: _proof(reader, index, principal))
        if found is None:
            await self._database.sign_log()
            found = await self._database.read(lambda reader: _proof(reader, index, principal))
        if found is None:
            raise Conflict(f"no checkpoint that you may see is over leaf {index} yet: try later")
        return found

    async def export(self, reason: str, *, principal: str) -> tuple[Head, AsyncIterator[bytes]]:
        """The log up to its newest checkpoint that `principal` may see, that it left included
        unless it may not. The disclosure is logged first. Raises Conflict where there is none."""

        def disclose(tx: Transaction) -> None:
            if audit_log.first_undecided(tx, principal) is not None:
                _begin(tx, principal)
            tx.audit(AuditClass.DISCLOSURE, "audit.export", (), {"reason": reason})

        await self._database.write(disclose, principal=principal)
        await self._database.sign_log()
        begun = await self._database.read(lambda reader: _begin(reader, principal))
        return begun, self._pieces(begun.leaves)

    async def _pieces(self, size: int) -> AsyncIterator[bytes]:
        for first in range(0, size, RUN):
            end = min(size, first + RUN)
            run = await self._database.read(functools.partial(audit_log.run, first=first, end=end))
            if len(run) != end - first:
                raise Failure(f"lfrd.db lacks one of the leaves {first} to {end - 1} of the log")
            yield b"".join(leaf_line(*item) for item in run)


def _proof(reader: Reader, index: int, principal: str) -> Proof | None:
    """None where no checkpoint is over it."""
    bound = audit_log.first_undecided(reader, principal)
    if bound is not None and index >= bound:
        raise Conflict(_why_held_back(reader, bound, principal))
    shown = audit_log.leaf(reader, index)
    if shown is None:
        raise NotFound(f"the log has no leaf {index}")
    newest = audit_log.newest_checkpoint(reader, bound)
    if newest is None or newest.size <= index:
        return None
    path = tree.inclusion(audit_log.fetch_from(reader), index, newest.size)
    return Proof(index, canonical_bytes(shown.leaf), tuple(path), note_of(newest.note))


def _why_held_back(reader: Reader, bound: int, principal: str) -> str:
    """Which candidates are to be decided, and what else helps where their deployment is over."""
    waiting = reviews.waiting_for(reader, principal)
    shown = ", ".join(item.episode_id for item in waiting[:SHOWN])
    more = f" and {len(waiting) - SHOWN} more" if len(waiting) > SHOWN else ""
    over = sorted({item.deployment_id for item in waiting if item.state in OVER})
    lapse = "".join(
        f"; deployment {name} is over: `lfrd deployment lapse {name} --reason …` closes what it "
        "left open, undecided" for name in over[:SHOWN]
    )  # fmt: skip
    return (
        f"the log is held back from leaf {bound} on until you have decided {shown}{more} "
        f"(`lfrd alert review`){lapse}"
    )


def _begin(reader: Reader, principal: str) -> Head:
    bound = audit_log.first_undecided(reader, principal)
    newest = audit_log.newest_checkpoint(reader, bound)
    if newest is None:
        raise Conflict(_why_held_back(reader, bound or 0, principal))
    notes = tuple(item.note for item in audit_log.checkpoints(reader, newest.size))
    keys = tuple(key.text for key in audit_log.keys(reader))
    return Head(audit_log.origin(reader), newest.size, keys, notes)

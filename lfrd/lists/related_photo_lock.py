"""Photos that are judged and stored at the same time: those that have to do with each other wait.

What the gate says of a photo depends on the photos that are stored. Two that are of one entry or
person, that are the same file, or that look alike must know of each other, so the later one waits
until the earlier is stored or refused. All others may go on beside each other, and share commits.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from lfrd.lists.enrolment import EnrolledPhoto
from lfrd.lists.photo_gate import GateRule
from lfrd.lists.table import Row

ALIKE = GateRule().look_alike_similarity - 0.02
"""A little below what the gate calls alike: two ways of computing a score may round differently."""


@dataclass(frozen=True, slots=True, eq=False)
class _Turn:
    row: Row
    photo: EnrolledPhoto
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def concerns(self, other: "_Turn") -> bool:
        """Whether what is said of one may depend on the other."""
        mine, theirs = self.row, other.row
        return (
            mine.reference == theirs.reference
            or bool(mine.person and mine.person == theirs.person)
            or self.photo.sha256 == other.photo.sha256
            or float(self.photo.template.vector @ other.photo.template.vector) >= ALIKE
        )


class RelatedPhotoLock:
    """For the event loop only. It holds as many photos as callers are inside `turn`."""

    def __init__(self) -> None:
        self._now: list[_Turn] = []

    @asynccontextmanager
    async def turn(self, row: Row, photo: EnrolledPhoto) -> AsyncIterator[None]:
        """Wait for those who came earlier and have to do with this photo; then it is ours.

        Each waits only for those that came before, so none waits without end.
        """
        mine = _Turn(row, photo)
        earlier = [other for other in self._now if mine.concerns(other)]
        self._now.append(mine)
        try:
            for other in earlier:
                await other.over.wait()
            yield
        finally:
            self._now.remove(mine)
            mine.over.set()

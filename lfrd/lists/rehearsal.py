"""Dry runs of imports: what earlier rows would have put on the list, so that the rows after them
are held against it, as in the import itself.

It is in memory alone, bounded, and overwritten once a dry run is not gone on with.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from lfrd.lists.enrolment import EnrolledPhoto
from lfrd.lists.photo_gate import Neighbour, Resemblance
from lfrd.lists.related_photo_lock import RelatedPhotoLock
from lfrd.lists.table import Row
from lfrd.types import F32

IDLE_S: Final = 300.0
"""A dry run is over after so long without a row."""
AT_ONCE: Final = 4
"""Full: the dry run whose last row is the longest ago is forgotten."""
ROWS_LIMIT: Final = 20_000
"""Of one dry run; later rows are held against these alone."""
WOULD_BE: Final = "would be"
"""In the place of an entry's id: there is none yet."""


@dataclass(frozen=True, slots=True)
class _Passed:
    """A row that would be on the list: its photo's digest and template f32[D]."""

    row: Row
    sha256: str
    vector: F32

    def is_person_of(self, other: Row) -> bool:
        mine = self.row
        return mine.reference == other.reference or bool(
            mine.person and mine.person == other.person
        )


@dataclass(slots=True)
class Rehearsal:
    """One dry run. For the event loop, but for `resembled`."""

    _passed: list[_Passed] = field(default_factory=list)
    _related: RelatedPhotoLock = field(default_factory=RelatedPhotoLock)

    def turn(self, row: Row, photo: EnrolledPhoto) -> AbstractAsyncContextManager[None]:
        """Wait for the rows before that have to do with this photo."""
        return self._related.turn(row, photo)

    def has(self, row: Row, photo: EnrolledPhoto) -> bool:
        """Whether the row's entry would have this very photo by then."""
        return any(
            one.row.reference == row.reference and one.sha256 == photo.sha256
            for one in self._passed
        )

    def photos_of(self, reference: str) -> int:
        """How many photos more an entry would have by then."""
        return sum(one.row.reference == reference for one in self._passed)

    def resembled(self, row: Row, photo: EnrolledPhoto, stored: Resemblance) -> Resemblance:
        """What the photo resembles of what is stored and of what would be."""
        passed = [*self._passed]
        if not passed:
            return stored
        scores = np.stack([one.vector for one in passed]) @ photo.template.vector
        found = [(float(score), one) for score, one in zip(scores, passed, strict=True)]
        own = [score for score, one in found if one.row.reference == row.reference]
        others = [score for score, one in found if not one.is_person_of(row)]
        same_file = any(
            one.sha256 == photo.sha256 and one.row.reference != row.reference for one in passed
        )
        if stored.own is not None:
            own.append(stored.own)
        nearest, best = stored.nearest, max(others, default=-1.0)
        if best > (nearest.score if nearest else -1.0):
            nearest = Neighbour(WOULD_BE, best)
        return replace(
            stored, own=max(own, default=None), nearest=nearest,
            same_file_entry_id=stored.same_file_entry_id or (WOULD_BE if same_file else None),
        )  # fmt: skip

    def passed(self, row: Row, photo: EnrolledPhoto) -> None:
        """The row would be on the list."""
        if len(self._passed) < ROWS_LIMIT:
            self._passed.append(_Passed(row, photo.sha256, photo.template.vector.copy()))

    def clear(self) -> None:
        """Overwrite and forget."""
        for one in self._passed:
            one.vector.fill(0.0)
        self._passed.clear()


@dataclass(slots=True)
class _Kept:
    rehearsal: Rehearsal
    timer: asyncio.TimerHandle


class Rehearsals:
    """The dry runs of a site, by whatever tells them apart. For the event loop."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, ...], _Kept] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, key: tuple[str, ...], idle_s: float = IDLE_S) -> Rehearsal:
        """The dry run of this key, which is forgotten `idle_s` after it was last asked for."""
        known = self._kept.pop(key, None)
        if known is not None:
            known.timer.cancel()
        elif len(self._kept) >= AT_ONCE:
            self._forgetting(next(iter(self._kept)))()
        rehearsal = known.rehearsal if known is not None else Rehearsal()
        timer = asyncio.get_running_loop().call_later(idle_s, self._forgetting(key))
        self._kept[key] = _Kept(rehearsal, timer)
        return rehearsal

    def _forgetting(self, key: tuple[str, ...]) -> Callable[[], None]:
        def forget() -> None:
            gone = self._kept.pop(key)
            gone.timer.cancel()
            gone.rehearsal.clear()

        return forget

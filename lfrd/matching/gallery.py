"""Exact search over the templates of a running deployment's lists, in RAM.

The matrix is fp32, one row a template, in any order: a change touches one row, and BLAS products
give the scores of all rows for all probes. The rows that can be among the best are then found by
the largest score of each block of rows, in two passes over the scores without sorting them. What is
forgotten is overwritten with zeros.

Ids are kept as fixed-width bytes: as Python strings they would take as much room as a short vector.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lfrd.types import F32, Match

_GROWTH = 1.05
"""A full matrix grows by this: room for more, and never a tenth more than needed."""

_BLOCK = 64
_PIECE = 1024

_Ids = npt.NDArray[np.bytes_]


@dataclass(frozen=True, slots=True)
class GalleryTemplate:
    """One reference template: vector f32[D] of unit norm."""

    template_id: str
    entry_id: str
    person_id: str
    vector: F32


class Gallery:
    """Templates of one model; `model_digest` is checked by the caller that fills it.

    Safe to use from several threads: a change waits for a search that is under way, and a search
    never sees half a change.
    """

    def __init__(self, model_digest: str, dim: int) -> None:
        self.model_digest = model_digest
        self.dim = dim
        self._lock = threading.Lock()
        self._count = 0
        self._most_references = 1
        self._matrix: F32 = np.zeros((0, dim), np.float32)
        self._template_ids: _Ids = np.zeros(0, "S1")
        self._entry_ids: _Ids = np.zeros(0, "S1")
        self._person_ids: _Ids = np.zeros(0, "S1")

    def __len__(self) -> int:
        return self._count

    @property
    def entries(self) -> int:
        """How many entries can be matched: the N of every rate."""
        return len(np.unique(self._entry_ids[: self._count]))

    def add(self, templates: Iterable[GalleryTemplate]) -> None:
        """Add or replace templates (by template id)."""
        new = {template.template_id: template for template in templates}
        with self._lock:
            self._remove(new.keys())
            self._make_room(self._count + len(new))
            for template in new.values():
                assert template.vector.shape == (self.dim,), template.vector.shape
                self._append(template)
            self._most_references = self._references(new.values())

    def remove(self, template_ids: Iterable[str]) -> None:
        """Remove templates; unknown ids are ignored."""
        with self._lock:
            self._remove(template_ids)

    def clear(self) -> None:
        """Overwrite and forget everything."""
        with self._lock:
            self._matrix.fill(0.0)
            self._matrix = np.zeros((0, self.dim), np.float32)
            self._template_ids = self._entry_ids = self._person_ids = np.zeros(0, "S1")
            self._count, self._most_references = 0, 1

    def search(self, probes: F32, k: int = 5) -> list[tuple[Match, ...]]:
        """Best `k` entries of each probe in f32[m, D], best first; ties by entry id."""
        assert probes.ndim == 2, probes.shape
        assert probes.shape[1] == self.dim, probes.shape
        with self._lock:
            if not self._count:
                return [() for _ in range(len(probes))]
            return [self._top(row, k) for row in self._scores(probes)]

    def _scores(self, probes: F32) -> F32:
        """The product f32[m, n] of probes and all rows, a piece of the matrix at a time: pieces
        that fit the processor's cache are done in two thirds of the time."""
        turned = probes.T.copy()
        scores = np.empty((len(probes), self._count), np.float32)
        try:
            for begin in range(0, self._count, _PIECE):
                piece = slice(begin, min(begin + _PIECE, self._count))
                scores[:, piece] = (self._matrix[piece] @ turned).T
        finally:
            turned.fill(0.0)  # the probes of passers-by
        return scores

    def _top(self, scores: F32, k: int) -> tuple[Match, ...]:
        """The best `k` entries: among the best k x r rows there are k entries, where no entry has
        more than r references."""
        rows = _at_least(scores, k * self._most_references)
        ids = self._entry_ids[rows]
        found: dict[bytes, Match] = {}
        for index in np.lexsort((ids, -scores[rows])):
            if ids[index] not in found:
                row = rows[index]
                found[ids[index]] = Match(
                    ids[index].decode(), self._person_ids[row].decode(), float(scores[row])
                )
                if len(found) == k:
                    break
        return tuple(found.values())

    def _append(self, template: GalleryTemplate) -> None:
        row = self._count
        self._template_ids = _put(self._template_ids, row, template.template_id)
        self._entry_ids = _put(self._entry_ids, row, template.entry_id)
        self._person_ids = _put(self._person_ids, row, template.person_id)
        self._matrix[row] = template.vector
        self._count += 1

    def _remove(self, template_ids: Iterable[str]) -> None:
        """The last row takes the place of one that goes, and is overwritten where it was."""
        gone = np.array([known.encode() for known in template_ids], dtype=np.bytes_)
        if not gone.size or not self._count:
            return
        rows = np.flatnonzero(np.isin(self._template_ids[: self._count], gone))
        for row in rows[::-1]:
            last = self._count - 1
            for kept in (self._template_ids, self._entry_ids, self._person_ids, self._matrix):
                kept[row] = kept[last]
            self._matrix[last] = 0.0
            self._count = last

    def _make_room(self, rows: int) -> None:
        if rows <= len(self._matrix):
            return
        room = rows if not self._count else max(rows, int(_GROWTH * len(self._matrix)) + 1)
        old, self._matrix = self._matrix, np.zeros((room, self.dim), np.float32)
        self._matrix[: self._count] = old[: self._count]
        old.fill(0.0)
        self._template_ids, self._entry_ids, self._person_ids = (
            np.concatenate([ids[: self._count], np.zeros(room - self._count, ids.dtype)])
            for ids in (self._template_ids, self._entry_ids, self._person_ids)
        )

    def _references(self, new: Iterable[GalleryTemplate]) -> int:
        """The most references of one entry, or more: it only ever grows until all is forgotten."""
        changed = np.unique(np.array([template.entry_id.encode() for template in new], np.bytes_))
        known = self._entry_ids[: self._count]
        _, counts = np.unique(known[np.isin(known, changed)], return_counts=True)
        return max(self._most_references, int(counts.max(initial=1)))


def _at_least(scores: F32, count: int) -> npt.NDArray[np.intp]:
    """Rows of the `count` best scores, and some others: all that reach a bound they reach too.

    The count-th largest of the blocks' maxima is such a bound, for each of these blocks holds a
    score that reaches it.
    """
    if len(scores) <= count:
        return np.arange(len(scores))
    blocks = len(scores) // _BLOCK
    if blocks <= count:
        bound = np.partition(scores, len(scores) - count)[len(scores) - count]
    else:
        maxima = scores[: blocks * _BLOCK].reshape(blocks, _BLOCK).max(axis=1)
        bound = np.partition(maxima, blocks - count)[blocks - count]
    return np.flatnonzero(scores >= bound)


def _put(ids: _Ids, row: int, value: str) -> _Ids:
    """Write an id, in a wider array where it needs one."""
    content = value.encode()
    if len(content) > ids.dtype.itemsize:
        ids = ids.astype(f"S{len(content)}")
    ids[row] = content
    return ids

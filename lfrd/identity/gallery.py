"""Exact search over the templates of a running deployment's lists, in RAM.

The matrix is fp32, one row a template, rows of one entry side by side, so that the best score of
each entry is one `maximum.reduceat` after one BLAS product. Changes build new arrays and swap them
in (search never waits, never sees half a change); old arrays are overwritten with zeros.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lfrd.types import F32, Match


@dataclass(frozen=True, slots=True)
class GalleryTemplate:
    """One reference template: vector f32[D] of unit norm."""

    template_id: str
    entry_id: str
    person_id: str
    vector: F32


class Gallery:
    """Templates of one model; `model_digest` is checked by whoever fills it."""

    def __init__(self, model_digest: str, dim: int) -> None:
        self.model_digest = model_digest
        self.dim = dim
        self._ids: list[tuple[str, str, str]] = []
        self._set([], np.zeros((0, dim), np.float32))

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def entries(self) -> int:
        """How many entries can be matched: the N of every rate."""
        return len(self._entry_ids)

    def add(self, templates: Iterable[GalleryTemplate]) -> None:
        """Add or replace templates (by template id)."""
        rows = {ids[0]: (ids, self._matrix[row]) for row, ids in enumerate(self._ids)}
        for template in templates:
            assert template.vector.shape == (self.dim,), template.vector.shape
            ids = (template.template_id, template.entry_id, template.person_id)
            rows[template.template_id] = (ids, template.vector)
        self._swap(list(rows.values()))

    def remove(self, template_ids: Iterable[str]) -> None:
        """Remove templates; unknown ids are ignored."""
        gone = set(template_ids)
        self._swap(
            [(ids, self._matrix[row]) for row, ids in enumerate(self._ids) if ids[0] not in gone]
        )

    def clear(self) -> None:
        """Overwrite and forget everything."""
        self._swap([])

    def search(self, probes: F32, k: int = 5) -> list[tuple[Match, ...]]:
        """Best `k` entries of each probe in f32[m, D], best first; ties by entry id."""
        assert probes.ndim == 2, probes.shape
        assert probes.shape[1] == self.dim, probes.shape
        if not self._ids:
            return [() for _ in range(len(probes))]
        scores = self._matrix @ probes.T
        by_entry = np.maximum.reduceat(scores, self._starts, axis=0)
        return [self._top(by_entry[:, column], k) for column in range(len(probes))]

    def _top(self, scores: F32, k: int) -> tuple[Match, ...]:
        if len(scores) > k:
            kth = np.partition(scores, len(scores) - k)[len(scores) - k]
            rows = np.flatnonzero(scores >= kth)
        else:
            rows = np.arange(len(scores))
        order = rows[np.argsort(-scores[rows], kind="stable")][:k]
        return tuple(
            Match(self._entry_ids[row], self._person_ids[row], float(scores[row])) for row in order
        )

    def _swap(self, rows: Sequence[tuple[tuple[str, str, str], F32]]) -> None:
        ordered = sorted(rows, key=lambda row: (row[0][1], row[0][0]))
        matrix = np.zeros((len(ordered), self.dim), np.float32)
        for number, (_, vector) in enumerate(ordered):
            matrix[number] = vector
        old = self._matrix
        self._set([ids for ids, _ in ordered], matrix)
        old.fill(0.0)

    def _set(self, ids: list[tuple[str, str, str]], matrix: F32) -> None:
        starts = [n for n, row in enumerate(ids) if n == 0 or row[1] != ids[n - 1][1]]
        self._ids = ids
        self._matrix = matrix
        self._starts = np.array(starts, np.intp)
        self._entry_ids = [ids[start][1] for start in starts]
        self._person_ids = [ids[start][2] for start in starts]

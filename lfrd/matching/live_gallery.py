"""The way from the lists to the running deployment: at most one search at a time."""

from collections.abc import Iterable, Mapping

from lfrd.matching.live_search import LiveSearch, Scope
from lfrd.matching.threshold import Derived
from lfrd.store.templates import StoredTemplate, TemplateMatrix


class LiveGallery:
    """Passes on what changes while a deployment runs; without one, there is nothing to tell."""

    def __init__(self) -> None:
        self._search: LiveSearch | None = None

    def __len__(self) -> int:
        return len(self._search) if self._search else 0

    @property
    def watchlist_ids(self) -> frozenset[str]:
        """The lists that are compared with right now."""
        return self._search.watchlist_ids if self._search else frozenset()

    @property
    def search(self) -> LiveSearch | None:
        """What the running deployment compares with."""
        return self._search

    def open(
        self,
        search: LiveSearch,
        matrix: TemplateMatrix,
        margins: Mapping[str, float],
        scope: Scope,
    ) -> Derived | None:
        """Fill `search` and keep it in step from now on; what was derived if its threshold rose."""
        self._search = search
        return search.fill(matrix, margins, scope)

    def close(self) -> None:
        """Overwrite and forget."""
        if self._search is not None:
            self._search.close()
        self._search = None

    def added(self, stored: StoredTemplate, margin: float) -> Derived | None:
        """A template was committed to a list; returns what was derived if the threshold rose."""
        return self._search.added(stored, margin) if self._search else None

    def removed(self, template_ids: Iterable[str], gone_entry_ids: Iterable[str] = ()) -> None:
        """Templates were deleted or expired."""
        if self._search is not None:
            self._search.removed(template_ids, gone_entry_ids)

"""The gallery of the running deployment, kept in step with the lists it was made of."""

from collections.abc import Iterable

from lfrd.identity.gallery import Gallery, GalleryTemplate
from lfrd.store.templates import StoredTemplate, TemplateMatrix


class LiveGallery:
    """At most one gallery at a time; changes of lists outside it are ignored."""

    def __init__(self) -> None:
        self._gallery: Gallery | None = None
        self._watchlist_ids: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self._gallery) if self._gallery else 0

    def open(self, gallery: Gallery, matrix: TemplateMatrix, watchlist_ids: Iterable[str]) -> None:
        """Fill `gallery` and keep it in step from now on."""
        ids = zip(matrix.template_ids, matrix.entry_ids, matrix.person_ids, strict=True)
        gallery.add(
            GalleryTemplate(template_id, entry_id, person_id, matrix.vectors[row])
            for row, (template_id, entry_id, person_id) in enumerate(ids)
        )
        self._gallery = gallery
        self._watchlist_ids = frozenset(watchlist_ids)

    def close(self) -> None:
        """Overwrite and forget."""
        if self._gallery is not None:
            self._gallery.clear()
        self._gallery = None
        self._watchlist_ids = frozenset()

    def added(self, stored: StoredTemplate) -> None:
        """A template was committed to a list."""
        gallery = self._gallery
        if gallery is None or stored.watchlist_id not in self._watchlist_ids:
            return
        if stored.template.model_digest == gallery.model_digest:
            gallery.add(
                [
                    GalleryTemplate(
                        stored.id, stored.entry_id, stored.person_id, stored.template.vector
                    )
                ]
            )

    def removed(self, template_ids: Iterable[str]) -> None:
        """Templates were deleted."""
        if self._gallery is not None:
            self._gallery.remove(template_ids)

"""What a running deployment compares with: the templates of its lists, each for its cameras.

Lists may be meant for some cameras only. Cameras that see the same lists share a gallery, so that
the search stays exact whatever the scope, and one gallery is all there is where no list is scoped.
For the event loop only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lfrd.matching.bars import Bars
from lfrd.matching.curve import Curve
from lfrd.matching.evidence import EvidenceRule
from lfrd.matching.gallery import Gallery, GalleryTemplate
from lfrd.matching.live_tracks import LiveTracks
from lfrd.matching.threshold import Derived, Risk, derive
from lfrd.store.templates import StoredTemplate, TemplateMatrix
from lfrd.types import F32, Match


@dataclass(frozen=True, slots=True)
class Promise:
    """The false alert rate that a deployment promises, and what it is derived with."""

    curve: Curve
    risk: Risk
    looks: int

    def kept_by(self, references: int) -> Derived:
        """The threshold for a list of so many reference photos."""
        return derive(self.curve, self.risk, references=references, looks=self.looks)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which lists a deployment compares with, and where: a list without cameras is for all."""

    watchlist_ids: frozenset[str]
    cameras: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def lists_for(self, camera_id: str | None) -> frozenset[str]:
        """The lists that a camera sees; None stands for every camera that no list names."""
        return frozenset(
            watchlist_id
            for watchlist_id in self.watchlist_ids
            if not (named := self.cameras.get(watchlist_id)) or camera_id in named
        )

    def cameras_named(self) -> frozenset[str]:
        """The cameras that some list is meant for."""
        return frozenset().union(*(self.cameras.get(known, ()) for known in self.watchlist_ids))


class LiveSearch:
    """Galleries and tracks of one deployment. `promise` None: a stated constant threshold."""

    def __init__(
        self,
        deployment_id: str,
        model_digest: str,
        dim: int,
        threshold: float,
        promise: Promise | None = None,
    ) -> None:
        self.deployment_id = deployment_id
        self.model_digest = model_digest
        self.tracks = LiveTracks(EvidenceRule(), Bars(threshold))
        self.promise = promise
        self._dim = dim
        self._galleries: dict[frozenset[str], Gallery] = {}
        self._scope = Scope(frozenset())
        self._references: set[str] = set()

    def __len__(self) -> int:
        return len(self._references)

    @property
    def threshold(self) -> float:
        """The threshold in force."""
        return self.tracks.bars.threshold

    @property
    def watchlist_ids(self) -> frozenset[str]:
        """The lists of the deployment."""
        return self._scope.watchlist_ids

    def fill(
        self, matrix: TemplateMatrix, margins: Mapping[str, float], scope: Scope
    ) -> Derived | None:
        """Take everything anew: templates, stricter margins of entries, and scope. Returns what
        was derived anew if the threshold rose."""
        self._clear_galleries()
        self._scope = scope
        for camera_id in (None, *scope.cameras_named()):
            lists = scope.lists_for(camera_id)
            if lists not in self._galleries:
                self._galleries[lists] = Gallery(self.model_digest, self._dim)
                self._galleries[lists].add(_of_lists(matrix, lists))
        self._references = {
            template_id
            for template_id, watchlist_id in zip(
                matrix.template_ids, matrix.watchlist_ids, strict=True
            )
            if watchlist_id in scope.watchlist_ids
        }
        for entry_id, margin in margins.items():
            self.tracks.bars.set_margin(entry_id, margin)
        return self._rederive()

    def holds(self, template_ids: Iterable[str]) -> bool:
        """Whether any of these is compared with."""
        return not self._references.isdisjoint(template_ids)

    def gallery_for(self, camera_id: str) -> Gallery | None:
        """The templates of the lists meant for this camera; None where there is no such list."""
        return self._galleries.get(self._scope.lists_for(camera_id))

    def nearest(self, camera_id: str, probes: F32, k: int) -> list[tuple[Match, ...]]:
        """The best `k` entries of the lists meant for this camera, for each probe f32[m, D]."""
        known = self.gallery_for(camera_id)
        return known.search(probes, k) if known is not None else [()] * len(probes)

    def added(self, stored: StoredTemplate, margin: float) -> Derived | None:
        """A template was committed. Returns what was derived anew if the threshold rose by it:
        it rises before the template can match anybody."""
        if (
            stored.watchlist_id not in self._scope.watchlist_ids
            or stored.template.model_digest != self.model_digest
        ):
            return None
        self._references.add(stored.id)
        risen = self._rederive()
        self.tracks.bars.set_margin(stored.entry_id, margin)
        template = GalleryTemplate(
            stored.id, stored.entry_id, stored.person_id, stored.template.vector
        )
        for lists, gallery in self._galleries.items():
            if stored.watchlist_id in lists:
                gallery.add([template])
        return risen

    def removed(self, template_ids: Iterable[str], gone_entry_ids: Iterable[str] = ()) -> None:
        """Templates were deleted or expired, and with them perhaps entries."""
        gone = set(template_ids)
        self._references -= gone
        for gallery in self._galleries.values():
            gallery.remove(gone)
        self.tracks.forget(gone_entry_ids)

    def close(self) -> None:
        """Overwrite and forget."""
        self._clear_galleries()
        self._references.clear()

    def _clear_galleries(self) -> None:
        for gallery in self._galleries.values():
            gallery.clear()
        self._galleries.clear()

    def _rederive(self) -> Derived | None:
        if self.promise is None:
            return None
        derived = self.promise.kept_by(len(self._references))
        return derived if self.tracks.bars.raise_to(derived.threshold) else None


def _of_lists(matrix: TemplateMatrix, lists: frozenset[str]) -> Iterable[GalleryTemplate]:
    ids = zip(
        matrix.template_ids, matrix.entry_ids, matrix.person_ids, matrix.watchlist_ids, strict=True
    )
    for row, (template_id, entry_id, person_id, watchlist_id) in enumerate(ids):
        if watchlist_id in lists:
            yield GalleryTemplate(template_id, entry_id, person_id, matrix.vectors[row])

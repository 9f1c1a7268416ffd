"""What a running deployment compares with: the templates of its lists, each for its cameras.

Lists may be meant for some cameras only. Cameras that see the same lists share a gallery, so that
the search stays exact whatever the scope, and one gallery is all there is where no list is scoped.
For the event loop only.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from lfrd.clock import Clock
from lfrd.counters import CameraCounters
from lfrd.matching.curve import Curve
from lfrd.matching.evidence import EntryThresholds, EvidenceRule, TrackEvidence
from lfrd.matching.gallery import Gallery, GalleryTemplate
from lfrd.matching.threshold import Derived, Risk, derive
from lfrd.matching.why import CameraCounts, CountHistory
from lfrd.store import templates, watchlists
from lfrd.store.database import Database
from lfrd.store.templates import StoredTemplate, TemplateMatrix
from lfrd.store.transaction import Reader
from lfrd.types import F32, Match


class LiveTracks:
    """Begins and ends the evidence of tracks, and reaches those that live; loop only.

    What ends is counted and forgotten: whether a track was compared at all, and whether an entry
    on the list came near it, is all that is known of it afterwards.
    """

    def __init__(self, rule: EvidenceRule, thresholds: EntryThresholds) -> None:
        self.thresholds = thresholds
        self.below: Counter[str] = Counter()
        """Tracks that ended with at least one look compared and no entry over the threshold, by
        camera."""
        self.never_compared: Counter[str] = Counter()
        """Tracks that ended without a single look worth comparing, by camera."""
        self.raised: Counter[str] = Counter()
        """Tracks that ended and were raised as an entry, by camera."""
        self.before: Mapping[str, CameraCounts] = {}
        """What each camera counted before the daemon was started anew."""
        self._histories: dict[str, CountHistory] = {}
        self._rule = rule
        self._tracks: dict[tuple[str, int], TrackEvidence] = {}

    def begin(self, camera_id: str, track_id: int) -> TrackEvidence:
        """The evidence of a new track."""
        evidence = TrackEvidence(track_id, self._rule, self.thresholds)
        self._tracks[camera_id, track_id] = evidence
        return evidence

    def end(self, camera_id: str, track_id: int) -> None:
        """The track is gone."""
        evidence = self._tracks.pop((camera_id, track_id))
        if not evidence.looks:
            self.never_compared[camera_id] += 1
        elif evidence.raised:
            self.raised[camera_id] += 1
        else:
            self.below[camera_id] += 1

    def note(self, camera_id: str, at_s: float, counters: CameraCounters) -> CountHistory:
        """Tell the camera's history what was counted until now, wall time `at_s`."""
        history = self._histories.setdefault(camera_id, CountHistory())
        ended = self.never_compared[camera_id], self.below[camera_id], self.raised[camera_id]
        history.note(at_s, counters, *ended)
        return history

    def minutes(self, camera_id: str, since_s: float) -> tuple[tuple[float, CameraCounts], ...]:
        """What a camera counted, by the minute, as far as it was told; each with its begin."""
        history = self._histories.get(camera_id)
        return () if history is None else history.minutes(since_s, inf)

    def best_inter_eye_px(self, camera_id: str) -> float:
        """Between the eyes of the largest face that the camera's history was told of."""
        history = self._histories.get(camera_id)
        return history.best_inter_eye_px if history else 0.0

    def silence(self, camera_id: str, track_id: int, entry_id: str) -> bool:
        """Reviewers said "not a match"; False where the track is gone already."""
        evidence = self._tracks.get((camera_id, track_id))
        if evidence is not None:
            evidence.silence(entry_id)
        return evidence is not None

    def forget(self, entry_ids: Iterable[str]) -> None:
        """These entries left the list, or expired: they are not raised any more."""
        for entry_id in entry_ids:
            self.thresholds.forget(entry_id)
            for evidence in self._tracks.values():
                evidence.forget(entry_id)


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
        self.tracks = LiveTracks(EvidenceRule(), EntryThresholds(threshold))
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
        return self.tracks.thresholds.threshold

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
            self.tracks.thresholds.set_margin(entry_id, margin)
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
        it rises before the template can match a face."""
        if (
            stored.watchlist_id not in self._scope.watchlist_ids
            or stored.template.model_digest != self.model_digest
        ):
            return None
        self._references.add(stored.id)
        risen = self._rederive()
        self.tracks.thresholds.set_margin(stored.entry_id, margin)
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
        return derived if self.tracks.thresholds.raise_to(derived.threshold) else None


def _of_lists(matrix: TemplateMatrix, lists: frozenset[str]) -> Iterable[GalleryTemplate]:
    ids = zip(
        matrix.template_ids, matrix.entry_ids, matrix.person_ids, matrix.watchlist_ids, strict=True
    )
    for row, (template_id, entry_id, person_id, watchlist_id) in enumerate(ids):
        if watchlist_id in lists:
            yield GalleryTemplate(template_id, entry_id, person_id, matrix.vectors[row])


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


LOADING_LIMIT_S = 60.0
"""Opening the seals of a large list may take longer than the limit of ordinary reads."""


@dataclass(frozen=True, slots=True)
class SearchContents:
    """Templates that may be searched now, the margins of their entries, and who sees them."""

    matrix: TemplateMatrix
    margins: Mapping[str, float]
    scope: Scope


async def open_search(
    database: Database,
    clock: Clock,
    live: LiveGallery,
    search: LiveSearch,
    watchlist_ids: Sequence[str],
) -> None:
    """Fill `search` from the lists and have `live` keep it in step from now on."""
    now_s = clock.wall_s()
    held = await database.read(
        lambda reader: read_search_contents(reader, search.model_digest, watchlist_ids, now_s),
        limit_s=LOADING_LIMIT_S,
    )
    live.open(search, held.matrix, held.margins, held.scope)


def read_search_contents(
    reader: Reader, model_digest: str, watchlist_ids: Sequence[str], now_s: float
) -> SearchContents:
    """Everything of these lists that is neither expired, nor in quarantine, nor unapproved."""
    return SearchContents(
        templates.load(reader, model_digest, watchlist_ids, valid_at_s=now_s),
        watchlists.margins(reader, watchlist_ids),
        Scope(frozenset(watchlist_ids), watchlists.cameras_of(reader, watchlist_ids)),
    )

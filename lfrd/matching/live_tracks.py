"""The evidence of every track that is in front of a camera right now, of one deployment."""

from collections import Counter
from collections.abc import Iterable

from lfrd.counters import CameraCounters
from lfrd.matching.bars import Bars
from lfrd.matching.evidence import EvidenceRule, TrackEvidence
from lfrd.matching.why import CountHistory


class LiveTracks:
    """Begins and ends the evidence of tracks, and reaches those that live; loop only.

    What ends is counted and forgotten: whether a track was compared at all, and whether anybody
    on the list came near it, is all that is known of it afterwards.
    """

    def __init__(self, rule: EvidenceRule, bars: Bars) -> None:
        self.bars = bars
        self.below: Counter[str] = Counter()
        """Tracks that ended with at least one look compared and nobody over the bar, by camera."""
        self.never_compared: Counter[str] = Counter()
        """Tracks that ended without a single look worth comparing, by camera."""
        self.raised: Counter[str] = Counter()
        """Tracks that ended and were raised as somebody, by camera."""
        self._histories: dict[str, CountHistory] = {}
        self._rule = rule
        self._tracks: dict[tuple[str, int], TrackEvidence] = {}

    def begin(self, camera_id: str, track_id: int) -> TrackEvidence:
        """The evidence of a new track."""
        evidence = TrackEvidence(track_id, self._rule, self.bars)
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

    def silence(self, camera_id: str, track_id: int, entry_id: str) -> bool:
        """Reviewers said "not a match"; False where the track is gone already."""
        evidence = self._tracks.get((camera_id, track_id))
        if evidence is not None:
            evidence.silence(entry_id)
        return evidence is not None

    def forget(self, entry_ids: Iterable[str]) -> None:
        """These entries left the list, or expired: nobody is raised as them any more."""
        for entry_id in entry_ids:
            self.bars.forget(entry_id)
            for evidence in self._tracks.values():
                evidence.forget(entry_id)

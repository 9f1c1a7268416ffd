"""When several looks at one track amount to a candidate. Pure: looks in, decisions out.

A single good look may be luck; three looks over time rarely are, and three frames of one moment are
little more than one look. With m_k the similarity of an entry to the mean template of the track's
looks up to the k-th, and s_k its similarity to the k-th look alone, the fused score of the entry is

    max over k of max( m_k - handicap(n_k), s_k - handicap(1) )
    n_k = 1 + sum over the gaps between the looks up to the k-th of min(1, gap / apart_s)

so one look decides only when it is far above the threshold, looks of the same instant count as one,
looks `apart_s` apart count fully, and from three full looks on only the threshold itself is needed.
The second term keeps a clear look from being outweighed by poor ones, or by those of another person
whom the tracker took for the same person.

The mean template is that of `MeanTemplate`, which names its source. n_k is an
effective number of independent observations as in Bayley and Hammersley, The "Effective" Number of
Independent Observations in an Autocorrelated Time Series, JRSS Supplement 8(2), 1946, with a
correlation that falls linearly to nothing over `apart_s`. The handicaps are not tuned to a rate:
whatever they are, the threshold is derived from the false match rate of this very statistic (see
lfrd.matching.threshold).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lfrd.types import F32, Decision, Look, Match, Scored, Trail


class EntryThresholds:
    """One deployment's threshold and the stricter margins of its entries.

    The threshold may rise while a deployment runs (its list grew) and never falls; a list and an
    entry may ask for more by a margin of their own, never for less. Single-writer: the event loop.
    """

    def __init__(self, threshold: float, margins: Mapping[str, float] | None = None) -> None:
        self.threshold = threshold
        self._margins = dict(margins or {})

    def required(self, entry_id: str) -> float:
        """The fused score from which this entry is raised."""
        return self.threshold + self._margins.get(entry_id, 0.0)

    def raise_to(self, threshold: float) -> bool:
        """Make the threshold stricter; False where it is as strict already."""
        if threshold <= self.threshold:
            return False
        self.threshold = threshold
        return True

    def set_margin(self, entry_id: str, margin: float) -> None:
        """How much more than the threshold this entry must reach."""
        assert margin >= 0.0, margin
        self._margins[entry_id] = margin

    def forget(self, entry_id: str) -> None:
        """The entry is gone."""
        self._margins.pop(entry_id, None)


WEIGHT_POWER = 3
LONGEST = 1000.0
"""A look's vector is taken to be at most so many times as long as the first one's: longer ones are
no faces, and must not overflow."""

SAME_PERSON = 0.40
"""Two clear looks at one passer-by are at least so alike (99 of 100), those at two people are not
(99 of 100)."""


class Held(Protocol):
    """A template f32[D] of unit norm in a pooled buffer (see lfrd.vision.pool)."""

    @property
    def array(self) -> F32: ...

    def release(self) -> None: ...


class MeanTemplate:
    """Owns the buffer of the track's first look, and adds the others to it, until `close`.

    Averaged and brought to unit length again, the templates of several looks are nearer to the
    person than any one of them: what varies between looks cancels (the average of the encodings of
    a set, Crosswhite et al., Template Adaptation for Face Verification and Identification, IEEE FG
    2017; AvePool in Yang et al., Neural Aggregation Network, CVPR 2017). It is a template of a
    passer-by like any other: it lives as long as the track and is overwritten then.

    Looks do not weigh alike. A recogniser makes a short vector of a face that is small, blurred or
    turned away and a long one of a clear face, and the length says better than size or pose how
    well such a look tells people apart (Meng et al., MagFace, CVPR 2021, make a loss of it; SFace
    does it by itself: docs/accuracy.md). A look weighs by the third power of its norm. A recogniser
    whose vectors are all of one length weighs all looks alike.
    """

    def __init__(self) -> None:
        self._sum: Held | None = None
        self._first_norm = 0.0
        self._strongest = 0.0

    def add(self, look: Held, norm: float, share: float = 1.0) -> bool:
        """Take a look in; `norm` is the length of its vector before it was brought to unit length,
        `share` what part of a look it counts for. The first one is kept, and False is returned: it
        is the mean. Any other stays the caller's: its array now holds the mean of all looks, and
        True is returned."""
        self._strongest = max(self._strongest, norm)
        if self._sum is None:
            self._sum, self._first_norm = look, norm
            return False
        longer = min(norm / self._first_norm, LONGEST) if self._first_norm else 1.0
        weight = share * longer**WEIGHT_POWER
        total = self._sum.array
        np.multiply(look.array, weight, out=look.array)
        np.add(total, look.array, out=total)
        length = math.sqrt(float(np.dot(total, total)))
        if length > 0.0:
            np.divide(total, length, out=look.array)
        elif weight > 0.0:  # opposite looks cancel: then this look stands for itself
            np.divide(look.array, weight, out=look.array)
        return True

    def contradicted_by(self, look: Held, norm: float, *, doubtful: bool) -> bool:
        """Whether this look shows another person than the looks so far.

        What two looks must have in common falls with how much weaker one of them is than the
        strongest: a weak look says little either way. It falls less where there is reason to
        doubt that it is the same face (`doubtful`), since then staying together needs a proof.
        """
        if self._sum is None:
            return False
        total = self._sum.array
        length = math.sqrt(float(np.dot(total, total)))
        if length == 0.0:
            return False
        likeness = float(np.dot(total, look.array)) / length
        weaker, stronger = sorted((norm, self._strongest))
        share = weaker / stronger if stronger > 0.0 else 1.0
        return likeness < SAME_PERSON * (share if doubtful else share**2)

    def close(self) -> None:
        """Overwrite and give back; safe to call twice."""
        kept, self._sum = self._sum, None
        if kept is not None:
            kept.release()


FARTHEST = -1.0
"""The lowest similarity there is."""


@dataclass(frozen=True, slots=True)
class EvidenceRule:
    """`handicaps[n-1]` is taken off the score of looks that are worth n; between them, linearly.

    `update_step`: how much better the fused score, or a single look, must be before an episode is
    updated.
    """

    handicaps: tuple[float, ...] = (0.05, 0.015, 0.0)
    apart_s: float = 0.5
    update_step: float = 0.02

    def handicap(self, effective: float) -> float:
        """What looks that are worth `effective` independent ones (1 or more) lose."""
        whole = math.floor(effective)
        if whole >= len(self.handicaps):
            return self.handicaps[-1]
        below, above = self.handicaps[whole - 1], self.handicaps[whole]
        return below + (above - below) * (effective - whole)

    def fused(self, looks: Sequence[Scored]) -> float:
        """The fused score of looks in the order of time; minus infinity of none."""
        best = float("-inf")
        effective = 1.0
        before_s = looks[0].at_s if looks else 0.0
        for look in looks:
            effective += min(1.0, max(0.0, look.at_s - before_s) / self.apart_s)
            before_s = look.at_s
            mean = look.mean - self.handicap(effective)
            best = max(best, mean, look.alone - self.handicap(1.0))
        return best


@dataclass(slots=True)
class _Entry:
    """What is remembered of one entry: its scores in the order of time, and what was reported."""

    person_id: str
    looks: list[Scored]
    reported: float | None = None
    shown: float = float("-inf")
    """Score of the look whose picture the episode has."""


class TrackEvidence:
    """What the looks of one track say; it lives as long as the track and holds only scores."""

    def __init__(self, track_id: int, rule: EvidenceRule, thresholds: EntryThresholds) -> None:
        self._track_id = track_id
        self._rule = rule
        self._thresholds = thresholds
        self._entries: dict[str, _Entry] = {}
        self._silent: set[str] = set()
        self.looks = 0
        """Looks compared so far."""
        self.raised = False
        """Whether any entry was."""

    def silence(self, entry_id: str) -> None:
        """A reviewer said "not a match": this entry is not raised for this track again."""
        self._silent.add(entry_id)

    def forget(self, entry_id: str) -> None:
        """The entry left its list, or expired: what its looks scored is gone with it."""
        self._entries.pop(entry_id, None)

    def consider(self, look: Look) -> Decision | None:
        """Add a look; return a decision if the best entry is now raised, or clearly better."""
        self.looks += 1
        alone = {match.entry_id: match for match in look.alone}
        mean = {match.entry_id: match for match in look.matches}
        for entry_id, match in (alone | mean).items():
            known = self._entries.setdefault(entry_id, _Entry(match.person_id, []))
            known.looks.append(
                Scored(_score(mean, entry_id), _score(alone, entry_id), look.captured_at_s)
            )
        over = [
            match
            for match in self._ranking()
            if match.score >= self._thresholds.required(match.entry_id)
        ]
        return self._decide(over, look) if over else None

    def fused(self, entry_id: str) -> float:
        """The fused score of an entry so far; minus infinity where it was never matched."""
        known = self._entries.get(entry_id)
        if known is None:
            return float("-inf")
        return self._rule.fused(known.looks)

    def _ranking(self) -> list[Match]:
        found = [
            Match(entry_id, known.person_id, self.fused(entry_id))
            for entry_id, known in self._entries.items()
            if entry_id not in self._silent
        ]
        return sorted(found, key=lambda match: (-match.score, match.entry_id))

    def _decide(self, over: list[Match], look: Look) -> Decision | None:
        """Raise or update the best of the entries that are over their threshold."""
        best = over[0]
        known = self._entries[best.entry_id]
        now = next((m.score for m in look.alone if m.entry_id == best.entry_id), float("-inf"))
        step = self._rule.update_step
        first = known.reported is None
        clearer = now >= known.shown + step
        if not first and not clearer and best.score < (known.reported or 0.0) + step:
            return None
        self.raised = True
        known.reported = max(best.score, known.reported or best.score)
        if clearer:
            known.shown = now
        others = [match for match in self._ranking() if match.person_id != best.person_id]
        return Decision(
            kind="raised" if first else "updated",
            track_id=self._track_id,
            entry_id=best.entry_id,
            person_id=best.person_id,
            score=best.score,
            margin=best.score - others[0].score if others else None,
            threshold=self._thresholds.required(best.entry_id),
            looks=self.looks,
            look=look,
            rivals=_one_per_person([m for m in over if m.person_id != best.person_id]),
            clearer=clearer,
            trail=Trail(
                self._rule.handicaps,
                self._rule.apart_s,
                tuple(known.looks),
                known.shown if math.isfinite(known.shown) else None,
            ),
        )


def _score(found: Mapping[str, Match], entry_id: str) -> float:
    """Who is not among the nearest is as far away as can be."""
    return found[entry_id].score if entry_id in found else FARTHEST


def _one_per_person(matches: list[Match]) -> tuple[Match, ...]:
    seen: dict[str, Match] = {}
    for match in matches:
        seen.setdefault(match.person_id, match)
    return tuple(seen.values())

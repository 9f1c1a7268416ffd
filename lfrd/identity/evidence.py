"""When several looks at one track amount to a candidate. Pure: looks in, decisions out.

A single good look may be luck; three looks over time rarely are. The fused score of an entry is

    max over k of (mean of its k best look scores - handicap[k])

so one look decides only when it is far above the threshold, two need a little more than the
threshold, three or more only the threshold itself. (Averaging a track's scores before comparing is
the mean rule of Kittler et al., On Combining Classifiers, IEEE TPAMI 20(3), 1998; the handicap for
few looks follows from counting how strongly looks a moment apart resemble each other.)
"""

from dataclasses import dataclass

from lfrd.types import Decision, Look, Match


@dataclass(frozen=True, slots=True)
class EvidenceRule:
    """`threshold` is for the fused score; `handicaps[k-1]` is taken off the mean of k looks."""

    threshold: float
    handicaps: tuple[float, ...] = (0.10, 0.03, 0.0)
    update_step: float = 0.02
    """How much better the fused score must be before an episode is updated."""


class TrackEvidence:
    """What the looks of one track say; it lives as long as the track and holds only scores."""

    def __init__(self, track_id: int, rule: EvidenceRule) -> None:
        self._track_id = track_id
        self._rule = rule
        self._best: dict[str, list[float]] = {}
        self._person_of: dict[str, str] = {}
        self._reported: dict[str, float] = {}
        self._silent: set[str] = set()
        self._looks = 0

    def silence(self, entry_id: str) -> None:
        """A reviewer said "not a match": this entry is not raised for this track again."""
        self._silent.add(entry_id)

    def consider(self, look: Look) -> Decision | None:
        """Add a look; return a decision if the best entry is now raised, or clearly better."""
        self._looks += 1
        depth = len(self._rule.handicaps)
        for match in look.matches:
            self._person_of[match.entry_id] = match.person_id
            scores = self._best.setdefault(match.entry_id, [])
            scores.append(match.score)
            scores.sort(reverse=True)
            del scores[depth:]
        ranking = self._ranking()
        if not ranking or ranking[0].score < self._rule.threshold:
            return None
        return self._decide(ranking, look)

    def fused(self, entry_id: str) -> float:
        """The fused score of an entry so far; minus infinity where it was never matched."""
        scores = self._best.get(entry_id, [])
        total = 0.0
        best = float("-inf")
        for count, score in enumerate(scores, start=1):
            total += score
            best = max(best, total / count - self._rule.handicaps[count - 1])
        return best

    def _ranking(self) -> list[Match]:
        found = [Match(entry, person, self.fused(entry)) for entry, person in
                 self._person_of.items() if entry not in self._silent]  # fmt: skip
        return sorted(found, key=lambda match: (-match.score, match.entry_id))

    def _decide(self, ranking: list[Match], look: Look) -> Decision | None:
        best = ranking[0]
        others = [match for match in ranking if match.person_id != best.person_id]
        rivals = _one_per_person([m for m in others if m.score >= self._rule.threshold])
        before = self._reported.get(best.entry_id)
        better = before is None or best.score >= before + self._rule.update_step
        if not better:
            return None
        self._reported[best.entry_id] = best.score
        return Decision(
            kind="raised" if before is None else "updated",
            track_id=self._track_id,
            entry_id=best.entry_id,
            person_id=best.person_id,
            score=best.score,
            margin=best.score - others[0].score if others else None,
            threshold=self._rule.threshold,
            looks=self._looks,
            look=look,
            rivals=rivals,
        )


def _one_per_person(matches: list[Match]) -> tuple[Match, ...]:
    seen: dict[str, Match] = {}
    for match in matches:
        seen.setdefault(match.person_id, match)
    return tuple(seen.values())

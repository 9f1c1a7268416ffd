"""How reviewers decide: how often, how quickly, and how often as the others did.

Presumption and haste show in such figures and in no single decision. Only closed episodes count, so
that nobody learns from a figure that somebody has decided about what they have yet to decide.
Decoys count by themselves, and in no other figure.
"""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lfrd.governance.reviews import Outcome, is_final, outcome_of, required_for
from lfrd.stats import Rate, wilson
from lfrd.store import decoys, reviews
from lfrd.store.decoys import Decoy
from lfrd.store.episodes import Episode, EpisodeState
from lfrd.store.reviews import Review, ReviewDecision
from lfrd.store.transaction import Reader

EPISODES_MOST = 2_000
"""The newest closed ones; months of a busy site."""


@dataclass(frozen=True, slots=True)
class Decided:
    """One closed episode: when it was raised, what came of it, its final reviews, and what it was
    where it was a decoy."""

    raised_at_s: float
    outcome: Outcome | None
    reviews: tuple[Review, ...]
    decoy: Decoy | None = None


@dataclass(frozen=True, slots=True)
class ReviewerFigures:
    """Of one reviewer. `compared` are the episodes that others decided about too and that have an
    outcome which is sure; `agreed` those of them in which it was this reviewer's own decision.

    `median_s` is from the candidate's rise to the decision, waiting included; None of no candidate.
    `decoys` is how many of the decoys shown were decided rightly, with Wilson's interval: `unsure`
    was not.
    """

    principal: str
    matches: int
    not_matches: int
    unsure: int
    compared: int
    agreed: int
    median_s: float | None
    decoys: Rate


def figures(decided: Iterable[Decided]) -> tuple[ReviewerFigures, ...]:
    """Each reviewer's figures, by principal."""
    of: dict[str, list[tuple[Review, Decided]]] = defaultdict(list)
    for item in decided:
        for review in item.reviews:
            of[review.principal].append((review, item))
    return tuple(_figures_of(principal, of[principal]) for principal in sorted(of))


def _figures_of(principal: str, reviewed: Sequence[tuple[Review, Decided]]) -> ReviewerFigures:
    given = [(review, item) for review, item in reviewed if item.decoy is None]
    right = [is_right(review, item.decoy) for review, item in reviewed if item.decoy is not None]
    waits_s = [review.submitted_at_s - item.raised_at_s for review, item in given]
    said = [review.decision for review, _ in given]
    shared = [
        (review.decision.value, item.outcome.value)
        for review, item in given
        if len(item.reviews) > 1 and item.outcome in (Outcome.MATCH, Outcome.NOT_MATCH)
    ]
    return ReviewerFigures(
        principal,
        said.count(ReviewDecision.MATCH),
        said.count(ReviewDecision.NOT_MATCH),
        said.count(ReviewDecision.UNSURE),
        len(shared),
        sum(own == outcome for own, outcome in shared),
        statistics.median(waits_s) if waits_s else None,
        wilson(sum(right), len(right)),
    )


def is_right(review: Review, decoy: Decoy) -> bool:
    """Whether a decision about a decoy was the right one."""
    right = ReviewDecision.MATCH if decoy.mated else ReviewDecision.NOT_MATCH
    return review.decision is right


def read(reader: Reader, deployment_id: str | None, required: int) -> tuple[ReviewerFigures, ...]:
    """The figures of one deployment, or of all; `required` as for `required_for`."""
    closed = reader.find(
        Episode,
        "WHERE state = ?1 AND (?2 IS NULL OR deployment_id = ?2) ORDER BY id DESC LIMIT ?3",
        (EpisodeState.CLOSED.value, deployment_id, EPISODES_MOST),
    )
    return figures(_decided(reader, episode, required) for episode in closed)


def _decided(reader: Reader, episode: Episode, required: int) -> Decided:
    given = reviews.of_episode(reader, episode.id)
    outcome = outcome_of(given, required_for(reader, episode, required))
    final = tuple(item for item in given if is_final(item))
    return Decided(episode.raised_at_s, outcome, final, decoys.of_episode(reader, episode.id))

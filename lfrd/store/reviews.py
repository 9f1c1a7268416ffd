"""Reviews: what one person decided about one episode.

`submit` may be undone for some seconds; `finalise` may not. No event is sent of a review:
a reviewer who has yet to decide must not learn that another did.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lfrd.errors import Conflict, NotFound
from lfrd.ids import new_id
from lfrd.store import episodes
from lfrd.store.audit import AuditClass, Fact
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import DeploymentState


class ReviewDecision(enum.StrEnum):
    MATCH = "match"
    NOT_MATCH = "not_match"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """`final_at_s` is None while it may still be undone. `supervising`: it settles what the
    reviewers disagree about."""

    TABLE: ClassVar[str] = "review"

    id: str
    episode_id: str
    principal: str
    decision: ReviewDecision
    reason: str
    submitted_at_s: float
    final_at_s: float | None
    supervising: bool = False


def submit(
    tx: Transaction,
    episode_id: str,
    decision: ReviewDecision,
    reason: str = "",
    *,
    supervisor: bool = False,
    shown: Mapping[str, Fact] | None = None,
) -> Review:
    """Decide, as `tx.principal`. Raises Conflict where they did, or the episode is closed.

    What a `supervisor` decides about an escalated episode settles it. `shown` goes into the log.
    """
    episode = episodes.get(tx, episode_id)
    erased = episodes.why_erased(episode)
    if erased is not None:
        raise Conflict(f"episode {episode_id} cannot be decided any more: {erased}")
    if episode.state == episodes.EpisodeState.CLOSED:
        raise Conflict(f"episode {episode_id} is closed: nothing is left to decide")
    supervising = supervisor and episode.escalated_at_s is not None
    review = Review(
        id=new_id(),
        episode_id=episode_id,
        principal=tx.principal,
        decision=decision,
        reason=reason,
        submitted_at_s=tx.at_s,
        final_at_s=None,
        supervising=supervising,
    )
    try:
        tx.insert(review)
    except Conflict as error:
        raise Conflict(f"{tx.principal} has decided about episode {episode_id} already") from error
    tx.audit(
        AuditClass.DECISION,
        "review.submit",
        (review.id, episode_id),
        {
            "decision": decision.value,
            **({"supervising": True} if supervising else {}),
            **(shown or {}),
            **episodes.told_of(episode),
        },
    )
    return review


def undo(tx: Transaction, review_id: str) -> bool:
    """Take back one's own review before it is final; False where there is no such review."""
    review = tx.first(Review, "WHERE id = ?", (review_id,))
    deleted = tx.execute(
        "DELETE FROM review WHERE id = ? AND principal = ? AND final_at_s IS NULL",
        (review_id, tx.principal),
    )
    if deleted and review is not None:
        tx.audit(AuditClass.DECISION, "review.undo", (review_id,), _told_of(tx, review))
    return deleted == 1


def finalise(tx: Transaction, review_id: str) -> Review:
    """From now on the review counts and stays. Raises NotFound, or Conflict where it is final."""
    changed = tx.execute(
        "UPDATE review SET final_at_s = ? WHERE id = ? AND final_at_s IS NULL",
        (tx.at_s, review_id),
    )
    review = tx.get(Review, review_id)
    if not changed:
        raise Conflict(f"review {review_id} is final already")
    tx.audit(
        AuditClass.DECISION, "review.final", (review_id, review.episode_id), _told_of(tx, review)
    )
    return review


def _told_of(tx: Transaction, review: Review) -> dict[str, Fact]:
    """What a leaf about a review states: whose it is, also where the sweep writes it."""
    told = episodes.told_of(episodes.get(tx, review.episode_id))
    return {"reviewer": review.principal, **told} if told else {}


def of_episode(reader: Reader, episode_id: str) -> list[Review]:
    """The reviews of an episode, first one first."""
    return reader.find(Review, "WHERE episode_id = ? ORDER BY submitted_at_s", (episode_id,))


def all_in(reader: Reader, deployment_id: str) -> list[Review]:
    """The reviews of a deployment's episodes, first one first."""
    return reader.find(
        Review,
        "WHERE episode_id IN (SELECT id FROM episode WHERE deployment_id = ?)"
        " ORDER BY submitted_at_s, id",
        (deployment_id,),
    )


def own(reader: Reader, episode_id: str, principal: str) -> Review:
    """One's own review of an episode. Raises NotFound."""
    review = reader.first(Review, "WHERE episode_id = ? AND principal = ?", (episode_id, principal))
    if review is None:
        raise NotFound(f"{principal} has not decided about episode {episode_id}")
    return review


def not_final(reader: Reader, submitted_before_s: float) -> list[Review]:
    """The reviews whose time for undoing has run out."""
    return reader.find(
        Review,
        "WHERE final_at_s IS NULL AND submitted_at_s <= ? ORDER BY id",
        (submitted_before_s,),
    )


def undecided_of(reader: Reader, principal: str, deployment_id: str) -> frozenset[str]:
    """The episodes of a deployment, decoys among them, about which a reviewer's final decision is
    still to come."""
    found = reader.column(
        "SELECT episode.id FROM episode LEFT JOIN review"
        " ON review.episode_id = episode.id AND review.principal = ?"
        " WHERE deployment_id = ? AND final_at_s IS NULL AND (state = ? OR review.id IS NOT NULL)",
        (principal, deployment_id, episodes.EpisodeState.OPEN.value),
    )
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A candidate that somebody has yet to decide, decoys among them."""

    episode_id: str
    deployment_id: str
    state: DeploymentState


def waiting_for(reader: Reader, principal: str) -> list[Waiting]:
    """The open candidates about which somebody's final decision is still to come, oldest first."""
    return reader.query(
        Waiting,
        "SELECT episode.id AS episode_id, deployment_id, deployment.state AS state FROM episode"
        " JOIN deployment ON deployment.id = deployment_id WHERE episode.state = ?"
        " AND episode.id NOT IN (SELECT episode_id FROM review WHERE principal = ?"
        " AND final_at_s IS NOT NULL) ORDER BY raised_at_s, episode.id",
        (episodes.EpisodeState.OPEN.value, principal),
    )


def undecided_in(reader: Reader, principal: str) -> frozenset[str]:
    """The deployments in which a person's final decision about a candidate is still to come."""
    found = reader.column(
        "SELECT DISTINCT deployment_id FROM episode LEFT JOIN review"
        " ON review.episode_id = episode.id AND review.principal = ?"
        " WHERE final_at_s IS NULL AND (state = ? OR review.id IS NOT NULL)",
        (principal, episodes.EpisodeState.OPEN.value),
    )
    return frozenset(found)

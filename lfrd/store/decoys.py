"""Seeded decoys: episodes made of lab pictures, which measure how reviewers decide.

A decoy is an episode like any other, with a row here that says so. Counts of candidates leave it
out; erasing, sealing and logging treat it like any other. A reviewer who has yet to decide must not
learn of a row.
"""

from dataclasses import dataclass
from typing import ClassVar

from lfrd.store import episodes
from lfrd.store.audit import AuditClass
from lfrd.store.episodes import Episode, EpisodeState, NewEpisode
from lfrd.store.transaction import Reader, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoy:
    """`mated`: both pictures show one person, so that `match` is the right answer."""

    TABLE: ClassVar[str] = "decoy"

    episode_id: str
    mated: bool


def add(tx: Transaction, new: NewEpisode, *, mated: bool) -> Episode:
    """Put an episode into the queue and note, in the table and in the log, that it is a decoy.

    Its reference is no entry's, so `new.evidence.likeness` is needed. Raises Conflict unless the
    deployment runs.
    """
    assert new.evidence.likeness is not None
    episode = episodes.add(tx, new)
    tx.insert(Decoy(episode_id=episode.id, mated=mated))
    tx.audit(
        AuditClass.COLLECTION, "decoy.seed", (episode.id, new.deployment_id),
        {"mated": mated, **episodes.told_of(episode)},
    )  # fmt: skip
    return episode


def of_episode(reader: Reader, episode_id: str) -> Decoy | None:
    """None for a real candidate."""
    return reader.first(Decoy, "WHERE episode_id = ?", (episode_id,))


def ids_in(reader: Reader, deployment_id: str) -> frozenset[str]:
    """Which of a deployment's episodes are decoys."""
    found = reader.column(
        "SELECT episode_id FROM decoy JOIN episode ON episode.id = episode_id"
        " WHERE deployment_id = ?",
        (deployment_id,),
    )
    return frozenset(found)


def open_in(reader: Reader, deployment_id: str) -> int:
    """How many decoys of a deployment wait for a decision."""
    return reader.count(
        "SELECT count(*) FROM decoy JOIN episode ON episode.id = episode_id"
        " WHERE deployment_id = ? AND state = ?",
        (deployment_id, EpisodeState.OPEN.value),
    )


def lists_of(reader: Reader, deployment_id: str) -> list[str]:
    """The lists of a deployment that still have entries: whose candidate one may be."""
    return reader.column(
        "SELECT watchlist_id FROM deployment_watchlist WHERE deployment_id = ?"
        " AND watchlist_id IN (SELECT watchlist_id FROM entry) ORDER BY watchlist_id",
        (deployment_id,),
    )


def undecided_in(reader: Reader, principal: str) -> dict[str, int]:
    """How many decoys a reviewer has yet to decide about, by deployment.

    For them these still count as candidates: a count that leaves them out would tell which they are
    (compare `lfrd.store.reviews.undecided_in`).
    """
    rows = reader.rows(
        "SELECT deployment_id, count(*) AS decoys FROM decoy"
        " JOIN episode ON episode.id = decoy.episode_id"
        " LEFT JOIN review ON review.episode_id = episode.id AND review.principal = ?"
        " WHERE final_at_s IS NULL AND (state = ? OR review.id IS NOT NULL)"
        " GROUP BY deployment_id",
        (principal, EpisodeState.OPEN.value),
    )
    return {row.text("deployment_id"): row.whole("decoys") for row in rows}

"""What was done about an episode: exactly one primary outcome, written once."""

from dataclasses import dataclass
from typing import ClassVar

from lfrd.errors import Conflict
from lfrd.store import decoys, episodes
from lfrd.store.audit import AuditClass, Fact, number
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import Engagement, Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class PrimaryOutcome:
    """`engagement_min` is how long a person was held up because of it, in minutes. `identity` is
    whether it was the person on the list, where that was established on the spot.
    `recorded_group` is what a person recorded of a false alert, one of the site's own words."""

    TABLE: ClassVar[str] = "outcome"

    episode_id: str
    kind: Engagement
    engagement_min: float
    complaint: bool
    note: str
    at_s: float
    principal: str
    identity: Identity | None = None
    recorded_group: str | None = None


def add(
    tx: Transaction,
    episode_id: str,
    kind: Engagement,
    *,
    engagement_min: float = 0.0,
    complaint: bool = False,
    note: str = "",
    identity: Identity | None = None,
    recorded_group: str | None = None,
) -> PrimaryOutcome:
    """Raises NotFound, or Conflict while the episode is open, where there is one already, and about
    a decoy."""
    episode = episodes.get(tx, episode_id)
    if episode.state is episodes.EpisodeState.OPEN:
        raise Conflict(f"episode {episode_id} is under review: an outcome follows its decision")
    if decoys.of_episode(tx, episode_id) is not None:
        raise Conflict(f"episode {episode_id} was a decoy: no person was seen, and nothing follows")
    outcome = PrimaryOutcome(
        episode_id=episode_id,
        kind=kind,
        engagement_min=engagement_min,
        complaint=complaint,
        note=note,
        at_s=tx.at_s,
        principal=tx.principal,
        identity=identity,
        recorded_group=recorded_group,
    )
    try:
        tx.insert(outcome)
    except Conflict as error:
        raise Conflict(f"episode {episode_id} has its outcome already") from error
    established: dict[str, Fact] = {} if identity is None else {"identity": identity.value}
    tx.audit(
        AuditClass.DECISION, "episode.engagement", (episode_id,),
        {"kind": kind.value, "complaint": complaint, "minutes": number(engagement_min),
         **established, **episodes.told_of(episode)},
    )  # fmt: skip
    return outcome


def of_episode(reader: Reader, episode_id: str) -> PrimaryOutcome | None:
    """The outcome, if it is known yet."""
    return reader.first(PrimaryOutcome, "WHERE episode_id = ?", (episode_id,))


def all_in(reader: Reader, deployment_id: str) -> list[PrimaryOutcome]:
    """The outcomes of a deployment's episodes."""
    return reader.find(
        PrimaryOutcome,
        "WHERE episode_id IN (SELECT id FROM episode WHERE deployment_id = ?)",
        (deployment_id,),
    )

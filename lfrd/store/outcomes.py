"""What was done about an episode: exactly one primary outcome, written once."""

from dataclasses import dataclass
from typing import ClassVar

from lfrd.errors import Conflict
from lfrd.store import decoys, episodes
from lfrd.store.audit import AuditClass
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import Engagement


@dataclass(frozen=True, slots=True, kw_only=True)
class PrimaryOutcome:
    """`engagement_min` is how long a person was held up because of it, in minutes."""

    TABLE: ClassVar[str] = "outcome"

    episode_id: str
    kind: Engagement
    engagement_min: float
    complaint: bool
    note: str
    at_s: float
    principal: str


def add(
    tx: Transaction,
    episode_id: str,
    kind: Engagement,
    *,
    engagement_min: float = 0.0,
    complaint: bool = False,
    note: str = "",
) -> PrimaryOutcome:
    """Raises NotFound, or Conflict while the episode is open, where there is one already, and about
    a decoy."""
    if episodes.get(tx, episode_id).state is episodes.EpisodeState.OPEN:
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
    )
    try:
        tx.insert(outcome)
    except Conflict as error:
        raise Conflict(f"episode {episode_id} has its outcome already") from error
    tx.audit(
        AuditClass.DECISION, "episode.engagement", (episode_id,),
        {"kind": kind.value, "complaint": complaint},
    )  # fmt: skip
    return outcome


def of_episode(reader: Reader, episode_id: str) -> PrimaryOutcome | None:
    """The outcome, if it is known yet."""
    return reader.first(PrimaryOutcome, "WHERE episode_id = ?", (episode_id,))

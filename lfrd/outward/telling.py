"""Which messages an action gives rise to: written by the action's own transaction, or not at all.

The store calls `Telling.follow` at the end of every action. A message holds ids and states: never
a name, a score or a picture, and of a decision only what all of them together came to, once there
is nothing left to decide. Of passers-by there is nothing, as there is nothing of them in the store.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lfrd.events import EventKind
from lfrd.governance.reviews import outcome_of, required_for
from lfrd.ids import new_id
from lfrd.outward.endpoint import Filter
from lfrd.store import decoys, deployments, episodes, outbox, reviews, watchlists
from lfrd.store.outbox import Fact, NewMessage
from lfrd.store.transaction import Transaction
from lfrd.vocabulary import DeploymentState, OutwardKind

LAPSED = "lapsed"
"""The outcome of a candidate whose faces were erased before it was decided."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message in the making. `list_name` is for the filters and leaves nothing."""

    kind: OutwardKind
    subject: str
    facts: Mapping[str, Fact]
    list_name: str | None = None


class Telling:
    """Writes a row for each endpoint that wants to be told: `filters` by their names. `required` is
    the number of reviewers for deployments whose rules name none."""

    def __init__(self, filters: Mapping[str, Filter], required: int) -> None:
        self._filters = dict(filters)
        self._required = required

    def take_over(self, filters: Mapping[str, Filter]) -> None:
        """Other endpoints, or other wishes of theirs, from the next action on."""
        self._filters = dict(filters)

    def follow(self, tx: Transaction) -> None:
        """Put down what this action has to tell. Called in the writer's thread."""
        if not self._filters:
            return
        for event in tx.events:
            for said in self._of(tx, event.kind, event.subject_id):
                self.put(tx, said)

    def put(self, tx: Transaction, said: Said) -> None:
        """Put down one message for all who want it."""
        message = NewMessage(f"msg_{new_id()}", said.kind, said.subject, said.facts)
        for endpoint, wanted in self._filters.items():
            if wanted.wants(said.kind, said.facts, said.list_name):
                outbox.put(tx, endpoint, message)

    def put_once(self, tx: Transaction, said: Said, state: str) -> None:
        """The same, unless this `state` of the subject was what was said last."""
        if outbox.told(tx, said.subject) != state:
            outbox.tell(tx, said.subject, state)
            self.put(tx, said)

    def _of(self, tx: Transaction, kind: EventKind, subject_id: str) -> Iterator[Said]:
        if kind is EventKind.EPISODE_RAISED:
            yield self._about(tx, OutwardKind.CANDIDATE, episodes.get(tx, subject_id), {})
        elif kind is EventKind.EPISODE_CLOSED:
            yield self._decided(tx, episodes.get(tx, subject_id))
        elif kind is EventKind.DEPLOYMENT_CHANGED:
            yield from _deployment(tx, subject_id)

    def _decided(self, tx: Transaction, episode: episodes.Episode) -> Said:
        required = required_for(tx, episode, self._required)
        outcome = outcome_of(reviews.of_episode(tx, episode.id), required)
        more: dict[str, Fact] = {
            "outcome": LAPSED if outcome is None else outcome.value,
            "decoy": decoys.of_episode(tx, episode.id) is not None,
        }
        return self._about(tx, OutwardKind.DECIDED, episode, more)

    def _about(
        self,
        tx: Transaction,
        kind: OutwardKind,
        episode: episodes.Episode,
        more: Mapping[str, Fact],
    ) -> Said:
        listed = watchlists.find(tx, episode.watchlist_id)
        facts: dict[str, Fact] = {
            "alert_id": episode.id,
            "deployment_id": episode.deployment_id,
            "camera_id": episode.camera_id,
            "watchlist_id": episode.watchlist_id,
            "category": listed.category.value if listed else None,
            "bundled_with": episode.bundled_with,
        }
        return Said(kind, f"alert:{episode.id}", {**facts, **more}, listed.name if listed else "")


def _deployment(tx: Transaction, deployment_id: str) -> Iterator[Said]:
    """That it began or ended, each once, whatever else changes about it."""
    row = deployments.find(tx, deployment_id)
    if row is None:  # a schedule
        return
    subject = f"deployment:{row.id}"
    facts: dict[str, Fact] = {"deployment_id": row.id, "profile": row.profile}
    known = outbox.told(tx, subject)
    if row.state is DeploymentState.RUNNING and known is None:
        outbox.tell(tx, subject, row.state.value)
        yield Said(OutwardKind.DEPLOYMENT_BEGAN, subject, facts)
    elif row.state in (DeploymentState.ENDED, DeploymentState.ERASED) and known is not None:
        outbox.forget(tx, subject)
        yield Said(OutwardKind.DEPLOYMENT_ENDED, subject, facts)

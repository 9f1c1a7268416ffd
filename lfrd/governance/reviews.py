"""People decide. What a decision is worth, until when it can be taken back, and what follows.

A reviewer submits a decision, may undo it for UNDO_WINDOW_S, and then it is final by itself (or
earlier, on request). Nothing is revealed to any reviewer before. When as many decisions are final
as the deployment's policy requires, the episode closes with their common decision. Where they
disagree it is unresolved and stays open, until a supervisor who is none of them has decided.
"""

import asyncio
import contextlib
import enum
import json
import logging
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from lfrd.clock import Clock
from lfrd.errors import BadInput, Conflict, StoreFailed
from lfrd.governance.trainings import check_reviewer
from lfrd.health import HealthBoard
from lfrd.stats import Rate, wilson
from lfrd.store import decoys, deployments, episodes, reviews
from lfrd.store.audit import AuditClass, Fact
from lfrd.store.database import SYSTEM, Database
from lfrd.store.decoys import Decoy
from lfrd.store.deployments import Deployment
from lfrd.store.episodes import Episode, EpisodeFilter, EpisodeState
from lfrd.store.reviews import Review, ReviewDecision
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import DeploymentState

log = logging.getLogger(__name__)

UNDO_WINDOW_S = 10.0
RETRY_S = 5.0
"""How soon the sweep is tried again when the store failed."""

COMPONENT = "reviews"


SHOWN_PX_AT_LEAST = 16
"""With fewer dots on the shorter side no face can be recognised; 64 columns of a terminal have
them."""
SHOWN_S_AT_LEAST = 0.4
"""A faster reviewer has not looked, or pressed a key twice."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a reviewer's screen drew when they decided, as it states (see lfrd.wire.alerts)."""

    face_px: int
    reference_px: int
    seen_s: float


def check_shown(shown: Shown) -> None:
    """Raises BadInput where a face was drawn too small, or shown too short, to be judged."""
    for what, side_px in (("face", shown.face_px), ("reference", shown.reference_px)):
        if side_px < SHOWN_PX_AT_LEAST:
            raise BadInput(
                f"the {what} was drawn {side_px} dots large, too small to be known (at least "
                f"{SHOWN_PX_AT_LEAST}): make the window larger, look, and decide again"
            )
    if shown.seen_s < SHOWN_S_AT_LEAST:
        raise BadInput(
            f"both faces were to be seen for {shown.seen_s:.1f} s (at least "
            f"{SHOWN_S_AT_LEAST:g} s): look, and decide again"
        )


class Outcome(enum.StrEnum):
    """What the reviewers together say about an episode."""

    MATCH = "match"
    NOT_MATCH = "not_match"
    UNSURE = "unsure"
    UNRESOLVED = "unresolved"


def conclude(final: Sequence[ReviewDecision], required: int) -> Outcome | None:
    """The outcome of the first `required` final decisions (in the order they became final).

    None while there are fewer. Agreement is the outcome; any disagreement is `unresolved`.
    Later decisions are kept and change nothing.
    """
    assert required >= 1
    if len(final) < required:
        return None
    counted = set(final[:required])
    return Outcome(counted.pop().value) if len(counted) == 1 else Outcome.UNRESOLVED


def outcome_of(given: Sequence[Review], required: int) -> Outcome | None:
    """`conclude` for the reviews of one episode as the store has them.

    The first supervisor who is sure settles what is unresolved.
    """
    final = sorted((review for review in given if is_final(review)), key=_order)
    outcome = conclude([r.decision for r in final if not r.supervising], required)
    if outcome is not Outcome.UNRESOLVED:
        return outcome
    sure = [r.decision for r in final if r.supervising and r.decision is not ReviewDecision.UNSURE]
    return Outcome(sure[0].value) if sure else outcome


def is_settled(given: Sequence[Review], outcome: Outcome | None) -> bool:
    """Whether nothing is left to decide: disagreement lasts until a supervisor has spoken."""
    if outcome is Outcome.UNRESOLVED:
        return any(review.supervising and is_final(review) for review in given)
    return outcome is not None


def _order(review: Review) -> tuple[float, str]:
    assert review.final_at_s is not None
    return review.final_at_s, review.id


def required_of(deployment: Deployment, otherwise: int) -> int:
    """How many reviewers a deployment's own policy asks for, as it was when it was planned."""
    values = json.loads(deployment.policy).get("values", {})
    return int(values.get("reviewers_required", otherwise))


def is_final(review: Review) -> bool:
    return review.final_at_s is not None


def is_due(review: Review, now_s: float) -> bool:
    """Whether the time for undoing has run out, so that the review has to become final."""
    return not is_final(review) and now_s >= review.submitted_at_s + UNDO_WINDOW_S


def may_undo(review: Review, now_s: float) -> bool:
    return not is_final(review) and not is_due(review, now_s)


class Reviews:
    """The reviews of one site. `required` is the number of reviewers for deployments whose policy
    names none.

    `run` belongs into the daemon's task group: it makes decisions final when their time is up,
    those that were submitted before a restart included.
    """

    def __init__(
        self, database: Database, clock: Clock, health: HealthBoard, *, required: int = 1
    ) -> None:
        self.required = required
        self._database = database
        self._clock = clock
        self._health = health
        self._submitted = asyncio.Event()

    async def submit(
        self,
        episode_id: str,
        decision: ReviewDecision,
        reason: str,
        shown: Shown | None = None,
        *,
        principal: str,
        supervisor: bool = False,
    ) -> Review:
        """Decide. Raises NotFound, Conflict where it is closed or one has decided already, BadInput
        where what was `shown` was no face (None: the caller answers for it)."""
        if shown is not None:
            check_shown(shown)
        facts: dict[str, Fact] = {}
        if shown is not None:
            facts = asdict(shown) | {"seen_s": f"{shown.seen_s:.1f}"}

        def write(tx: Transaction) -> Review:
            check_reviewer(tx, episode_id)
            return reviews.submit(
                tx, episode_id, decision, reason, supervisor=supervisor, shown=facts
            )

        review = await self._database.write(write, principal=principal)
        self._submitted.set()
        return review

    async def undo(self, episode_id: str, *, principal: str) -> None:
        """Take one's own decision back. Raises NotFound, or Conflict where it is too late."""
        await self._database.write(lambda tx: _undo(tx, episode_id), principal=principal)

    async def finish(self, episode_id: str, *, principal: str) -> None:
        """Make one's own decision final now; a final one stays as it is. Raises NotFound."""
        await self._database.write(
            lambda tx: _finish_own(tx, episode_id, self.required), principal=principal
        )

    async def lapse(self, deployment_id: str, reason: str, *, principal: str) -> int:
        """`lapse_open`, as `principal`."""
        return await self._database.write(
            lambda tx: lapse_open(tx, deployment_id, reason), principal=principal
        )

    async def undecided_in(self, principal: str) -> frozenset[str]:
        """The deployments in which a person's final decision about a candidate is still to come."""
        return await self._database.read(lambda reader: reviews.undecided_in(reader, principal))

    async def figures(self, deployment_id: str | None) -> "tuple[ReviewerFigures, ...]":
        """Each reviewer's figures in one deployment, or in all, over closed episodes."""
        return await self._database.read(lambda reader: read(reader, deployment_id, self.required))

    async def sweep(self) -> float | None:
        """Make final what is due; return the seconds until the next one is, None without any."""
        waiting = await self._database.read(lambda reader: reviews.not_final(reader, float("inf")))
        now_s = self._clock.wall_s()
        if any(is_due(review, now_s) for review in waiting):
            await self._database.write(lambda tx: _finish_due(tx, self.required), principal=SYSTEM)
        due_s = [r.submitted_at_s + UNDO_WINDOW_S for r in waiting if not is_due(r, now_s)]
        return min(due_s) - now_s if due_s else None

    async def run(self) -> None:
        """Sweep whenever something is due, until cancelled."""
        while True:
            self._submitted.clear()
            wait_s = await self._sweep_or_retry()
            with contextlib.suppress(TimeoutError):  # then something is due
                async with asyncio.timeout(wait_s):
                    await self._submitted.wait()

    async def _sweep_or_retry(self) -> float | None:
        """A full disk must not end the daemon: health turns red and it is tried again."""
        try:
            wait_s = await self.sweep()
        except StoreFailed as error:
            self._health.fail(COMPONENT, f"decisions cannot be made final: {error}")
            return RETRY_S
        self._health.clear(COMPONENT)
        # The wall clock may be set back meanwhile, so no wait is longer than the window.
        return None if wait_s is None else min(wait_s, UNDO_WINDOW_S)


def lapse_open(tx: Transaction, deployment_id: str, reason: str) -> int:
    """Close, undecided, what a deployment that is over left open; how many. Raises NotFound,
    Conflict while it is not over."""
    if deployments.get(tx, deployment_id).state not in (
        DeploymentState.ENDED, DeploymentState.ERASED,
    ):  # fmt: skip
        raise Conflict("candidates lapse after the end of their deployment: until then decide them")
    left = [row.id for row in episodes.all_in(tx, deployment_id) if row.state is EpisodeState.OPEN]
    for episode_id in left:
        episodes.lapse(tx, episode_id, reason)
    return len(left)


def required_for(reader: Reader, episode: episodes.Episode, otherwise: int) -> int:
    """How many reviewers decide about an episode."""
    return required_of(deployments.get(reader, episode.deployment_id), otherwise)


def _undo(tx: Transaction, episode_id: str) -> None:
    review = reviews.own(tx, episode_id, tx.principal)
    if not may_undo(review, tx.at_s):
        raise Conflict(
            f"the decision about {episode_id} can no longer be undone: that is possible for "
            f"{UNDO_WINDOW_S:.0f} s, unless it was made final"
        )
    undone = reviews.undo(tx, review.id)
    assert undone


def _finish_own(tx: Transaction, episode_id: str, required: int) -> None:
    review = reviews.own(tx, episode_id, tx.principal)
    if not is_final(review):
        _finish(tx, review, required)


def _finish_due(tx: Transaction, required: int) -> None:
    for review in reviews.not_final(tx, tx.at_s - UNDO_WINDOW_S):
        _finish(tx, review, required)


def _finish(tx: Transaction, review: Review, required: int) -> None:
    """Make a review final and, if it was the last one needed, close its episode. About a decoy
    nothing is to be settled: it closes, agreement or not."""
    reviews.finalise(tx, review.id)
    episode = episodes.get(tx, review.episode_id)
    given = reviews.of_episode(tx, episode.id)
    outcome = outcome_of(given, required_for(tx, episode, required))
    if outcome is None or episode.state is episodes.EpisodeState.CLOSED:
        return
    if not is_settled(given, outcome) and decoys.of_episode(tx, episode.id) is None:
        episodes.escalate(tx, episode.id)
        return
    facts: dict[str, Fact] = {"outcome": outcome.value, **episodes.told_of(episode)}
    tx.audit(AuditClass.DECISION, "episode.outcome", (episode.id,), facts)
    episodes.close(tx, episode.id)


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
    """Each reviewer's figures, by principal.

    Presumption and haste show in such figures and in no single decision. Only closed episodes
    count, so that no reviewer learns from a figure that another has decided about what they have
    yet to decide. Decoys count by themselves, and in no other figure.
    """
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
    wanted = EpisodeFilter(state=EpisodeState.CLOSED, deployment_id=deployment_id)
    closed = episodes.page(reader, wanted, limit=EPISODES_MOST)
    return figures(_decided(reader, episode, required) for episode in closed)


def _decided(reader: Reader, episode: Episode, required: int) -> Decided:
    given = reviews.of_episode(reader, episode.id)
    outcome = outcome_of(given, required_for(reader, episode, required))
    final = tuple(item for item in given if is_final(item))
    return Decided(episode.raised_at_s, outcome, final, decoys.of_episode(reader, episode.id))

"""What one viewer may see of an episode. Pure.

Until the viewer's own decision is final, nothing in here depends on a score or on what others
decided; only that the episode is closed shows, once it is. A supervisor sees besides that an
episode waits for one, and everything about a closed one.
"""

from lfrd.governance.episodes import Dossier
from lfrd.governance.reviews import Outcome, is_final, outcome_of
from lfrd.store import episodes
from lfrd.store.decoys import Decoy
from lfrd.store.episodes import EpisodeState
from lfrd.store.outcomes import PrimaryOutcome
from lfrd.store.reviews import Review, ReviewDecision
from lfrd.vocabulary import Role
from lfrd.wire import alerts as wire_alerts

DELETED_COLOUR = "#808080"

WIRE_DECISION = {
    ReviewDecision.MATCH: wire_alerts.ReviewDecision.MATCH,
    ReviewDecision.NOT_MATCH: wire_alerts.ReviewDecision.NOT_A_MATCH,
    ReviewDecision.UNSURE: wire_alerts.ReviewDecision.UNSURE,
}
WIRE_OUTCOME = {
    Outcome.MATCH: wire_alerts.Outcome.MATCH,
    Outcome.NOT_MATCH: wire_alerts.Outcome.NOT_A_MATCH,
    Outcome.UNSURE: wire_alerts.Outcome.UNSURE,
    Outcome.UNRESOLVED: wire_alerts.Outcome.UNRESOLVED,
}
STORED_DECISION = {wire: stored for stored, wire in WIRE_DECISION.items()}


def project(dossier: Dossier, viewer: str, role: Role) -> wire_alerts.Alert:
    """The alert for `viewer`."""
    episode, listed = dossier.episode, dossier.watchlist
    mine = next((review for review in dossier.reviews if review.principal == viewer), None)
    decided = mine is not None and is_final(mine)
    supervisor = role.includes(Role.SUPERVISOR)
    closed = episode.state is EpisodeState.CLOSED
    knows = decided or (supervisor and closed and mine is None)
    return wire_alerts.Alert(
        id=episode.id,
        deployment_id=episode.deployment_id,
        camera_id=episode.camera_id,
        state=wire_alerts.AlertState(episode.state.value),
        raised_at_s=episode.raised_at_s,
        closed_at_s=episode.closed_at_s,
        entry_id=episode.entry_id,
        reference=episode.reference,
        watchlist_id=episode.watchlist_id,
        watchlist_name=listed.name if listed else "",
        watchlist_colour=listed.colour if listed else DELETED_COLOUR,
        ambiguous=bool(dossier.rivals),
        rivals=_rivals(dossier),
        my_review=_review(mine) if mine else None,
        revealed=_revealed(dossier) if knows else None,
        escalated=episode.escalated_at_s is not None and (decided or supervisor),
        engagement=_engagement(dossier.engagement) if knows and dossier.engagement else None,
        decoy=True if knows and dossier.decoy else None,
        decoy_right=_right(dossier.decoy) if knows and dossier.decoy else None,
        bundled_with=episode.bundled_with,
        erased=episodes.why_erased(episode),
        look_alikes=dossier.look_alikes,
        has_scene=dossier.has_scene,
    )


def _engagement(outcome: PrimaryOutcome) -> wire_alerts.EngagementReport:
    return wire_alerts.EngagementReport(
        kind=outcome.kind,
        engagement_min=outcome.engagement_min,
        complaint=outcome.complaint,
        note=outcome.note,
        identity=outcome.identity,
        group=outcome.recorded_group,
    )


def _right(decoy: Decoy) -> wire_alerts.ReviewDecision:
    return (
        wire_alerts.ReviewDecision.MATCH if decoy.mated else wire_alerts.ReviewDecision.NOT_A_MATCH
    )


def _rivals(dossier: Dossier) -> tuple[wire_alerts.Rival, ...]:
    """In the order of their ids: the store's order would tell who scored better."""
    return tuple(
        wire_alerts.Rival(
            person_id=rival.person_id,
            entry_id=rival.entry_id,
            watchlist_id=rival.watchlist_id,
            reference=rival.reference,
        )
        for rival in sorted(dossier.rivals, key=lambda rival: rival.person_id)
    )


def _review(review: Review) -> wire_alerts.Review:
    return wire_alerts.Review(
        decision=WIRE_DECISION[review.decision],
        reason=review.reason,
        principal=review.principal,
        submitted_at_s=review.submitted_at_s,
        final_at_s=review.final_at_s,
        supervising=review.supervising,
    )


def _revealed(dossier: Dossier) -> wire_alerts.Revealed:
    episode = dossier.episode
    outcome = outcome_of(dossier.reviews, dossier.required)
    return wire_alerts.Revealed(
        score=episode.score,
        margin=episode.margin,
        threshold=episode.threshold,
        looks=episode.looks,
        recogniser_digest=episode.model_digest,
        outcome=WIRE_OUTCOME[outcome] if outcome else None,
        reviews=tuple(_review(review) for review in dossier.reviews if is_final(review)),
    )

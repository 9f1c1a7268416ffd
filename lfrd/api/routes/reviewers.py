"""How reviewers decide: /v1/reviewers, for supervisors."""

from fastapi import APIRouter

from lfrd.api.deps import SUPERVISORS, SiteDep
from lfrd.governance import reviews
from lfrd.wire.alerts import ReviewerFigures

router = APIRouter(tags=["alerts"])


@router.get("/reviewers", dependencies=[SUPERVISORS])
async def list_reviewers(
    site: SiteDep, deployment_id: str | None = None
) -> tuple[ReviewerFigures, ...]:
    """Each reviewer's decisions, agreement and time, and how many decoys they decided rightly; over
    closed alerts alone."""
    return tuple(_wire(item) for item in await site.reviews.figures(deployment_id))


def _wire(item: reviews.ReviewerFigures) -> ReviewerFigures:
    decoys = item.decoys
    return ReviewerFigures(
        principal=item.principal,
        matches=item.matches,
        not_matches=item.not_matches,
        unsure=item.unsure,
        compared=item.compared,
        agreed=item.agreed,
        median_s=item.median_s,
        decoys_shown=decoys.n,
        decoys_right=decoys.k,
        decoys_right_lo=decoys.lo if decoys.n else None,
        decoys_right_hi=decoys.hi if decoys.n else None,
    )

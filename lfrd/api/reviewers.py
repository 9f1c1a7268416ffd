"""How reviewers decide: /v1/reviewers, for supervisors."""

from dataclasses import asdict

from fastapi import APIRouter

from lfrd.api.deps import SUPERVISORS, SiteDep
from lfrd.api.schema_review import ReviewerFigures
from lfrd.governance import reviewers

router = APIRouter(tags=["alerts"])


@router.get("/reviewers", dependencies=[SUPERVISORS])
async def list_reviewers(
    site: SiteDep, deployment_id: str | None = None
) -> tuple[ReviewerFigures, ...]:
    """Each reviewer's decisions, agreement and time, over closed alerts alone."""
    found = await site.database.read(
        lambda reader: reviewers.read(reader, deployment_id, site.reviews.required)
    )
    return tuple(ReviewerFigures(**asdict(item)) for item in found)

"""Reviewers' training: /v1/trainings."""

from fastapi import APIRouter

from lfrd.api.deps import SUPERVISORS, PrincipalDep, SiteDep
from lfrd.api.editing import MADE, EditingDep
from lfrd.api.paging import LIMIT_MAX, RESPONSES, Following, PagesDep, Whole, texts_after
from lfrd.store.trainings import Training
from lfrd.wire import people as wire

router = APIRouter(prefix="/trainings", tags=["governance"])


@router.get("", responses=RESPONSES)
async def list_trainings(
    site: SiteDep,
    pages: PagesDep,
    limit: Whole = LIMIT_MAX,
    following: Following = None,
) -> tuple[wire.Training, ...]:
    """The last training of each person, past ones included, by person, in pages."""
    found = await site.trainings.page(texts_after(following), limit + 1)
    return tuple(
        _training(row) for row in pages.cut(found, limit, lambda row: (row.subject, row.id))
    )


@router.post("", status_code=201, dependencies=[SUPERVISORS], responses=MADE)
async def record_training(
    body: wire.TrainingRecord, site: SiteDep, principal: PrincipalDep, editing: EditingDep
) -> wire.Training:
    """Record that somebody else was trained to review, and until when that holds."""
    row = await site.trainings.record(
        body.principal, body.what, body.valid_until_s, principal=principal
    )
    return editing.made("/v1/trainings", _training(row))


def _training(row: Training) -> wire.Training:
    return wire.Training(
        id=row.id,
        principal=row.subject,
        what=row.what,
        valid_until_s=row.valid_until_s,
        recorded_at_s=row.recorded_at_s,
        recorded_by=row.principal,
    )

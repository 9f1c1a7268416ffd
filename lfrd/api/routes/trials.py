"""Live trials: passages of consenting test subjects, and how many of them were raised."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from lfrd.api.deps import PrincipalDep, SiteDep
from lfrd.api.editing import MADE, EditingDep
from lfrd.api.paging import LIMIT_MAX, RESPONSES, Following, PagesDep, Whole, moment_after
from lfrd.evaluate import trials
from lfrd.stats import Rate
from lfrd.store.trials import TrialPassage
from lfrd.wire import trials as wire

router = APIRouter(tags=["trials"])


@router.post("/trial-passages", status_code=201, responses=MADE)
async def count_passage(
    body: wire.PassageCount, site: SiteDep, principal: PrincipalDep, editing: EditingDep
) -> wire.Passage:
    """Count a passage of a person on a list of category `test` in the running deployment."""
    camera_id = site.fleet.get(body.camera_id).row.id
    row = await site.trials.count(
        camera_id, body.entry_id, body.at_s, body.group, not_compared=body.not_compared,
        principal=principal,
    )  # fmt: skip
    return editing.made(f"/v1/deployments/{row.deployment_id}/trial-passages", _passage(row))


@router.get("/deployments/{deployment_id}/trial-passages", responses=RESPONSES)
async def list_passages(
    deployment_id: str,
    site: SiteDep,
    pages: PagesDep,
    limit: Whole = LIMIT_MAX,
    following: Following = None,
) -> tuple[wire.Passage, ...]:
    """The passages that are counted in a deployment, newest first, in pages."""
    found = await site.trials.passages(deployment_id, moment_after(following), limit + 1)
    rows = pages.cut(found, limit, lambda row: (row.passed_at_s, row.id))
    return tuple(_passage(row, row.reference) for row in rows)


@router.delete("/trial-passages/{passage_id}", status_code=204)
async def take_passage_back(passage_id: str, site: SiteDep, principal: PrincipalDep) -> Response:
    """Count a passage no more: it was counted by mistake."""
    await site.trials.take_back(passage_id, principal=principal)
    return Response(status_code=204)


@router.get("/deployments/{deployment_id}/trial")
async def read_trial(
    deployment_id: str,
    site: SiteDep,
    window_s: Annotated[float, Query(gt=0, le=600)] = trials.WINDOW_S,
) -> wire.Trial:
    """How many of the counted passages were raised, by camera. A passage counts if an episode of
    the right entry was raised on that camera within `window_s` of it."""
    found = await site.trials.result(deployment_id, window_s)
    return wire.Trial(
        deployment_id=deployment_id,
        window_s=window_s,
        cameras=tuple(
            wire.CameraTrial(camera_id=camera.camera_id, **_rates(camera.rates))
            for camera in found.cameras
        ),
        groups=tuple(
            wire.GroupTrial(group=item.group, p_holm=item.p_holm, **_rates(item.rates))
            for item in found.groups
        ),
        detectable=found.detectable,
        pending=found.pending,
    )


def _passage(row: TrialPassage, reference: str | None = None) -> wire.Passage:
    return wire.Passage(
        id=row.id, deployment_id=row.deployment_id, camera_id=row.camera_id,
        entry_id=row.entry_id, at_s=row.passed_at_s, counted_by=row.principal,
        reference=reference, not_compared=row.not_compared,
    )  # fmt: skip


def _rates(rates: trials.Rates) -> dict[str, Any]:
    return {
        "subjects": rates.subjects,
        "tpir": _share(rates.tpir),
        "by_subject": rates.by_subject and _share(rates.by_subject),
        "not_compared": _share(rates.not_compared),
        "not_compared_by_subject": rates.not_compared_by_subject
        and _share(rates.not_compared_by_subject),
    }


def _share(rate: Rate) -> wire.Share:
    return wire.Share(k=rate.k, n=rate.n, lo=rate.lo, hi=rate.hi)

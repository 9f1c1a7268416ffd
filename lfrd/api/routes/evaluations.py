"""Evaluation reports: /v1/evaluations."""

import hashlib

from fastapi import APIRouter

from lfrd.api.deps import SUPERVISORS, PrincipalDep, SiteDep
from lfrd.api.editing import MADE, EditingDep
from lfrd.api.paging import (
    LIMIT_MAX,
    RESPONSES,
    Following,
    PagesDep,
    Whole,
    moment_after,
    text_after,
)
from lfrd.site import Site
from lfrd.store.evaluations import Evaluation, NewEvaluation
from lfrd.store.independent_tests import IndependentTest
from lfrd.wire import evaluations as wire
from lfrd.wire.deployments import Reason

router = APIRouter(prefix="/evaluations", tags=["governance"])


@router.get("", responses=RESPONSES)
async def list_evaluations(
    site: SiteDep,
    pages: PagesDep,
    limit: Whole = LIMIT_MAX,
    following: Following = None,
) -> tuple[wire.Evaluation, ...]:
    """Evaluation reports, newest first, in pages, withdrawn ones included."""
    found = await site.evaluations.page(text_after(following), limit + 1)
    return tuple(_shown(site, row) for row in pages.cut(found, limit, lambda row: (row.id,)))


@router.post("", status_code=201, dependencies=[SUPERVISORS], responses=MADE)
async def add_evaluation(
    body: wire.EvaluationReport, site: SiteDep, principal: PrincipalDep, editing: EditingDep
) -> wire.Evaluation:
    """Register what `lfrd evaluate` measured: figures, digest and date. It is logged who did."""
    text = body.model_dump_json()
    new = NewEvaluation(
        pack=body.pack,
        model_digest=body.model_digest,
        evaluated_at_s=body.evaluated_at_s,
        list_size=body.list_size,
        threshold=body.threshold,
        threshold_low=body.points[0].threshold,
        threshold_high=body.points[-1].threshold,
        report=text,
        report_sha256=hashlib.sha256(text.encode()).hexdigest(),
    )
    row = await site.evaluations.register(new, principal=principal)
    return editing.made("/v1/evaluations", _shown(site, row))


@router.post("/{evaluation_id}/withdraw", dependencies=[SUPERVISORS])
async def withdraw_evaluation(
    evaluation_id: str, body: Reason, site: SiteDep, principal: PrincipalDep
) -> wire.Evaluation:
    """Rely on it no more. Deployments that run go on; none starts by it."""
    row = await site.evaluations.withdraw(evaluation_id, body.reason, principal=principal)
    return _shown(site, row)


def _shown(site: Site, row: Evaluation) -> wire.Evaluation:
    return wire.Evaluation(
        id=row.id,
        report=wire.EvaluationReport.model_validate_json(row.report),
        report_sha256=row.report_sha256,
        in_use=row.withdrawn_at_s is None and row.model_digest == site.vision.model_digest,
        registered_by=row.principal,
        registered_at_s=row.registered_at_s,
        withdrawn_by=row.withdrawn_by,
        withdrawn_at_s=row.withdrawn_at_s,
        withdraw_reason=row.withdraw_reason,
    )


@router.get("/independent", responses=RESPONSES)
async def list_independent_tests(
    site: SiteDep,
    pages: PagesDep,
    limit: Whole = LIMIT_MAX,
    following: Following = None,
) -> tuple[wire.IndependentTest, ...]:
    """Who tested a model independently, and when, the newest first, in pages."""
    found = await site.evaluations.independent_tests(moment_after(following), limit + 1)
    return tuple(
        _tested(row) for row in pages.cut(found, limit, lambda row: (row.tested_at_s, row.id))
    )


@router.post("/independent", status_code=201, dependencies=[SUPERVISORS], responses=MADE)
async def record_independent_test(
    body: wire.IndependentTestRecord, site: SiteDep, principal: PrincipalDep, editing: EditingDep
) -> wire.IndependentTest:
    """Record that somebody who does not run this site tested a model, by default the one in use."""
    row = await site.evaluations.tested(
        body.model_digest or site.vision.model_digest, body.tested_by, body.tested_at_s,
        body.reference, principal=principal,
    )  # fmt: skip
    return editing.made("/v1/evaluations/independent", _tested(row))


def _tested(row: IndependentTest) -> wire.IndependentTest:
    return wire.IndependentTest(
        id=row.id, model_digest=row.model_digest, tested_by=row.tested_by,
        tested_at_s=row.tested_at_s, reference=row.reference, recorded_at_s=row.recorded_at_s,
        recorded_by=row.principal,
    )  # fmt: skip

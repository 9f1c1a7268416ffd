"""What the public is told of a deployment: its record, and the notice on the spot."""

from fastapi import APIRouter, Response

from lfrd.api.deps import SUPERVISORS, PrincipalDep, SiteDep
from lfrd.wire import record as wire

router = APIRouter(prefix="/deployments", tags=["governance"])

TYPES = {"json": "application/json", "csv": "text/csv", "html": "text/html"}


@router.get("/{deployment_id}/record")
async def read_record(deployment_id: str, site: SiteDep, principal: PrincipalDep) -> wire.Record:
    """The record as the caller may see it: what they have yet to decide about is pending."""
    return await site.publication.record(deployment_id, principal)


@router.post(
    "/{deployment_id}/record", dependencies=[SUPERVISORS], response_class=Response,
    responses={200: {"content": {name: {} for name in TYPES.values()}}},
)  # fmt: skip
async def export_record(
    deployment_id: str, body: wire.RecordFormat, site: SiteDep, principal: PrincipalDep
) -> Response:
    """The record as a file for publication. That it left, and its SHA-256, is logged as a
    disclosure."""
    text = await site.publication.export(deployment_id, body.format, principal=principal)
    headers = {"Cache-Control": "no-store", "Content-Disposition": "attachment"}
    kind = f"{TYPES[body.format]}; charset=utf-8"
    return Response(text.encode(), media_type=kind, headers=headers)


@router.get("/{deployment_id}/notice")
async def read_notice(deployment_id: str, site: SiteDep, principal: PrincipalDep) -> wire.Notice:
    """What the sign on the spot says; after the end also what came of it."""
    return await site.publication.notice(deployment_id, principal)

"""Incidents, and the use in a year, for those who have to be told: /v1/incidents, /v1/years."""

from typing import Any, Literal

from fastapi import APIRouter, Response

from lfrd.api.deps import SUPERVISORS, PrincipalDep, SiteDep
from lfrd.api.editing import MADE, EditingDep
from lfrd.api.paging import LIMIT_MAX, RESPONSES, Following, PagesDep, Whole, moment_after
from lfrd.store.incidents import Incident, IncidentChange
from lfrd.wire import incidents as wire
from lfrd.wire.incidents import YearNumber

router = APIRouter(tags=["governance"], dependencies=[SUPERVISORS])

TYPES = {"json": "application/json", "csv": "text/csv"}
FILES: dict[int | str, dict[str, Any]] = {200: {"content": {name: {} for name in TYPES.values()}}}


@router.post("/incidents", status_code=201, responses=MADE)
async def record_incident(
    body: wire.IncidentRecord, site: SiteDep, principal: PrincipalDep, editing: EditingDep
) -> wire.Incident:
    """Record that something went wrong."""
    row = await site.yearly.record(
        body.kind,
        body.what,
        serious=body.serious,
        happened_at_s=body.happened_at_s,
        deployment_id=body.deployment_id,
        reported_to=body.reported_to,
        principal=principal,
    )
    return editing.made("/v1/incidents", _incident(row))


@router.get("/incidents", responses=RESPONSES)
async def list_incidents(
    site: SiteDep,
    pages: PagesDep,
    year: YearNumber | None = None,
    limit: Whole = LIMIT_MAX,
    following: Following = None,
) -> tuple[wire.Incident, ...]:
    """What went wrong in a year, or ever, the first one first, in pages."""
    found = await site.yearly.incidents(year, moment_after(following), limit + 1)
    return tuple(
        _incident(row) for row in pages.cut(found, limit, lambda row: (row.happened_at_s, row.id))
    )


@router.post("/incidents/{incident_id}/report")
async def report_incident(
    incident_id: str, body: wire.IncidentReport, site: SiteDep, principal: PrincipalDep
) -> wire.Incident:
    """Note to whom it was reported. Logged as a disclosure."""
    found = await site.yearly.report(incident_id, body.reported_to, principal=principal)
    return _incident(found)


@router.post("/incidents/{incident_id}/amend")
async def amend_incident(
    incident_id: str, body: wire.IncidentAmendment, site: SiteDep, principal: PrincipalDep
) -> wire.Incident:
    """Put right what is recorded; why is in the log. A closed one stays as it is."""
    change = IncidentChange(**body.model_dump(exclude={"reason"}))
    found = await site.yearly.amend(incident_id, change, body.reason, principal=principal)
    return _incident(found)


@router.post("/incidents/{incident_id}/close")
async def close_incident(
    incident_id: str, body: wire.IncidentClosing, site: SiteDep, principal: PrincipalDep
) -> wire.Incident:
    """Say what came of it. It is amended no more, and may still be reported."""
    return _incident(await site.yearly.close(incident_id, body.closing, principal=principal))


@router.get("/years/{year}")
async def read_year(year: YearNumber, site: SiteDep, principal: PrincipalDep) -> wire.Year:
    """The deployments that started in a year, their sums, and what went wrong."""
    return await site.yearly.year(year, principal)


@router.post("/years/{year}/{what}", response_class=Response, responses=FILES)
async def export_year(
    year: YearNumber,
    what: Literal["year", "incidents"],
    body: wire.YearFormat,
    site: SiteDep,
    principal: PrincipalDep,
) -> Response:
    """A year's use, or its incidents, as a file for an authority. Logged as a disclosure."""
    text = await site.yearly.export(year, what, body.format, body.reason, principal=principal)
    headers = {"Cache-Control": "no-store", "Content-Disposition": "attachment"}
    kind = f"{TYPES[body.format]}; charset=utf-8"
    return Response(text.encode(), media_type=kind, headers=headers)


def _incident(row: Incident) -> wire.Incident:
    return wire.Incident(
        id=row.id, kind=row.kind, serious=row.serious, deployment_id=row.deployment_id,
        happened_at_s=row.happened_at_s, what=row.what, reported_to=row.reported_to,
        recorded_at_s=row.recorded_at_s, recorded_by=row.principal,
        amended_at_s=row.amended_at_s, amended_by=row.amended_by, closed_at_s=row.closed_at_s,
        closed_by=row.closed_by, closing=row.closing,
    )  # fmt: skip

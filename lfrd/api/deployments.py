"""Deployments: /v1/deployments."""

import json
from dataclasses import asdict

from fastapi import APIRouter

from lfrd.api import schema
from lfrd.api.deps import PrincipalDep, SiteDep
from lfrd.errors import NotFound
from lfrd.site import Site
from lfrd.store import deployments as stored
from lfrd.store.deployments import Deployment

router = APIRouter(prefix="/deployments", tags=["deployments"])


@router.get("")
async def list_deployments(site: SiteDep) -> tuple[schema.Deployment, ...]:
    """The newest hundred deployments, newest first."""
    return await _shown(site, *await site.deployments.list_all())


@router.post("", status_code=201)
async def start_deployment(
    body: schema.DeploymentStart, site: SiteDep, principal: PrincipalDep
) -> schema.Deployment:
    """Start comparing faces on all enabled cameras with the named lists; one at a time."""
    started = await site.deployments.start(
        body.profile,
        body.purpose,
        body.place,
        body.watchlist_ids,
        body.duration_s,
        principal=principal,
    )
    return (await _shown(site, started))[0]


@router.get("/current")
async def read_current_deployment(site: SiteDep) -> schema.Deployment:
    """The running deployment with its counts so far; 404 while none runs."""
    running = site.deployments.current
    if running is None:
        raise NotFound("no deployment is running")
    return (await _shown(site, running))[0]


@router.get("/{deployment_id}")
async def read_deployment(deployment_id: str, site: SiteDep) -> schema.Deployment:
    """One deployment."""
    return (await _shown(site, await site.deployments.get(deployment_id)))[0]


@router.post("/{deployment_id}/end")
async def end_deployment(
    deployment_id: str, body: schema.DeploymentEnd, site: SiteDep, principal: PrincipalDep
) -> schema.Deployment:
    """End the running deployment; answers once every camera is closed and no face is left."""
    ended = await site.deployments.end(deployment_id, body.reason, principal=principal)
    return (await _shown(site, ended))[0]


async def _shown(site: Site, *rows: Deployment) -> tuple[schema.Deployment, ...]:
    """The rows with the lists they compare with, all read at once."""
    lists = await site.database.read(
        lambda reader: [stored.snapshots(reader, row.id) for row in rows]
    )
    return tuple(
        _deployment(site, row, tuple(snapshot.watchlist_id for snapshot in snapshots))
        for row, snapshots in zip(rows, lists, strict=True)
    )


def _deployment(site: Site, row: Deployment, watchlist_ids: tuple[str, ...]) -> schema.Deployment:
    return schema.Deployment(
        id=row.id,
        profile=row.profile,
        state=schema.DeploymentState(row.state.value),
        purpose=row.purpose,
        place=row.place,
        threshold=row.threshold,
        recogniser_digest=row.embedder_digest,
        watchlist_ids=watchlist_ids,
        started_by=row.started_by,
        started_at_s=row.started_at_s,
        planned_end_at_s=row.planned_end_at_s,
        ended_at_s=row.ended_at_s,
        end_reason=row.end_reason,
        summary=_summary(site, row),
    )


def _summary(site: Site, row: Deployment) -> schema.DeploymentSummary | None:
    """The counts so far of a running deployment, those kept of an ended one, None if cut off."""
    line = site.deployments.progress()
    running = line is not None and line.deployment_id == row.id
    counts = asdict(line) if line is not None and running else json.loads(row.summary or "{}")
    known = schema.DeploymentSummary.model_fields.keys() & counts.keys()
    if not known:
        return None
    return schema.DeploymentSummary.model_validate({name: counts[name] for name in known})

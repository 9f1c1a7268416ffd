"""Deployments: /v1/deployments."""

import json
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query

from lfrd.api import views
from lfrd.api.deps import SUPERVISORS, PrincipalDep, RoleDep, SiteDep
from lfrd.api.editing import EDITED, MADE, TAGGED, EditDep, EditingDep
from lfrd.api.paging import RESPONSES, Limit, Next, PagesDep, text_after
from lfrd.errors import NotFound
from lfrd.governance.deployments import SeenDeployment
from lfrd.governance.planning import Amendment
from lfrd.site import Site
from lfrd.store.deployments import Deployment
from lfrd.vocabulary import DeploymentState
from lfrd.wire import deployments as wire_deployments
from lfrd.wire.base import Moment

router = APIRouter(prefix="/deployments", tags=["deployments"])


@router.get("", responses=RESPONSES)
async def list_deployments(
    site: SiteDep,
    principal: PrincipalDep,
    pages: PagesDep,
    limit: Limit = 100,
    following: Annotated[Next, Query(alias="next")] = None,
) -> tuple[wire_deployments.Deployment, ...]:
    """Deployments, newest first, in pages."""
    found = await site.deployments.page(text_after(following), limit + 1)
    return await _shown(site, principal, *pages.cut(found, limit, lambda item: (item.id,)))


@router.post("", status_code=201, dependencies=[SUPERVISORS], responses=MADE)
async def start_deployment(
    body: wire_deployments.DeploymentStart,
    site: SiteDep,
    principal: PrincipalDep,
    editing: EditingDep,
) -> wire_deployments.Deployment:
    """Start comparing faces on all enabled cameras with the named lists; one at a time. The lists
    are erased after use: it needs the role that may erase."""
    started = await site.deployments.start(
        body.profile,
        body.purpose,
        body.place,
        body.watchlist_ids,
        body.duration_s,
        principal=principal,
    )
    return editing.made(
        f"/v1/deployments/{started.id}", (await _shown(site, principal, started))[0]
    )


@router.post("/drafts", status_code=201, responses=MADE)
async def draft_deployment(
    body: wire_deployments.DeploymentDraft,
    site: SiteDep,
    principal: PrincipalDep,
    editing: EditingDep,
) -> wire_deployments.Deployment:
    """Plan a deployment. Nothing starts by it; `gate` says what it still lacks."""
    plan = views.plan_of(body)
    row = await site.deployments.draft(plan, body.duration_s, body.start_at_s, principal=principal)
    made = (await _shown(site, principal, row))[0]
    return editing.tagged(editing.made(f"/v1/deployments/{row.id}", made))


@router.post("/current/presence")
async def operator_present(
    site: SiteDep, principal: PrincipalDep, body: wire_deployments.Presence | None = None
) -> wire_deployments.Deployment:
    """An operator is there, and may say that a team is on the spot: where the rules want a
    heartbeat of either, this is it."""
    team = body is not None and body.street_team
    return (await _shown(site, principal, await site.deployments.present(street_team=team)))[0]


@router.put("/current/pause")
async def pause_deployment(
    body: wire_deployments.DeploymentPause, site: SiteDep, principal: PrincipalDep
) -> wire_deployments.Deployment:
    """Pause matching in the running deployment, or let it go on. No camera is decoded meanwhile;
    who asked is logged. A restart of the daemon ends the pause."""
    row = await site.deployments.pause(on=body.paused, principal=principal)
    return (await _shown(site, principal, row))[0]


@router.get("/current")
async def read_current_deployment(
    site: SiteDep, principal: PrincipalDep
) -> wire_deployments.Deployment:
    """The running deployment with its counts so far; 404 while none runs."""
    running = site.deployments.current
    if running is None:
        raise NotFound("no deployment is running")
    return (await _shown(site, principal, running))[0]


@router.get("/{deployment_id}", responses=TAGGED)
async def read_deployment(
    deployment_id: str, site: SiteDep, principal: PrincipalDep, editing: EditingDep
) -> wire_deployments.Deployment:
    """One deployment."""
    found = await site.deployments.get(deployment_id)
    return editing.tagged((await _shown(site, principal, found))[0])


@router.patch("/{deployment_id}", responses=EDITED)
async def amend_deployment(
    deployment_id: str,
    body: wire_deployments.DeploymentChange,
    site: SiteDep,
    principal: PrincipalDep,
    editing: EditDep,
) -> wire_deployments.Deployment:
    """Change a plan that has not begun: it is a draft again. `end` discards it."""
    given = body.model_dump(exclude_none=True)
    starts_now = "start_at_s" in body.model_fields_set and body.start_at_s is None

    async def now() -> wire_deployments.Deployment:
        found = await site.deployments.get(deployment_id)
        return (await _shown(site, principal, found))[0]

    async with editing.of(now):
        row = await site.deployments.amend(
            deployment_id, Amendment(**given, starts_now=starts_now), principal=principal
        )
    return editing.tagged((await _shown(site, principal, row))[0])


@router.get("/{deployment_id}/gate")
async def read_gate(
    deployment_id: str, site: SiteDep, principal: PrincipalDep
) -> wire_deployments.GateVerdict:
    """Everything that bars the caller from starting it now, listed at once."""
    return views.verdict(await site.deployments.verdict(deployment_id, principal=principal))


@router.post("/{deployment_id}/authorise", dependencies=[SUPERVISORS])
async def authorise_deployment(
    deployment_id: str,
    site: SiteDep,
    principal: PrincipalDep,
    body: wire_deployments.OutsideAuthority | None = None,
) -> wire_deployments.Deployment:
    """Give it the caller's written authority, or one from outside, until its planned end; or list
    what is missing and nothing but another plan mends."""
    authority = None if body is None else body.authority
    row = await site.deployments.authorise(deployment_id, authority, principal=principal)
    return (await _shown(site, principal, row))[0]


@router.get("/{deployment_id}/authority-request")
async def read_authority_request(
    deployment_id: str, site: SiteDep, until_at_s: Moment | None = None
) -> wire_deployments.AuthorityRequest:
    """What an authority from outside is to sign: the plan as it is now, in words; for an extension
    until `until_at_s`."""
    text = await site.deployments.authority_request(deployment_id, until_at_s)
    return wire_deployments.AuthorityRequest(text=text)


@router.post("/{deployment_id}/lapse", dependencies=[SUPERVISORS])
async def lapse_candidates(
    deployment_id: str,
    body: wire_deployments.DeploymentLapse,
    site: SiteDep,
    principal: PrincipalDep,
) -> wire_deployments.Lapsed:
    """Close, undecided, every candidate that an ended deployment left open: they are unresolved in
    its record, and hold the log back no more."""
    closed = await site.reviews.lapse(deployment_id, body.reason, principal=principal)
    return wire_deployments.Lapsed(closed=closed)


@router.post("/{deployment_id}/start")
async def begin_deployment(
    deployment_id: str,
    body: wire_deployments.DeploymentBegin,
    site: SiteDep,
    principal: PrincipalDep,
    role: RoleDep,
) -> wire_deployments.Deployment:
    """Start it, or list all that is missing. An urgent start is ratified in time, or purged; where
    the rules erase the lists after use, it needs the role that may erase."""
    if body.urgent_reason is None:
        row = await site.deployments.start_planned(
            deployment_id, street_team=body.street_team, principal=principal
        )
    else:
        row = await site.deployments.start_urgent(
            deployment_id, body.urgent_reason, role, street_team=body.street_team,
            principal=principal,
        )  # fmt: skip
    return (await _shown(site, principal, row))[0]


@router.post("/{deployment_id}/ratify", dependencies=[SUPERVISORS])
async def ratify_deployment(
    deployment_id: str,
    site: SiteDep,
    principal: PrincipalDep,
    body: wire_deployments.OutsideAuthority | None = None,
) -> wire_deployments.Deployment:
    """Give an urgent start the authority it lacked; by another person, or from outside."""
    authority = None if body is None else body.authority
    row = await site.deployments.ratify(deployment_id, authority, principal=principal)
    return (await _shown(site, principal, row))[0]


@router.post("/{deployment_id}/extend", dependencies=[SUPERVISORS])
async def extend_deployment(
    deployment_id: str,
    body: wire_deployments.DeploymentExtend,
    site: SiteDep,
    principal: PrincipalDep,
) -> wire_deployments.Deployment:
    """A new authorisation for it to last longer."""
    row = await site.deployments.extend(
        deployment_id, body.until_at_s, body.authority, principal=principal
    )
    return (await _shown(site, principal, row))[0]


@router.post("/{deployment_id}/end")
async def end_deployment(
    deployment_id: str, body: wire_deployments.DeploymentEnd, site: SiteDep, principal: PrincipalDep
) -> wire_deployments.Deployment:
    """End the running deployment; answers once every camera is closed and no face is left."""
    ended = await site.deployments.end(deployment_id, body.reason, principal=principal)
    return (await _shown(site, principal, ended))[0]


async def _shown(
    site: Site, viewer: str, *rows: Deployment
) -> tuple[wire_deployments.Deployment, ...]:
    """The rows with the lists they compare with, all read at once, as `viewer` may see them."""
    seen = await site.deployments.seen_by(viewer, rows)
    return tuple(_deployment(site, item) for item in seen)


def _deployment(site: Site, seen: SeenDeployment) -> wire_deployments.Deployment:
    row = seen.row
    return wire_deployments.Deployment(
        id=row.id,
        profile=row.profile,
        state=row.state,
        purpose=row.purpose,
        place=row.place,
        threshold=seen.threshold,
        recogniser_digest=row.embedder_digest,
        watchlist_ids=seen.watchlist_ids,
        started_by=row.started_by,
        started_at_s=row.started_at_s,
        planned_end_at_s=row.planned_end_at_s,
        ended_at_s=row.ended_at_s,
        end_reason=row.end_reason,
        ended_by=row.ended_by,
        summary=_summary(site, row, seen.decoys),
        policy=views.policy_of(row),
        use_case=row.use_case,
        expectation=row.expectation,
        documents=tuple(json.loads(row.documents)),
        camera_ids=tuple(json.loads(row.camera_ids)),
        detector_digest=row.detector_digest,
        planned_start_at_s=row.planned_start_at_s,
        created_by=row.principal,
        authorised_by=row.authorised_by,
        authorised_at_s=row.authorised_at_s,
        urgent_reason=row.urgent_reason,
        ratify_by_at_s=row.ratify_by_at_s,
        ratified_by=row.ratified_by,
        schedule_id=row.schedule_id,
        list_size_max=row.list_size_max,
        street_team_at_s=row.street_team_at_s,
        authorised_lists=tuple(json.loads(row.authorised_lists or "[]")),
        erased_at_s=row.erased_at_s,
        paused=row.state is DeploymentState.RUNNING and site.deployments.paused,
        team_away=row.state is DeploymentState.RUNNING and site.deployments.team_away,
    )


def _summary(
    site: Site, row: Deployment, undecided_decoys: int
) -> wire_deployments.DeploymentSummary | None:
    """The counts so far of a running deployment, those kept of an ended one, None if cut off.

    Decoys are no candidates; those that the viewer has yet to decide about look like some.
    """
    line = site.deployments.progress()
    running = line is not None and line.deployment_id == row.id
    counts = asdict(line) if line is not None and running else json.loads(row.summary or "{}")
    known = wire_deployments.DeploymentSummary.model_fields.keys() & counts.keys()
    if not known:
        return None
    shown = {name: counts[name] for name in known}
    shown["candidates"] += undecided_decoys
    return wire_deployments.DeploymentSummary.model_validate(shown)

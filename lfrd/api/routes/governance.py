"""Rules, schedules, legal holds and erasures."""

from fastapi import APIRouter

from lfrd.api import views
from lfrd.api.deps import SUPERVISORS, PrincipalDep, RoleDep, SiteDep
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
from lfrd.governance.schedules import Window
from lfrd.vocabulary import ErasureKind
from lfrd.wire import deployments as wire

router = APIRouter(tags=["governance"])


@router.get("/policy")
async def read_policy(site: SiteDep) -> wire.SitePolicies:
    """The rules of this site, as they have been since the daemon started."""
    return views.site_policies(site.deployments.policies)


@router.get("/schedules", responses=RESPONSES)
async def list_schedules(
    site: SiteDep,
    pages: PagesDep,
    limit: Whole = LIMIT_MAX,
    following: Following = None,
) -> tuple[wire.Schedule, ...]:
    """Schedules, newest first, in pages."""
    found = await site.schedules.page(text_after(following), limit + 1)
    return tuple(views.schedule_view(row) for row in pages.cut(found, limit, lambda row: (row.id,)))


@router.post("/schedules", status_code=201, responses=MADE)
async def add_schedule(
    body: wire.ScheduleCreate, site: SiteDep, principal: PrincipalDep, editing: EditingDep
) -> wire.Schedule:
    """Plan weekly deployments; none starts before the schedule is authorised."""
    plan = views.plan_of(body)
    windows = [Window(item.day, item.start, item.hours) for item in body.windows]
    row = await site.schedules.add(
        plan, windows, body.timezone, body.expires_at_s, principal=principal
    )
    return editing.made("/v1/schedules", views.schedule_view(row))


@router.post("/schedules/{schedule_id}/authorise", dependencies=[SUPERVISORS])
async def authorise_schedule(
    schedule_id: str, site: SiteDep, principal: PrincipalDep
) -> wire.Schedule:
    """Give the standing authorisation, until the schedule expires."""
    return views.schedule_view(await site.schedules.authorise(schedule_id, principal=principal))


@router.post("/schedules/{schedule_id}/revoke")
async def revoke_schedule(
    schedule_id: str, site: SiteDep, principal: PrincipalDep
) -> wire.Schedule:
    """Take it back: nothing more starts under it."""
    return views.schedule_view(await site.schedules.revoke(schedule_id, principal=principal))


@router.get("/holds", responses=RESPONSES)
async def list_holds(
    site: SiteDep,
    pages: PagesDep,
    limit: Whole = LIMIT_MAX,
    following: Following = None,
) -> tuple[wire.Hold, ...]:
    """Legal holds, newest first, in pages."""
    found = await site.holds.page(text_after(following), limit + 1)
    rows = pages.cut(found, limit, lambda row: (row.id,))
    names = await site.holds.names(rows)
    return tuple(views.hold(row, names) for row in rows)


@router.post("/holds", status_code=201, dependencies=[SUPERVISORS], responses=MADE)
async def ask_hold(
    body: wire.HoldCreate, site: SiteDep, principal: PrincipalDep, editing: EditingDep
) -> wire.Hold:
    """Ask for a legal hold. It has no effect before another person confirms it."""
    row = await site.holds.ask(body.kind, body.subject_id, body.reason, principal=principal)
    return editing.made("/v1/holds", views.hold(row, await site.holds.names([row])))


@router.post("/holds/{hold_id}/confirm", dependencies=[SUPERVISORS])
async def confirm_hold(hold_id: str, site: SiteDep, principal: PrincipalDep) -> wire.Hold:
    """Put it in force; by another person than the one who asked."""
    row = await site.holds.confirm(hold_id, principal=principal)
    return views.hold(row, await site.holds.names([row]))


@router.post("/holds/{hold_id}/release", dependencies=[SUPERVISORS])
async def release_hold(
    hold_id: str, body: wire.Reason, site: SiteDep, principal: PrincipalDep
) -> wire.Hold:
    """End it: the timers apply again, at once."""
    row = await site.holds.release(hold_id, body.reason, principal=principal)
    return views.hold(row, await site.holds.names([row]))


@router.get("/erasures", responses=RESPONSES)
async def list_erasures(
    site: SiteDep,
    pages: PagesDep,
    limit: Whole = LIMIT_MAX,
    following: Following = None,
) -> tuple[wire.Erasure, ...]:
    """Erasures with their receipts, newest first, in pages."""
    found = await site.eraser.receipts(moment_after(following), limit + 1)
    rows = pages.cut(found, limit, lambda row: (row.asked_at_s, row.id))
    names = await site.eraser.names(rows)
    return tuple(views.erasure(row, names) for row in rows)


@router.post("/erasures", status_code=201, dependencies=[SUPERVISORS], responses=MADE)
async def erase(
    body: wire.ErasureRequest,
    site: SiteDep,
    principal: PrincipalDep,
    role: RoleDep,
    editing: EditingDep,
) -> wire.Erasure:
    """Erase, and answer with the receipt: by then the bytes are gone from every file."""
    row = await site.eraser.erase(
        ErasureKind(body.kind), body.subject_id, body.reason, principal=principal, role=role
    )
    return editing.made("/v1/erasures", views.erasure(row, await site.eraser.names([row])))

"""Alerts: candidates for review, their images, and one's own decision about them."""

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from lfrd.api import images
from lfrd.api.deps import PrincipalDep, RoleDep, SiteDep
from lfrd.api.editing import MADE, EditingDep
from lfrd.api.paging import RESPONSES, Next, PagesDep, moment_after
from lfrd.api.projection import STORED_DECISION, project
from lfrd.errors import Conflict
from lfrd.governance.reviews import Shown
from lfrd.site import Site
from lfrd.store.episodes import EpisodeFilter, EpisodeState
from lfrd.vocabulary import Role
from lfrd.wire import alerts as wire_alerts
from lfrd.wire.alerts import Replay

router = APIRouter(prefix="/alerts", tags=["alerts"])

PAGE_MAX = 200

Id = Annotated[str | None, Query(min_length=1, max_length=64)]
Moment = Annotated[float | None, Query(ge=0, allow_inf_nan=False)]


@router.get("", responses=RESPONSES)
async def list_alerts(
    site: SiteDep,
    principal: PrincipalDep,
    role: RoleDep,
    pages: PagesDep,
    state: wire_alerts.AlertState | None = None,
    mine: wire_alerts.Mine | None = None,
    deployment_id: Id = None,
    camera_id: Id = None,
    watchlist_id: Id = None,
    entry_id: Id = None,
    since_s: Moment = None,
    until_s: Moment = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
    before: Id = None,
    following: Annotated[Next, Query(alias="next")] = None,
) -> tuple[wire_alerts.Alert, ...]:
    """Newest first, from `since_s` to before `until_s`. `mine`: those that `waiting` is for the
    caller to decide about, or that they have `decided` about. A page goes on after the one before
    (`next`), or `before` the alert with an id."""
    wanted = EpisodeFilter(
        state=EpisodeState(state.value) if state else None,
        deployment_id=deployment_id,
        camera_id=camera_id,
        watchlist_id=watchlist_id,
        entry_id=entry_id,
        since_s=since_s,
        until_s=until_s,
        waiting_for=principal if mine is wire_alerts.Mine.WAITING else None,
        decided_by=principal if mine is wire_alerts.Mine.DECIDED else None,
    )
    dossiers = await site.episodes.page(
        wanted, after=moment_after(following), before_id=before, limit=limit + 1
    )
    page = pages.cut(dossiers, limit, lambda item: (item.episode.raised_at_s, item.episode.id))
    return tuple(project(dossier, principal, role) for dossier in page)


@router.get("/{alert_id}")
async def read_alert(
    alert_id: str, site: SiteDep, principal: PrincipalDep, role: RoleDep
) -> wire_alerts.Alert:
    """One alert as the caller may see it."""
    return await _shown(site, alert_id, principal, role)


@router.get("/{alert_id}/images/{which}", response_class=Response, responses=images.RESPONSES)
async def read_image(
    alert_id: str,
    which: Literal["probe", "reference", "scene"],
    site: SiteDep,
    principal: PrincipalDep,
) -> Response:
    """The face seen, the one on the list, or the scene. That it was read is logged, or it is not
    given."""
    return images.answer(await site.episodes.image(alert_id, which, principal=principal))


@router.get(
    "/{alert_id}/rivals/{person_id}/image", response_class=Response, responses=images.RESPONSES
)
async def read_rival_image(
    alert_id: str, person_id: str, site: SiteDep, principal: PrincipalDep
) -> Response:
    """The reference of another person over the threshold, logged in the same way."""
    return images.answer(await site.episodes.rival_image(alert_id, person_id, principal=principal))


@router.post("/{alert_id}/review")
async def submit_review(
    alert_id: str,
    body: wire_alerts.ReviewSubmit,
    site: SiteDep,
    principal: PrincipalDep,
    role: RoleDep,
) -> wire_alerts.Alert:
    """Decide, once, about two faces that could be seen. Nothing is revealed yet: it can be undone
    for 10 s, then it is final."""
    decision = STORED_DECISION[body.decision]
    await site.reviews.submit(
        alert_id,
        decision,
        body.reason,
        Shown(body.shown.face_px, body.shown.reference_px, body.shown.seen_s),
        principal=principal,
        supervisor=role.includes(Role.SUPERVISOR),
    )
    return await _shown(site, alert_id, principal, role)


@router.delete("/{alert_id}/review")
async def undo_review(
    alert_id: str, site: SiteDep, principal: PrincipalDep, role: RoleDep
) -> wire_alerts.Alert:
    """Take one's own decision back, within 10 s and unless it was made final."""
    await site.reviews.undo(alert_id, principal=principal)
    return await _shown(site, alert_id, principal, role)


@router.post("/{alert_id}/review/final")
async def finish_review(
    alert_id: str, site: SiteDep, principal: PrincipalDep, role: RoleDep
) -> wire_alerts.Alert:
    """Make one's own decision final now; asking again changes nothing."""
    await site.reviews.finish(alert_id, principal=principal)
    return await _shown(site, alert_id, principal, role)


@router.post("/{alert_id}/replay")
async def replay_alert(
    alert_id: str, site: SiteDep, principal: PrincipalDep, role: RoleDep
) -> Replay:
    """Compute score and decision again. It shows the score, so it waits for one's own decision."""
    shown = await _shown(site, alert_id, principal, role)
    if shown.revealed is None:
        raise Conflict(f"alert {alert_id} can be replayed once your own decision is final")
    found = await site.episodes.replay(alert_id, principal=principal)
    values = asdict(found)
    return Replay(
        alert_id=values.pop("episode_id"), recogniser_digest=values.pop("model_digest"), **values
    )


@router.post("/{alert_id}/engagement", status_code=201, responses=MADE)
async def report_engagement(
    alert_id: str,
    body: wire_alerts.EngagementReport,
    site: SiteDep,
    principal: PrincipalDep,
    role: RoleDep,
    editing: EditingDep,
) -> wire_alerts.Alert:
    """Say once what was done about a closed alert."""
    await site.episodes.report_engagement(
        alert_id,
        body.kind,
        engagement_min=body.engagement_min,
        complaint=body.complaint,
        note=body.note,
        identity=body.identity,
        group=body.group,
        principal=principal,
    )
    return editing.made(f"/v1/alerts/{alert_id}", await _shown(site, alert_id, principal, role))


async def _shown(site: Site, alert_id: str, viewer: str, role: Role) -> wire_alerts.Alert:
    return project(await site.episodes.get(alert_id), viewer, role)

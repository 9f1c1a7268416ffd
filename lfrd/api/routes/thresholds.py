"""What a threshold promises, what it was in a deployment, and why a camera raised no candidate."""

from datetime import datetime
from math import inf
from typing import Annotated

from fastapi import APIRouter, Query

from lfrd.api.deps import PrincipalDep, SiteDep
from lfrd.deployment.counts import before_restart
from lfrd.errors import BadInput, Conflict
from lfrd.matching.threshold import Derived
from lfrd.matching.why import CameraCounts, advice
from lfrd.site import Site
from lfrd.store import flows
from lfrd.store.flows import CameraFlow
from lfrd.store.thresholds import ThresholdRow
from lfrd.wire.lists import CameraMinute, CameraReasons, Threshold

router = APIRouter(tags=["thresholds"])

DAY_S = 86_400.0
LEAST_SPAN_S = 60.0
"""A flow of less than a minute says nothing of a day."""


@router.get("/thresholds")
async def derive_threshold(
    site: SiteDep,
    principal: PrincipalDep,
    watchlist_id: Annotated[list[str], Query(min_length=1, max_length=100)],
    one_in: Annotated[float, Query(gt=1, le=1e9)],
) -> Threshold:
    """The threshold for these lists that keeps the promise of at most one false alert in `one_in`
    passing faces. Refused where the model cannot keep it."""
    proposed = await site.thresholds.propose(one_in, watchlist_id)
    if proposed.derived is None:
        raise BadInput("this threshold is a stated constant and promises nothing")
    waiting = await site.reviews.undecided_in(principal)
    return _shown(proposed.derived, _faces_a_day(site), hidden=bool(waiting))


@router.get("/deployments/{deployment_id}/thresholds")
async def read_thresholds(
    deployment_id: str, site: SiteDep, principal: PrincipalDep
) -> tuple[Threshold, ...]:
    """Every threshold that a deployment had, the first one first; empty for a stated constant."""
    await site.deployments.get(deployment_id)
    history = await site.thresholds.history(deployment_id)
    current = site.deployments.current
    running = current is not None and current.id == deployment_id
    faces = _faces_a_day(site) if running else None
    waiting = await site.reviews.undecided_in(principal)
    hidden = deployment_id in waiting
    return tuple(_shown(_derived(row), faces, row.at_s, hidden=hidden) for row in history)


@router.get("/cameras/{camera_id}/why")
async def why_nobody(
    camera_id: str,
    site: SiteDep,
    since_s: Annotated[float, Query(ge=0)] = 0.0,
    until_s: Annotated[float | None, Query(ge=0)] = None,
    deployment_id: str | None = None,
) -> CameraReasons:
    """Why a camera raised no candidate in the running deployment, over every restart of the daemon:
    counts, and what may help. With `since_s` and `until_s` (Unix time) of the minutes in that span,
    at most a day back and since the daemon was started; with `deployment_id` of all of a deployment
    that has ended."""
    if deployment_id is not None and not _runs(site, deployment_id):
        return _reasons(camera_id, await _counted_in(site, camera_id, deployment_id))
    counters, search = site.fleet.get(camera_id).counters, site.gallery.search
    if counters is None or search is None:
        raise Conflict(f"no deployment runs on camera {camera_id}: there is nothing to explain")
    history = search.tracks.note(camera_id, site.clock.wall_s(), counters)
    counts = history.between(since_s, inf if until_s is None else until_s)
    before = search.tracks.before.get(camera_id)
    if before is not None and _is_all_of_it(site, since_s, until_s):
        counts = before + counts
    more = _since_restart(site, search.deployment_id, since_s, until_s)
    return _reasons(camera_id, counts, *more)


def _runs(site: Site, deployment_id: str) -> bool:
    current = site.deployments.current
    return current is not None and current.id == deployment_id


async def _counted_in(site: Site, camera_id: str, deployment_id: str) -> CameraCounts:
    """What a camera counted in an earlier deployment."""
    counts = before_restart(await site.deployments.tallies(deployment_id)).get(camera_id)
    if counts is None:
        raise Conflict(f"camera {camera_id} took no part in this deployment")
    return counts


def _reasons(camera_id: str, counts: CameraCounts, *more: str) -> CameraReasons:
    return CameraReasons(
        camera_id=camera_id,
        faces_detected=counts.faces_detected,
        tracks=counts.tracks,
        tracks_split=counts.tracks_split,
        scene_cuts=counts.scene_cuts,
        tracks_never_compared=counts.never_compared,
        tracks_below=counts.below,
        candidates=counts.raised,
        looks_skipped=dict(counts.looks_skipped),
        best_inter_eye_px=round(counts.best_inter_eye_px, 1),
        advice=(*advice(counts), *more),
    )


@router.get("/cameras/{camera_id}/flow")
async def read_flow(
    camera_id: str,
    site: SiteDep,
    since_s: Annotated[float, Query(ge=0)] = 0.0,
    until_s: Annotated[float | None, Query(ge=0)] = None,
    deployment_id: str | None = None,
) -> tuple[CameraMinute, ...]:
    """The same counts over time, oldest first: by the minute in the running deployment, at most a
    day back and since the daemon was started; by five minutes before that, in all deployments or
    in `deployment_id`. A span in which nothing was counted may be left out; 10,000 at most."""
    end_s = inf if until_s is None else until_s
    live = _live_flow(site, camera_id, since_s, end_s, deployment_id)
    begin_s = live[0].at_s if live else inf
    past = await site.deployments.flow(camera_id, deployment_id, since_s, end_s)
    earlier = [_past_flow(row) for row in past if row.at_s + flows.SPAN_S <= begin_s]
    if not earlier and not live:
        site.fleet.get(camera_id)
    return (*earlier, *live)


def _live_flow(
    site: Site, camera_id: str, since_s: float, until_s: float, deployment_id: str | None
) -> tuple[CameraMinute, ...]:
    search = site.gallery.search
    known = {camera.row.id: camera.counters for camera in site.fleet.cameras()}
    counters = known.get(camera_id)
    if search is None or counters is None or deployment_id not in (None, search.deployment_id):
        return ()
    history = search.tracks.note(camera_id, site.clock.wall_s(), counters)
    return tuple(
        CameraMinute(
            at_s=at_s,
            frames_detected=counts.frames_detected,
            frames_dropped=counts.frames_dropped,
            faces_detected=counts.faces_detected,
            tracks=counts.tracks,
            tracks_never_compared=counts.never_compared,
            candidates=counts.raised,
        )
        for at_s, counts in history.minutes(since_s, until_s)
    )


def _past_flow(row: CameraFlow) -> CameraMinute:
    return CameraMinute(
        at_s=row.at_s,
        span_s=flows.SPAN_S,
        frames_detected=row.frames_detected,
        frames_dropped=row.frames_dropped,
        faces_detected=row.faces_detected,
        tracks=row.tracks,
        tracks_never_compared=row.never_compared,
        candidates=row.candidates,
    )


def _is_all_of_it(site: Site, since_s: float, until_s: float | None) -> bool:
    """Whether it is asked for all that the running deployment counted."""
    current = site.deployments.current
    begun_s = current.started_at_s if current else None
    return until_s is None and begun_s is not None and since_s <= begun_s


def _since_restart(
    site: Site, deployment_id: str, since_s: float, until_s: float | None
) -> tuple[str, ...]:
    """What is said where the daemon was started anew in the part of a deployment that is asked
    for: of what was before only the sum is known."""
    current, back_at_s = site.deployments.current, site.started_at_s
    if current is None or current.id != deployment_id or current.started_at_s is None:
        return ()
    whole = _is_all_of_it(site, since_s, until_s)
    if whole or max(since_s, current.started_at_s) >= back_at_s:
        return ()
    at = datetime.fromtimestamp(back_at_s).astimezone().strftime("%Y-%m-%d %H:%M")
    return (f"counted since {at} only: the daemon was started anew then, and keeps of what was "
            "before only the sum; ask for all of the deployment to have it",)  # fmt: skip


def _faces_a_day(site: Site) -> float | None:
    """The present flow: tracks of the running deployment, as if it went on for a day."""
    progress = site.deployments.progress()
    if progress is None or progress.wall_s < LEAST_SPAN_S:
        return None
    return progress.tracks / progress.wall_s * DAY_S


def _shown(
    derived: Derived, faces: float | None, at_s: float | None = None, *, hidden: bool
) -> Threshold:
    expected = None if faces is None else derived.false_alerts_a_day(faces)
    return Threshold(
        threshold=None if hidden else derived.threshold,
        one_in=1 / derived.fpir,
        one_in_best=1 / derived.fpir_low if derived.fpir_low else None,
        one_in_worst=1 / derived.fpir_high,
        extrapolated=derived.extrapolated,
        references=derived.references,
        looks=derived.looks,
        looks_effective=derived.looks_effective,
        demographic_factor=derived.demographic_factor,
        faces_a_day=faces,
        false_alerts_a_day=expected[0] if expected else None,
        false_alerts_a_day_low=expected[1] if expected else None,
        false_alerts_a_day_high=expected[2] if expected else None,
        at_s=at_s,
    )


def _derived(row: ThresholdRow) -> Derived:
    return Derived(
        row.threshold, row.fpir, row.fpir_low, row.fpir_high, row.extrapolated,
        row.reference_count, row.looks, row.looks_effective, row.demographic_factor, 0.0,
    )  # fmt: skip

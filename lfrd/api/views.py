"""From the site's nouns to the wire's: one pure function a noun."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from lfrd.cameras.check import CheckReport
from lfrd.cameras.fleet import FleetCamera
from lfrd.cameras.small_stream import Likeness
from lfrd.counters import CameraCounters
from lfrd.governance.planning import Plan
from lfrd.governance.profile import Policy, SitePolicies, parse
from lfrd.governance.start_gate import Finding, Verdict
from lfrd.health import Picture
from lfrd.ingest.settings import State
from lfrd.lists import photo_gate
from lfrd.lists.photos import Inspected
from lfrd.lists.watchlists import ListedEntry, ListedWatchlist
from lfrd.store.camera_states import CameraPast
from lfrd.store.deployments import Deployment
from lfrd.store.erasures import Erasure
from lfrd.store.holds import Hold
from lfrd.store.reference_images import ReferenceImage
from lfrd.store.schedules import Schedule
from lfrd.wire import cameras as wire_cameras
from lfrd.wire import deployments as wire
from lfrd.wire import health as wire_health
from lfrd.wire import lists as wire_lists


def health_change(picture: Picture) -> wire_health.HealthChange:
    return wire_health.HealthChange(
        status=wire_health.HealthStatus(picture.status.value), reasons=picture.reasons
    )


def camera(item: FleetCamera, rates: wire_cameras.CameraRates | None) -> wire_cameras.Camera:
    """`item.row.address` may hold a password: only what the fleet shows goes out."""
    return wire_cameras.Camera(**_camera_fields(item, rates))


def camera_added(item: FleetCamera, publish_token: str | None) -> wire_cameras.CameraAdded:
    return wire_cameras.CameraAdded(**_camera_fields(item, None), publish_token=publish_token)


def _camera_fields(item: FleetCamera, rates: wire_cameras.CameraRates | None) -> dict[str, Any]:
    status, options = item.status, item.options
    paused = not item.row.enabled and status.state is State.IDLE
    return {
        "id": item.row.id,
        "name": item.row.name,
        "address": item.shown,
        "declared": item.declared,
        "transport": options.transport,
        "hwaccel": options.hwaccel,
        "keep_connected": options.keep_connected,
        "rotate": options.correction.rotate_deg,
        "aspect": options.correction.aspect,
        "deinterlace": options.correction.deinterlace,
        "stream": options.stream,
        "pin": options.pin,
        "look_address": item.look_shown,
        "regions": wire_cameras.Regions(
            include=tuple(polygon.corners for polygon in options.regions.include),
            privacy=tuple(polygon.corners for polygon in options.regions.privacy),
        ),
        "decoder": status.decoder,
        "enabled": item.row.enabled,
        "state": wire_cameras.CameraState.PAUSED
        if paused
        else wire_cameras.CameraState(status.state.value),
        "since_at_s": status.since_s,
        "reason": status.reason,
        "codec": status.codec,
        "width_px": status.width_px,
        "height_px": status.height_px,
        "fps": status.fps,
        "rates": rates,
    }


def camera_past(item: CameraPast) -> wire_cameras.CameraPast:
    return wire_cameras.CameraPast(
        id=item.id,
        camera_id=item.camera_id,
        deployment_id=item.deployment_id,
        state=wire_cameras.CameraState(item.state),
        reason=item.reason,
        since_at_s=item.at_s,
        until_at_s=item.until_s,
    )


_NOT_SENT = {"seconds", "keyframe_waited_s"}
"""Measures that the advice alone tells of."""


def camera_report(report: CheckReport) -> wire_cameras.CameraTestReport:
    return wire_cameras.CameraTestReport(
        **{key: value for key, value in asdict(report.probe).items() if key not in _NOT_SENT},
        **asdict(report.faces),
        gate_px=report.gate_px,
        advice=report.advice,
        **_small_stream(report.small),
    )


def _small_stream(likeness: Likeness | None) -> dict[str, Any]:
    if likeness is None:
        return {}
    return {
        "small_width_px": likeness.width_px,
        "small_height_px": likeness.height_px,
        "small_likeness": likeness.view,
        "small_earlier_s": likeness.later_s,
    }


def camera_rates(
    camera_id: str, counters: CameraCounters, decode_fps: float, detect_fps: float
) -> wire_cameras.CameraRates:
    return wire_cameras.CameraRates(
        camera_id=camera_id,
        frames_decoded=counters.frames_decoded,
        frames_dropped=counters.frames_dropped,
        frames_detected=counters.frames_detected,
        faces_detected=counters.faces_detected,
        tracks=counters.tracks,
        tracks_split=counters.tracks_split,
        decode_fps=decode_fps,
        detect_fps=detect_fps,
        keyframes_only_s=round(counters.keyframes_only_s, 1),
        large_frames_decoded=counters.large.frames_decoded if counters.large else 0,
    )


def watchlist(item: ListedWatchlist) -> wire_lists.Watchlist:
    row = item.row
    return wire_lists.Watchlist(
        id=row.id,
        name=row.name,
        category=row.category,
        purpose=row.purpose,
        owner=row.owner,
        colour=row.colour,
        margin=row.margin,
        entries=item.entries,
        templates=item.templates,
        camera_ids=item.camera_ids,
        created_at_s=row.created_at_s,
        expires_at_s=row.expires_at_s,
        confirmed_at_s=row.confirmed_at_s,
        confirmed_by=row.confirmed_by,
        restored_from_s=row.restored_from_s,
    )


def entry(item: ListedEntry) -> wire_lists.Entry:
    row = item.row
    return wire_lists.Entry(
        id=row.id,
        watchlist_id=row.watchlist_id,
        person_id=row.person_id,
        reference=row.reference,
        basis=row.basis,
        source=row.source,
        reviewer=row.reviewer,
        under_18=row.under_18,
        under_18_reason=row.under_18_reason,
        approved_by=row.approved_by,
        margin=row.margin,
        status_checked_at_s=row.status_checked_at_s,
        added_at_s=row.added_at_s,
        expires_at_s=row.expires_at_s,
        photos=tuple(photo(image) for image in item.photos),
        look_alikes=row.look_alikes,
    )


def finding(item: photo_gate.Finding) -> wire_lists.Finding:
    return wire_lists.Finding(
        code=item.code,
        weight=item.weight.value,
        message=item.message,
        value=item.value,
        limit=item.limit,
        other_id=item.other_id,
    )


def inspected(item: Inspected) -> wire_lists.PhotoVerdict:
    faces = zip(item.boxes.tolist(), item.eyes.tolist(), strict=True)
    return wire_lists.PhotoVerdict(
        width_px=item.width_px,
        height_px=item.height_px,
        faces=tuple(
            wire_lists.PhotoFace.model_validate(
                {"box": box, "eyes": eyes, "meant": index == item.meant}
            )
            for index, (box, eyes) in enumerate(faces)
        ),
        findings=tuple(map(finding, item.findings)),
        refused=item.refused,
    )


def photo(image: ReferenceImage) -> wire_lists.Photo:
    return wire_lists.Photo(
        id=image.id,
        entry_id=image.entry_id,
        sha256=image.sha256,
        width_px=image.width_px,
        height_px=image.height_px,
        inter_eye_px=image.inter_eye_px,
        findings=tuple(finding(item) for item in photo_gate.from_json(image.findings)),
        quarantined_at_s=image.quarantined_at_s,
        quarantine_reason=image.quarantine_reason,
        added_at_s=image.added_at_s,
        taken_at_s=image.taken_at_s,
    )


def policy_brief(policy: Policy) -> wire.PolicyBrief:
    return wire.PolicyBrief(
        name=policy.name,
        version=policy.version,
        title=policy.title,
        digest=policy.digest,
        is_lab=policy.is_lab,
    )


def policy(item: Policy) -> wire.Policy:
    return wire.Policy(
        **policy_brief(item).model_dump(), values=item.values(), changed=item.changed
    )


def site_policies(item: SitePolicies) -> wire.SitePolicies:
    return wire.SitePolicies(own=policy(item.own), lab=policy(item.lab) if item.lab else None)


def plan_of(body: wire.DeploymentDraft | wire.ScheduleCreate) -> Plan:
    """What a person plans, once or every week."""
    return Plan(
        profile=body.profile,
        purpose=body.purpose,
        use_case=body.use_case.value,
        place=body.place,
        watchlist_ids=body.watchlist_ids,
        expectation=body.expectation,
        documents=body.documents,
        list_size_max=body.list_size_max,
    )


def policy_of(row: Deployment) -> wire.PolicyBrief | None:
    """The rules that a deployment was planned under; None for one from before they were kept."""
    return policy_brief(parse(row.policy)) if row.policy_digest else None


def verdict(item: Verdict) -> wire.GateVerdict:
    return wire.GateVerdict(
        open=item.is_open,
        missing=tuple(_finding(finding) for finding in item.missing),
        warnings=tuple(_finding(finding) for finding in item.warnings),
        erases=tuple(_finding(finding) for finding in item.erases),
    )


def _finding(item: Finding) -> wire.GateFinding:
    return wire.GateFinding(key=item.key, text=item.text)


def schedule_view(row: Schedule) -> wire.Schedule:
    plan = Plan.parse(row.plan)
    return wire.Schedule(
        id=row.id,
        profile=plan.profile,
        purpose=plan.purpose,
        use_case=plan.use_case,
        place=plan.place,
        watchlist_ids=plan.watchlist_ids,
        windows=tuple(wire.Window(**kept) for kept in json.loads(row.windows)),
        timezone=row.timezone,
        created_by=row.principal,
        expires_at_s=row.expires_at_s,
        authorised_by=row.authorised_by,
        authorised_at_s=row.authorised_at_s,
        revoked_by=row.revoked_by,
        revoked_at_s=row.revoked_at_s,
    )


def hold(row: Hold, names: Mapping[str, str]) -> wire.Hold:
    return wire.Hold(
        id=row.id,
        kind=row.kind,
        subject_id=row.subject_id,
        reason=row.reason,
        asked_by=row.principal,
        asked_at_s=row.asked_at_s,
        confirmed_by=row.confirmed_by,
        confirmed_at_s=row.confirmed_at_s,
        released_by=row.released_by,
        released_at_s=row.released_at_s,
        release_reason=row.release_reason,
        subject=names.get(row.subject_id),
    )


def erasure(row: Erasure, names: Mapping[str, str]) -> wire.Erasure:
    return wire.Erasure(
        id=row.id,
        kind=row.kind,
        subject_id=row.subject_id,
        reason=row.reason,
        asked_by=row.principal,
        asked_at_s=row.asked_at_s,
        done_at_s=row.done_at_s,
        entries=row.entries,
        templates=row.templates,
        images=row.images,
        episodes=row.episodes,
        leaf_id=row.leaf_id,
        subject=names.get(row.subject_id),
    )

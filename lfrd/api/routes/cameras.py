"""Cameras: /v1/cameras."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from lfrd.api import images, paging, views
from lfrd.api.deps import MeterDep, PrincipalDep, RoleDep, SiteDep
from lfrd.api.editing import EDITED, GONE, MADE, TAGGED, EditDep, EditingDep
from lfrd.api.paging import LIMIT_MAX, RESPONSES, Following, PagesDep, Whole, text_after
from lfrd.api.rates import RateMeter, running
from lfrd.cameras.aiming import Aiming
from lfrd.cameras.fleet import FleetCamera
from lfrd.cameras.life import CameraOptions
from lfrd.errors import SourceError
from lfrd.ingest.address import with_password
from lfrd.ingest.certificate import read_pin
from lfrd.ingest.masks import Polygon, Regions
from lfrd.ingest.settings import Correction
from lfrd.site import Site
from lfrd.wire import cameras as wire_cameras

router = APIRouter(prefix="/cameras", tags=["cameras"])

BOUNDARY = "lfrd-picture"
AIM_LONGEST_S = 60.0
AIM_ONE_S = 5.0
"""For the first picture after the connection stands."""
AIM_MOST_A_SECOND = 10.0
JPEG: dict[str, Any] = {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}
SNAPSHOT: dict[int | str, dict[str, Any]] = {200: {"description": "A picture", "content": JPEG}}
MJPEG: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Pictures, one after the other",
        "content": {
            "multipart/x-mixed-replace": {"schema": {"type": "string", "format": "binary"}}
        },
    }
}


@router.get("", responses=RESPONSES)
async def list_cameras(
    site: SiteDep,
    meter: MeterDep,
    pages: PagesDep,
    limit: Whole = LIMIT_MAX,
    following: Following = None,
) -> tuple[wire_cameras.Camera, ...]:
    """Every camera, by id, in pages, with its state and its figures if it runs."""
    last = text_after(following) or ""
    found = sorted(
        (item for item in site.fleet.cameras() if item.row.id > last), key=lambda item: item.row.id
    )
    page = pages.cut(found, limit, lambda item: (item.row.id,))
    return _shown(site, meter, tuple(page))


@router.post("", status_code=201, responses=MADE)
async def add_camera(
    body: wire_cameras.CameraCreate, site: SiteDep, principal: PrincipalDep, editing: EditingDep
) -> wire_cameras.CameraAdded:
    """Add a camera; where a deployment runs it is opened at once, and its state says how it went.

    An address may hold a user and a password; no answer ever does. A whip:// camera's answer
    holds the token for its publishers, this once.
    """
    options = _merged(CameraOptions(), body)
    address = _with_password(body.address, body)
    added, token = await site.fleet.add(
        body.id, body.name or body.id, address, options, principal=principal
    )
    made = views.camera_added(added, token)
    return editing.made(f"/v1/cameras/{made.id}", made)


@router.get("/{camera_id}", responses=TAGGED)
async def read_camera(
    camera_id: str, site: SiteDep, meter: MeterDep, editing: EditingDep
) -> wire_cameras.Camera:
    """One camera."""
    return editing.tagged(_shown(site, meter, (site.fleet.get(camera_id),))[0])


@router.patch("/{camera_id}", responses=EDITED)
async def change_camera(
    camera_id: str,
    body: wire_cameras.CameraChange,
    site: SiteDep,
    meter: MeterDep,
    principal: PrincipalDep,
    editing: EditDep,
) -> wire_cameras.Camera:
    """Change what is given; a running camera starts anew. `enabled` false pauses it."""

    async def now() -> wire_cameras.Camera:
        return _shown(site, meter, (site.fleet.get(camera_id),))[0]

    async with editing.of(now):
        changed = await _change(site, camera_id, body, principal)
    return editing.tagged(_shown(site, meter, (changed,))[0])


async def _change(
    site: Site, camera_id: str, body: wire_cameras.CameraChange, principal: str
) -> FleetCamera:
    camera = site.fleet.get(camera_id)
    old, new = camera.options, _merged(camera.options, body)
    address = body.address
    if body.password is not None:
        address = _with_password(address or camera.row.address, body)
    return await site.fleet.change(
        camera_id,
        name=body.name,
        address=address,
        enabled=body.enabled,
        options=new if new != old else None,
        principal=principal,
    )


@router.get("/{camera_id}/history", responses=paging.RESPONSES)
async def read_history(
    camera_id: str,
    site: SiteDep,
    pages: paging.PagesDep,
    deployment_id: str | None = None,
    limit: paging.Limit = 100,
    following: Annotated[paging.Next, Query(alias="next")] = None,
) -> tuple[wire_cameras.CameraPast, ...]:
    """How a camera was in deployments, the newest state first, in pages: with its reason, since
    when and until when. Of a deployment the newest 1,000 are kept, until it is erased."""
    before_id = paging.index_after(following)
    found = await site.fleet.history(camera_id, deployment_id, before_id, limit + 1)
    return tuple(map(views.camera_past, pages.cut(found, limit, lambda item: (item.id,))))


@router.post("/{camera_id}/test")
async def check_camera(
    camera_id: str, body: wire_cameras.CameraTest, site: SiteDep, principal: PrincipalDep
) -> wire_cameras.CameraTestReport:
    """Look through a camera for some seconds and say what to mend. Nothing of it is kept."""
    report = await site.camera_check.check(camera_id, body.seconds, principal=principal)
    return views.camera_report(report)


@router.get("/{camera_id}/preview", response_class=Response, responses=images.RESPONSES)
async def preview_camera(camera_id: str, site: SiteDep, principal: PrincipalDep) -> Response:
    """Where a camera points, as flat cells in which no person can be recognised."""
    return images.answer(await site.camera_check.preview(camera_id, principal=principal))


@router.get("/{camera_id}/snapshot", response_class=Response, responses=SNAPSHOT)
async def snapshot_camera(
    camera_id: str, site: SiteDep, principal: PrincipalDep, role: RoleDep, clear: bool = False
) -> Response:
    """What a camera shows now: as flat cells in which no person can be recognised, or `clear` for a
    supervisor who aims it. Regions are painted over. That somebody looked is logged."""
    aiming = await site.camera_check.aim(
        camera_id, clear=clear, seconds=AIM_ONE_S, per_second=AIM_MOST_A_SECOND, role=role,
        principal=principal,
    )  # fmt: skip
    async with aiming:
        picture = await aiming.picture()
    if picture is None:
        raise SourceError(f"camera {camera_id} gave no picture")
    return images.answer(picture)


@router.get("/{camera_id}/mjpeg", response_class=Response, responses=MJPEG)
async def stream_camera(
    camera_id: str,
    site: SiteDep,
    principal: PrincipalDep,
    role: RoleDep,
    clear: bool = False,
    seconds: Annotated[float, Query(gt=0, le=AIM_LONGEST_S)] = AIM_LONGEST_S,
    per_second: Annotated[float, Query(gt=0, le=AIM_MOST_A_SECOND)] = 4.0,
) -> StreamingResponse:
    """The same again and again, as motion JPEG, for 60 s at most: then it ends, and who still aims
    asks again. Every look is logged."""
    aiming = await site.camera_check.aim(
        camera_id, clear=clear, seconds=seconds, per_second=per_second, role=role,
        principal=principal,
    )  # fmt: skip
    parts = _parts(aiming)
    first = await anext(parts, None)
    if first is None:
        raise SourceError(f"camera {camera_id} gave no picture")
    return StreamingResponse(
        _with(first, parts), media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY}"
    )


async def _parts(aiming: Aiming) -> AsyncGenerator[bytes, None]:
    async with aiming:
        while (picture := await aiming.picture()) is not None:
            yield _part(picture)


async def _with(first: bytes, parts: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    async with aclosing(parts):
        yield first
        async for part in parts:
            yield part


def _part(picture: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
    return head.encode() + picture + b"\r\n"


@router.delete("/{camera_id}", status_code=204, responses=GONE)
async def remove_camera(
    camera_id: str,
    site: SiteDep,
    meter: MeterDep,
    principal: PrincipalDep,
    editing: EditDep,
) -> Response:
    """Stop and forget a camera. One that the configuration declares is removed there."""

    async def now() -> wire_cameras.Camera:
        return _shown(site, meter, (site.fleet.get(camera_id),))[0]

    async with editing.of(now):
        await site.fleet.remove(camera_id, principal=principal)
    return Response(status_code=204)


def _merged(old: CameraOptions, body: wire_cameras.CameraOptions) -> CameraOptions:
    """`old` with what the request gives; what may be absent is taken away by a null."""
    given = body.model_fields_set
    ca_file = Path(body.ca_file) if body.ca_file else None
    return CameraOptions(
        transport=body.transport or old.transport,
        ca_file=ca_file if "ca_file" in given else old.ca_file,
        hwaccel=body.hwaccel if "hwaccel" in given else old.hwaccel,
        keep_connected=old.keep_connected if body.keep_connected is None else body.keep_connected,
        regions=old.regions if body.regions is None else _regions(body.regions),
        ice_servers=old.ice_servers,
        bearer_token=body.bearer_token if "bearer_token" in given else old.bearer_token,
        publish_digest=old.publish_digest,
        correction=Correction(
            old.correction.rotate_deg if body.rotate is None else body.rotate,
            body.aspect if "aspect" in given else old.correction.aspect,
            body.deinterlace or old.correction.deinterlace,
        ),
        stream=body.stream if "stream" in given else old.stream,
        pin=(read_pin(body.pin) if body.pin else None) if "pin" in given else old.pin,
        look_address=body.look_address if "look_address" in given else old.look_address,
    )


def _with_password(address: str, body: wire_cameras.CameraOptions) -> str:
    return address if body.password is None else with_password(address, body.password)


def _regions(given: wire_cameras.Regions) -> Regions:
    return Regions(
        tuple(Polygon(corners) for corners in given.include),
        tuple(Polygon(corners) for corners in given.privacy),
    )


def _shown(
    site: Site, meter: RateMeter, wanted: tuple[FleetCamera, ...]
) -> tuple[wire_cameras.Camera, ...]:
    measured = meter.measure(running(site.fleet.cameras()), site.clock.monotonic_s())
    rates = {item.camera_id: item for item in measured}
    return tuple(views.camera(item, rates.get(item.row.id)) for item in wanted)

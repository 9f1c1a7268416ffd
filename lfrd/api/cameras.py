"""Cameras: /v1/cameras."""

from fastapi import APIRouter, Response

from lfrd.api import schema, views
from lfrd.api.deps import MeterDep, PrincipalDep, SiteDep
from lfrd.api.rates import RateMeter, running
from lfrd.fleet import FleetCamera
from lfrd.site import Site

router = APIRouter(prefix="/cameras", tags=["cameras"])


@router.get("")
async def list_cameras(site: SiteDep, meter: MeterDep) -> tuple[schema.Camera, ...]:
    """Every camera, by id, with its state and its figures if it runs."""
    return _shown(site, meter, site.fleet.cameras())


@router.post("", status_code=201)
async def add_camera(
    body: schema.CameraCreate, site: SiteDep, meter: MeterDep, principal: PrincipalDep
) -> schema.Camera:
    """Add a camera; where a deployment runs it is opened at once, and its state says how it went.

    An address may hold a user and a password; no answer ever does.
    """
    added = await site.fleet.add(
        body.id, body.name or body.id, body.address, body.transport, principal=principal
    )
    return _shown(site, meter, (added,))[0]


@router.get("/{camera_id}")
async def read_camera(camera_id: str, site: SiteDep, meter: MeterDep) -> schema.Camera:
    """One camera."""
    return _shown(site, meter, (site.fleet.get(camera_id),))[0]


@router.delete("/{camera_id}", status_code=204)
async def remove_camera(camera_id: str, site: SiteDep, principal: PrincipalDep) -> Response:
    """Stop and forget a camera. One that the configuration declares is removed there."""
    await site.fleet.remove(camera_id, principal=principal)
    return Response(status_code=204)


def _shown(
    site: Site, meter: RateMeter, wanted: tuple[FleetCamera, ...]
) -> tuple[schema.Camera, ...]:
    measured = meter.measure(running(site.fleet.cameras()), site.clock.monotonic_s())
    rates = {item.camera_id: item for item in measured}
    return tuple(views.camera(item, rates.get(item.row.id)) for item in wanted)

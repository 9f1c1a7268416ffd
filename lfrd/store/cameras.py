"""The cameras that were added. Addresses may hold passwords: never log one as it is."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

from lfrd.errors import Conflict, NotFound
from lfrd.events import EventKind
from lfrd.store.audit import AuditClass
from lfrd.store.transaction import Reader, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """`id` is a slug that people type; `settings` is JSON text that the API's schema checks."""

    TABLE: ClassVar[str] = "camera"

    id: str
    name: str
    address: str = field(repr=False)
    settings: str = field(repr=False)
    enabled: bool
    created_at_s: float
    principal: str


def add(
    tx: Transaction,
    camera_id: str,
    *,
    name: str,
    address: str,
    settings: str = "{}",
    enabled: bool = True,
) -> Camera:
    """Raises Conflict where the id is taken, BadInput where it is no slug."""
    camera = Camera(
        id=camera_id,
        name=name,
        address=address,
        settings=settings,
        enabled=enabled,
        created_at_s=tx.at_s,
        principal=tx.principal,
    )
    try:
        tx.insert(camera)
    except Conflict as error:
        raise Conflict(f"there is already a camera {camera_id!r}") from error
    tx.audit(AuditClass.ALTERATION, "camera.add", (camera_id,))
    tx.event(EventKind.CAMERA_CHANGED, camera_id)
    return camera


def get(reader: Reader, camera_id: str) -> Camera:
    """Raises NotFound."""
    return reader.get(Camera, camera_id)


def list_all(reader: Reader) -> list[Camera]:
    """All cameras, by id."""
    return reader.find(Camera, "ORDER BY id")


def update(tx: Transaction, camera: Camera) -> Camera:
    """Store the changed name, address, settings and enabling of a camera. Raises NotFound."""
    changed = tx.execute(
        "UPDATE camera SET name = ?, address = ?, settings = ?, enabled = ?, principal = ?"
        " WHERE id = ?",
        (camera.name, camera.address, camera.settings, camera.enabled, tx.principal, camera.id),
    )
    if not changed:
        raise NotFound(f"there is no camera {camera.id}")
    tx.audit(AuditClass.ALTERATION, "camera.update", (camera.id,), {"enabled": camera.enabled})
    tx.event(EventKind.CAMERA_CHANGED, camera.id)
    return replace(camera, principal=tx.principal)


def delete(tx: Transaction, camera_id: str) -> bool:
    """False where there is none."""
    if not tx.execute("DELETE FROM camera WHERE id = ?", (camera_id,)):
        return False
    tx.audit(AuditClass.ALTERATION, "camera.delete", (camera_id,))
    tx.event(EventKind.CAMERA_CHANGED, camera_id)
    return True

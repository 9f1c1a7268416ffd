"""The wire contract of health: how the site is, and who is asking."""

from enum import StrEnum
from typing import Literal

from lfrd.wire.base import Wire
from lfrd.wire.deployments import PolicyBrief


class HealthStatus(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"


class ModelInfo(Wire):
    pack: str
    detector_digest: str
    recogniser_digest: str
    provider: str


class Health(Wire):
    """`reasons` says in plain sentences why the status is not ok."""

    status: HealthStatus
    reasons: tuple[str, ...]
    version: str
    node: str
    started_at_s: float
    model: ModelInfo
    deployment_id: str | None
    gallery_templates: int
    policy: PolicyBrief | None = None
    """The rules of the site; every screen shows their name."""
    audit_key: str | None = None
    """The public key that signs the log."""
    at_s: float | None = None
    """When this was said, by the daemon's clock (Unix time): a screen counts ages by it."""


class Reloaded(Wire):
    """Keys of the configuration, `section.key`: what was taken over, and what waits for a
    restart."""

    applied: tuple[str, ...]
    restart: tuple[str, ...]


class Me(Wire):
    """Who the daemon takes the caller for: where a login is shared, a screen says it."""

    principal: str
    role: Literal["operator", "supervisor", "admin"]


class HealthChange(Wire):
    """The status as it is now; the whole picture is at /v1/health."""

    status: HealthStatus
    reasons: tuple[str, ...]

"""How the site is, and who is asking: /v1/health, /v1/me; and reading its
configuration anew: /v1/reload."""

from fastapi import APIRouter

import lfrd
from lfrd.api import views
from lfrd.api.deps import ADMINS, PrincipalDep, RoleDep, SiteDep
from lfrd.api.views import policy_brief
from lfrd.wire import health as wire_health

router = APIRouter(tags=["health"])


@router.get("/health")
async def read_health(site: SiteDep) -> wire_health.Health:
    """How the site is. `status` is not ok while anything is listed in `reasons`."""
    change = views.health_change(site.health.now)
    running = site.deployments.current
    return wire_health.Health(
        status=change.status,
        reasons=change.reasons,
        version=lfrd.__version__,
        node=site.config.site.node,
        started_at_s=site.started_at_s,
        model=wire_health.ModelInfo(
            pack=site.pack,
            detector_digest=site.vision.detector_digest,
            recogniser_digest=site.vision.model_digest,
            provider=site.vision.provider,
        ),
        deployment_id=running.id if running else None,
        gallery_templates=len(site.gallery),
        policy=policy_brief(site.deployments.policies.own),
        audit_key=site.audit.key.text,
        at_s=site.clock.wall_s(),
    )


@router.get("/me")
async def read_me(principal: PrincipalDep, role: RoleDep) -> wire_health.Me:
    """Who the daemon takes the caller for, and what they may do."""
    return wire_health.Me(principal=principal, role=role.value)


@router.post("/reload", dependencies=[ADMINS])
async def reload_configuration(site: SiteDep) -> wire_health.Reloaded:
    """Read the configuration file anew, and take over what can change while running. With a mistake
    in the file nothing changes."""
    done = await site.reload.apply()
    return wire_health.Reloaded(applied=done.applied, restart=done.restart)

"""Another model without losing people: make its templates, see how far they are, switch."""

from fastapi import APIRouter

from lfrd.api.deps import ADMINS, PrincipalDep, SiteDep
from lfrd.lists.model_change import Preparation
from lfrd.wire.lists import ModelPreparation, ModelPrepare, ModelSwitch, ModelSwitched

router = APIRouter(tags=["models"])


@router.post("/models/preparation", status_code=202, dependencies=[ADMINS])
async def prepare_model(body: ModelPrepare, site: SiteDep) -> ModelPreparation:
    """Begin to make the templates of another installed pack, in the background."""
    return _shown(await site.models.prepare(body.pack))


@router.get("/models/preparation")
async def read_preparation(site: SiteDep) -> ModelPreparation:
    """How far the templates of the other model are."""
    return _shown(await site.models.progress())


@router.post("/models/switch", dependencies=[ADMINS])
async def switch_model(body: ModelSwitch, site: SiteDep, principal: PrincipalDep) -> ModelSwitched:
    """Use a pack from the next start of the daemon on; the old templates stay, so that naming the
    old pack takes it back."""
    found = await site.models.switch(
        body.pack, accept_missing=body.accept_missing, principal=principal
    )
    return ModelSwitched(pack=body.pack, photos=found.photos, templates=found.templates)


def _shown(found: Preparation) -> ModelPreparation:
    return ModelPreparation(
        pack=found.pack,
        recogniser_digest=found.model_digest,
        photos=found.photos,
        templates=found.templates,
        failed_photo_ids=found.failed,
        under_way=found.under_way,
    )

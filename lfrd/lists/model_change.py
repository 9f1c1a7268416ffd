"""Another model without losing entries: new templates beside the old ones, then the switch.

The photos are kept as they were given, so another model can make its own templates of them while
the present one goes on matching. When all are made, an administrator switches; the daemon uses the
new model from its next start on, and the old templates stay, so that the switch can be taken back.
"""

import asyncio
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from lfrd.errors import BadInput, Conflict, NotFound
from lfrd.lists.enrolment import enrol
from lfrd.store import reference_images, templates
from lfrd.store.database import SYSTEM, Database
from lfrd.store.templates import Coverage
from lfrd.store.vectors import VectorIndex
from lfrd.types import Template
from lfrd.vision import packs
from lfrd.vision.align import ARCFACE_POINTS
from lfrd.vision.engine import Vision
from lfrd.vision.planes import planes_from_rgb

log = logging.getLogger(__name__)

PAGE = 100


@dataclass(frozen=True, slots=True)
class Preparation:
    """How far the templates of another model are. `failed` photos gave none, and are named."""

    pack: str
    model_digest: str
    photos: int
    templates: int
    failed: tuple[str, ...]
    under_way: bool


class ModelChange:
    """`run` belongs into the daemon's task group and makes templates in the background."""

    def __init__(
        self, database: Database, index: VectorIndex, cache_dir: Path, configured: str
    ) -> None:
        self._database = database
        self._index = index
        self._cache_dir = cache_dir
        self._configured = configured
        self._wanted: packs.Pack | None = None
        self._asked = asyncio.Event()
        self._failed: list[str] = []
        self._under_way = False

    async def prepare(self, pack_name: str) -> Preparation:
        """Begin to make the templates of an installed pack. Raises NotFound, ModelError,
        Conflict while another preparation is under way."""
        if self._under_way:
            raise Conflict(f"templates of {self._name()} are being made; wait until they are")
        self._wanted = await asyncio.to_thread(packs.load, pack_name, self._cache_dir)
        self._failed, self._under_way = [], True
        self._asked.set()
        return await self.progress()

    async def progress(self) -> Preparation:
        """How far it is. Raises NotFound where nothing was prepared since the start."""
        pack = self._wanted
        if pack is None:
            raise NotFound("no model is being prepared: `lfrd models prepare PACK` begins it")
        found = await self._coverage(pack)
        return Preparation(
            pack.name, pack.model_digest, found.photos, found.templates, tuple(self._failed),
            self._under_way,
        )  # fmt: skip

    async def switch(
        self, pack_name: str, *, accept_missing: bool = False, principal: str
    ) -> Coverage:
        """Use a pack from the next start on; also the way back. Raises NotFound, ModelError, and
        Conflict where photos lack a template and that is not accepted."""
        pack = await asyncio.to_thread(packs.load, pack_name, self._cache_dir)
        found = await self._coverage(pack)
        missing = found.photos - found.templates
        if missing and not accept_missing:
            raise Conflict(
                f"{missing} of {found.photos} photos have no template of {pack_name}: run "
                f"`lfrd models prepare {pack_name}`, or accept that those are not matched"
            )
        await self._database.write(
            lambda tx: templates.switch(tx, self._configured, pack.name, pack.model_digest),
            principal=principal,
        )
        return found

    async def run(self) -> None:
        """Carry out preparations, one after the other, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            if self._wanted is not None:
                await self._make_templates(self._wanted)

    async def _make_templates(self, pack: packs.Pack) -> None:
        try:
            async with Vision(pack, threads=1) as vision:
                after_id = ""
                while page := await self._page(pack, after_id):
                    for image_id in page:
                        await self._make_one(vision, image_id)
                    after_id = page[-1]
        finally:
            self._under_way = False
        log.info("templates of %s are made; %d photos gave none", pack.name, len(self._failed))

    async def _page(self, pack: packs.Pack, after_id: str) -> Sequence[str]:
        return await self._database.read(
            lambda reader: templates.lacking(reader, pack.model_digest, after_id, PAGE)
        )

    async def _make_one(self, vision: Vision, image_id: str) -> None:
        try:
            template = await self._template(vision, image_id)
            stored = await self._database.write(
                partial(templates.add, image_id=image_id, template=template), principal=SYSTEM
            )
        except (NotFound, Conflict):
            return  # the photo was deleted, or its template was made meanwhile
        except BadInput as error:
            self._failed.append(image_id)
            log.warning("photo %s gives no template of the new model: %s", image_id, error)
            return
        self._index.add_soon(stored)

    async def _template(self, vision: Vision, image_id: str) -> Template:
        """From the photo; where the user had to say which face is meant, from its crop."""
        data = await self._database.read(partial(reference_images.open_image, image_id=image_id))
        try:
            return (await enrol(data, vision, name=image_id)).template
        except BadInput:
            crop = await self._database.read(partial(reference_images.open_crop, image_id=image_id))
            return await _of_crop(vision, crop)

    async def _coverage(self, pack: packs.Pack) -> Coverage:
        return await self._database.read(
            lambda reader: templates.coverage(reader, pack.model_digest)
        )

    def _name(self) -> str:
        return self._wanted.name if self._wanted else ""


async def _of_crop(vision: Vision, png: bytes) -> Template:
    """The template of a face that was aligned before."""
    rgb = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), np.uint8)
    crop = await vision.align_other(planes_from_rgb(rgb), ARCFACE_POINTS.astype(np.float32))
    if crop is None:
        raise Conflict("too many faces are being looked at; try again in a moment")
    try:
        return await vision.embed_reference(crop)
    finally:
        crop.release()

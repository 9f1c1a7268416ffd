"""Another model: templates beside the old ones, the switch, and the way back."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lfrd.errors import Conflict, NotFound
from lfrd.lists.model_change import ModelChange
from lfrd.store import templates
from lfrd.vision import packs
from support.lists import ADA, Lists, lists
from support.photos import portraits

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def cache(shared: Path, pack: packs.Pack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model cache with the default pack and one of another detector and recogniser."""
    cache_dir = tmp_path_factory.mktemp("cache")
    source = tmp_path_factory.mktemp("other-model")
    for name in ("scrfd_500m_kps.onnx", "MobileFaceNet_foamliu_selfnorm.onnx"):
        shutil.copy(shared / "models" / name, source / name)
    packs.install(str(source), cache_dir, accept_licence=True, name="other")
    shutil.copytree(pack.folder, cache_dir / "models" / pack.folder.name)
    return cache_dir


@asynccontextmanager
async def changing(site: Lists, cache: Path) -> AsyncIterator[ModelChange]:
    change = ModelChange(site.database, site.index, cache, packs.DEFAULT_PACK)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(change.run())
        yield change
        running.cancel()


async def until_made(change: ModelChange) -> None:
    async with asyncio.timeout(30):
        while (await change.progress()).under_way:
            await asyncio.sleep(0.02)


async def test_templates_of_two_models_live_side_by_side(cache: Path, tmp_path: Path) -> None:
    people = portraits()
    pack = packs.load(packs.DEFAULT_PACK, cache)
    other = packs.load("other", cache)
    async with lists(tmp_path / "state", pack) as site, changing(site, cache) as change:
        watchlist_id = await site.make_list()
        ids = []
        for n, photo in enumerate(people[:3]):
            entry = await site.make_entry(watchlist_id, f"p{n}")
            await site.photos.add(entry.row.id, photo, "x", principal=ADA)
            ids.append(entry.row.id)
        with pytest.raises(NotFound):
            await change.progress()
        with pytest.raises(Conflict, match="3 of 3 photos have no template"):
            await change.switch("other", principal=ADA)
        await change.prepare("other")
        with contextlib.suppress(Conflict):
            await change.prepare("other")
        await until_made(change)
        made = await change.progress()
        assert (made.photos, made.templates, made.failed) == (3, 3, ())
        search = await site.search(watchlist_id)
        assert len(search) == 3  # the present model goes on as if nothing had happened
        await change.switch("other", principal=ADA)
        assert await _in_use(site) == "other"
    async with lists(tmp_path / "state", other) as site, changing(site, cache) as change:
        assert (await site.index.check(site.database)).missing == 0
        search = await site.search(watchlist_id)
        for entry_id, photo in zip(ids, people, strict=False):
            seen = (await site.photos.look(photo, "x")).template.vector[None]
            best = search.nearest("door", seen, 3)[0]
            assert best[0].entry_id == entry_id
            assert best[0].score == pytest.approx(1, abs=1e-3)
        await change.switch(packs.DEFAULT_PACK, principal=ADA)  # and back
        assert await _in_use(site) is None


async def _in_use(site: Lists) -> str | None:
    return await site.database.read(
        lambda reader: templates.switched_from(reader, packs.DEFAULT_PACK)
    )


async def test_a_pack_that_is_not_there(cache: Path, tmp_path: Path) -> None:
    pack = packs.load(packs.DEFAULT_PACK, cache)
    async with lists(tmp_path / "state", pack) as site, changing(site, cache) as change:
        with pytest.raises(NotFound, match="not installed"):
            await change.prepare("none")
        with pytest.raises(NotFound, match="not installed"):
            await change.switch("none", principal=ADA)


async def test_a_switch_is_for_the_configured_pack_only(cache: Path, tmp_path: Path) -> None:
    pack = packs.load(packs.DEFAULT_PACK, cache)
    async with lists(tmp_path / "state", pack) as site, changing(site, cache) as change:
        await change.switch("other", principal=ADA)  # nobody is on a list: nothing is missing
        assert await _in_use(site) == "other"
        other = await site.database.read(
            lambda reader: templates.switched_from(reader, "somebody edited the file")
        )
        assert other is None

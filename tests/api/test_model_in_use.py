"""Which model health names: the one that compares, not the one that the file asks for."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lfrd.store import templates
from lfrd.vision import packs, providers
from support.site import serve


@pytest.fixture
def other_pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model cache with the default pack and a copy of it under another name; the name."""
    here = packs.default_cache_dir()
    own = packs.load(packs.DEFAULT_PACK, here)
    providers.settle("cpu", own, here)  # tried once on a machine, and remembered for both packs
    cache = tmp_path / "cache"
    if (here / "providers").is_dir():
        shutil.copytree(here / "providers", cache / "lfrd" / "providers")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    shutil.copytree(own.folder, cache / "lfrd" / "models" / own.folder.name)

    def fill(folder: Path) -> packs.Manifest:
        for model in own.manifest.files:
            shutil.copy(own.folder / model.file, folder / model.file)
        return replace(own.manifest, name="other")

    return packs.publish("other", cache / "lfrd", fill).name


async def test_health_names_the_pack_in_use_after_a_switch(tmp_path: Path, other_pack: str) -> None:
    state = tmp_path / "state"
    async with serve(state) as served:
        configured, digest = served.site.config.models.pack, served.site.vision.model_digest
        await served.site.database.write(
            lambda tx: templates.switch(tx, configured, other_pack, digest), principal="user:ada"
        )
        assert (await served.client.health()).model.pack == configured, "until the next start"
    async with serve(state) as served:
        assert served.site.config.models.pack == configured
        assert (await served.client.health()).model.pack == other_pack

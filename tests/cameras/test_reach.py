"""What may be added as a camera: files in the configured folders, and no link-local host."""

import asyncio
from pathlib import Path

import pytest

from lfrd.cameras.life import CameraOptions
from lfrd.config import CameraSection, SourcesSection
from lfrd.daemon import open_site
from lfrd.errors import BadInput
from lfrd.site import Site
from support.site import config_on

WHO = "user:test"
AS_IS = CameraOptions()


async def refusal(site: Site, address: str) -> str:
    with pytest.raises(BadInput) as caught:
        await site.fleet.add("gate", "gate", address, AS_IS, principal=WHO)
    with pytest.raises(BadInput) as changed:
        await site.fleet.change("street", address=address, principal=WHO)
    assert str(changed.value) == str(caught.value)
    return str(caught.value)


async def test_files_are_cameras_only_in_the_configured_folders(tmp_path: Path) -> None:
    inside, declared = tmp_path / "inside", tmp_path / "declared.mp4"
    inside.mkdir()
    for path in (inside / "a.mp4", declared, tmp_path / "there.mp4"):
        path.write_bytes(b"x")
    config = config_on(tmp_path / "state").model_copy(
        update={
            "sources": SourcesSection(folders=(inside,)),
            "camera": (CameraSection(id="declared", address=str(declared)),),
        }
    )
    async with open_site(config) as site:
        fleet = site.fleet
        await fleet.add("street", "street", "rtsp://127.0.0.1:9/x", AS_IS, principal=WHO)
        said = {
            (await refusal(site, str(path))).replace(path.name, "NAME")
            for path in (tmp_path / "there.mp4", tmp_path / "gone.mp4")
        }
        assert len(said) == 1, "the same words whether there is such a file or not"
        assert "[sources] folders" in said.pop()
        added, _ = await fleet.add("a", "a", str(inside / "a.mp4"), AS_IS, principal=WHO)
        assert added.row.address == str(inside / "a.mp4")
        assert fleet.settings("a").reach.folders == (inside,)
        assert fleet.settings("declared").reach.folders is None


@pytest.mark.parametrize("scheme", ["whep+http", "https"])
async def test_a_link_local_host_is_refused_when_it_is_added(tmp_path: Path, scheme: str) -> None:
    address = f"{scheme}://169.254.169.254/latest"
    async with open_site(config_on(tmp_path / "a")) as site:
        await site.fleet.add("street", "street", "rtsp://127.0.0.1:9/x", AS_IS, principal=WHO)
        assert "leads to a link-local address" in await refusal(site, address)
    config = config_on(tmp_path / "b").model_copy(
        update={"sources": SourcesSection(link_local=True)}
    )
    async with open_site(config) as site:
        await site.fleet.add("gate", "gate", address, AS_IS, principal=WHO)
        await asyncio.sleep(0)
        assert [camera.row.id for camera in site.fleet.cameras()] == ["gate"]

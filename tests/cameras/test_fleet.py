"""How the cameras of a site are shown."""

from pathlib import Path

from lfrd.cameras.life import CameraOptions
from lfrd.daemon import open_site
from support.site import config_on

WHO = "user:test"


async def test_addresses_are_shown_without_secrets_and_anew_once_changed(tmp_path: Path) -> None:
    async with open_site(config_on(tmp_path / "state")) as site:
        fleet = site.fleet

        async def shown() -> tuple[str, str | None]:
            (camera,) = [one for one in fleet.cameras() if one.row.id == "gate"]
            return camera.shown, camera.look_shown

        options = CameraOptions(look_address="/small")
        await fleet.add("gate", "gate", "rtsp://u:hush@127.0.0.1:1/a", options, principal=WHO)
        before = await shown()
        assert ":1/" in before[0]
        assert ":1/" in (before[1] or "")
        assert "hush" not in str(before)
        assert await shown() == before
        await fleet.change("gate", address="rtsp://u:hush@127.0.0.1:2/a", principal=WHO)
        after = await shown()
        assert ":2/" in after[0]
        assert ":2/" in (after[1] or "")
        assert "hush" not in str(after)
        await fleet.change("gate", options=CameraOptions(), principal=WHO)
        assert await shown() == (after[0], None)

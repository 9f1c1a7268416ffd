"""What a changed configuration changes while running, and what it names for a restart."""

import asyncio
import logging
import signal
from pathlib import Path

import pytest

from lfrd.config import Config, NtfySection, WebhookSection, load
from lfrd.daemon import open_site
from lfrd.errors import BadInput, ConfigError, Conflict
from lfrd.reload import Reloaded, differing
from support.program import daemon, lfrd

CAMERA = '[[camera]]\nid = "gate"\naddress = "rtsp://127.0.0.1:9/1"\n'


def written(file: Path, state: Path, more: str = "") -> Path:
    file.write_text(
        f'[site]\nstate_dir = "{state}"\n[models]\nthreads = 1\n[policy]\nallow_lab = true\n{more}'
    )
    return file


def test_what_differs() -> None:
    old = Config()
    new = Config.model_validate({"log": {"level": "debug"}, "models": {"threads": 3}})
    assert differing(old, new) == ["models.threads", "log.level"]
    assert differing(old, Config()) == []
    hook = {"id": "desk", "url": "https://desk.example/x", "secret_file": "/etc/lfrd/desk"}
    assert differing(old, Config.model_validate({"webhook": [hook]})) == ["webhook"]


async def test_what_can_change_does_and_the_rest_is_named(tmp_path: Path) -> None:
    file = written(tmp_path / "lfrd.toml", tmp_path / "state", CAMERA)
    level = logging.getLogger().level
    try:
        async with open_site(load(file, {}), read_again=lambda: load(file, {})) as site:
            assert await site.reload.apply() == Reloaded((), ())
            written(
                file, tmp_path / "state",
                '[log]\nlevel = "warning"\n[matching]\nthreshold = 0.5\n[backup]\nkeep_days = 3\n'
                + CAMERA.replace("127.0.0.1:9", "127.0.0.1:10")
                + CAMERA.replace("gate", "yard"),
            )  # fmt: skip
            done = await site.reload.apply()
            assert set(done.applied) == {"log.level", "backup.keep_days", "camera"}
            assert done.restart == ("matching.threshold",)
            assert logging.getLogger().level == logging.WARNING
            assert site.reload.now.backup.keep_days == 3
            assert site.reload.now.matching.threshold == 0.45
            shown = {camera.row.id: camera.shown for camera in site.fleet.cameras()}
            assert shown.keys() == {"gate", "yard"}
            assert ":10/" in shown["gate"]
            assert (await site.reload.apply()).applied == ()
    finally:
        logging.getLogger().setLevel(level)


@pytest.mark.parametrize(
    ("more", "error"),
    [("[log]\nlevle = 1\n", ConfigError), (CAMERA.replace("rtsp", "gopher"), ConfigError),
     (CAMERA + 'look_address = "rtsp://127.0.0.1:9/1"\n', BadInput)],
)  # fmt: skip
async def test_with_a_mistake_nothing_changes_and_health_says_so(
    tmp_path: Path, more: str, error: type[Exception]
) -> None:
    file = written(tmp_path / "lfrd.toml", tmp_path / "state", CAMERA)
    async with open_site(load(file, {}), read_again=lambda: load(file, {})) as site:
        before = site.reload.now, site.fleet.get("gate").shown
        written(file, tmp_path / "state", more)
        with pytest.raises(error):
            await site.reload.apply()
        assert (site.reload.now, site.fleet.get("gate").shown) == before
        assert any("as it is now" in reason for reason in site.health.now.reasons)
        written(file, tmp_path / "state", CAMERA)
        await site.reload.apply()
        assert not any("as it is now" in reason for reason in site.health.now.reasons)


async def test_without_a_file_there_is_nothing_to_read(tmp_path: Path) -> None:
    config = load(written(tmp_path / "lfrd.toml", tmp_path / "state"), {})
    async with open_site(config) as site:
        with pytest.raises(Conflict):
            await site.reload.apply()


async def test_the_signal_and_the_command(tmp_path: Path) -> None:
    state = tmp_path / "state"
    file = written(tmp_path / "lfrd.toml", state)
    async with daemon(state, LFRD_CONFIG=str(file)) as (process, client):
        written(file, state, "[review]\ncooldown_s = 5.0\n[matching]\nmax_looks = 9\n")
        process.send_signal(signal.SIGHUP)
        log = tmp_path / "daemon.log"
        async with asyncio.timeout(5):
            while "reloaded: review.cooldown_s; after a restart: matching.max_looks" not in (
                log.read_text()
            ):
                await asyncio.sleep(0.05)
        written(file, state, "[review]\ncooldown_s = 6.0\n")
        ran = await asyncio.to_thread(lfrd, "reload", LFRD_CONFIG=str(file))
        assert (ran.code, ran.out) == (0, "now in force: review.cooldown_s\n"), ran.err
        assert (await client.health()).status == "ok"


def test_webhooks_hold_after_a_restart() -> None:
    hook = WebhookSection(id="a", url="https://h/x", secret_file=Path("a"))
    new = Config(webhook=(hook,), ntfy=NtfySection(private=True))
    assert sorted(differing(Config(), new)) == ["ntfy.private", "webhook"]

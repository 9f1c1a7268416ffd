"""What a changed configuration changes while running, and what it names for a restart."""

import asyncio
import base64
import logging
import signal
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from lfrd.config import Config, load
from lfrd.daemon import open_site
from lfrd.errors import BadInput, ConfigError, Conflict, NotFound
from lfrd.reload import Reloaded, differing
from lfrd.site import Site
from lfrd.store.outbox import MessageState
from support.program import daemon, lfrd
from support.receiver import Receiver, receiver

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


HOOK = """
[[webhook]]
id = "desk"
url = "{url}"
secret_file = "{secret}"
private = true
"""


def secret(number: int) -> str:
    return f"whsec_{base64.b64encode(bytes([number] * 32)).decode()}"


async def test_webhooks_change_without_a_restart(tmp_path: Path) -> None:
    """Another address, another secret in the same file, one more, and none: each row once."""
    file, state, key = tmp_path / "lfrd.toml", tmp_path / "state", tmp_path / "secret"
    key.touch(0o600)
    key.write_text(secret(1))

    def configured(*hooks: Receiver) -> Config:
        texts = [HOOK.format(url=there.url, secret=key) for there in hooks]
        texts = [text.replace("desk", f"desk-{n}") if n else text for n, text in enumerate(texts)]
        return load(written(file, state, "".join(texts)), {})

    async with receiver() as first, receiver() as second:
        config = configured(first)
        async with open_site(config, read_again=lambda: load(file, {})) as site:
            await sent_test(site, "desk", first)
            Webhook(secret(1)).verify(first.got[-1].body, first.got[-1].headers)
            untouched = first.connections
            assert await site.reload.apply() == Reloaded((), ())

            key.write_text(secret(2))
            assert await site.reload.apply() == Reloaded(("webhook",), ())
            await sent_test(site, "desk", first)
            Webhook(secret(2)).verify(first.got[-1].body, first.got[-1].headers)
            assert first.connections == untouched + 1

            configured(second, first)
            assert await site.reload.apply() == Reloaded(("webhook",), ())
            await sent_test(site, "desk", second)
            await sent_test(site, "desk-1", first)
            assert [state.endpoint.id for state in await site.outbox.states()] == ["desk", "desk-1"]

            configured()
            assert await site.reload.apply() == Reloaded(("webhook",), ())
            with pytest.raises(NotFound):
                await site.outbox.test("desk", principal="user:a")
            ids = [got.id for got in (*first.got, *second.got)]
            assert len(ids) == len(set(ids)) == 4


async def sent_test(site: Site, endpoint: str, there: Receiver) -> None:
    """Ask for a test message and wait until it is there and noted."""
    before = len(there.got)
    message = await site.outbox.test(endpoint, principal="user:a")
    async with asyncio.timeout(10):
        while (await site.outbox.get(message.id)).state is not MessageState.DELIVERED:
            await asyncio.sleep(0.02)
    assert len(there.got) == before + 1


async def test_a_secret_that_is_not_there_changes_nothing(tmp_path: Path) -> None:
    file, state, key = tmp_path / "lfrd.toml", tmp_path / "state", tmp_path / "secret"
    key.touch(0o600)
    key.write_text(secret(1))
    async with receiver() as there:
        written(file, state, HOOK.format(url=there.url, secret=key))
        async with open_site(load(file, {}), read_again=lambda: load(file, {})) as site:
            key.unlink()
            written(file, state, HOOK.format(url="http://127.0.0.1:9/", secret=key) + CAMERA)
            with pytest.raises(ConfigError, match="desk"):
                await site.reload.apply()
            assert site.fleet.cameras() == ()
            await sent_test(site, "desk", there)
            key.touch(0o600)
            key.write_text(secret(1))
            await site.reload.apply()
            assert len(site.fleet.cameras()) == 1

"""A provider that fails in mid-run: it is said everywhere, and the service is started anew."""

import asyncio
import re
from pathlib import Path

import numpy as np
import pytest

from lfrd.cameras.life import CameraOptions
from lfrd.client import Client
from lfrd.deployment import run
from lfrd.errors import InferenceFailed
from lfrd.health import Status
from lfrd.ingest.settings import State
from lfrd.site import Site
from lfrd.vision import session
from lfrd.vision.engine import Vision
from lfrd.vision.planes import planes_from_rgb
from lfrd.wire.cameras import CameraCreate
from support.program import daemon, enrol, look_for
from support.site import SettableClock, deploy, governed, make_list
from support.video import encode, moving_picture
from support.waiting import until

ROOT = Path(__file__).parents[1]
WORDS = "the device is gone"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return encode(tmp_path / "loop.mp4", moving_picture(frames=1500))


def detected(site: Site) -> list[int]:
    return [c.counters.frames_detected for c in site.fleet.cameras() if c.counters]


async def run_until_it_breaks(
    state: Path, clock: SettableClock, clip: Path, monkeypatch: pytest.MonkeyPatch, ids: list[str]
) -> None:
    """Two cameras in a deployment, whose id is noted, until the site ends by itself."""
    async with governed(state, clock) as site:
        for name in ("door", "hall"):
            await site.fleet.add(name, name, str(clip), CameraOptions(), principal="user:test")
        ids.append((await deploy(site, await make_list(site))).id)
        await until(lambda: sum(count > 0 for count in detected(site)) >= 2)
        monkeypatch.setattr(session._OnnxRuntime, "run", gone)
        await until(lambda: site.health.now.status is Status.FAILED)
        assert any(WORDS in reason for reason in site.health.now.reasons)
        states = {camera.row.id: camera.status for camera in site.fleet.cameras()}
        assert states["door"].state is states["hall"].state is State.LOST
        assert WORDS in states["door"].reason
        assert WORDS in states["hall"].reason
        await asyncio.Event().wait()


async def test_every_camera_says_so_and_the_deployment_goes_on_after_the_restart(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "TOLD_S", 0.3)
    clock = SettableClock()

    ids: list[str] = []
    with pytest.raises(ExceptionGroup) as ended:
        await run_until_it_breaks(tmp_path / "state", clock, clip, monkeypatch, ids)
    assert ended.value.split(InferenceFailed)[1] is None, "nothing else went wrong"
    monkeypatch.undo()
    await goes_on(tmp_path / "state", clock, ids)


async def test_models_that_break_with_nobody_in_view_leave_the_deployment_waiting_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "TOLD_S", 0.3)
    monkeypatch.setattr(Vision.stay_clean, "__kwdefaults__", {"idle_s": 0.1})
    clock = SettableClock()

    ids: list[str] = []
    with pytest.raises(ExceptionGroup) as ended:
        await break_while_idle(tmp_path / "state", clock, monkeypatch, ids)
    assert ended.value.split(InferenceFailed)[1] is None, "nothing else went wrong"
    monkeypatch.undo()
    await goes_on(tmp_path / "state", clock, ids)


async def break_while_idle(
    state: Path, clock: SettableClock, monkeypatch: pytest.MonkeyPatch, ids: list[str]
) -> None:
    """Models that break when they are overwritten after a picture, with no camera there."""
    async with governed(state, clock) as site:
        ids.append((await deploy(site, await make_list(site))).id)
        await site.vision.detect(planes_from_rgb(np.zeros((360, 640, 3), np.uint8)))
        monkeypatch.setattr(session._OnnxRuntime, "run", gone)
        await until(lambda: site.health.now.status is Status.FAILED)
        await asyncio.Event().wait()


def gone(*_: object) -> None:
    raise RuntimeError(WORDS)


async def goes_on(state: Path, clock: SettableClock, ids: list[str]) -> None:
    """The deployment that was cut off goes on with the next start of the site."""
    async with governed(state, clock) as site:
        assert site.deployments.current is not None
        assert [site.deployments.current.id] == ids
        rows = await site.database.read(
            lambda reader: reader.column("SELECT action FROM audit_leaf")
        )
        steps = [action for action in rows if action.startswith("deployment.")]
        assert steps[-3:] == [
            "deployment.inference-failed", "deployment.suspend", "deployment.resume",
        ]  # fmt: skip


@pytest.mark.e2e
async def test_the_process_ends_with_a_code_that_makes_systemd_start_it_anew(
    tmp_path: Path, clip: Path
) -> None:
    state, trigger = tmp_path / "state", tmp_path / "gone"
    breaking = str(ROOT / "tests" / "support" / "breaking_provider.py"), str(trigger)
    async with daemon(state, program=breaking, limit_s=40) as (process, client):
        await _watched(client, clip)
        trigger.touch()
        reasons = await _said(client)
        async with asyncio.timeout(20):
            code = await process.wait()
    assert "nothing is compared any more" in reasons
    assert code == 1
    logged = (tmp_path / "daemon.log").read_text()
    assert re.search(r"failed on provider cpu(-int8)?: CUDA error 719", logged)
    unit = (ROOT / "systemd" / "lfrd.service").read_text()
    assert "Restart=on-failure" in unit, "which it does for this code"


async def _watched(client: Client, clip: Path) -> None:
    """A camera that is compared with a list."""
    await client.add_camera(CameraCreate(id="door", address=str(clip)))
    await look_for(client, await enrol(client))
    async with asyncio.timeout(20):
        while (await client.camera("door")).state != "live":
            await asyncio.sleep(0.05)


async def _said(client: Client) -> str:
    """The reasons on the health board once it is red."""
    async with asyncio.timeout(10):
        while (health := await client.health()).status != "failed":
            await asyncio.sleep(0.05)
    return " ".join(health.reasons)

"""What goes wrong with one camera ends no other camera, no deployment and not the site."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from lfrd.cameras import life
from lfrd.cameras.life import CameraOptions
from lfrd.counters import CameraCounters
from lfrd.daemon import open_site
from lfrd.demo.stream import rtsp_stream
from lfrd.errors import BadInput, InferenceFailed
from lfrd.store import cameras as stored
from lfrd.store.database import SYSTEM
from lfrd.supervise import Backoff
from lfrd.types import Frame
from lfrd.wire.cameras import Camera, CameraCreate, CameraState
from support.program import enrol, look_for
from support.site import Served, config_on, serve
from support.video import clip

WAIT_S = 20.0


@asynccontextmanager
async def deployed(tmp_path: Path, demo_clip: Path) -> AsyncIterator[tuple[Served, str]]:
    """A site with a live camera in a running deployment, and the deployment's id."""
    async with rtsp_stream(demo_clip) as address, serve(tmp_path / "state") as served:
        await served.client.add_camera(CameraCreate(id="good", address=address))
        deployment_id = await look_for(served.client, await enrol(served.client))
        await until(served, "good", CameraState.LIVE)
        yield served, deployment_id


async def until(served: Served, name: str, *states: CameraState) -> Camera:
    async with asyncio.timeout(WAIT_S):
        while (camera := await served.client.camera(name)).state not in states:
            await asyncio.sleep(0.05)
    return camera


async def test_no_file_ends_a_deployment(tmp_path: Path, demo_clip: Path) -> None:
    files = {name: tmp_path / f"{name}.mp4" for name in ("gone", "text", "cut", "pipe", "empty")}
    for path in files.values():
        path.write_text("no video at all\n" * 200)
    files["cut"].write_bytes(clip(tmp_path / "whole.mp4").read_bytes()[:3000])
    files["empty"].write_bytes(b"")
    async with deployed(tmp_path, demo_clip) as (served, deployment_id):
        for name, path in files.items():
            paused = CameraCreate(id=name, address=str(path))
            await served.client.add_camera(paused)
        files["gone"].unlink()
        files["pipe"].unlink()
        os.mkfifo(files["pipe"])
        for name in files:
            camera = await until(served, name, CameraState.LOST)
            assert f"{name}.mp4" in camera.reason
        await asyncio.sleep(1.2)  # each has been tried again
        assert (await served.client.deployment(deployment_id)).state == "running"
        assert (await served.client.camera("good")).state is CameraState.LIVE
        assert any("camera text" in reason for reason in (await served.client.health()).reasons)


async def test_a_mistyped_file_is_told_when_it_is_added(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    async with serve(tmp_path / "state") as served:
        for name in ("pipe", ""):
            with pytest.raises(BadInput, match="give the path of a video file"):
                await served.client.add_camera(
                    CameraCreate(id="typo", address=str(tmp_path / name))
                )
        assert await served.client.cameras() == ()
        missing = CameraCreate(id="typo", address=str(tmp_path / "missing.mp4"))
        added = await served.client.add_camera(missing)
        assert added.reason.endswith("missing.mp4 does not exist, or may not be read by this user")


async def test_a_fault_with_one_cameras_pictures_is_that_cameras(
    tmp_path: Path, demo_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life, "AFTER_FAULT", Backoff(first_s=0.2, cap_s=0.2))
    seen = {"good": 0, "bad": 0}

    async def job(camera_id: str, frames: AsyncIterator[Frame], _: CameraCounters) -> None:
        async def take_all() -> None:
            async for _ in frames:
                seen[camera_id] += 1
                if camera_id == "bad":
                    raise ZeroDivisionError("zq-secret")

        async with asyncio.TaskGroup() as outer, asyncio.TaskGroup() as inner:
            inner.create_task(take_all())
            outer.create_task(asyncio.sleep(0))

    async with rtsp_stream(demo_clip) as address, serve(tmp_path / "state") as served:
        for name in seen:
            await served.client.add_camera(CameraCreate(id=name, address=address))
        stop = asyncio.Event()
        running = asyncio.create_task(served.site.fleet.life.run(job, stop))
        camera = await until(served, "bad", CameraState.LOST)
        assert "ZeroDivisionError at test_life.py" in camera.reason
        assert "zq-secret" not in camera.reason
        async with asyncio.timeout(WAIT_S):
            while seen["bad"] < 3:
                await asyncio.sleep(0.05)
        before = seen["good"]
        async with asyncio.timeout(WAIT_S):
            while seen["good"] < before + 5:
                await asyncio.sleep(0.05)
        stop.set()
        await running


async def test_a_failure_of_the_machine_still_ends_the_site(
    tmp_path: Path, demo_clip: Path
) -> None:
    async def job(_: str, frames: AsyncIterator[Frame], __: CameraCounters) -> None:
        async for _frame in frames:
            raise InferenceFailed("broken")

    async def watch() -> None:
        async with open_site(config_on(tmp_path / "state")) as site:
            await site.fleet.add("a", "a", str(demo_clip), CameraOptions(), principal=SYSTEM)
            await site.fleet.life.run(job, asyncio.Event())

    with pytest.raises(ExceptionGroup) as ended:
        await watch()
    assert ended.group_contains(InferenceFailed)


async def test_what_another_version_stored_is_said_and_nothing_more(
    tmp_path: Path, demo_clip: Path
) -> None:
    async with deployed(tmp_path, demo_clip) as (served, deployment_id):
        await served.client.add_camera(CameraCreate(id="old", address="rtsp://127.0.0.1:1/x"))
        member = served.site.fleet._members["old"]
        await member.halt()
        member.row = replace(member.row, address="rtsp://me:zq-secret@")
        await served.site.database.write(lambda tx: stored.update(tx, member.row), principal=SYSTEM)
        served.site.fleet.life.launch(member)
        camera = await until(served, "old", CameraState.LOST)
        assert "zq-secret" not in camera.model_dump_json()
        assert (await served.client.deployment(deployment_id)).state == "running"
    async with serve(tmp_path / "state") as served:
        assert "zq-secret" not in (await served.client.camera("old")).model_dump_json()

"""Cameras through the API, on real streams: paused, changed, tested, hidden, published to."""

import asyncio
import io
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from lfrd.api.routes.thresholds import _since_restart
from lfrd.client import Client
from lfrd.demo.stream import rtsp_stream
from lfrd.errors import BadInput, Conflict, Denied
from lfrd.vocabulary import Role
from lfrd.wire.cameras import Camera, CameraChange, CameraCreate, CameraState, Regions
from lfrd.wire.people import TokenCreate
from support.certificates import self_signed
from support.program import enrol, look_for
from support.site import Served, serve
from support.video import RtspServer, clip, reshaped
from support.webrtc import ffmpeg_publisher

WAIT_S = 20.0


@asynccontextmanager
async def street(tmp_path: Path, demo_clip: Path) -> AsyncIterator[tuple[Served, str]]:
    """A site with one RTSP camera `street`, and the address of its stream."""
    async with rtsp_stream(demo_clip) as address, serve(tmp_path / "state") as served:
        await served.client.add_camera(CameraCreate(id="street", address=address))
        yield served, address


async def until(served: Served, wanted: Callable[[Camera], bool], name: str = "street") -> Camera:
    async with asyncio.timeout(WAIT_S):
        while not wanted(camera := await served.client.camera(name)):
            await asyncio.sleep(0.05)
    return camera


def is_live(camera: Camera) -> bool:
    return camera.state is CameraState.LIVE and camera.rates is not None


async def test_idle_live_paused_resumed_and_idle_again(tmp_path: Path, demo_clip: Path) -> None:
    async with street(tmp_path, demo_clip) as (served, _):
        idle = await served.client.camera("street")
        assert (idle.state, idle.rates) == (CameraState.IDLE, None)
        deployment_id = await look_for(served.client, await enrol(served.client))
        live = await until(served, is_live)
        assert (live.width_px, live.codec, live.decoder) == (1280, "h264", "software")
        paused = await served.client.change_camera("street", CameraChange(enabled=False))
        assert paused.state is CameraState.PAUSED
        resumed = await served.client.change_camera("street", CameraChange(enabled=True))
        assert (resumed.state, resumed.reason) == (CameraState.CONNECTING, "starting")
        await until(served, is_live)
        ended = await served.client.end_deployment(deployment_id, "enough")
        assert ended.state == "ended"
        assert (await served.client.camera("street")).state is CameraState.IDLE


async def test_why_says_that_a_restart_forgot_the_minutes_and_keeps_the_sum(
    tmp_path: Path, demo_clip: Path
) -> None:
    async with street(tmp_path, demo_clip) as (served, _):
        deployment_id = await look_for(served.client, await enrol(served.client))
        site = served.site
        begun_s = site.clock.wall_s()
        assert _since_restart(site, deployment_id, begun_s + 1.0, None) == ()
        anew = replace(site, started_at_s=begun_s + 100.0)
        assert _since_restart(anew, deployment_id, 0.0, None) == (), "the sum is known"
        for since_s, until_s in ((begun_s + 1.0, None), (0.0, begun_s + 200.0)):
            (said,) = _since_restart(anew, deployment_id, since_s, until_s)
            assert "the daemon was started anew then" in said
        assert _since_restart(anew, deployment_id, anew.started_at_s + 60.0, None) == ()


async def test_pausing_the_last_camera_does_not_end_the_deployment(
    tmp_path: Path, demo_clip: Path
) -> None:
    async with street(tmp_path, demo_clip) as (served, address):
        deployment_id = await look_for(served.client, await enrol(served.client))
        await until(served, is_live)
        await served.client.remove_camera("street")
        await asyncio.sleep(0.3)
        assert (await served.client.deployment(deployment_id)).state == "running"
        await served.client.add_camera(CameraCreate(id="again", address=address))
        await until(served, is_live, "again")


async def test_a_masked_face_is_never_found(tmp_path: Path, demo_clip: Path) -> None:
    everything = Regions(privacy=(((0, 0), (1, 0), (1, 1), (0, 1)),))
    async with street(tmp_path, demo_clip) as (served, _):
        changed = await served.client.change_camera("street", CameraChange(regions=everything))
        assert changed.regions == everything
        await look_for(served.client, await enrol(served.client))
        # A black picture stands still, and is looked at once in a while only.
        await until(served, lambda c: c.rates is not None and c.rates.frames_detected >= 4)
        rates = (await served.client.camera("street")).rates
        assert rates is not None
        assert (rates.faces_detected, rates.tracks) == (0, 0)
        await served.client.change_camera("street", CameraChange(regions=Regions()))
        await until(served, lambda c: c.rates is not None and c.rates.faces_detected > 0)


@pytest.mark.e2e
async def test_camera_test_measures_and_advises_without_a_trace(
    tmp_path: Path, demo_clip: Path
) -> None:
    async with street(tmp_path, demo_clip) as (served, _):
        report = await served.client.check_camera("street", 4.0)
        assert (report.codec, report.width_px, report.height_px) == ("h264", 1280, 720)
        assert report.fps == pytest.approx(25, abs=4)
        assert report.bit_rate_kbps is not None
        assert report.faces > 0
        assert report.inter_eye_largest_px is not None
        assert report.inter_eye_largest_px > 24
        assert report.advice
        assert report.yaw_median_deg is not None
        assert report.share_turned is not None
        assert served.site.vision.counts.made == 0, "no template is made"
        assert served.site.vision.crops_held == 0
        logged = await served.site.database.read(
            lambda reader: reader.count(
                "SELECT count(*) FROM audit_leaf WHERE action = ?", ("camera.test",)
            )
        )
        assert logged == 1


@pytest.mark.e2e
async def test_a_small_stream_is_found_used_and_told_from_another_view(
    tmp_path: Path, demo_clip: Path
) -> None:
    folder = tmp_path / "camera"
    folder.mkdir()
    shutil.copy(demo_clip, folder / "stream1.mp4")
    await asyncio.to_thread(
        reshaped, demo_clip, folder / "stream2.mp4", size=(320, 180), seconds=12.0
    )
    clip(folder / "other.mp4", width=320, height=180)
    async with RtspServer(folder).running() as server, serve(tmp_path / "state") as served:
        client, look = served.client, "/stream2.mp4?play_count=0"
        await client.add_camera(CameraCreate(id="street", address=server.url("stream1.mp4")))
        report = await client.check_camera("street", 5.0)
        assert (report.small_width_px, report.small_height_px) == (320, 180)
        assert report.small_likeness is not None
        assert report.small_likeness > 0.9
        assert any("--look" in line for line in report.advice)
        await client.change_camera("street", CameraChange(look_address=look))
        report = await client.check_camera("street", 3.0)
        assert not any("--look" in line for line in report.advice)
        await client.change_camera("street", CameraChange(look_address="/other.mp4?play_count=0"))
        report = await client.check_camera("street", 3.0)
        assert any("another view" in line for line in report.advice)


@pytest.mark.e2e
async def test_a_camera_of_two_streams_finds_people_in_the_large_one(
    tmp_path: Path, demo_clip: Path
) -> None:
    folder = tmp_path / "camera"
    folder.mkdir()
    shutil.copy(demo_clip, folder / "large.mp4")
    await asyncio.to_thread(
        reshaped, demo_clip, folder / "small.mp4", size=(640, 360), seconds=12.0
    )
    async with RtspServer(folder).running() as server, serve(tmp_path / "state") as served:
        await served.client.add_camera(
            CameraCreate(
                id="street", address=server.url("large.mp4"),
                look_address="/small.mp4?play_count=0",
            )
        )  # fmt: skip
        await look_for(served.client, await enrol(served.client))
        camera = await until(
            served,
            lambda c: c.rates is not None and c.rates.tracks > 0 and c.state is CameraState.LIVE,
        )
        assert camera.rates is not None
        assert camera.rates.large_frames_decoded > 0
        assert camera.width_px == 1280
        async with asyncio.timeout(WAIT_S):
            while served.site.vision.counts.made == 0:
                await asyncio.sleep(0.05)


async def test_a_preview_shows_nobody(tmp_path: Path, demo_clip: Path) -> None:
    async with street(tmp_path, demo_clip) as (served, _):
        picture = Image.open(io.BytesIO(await served.client.camera_preview("street")))
        assert picture.size == (1280, 720)
        rgb = np.asarray(picture.convert("RGB")).astype(int)
        inside = rgb[4:76, 4:76]
        assert np.ptp(inside, axis=(0, 1)).max() < 12, "a cell is flat"


async def test_only_a_supervisor_sees_a_camera_in_the_clear_and_it_is_logged(
    tmp_path: Path, demo_clip: Path
) -> None:
    async with street(tmp_path, demo_clip) as (served, _):
        client = served.client
        regions = Regions(privacy=(((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)),))
        await client.change_camera("street", CameraChange(regions=regions))
        flat = Image.open(io.BytesIO(await client.camera_snapshot("street")))
        clear = Image.open(io.BytesIO(await client.camera_snapshot("street", clear=True)))
        assert flat.size == clear.size == (1280, 720)
        inside = np.asarray(flat.convert("RGB")).astype(int)[4:76, 644:716]
        assert np.ptp(inside, axis=(0, 1)).max() < 12, "a cell is flat"
        seen = np.asarray(clear.convert("L")).astype(int)
        assert seen[:, :600].max() < 24, "the mask is drawn"
        assert np.ptp(seen[4:76, 644:716]) > 24, "the rest is as it is"
        new = TokenCreate(principal="oli", role=Role.OPERATOR)
        secret = (await client.create_token(new)).secret
        async with Client.over_socket(served.socket, secret) as oli:
            assert (await oli.camera_snapshot("street"))[:2] == b"\xff\xd8"
            with pytest.raises(Denied, match="supervisor"):
                await oli.camera_snapshot("street", clear=True)
            with pytest.raises(Denied, match="supervisor"):
                async with oli.camera_stream("street", clear=True):
                    pass
        leaves = (await client.audit_leaves({"limit": 50})).leaves
        looks = [
            (leaf.action, leaf.event_class) for leaf in leaves if leaf.action[:10] == "camera.aim"
        ]
        assert looks == [("camera.aim", "consultation")]


async def test_a_stream_for_aiming_ends_by_itself(tmp_path: Path, demo_clip: Path) -> None:
    async with street(tmp_path, demo_clip) as (served, _):
        async with served.client.camera_stream("street", seconds=1.5) as pieces:
            text = b"".join([piece async for piece in pieces])
        assert 2 <= text.count(b"--lfrd-picture\r\nContent-Type: image/jpeg\r\n") <= 8
        assert served.site.vision.counts.made == 0
        async with served.client.camera_stream("street") as pieces:
            await anext(aiter(pieces))  # and away
        async with asyncio.timeout(WAIT_S):
            while served.site.camera_check._aimed:
                await asyncio.sleep(0.05)


async def test_keep_connected_shows_life_without_decoding(tmp_path: Path, demo_clip: Path) -> None:
    async with street(tmp_path, demo_clip) as (served, _):
        await served.client.change_camera("street", CameraChange(keep_connected=True))
        camera = await until(served, lambda c: "nothing is decoded" in c.reason)
        assert (camera.state, camera.rates) == (CameraState.IDLE, None)
        with pytest.raises(BadInput):
            await served.client.add_camera(
                CameraCreate(id="gate", address="whip://", keep_connected=True)
            )


async def test_a_publisher_comes_in_with_the_cameras_token_only_while_deployed(
    tmp_path: Path,
) -> None:
    async with serve(tmp_path / "state", tcp="127.0.0.1:0") as served:
        added = await served.client.add_camera(CameraCreate(id="gate", address="whip://"))
        assert added.publish_token
        assert (await served.client.camera("gate")).model_dump_json().count("token") == 0
        url = f"http://127.0.0.1:{served.server.tcp_port}/v1/whip/gate"
        async with httpx.AsyncClient() as http:
            head = {"content-type": "application/sdp"}
            with_token = head | {"authorization": f"Bearer {added.publish_token}"}
            idle = await http.post(url, content="v=0\r\n", headers=with_token)
            assert (idle.status_code, "retry-after" in idle.headers) in {(409, True), (422, False)}
            await look_for(served.client, await enrol(served.client))
            for headers in (head, head | {"authorization": "Bearer wrong"}):
                refused = await http.post(url, content="v=0\r\n", headers=headers)
                assert refused.status_code == 401
            elsewhere = await http.post(
                url.replace("gate", "nobody"), content="v=0", headers=with_token
            )
            assert elsewhere.status_code == 401
            huge = await http.post(url, content="v" * 1_000_000, headers=with_token)
            assert huge.status_code == 413
            nonsense = await http.post(url, content="hello", headers=with_token)
            assert nonsense.status_code == 422
        with ffmpeg_publisher(url, added.publish_token, self_signed(tmp_path)):
            live = await until(served, is_live, "gate")
            assert live.codec == "h264"


async def test_a_camera_that_cannot_be_is_refused(tmp_path: Path) -> None:
    async with serve(tmp_path / "state") as served:
        await served.client.add_camera(CameraCreate(id="a", address="rtsp://h/x"))
        with pytest.raises(Conflict):
            await served.client.add_camera(CameraCreate(id="a", address="rtsp://h/y"))
        with pytest.raises(BadInput):
            await served.client.add_camera(CameraCreate(id="b", address="gopher://h/x"))

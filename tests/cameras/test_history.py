"""How a camera was in a deployment, and what it counted, can be asked afterwards."""

import asyncio
import time
from itertools import pairwise
from pathlib import Path

import pytest

from lfrd.demo.stream import rtsp_stream
from lfrd.errors import Conflict, NotFound
from lfrd.store import camera_states
from lfrd.store.database import SYSTEM
from lfrd.vocabulary import ErasureKind, Role
from lfrd.wire.cameras import CameraChange, CameraCreate, CameraState
from support.program import enrol, look_for
from support.site import serve

SEEN = [CameraState.CONNECTING, CameraState.LIVE, CameraState.PAUSED]


async def test_the_states_of_a_camera_are_kept_with_the_deployment(
    tmp_path: Path, demo_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_states, "KEPT_MAX", 3)
    async with rtsp_stream(demo_clip) as address, serve(tmp_path / "state") as served:
        client = served.client
        await client.add_camera(CameraCreate(id="gate", address=address))
        assert (await client.camera_history("gate")).items == ()
        deployment_id = await look_for(client, await enrol(client))

        async def until_it_is(state: CameraState) -> None:
            async with asyncio.timeout(20):
                while True:
                    page = await client.camera_history("gate", limit=1)
                    if [item.state for item in page.items] == [state]:
                        return
                    await asyncio.sleep(0.05)

        await until_it_is(CameraState.LIVE)
        await client.change_camera("gate", CameraChange(enabled=False))
        await until_it_is(CameraState.PAUSED)
        found = (await client.camera_history("gate", deployment_id)).items[::-1]
        assert [item.state for item in found] == SEEN
        for item, following in pairwise(found):
            assert item.since_at_s <= following.since_at_s == item.until_at_s
        assert found[-1].until_at_s is None
        assert found[-1].reason == "paused"
        first = await client.camera_history("gate", limit=2)
        rest = await client.camera_history("gate", limit=2, after=first.next)
        assert [*first.items, *rest.items] == list(found[::-1])

        await client.change_camera("gate", CameraChange(enabled=True))
        await until_it_is(CameraState.LIVE)
        kept = (await client.camera_history("gate")).items
        assert [item.state for item in kept][::-1] == [CameraState.PAUSED, *SEEN[:2]]

        await client.end_deployment(deployment_id, "seen enough")
        ended = (await client.camera_history("gate", deployment_id)).items
        over = await client.deployment(deployment_id)
        assert ended[0].until_at_s == over.ended_at_s
        await client.remove_camera("gate")
        assert (await client.camera_history("gate")).items == ended
        await served.site.eraser.erase(
            ErasureKind.DEPLOYMENT, deployment_id, "over", principal=SYSTEM, role=Role.SUPERVISOR
        )
        with pytest.raises(NotFound):
            await client.camera_history("gate")


async def test_what_a_camera_counted_can_be_asked_after_the_deployment(
    tmp_path: Path, demo_clip: Path
) -> None:
    async with rtsp_stream(demo_clip) as address, serve(tmp_path / "state") as served:
        client, begin_s = served.client, time.time() - 600
        await client.add_camera(CameraCreate(id="gate", address=address))
        assert await client.flow("gate", begin_s, time.time()) == ()
        deployment_id = await look_for(client, await enrol(client))
        async with asyncio.timeout(30):
            while not sum(x.faces_detected for x in await client.flow("gate", begin_s, 2e9)):
                await asyncio.sleep(0.1)
        live = await client.flow("gate", begin_s, 2e9, deployment_id)
        assert {minute.span_s for minute in live} == {60.0}
        await client.end_deployment(deployment_id, "seen enough")

        over = await client.flow("gate", begin_s, 2e9)
        assert {minute.span_s for minute in over} == {300.0}
        assert over == await client.flow("gate", begin_s, 2e9, deployment_id)
        assert sum(x.faces_detected for x in over) >= sum(x.faces_detected for x in live)
        why = await client.why("gate", deployment_id=deployment_id)
        assert why.faces_detected == sum(x.faces_detected for x in over)
        assert why.candidates == sum(x.candidates for x in over)
        with pytest.raises(Conflict):
            await client.why("gate")
        assert await client.flow("gate", 0.0, begin_s) == ()
        with pytest.raises(NotFound):
            await client.flow("nowhere", 0.0, 2e9)

"""After "not a match" an entry is silent for that track only: a real stream, list and review."""

import asyncio
from pathlib import Path

import pytest

from lfrd.demo.clip import listed_photo
from lfrd.demo.stream import rtsp_stream
from lfrd.store import episodes
from lfrd.wire.alerts import Alert, ReviewDecision, ReviewSubmit, Shown
from lfrd.wire.cameras import CameraCreate
from support.photos import astronaut
from support.program import enrol, look_for
from support.site import Served, serve

PASS_S = 40.0
"""The clip shows the person twice in 24 s; and a busy machine."""
SEEN = Shown(face_px=64, reference_px=64, seen_s=2.0)
NO = ReviewSubmit(shown=SEEN, decision=ReviewDecision.NOT_A_MATCH, reason="somebody else")


async def alerts(served: Served, count: int) -> list[Alert]:
    """The alerts, oldest first, once there are so many."""
    async with asyncio.timeout(PASS_S):
        while len(found := await served.client.alerts()) < count:
            await asyncio.sleep(0.05)
    return list(reversed(found))


async def say_no(served: Served, alert: Alert) -> None:
    await served.client.submit_review(alert.id, NO)
    await served.client.finish_review(alert.id)


async def track_of(served: Served, alert: Alert) -> int:
    found = await served.site.database.read(lambda reader: episodes.get(reader, alert.id))
    return found.track_id


@pytest.mark.e2e
async def test_not_a_match_silences_that_entry_on_that_track_alone(
    tmp_path: Path, demo_clip: Path
) -> None:
    async with rtsp_stream(demo_clip) as address, serve(tmp_path / "state") as served:
        await served.client.add_camera(CameraCreate(id="street", address=address))
        # Two entries that look alike, as twins do, of two persons.
        twins = await enrol(served.client, {"first": astronaut(), "second": listed_photo()})
        await look_for(served.client, twins)
        (first,) = await alerts(served, 1)
        await say_no(served, first)
        # Silent is the entry, not the track: its twin now comes first, on the same track.
        second = (await alerts(served, 2))[1]
        assert second.reference != first.reference
        assert await track_of(served, second) == await track_of(served, first)
        await say_no(served, second)
        # Nothing of this passage outlives it: on the next, the same entry is raised again.
        third = (await alerts(served, 3))[2]
        assert third.reference in (first.reference, second.reference)
        assert await track_of(served, third) != await track_of(served, first)
        kept = await served.client.alert(first.id)
        assert kept.revealed is not None
        assert kept.revealed.looks >= 1

"""Health, cameras, watchlists and deployments through a real socket, models and database."""

import asyncio
import io
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio.to_thread
import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lfrd.api import rates
from lfrd.api.images import answer
from lfrd.client import Back
from lfrd.clock import ManualClock
from lfrd.counters import CameraCounters
from lfrd.errors import BadInput, Conflict, NotFound, StoreFailed
from lfrd.matching.live_search import open_search
from lfrd.vocabulary import Category, DeploymentState
from lfrd.wire.cameras import CameraChange, CameraCreate, CameraState
from lfrd.wire.deployments import DeploymentStart
from lfrd.wire.events import EventKind, EventMessage
from lfrd.wire.health import HealthChange, HealthStatus
from lfrd.wire.lists import EntryCreate, Watchlist, WatchlistChange, WatchlistCreate
from support.photos import astronaut, jpeg_of
from support.site import Served, serve

LIST = WatchlistCreate(
    name="excluded", category=Category.TEST, purpose="house ban", owner="security"
)
ENTRY = EntryCreate(reference="ref-1", basis="ban of 3 May", source="incident 12")
START = {"profile": "lab", "purpose": "a test", "place": "the hall"}


async def count(served: Served, table: str) -> int:
    return await served.site.database.read(
        lambda reader: reader.count(f"SELECT count(*) FROM {table}")
    )


async def leaves(served: Served, action: str) -> int:
    return await served.site.database.read(
        lambda reader: reader.count("SELECT count(*) FROM audit_leaf WHERE action = ?", (action,))
    )


# --- health


async def test_health_says_why(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        health = await served.client.health()
        assert (health.status, health.reasons) == (HealthStatus.OK, ())
        assert health.model.pack == "yunet-sface"
        assert len(health.model.recogniser_digest) == 64
        served.site.health.fail("store", "the disk is full")
        health = await served.client.health()
        assert (health.status, health.reasons) == (HealthStatus.FAILED, ("the disk is full",))


# --- cameras


async def test_a_camera_comes_and_goes(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        client = served.client
        added = await client.add_camera(
            CameraCreate(id="north-door", address="rtsp://u:hunter2@127.0.0.1:9/1")
        )
        assert (added.id, added.name, added.enabled) == ("north-door", "north-door", True)
        assert added.state is CameraState.IDLE
        assert "hunter2" not in added.model_dump_json()
        shown = await client.camera("north-door")
        assert shown.model_dump() | {"publish_token": None} == added.model_dump()
        assert await client.cameras() == (shown,)
        with pytest.raises(Conflict):
            await client.add_camera(CameraCreate(id="north-door", address="other.mp4"))
        await client.remove_camera("north-door")
        assert await client.cameras() == ()
        with pytest.raises(NotFound):
            await client.remove_camera("north-door")
        with pytest.raises(NotFound):
            await client.camera("north-door")


async def test_a_null_takes_away_what_a_camera_was_read_with(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        secret = tmp_path / "ca.pem"
        new = CameraCreate(
            id="gate", address="rtsp://127.0.0.1:9/1", ca_file=str(secret), hwaccel="cuda",
            bearer_token="shown to them",
        )  # fmt: skip
        await served.client.add_camera(new)

        def read_with() -> tuple[object, ...]:
            options = served.site.fleet.get("gate").options
            return options.ca_file, options.hwaccel, options.bearer_token

        await served.client.change_camera("gate", CameraChange(name="The gate"))
        assert read_with() == (secret, "cuda", "shown to them")
        await served.client.change_camera("gate", CameraChange(hwaccel=None))
        assert read_with() == (secret, None, "shown to them")
        assert (await served.client.camera("gate")).hwaccel is None
        await served.client.change_camera("gate", CameraChange(ca_file=None, bearer_token=None))
        assert read_with() == (None, None, None)
    async with serve(tmp_path) as served:
        assert served.site.fleet.get("gate").options.bearer_token is None


async def test_a_small_stream_is_added_shown_masked_and_taken_away(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        client = served.client
        new = CameraCreate(
            id="hall", address="rtsp://u:hunter2@127.0.0.1:9/Streaming/Channels/101",
            look_address="/Streaming/Channels/102",
        )  # fmt: skip
        added = await client.add_camera(new)
        assert added.look_address is not None
        assert added.look_address.endswith("@127.0.0.1:9/Streaming/Channels/102")
        assert "hunter2" not in added.model_dump_json()
        settings = served.site.fleet.settings("hall")
        assert settings.look_address is not None
        assert "u:hunter2@" in settings.look_address.secret_location, "the login of the large one"
        await client.change_camera("hall", CameraChange(password="hunter3"))
        settings = served.site.fleet.settings("hall")
        assert settings.look_address is not None
        assert "u:hunter3@" in settings.look_address.secret_location
        changed = await client.change_camera("hall", CameraChange(look_address=None))
        assert changed.look_address is None


@pytest.mark.parametrize(
    ("address", "look"),
    [
        ("rtsp://u:hunter2@cam/1", "rtsp://u:hunter2@cam/1"),
        ("rtsp://u:hunter2@cam/1", "/1"),
        ("rtsp://u:hunter2@cam/1", "http://u:hunter2@cam/2"),
        ("rtsp://u:hunter2@cam/1", "hunter2.mp4"),
        ("rtsp://u:hunter2@cam/1", "rtsp:hunter2"),
        ("whip://", "rtsp://u:hunter2@cam/1"),
        ("https://u:hunter2@cam/1", "/2"),
    ],
)
async def test_an_impossible_small_stream_is_refused(
    tmp_path: Path, address: str, look: str
) -> None:
    async with serve(tmp_path) as served:
        with pytest.raises(BadInput) as refusal:
            await served.client.add_camera(CameraCreate(id="c", address=address, look_address=look))
        assert "hunter2" not in str(refusal.value)
        assert await count(served, "camera") == 0


@pytest.mark.parametrize("address", ["ftp://u:hunter2@cam/1", "rtsp://"])
async def test_an_impossible_address_is_refused(tmp_path: Path, address: str) -> None:
    async with serve(tmp_path) as served:
        with pytest.raises(BadInput) as refusal:
            await served.client.add_camera(CameraCreate(id="c", address=address))
        assert "hunter2" not in str(refusal.value)
        assert await count(served, "camera") == 0


def counts(decoded: int, detected: int) -> dict[str, CameraCounters]:
    return {"c": CameraCounters(frames_decoded=decoded, frames_detected=detected)}


def test_rates_are_counts_over_the_last_seconds() -> None:
    meter = rates.RateMeter()
    assert meter.measure(counts(100, 40), 10.0)[0].decode_fps == 0.0
    measured = meter.measure(counts(125, 48), 11.0)[0]
    assert (measured.camera_id, measured.decode_fps, measured.detect_fps) == ("c", 25.0, 8.0)
    for second in range(2, 10):
        measured = meter.measure(counts(100 + 50 * second, 40), 10.0 + second)[0]
    assert measured.decode_fps == 50.0, "what was long ago does not count"
    assert meter.measure(counts(3, 1), 20.0)[0].decode_fps == 0.0, "a new deployment"
    assert meter.measure({}, 21.0) == ()


@given(st.lists(st.floats(0, 1), max_size=200))
def test_the_meter_remembers_little(steps: list[float]) -> None:
    meter, now_s = rates.RateMeter(), 0.0
    for number, step in enumerate(steps):
        now_s += step / 10
        meter.measure(counts(number, number), now_s)
    kept = sum(len(samples) for samples in meter._samples.values())
    assert kept <= rates.WINDOW_S / rates.SAMPLE_EVERY_S + 1


# --- watchlists


async def made_list(served: Served) -> Watchlist:
    return await served.client.create_watchlist(LIST)


async def test_a_list_and_its_entries(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        client = served.client
        made = await made_list(served)
        assert (made.name, made.category, made.entries) == ("excluded", Category.TEST, 0)
        with pytest.raises(Conflict):
            await client.create_watchlist(LIST)
        entry = await client.add_entry(made.id, ENTRY)
        assert (entry.watchlist_id, entry.reference, entry.photos) == (made.id, "ref-1", ())
        with pytest.raises(Conflict):
            await client.add_entry(made.id, ENTRY)
        again = EntryCreate(reference="ref-2", basis="b", source="s", person_id=entry.person_id)
        assert (await client.add_entry(made.id, again)).person_id == entry.person_id
        assert [item.reference for item in await client.entries(made.id)] == ["ref-1", "ref-2"]
        assert (await client.watchlist(made.id)).entries == 2
        assert await client.entry(entry.id) == entry
        await client.delete_entry(entry.id)
        assert [item.reference for item in await client.entries(made.id)] == ["ref-2"]
        await client.delete_watchlist(made.id)
        assert await client.watchlists() == ()
        for path in (client.watchlist, client.entries, client.delete_watchlist):
            with pytest.raises(NotFound):
                await path(made.id)
        with pytest.raises(NotFound):
            await client.add_entry(made.id, ENTRY)


async def test_a_photo_is_enrolled_shown_and_deleted(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        client = served.client
        made = await made_list(served)
        entry = await client.add_entry(made.id, ENTRY)
        photo = await client.add_photo(entry.id, astronaut(), "astronaut.png")
        assert (photo.entry_id, photo.width_px, photo.height_px) == (entry.id, 512, 512)
        assert 30 < photo.inter_eye_px < 80
        assert (await client.entry(entry.id)).photos == (photo,)
        assert (await client.watchlist(made.id)).templates == 1
        assert await leaves(served, "image.read") == 0
        assert await client.photo_image(photo.id) == astronaut()
        assert await leaves(served, "image.read") == 1
        with pytest.raises(Conflict):
            await client.add_photo(entry.id, astronaut())
        await client.delete_photo(photo.id)
        assert await count(served, "template") == 0
        with pytest.raises(NotFound):
            await client.photo_image(photo.id)


def two_faces() -> bytes:
    rgb = np.asarray(Image.open(io.BytesIO(astronaut())))[:, :, :3]
    return jpeg_of(Image.fromarray(np.concatenate([rgb, rgb], axis=1)))


async def test_a_photo_that_cannot_be_used_is_refused_and_not_kept(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        entry = await served.client.add_entry((await made_list(served)).id, ENTRY)
        for data in (
            b"",
            b"this is no image",
            astronaut()[:20_000],
            jpeg_of(Image.new("RGB", (300, 300), "grey")),
            two_faces(),
        ):
            with pytest.raises(BadInput) as refusal:
                await served.client.add_photo(entry.id, data, "holiday.jpg")
            assert str(refusal.value)
        assert await count(served, "reference_image") == 0
        assert await count(served, "template") == 0
        with pytest.raises(NotFound):
            await served.client.add_photo("no-such-entry", astronaut())


async def test_a_photo_is_an_image_to_the_browser_and_never_kept(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        entry = await served.client.add_entry((await made_list(served)).id, ENTRY)
        photo = await served.client.add_photo(entry.id, astronaut())
        transport = httpx.AsyncHTTPTransport(uds=str(served.socket))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            answer = await client.get(f"/v1/photos/{photo.id}/image")
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["cache-control"] == "no-store"


def test_unknown_bytes_are_no_image_type() -> None:
    assert answer(b"\xff\xd8\xff\xe0").headers["content-type"] == "image/jpeg"
    assert answer(b"RIFF....WEBPVP8 ").headers["content-type"] == "image/webp"
    assert answer(b"<script>").headers["content-type"] == "application/octet-stream"


async def test_a_full_disk_is_a_503_and_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(tmp_path) as served:

        async def full(*_: object, **__: object) -> None:
            raise StoreFailed("the disk is full")

        monkeypatch.setattr(served.site.database, "write", full)
        with pytest.raises(StoreFailed, match="the disk is full"):
            await served.client.create_watchlist(LIST)
        monkeypatch.undo()
        assert await count(served, "watchlist") == 0


# --- deployments


async def test_a_deployment_starts_runs_and_ends(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        client = served.client
        assert await client.current_deployment() is None
        made = await made_list(served)
        entry = await client.add_entry(made.id, ENTRY)
        await client.add_photo(entry.id, astronaut())
        started = await client.start_deployment(
            DeploymentStart(**START, watchlist_ids=(made.id,), duration_s=600)
        )
        assert started.state is DeploymentState.RUNNING
        assert started.watchlist_ids == (made.id,)
        assert started.planned_end_at_s == pytest.approx(time.time() + 600, abs=60)
        health = await client.health()
        assert (health.deployment_id, health.gallery_templates) == (started.id, 1)
        current = await client.current_deployment()
        assert current is not None
        assert current.summary is not None
        with pytest.raises(Conflict, match="is running"):
            await client.start_deployment(DeploymentStart(**START, watchlist_ids=(made.id,)))
        ended = await client.end_deployment(started.id, "the test is over")
        assert (ended.state, ended.end_reason) == (DeploymentState.ENDED, "the test is over")
        assert ended.ended_by == (await client.me()).principal
        assert ended.summary is not None
        assert ended.summary.tracks == 0
        with pytest.raises(Conflict):
            await client.end_deployment(started.id, "again")
        assert [item.id for item in await client.deployments()] == [started.id]
        assert await client.deployment(started.id) == ended
        assert await client.current_deployment() is None


async def test_whoever_is_told_of_a_start_reads_the_deployment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While its lists are still being read, which takes seconds with many people on them; who ends
    it then waits until it has begun."""
    reading, may_go_on = asyncio.Event(), asyncio.Event()

    async def slowly(*given: Any) -> None:
        reading.set()
        await may_go_on.wait()
        await open_search(*given)

    monkeypatch.setattr("lfrd.deployment.runner.open_search", slowly)
    async with serve(tmp_path) as served, aclosing(served.client.events()) as stream:
        client = served.client
        assert isinstance(await anext(stream), Back)
        made = await made_list(served)
        entry = await client.add_entry(made.id, ENTRY)
        await client.add_photo(entry.id, astronaut())
        start = DeploymentStart(**START, watchlist_ids=(made.id,), duration_s=600)
        starting = asyncio.create_task(client.start_deployment(start))
        async with asyncio.timeout(10):
            async for item in stream:
                if isinstance(item, EventMessage) and item.kind is EventKind.DEPLOYMENT_CHANGED:
                    break
            current = await client.current_deployment()
            assert current is not None
            assert (current.id, current.state) == (item.subject_id, DeploymentState.RUNNING)
            assert (await client.health()).deployment_id == current.id
            await reading.wait()
            ending = asyncio.create_task(client.end_deployment(current.id, "a mistake"))
            await asyncio.sleep(0.05)
            assert not ending.done()
            may_go_on.set()
            assert (await starting).id == (await ending).id == current.id
        assert (await client.deployment(current.id)).end_reason == "a mistake"
        assert await client.current_deployment() is None


@pytest.mark.slow
async def test_the_coming_end_is_an_event_ten_minutes_and_one_before(tmp_path: Path) -> None:
    clock = ManualClock()
    async with serve(tmp_path, clock) as served, aclosing(served.client.events()) as stream:

        async def told(kind: EventKind) -> str:
            async with asyncio.timeout(10):
                async for item in stream:
                    if isinstance(item, EventMessage) and item.kind is kind:
                        return item.subject_id
            raise AssertionError("the stream ended")

        assert isinstance(await anext(stream), Back)
        made = await made_list(served)
        start = DeploymentStart(**START, watchlist_ids=(made.id,), duration_s=700)
        started = await served.client.start_deployment(start)
        await asyncio.sleep(0.1)  # it has seen how much time there is
        for pass_s in (101, 540):
            clock.advance(pass_s)
            assert await told(EventKind.DEPLOYMENT_ENDING) == started.id
            assert await served.client.current_deployment() is not None
        clock.advance(60)
        await served.site.deployments.until_over()
        ended = await served.client.deployment(started.id)
        assert ended.end_reason == "the planned end has come"


async def test_a_deployment_on_what_is_not_there_is_refused(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        with pytest.raises(NotFound):
            await served.client.start_deployment(DeploymentStart(**START, watchlist_ids=("none",)))
        with pytest.raises(NotFound):
            await served.client.end_deployment("none", "why not")
        assert await count(served, "deployment") == 0


async def test_an_interrupted_deployment_shows_no_invented_counts(tmp_path: Path) -> None:
    clock = ManualClock()
    async with serve(tmp_path, clock) as served:
        made = await made_list(served)
        await served.client.start_deployment(DeploymentStart(**START, watchlist_ids=(made.id,)))
        running_id = (await served.client.health()).deployment_id
        assert running_id is not None
        ended = await served.client.end_deployment(running_id, "over")
        await served.site.database.write(
            lambda tx: tx.execute("UPDATE deployment SET summary = '{}'"), principal="test"
        )
        assert ended.summary is not None
        assert (await served.client.deployment(running_id)).summary is None


async def test_a_camera_that_does_not_answer_says_so_while_a_deployment_runs(
    tmp_path: Path,
) -> None:
    async with serve(tmp_path) as served:
        client = served.client
        made = await made_list(served)
        await client.add_camera(CameraCreate(id="dead", address="rtsp://u:hunter2@127.0.0.1:9/1"))
        started = await client.start_deployment(DeploymentStart(**START, watchlist_ids=(made.id,)))
        async with asyncio.timeout(10), aclosing(client.events()) as stream:
            async for item in stream:
                if isinstance(item, HealthChange) and item.status is HealthStatus.DEGRADED:
                    break
        assert (await client.camera("dead")).state is CameraState.LOST
        health = await client.health()
        assert health.status is HealthStatus.DEGRADED
        assert "dead" in health.reasons[0]
        assert "hunter2" not in health.model_dump_json()
        assert "hunter2" not in (await client.camera("dead")).model_dump_json()
        await client.end_deployment(started.id, "over")
        assert (await client.health()).status is HealthStatus.OK


async def test_no_part_of_a_request_is_sent_to_a_thread_of_the_framework(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dependency that is no coroutine would be: that took most of a request's time."""

    async def refused(*_: object, **__: object) -> None:
        raise AssertionError("a dependency is no coroutine")

    async with serve(tmp_path) as served:
        monkeypatch.setattr(anyio.to_thread, "run_sync", refused)
        listed = await served.client.create_watchlist(LIST)
        await served.client.entries_page(listed.id)
        await served.client.alerts()
        await served.client.cameras()
        await served.client.tokens()
        await served.client.change_watchlist(listed.id, WatchlistChange(purpose="another"))

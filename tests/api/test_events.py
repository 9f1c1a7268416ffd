"""The event stream: replay across a restart, health and rates beside it, slow subscribers."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path

import httpx
import pytest

from lfrd.api.routes import events
from lfrd.client import Away, Back, Reset, StreamItem
from lfrd.errors import StoreFailed
from lfrd.events import EventKind as StoredKind
from lfrd.vocabulary import Category
from lfrd.wire.cameras import CameraCreate, CameraRates
from lfrd.wire.deployments import DeploymentStart
from lfrd.wire.events import EventKind, EventMessage
from lfrd.wire.health import HealthChange, HealthStatus
from lfrd.wire.lists import WatchlistCreate
from support.site import Served, serve
from support.store import raise_one

LIST = WatchlistCreate(name="one", category=Category.TEST, purpose="a test", owner="me")
CAMERA = CameraCreate(id="gate", address="gate.mp4")


async def first(
    stream: AsyncGenerator[StreamItem, None], kind: type, limit_s: float = 10.0
) -> StreamItem:
    """The next item of a kind; others are passed over."""
    async with asyncio.timeout(limit_s):
        async for item in stream:
            if isinstance(item, kind):
                return item
    raise AssertionError("the stream ended")


async def changes(stream: AsyncGenerator[StreamItem, None], count: int) -> list[EventMessage]:
    found = [await first(stream, EventMessage) for _ in range(count)]
    return [item for item in found if isinstance(item, EventMessage)]


def test_every_stored_kind_has_its_name_on_the_wire() -> None:
    assert set(events.KINDS) == set(StoredKind)
    assert set(events.KINDS.values()) == set(EventKind)


async def test_what_changes_is_told_by_name_only(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, aclosing(served.client.events()) as stream:
        assert isinstance(await first(stream, Back), Back)
        made = await served.client.create_watchlist(LIST)
        await served.client.add_camera(CAMERA)
        told = await changes(stream, 2)
        assert [(event.kind, event.subject_id) for event in told] == [
            (EventKind.WATCHLIST_CHANGED, made.id),
            (EventKind.CAMERA_CHANGED, "gate"),
        ]
        episode = await raise_one(served.site.database)
        async with asyncio.timeout(10):
            async for item in stream:
                if isinstance(item, EventMessage) and item.kind is EventKind.ALERT_RAISED:
                    assert item.subject_id == episode.id
                    break


async def test_a_new_subscriber_starts_now(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        await served.client.add_camera(CAMERA)
        async with aclosing(served.client.events()) as stream:
            await first(stream, Back)
            made = await served.client.create_watchlist(LIST)
            assert (await changes(stream, 1))[0].subject_id == made.id


async def test_what_was_missed_is_replayed_after_a_restart(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, aclosing(served.client.events()) as stream:
        await first(stream, Back)
        await served.client.create_watchlist(LIST)
        seen = (await changes(stream, 1))[0]
        await served.client.add_camera(CAMERA)
        await served.client.remove_camera("gate")
    async with serve(tmp_path) as served, aclosing(served.client.events(seen.id)) as stream:
        missed = await changes(stream, 2)
        assert [event.id for event in missed] == [seen.id + 1, seen.id + 2]
        await served.client.add_camera(CAMERA)
        assert (await changes(stream, 1))[0].id == seen.id + 3


async def test_one_stream_survives_the_restart_of_its_daemon(tmp_path: Path) -> None:
    async with serve(tmp_path) as first_life:
        follower = type(first_life.client).over_socket(first_life.socket)
        await follower.__aenter__()
        stream = follower.events()
        await first(stream, HealthChange)  # it knows its position, although nothing happened yet
    async with asyncio.timeout(10):
        away = await first(stream, Away)
        assert isinstance(away, Away)
    async with serve(tmp_path) as second_life:
        made = await second_life.client.create_watchlist(LIST)
        await first(stream, Back)
        assert (await changes(stream, 1))[0].subject_id == made.id
        await stream.aclose()
        await follower.__aexit__(None, None, None)


async def test_events_that_are_gone_are_a_reset(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        await served.client.create_watchlist(LIST)
        await served.client.add_camera(CAMERA)
        await served.site.database.write(
            lambda tx: tx.execute("DELETE FROM event WHERE id = 1"), principal="test"
        )
        for unknown in (0, 999):
            async with aclosing(served.client.events(unknown)) as stream:
                assert isinstance(await first(stream, Reset), Reset)
                await served.client.remove_camera("gate")
                told = (await changes(stream, 1))[0]
                assert told.kind is EventKind.CAMERA_CHANGED
                await served.client.add_camera(CAMERA)


async def test_health_is_told_at_once_and_when_it_changes(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, aclosing(served.client.events()) as stream:
        now = await first(stream, HealthChange)
        assert now == HealthChange(status=HealthStatus.OK, reasons=())
        served.site.health.fail("store", "the disk is full")
        then = await first(stream, HealthChange)
        assert then == HealthChange(status=HealthStatus.FAILED, reasons=("the disk is full",))


async def test_rates_come_while_cameras_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "RATES_EVERY_S", 0.05)
    async with serve(tmp_path) as served, aclosing(served.client.events()) as stream:
        made = await served.client.create_watchlist(LIST)
        await served.client.add_camera(CameraCreate(id="dead", address="rtsp://127.0.0.1:9/"))
        start = DeploymentStart(
            profile="lab", purpose="a test", place="here", watchlist_ids=(made.id,)
        )
        await served.client.start_deployment(start)
        rates = await first(stream, tuple)
        assert isinstance(rates, tuple)
        assert [item.camera_id for item in rates if isinstance(item, CameraRates)] == ["dead"]


async def raw_stream(served: Served, headers: dict[str, str], query: str = "") -> list[str]:
    """The first lines of a stream, up to the first comment or event."""
    transport = httpx.AsyncHTTPTransport(uds=str(served.socket))
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://x") as client,
        client.stream("GET", f"/v1/events{query}", headers=headers) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        lines = []
        async with asyncio.timeout(5):
            async for line in answer.aiter_lines():
                lines.append(line)
                if line.startswith((":", "data:")):
                    return lines
    return lines


async def test_the_stream_starts_with_its_position(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        await served.client.create_watchlist(LIST)
        assert (await raw_stream(served, {}))[:2] == ["id: 1", ""]
        assert (await raw_stream(served, {}, "?after=0"))[:2] == ["id: 0", ""]
        header = {"Last-Event-ID": "1"}
        assert (await raw_stream(served, header, "?after=0"))[:2] == ["id: 1", ""]


@pytest.mark.parametrize("header", ["x", "-1", "1.5", "９", "1" * 30, str(2**63)])
async def test_a_position_that_is_none_is_refused(tmp_path: Path, header: str) -> None:
    async with serve(tmp_path) as served:
        transport = httpx.AsyncHTTPTransport(uds=str(served.socket))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            answer = await client.get("/v1/events", headers={"Last-Event-ID": header.encode()})
        assert answer.status_code == 422
        assert answer.json()["code"] == "bad-input"


async def test_a_heartbeat_comes_when_nothing_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_EVERY_S", 0.05)
    async with serve(tmp_path) as served:
        transport = httpx.AsyncHTTPTransport(uds=str(served.socket))
        async with (
            asyncio.timeout(5),
            httpx.AsyncClient(transport=transport, base_url="http://x") as client,
            client.stream("GET", "/v1/events") as answer,
        ):
            async for line in answer.aiter_lines():
                if line.startswith(":"):
                    break


async def deaf(served: Served) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A subscriber that asks for the stream and then reads nothing."""
    reader, writer = await asyncio.open_unix_connection(str(served.socket), limit=1)
    writer.write(b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
    assert await reader.readexactly(9) == b"HTTP/1.1 "
    return reader, writer


async def test_a_subscriber_that_reads_nothing_is_cut_off_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "WRITE_S", 0.2)
    async with serve(tmp_path) as served, aclosing(served.client.events()) as stream:
        await first(stream, Back)
        _, writer = await deaf(served)
        reason = "x" * 100_000
        async with asyncio.timeout(20):
            for number in range(1000):
                served.site.health.fail("test", f"{number} {reason}")
                await first(stream, HealthChange)
                if served.server.connections == 1:
                    break
        assert served.server.connections == 1, "only the one that reads is left"
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        served.site.health.clear("test")


async def test_a_deaf_subscriber_does_not_hold_up_the_end(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        _, writer = await deaf(served)
        for number in range(30):
            served.site.health.fail("test", f"{number} " + "x" * 100_000)
            await asyncio.sleep(0.005)
        async with asyncio.timeout(1.5):
            await served.server.__aexit__(None, None, None)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_a_stream_whose_replay_fails_ends_and_may_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(tmp_path) as served, aclosing(served.client.events(0)) as stream:
        await served.client.create_watchlist(LIST)
        read = served.site.database.read

        async def broken(*_: object, **__: object) -> None:
            raise StoreFailed("the disk is broken")

        monkeypatch.setattr(served.site.database, "read", broken)
        assert isinstance(await first(stream, Away), Away)
        monkeypatch.setattr(served.site.database, "read", read)
        assert (await changes(stream, 1))[0].id == 1

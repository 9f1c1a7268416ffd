"""No user keeps others out, neither with idle connections nor with streams."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from lfrd.api import shares
from lfrd.api.shares import Connections, Requests, Task
from lfrd.client import Client
from support.site import Served, serve

Held = tuple[asyncio.StreamReader, asyncio.StreamWriter]
STREAM = b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n"
TOKENS = {f"secret {number}": f"token:person-{number}" for number in range(8)}


@asynccontextmanager
async def closing() -> AsyncIterator[list[Held]]:
    """A list whose connections are closed at the end."""
    held: list[Held] = []
    try:
        yield held
    finally:
        for _, writer in held:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def over_tcp(served: Served) -> Held:
    return await asyncio.open_connection("127.0.0.1", served.server.tcp_port)


async def over_socket(served: Served) -> Held:
    return await asyncio.open_unix_connection(str(served.socket))


async def status(held: Held, request: bytes) -> int:
    reader, writer = held
    writer.write(request + b"\r\n")
    async with asyncio.timeout(5):
        return int((await reader.readline()).split()[1])


def stream_of(secret: str) -> bytes:
    return STREAM + f"Authorization: Bearer {secret}\r\n".encode()


async def asked_at_once(served: Served, number: int) -> list[str]:
    """What each of so many new clients of the socket is told."""

    async def ask() -> str:
        async with Client.over_socket(served.socket) as client:
            return (await client.health()).status

    return await asyncio.gather(*(ask() for _ in range(number)))


async def test_idle_connections_without_a_token_keep_nobody_out(tmp_path: Path) -> None:
    async with serve(tmp_path, tcp="127.0.0.1:0", secrets=TOKENS) as served, closing() as held:
        for _ in range(2 * shares.CONNECTIONS_MAX):
            held.append(await over_tcp(served))
        assert set(await asked_at_once(served, 16)) == {"ok"}
        url = f"http://127.0.0.1:{served.server.tcp_port}"
        async with Client.over_tcp(url, "secret 1") as client:
            assert (await client.health()).status == "ok"
        assert served.server.connections <= shares.CONNECTIONS_MAX + 17


async def test_the_oldest_idle_connection_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "CONNECTIONS_MAX", 4)
    async with serve(tmp_path, tcp="127.0.0.1:0", secrets=TOKENS) as served, closing() as held:
        held.append(await over_tcp(served))
        assert await status(held[0], stream_of("secret 0")) == 200
        for _ in range(4):
            held.append(await over_tcp(served))
        async with asyncio.timeout(2):
            assert await held[1][0].read() == b"", "the oldest of the idle ones"
        for idle in held[2:]:
            assert await status(idle, b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n") == 401
        async with asyncio.timeout(5):
            assert await held[0][0].readline(), "who is being answered stays"


async def test_event_streams_of_one_user_keep_nobody_out(tmp_path: Path) -> None:
    """Not even the same user: their other requests are answered."""
    async with serve(tmp_path, secrets=TOKENS) as served, closing() as held:
        told = []
        for _ in range(64):
            held.append(await over_socket(served))
            told.append(await status(held[-1], STREAM))
        assert told.count(200) == shares.USER_STREAMS_MAX
        assert told.count(503) == 64 - shares.USER_STREAMS_MAX
        held.append(await over_socket(served))
        assert await status(held[-1], stream_of("secret 1")) == 200, "another user's"
        assert set(await asked_at_once(served, 16)) == {"ok"}


async def test_a_user_with_too_many_streams_is_told_why(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, closing() as held:
        for _ in range(shares.USER_STREAMS_MAX):
            held.append(await over_socket(served))
            assert await status(held[-1], STREAM) == 200
        reader, writer = await over_socket(served)
        held.append((reader, writer))
        writer.write(STREAM + b"\r\n")
        async with asyncio.timeout(5):
            answer = await reader.read()
        assert b"retry-after: 1" in answer
        assert b"you have 16 event streams and exports open: close one first" in answer
        held.pop(0)[1].close()
        await asyncio.sleep(0.1)
        held.append(await over_socket(served))
        assert await status(held[-1], STREAM) == 200, "one that ended makes room"


async def test_streams_of_many_users_leave_places_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "REQUESTS_MAX", 8)
    async with serve(tmp_path, secrets=TOKENS) as served, closing() as held:

        async def ask(secret: str) -> int:
            held.append(await over_socket(served))
            return await status(held[-1], stream_of(secret))

        for secret in ["secret 0"] * 4 + ["secret 1"] * 4:
            assert await ask(secret) == 200
        assert await ask("secret 0") == 503
        for number in range(2, 8):
            assert await ask(f"secret {number}") == 200, "who has none yet gets a kept place"
        assert set(await asked_at_once(served, 4)) == {"ok"}


async def test_streams_over_tcp_do_not_touch_the_socket(tmp_path: Path) -> None:
    async with serve(tmp_path, tcp="127.0.0.1:0", secrets=TOKENS) as served, closing() as held:
        told = []
        for secret in list(TOKENS) * shares.USER_STREAMS_MAX:
            held.append(await over_tcp(served))
            told.append(await status(held[-1], stream_of(secret)))
        assert told.count(200) == shares.REQUESTS_MAX
        assert set(await asked_at_once(served, 16)) == {"ok"}


async def test_idle_connections_of_one_user_close_before_those_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "CONNECTIONS_MAX", 8)
    async with (
        serve(tmp_path, tcp="127.0.0.1:0", secrets=TOKENS) as served,
        closing() as held,
        AsyncExitStack() as clients,
    ):
        url = f"http://127.0.0.1:{served.server.tcp_port}"
        known = await clients.enter_async_context(Client.over_tcp(url, "secret 1"))
        await known.health()
        for _ in range(40):
            held.append(await over_tcp(served))
        await known.health()  # on the same connection
        assert served.server.connections <= 8


# the rules alone ----------------------------------------------------------------------------------


@dataclass(eq=False)
class One:
    holder: str | None
    idle: bool = True
    closed: bool = False

    def cut_off(self) -> None:
        self.closed = True


def test_where_nobody_is_idle_there_is_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "CONNECTIONS_MAX", 2)
    connections = Connections()
    first, second = One("a", idle=False), One("a", idle=False)
    assert connections.enter(first)
    assert connections.enter(second)
    assert not connections.enter(One("b"))
    assert not first.closed
    assert not second.closed
    connections.leave(first)
    assert connections.enter(One("b"))


def test_a_connection_of_use_is_younger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "CONNECTIONS_MAX", 2)
    connections = Connections()
    first, second = One("a"), One("a")
    connections.enter(first)
    connections.enter(second)
    connections.answered(first)
    connections.enter(One("a"))
    assert (first.closed, second.closed) == (False, True)


def test_what_ends_leaves_nothing_counted() -> None:
    requests = Requests()
    tasks = [Task(who, local, endless) for who in "ab" for local in (True, False)
             for endless in (True, False)]  # fmt: skip
    for _ in range(1000):
        for task in tasks:
            assert requests.begin(task) is None
        for task in tasks:
            requests.end(task)


def test_one_user_may_have_so_many_requests() -> None:
    requests = Requests()
    for _ in range(shares.USER_REQUESTS_MAX):
        assert requests.begin(Task("a", local=True, endless=False)) is None
    assert "you have 40 requests" in str(requests.begin(Task("a", local=False, endless=False)))
    assert requests.begin(Task("b", local=True, endless=False)) is None

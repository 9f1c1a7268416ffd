"""Photos wait for room, in the order in which they came."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from fastapi import Request

from lfrd.api.uploads import LARGEST, Uploads
from lfrd.errors import BadInput

Sent = Callable[[], Awaitable[None]]


def request(body: bytes, declared: int | None = None) -> Request:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [] if declared is None else [(b"content-length", str(declared).encode())]
    return Request({"type": "http", "headers": headers}, receive)


class Senders:
    """Photos that are sent one after the other, and stay until they are let go."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self._let_go: dict[str, asyncio.Event] = {}
        self.inside: list[str] = []

    async def send(self, name: str, declared: int | None) -> None:
        self._let_go[name] = asyncio.Event()
        async with self._uploads.photo(request(b"x", declared)):
            self.inside.append(name)
            await self._let_go[name].wait()
            self.inside.remove(name)

    async def arrive(self, tasks: asyncio.TaskGroup, sizes: dict[str, int | None]) -> None:
        """One after the other."""
        for name, declared in sizes.items():
            tasks.create_task(self.send(name, declared))
            await settle()

    async def let_go(self, name: str) -> None:
        self._let_go[name].set()
        await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_large_photo_waits_for_room_and_is_not_overtaken() -> None:
    senders = Senders(Uploads(photos=9, bytes_at_once=100))
    async with asyncio.TaskGroup() as tasks:
        await senders.arrive(tasks, {"a": 60, "b": 30, "large": 100, "small": 5})
        assert senders.inside == ["a", "b"]
        await senders.let_go("a")
        assert senders.inside == ["b"]
        await senders.let_go("b")
        assert senders.inside == ["large"]
        await senders.let_go("large")
        assert senders.inside == ["small"]
        await senders.let_go("small")


async def test_so_many_are_held_and_no_more_however_small() -> None:
    senders = Senders(Uploads(photos=2, bytes_at_once=100))
    async with asyncio.TaskGroup() as tasks:
        await senders.arrive(tasks, {"a": 1, "b": 1, "c": 1})
        assert senders.inside == ["a", "b"]
        for name in "abc":
            await senders.let_go(name)


async def test_a_photo_of_unknown_size_counts_as_the_largest() -> None:
    senders = Senders(Uploads(photos=9, bytes_at_once=LARGEST))
    async with asyncio.TaskGroup() as tasks:
        await senders.arrive(tasks, {"a": None, "b": None})
        assert senders.inside == ["a"]
        await senders.let_go("a")
        assert senders.inside == ["b"]
        await senders.let_go("b")


async def test_who_gives_up_leaves_the_room_to_others() -> None:
    senders = Senders(Uploads(photos=9, bytes_at_once=100))
    async with asyncio.TaskGroup() as tasks:
        await senders.arrive(tasks, {"a": 60})
        waiting = tasks.create_task(senders.send("b", 60))
        await settle()
        waiting.cancel()
        await senders.arrive(tasks, {"c": 40})
        assert senders.inside == ["a", "c"]
        await senders.let_go("a")
        await senders.let_go("c")


async def test_an_empty_body_is_refused_and_its_room_is_free_again() -> None:
    uploads = Uploads(photos=1, bytes_at_once=LARGEST)
    for _ in range(2):
        with pytest.raises(BadInput, match="empty"):
            async with uploads.photo(request(b"", 0)):
                pass
    async with uploads.photo(request(b"x", LARGEST)) as data:
        assert data == b"x"

"""Servers and wires that misbehave, for cameras to survive."""

import asyncio
import contextlib
import random
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Tamper = Callable[[bytearray], None]


@asynccontextmanager
async def tcp_server(handler: Handler, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """Run a TCP server on a loopback address; yields its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await handler(reader, writer)
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(serve, host, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept and say nothing."""
    while await reader.read(4096):
        pass


async def hangs_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept and close."""
    writer.close()


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer everything with random bytes, a lot of them."""
    noise = random.Random(5)
    while await reader.read(4096):
        for _ in range(50):
            writer.write(noise.randbytes(4096))
            await writer.drain()


async def endless_header(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with a header that never ends."""
    await reader.read(4096)
    writer.write(b"RTSP/1.0 200 OK\r\n")
    while True:
        writer.write(b"X-More: " + b"x" * 2000 + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0.001)


@asynccontextmanager
async def tampered(port: int, tamper: Tamper) -> AsyncIterator[int]:
    """A wire to an RTSP server that changes its interleaved RTP packets; yields its port.

    `tamper` gets each RTP packet of the first channel and changes it in place.
    """

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        down_reader, down_writer = await asyncio.open_connection("127.0.0.1", port)
        up = asyncio.ensure_future(_copy(reader, down_writer))
        try:
            await _copy_tampered(down_reader, writer, tamper)
        finally:
            up.cancel()
            await asyncio.gather(up, return_exceptions=True)
            down_writer.close()
            with contextlib.suppress(ConnectionError):
                await down_writer.wait_closed()

    async with tcp_server(relay) as relay_port:
        yield relay_port


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


async def _copy_tampered(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tamper: Tamper
) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError):
        while True:
            first = await reader.readexactly(1)
            if first != b"$":
                writer.write(first + await reader.readuntil(b"\n"))
                continue
            channel, length = struct.unpack(">BH", await reader.readexactly(3))
            packet = bytearray(await reader.readexactly(length))
            if channel == 0:
                tamper(packet)
            writer.write(b"$" + struct.pack(">BH", channel, length) + packet)
            await writer.drain()


def shift_timestamps(packets: int, ticks: int) -> Tamper:
    """Shift the RTP timestamp by `ticks` of 1/90000 s from the given packet on."""
    seen = 0

    def tamper(packet: bytearray) -> None:
        nonlocal seen
        seen += 1
        if seen > packets:
            stamp = struct.unpack_from(">I", packet, 4)[0]
            struct.pack_into(">I", packet, 4, (stamp + ticks) % 2**32)

    return tamper


def freeze_timestamps(packets: int) -> Tamper:
    """Repeat the same RTP timestamp from the given packet on."""
    seen, last = 0, b"\0\0\0\0"

    def tamper(packet: bytearray) -> None:
        nonlocal seen, last
        seen += 1
        if seen > packets:
            packet[4:8] = last
        else:
            last = bytes(packet[4:8])

    return tamper


def flip_bytes(packets: int, share: float, seed: int = 11) -> Tamper:
    """Overwrite one random byte of the payload in a share of the packets after the first ones."""
    seen, dice = 0, random.Random(seed)

    def tamper(packet: bytearray) -> None:
        nonlocal seen
        seen += 1
        if seen > packets and len(packet) > 20 and dice.random() < share:
            packet[dice.randrange(12, len(packet))] = dice.randrange(256)

    return tamper


def drop_first(packets: int) -> Tamper:
    """Lose the first packets, and with them the keyframe, as for one who joins between two."""
    seen = 0

    def tamper(packet: bytearray) -> None:
        nonlocal seen
        seen += 1
        if seen <= packets:
            packet.clear()

    return tamper


def scramble(packets: int, seed: int = 12) -> Tamper:
    """Replace the whole payload by noise after the first packets."""
    seen, dice = 0, random.Random(seed)

    def tamper(packet: bytearray) -> None:
        nonlocal seen
        seen += 1
        if seen > packets:
            packet[12:] = dice.randbytes(len(packet) - 12)

    return tamper

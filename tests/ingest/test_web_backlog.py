"""What a WebRTC connection holds has an end, however slow the machine is."""

import asyncio
import threading
from dataclasses import dataclass

import av
import pytest

from lfrd.ingest.web_backlog import (
    COMPRESSED_LIMIT,
    DECODED_LIMIT,
    Compressed,
    Decoded,
    is_keyframe,
)


@dataclass(frozen=True)
class Coded:
    data: bytes


@dataclass(frozen=True)
class Codec:
    mimeType: str  # noqa: N815  # aiortc's name


H264, VP8 = Codec("video/H264"), Codec("video/VP8")
KEYFRAME = Coded(b"\0\0\0\1\x67sps\0\0\0\1\x68pps\0\0\0\1\x65picture")
CHANGE = Coded(b"\0\0\0\1\x61picture")


def numbered(number: int) -> av.VideoFrame:
    frame = av.VideoFrame(16, 16)
    frame.pts = number
    return frame


async def test_a_loop_that_stands_still_finds_the_newest_few_and_how_many_are_missing() -> None:
    decoded, loop = Decoded(), asyncio.get_running_loop()

    def decode() -> None:
        for number in range(100):
            asyncio.run_coroutine_threadsafe(decoded.put(numbered(number)), loop)

    thread = threading.Thread(target=decode)
    thread.start()
    thread.join()  # on the loop: it stands still meanwhile
    taken = [await decoded.get() for _ in range(DECODED_LIMIT)]
    assert [frame and frame.pts for frame in taken] == [96, 97, 98, 99]
    assert (decoded.take_left_out(), decoded.take_left_out()) == (96, 0)


async def test_who_waits_is_woken_and_told_of_the_end() -> None:
    decoded, loop = Decoded(), asyncio.get_running_loop()
    waiting = asyncio.ensure_future(decoded.get())
    await asyncio.sleep(0)
    last = numbered(7)
    await asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(decoded.put(last), loop))
    assert await waiting is last
    await decoded.put(None)
    assert await decoded.get() is None


def test_a_decoder_that_is_too_slow_goes_on_at_the_next_keyframe() -> None:
    asked: list[str] = []
    left_out: list[int] = []
    waiting = Compressed(lambda: asked.append("keyframe"), left_out.append)
    for _ in range(COMPRESSED_LIMIT):
        waiting.put((H264, CHANGE))
    assert (waiting.qsize(), asked) == (COMPRESSED_LIMIT, [])
    for _ in range(COMPRESSED_LIMIT + 1):
        waiting.put((H264, CHANGE))
    assert (waiting.qsize(), asked) == (0, ["keyframe"] * 2)
    for item in ((H264, KEYFRAME), (H264, CHANGE), None):
        waiting.put(item)
    assert [waiting.get() for _ in range(3)] == [(H264, KEYFRAME), (H264, CHANGE), None]
    assert sum(left_out) == 2 * COMPRESSED_LIMIT + 1


@pytest.mark.parametrize(
    ("codec", "data", "keyframe"),
    [
        (H264, KEYFRAME.data, True), (H264, CHANGE.data, False), (H264, b"", False),
        (H264, b"\0\0\1", False), (H264, b"\0\0\1\x65x", True),
        (VP8, b"\x10\x02", True), (VP8, b"\x11\x02", False), (VP8, b"", False),
    ],
)  # fmt: skip
def test_where_decoding_can_begin(codec: Codec, data: bytes, keyframe: bool) -> None:
    assert is_keyframe(codec.mimeType, data) is keyframe

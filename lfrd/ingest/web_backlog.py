"""What a WebRTC connection holds that nobody has taken yet, bounded.

aiortc puts compressed pictures into one queue and decoded ones into another, and neither has an
end: where the machine cannot decode or look in time, seconds of video pile up, 35 MB each of 720
lines. Here they are left out instead, and counted.
"""

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

import av

DECODED_LIMIT: Final = 4
"""Pictures, 3 MB each of 1080 lines."""
COMPRESSED_LIMIT: Final = 50
"""Pictures: 2 s of most streams."""
_START_CODE: Final = b"\x00\x00\x01"
_H264_KEYFRAME, _H264_TYPE = 5, 0x1F
_VP8_NOT_KEYFRAME: Final = 1


class Coded(Protocol):
    """One compressed picture as aiortc has it."""

    @property
    def data(self) -> bytes: ...


class Codec(Protocol):
    """What aiortc knows of its coding."""

    @property
    def mimeType(self) -> str: ...  # noqa: N802  # aiortc's name


Item = tuple[Codec, Coded] | None
"""None is the end."""


def is_keyframe(mime: str, data: bytes) -> bool:
    """Whether decoding can begin with this picture, in H.264 (with start codes) or VP8."""
    if mime.lower() == "video/vp8":
        return bool(data) and not data[0] & _VP8_NOT_KEYFRAME
    return any(
        unit and unit[0] & _H264_TYPE == _H264_KEYFRAME for unit in data.split(_START_CODE)[1:]
    )


class Compressed:
    """What waits for the decoder's thread. When full, all of it is left out, and what comes until
    the next keyframe, which `ask_keyframe` asks the sender for.

    `put` is for the loop alone, `get` for the decoder's thread.
    """

    def __init__(self, ask_keyframe: Callable[[], None], left_out: Callable[[int], None]) -> None:
        self._ask_keyframe = ask_keyframe
        self._left_out = left_out
        self._items: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self._waits = False
        """For a keyframe."""
        self._unasked = 0
        """How many were left out since a keyframe was last asked for."""

    def put(self, item: Item) -> None:
        """Returns at once."""
        if item is None or not self._skips(item[0].mimeType, item[1].data):
            self._items.put(item)

    def get(self) -> Item:
        """The oldest; waits for one."""
        return self._items.get()

    def qsize(self) -> int:
        return self._items.qsize()

    def _skips(self, mime: str, data: bytes) -> bool:
        if self.qsize() >= COMPRESSED_LIMIT:
            self._left_out(self._clear())
            self._waits, self._unasked = True, COMPRESSED_LIMIT
        if not self._waits or is_keyframe(mime, data):
            self._waits = False
            return False
        if self._unasked >= COMPRESSED_LIMIT:
            self._unasked = 0
            self._ask_keyframe()
        self._unasked += 1
        self._left_out(1)
        return True

    def _clear(self) -> int:
        count = 0
        while True:
            try:
                self._items.get_nowait()
            except queue.Empty:
                return count
            count += 1


class Decoded:
    """What waits for the loop; None is the end. When full, the oldest is left out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: deque[av.VideoFrame | None] = deque()
        self._there = asyncio.Event()
        self._left_out = 0

    def put(self, item: av.VideoFrame | None) -> Coroutine[Any, Any, None]:
        """Called in the decoder's thread: it is there at once. What is returned runs on the loop,
        when that has time, and wakes `get`."""
        with self._lock:
            self._items.append(item)
            if len(self._items) > DECODED_LIMIT:
                self._items.popleft()
                self._left_out += 1
        return self._wake()

    async def _wake(self) -> None:
        self._there.set()

    async def get(self) -> av.VideoFrame | None:
        """The oldest that is there; waits for one."""
        while not self._items:
            self._there.clear()
            await self._there.wait()
        with self._lock:
            return self._items.popleft()

    def leave_out(self, more: int) -> None:
        """Count pictures that were left out before they were decoded."""
        with self._lock:
            self._left_out += more

    def take_left_out(self) -> int:
        """How many were left out since the last call."""
        with self._lock:
            taken, self._left_out = self._left_out, 0
        return taken

"""Video for tests: clips from pictures, and a real RTSP server for them on loopback."""

import asyncio
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import numpy as np

from lfrd.types import U8

_SERVER = """
import asyncio, sys
from aio_rtsp_toolkit import server
asyncio.run(server.serve(sys.argv[1], host="127.0.0.1", port=int(sys.argv[2])))
"""


def moving_picture(
    width: int = 320, height: int = 240, frames: int = 50, seed: int = 7
) -> Iterator[U8]:
    """Yield rgb u8[h, w, 3]: a noisy texture that drifts, with a bright square that crosses it."""
    rng = np.random.default_rng(seed)
    texture = rng.integers(40, 160, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    texture = texture.repeat(8, 0).repeat(8, 1)[:height, :width]
    side = max(4, min(width, height) // 6)
    for index in range(frames):
        picture = np.roll(texture, 2 * index, axis=1).copy()
        left = (5 * index) % max(1, width - side)
        picture[height // 3 : height // 3 + side, left : left + side] = 235
        yield picture


def encode(
    path: Path,
    pictures: Iterable[U8],
    *,
    fps: int = 25,
    codec: str = "libx264",
    keyframe_every: int = 25,
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> Path:
    """Write rgb pictures u8[h, w, 3] as a video file and return its path.

    Without B-frames and with the parameter sets repeated, like a camera.
    """
    if options is None:
        options = {"preset": "ultrafast", "tune": "zerolatency"} if codec == "libx264" else {}
    with av.open(str(path), "w") as container:
        stream = None
        for picture in pictures:
            if stream is None:
                stream = container.add_stream(codec, rate=fps, options=options)
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = pixel_format
                stream.codec_context.gop_size = keyframe_every
                stream.codec_context.time_base = Fraction(1, fps)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
        assert stream is not None, "a clip needs pictures"
        container.mux(stream.encode())
    return path


def clip(
    path: Path, *, width: int = 320, height: int = 240, frames: int = 50, fps: int = 25
) -> Path:
    """Write a moving synthetic clip."""
    return encode(path, moving_picture(width, height, frames), fps=fps)


def shortened(whole: Path, path: Path, frames: int) -> Path:
    """The first pictures of a clip, as they are."""
    with av.open(str(whole)) as source, av.open(str(path), "w") as short:
        video = source.streams.video[0]
        stream = short.add_stream_from_template(video)
        packets = (packet for packet in source.demux(video) if packet.dts is not None)
        for packet in itertools.islice(packets, frames):
            packet.stream = stream
            short.mux(packet)
    return path


def free_port() -> int:
    """Return a TCP port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], seconds: float = 15.0) -> None:
    """Return once something listens on the port; fail if the process ends or time runs out."""
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        assert process.poll() is None, f"the server ended with {process.returncode}"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError(f"nothing listens on port {port} after {seconds} s")


class ServerProcess:
    """A server in a process of its own that can be killed, frozen and started again."""

    def __init__(self, command: list[str], port: int) -> None:
        self.port = port
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Start it beside the event loop, and kill it when the block is left."""
        try:
            await asyncio.to_thread(self.start)
            yield self
        finally:
            self.kill()

    def start(self) -> None:
        """Start and wait until it answers."""
        assert self._process is None
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for_port(self.port, self._process)

    def kill(self) -> None:
        """End it at once, frozen or not (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=10)
            self._process = None

    def freeze(self) -> None:
        """Stop it in its tracks with all connections open (SIGSTOP)."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on (SIGCONT)."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)


class RtspServer(ServerProcess):
    """Serves the .mp4 and .mkv files (H.264, H.265) of a folder over RTSP/TCP, without login."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        port = port or free_port()
        self.folder = folder
        super().__init__([sys.executable, "-c", _SERVER, str(folder), str(port)], port)

    def url(self, name: str, *, loop: bool = True) -> str:
        """Return the address of one file."""
        count = 0 if loop else 1
        return f"rtsp://127.0.0.1:{self.port}/{name}?play_count={count}"


def reshaped(
    source: Path,
    path: Path,
    *,
    size: tuple[int, int] | None = None,
    pixel_aspect: Fraction | None = None,
    quarter_turns: int = 0,
    interlaced: bool = False,
    says_so: bool = True,
    seconds: float = 60.0,
) -> Path:
    """Write a video as other cameras would send it: squeezed, turned clockwise, interlaced (a line
    of each picture in turn, at half the rate, with or without saying so)."""
    with av.open(str(source)) as read, av.open(str(path), "w") as written:
        video = read.streams.video[0]
        options = {"preset": "veryfast", "crf": "18"}
        if interlaced and says_so:
            options |= {"flags": "+ildct+ilme", "x264-params": "tff=1"}
        rate = video.average_rate / 2 if interlaced else video.average_rate
        stream = written.add_stream("libx264", rate=rate, options=options)
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        before = None
        for frame in read.decode(video):
            if frame.time > seconds:
                break
            width, height = size or (frame.width, frame.height)
            scaled = frame.reformat(width, height, "yuv444p", interpolation="BICUBIC")
            picture = np.rot90(scaled.to_ndarray(channel_last=True), -quarter_turns)
            if interlaced:
                if before is None:
                    before = picture
                    continue
                woven = before.copy()
                woven[1::2], before = picture[1::2], None
                picture = woven
            made = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(picture), "yuv444p", channel_last=True
            )
            if not stream.codec_context.is_open:
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
            written.mux(stream.encode(made.reformat(format="yuv420p")))
        written.mux(stream.encode())
    return path

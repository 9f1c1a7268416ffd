"""Hardware decoding as asked for, what is said where there is none, and which stream is read."""

import asyncio
from pathlib import Path

import av
import pytest

from lfrd.errors import SourceError, SourceRefused
from lfrd.ingest.container import translated
from lfrd.ingest.settings import CameraSettings
from support.cameras import make, take
from support.video import clip, moving_picture


@pytest.mark.parametrize("device", ["cuda", "vaapi", "qsv", "warp"])
async def test_hardware_decoding_falls_back_and_says_so(tmp_path: Path, device: str) -> None:
    path = clip(tmp_path / "a.mp4", frames=10)
    made = make(CameraSettings("gate", str(path), every_frame=True, hwaccel=device))
    async with made.camera as camera:
        frames = await take(camera, 10)
        assert len(frames) == 10
    assert made.said[-1].decoder in (
        device,
        f"software ({device} not available)",
        f"software ({device} cannot decode this stream)",
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (av.error.HTTPUnauthorizedError(1, "zq", "rtsp://u:zq@cam/1"), SourceRefused),
        (av.error.ConnectionRefusedError(111, "zq", "rtsp://u:zq@cam/1"), SourceError),
        (av.error.UnknownError(1, "Unknown error", "rtsp://u:zq@cam/1"), SourceError),
        (UnicodeDecodeError("utf-8", b"zq", 0, 1, "zq"), SourceError),
    ],
)
def test_foreign_errors_end_here_without_their_text(
    error: Exception, kind: type[SourceError]
) -> None:
    with pytest.raises(kind) as caught, translated("rtsp://u:***@cam/1"):
        raise error
    assert "zq" not in str(caught.value)
    assert caught.value.__suppress_context__


def several(path: Path) -> Path:
    """A file with two video streams, the second one larger."""
    with av.open(str(path), "w") as written:
        streams = []
        for width, height in ((160, 120), (320, 240)):
            stream = written.add_stream("libx264", rate=10)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            streams.append(stream)
        for rgb in moving_picture(320, 240, frames=10):
            for stream in streams:
                frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
                written.mux(stream.encode(frame.reformat(stream.width, stream.height, "yuv420p")))
        for stream in streams:
            written.mux(stream.encode())
    return path


@pytest.mark.parametrize(("stream", "width"), [(None, 320), (0, 160), (1, 320)])
async def test_of_several_streams_the_largest_or_the_named_one(
    tmp_path: Path, stream: int | None, width: int
) -> None:
    path = await asyncio.to_thread(several, tmp_path / "a.mkv")
    settings = CameraSettings("gate", str(path), every_frame=True, stream=stream)
    async with make(settings).camera as camera:
        (frame,) = await take(camera, 1)
    assert frame.planes.width_px == width


async def test_a_stream_that_is_not_there(tmp_path: Path) -> None:
    path = await asyncio.to_thread(several, tmp_path / "a.mkv")
    settings = CameraSettings("gate", str(path), must_open=True, stream=2)
    async with make(settings).camera as camera:
        with pytest.raises(SourceError, match=r"has no video stream 2 .* it has 2, counted"):
            await take(camera, 1)

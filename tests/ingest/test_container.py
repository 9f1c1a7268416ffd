"""Hardware decoding as asked for, and what is said where there is none."""

from pathlib import Path

import av
import pytest
from camera_helper import make, take
from video import clip

from lfrd.errors import SourceError, SourceRefused
from lfrd.ingest.container import translated
from lfrd.ingest.settings import CameraSettings


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

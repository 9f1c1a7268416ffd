"""Webcams: there is none where tests run, so only what is said of that is tested."""

import pytest

from lfrd.clock import SystemClock
from lfrd.errors import SourceError
from lfrd.ingest.address import Address, Kind
from lfrd.ingest.device import DeviceSource
from lfrd.ingest.settings import CameraSettings
from support.cameras import make, take


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/dev/video999", "does not exist: is the camera plugged in"),
        ("/dev/null", "it is no camera, or another program uses it"),
        ("/etc/hostname", "is no device"),
    ],
)
async def test_what_is_no_webcam_says_so(path: str, words: str) -> None:
    source = DeviceSource(Address(Kind.DEVICE, path, path), SystemClock())
    settings = CameraSettings("gate", "/dev/video999", must_open=True)
    async with make(settings, source).camera as camera:
        with pytest.raises(SourceError, match=words):
            await take(camera, 1)

"""Webcams and capture cards of this machine, through Video4Linux."""

import stat
from dataclasses import replace
from pathlib import Path
from typing import Final

from lfrd.clock import Clock
from lfrd.errors import SourceError
from lfrd.ingest.address import Address
from lfrd.ingest.container import Opening, Reading
from lfrd.ingest.settings import AS_SENT, Correction
from lfrd.ingest.source import Sink

_WANTED: Final = {"video_size": "1280x720", "input_format": "mjpeg"}
"""What most webcams can; the driver takes the nearest size. Uncompressed, pictures of this size are
too much for many a USB cable."""


class DeviceSource:
    """Reads one device; its end is a lost camera."""

    live = True
    passive = False

    def __init__(self, address: Address, clock: Clock, correction: Correction = AS_SENT) -> None:
        self._path = Path(address.secret_location)
        self._clock = clock
        self._opening = Opening(
            str(self._path),
            address.shown,
            _WANTED,
            correction=correction,
            container="v4l2",
            unreadable="gives no pictures: it is no camera, or another program uses it",
        )

    def run(self, sink: Sink) -> None:
        """See Source.run."""
        self._check()
        reading = self._open()
        try:
            sink.opened(reading.info())
            for picture in reading.pictures(sink, self._clock):
                sink.picture(picture)
        finally:
            reading.close()

    def _open(self) -> Reading:
        try:
            return Reading(self._opening)
        except SourceError:  # it cannot do MJPEG, perhaps
            return Reading(replace(self._opening, options={}))

    def _check(self) -> None:
        shown = self._opening.shown
        try:
            mode = self._path.stat().st_mode
        except FileNotFoundError:
            raise SourceError(f"{shown} does not exist: is the camera plugged in?") from None
        except OSError:
            raise SourceError(f"{shown} may not be read by this user") from None
        if not stat.S_ISCHR(mode):
            raise SourceError(f"{shown} is no device")

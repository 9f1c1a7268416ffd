"""Video files as cameras: once or looping, in their own time or as fast as possible."""

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Final

from lfrd.clock import Clock
from lfrd.errors import SourceError
from lfrd.ingest.address import Address
from lfrd.ingest.container import Opening, Reading
from lfrd.ingest.reach import ANYWHERE, OUTSIDE, Reach
from lfrd.ingest.settings import AS_SENT, Correction
from lfrd.ingest.source import Sink
from lfrd.ingest.timestamps import MediaTimeline

_LONGEST_WAIT_S: Final = 5.0
"""A gap in a recording is not waited out for longer than this."""


UNREADABLE: Final = "does not exist, or may not be read by this user"
"""One sentence for both: who adds a camera learns nothing of which files there are."""


def why_unreadable(path: Path, reach: Reach = ANYWHERE) -> str | None:
    """Why a path names no file that can be read to its end, to follow its name; None if it does.

    Opening a pipe waits for a program that writes into it, and nothing ends that wait.
    """
    if not reach.has_file(path):
        return OUTSIDE
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return UNREADABLE
    if stat.S_ISDIR(mode):
        return "is a folder, not a video"
    if not stat.S_ISREG(mode):
        return "is no file but a pipe, socket or device"
    return None if os.access(path, os.R_OK, effective_ids=True) else UNREADABLE


class FileSource:
    """Reads one file. `paced` waits so that media time passes as fast as real time."""

    passive = False
    live = False

    def __init__(
        self,
        address: Address,
        clock: Clock,
        *,
        loop: bool = False,
        paced: bool = True,
        hwaccel: str | None = None,
        correction: Correction = AS_SENT,
        stream: int | None = None,
        reach: Reach = ANYWHERE,
    ) -> None:
        self._path = Path(address.secret_location)
        self._reach = reach
        self._clock = clock
        self._loop = loop
        self._paced = paced
        # the prefix and the whitelist keep a name or a playlist from opening network addresses
        self._opening = Opening(
            f"file:{self._path}",
            address.shown,
            {"protocol_whitelist": "file"},
            hwaccel,
            correction,
            stream,
            pausable=True,
        )

    def run(self, sink: Sink) -> None:
        """See Source.run."""
        if (fault := why_unreadable(self._path, self._reach)) is not None:
            raise SourceError(f"{self._opening.shown} {fault}")
        while self._play(sink) and self._loop:
            pass

    def _play(self, sink: Sink) -> bool:
        """Play once; return False when stopped on the way."""
        reading = Reading(self._opening)
        shown = 0
        try:
            info = reading.info()
            sink.opened(info)
            timeline = MediaTimeline(live=False)
            timeline.restart(info.fps)
            due_s, last_s = self._clock.monotonic_s(), 0.0
            for picture in reading.pictures(sink, self._clock):
                if self._paced:
                    at_s = timeline.step(picture.stream_s, picture.arrived_at_s)
                    due_s += min(at_s - last_s, _LONGEST_WAIT_S)
                    last_s = at_s
                    if sink.wait(due_s - self._clock.monotonic_s()):
                        return False
                    picture = replace(picture, arrived_at_s=self._clock.monotonic_s())
                sink.picture(picture)
                shown += 1
        finally:
            reading.close()
        if not shown and not sink.stopping and sink.decoding:
            raise SourceError(f"{self._opening.shown} holds no picture that can be decoded")
        return not sink.stopping

"""How many pictures a file really holds, and when each is shown: by reading it to its end.

Containers tell a number of pictures and a length, and both may be wrong. The file is read as a
camera of that file would read it, so the numbers are those that its frames will have.
"""

import threading
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lfrd.clock import Clock
from lfrd.ingest.address import of_file
from lfrd.ingest.file import FileSource
from lfrd.ingest.source import Picture, StreamInfo, Wanted
from lfrd.ingest.timestamps import MediaTimeline
from lfrd.types import F64


@dataclass(frozen=True, slots=True)
class ClipTimes:
    """`at_s` f64[n]: the time of each picture in seconds since the first, as its frame will have
    it. `stamped` says that the file tells them: there are stamps, and not all are the same."""

    at_s: F64
    stamped: bool

    @property
    def frames(self) -> int:
        return len(self.at_s)


class TimesReader:
    """Reads one file; `read` blocks its thread until the end of the file, or until `stop`."""

    def __init__(self, path: Path, clock: Clock, stream: int | None = None) -> None:
        """`stream`: which of several video streams; None: the largest."""
        self._source = FileSource(of_file(path), clock, paced=False, stream=stream)
        self._sink = _Counting()

    def read(self) -> ClipTimes:
        """Raises SourceError where it is no video that can be decoded."""
        self._source.run(self._sink)
        return self._sink.times()

    def stop(self) -> None:
        """Have `read` return soon, with what it has; from any thread."""
        self._sink.stopped.set()


class _Counting:
    """A sink that makes no picture of what it is given. Implements `source.Sink`."""

    decoding = True
    wanted = Wanted.EVERY
    period_s = None
    rest_s = 0.0

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self._timeline = MediaTimeline(live=False)
        self._at_s = array("d")
        self._first_stream_s: float | None = None
        self._stamped = False

    @property
    def stopping(self) -> bool:
        return self.stopped.is_set()

    def times(self) -> ClipTimes:
        return ClipTimes(np.array(self._at_s, np.float64), self._stamped)

    def wait(self, seconds: float) -> bool:
        return self.stopped.wait(max(0.0, seconds))

    def opened(self, info: StreamInfo) -> None:
        self._timeline.restart(info.fps)

    def packet(self, size_bytes: int, keyframe: bool) -> None:
        """Nothing is done: packets are not pictures."""

    def late(self, late_s: float) -> None: ...

    def behind(self, late_s: float) -> None: ...

    def works(self) -> None: ...

    def trouble(self, kind: str) -> None:
        """Nothing is done: what cannot be decoded is no picture, in the daemon either."""

    def picture(self, picture: Picture) -> None:
        stream_s = picture.stream_s
        if self._first_stream_s is None:
            self._first_stream_s = stream_s
        elif stream_s is not None and stream_s != self._first_stream_s:
            self._stamped = True
        self._at_s.append(self._timeline.step(stream_s, picture.arrived_at_s))

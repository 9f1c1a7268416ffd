"""The reader thread's side of a camera: from a decoded picture to a frame in the mailbox.

All methods of `Intake` but `pulse`, `measure` and `take_trouble` run in the one reader thread; the
numbers it keeps are plain attributes that the event loop reads, each written by one thread only.
"""

import threading
import zlib
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from lfrd.clock import Clock
from lfrd.counters import CameraCounters
from lfrd.ingest.health import Pulse
from lfrd.ingest.masks import Masker
from lfrd.ingest.settings import CameraSettings
from lfrd.ingest.source import Pacer, Picture, StreamInfo
from lfrd.ingest.timestamps import CaptureClock, MediaTimeline
from lfrd.mailbox import Latest
from lfrd.types import Frame, Planes

_CHECK_S = 1.0
_FPS_WINDOW = 50


@dataclass(frozen=True, slots=True)
class PacketNote:
    """One compressed picture, for the measures of `probe_camera`."""

    arrived_at_s: float
    size_bytes: int
    keyframe: bool


class Intake:
    """The sink of one camera over all its connections. Implements `source.Sink`."""

    def __init__(
        self,
        settings: CameraSettings,
        clock: Clock,
        counters: CameraCounters,
        mailbox: Latest[Frame],
        noticed: Callable[[], None],
        live: bool,
        pacer: Pacer | None = None,
    ) -> None:
        """`noticed` wakes the loop's side after a first picture or a change of the stream.

        `pacer` says which pictures are passed on; None: all.
        """
        self._pacer = pacer
        self._settings = settings
        self._clock = clock
        self._counters = counters
        self._mailbox = mailbox
        self._noticed = noticed
        self._stop = threading.Event()
        self._masker = Masker(settings.regions)
        self._timeline = MediaTimeline(live)
        self._capture = CaptureClock()
        self._sequence = 0
        self._last_stream_s: float | None = None
        self._luma_digest = 0
        self._checked_at_s = 0.0
        self._damaged_share = 0.0
        self._recent: deque[float] = deque(maxlen=_FPS_WINDOW)  # full: the oldest is forgotten
        self._trouble: Counter[str] = Counter()
        self._trouble_lock = threading.Lock()
        self.decoding = True
        self.is_open = False
        """Whether the present connection has been opened; cleared by the loop between two."""
        self.info: StreamInfo | None = None
        self.frame_at_s: float | None = None
        self.changed_at_s: float | None = None
        self.packets_since_s: float | None = None
        """When the first packet of this connection came; None where none has, or none are told."""
        self.packet_at_s: float | None = None
        self.had_keyframe = False
        self.on_packet: Callable[[PacketNote], None] | None = None

    # the loop's side ---------------------------------------------------------------------------

    def stop(self) -> None:
        """Ask the source to return, and let nothing more through."""
        self._stop.set()

    def forget_pulse(self) -> None:
        """Begin to watch anew: another connection, or decoding again after a rest."""
        self.frame_at_s = self.changed_at_s = None
        self.packets_since_s, self.had_keyframe = None, False
        self._damaged_share = 0.0
        self._recent.clear()

    def pulse(self) -> Pulse:
        """What the reader last saw."""
        return Pulse(self.frame_at_s, self.changed_at_s, self._damaged_share)

    def waits_for_keyframe_s(self, now_s: float) -> float | None:
        """For how long packets have come and no keyframe to begin with; None if it is not so."""
        since_s = self.packets_since_s
        if since_s is None or self.had_keyframe or self.frame_at_s is not None:
            return None
        return now_s - since_s

    def fps(self, now_s: float) -> float | None:
        """Pictures a second over the last fifty, or fewer while young; None before the second."""
        recent = tuple(self._recent)
        if len(recent) < 2:
            return None
        span_s = max(recent[-1], now_s - 1.0) - recent[0]
        return (len(recent) - 1) / span_s if span_s > 0 else None

    def take_trouble(self) -> Counter[str]:
        """Return what went wrong since the last call, by kind."""
        with self._trouble_lock:
            taken, self._trouble = self._trouble, Counter()
        return taken

    # the reader thread's side: source.Sink -----------------------------------------------------

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    @property
    def period_s(self) -> float | None:
        return None if self._pacer is None else self._pacer.period_s

    def wait(self, seconds: float) -> bool:
        return self._stop.wait(max(0.0, seconds))

    def opened(self, info: StreamInfo) -> None:
        self._timeline.restart(info.fps)
        self._last_stream_s = None
        self.is_open = True
        self._learn(info)

    def packet(self, size_bytes: int, keyframe: bool) -> None:
        now_s = self.packet_at_s = self._clock.monotonic_s()
        if self.packets_since_s is None:
            self.packets_since_s = now_s
        self.had_keyframe = self.had_keyframe or keyframe
        if self.on_packet is not None:
            self.on_packet(PacketNote(now_s, size_bytes, keyframe))

    def trouble(self, kind: str) -> None:
        with self._trouble_lock:
            self._trouble[kind] += 1

    def picture(self, picture: Picture) -> None:
        if not self.decoding:
            return
        first = self.frame_at_s is None
        frame = self._frame(picture)
        self._watch(picture)
        self._counters.frames_decoded += 1 + picture.passed_over
        if frame is not None:
            self._mailbox.put(frame)
        self._counters.frames_dropped = self._mailbox.dropped
        if first:
            self._noticed()

    def _frame(self, picture: Picture) -> Frame | None:
        """The picture as a frame; None where nobody wants to see it."""
        media_at_s = self._timeline.step(picture.stream_s, picture.arrived_at_s)
        captured_at_s = media_at_s
        if not self._settings.every_frame:
            captured_at_s = self._capture.captured(
                picture.arrived_at_s, self._clock.wall_s(), picture.sender_wall_s
            )
        sequence = self._sequence + picture.passed_over
        self._sequence = sequence + 1
        if self._pacer is not None and not self._pacer.due(captured_at_s):
            return None
        planes = self._masker.apply(picture.planes)
        still = False
        if self._pacer is not None:
            still = self._pacer.still(planes.y, captured_at_s)
            if still and self._pacer.at_rest:
                return None
            self._pacer.handed(sequence)
        return Frame(
            camera_id=self._settings.id,
            sequence=sequence,
            captured_at_s=captured_at_s,
            media_at_s=media_at_s,
            arrived_at_s=picture.arrived_at_s,
            planes=planes,
            still=still,
        )

    def _watch(self, picture: Picture) -> None:
        """Take the pulse, and learn the size from the picture itself."""
        now_s = picture.arrived_at_s
        if picture.stream_s is None or picture.stream_s != self._last_stream_s:
            self.frame_at_s = now_s
        self._last_stream_s = picture.stream_s
        self._recent.extend([now_s] * (1 + min(picture.passed_over, _FPS_WINDOW)))
        self._damaged_share += 0.02 * (picture.damaged - self._damaged_share)
        if picture.damaged:
            self._counters.frames_corrupt += 1
            self.trouble("damaged picture")
        if now_s - self._checked_at_s >= _CHECK_S or self.changed_at_s is None:
            self._checked_at_s = now_s
            digest = _luma_digest(picture.planes)
            if digest != self._luma_digest or self.changed_at_s is None:
                self.changed_at_s = now_s
            self._luma_digest = digest
            self._learn_size(picture.planes)

    def _learn_size(self, planes: Planes) -> None:
        info = self.info
        size = (planes.width_px, planes.height_px)
        if info is not None and (info.width_px, info.height_px) != size:
            self._learn(replace(info, width_px=size[0], height_px=size[1]))

    def _learn(self, info: StreamInfo) -> None:
        self.info = info
        self._noticed()


def _luma_digest(planes: Planes) -> int:
    """A checksum of every fourth sample in both directions: it says changed or not, and no more."""
    return zlib.crc32(np.ascontiguousarray(planes.y[::4, ::4]).data)

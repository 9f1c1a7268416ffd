"""Reading pictures out of an FFmpeg container, in the rules that keep FFmpeg alive.

Only the thread that reads a container closes it (closing it elsewhere crashes the process), so
everything here runs in the reader thread. FFmpeg's own messages hold the full address with its
password; they end here, and new sentences are written instead.
"""

import logging
import os
import struct
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

import av
import av.error
from av.codec.hwaccel import HWAccel, hwdevices_available

from lfrd.clock import Clock
from lfrd.errors import SourceError, SourceRefused
from lfrd.ingest.decode_slots import DECODING
from lfrd.ingest.kept_packets import KeptPackets, overwrite
from lfrd.ingest.lateness import Lateness
from lfrd.ingest.pictures import FrameView, check_size
from lfrd.ingest.rest import Rest
from lfrd.ingest.settings import AS_SENT, Correction
from lfrd.ingest.source import (
    EVERY,
    KEYFRAMES,
    Picture,
    Sink,
    SourceStalled,
    StreamInfo,
    Wanted,
)  # fmt: skip
from lfrd.ingest.sparing import Sparing

log = logging.getLogger(__name__)

OPEN_TIMEOUT_S: Final = 10.0
READ_TIMEOUT_S: Final = 2.0
"""FFmpeg notices after about twice this."""
NO_PICTURE_LIMIT_S: Final = 10.0
"""Packets without a single picture for so long, a keyframe among them: connect anew. Before the
first keyframe nothing can be shown, and to connect anew would only begin the wait again."""
NO_VIDEO: Final = "is no video that can be understood"
_PAUSE_POLL_S: Final = 0.2
LATE_S, CAUGHT_UP_S, STEADY_S = 1.0, 0.3, 1.0
"""A live stream that is read so late is decoded at its keyframes only, until it is read on time
again: from the next keyframe on, or from where it stopped once it has been so for a while."""
GO_ON_S, FALLS_S = 5.0, 0.2
"""So long it may be late for having decoded what was kept. If it gets later by so much instead of
less, it is caught up with as where it is late, but others need not get slower for it."""
HELD_S: Final = 0.1
"""So long a thread decodes what was kept before others have their turn."""
RECENT_S: Final = 0.2
"""Of pictures that were kept, those that came last are passed on; the others only lead to them."""
LOWEST_FPS, HIGHEST_FPS = 0.1, 1000.0
"""Rates outside of these are time bases or counters, not what pictures were taken at."""
DECODE_THREADS: Final = min(2, os.cpu_count() or 1)
"""For pictures above FULL_HD_PX. Slice threads only: frame threads delay every picture by one each.
Below, a second thread takes a processor from other cameras: sixteen are searched a third less."""
FULL_HD_PX: Final = 1920 * 1088
SMALL_PX: Final = 1024 * 576
"""A picture of so many pixels is decoded in half a millisecond, and needs no slot."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How to open one container: `options` are FFmpeg's, `shown` is the address without secrets."""

    location: str
    shown: str
    options: Mapping[str, str]
    hwaccel: str | None = None
    correction: Correction = AS_SENT
    stream: int | None = None
    """Which video stream, from 0; None: the largest."""
    container: str | None = None
    """FFmpeg's name of the one format that is read; None: found out."""
    unreadable: str = NO_VIDEO
    timed: bool = False
    """The options hold a timeout for reading. PyAV's own takes Python's lock at each look at a
    socket, dozens of times a picture: with many cameras that alone makes reading too slow."""
    pausable: bool = False
    """Not live: while nothing shall be decoded, reading waits instead of throwing away."""
    gathers: bool = False
    """What is sent while nobody reads waits in a socket (over TCP), and is read later."""


class Reading:
    """An open container and its video stream; made, used and closed in the reader thread."""

    def __init__(self, opening: Opening) -> None:
        with translated(opening.shown, opening.unreadable):
            self.container, self.decoder = _open(opening)
        self.stream = self._chosen(opening)
        self._correction = opening.correction
        base = self.stream.time_base
        self._time_base = (base.numerator, base.denominator) if base else None
        self._shown = opening.shown
        self._sender_offset_s: float | None = None
        self._pausable = opening.pausable
        self._sparing = Sparing()
        self._spares = False
        self._kept = KeptPackets()
        self._keyframe_s: float | None = None
        self._keyframes_apart_s: float | None = None
        self._gathers = opening.gathers
        self._rest = Rest()
        self._asked_at_s = self._rested_s = 0.0
        """Since when the next packet is waited for, and for how long the reader rested before."""
        self._lateness = Lateness()
        self._late_s = self._lay_s = 0.0
        """Of the last packet, and how much of it the reader's rest explains."""
        self._caught_up_at_s: float | None = None
        """While late: since when it no longer is, `inf` for not yet. None: on time."""
        self._stopped = False
        """Whether packets are kept that the decoder has not seen."""
        self._went_on_until_s = float("-inf")
        """So long it may still be late for having decoded what was kept."""
        self._least_late_s = 0.0
        """How late it was at least since then."""
        self._shown_s: float | None = None
        self._checked_size = (0, 0)
        context = self.stream.codec_context
        context.thread_type = "SLICE"
        small = 0 < context.width * context.height <= SMALL_PX
        context.thread_count = 1 if context.width * context.height <= FULL_HD_PX else DECODE_THREADS
        free = small or self.decoder == opening.hwaccel
        self._slots = None if free else DECODING
        self._context = context

    def _chosen(self, opening: Opening) -> av.VideoStream:
        """The video stream that is asked for, else the largest, of those that have a decoder
        (without one PyAV leaves the context None); a picture on the cover only where no other is.
        """
        streams = [
            (number, stream)
            for number, stream in enumerate(self.container.streams.video)
            if _decodable(stream)
        ]
        if opening.stream is not None:
            streams = [(number, s) for number, s in streams if number == opening.stream]
        if streams:
            return max(streams, key=lambda item: (*_size(item[1]), -item[0]))[1]
        count = len(self.container.streams.video)
        self.container.close()
        if opening.stream is not None and count:
            raise SourceError(
                f"{opening.shown} has no video stream {opening.stream} that can be decoded: it has "
                f"{count}, counted from 0"
            )
        raise SourceError(f"{opening.shown} holds no video that can be decoded")

    def info(self) -> StreamInfo:
        """What is known of the stream now; sizes may be 0 before the first picture."""
        context = self._context
        return StreamInfo(
            context.name, context.width, context.height, self.decoder, fps=_fps(self.stream)
        )

    def pictures(self, sink: Sink, clock: Clock) -> Iterator[Picture]:
        """Yield decoded pictures until the stream ends, `sink.stopping`, or an error."""
        need_key, begun = False, self._pausable
        last_picture_s = self._asked_at_s = clock.monotonic_s()
        with translated(self._shown):
            for packet in self.container.demux(self.stream):
                came_at_s = clock.monotonic_s()
                if sink.stopping:
                    return
                size_bytes, keyframe = packet.size, packet.is_keyframe
                if size_bytes:
                    sink.packet(size_bytes, keyframe)
                while self._pausable and not sink.decoding:
                    if sink.wait(_PAUSE_POLL_S):
                        return
                if not sink.decoding:
                    need_key, last_picture_s = True, clock.monotonic_s()
                    self._forget()
                    continue
                if need_key and not keyframe:
                    continue
                if need_key or (keyframe and not begun):
                    need_key, begun, last_picture_s = False, True, clock.monotonic_s()
                self._note_keyframe(packet)
                wanted = self._wanted(packet, came_at_s, sink)
                if wanted is not EVERY:
                    last_picture_s = came_at_s
                for picture in self._decoded(packet, came_at_s, wanted, sink, clock):
                    begun, last_picture_s = True, clock.monotonic_s()
                    yield picture
                if begun and clock.monotonic_s() - last_picture_s > NO_PICTURE_LIMIT_S:
                    raise SourceStalled(
                        f"{self._shown} sends data but no picture for {NO_PICTURE_LIMIT_S:.0f} s"
                    )
                self._let_gather(came_at_s, sink, clock)

    def close(self) -> None:
        """Overwrite what is kept and close the container; in the reader thread only."""
        self._kept.clear()
        self.container.close()

    def _let_gather(self, came_at_s: float, sink: Sink, clock: Clock) -> None:
        """Rest where packets may gather meanwhile."""
        done_at_s = self._asked_at_s = clock.monotonic_s()
        longest_s = sink.rest_s if self._gathers else 0.0
        rest_s = self._rest.before_next(came_at_s, self._late_s, longest_s, done_at_s)
        if rest_s > 0:
            sink.wait(rest_s)
            self._asked_at_s = clock.monotonic_s()
        self._rested_s = self._asked_at_s - done_at_s

    # which pictures are decoded ----------------------------------------------------------------

    def _wanted(self, packet: "av.Packet[av.VideoStream]", came_at_s: float, sink: Sink) -> Wanted:
        """What the sink wants, and keyframes at most where a live stream is read late."""
        if not self._pausable:
            self._mind_lateness(packet, came_at_s, sink)
        wanted = sink.wanted
        if self._caught_up_at_s is not None and wanted is EVERY:
            return KEYFRAMES
        return wanted

    def _mind_lateness(
        self, packet: "av.Packet[av.VideoStream]", came_at_s: float, sink: Sink
    ) -> None:
        stream_s = self._in_seconds(packet.pts if packet.dts is None else packet.dts)
        waited_s = came_at_s - self._asked_at_s
        late_s = self._late_s = self._lateness.came(stream_s, came_at_s, waited_s, self._rested_s)
        self._rest.came(stream_s, came_at_s, waited_s)
        self._lay_s = self._rest.lay_s(late_s)
        if came_at_s < self._went_on_until_s and late_s > CAUGHT_UP_S:
            self._least_late_s = min(self._least_late_s, late_s)
            if late_s > max(LATE_S, self._least_late_s + FALLS_S):
                self._went_on_until_s, self._caught_up_at_s = float("-inf"), float("inf")
            return  # what was kept took its time: no other camera is to get less for it
        self._went_on_until_s = float("-inf")
        if self._caught_up_at_s is None:
            if late_s > LATE_S:
                self._caught_up_at_s = float("inf")
                sink.late(late_s)
            else:
                sink.behind(late_s)
            return
        if late_s > CAUGHT_UP_S:
            self._caught_up_at_s = float("inf")
            sink.works()
            return
        self._caught_up_at_s = min(self._caught_up_at_s, came_at_s)
        if packet.is_keyframe or came_at_s - self._caught_up_at_s > STEADY_S:
            self._caught_up_at_s = None
            sink.late(0.0)

    def _decoded(
        self,
        packet: "av.Packet[av.VideoStream]",
        came_at_s: float,
        wanted: Wanted,
        sink: Sink,
        clock: Clock,
    ) -> Iterable[Picture]:
        """The pictures that a packet leads to; where not every one is wanted it is kept."""
        if wanted is not EVERY or self._stopped:
            return self._kept_back(packet, came_at_s - self._lay_s, wanted, sink)
        if self._slots is None:
            frames = self._decode(packet, sink)
        else:
            begun_s = time.monotonic()
            with self._slots:
                frames = self._decode(packet, sink)
            done_s = time.monotonic()
            self._slots.took(done_s - begun_s, done_s)
        if len(frames) != 1:
            return self._each(frames, clock)
        picture = self._picture(frames[0], clock.monotonic_s() - self._lay_s)
        return () if self._was_shown(picture) else (picture,)

    def _each(self, frames: list[av.VideoFrame], clock: Clock) -> Iterator[Picture]:
        for frame in frames:
            picture = self._picture(frame, clock.monotonic_s() - self._lay_s)
            if not self._was_shown(picture):
                yield picture

    def _kept_back(
        self, packet: "av.Packet[av.VideoStream]", came_at_s: float, wanted: Wanted, sink: Sink
    ) -> Iterator[Picture]:
        """Keep a packet; the pictures that are made nevertheless."""
        if packet.is_keyframe:
            self._context.flush_buffers()  # whatever came before it is not gone on with
        self._stopped = True
        if not self._kept.add(packet, came_at_s):
            sink.trouble("keyframes too far apart to keep what lies between")
        if wanted is EVERY:
            yield from self._go_on(came_at_s, sink)
        elif wanted is KEYFRAMES and packet.is_keyframe:
            yield from self._alone(packet, came_at_s, sink)

    def _go_on(self, now_s: float, sink: Sink) -> Iterator[Picture]:
        """Decode what was kept, and from now on what comes. Old pictures only lead to new ones, so
        many are decoded while it has a slot: somebody has just come."""
        if self._kept.broken:
            return  # the next keyframe mends it
        if self._keyframe_is_sooner(now_s):
            sink.works()
            return
        self._stopped = False
        passed_over = 0
        left = deque(self._kept.take())
        if len(left) > 1:
            self._went_on_until_s, self._least_late_s = now_s + GO_ON_S, float("inf")
        try:
            while left:
                for picture, came_at_s in self._lead(left, sink):
                    passed_over += picture.passed_over
                    if now_s - came_at_s > RECENT_S or self._was_shown(picture):
                        passed_over += 1
                    else:
                        yield replace(picture, passed_over=passed_over)
                        passed_over = 0
        finally:
            for packet, _ in left:  # the camera was left meanwhile
                overwrite(packet)

    def _keyframe_is_sooner(self, now_s: float) -> bool:
        """Whether the next keyframe comes before all that was kept would be decoded: to go on from
        there is sooner, and leaves the processors to others meanwhile."""
        if self._slots is None or self._keyframes_apart_s is None:
            return False
        left_s = self._keyframes_apart_s - self._kept.lie_s(now_s)
        return 0 < left_s < len(self._kept) * self._slots.each_s(now_s)

    def _lead(
        self, left: "deque[tuple[av.Packet[av.VideoStream], float]]", sink: Sink
    ) -> Iterator[tuple[Picture, float]]:
        """The pictures of the first of these packets, which are overwritten, and when each came: of
        as many as are decoded before others have their turn."""
        sink.works()
        with self._slots or nullcontext():
            until_s = time.monotonic() + HELD_S
            while left and time.monotonic() < until_s:
                packet, came_at_s = left[0]
                for frame in self._decode(packet, sink):
                    yield self._picture(frame, came_at_s), came_at_s
                overwrite(left.popleft()[0])

    def _alone(
        self, packet: "av.Packet[av.VideoStream]", came_at_s: float, sink: Sink
    ) -> Iterator[Picture]:
        """The picture of a keyframe without waiting for those that a decoder would like to see
        before it gives one. It stays kept, and is decoded again where decoding goes on."""
        with self._slots or nullcontext():
            frames = [*self._decode(packet, sink), *self._context.decode(None)]
        self._context.flush_buffers()
        for frame in frames[:1]:
            picture = self._picture(frame, came_at_s)
            self._shown_s = picture.stream_s
            yield picture

    def _was_shown(self, picture: Picture) -> bool:
        """Whether it is the last keyframe that was decoded alone."""
        return picture.stream_s is not None and picture.stream_s == self._shown_s

    def _forget(self) -> None:
        """Nothing is gone on with: the next keyframe begins anew."""
        self._kept.clear()
        self._lateness.restart()
        self._stopped, self._caught_up_at_s = False, None

    def _decode(self, packet: "av.Packet[av.VideoStream]", sink: Sink) -> list[av.VideoFrame]:
        spare = self._sparing.may_go(self._in_seconds(packet.pts), sink.period_s)
        if spare != self._spares:
            self._spares = spare
            self._context.skip_frame = "NONREF" if spare else "DEFAULT"
        try:
            return packet.decode()
        except (av.error.InvalidDataError, av.error.PatchWelcomeError):
            sink.trouble("undecodable packet")
            return []

    def _picture(self, frame: av.VideoFrame, arrived_at_s: float) -> Picture:
        size = (frame.width, frame.height)
        if size != self._checked_size:
            check_size(frame, self._shown)
            self._checked_size = size
        stream_s = self._in_seconds(frame.pts)
        gone = self._sparing.came(stream_s)
        offset_s = self._sender_offset_s
        sender_s = None if stream_s is None or offset_s is None else stream_s + offset_s
        view = FrameView(frame, self._correction, self._pixel_aspect)
        return Picture(view, stream_s, arrived_at_s, sender_s, frame.is_corrupt, gone)

    def _pixel_aspect(self) -> Fraction | None:
        """Width to height of a pixel as container or codec declare it."""
        return self.stream.sample_aspect_ratio or self._context.sample_aspect_ratio

    def _in_seconds(self, stamp: int | None) -> float | None:
        """The time of a packet's or picture's stamp; None where it has none.

        Packets and pictures of a stream have its time base, and asking each for its own makes a
        fraction of it each time.
        """
        if stamp is None or self._time_base is None:
            return None
        return stamp * self._time_base[0] / self._time_base[1]

    def _note_keyframe(self, packet: "av.Packet[av.VideoStream]") -> None:
        """How far apart keyframes are, and the distance between the sender's wall clock and the
        stream's stamps.

        FFmpeg attaches AVProducerReferenceTime (int64 microseconds, int flags) to each packet
        once an RTCP sender report has come; only keyframes are looked at, drift is slow.
        """
        stream_s = self._in_seconds(packet.pts) if packet.is_keyframe else None
        if stream_s is None:
            return
        if self._keyframe_s is not None:
            self._keyframes_apart_s = stream_s - self._keyframe_s
        self._keyframe_s = stream_s
        if not packet.has_sidedata("prft"):
            return
        wallclock_us = struct.unpack_from("=q", bytes(packet.get_sidedata("prft")))[0]
        self._sender_offset_s = wallclock_us / 1e6 - stream_s


def _decodable(stream: av.VideoStream) -> bool:
    context: object = stream.codec_context
    return context is not None


def _size(stream: av.VideoStream) -> tuple[bool, int]:
    is_cover = stream.disposition & av.stream.Disposition.attached_pic
    return not is_cover, stream.codec_context.width * stream.codec_context.height


def _fps(stream: av.VideoStream) -> float | None:
    """The rate that the stream tells of itself: FFmpeg's guess from container, codec and first
    stamps, else the mean that the container tells. None where no camera has such a rate."""
    for rate in (stream.guessed_rate, stream.average_rate):
        if rate and LOWEST_FPS <= rate <= HIGHEST_FPS:
            return float(rate)
    return None


def _open(opening: Opening) -> tuple[av.container.InputContainer, str]:
    """Open in hardware where asked and possible, else in software; say which it became."""
    if opening.hwaccel is None:
        return _open_with(opening, None), "software"
    if opening.hwaccel not in hwdevices_available():
        known = ", ".join(hwdevices_available()) or "none"
        log.warning("%s: no hardware decoder %r; known: %s", opening.shown, opening.hwaccel, known)
        return _open_with(opening, None), f"software ({opening.hwaccel} not available)"
    accelerated = HWAccel(opening.hwaccel, allow_software_fallback=True)
    try:
        container = _open_with(opening, accelerated)
    except (av.error.PermissionError, av.error.ExternalError, NotImplementedError) as error:
        # without the device FFmpeg fails in spite of the fallback it was asked for
        why = type(error).__name__
        log.warning("%s: no hardware decoding with %s (%s)", opening.shown, opening.hwaccel, why)
        return _open_with(opening, None), f"software ({opening.hwaccel} not available)"
    video = next(iter(container.streams.video), None)
    context: av.VideoCodecContext | None = video.codec_context if video is not None else None
    if context is not None and context.is_hwaccel:
        return container, opening.hwaccel
    return container, f"software ({opening.hwaccel} cannot decode this stream)"


_LENIENT: Final[dict[str, Any]] = (
    {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
)
"""A stranger's title need not be text. PyAV 19 is lenient by itself."""


def _open_with(opening: Opening, hwaccel: HWAccel | None) -> av.container.InputContainer:
    container: av.container.InputContainer = av.open(
        opening.location,
        mode="r",
        format=opening.container,
        options=dict(opening.options),
        timeout=(OPEN_TIMEOUT_S, None if opening.timed else READ_TIMEOUT_S),
        hwaccel=hwaccel,
        **_LENIENT,
    )
    return container


_SENTENCES: Final[tuple[tuple[type[Exception], Callable[[str], SourceError]], ...]] = (
    (av.error.HTTPUnauthorizedError, lambda a: SourceRefused(f"{a} refused the user or password")),
    (av.error.HTTPForbiddenError, lambda a: SourceRefused(f"{a} forbids this user to watch")),
    (av.error.HTTPNotFoundError, lambda a: SourceError(f"{a} is not known to the camera (404)")),
    (
        av.error.HTTPClientError,
        lambda a: SourceError(f"{a}: the camera rejects the request"),
    ),
    (
        av.error.HTTPServerError,
        lambda a: SourceError(f"{a}: the camera has an error of its own"),
    ),
    (av.error.ConnectionRefusedError, lambda a: SourceError(f"{a} does not answer: refused")),
    (av.error.ConnectionResetError, lambda a: SourceError(f"{a} broke the connection")),
    (av.error.BrokenPipeError, lambda a: SourceError(f"{a} broke the connection")),
    (av.error.ExitError, lambda a: SourceStalled(f"{a} is silent: no data in time")),
    (av.error.TimeoutError, lambda a: SourceStalled(f"{a} is silent: no data in time")),
    (av.error.FileNotFoundError, lambda a: SourceError(f"{a} does not exist")),
    (av.error.IsADirectoryError, lambda a: SourceError(f"{a} is a folder, not a video")),
    (av.error.PermissionError, lambda a: SourceError(f"{a} may not be read by this user")),
    (av.error.DecoderNotFoundError, lambda a: SourceError(f"{a} uses an unknown codec")),
    (av.error.ProtocolNotFoundError, lambda a: SourceError(f"{a}: this protocol is not allowed")),
)


@contextmanager
def translated(shown: str, unreadable: str = NO_VIDEO) -> Iterator[None]:
    """Turn FFmpeg's exceptions into SourceError with our own words and no chained original.

    The chain is cut on purpose: the original's text holds the address with its password.
    """
    try:
        yield
    except av.error.FFmpegError as error:
        for kind, sentence in _SENTENCES:
            if isinstance(error, kind):
                raise sentence(shown) from None
        if isinstance(error, av.error.InvalidDataError) or unreadable != NO_VIDEO:
            raise SourceError(f"{shown} {unreadable}") from None
        what = error.strerror or type(error).__name__
        raise SourceError(f"{shown} cannot be read: {what}") from None
    except (ValueError, OverflowError) as error:  # PyAV on numbers that make no sense
        raise SourceError(f"{shown} cannot be read: {type(error).__name__}") from None

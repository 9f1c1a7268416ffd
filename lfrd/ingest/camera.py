"""One camera: its reader thread, its state, its frames; alive from enter to exit.

The camera is the one handler of retries for every kind of source. It connects, watches, and when
the connection ends for whatever reason it says so and tries again, without ever touching another
camera.
"""

import asyncio
import contextlib
import logging
import threading
import zlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final, Self

import numpy as np

from lfrd.clock import Clock
from lfrd.counters import CameraCounters
from lfrd.errors import Conflict, SourceError, SourceRefused, place_of, trace_of
from lfrd.ingest.masks import Masker
from lfrd.ingest.settings import GIVES_PICTURES, CameraSettings, CameraStatus, State
from lfrd.ingest.source import (
    DUE_NOW,
    EVERY,
    NOT_DUE,
    Due,
    Pacer,
    Picture,
    Sink,
    Source,
    SourceStalled,
    StreamInfo,
    Wanted,
)  # fmt: skip
from lfrd.ingest.sources import build_source
from lfrd.ingest.timestamps import CaptureClock, MediaTimeline
from lfrd.ingest.whip import WhipIngest
from lfrd.mailbox import Every, Latest
from lfrd.process import give_way
from lfrd.supervise import PASSIVE, Backoff, keep_running
from lfrd.types import U8, Frame

FROZEN_AFTER_S: Final = 4.0
UNCHANGED_AFTER_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Pulse:
    """What the reader last saw, in monotonic seconds; None for never in this connection.

    `frame_at_s`: a frame with a new timestamp. `changed_at_s`: a frame whose luma differs from
    the one before.
    """

    frame_at_s: float | None = None
    changed_at_s: float | None = None
    damaged_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """A state and why."""

    state: State
    reason: str


def judge(pulse: Pulse, now_s: float) -> Verdict:
    """Return live, degraded or frozen for a connected camera that has given at least one frame.

    An unchanged picture is only degraded: at night nothing may move for hours, and that is no
    fault. So is a stream of which more than a quarter of the pictures is damaged.
    """
    assert pulse.frame_at_s is not None
    silent_s = now_s - pulse.frame_at_s
    if silent_s >= FROZEN_AFTER_S:
        return Verdict(State.FROZEN, "no new picture or timestamp for 4 s")
    if pulse.changed_at_s is not None and now_s - pulse.changed_at_s >= UNCHANGED_AFTER_S:
        return Verdict(
            State.DEGRADED, "picture unchanged for 30 s: a still scene, or a camera that repeats"
        )
    if pulse.damaged_share > 0.25:
        return Verdict(State.DEGRADED, "more than a quarter of the pictures arrive damaged")
    return Verdict(State.LIVE, "pictures arrive")


_CHECK_S = 1.0
_FPS_WINDOW = 50


@dataclass(frozen=True, slots=True)
class PacketNote:
    """One compressed picture, for the measures of `probe_camera`."""

    arrived_at_s: float
    size_bytes: int
    keyframe: bool


class Intake:
    """The sink of one camera over all its connections. Implements `source.Sink`.

    All methods of `Intake` but `pulse`, `measure` and `take_trouble` run in the one reader thread;
    the numbers it keeps are plain attributes that the event loop reads, each written by one thread
    only.
    """

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
        self._chooser = None if settings.every_frame else pacer  # else no reader waits: all is kept
        self._settings = settings
        self._clock = clock
        self._counters = counters
        self._mailbox = mailbox
        self._noticed = noticed
        self._stop = threading.Event()
        self.stopping = False
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
        self.late_s = 0.0
        """How far reading is behind, where only keyframes are decoded for that reason."""
        self.on_packet: Callable[[PacketNote], None] | None = None

    # the loop's side ---------------------------------------------------------------------------

    def stop(self) -> None:
        """Ask the source to return, and let nothing more through."""
        self.stopping = True
        self._stop.set()

    def forget_pulse(self) -> None:
        """Begin to watch anew: another connection, or decoding again after a rest."""
        self.frame_at_s = self.changed_at_s = None
        self.packets_since_s, self.had_keyframe = None, False
        self.late_s = 0.0
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

    @property
    def too_few_are_wanted(self) -> bool:
        """Whether only keyframes are decoded because the machine is full."""
        return self.late_s > 0 or self.wanted is Wanted.KEYFRAMES

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
    def wanted(self) -> Wanted:
        return EVERY if self._chooser is None else self._chooser.wanted

    @property
    def period_s(self) -> float | None:
        return None if self._pacer is None else self._pacer.period_s

    @property
    def rest_s(self) -> float:
        return 0.0 if self._chooser is None else self._chooser.rest_s

    def late(self, late_s: float) -> None:
        self.late_s = late_s
        if self._pacer is not None:
            self._pacer.late(late_s)

    def behind(self, late_s: float) -> None:
        if self._pacer is not None:
            self._pacer.behind(late_s)

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
        if keyframe:
            self.had_keyframe = True
        if self.had_keyframe and (self.late_s > 0 or self.wanted is not EVERY):
            self.frame_at_s = self.changed_at_s = now_s  # alive, though hardly a picture is made
        if self.on_packet is not None:
            self.on_packet(PacketNote(now_s, size_bytes, keyframe))

    def trouble(self, kind: str) -> None:
        with self._trouble_lock:
            self._trouble[kind] += 1

    def works(self) -> None:
        self.frame_at_s = self.changed_at_s = self._clock.monotonic_s()

    def picture(self, picture: Picture) -> None:
        if not self.decoding:
            return
        first = self.frame_at_s is None
        self._hand_over(picture)
        self._watch(picture)
        self._counters.frames_decoded += 1 + picture.passed_over
        self._counters.frames_dropped = self._mailbox.dropped
        if first:
            self._noticed()

    def _hand_over(self, picture: Picture) -> None:
        """As a frame to the consumer, where it is its turn, or where an older one still waits."""
        media_at_s = self._timeline.step(picture.stream_s, picture.arrived_at_s)
        captured_at_s = media_at_s
        if not self._settings.every_frame:
            age_s = self._clock.monotonic_s() - picture.arrived_at_s
            captured_at_s = self._capture.captured(
                picture.arrived_at_s, self._clock.wall_s() - age_s, picture.sender_wall_s
            )
        sequence = self._sequence + picture.passed_over
        self._sequence = sequence + 1
        pacer, due, still = self._pacer, DUE_NOW, False
        if pacer is not None:
            waiting = self._mailbox.waiting and not self._settings.every_frame
            due = pacer.due(captured_at_s, waiting=waiting)
            if due is NOT_DUE:
                return
            still = pacer.still(self._masker.luma(picture.view.luma()), captured_at_s)
            if still and pacer.at_rest:
                return
            pacer.handed(sequence)
        frame = Frame(
            camera_id=self._settings.id,
            sequence=sequence,
            captured_at_s=captured_at_s,
            media_at_s=media_at_s,
            arrived_at_s=picture.arrived_at_s,
            planes=self._masker.apply(picture.planes),
            still=still,
            small=pacer is not None and pacer.small,
            only_faces=pacer is not None and pacer.only_faces,
        )
        self._mailbox.put(frame, renews=due is Due.NEWER)

    def _watch(self, picture: Picture) -> None:
        """Take the pulse, and learn the size from the picture itself."""
        now_s = picture.arrived_at_s
        if picture.stream_s is None or picture.stream_s != self._last_stream_s:
            self.frame_at_s = now_s
        self._last_stream_s = picture.stream_s
        if picture.passed_over:
            self._recent.extend([now_s] * min(picture.passed_over, _FPS_WINDOW))
        self._recent.append(now_s)
        self._damaged_share += 0.02 * (picture.damaged - self._damaged_share)
        if picture.damaged:
            self._counters.frames_corrupt += 1
            self.trouble("damaged picture")
        if now_s - self._checked_at_s >= _CHECK_S or self.changed_at_s is None:
            self._checked_at_s = now_s
            luma = picture.view.luma()
            digest = _luma_digest(luma)
            if digest != self._luma_digest or self.changed_at_s is None:
                self.changed_at_s = now_s
            self._luma_digest = digest
            self._learn_size(luma)

    def _learn_size(self, luma: U8) -> None:
        info = self.info
        height_px, width_px = luma.shape
        if info is not None and (info.width_px, info.height_px) != (width_px, height_px):
            self._learn(replace(info, width_px=width_px, height_px=height_px))

    def _learn(self, info: StreamInfo) -> None:
        self.info = info
        self._noticed()


def _luma_digest(luma: U8) -> int:
    """A checksum of every fourth sample in both directions: it says changed or not, and no more."""
    return zlib.crc32(np.ascontiguousarray(luma[::4, ::4]).data)


READER_NAME: Final = "reader"
"""The names of all reader threads begin with this word."""


def readers_at_work() -> tuple[str, ...]:
    """The names of the cameras that a thread of this process is still reading, whatever started
    it."""
    names = (thread.name.partition(" ") for thread in threading.enumerate())
    return tuple(sorted(camera for word, _, camera in names if word == READER_NAME))


class Reader:
    """Runs `source.run(sink)` once. The owner awaits `ended()`; FFmpeg cannot be interrupted, so
    that may take until its timeouts after the sink says `stopping`.
    """

    def __init__(self, source: Source, sink: Sink, name: str) -> None:
        self._source = source
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name)

    async def start_and_end(self) -> None:
        """Start the thread, once, and wait for its end as `ended` does."""
        try:
            self._thread.start()
        except RuntimeError:  # the system gives no more threads
            self._over.set()
            raise SourceError("the machine has no thread left to read a camera in") from None
        await self.ended()

    @property
    def running(self) -> bool:
        """Whether the thread is still inside the source."""
        return not self._over.is_set()

    async def ended(self) -> None:
        """Wait for the thread's end and raise what the source raised."""
        await self._over.wait()
        if self._thread.ident is not None:
            self._thread.join()  # its last statement has run: this takes microseconds
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            if self._source.live:  # a file that is read at full speed is what is waited for
                give_way()
            self._source.run(self._sink)
        except BaseException as error:  # kept and raised in the owner's task by ended()
            self._error = error
        finally:
            self._tell()

    def _tell(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._over.set)
        except RuntimeError:  # the loop has closed: the owner gave up waiting and said so
            return


log = logging.getLogger(__name__)

WATCH_PERIOD_S: Final = 0.25
EXIT_GRACE_S: Final = 0.5
"""How long leaving waits for the reader before the camera is merely `closing`."""
TROUBLE_PERIOD_S: Final = 1.0
WAIT_TOLD_S, WAIT_LOGGED_EVERY_S, BLIND_S = 2.0, 10.0, 30.0
"""A wait for the first keyframe is told from so long on, logged so often, and is a fault from so
long on: no face can be found."""
WAITING: Final = "waiting for a keyframe"
KEYFRAMES_FULL: Final = "keyframes only, in turn with other cameras: the machine is full"
LOOKS_FULL: Final = "looked at less often than detection.floor_hz: the machine is full"
TOLD_S: Final = 20.0
"""So long after the last time the state still says so: turns change every few seconds."""
KEYFRAMES_LATE: Final = "keyframes only: this machine cannot decode the stream in time"
KEYFRAME_ADVICE: Final = "set the camera's keyframe interval (I-frame interval) to 1 to 2 s"


@dataclass(slots=True)
class _Trouble:
    """What went wrong with single pictures: logged once a second at most, and kept in total."""

    logged_at_s: float
    totals: Counter[str]


class Camera:
    """`async with Camera(...) as camera: async for frame in camera.frames: ...`

    `frames` goes on across reconnects. It ends when the camera is left or a file has been read to
    its end, and raises SourceError where nothing more can be expected: a file that breaks off, or
    a first attempt that failed and `must_open` is set. Whatever goes wrong while it is read, a
    fault of ours included, is a failed connection of this camera and nothing more.
    """

    def __init__(
        self,
        settings: CameraSettings,
        clock: Clock,
        counters: CameraCounters,
        on_status: Callable[[CameraStatus], None] | None = None,
        *,
        source: Source | None = None,
        whip: WhipIngest | None = None,
        backoff: Backoff | None = None,
        pacer: Pacer | None = None,
        into: "Camera | None" = None,
    ) -> None:
        """Raises BadInput for an address that cannot be understood.

        `on_status` is called on the event loop for every change of state or reason. `source`
        defaults to what the address asks for; `whip` is the site's door for publishers; `pacer`
        says which pictures become frames, None: all. `into`: the camera among whose frames are
        those of this one, which has none itself; it is entered first and left last.
        """
        self._pacer = pacer
        self._into = into
        self.settings = settings
        self._shown = settings.address.shown
        self._source = source or build_source(settings, clock, whip)
        self._clock = clock
        self._counters = counters
        self._on_status = on_status
        self._backoff = backoff or Backoff()
        self._status = CameraStatus(State.IDLE, clock.wall_s(), "not started")
        self._told: tuple[State, str, StreamInfo | None] | None = None
        """What the status was last made of: four times a second nothing is new."""
        self._reader: Reader | None = None
        self._trouble = _Trouble(clock.monotonic_s(), Counter())
        self._was_live = False
        self._wait_logged_at_s = 0.0
        self._sparse: Verdict | None = None
        self._sparse_at_s = float("-inf")
        """What was said when last only keyframes were decoded, and when that was."""
        self._lost_for_good = ""
        self._failure: SourceError | None = None
        self._onlooker: asyncio.Future[Frame] | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._mailbox: Latest[Frame] = (
            self._into._mailbox
            if self._into is not None
            else (Every if self.settings.every_frame else Latest)(loop)
        )
        self._noticed = asyncio.Event()
        self.intake = Intake(
            self.settings,
            self._clock,
            self._counters,
            self._mailbox,
            lambda: self._notice(loop),
            live=self._source.live,
            pacer=self._pacer,
        )
        self._task = asyncio.create_task(self._run(), name=f"camera {self.settings.id}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop; return within half a second even if the reader is still inside FFmpeg.

        Such a reader is `still_closing`, and the owner awaits it with `wait_closed`.
        """
        self.intake.stop()
        if self._into is None:
            self._mailbox.close()
            self._mailbox.clear()
        self._task.cancel()
        await asyncio.wait([self._task])
        if self._reader is not None and self._reader.running:
            await self._patience(self._reader)
        self._log_totals()
        if self.still_closing:
            self._become(State.CLOSING, "the reader has not yet returned from the network")
        elif self._status.state is not State.ENDED:
            self._become(State.IDLE, "stopped")
        if error is None:
            self._raise_fault()

    @property
    def status(self) -> CameraStatus:
        """The present state, with the measured rate while pictures come."""
        if self._status.state not in GIVES_PICTURES:
            return self._status
        return replace(self._status, fps=self.intake.fps(self._clock.monotonic_s()))

    @property
    def still_closing(self) -> bool:
        """Whether the camera was left but its reader has not returned yet."""
        return self.intake.stopping and self._reader is not None and self._reader.running

    async def wait_closed(self) -> None:
        """Wait until the reader has returned, however long that takes (see FFmpeg's timeouts)."""
        if self._reader is not None:
            await _outcome(self._reader)
        if self._status.state is State.CLOSING:
            self._become(State.IDLE, "stopped")

    @property
    async def frames(self) -> AsyncIterator[Frame]:
        """Frames, for one consumer; see the class."""
        async for frame in self._mailbox.items(None if self._pacer is None else self._pacer.gate):
            if self._onlooker is not None and not self._onlooker.done():
                self._onlooker.set_result(frame)
            yield frame
        await asyncio.wait([self._task])
        if self._failure is not None:
            raise self._failure
        self._raise_fault()

    async def next_frame(self) -> Frame:
        """The next frame that is taken from `frames`, for one who only looks on. Raises Conflict
        where a caller does already."""
        if self._onlooker is not None:
            raise Conflict(f"camera {self.settings.id} is being glanced at already")
        self._onlooker = asyncio.get_running_loop().create_future()
        try:
            return await self._onlooker
        finally:
            self._onlooker = None

    def decode(self, on: bool) -> None:
        """Decode, or only keep the connection and throw packets away (idle but connected).

        WebRTC cannot be held so: such a camera closes, and opens again when it shall decode.
        """
        if on and not self.intake.decoding:
            self.intake.forget_pulse()
            self._become(State.CONNECTING, "waiting for the next keyframe")
        self.intake.decoding = on
        if not on:
            self._mailbox.clear()
        self._noticed.set()

    def lose(self, reason: str) -> None:
        """Its pictures are of no use any more, and its state says so until it is left."""
        self._lost_for_good = reason
        self._become(State.LOST, reason)

    def _notice(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wake the watcher, from the reader thread."""
        with contextlib.suppress(RuntimeError):  # the loop has closed: no task is left to wake
            loop.call_soon_threadsafe(self._noticed.set)

    def _raise_fault(self) -> None:
        """Raise what ended the camera's task if that is a fault of ours."""
        if not self._task.cancelled() and (fault := self._task.exception()) is not None:
            raise fault

    # the camera's task -------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                watcher = group.create_task(self._watch())
                await self._keep_running()
                watcher.cancel()
        finally:
            if self._into is None:
                self._mailbox.close()

    async def _keep_running(self) -> None:
        if self._source.passive:
            backoff = PASSIVE
            self._become(State.CONNECTING, "waiting for a publisher")
        else:
            backoff = self._backoff
            self._become(State.CONNECTING, f"connecting to {self._shown}")
        try:
            await keep_running(
                self._connect, clock=self._clock, backoff=backoff, failed=self._failed
            )
            self._become(State.ENDED, "the file has been read to its end")
        except _GivenUp as given_up:
            self._failure = given_up.error
            self._become(State.ENDED, str(given_up.error))

    async def _connect(self) -> None:
        """One connection, from start to end."""
        self.intake.forget_pulse()
        self.intake.is_open = False
        self._reader = Reader(self._source, self.intake, f"{READER_NAME} {self.settings.id}")
        try:
            await self._reader.start_and_end()
        except SourceError:
            raise
        except Exception as fault:
            raise self._faulty(fault) from None  # its text may hold the address
        if self._source.live:
            raise SourceError(f"{self._shown} ended the stream")

    def _failed(self, error: SourceError, pause_s: float) -> None:
        self._was_live = self._was_live or self.intake.frame_at_s is not None
        if self._gives_up():
            raise _GivenUp(error)
        state = State.LOST
        if isinstance(error, SourceRefused):
            state = State.REFUSED
        elif isinstance(error, SourceStalled) and self._was_live:
            state = State.FROZEN
        passive = self._source.passive
        then = "waiting for a publisher" if passive else f"next attempt in {pause_s:.0f} s"
        self._become(state, f"{error}; {then}")

    def _gives_up(self) -> bool:
        if not self._was_live:
            return self.settings.must_open
        return not self._source.live and not self.settings.loop

    def _faulty(self, fault: Exception) -> SourceError:
        log.error("camera %s: a fault while reading: %s", self.settings.id, place_of(fault))
        log.debug("camera %s: %s", self.settings.id, trace_of(fault))
        return SourceError(f"{self._shown} cannot be read: {place_of(fault)}")

    async def _watch(self) -> None:
        """Judge the camera's health four times a second, and at once when the reader says so."""
        loop, judged_at_s = asyncio.get_running_loop(), self._clock.monotonic_s()
        while True:
            self._noticed.clear()
            now_s = self._clock.monotonic_s()
            if self.intake.is_open and self.intake.too_few_are_wanted and self._source.live:
                self._counters.keyframes_only_s += now_s - judged_at_s
            judged_at_s = now_s
            self._judge()
            self._log_trouble()
            due = loop.call_later(WATCH_PERIOD_S, self._noticed.set)
            try:
                await self._noticed.wait()
            finally:
                due.cancel()

    def _judge(self) -> None:
        if self._reader is None or not self._reader.running:
            return
        pulse = self.intake.pulse()
        if not self.intake.decoding:
            self._mailbox.clear()  # a picture that was under way when decoding stopped
            if self.intake.is_open:
                self._become(State.IDLE, "connected, nothing is decoded")
        elif pulse.frame_at_s is not None:
            if self._source.live:
                verdict = self._verdict(pulse)
                self._become(verdict.state, verdict.reason)
            else:  # a file waits for its reader, not the other way round
                self._become(State.LIVE, "the file is being read")
        elif self._source.live:
            self._tell_wait(self.intake.waits_for_keyframe_s(self._clock.monotonic_s()))

    def _verdict(self, pulse: Pulse) -> Verdict:
        now_s, sparse = self._clock.monotonic_s(), self._sparse
        if self.intake.late_s > 0:
            sparse = self._sparse = Verdict(State.DEGRADED, KEYFRAMES_LATE)
        elif self.intake.wanted is Wanted.KEYFRAMES:
            sparse = self._sparse = Verdict(State.DEGRADED, KEYFRAMES_FULL)
        elif self._pacer is not None and self._pacer.below_floor:
            sparse = self._sparse = Verdict(State.DEGRADED, LOOKS_FULL)
        else:
            verdict = judge(pulse, now_s)
            over = now_s - self._sparse_at_s > TOLD_S
            return verdict if over or sparse is None or verdict.state is State.FROZEN else sparse
        self._sparse_at_s = now_s
        return sparse

    def _tell_wait(self, waited_s: float | None) -> None:
        """Packets come, and no picture can be made of them before the next keyframe."""
        if waited_s is None or waited_s < WAIT_TOLD_S:
            return
        state = self._status.state
        if waited_s >= BLIND_S:
            state = State.FROZEN
        elif state is State.IDLE or state in GIVES_PICTURES:
            state = State.CONNECTING
        self._become(state, f"{WAITING} ({int(waited_s)} s so far); {KEYFRAME_ADVICE}")

    def _become(self, state: State, reason: str) -> None:
        if self._lost_for_good and state not in _LEFT:
            state, reason = State.LOST, self._lost_for_good
        old, info = self._status, self.intake.info
        if (state, reason, info) == self._told:
            return
        self._told = state, reason, info
        changed = (old.state, old.reason) != (state, reason)
        new = CameraStatus(
            state,
            self._clock.wall_s() if old.state is not state else old.since_s,
            reason,
            codec=info.codec if info else None,
            width_px=info.width_px or None if info else None,
            height_px=info.height_px or None if info else None,
            decoder=info.decoder if info else None,
        )
        self._status = new
        if not changed and old == new:
            return
        if changed and self._is_news(old, new):
            level = logging.INFO if state in _WELL else logging.WARNING
            if reason.startswith(WAITING):
                level = logging.WARNING
            log.log(level, "camera %s: %s: %s", self.settings.id, state, reason)
        if self._on_status is not None:
            self._on_status(new)

    def _is_news(self, old: CameraStatus, new: CameraStatus) -> bool:
        """Whether a change is to be logged: a wait that goes on is so now and then only."""
        now_s = self._clock.monotonic_s()
        waits_on = old.state is new.state and all(
            status.reason.startswith(WAITING) for status in (old, new)
        )
        if waits_on and now_s - self._wait_logged_at_s < WAIT_LOGGED_EVERY_S:
            return False
        self._wait_logged_at_s = now_s
        return True

    def _log_trouble(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._trouble.logged_at_s < TROUBLE_PERIOD_S:
            return
        if taken := self.intake.take_trouble():
            self._trouble.logged_at_s = now_s
            self._trouble.totals.update(taken)
            log.warning("camera %s: %s", self.settings.id, _listed(taken))

    def _log_totals(self) -> None:
        self._trouble.totals.update(self.intake.take_trouble())
        if self._trouble.totals:
            log.warning("camera %s: in all %s", self.settings.id, _listed(self._trouble.totals))

    async def _patience(self, reader: Reader) -> None:
        try:
            async with asyncio.timeout(EXIT_GRACE_S):
                await _outcome(reader)
        except TimeoutError:
            log.warning("camera %s: still closing", self.settings.id)


_LEFT: Final = {State.IDLE, State.CLOSING, State.ENDED}
_WELL: Final = {State.IDLE, State.CONNECTING, State.LIVE, State.ENDED}


class _GivenUp(Exception):
    def __init__(self, error: SourceError) -> None:
        self.error = error


async def _outcome(reader: Reader) -> None:
    """Await a reader that was told to stop; that it then fails to read is no news."""
    try:
        await reader.ended()
    except Exception as error:
        log.debug("while closing: %s", place_of(error))


def _listed(kinds: Counter[str]) -> str:
    return ", ".join(f"{count} x {kind}" for kind, count in sorted(kinds.items()))

"""What a camera source is, and which source an address asks for.

A source knows how to connect once and to pass pictures on until the connection ends. It knows
nothing of retries, queues, states or clocks: those belong to the camera that runs it, which is
the same code for every kind of source.
"""

import enum
from dataclasses import dataclass
from typing import Final, Protocol

from lfrd.errors import SourceError
from lfrd.mailbox import Gate
from lfrd.types import U8, Planes


class SourceStalled(SourceError):
    """The other side is there but silent."""

    code = "source-stalled"


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What was learnt about the stream; sizes are 0 until the first picture tells them.

    `decoder` says what really decodes, for example `software`, `cuda`, or
    `software (cuda: no such device)`. `fps` is the rate that the stream tells of itself, if any.
    """

    codec: str
    width_px: int
    height_px: int
    decoder: str = "software"
    fps: float | None = None


class View(Protocol):
    """What a decoded picture shows. Most pictures of a stream are not looked at, and of most others
    only the luma is."""

    def planes(self) -> Planes:
        """All of it; made once."""

    def luma(self) -> U8:
        """The luma of `planes`, u8[h, w]."""


@dataclass(slots=True)
class Picture:
    """One decoded picture on its way from a source to its camera. It is not frozen because one is
    made for each picture of each stream, and a frozen one takes twice as long to make.

    `stream_s` is the stream's own timestamp in seconds, with an arbitrary origin, or None;
    `sender_wall_s` the sender's wall clock when the picture was taken (RTCP), or None;
    `damaged` says that the decoder had to guess a part of it.
    """

    view: View
    stream_s: float | None
    arrived_at_s: float
    sender_wall_s: float | None = None
    damaged: bool = False
    passed_over: int = 0
    """Pictures just before this one that were not decoded, because they were not needed."""

    @property
    def planes(self) -> Planes:
        """All that it shows."""
        return self.view.planes()


class Wanted(enum.Enum):
    """Which pictures of a stream shall be decoded. What is not decoded is kept from the last
    keyframe on, within bounds, so that decoding can go on at any time."""

    EVERY = "every picture"
    KEYFRAMES = "keyframes only"
    NONE = "none for now"


EVERY: Final = Wanted.EVERY
KEYFRAMES: Final = Wanted.KEYFRAMES
NONE: Final = Wanted.NONE
"""For what is done for each packet: in Python 3.11 `Wanted.EVERY` takes as long as a call."""


class Due(enum.Enum):
    """Whether a picture is handed to the consumer."""

    NOT = "another one's turn"
    NEWER = "in place of an older one that still waits"
    NOW = "its own turn"


NOT_DUE: Final = Due.NOT
DUE_NOW: Final = Due.NOW
"""For each picture, see `EVERY`."""


class Pacer(Protocol):
    """Which pictures the camera's consumer wants to see. For the reader thread."""

    @property
    def wanted(self) -> Wanted:
        """Which pictures are worth decoding now."""

    def late(self, late_s: float) -> None:
        """Reading is so far behind the sender that only keyframes are decoded; 0: no more."""

    def behind(self, late_s: float) -> None:
        """Every picture is decoded, so long after it came."""

    @property
    def period_s(self) -> float:
        """How far apart wanted pictures are."""

    @property
    def rest_s(self) -> float:
        """How long packets may lie before they are read."""

    @property
    def below_floor(self) -> bool:
        """Whether they are further apart in truth: the machine is full."""

    def due(self, at_s: float, *, waiting: bool = False) -> "Due":
        """Whether it is the turn of a picture of this time (`Frame.captured_at_s`); `waiting`: an
        older one was handed over and not taken."""

    def still(self, luma: U8, at_s: float) -> bool:
        """Whether nothing moved in a picture whose turn it is; luma u8[h, w]."""

    @property
    def small(self) -> bool:
        """Whether this is the small stream of two."""

    @property
    def only_faces(self) -> bool:
        """Whether a larger picture follows where this one shows a face."""

    @property
    def at_rest(self) -> bool:
        """Whether the consumer is done with all it was handed, and would pass over a still one."""

    def handed(self, sequence: int) -> None:
        """The consumer is handed the picture of this number."""

    @property
    def gate(self) -> Gate | None:
        """Where the consumer waits before it takes a picture. For the event loop."""


class Sink(Protocol):
    """The camera as its source sees it. Every method is called in the reader thread only."""

    @property
    def stopping(self) -> bool:
        """True once the source shall return at its next opportunity."""

    @property
    def decoding(self) -> bool:
        """False while packets shall be read and thrown away undecoded."""

    @property
    def wanted(self) -> Wanted:
        """Which pictures shall be decoded, while `decoding`."""

    @property
    def period_s(self) -> float | None:
        """How far apart the pictures may be that are needed; None: every one is."""

    @property
    def rest_s(self) -> float:
        """How long packets may lie before they are read."""

    def late(self, late_s: float) -> None:
        """Reading is so far behind the sender that only keyframes are decoded; 0: no more."""

    def behind(self, late_s: float) -> None:
        """Every picture is decoded, so long after it came."""

    def wait(self, seconds: float) -> bool:
        """Sleep, but return True at once when the camera is stopping."""

    def opened(self, info: StreamInfo) -> None:
        """The stream is open, for the first time or anew."""

    def packet(self, size_bytes: int, keyframe: bool) -> None:
        """A compressed picture arrived."""

    def picture(self, picture: Picture) -> None:
        """A decoded picture arrived."""

    def works(self) -> None:
        """No picture comes because older ones are decoded first, or a keyframe is waited for: the
        camera is not silent meanwhile."""

    def trouble(self, kind: str) -> None:
        """Something small went wrong (`undecodable packet`); counted, and logged once a second."""


class Source(Protocol):
    """One way to get pictures."""

    @property
    def live(self) -> bool:
        """True where the end of the stream is a lost camera, False where it is the end."""

    @property
    def passive(self) -> bool:
        """True where `run` waits for a sender, so that a retry needs no pause."""

    def run(self, sink: Sink) -> None:
        """Connect and pass pictures to the sink; block until the stream ends or `stopping`.

        Raises SourceRefused for wrong credentials, SourceStalled for silence, and SourceError
        for all else that a person can mend.
        """

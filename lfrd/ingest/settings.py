"""What a camera is told to be, and what it says of itself."""

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Literal

from lfrd.errors import BadInput
from lfrd.ingest.address import Address, parse
from lfrd.ingest.masks import EVERYWHERE, Regions
from lfrd.ingest.reach import ANYWHERE, Reach

_ICE_URL = re.compile(r"(stun|turns?):[A-Za-z0-9._-]+(:\d{1,5})?(\?transport=(udp|tcp))?")


class State(StrEnum):
    """What a camera is doing. After a failure the state stays until pictures come again."""

    IDLE = "idle"
    CONNECTING = "connecting"
    LIVE = "live"
    DEGRADED = "degraded"
    FROZEN = "frozen"
    LOST = "lost"
    REFUSED = "refused"
    ENDED = "ended"
    CLOSING = "closing"


GIVES_PICTURES = frozenset({State.LIVE, State.DEGRADED})
"""What a camera is while its pictures come."""


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server, `stun:host:port` or `turn:host:port?transport=tcp`."""

    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not _ICE_URL.fullmatch(self.url):
            raise BadInput(
                "an ICE server is written stun:HOST:PORT or turn:HOST:PORT, "
                "the latter perhaps with ?transport=tcp"
            )


QuarterTurn = Literal[0, 90, 180, 270]
Deinterlace = Literal["auto", "on", "off"]
_ASPECT = re.compile(r"(\d{1,4}):(\d{1,4})")


@dataclass(frozen=True, slots=True)
class Correction:
    """How pictures are made upright, square and progressive.

    `rotate_deg`: clockwise, beside what the stream itself asks for. `aspect`: width to height of
    the whole picture as it is sent, such as `16:9`, for recorders that squeeze pictures and do not
    say so; None: as the stream declares. `deinterlace` `auto`: where the stream says interlaced.
    """

    rotate_deg: QuarterTurn = 0
    aspect: str | None = None
    deinterlace: Deinterlace = "auto"

    def __post_init__(self) -> None:
        if self.rotate_deg not in (0, 90, 180, 270):
            raise BadInput("a picture is rotated by 0, 90, 180 or 270 degrees")
        if self.aspect is not None and not 1 / 4 <= self.aspect_ratio <= 4:
            raise BadInput("an aspect is written WIDTH:HEIGHT, such as 16:9, and is 1:4 to 4:1")

    @property
    def aspect_ratio(self) -> float:
        """Width to height; 0 where none is given, or it cannot be understood."""
        found = _ASPECT.fullmatch(self.aspect or "")
        return int(found[1]) / int(found[2]) if found and int(found[2]) else 0.0


AS_SENT = Correction()


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """One camera.

    `address` may be given as text, and is parsed then: raises BadInput. `transport` and
    `ca_file` are for RTSP (the CA file also for WHEP over https). `loop`, `paced`: for files.
    `every_frame`: nothing is dropped, the reader waits for the pipeline instead, and times are
    media times. `must_open`: the first attempt must succeed, or the camera ends with its error
    (for a user who waits at a terminal). `hwaccel`: a hardware decoder of FFmpeg such as
    `cuda` or `vaapi`; without it, or where it fails, software decodes. `bearer_token`: for a
    WHEP server. `ice_servers`: none means host candidates only. `look_address`: a second, small
    stream of the same view, in which faces are looked for.
    """

    id: str
    address: Address
    transport: Literal["tcp", "udp"] = "tcp"
    ca_file: Path | None = None
    loop: bool = False
    paced: bool = True
    every_frame: bool = False
    must_open: bool = False
    hwaccel: str | None = None
    bearer_token: str | None = field(default=None, repr=False)
    ice_servers: tuple[IceServer, ...] = ()
    regions: Regions = EVERYWHERE
    correction: Correction = AS_SENT
    stream: int | None = None
    pin: str | None = None
    reach: Reach = ANYWHERE
    look_address: Address | None = None

    def __post_init__(self) -> None:
        for name in ("address", "look_address"):
            given: Address | str | None = getattr(self, name)
            if isinstance(given, str):
                object.__setattr__(self, name, parse(given))

    @property
    def look(self) -> "CameraSettings":
        """How the small stream of the camera is read."""
        assert self.look_address is not None
        return replace(self, address=self.look_address, look_address=None, stream=None)


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """What a camera says of itself at one moment.

    `since_s` is wall time; `reason` one sentence; `fps` is measured over the last seconds;
    `decoder` what decodes really; sizes and codec are those last seen, None before any.
    """

    state: State
    since_s: float
    reason: str
    codec: str | None = None
    width_px: int | None = None
    height_px: int | None = None
    fps: float | None = None
    decoder: str | None = None

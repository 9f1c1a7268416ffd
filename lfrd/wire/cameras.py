"""The wire contract of cameras: how they are, and adding, changing and testing them."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from lfrd.wire.base import Line, Slug, Wire


class CameraState(StrEnum):
    IDLE = "idle"
    CONNECTING = "connecting"
    LIVE = "live"
    DEGRADED = "degraded"
    FROZEN = "frozen"
    LOST = "lost"
    REFUSED = "refused"
    PAUSED = "paused"
    ENDED = "ended"
    CLOSING = "closing"


class CameraRates(Wire):
    """Ephemeral figures of one camera in the running deployment; never stored.

    The rates are over the last seconds in which a client asked, 0 until one has asked twice.
    `keyframes_only_s` for how long not every picture was decoded, because the machine was full. Of
    a camera with two streams `frames_decoded` and the rates are of the small one, and
    `large_frames_decoded` of the large one.
    """

    camera_id: str
    frames_decoded: int
    frames_dropped: int
    frames_detected: int
    faces_detected: int
    tracks: int
    tracks_split: int = 0
    decode_fps: float
    detect_fps: float
    keyframes_only_s: float = 0.0
    large_frames_decoded: int = 0


PIN = r"^[Ss][Hh][Aa]-?256:([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$"
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Corners = Annotated[tuple[tuple[Fraction, Fraction], ...], Field(min_length=3, max_length=64)]
"""A polygon: corners (x, y) as fractions of the picture's width and height."""


class Regions(Wire):
    """Where to look: inside any of `include` (everywhere if empty), outside every `privacy`."""

    include: Annotated[tuple[Corners, ...], Field(max_length=32)] = ()
    privacy: Annotated[tuple[Corners, ...], Field(max_length=32)] = ()


class Camera(Wire):
    """`address` never holds a password. `declared` cameras are changed in the configuration.

    `keep_connected`: outside deployments the stream stays connected and nothing is decoded.
    """

    id: str
    name: str
    address: str
    declared: bool
    transport: Literal["tcp", "udp"]
    hwaccel: str | None
    keep_connected: bool
    regions: Regions
    decoder: str | None
    enabled: bool
    state: CameraState
    since_at_s: float
    reason: str
    codec: str | None
    width_px: int | None
    height_px: int | None
    fps: float | None
    rates: CameraRates | None
    rotate: Literal[0, 90, 180, 270] = 0
    aspect: str | None = None
    deinterlace: Literal["auto", "on", "off"] = "auto"
    stream: int | None = None
    pin: str | None = None
    look_address: str | None = None


class CameraPast(Wire):
    """How a camera was in a deployment, and for how long: `until_at_s` is null while it lasts."""

    id: int
    camera_id: str
    deployment_id: str
    state: CameraState
    reason: str
    since_at_s: float
    until_at_s: float | None


class CameraOptions(Wire):
    """How a camera is read. In a change, what is absent stays as it is; a null takes `ca_file`,
    `hwaccel`, `bearer_token`, `aspect`, `stream`, `pin` or `look_address` away.

    `rotate` turns the picture clockwise; `aspect` is width to height of the whole picture, where
    a recorder squeezes it and does not say so; `stream` chooses one of several video streams,
    without it the largest is taken; `pin` is the SHA-256 of the one certificate that is accepted.
    `ca_file` is a path on the daemon's machine; `bearer_token` is shown to a WHEP server and
    never given back. `password` is put into the address, for the user that it names, as it is: no
    letter of it has to be escaped.

    `look_address` is a second, small stream of the same view, in which faces are looked for; the
    large one is decoded only while there are any. A path alone (`/Streaming/Channels/102`) is on
    the same host, with the same login.
    """

    transport: Literal["tcp", "udp"] | None = None
    ca_file: Line | None = None
    hwaccel: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,32}$")] | None = None
    keep_connected: bool | None = None
    regions: Regions | None = None
    bearer_token: Line | None = None
    password: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = None
    rotate: Literal[0, 90, 180, 270] | None = None
    aspect: Annotated[str, StringConstraints(pattern=r"^[1-9]\d{0,3}:[1-9]\d{0,3}$")] | None = None
    deinterlace: Literal["auto", "on", "off"] | None = None
    stream: Annotated[int, Field(ge=0, le=63)] | None = None
    pin: Annotated[str, StringConstraints(pattern=PIN)] | None = None
    look_address: (
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2048)]
        | None
    ) = None


class CameraCreate(CameraOptions):
    id: Slug
    name: Line | None = None
    address: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2048)]


class CameraChange(CameraOptions):
    """Only what is given changes; `enabled` false pauses the camera."""

    name: Line | None = None
    address: Annotated[
        str | None, StringConstraints(strip_whitespace=True, min_length=1, max_length=2048)
    ] = None
    enabled: bool | None = None


class CameraAdded(Camera):
    """`publish_token` opens a whip:// camera for publishers and is shown this once."""

    publish_token: str | None


class CameraTest(Wire):
    """For how long to look through a camera; nothing is kept of it."""

    seconds: Annotated[float, Field(ge=1, le=45)] = 10.0


class CameraTestReport(Wire):
    """What a camera sends, the faces in it, and what to do about it. Sizes between the eyes.

    `elevation_median_deg` is how far above eye level the camera is by the faces it sees, roughly;
    `yaw_median_deg` how far they are turned aside; `share_turned` how many by more than 45
    degrees. Null where fewer than ten faces tell.

    `small_…` is of the camera's small stream, the one that is set or one that was found by its
    name: its size, how much it shows the same view (a correlation, up to 1), and by how much it
    comes before the large one. Null where there is none, or too little moved.
    """

    codec: str | None
    width_px: int
    height_px: int
    fps: float | None
    decoder: str | None
    first_frame_s: float
    keyframe_interval_s: float | None
    bit_rate_kbps: float | None
    frames: int
    frames_damaged: int
    frames_searched: int
    faces: int
    inter_eye_median_px: float | None
    inter_eye_largest_px: float | None
    share_over_gate: float | None
    gate_px: float
    sharpness_median: float | None
    mean_luma: float | None
    elevation_median_deg: float | None = None
    yaw_median_deg: float | None = None
    share_turned: float | None = None
    small_width_px: int | None = None
    small_height_px: int | None = None
    small_likeness: float | None = None
    small_earlier_s: float | None = None
    advice: tuple[str, ...]

    @property
    def small_in_words(self) -> str:
        """The small stream, for people; no part of what is sent."""
        if self.small_likeness is None:
            return "none found"
        said = f"{self.small_width_px} x {self.small_height_px}"
        said += f", likeness to the large one {self.small_likeness:.2f}"
        return said if self.small_earlier_s is None else f"{said}, {self.small_earlier_s:+.1f} s"

    @property
    def angle_in_words(self) -> str:
        """How faces are seen, for people; no part of what is sent."""
        if self.yaw_median_deg is None or self.share_turned is None:
            return "unknown: too few faces tell"
        above_deg = self.elevation_median_deg
        height = "unknown" if above_deg is None else f"{round(above_deg):+d} degrees to eye level"
        return (
            f"camera height {height}, faces turned {self.yaw_median_deg:.0f} degrees in the "
            f"middle, {self.share_turned:.0%} by more than 45"
        )

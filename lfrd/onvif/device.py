"""What one ONVIF device says of its streams (profiles S and T: media and media2).

Whatever it says, only its own host is asked and proposed; it never sees the password, only a digest
of it. One wrong login is enough: devices lock an account after a few.
"""

import asyncio
import datetime
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlsplit, urlunsplit
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

import httpx

from lfrd.onvif import soap
from lfrd.onvif.discovery import Device, host_of

PROFILES_LIMIT: Final = 12
ANSWER_S, DEVICE_S = 5.0, 25.0
SMALL_WIDTH_PX: Final = 320
"""A stream that is narrower shows no face."""

_DEVICE = "http://www.onvif.org/ver10/device/wsdl"
_MEDIA = "http://www.onvif.org/ver10/media/wsdl"
_MEDIA2 = "http://www.onvif.org/ver20/media/wsdl"
_USABLE = ("H264", "H265", "HEVC", "MPEG4", "JPEG")


class Refused(Exception):
    """The device gives no answer that can be used; the text says why, in half a sentence."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who asks; prints without the password."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stream:
    """One way in which a camera sends its view; `address` is on the camera's own host."""

    name: str
    codec: str
    width_px: int
    height_px: int
    fps: float | None
    address: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A device with its streams, the largest first. `problem`: why there are none."""

    device: Device
    maker: str = ""
    model: str = ""
    streams: tuple[Stream, ...] = ()
    problem: str | None = None

    @property
    def main(self) -> Stream | None:
        """The stream to match faces in."""
        return self.streams[0] if self.streams else None

    @property
    def look(self) -> Stream | None:
        """The smallest one that shows the same view and is wide enough to look for faces in."""
        if self.main is None:
            return None
        shape = self.main.width_px / self.main.height_px
        fitting = [
            stream
            for stream in self.streams[1:]
            if SMALL_WIDTH_PX <= stream.width_px < self.main.width_px
            and abs(stream.width_px / stream.height_px / shape - 1) < 0.05
            and stream.address != self.main.address
        ]
        return min(fitting, key=_pixels, default=None)


async def ask(device: Device, login: Login | None) -> Answer:
    """Ask a device for its streams, within bounds; never raises for what it answers."""
    if device.refused is not None:
        return Answer(device, problem=device.refused)
    try:
        async with asyncio.timeout(DEVICE_S), _client(login) as client:
            return await _Asking(client, device, login).answer()
    except TimeoutError:
        return Answer(device, problem=f"it took more than {DEVICE_S:.0f} s to answer")
    except (Refused, soap.BadMessage) as error:
        return Answer(device, problem=str(error))
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, KeyError) as error:
        return Answer(device, problem=f"it does not answer ({type(error).__name__})")


def _client(login: Login | None) -> httpx.AsyncClient:
    """No proxy, no redirect. Devices sign their certificates themselves; what they are told is no
    more than over plain HTTP, a digest."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return httpx.AsyncClient(
        timeout=ANSWER_S, follow_redirects=False, trust_env=False, verify=context,
        auth=httpx.DigestAuth(login.user, login.password) if login else None,
    )  # fmt: skip


class _Asking:
    """The questions to one device."""

    def __init__(self, client: httpx.AsyncClient, device: Device, login: Login | None) -> None:
        self._client, self._device, self._login = client, device, login
        self._ahead = datetime.timedelta()
        """By how much the device's clock is ahead of ours."""

    async def answer(self) -> Answer:
        self._ahead = await self._clock_ahead()
        services = await self._call(
            self._device.address, _DEVICE, "GetServices",
            "<q:IncludeCapability>false</q:IncludeCapability>",
        )  # fmt: skip
        media = {
            soap.text(item, "Namespace"): soap.text(item, "XAddr")
            for item in soap.each(services, "Service")
        }
        known = next((space for space in (_MEDIA2, _MEDIA) if media.get(space)), None)
        if known is None:
            raise Refused("it offers no media service (ONVIF profile S or T)")
        told = await self._call(self._device.address, _DEVICE, "GetDeviceInformation")
        streams = await self._streams(self._on_device(media[known]), known)
        if not streams:
            raise Refused("it has no stream that can be used")
        return Answer(
            self._device, soap.text(told, "Manufacturer"), soap.text(told, "Model"), streams
        )

    async def _streams(self, address: str, space: str) -> tuple[Stream, ...]:
        asked = "<q:Type>VideoEncoder</q:Type>" if space == _MEDIA2 else ""
        told = await self._call(address, space, "GetProfiles", asked)
        found: dict[str, Stream] = {}
        for token, stream in _profiles(told):
            where = await self._call(address, space, "GetStreamUri", _stream_of(token, space))
            uri = self._usable(soap.text(where, "Uri"))
            if uri is not None:
                found.setdefault(uri, replace(stream, address=uri))
        return tuple(sorted(found.values(), key=_pixels, reverse=True))

    async def _clock_ahead(self) -> datetime.timedelta:
        """Devices without a time server are years off, and refuse a login of our time. A device
        that tells its time to no stranger, though it should, is taken to have ours."""
        try:
            told = await self._call(
                self._device.address, _DEVICE, "GetSystemDateAndTime", known=False
            )
        except Refused:
            return datetime.timedelta()
        parts = [soap.text(told, "UTCDateTime", part) for part in
                 ("Year", "Month", "Day", "Hour", "Minute", "Second")]  # fmt: skip
        now = datetime.datetime.now(datetime.UTC)
        try:
            year, month, day, hour, minute, second = map(int, parts)
            theirs = datetime.datetime(year, month, day, hour, minute, second, tzinfo=datetime.UTC)
        except (ValueError, OverflowError):
            return datetime.timedelta()
        return theirs - now

    async def _call(
        self, address: str, space: str, action: str, body: str = "", *, known: bool = True
    ) -> Element:
        """Ask one question. `known`: say who asks. Raises Refused and BadMessage."""
        header = ""
        if known and self._login is not None:
            now = datetime.datetime.now(datetime.UTC) + self._ahead
            header = soap.login(self._login.user, self._login.password, now)
        content = soap.envelope(f'<q:{action} xmlns:q="{space}">{body}</q:{action}>', header)
        kind = f'application/soap+xml; charset=utf-8; action="{space}/{action}"'
        async with self._client.stream(
            "POST", address, content=content, headers={"Content-Type": kind}
        ) as response:
            told = bytearray()
            async for piece in response.aiter_bytes():
                told += piece
                if len(told) > soap.SIZE_LIMIT:
                    raise soap.BadMessage(f"it sends more than {soap.SIZE_LIMIT // 1024} KB")
        self._check(response.status_code, bytes(told))
        return soap.parse(bytes(told))

    def _check(self, status: int, told: bytes) -> None:
        if status in (401, 403) or b"NotAuthorized" in told or b"FailedAuthentication" in told:
            raise Refused(
                "it wants a user and a password: give them with --user NAME"
                if self._login is None
                else "it refuses this user or password; it is not asked again"
            )
        if status != 200:
            raise Refused(f"it answers with HTTP {status}")

    def _on_device(self, address: str) -> str:
        """The same place on the device's own host: behind a translating router it names another."""
        if host_of(address) is None:
            raise Refused("it names no address of its media service")
        return _moved(address, self._device.host)

    def _usable(self, uri: str) -> str | None:
        """A stream's address on the device's own host, without a login; None for another kind."""
        try:
            usable = urlsplit(uri).scheme in ("rtsp", "rtsps") and " " not in uri
            return _moved(uri, self._device.host) if usable else None
        except ValueError:
            return None


def _moved(address: str, host: str) -> str:
    parts = urlsplit(address)
    place = host if parts.port is None else f"{host}:{parts.port}"
    return urlunsplit((parts.scheme, place, parts.path, parts.query, ""))


def _profiles(told: Element) -> Iterator[tuple[str, Stream]]:
    """The token of each profile and what its stream is like, still without an address."""
    for profile in [*soap.each(told, "Profiles")][:PROFILES_LIMIT]:
        encoder = soap.first(profile, "VideoEncoderConfiguration")
        if encoder is None:
            encoder = soap.first(profile, "VideoEncoder")
        if encoder is None:
            continue
        codec = soap.text(encoder, "Encoding").upper()
        width, height, rate = (
            _number(soap.text(encoder, *path))
            for path in (("Resolution", "Width"), ("Resolution", "Height"), ("FrameRateLimit",))
        )
        token = profile.get("token", "")
        if codec in _USABLE and 0 < width <= 16384 and 0 < height <= 16384 and 0 < len(token) < 129:
            name = soap.text(profile, "Name")[:64]
            yield token, Stream(name, codec, int(width), int(height), rate or None, "")


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0 < value < 100_000 else 0.0


def _stream_of(token: str, space: str) -> str:
    profile = f"<q:ProfileToken>{escape(token)}</q:ProfileToken>"
    if space == _MEDIA2:
        return f"<q:Protocol>RTSP</q:Protocol>{profile}"
    return (
        "<q:StreamSetup><tt:Stream>RTP-Unicast</tt:Stream><tt:Transport>"
        f"<tt:Protocol>RTSP</tt:Protocol></tt:Transport></q:StreamSetup>{profile}"
    )


def _pixels(stream: Stream) -> int:
    return stream.width_px * stream.height_px

"""Camera addresses: which kind of source one names, and how to show it without its secrets.

An address is an operator's own text and often holds a password, or a token in its path. It is
parsed once, into a type that prints masked: only `secret_location` gives the whole of it. What
cannot be parsed is refused without being repeated, since it cannot be told what in it is secret.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from lfrd.errors import BadInput
from lfrd.text import MASK, PLAIN_NAME, shown_file, shown_rest

MAX_LENGTH = 2048


class Kind(StrEnum):
    """How pictures reach us."""

    RTSP = "rtsp"
    FILE = "file"
    WHIP = "whip"
    WHEP = "whep"
    MJPEG = "mjpeg"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed address; its text is `shown`, which holds no secret.

    `secret_location` is what a library opens, with the password in it: never print, log, store or
    send it.
    """

    kind: Kind
    secret_location: str = field(repr=False)
    shown: str

    def __str__(self) -> str:
        return self.shown

    @property
    def encrypted(self) -> bool:
        """Whether the address asks for TLS."""
        return self.secret_location.startswith(("rtsps:", "https:"))


def parse(text: str) -> Address:
    """Understand an address, or raise BadInput with one sentence that repeats nothing of it."""
    text = text.strip()
    if not text or len(text) > MAX_LENGTH or not text.isprintable():
        raise BadInput(f"a camera address is one line of 1 to {MAX_LENGTH} printable characters")
    found = _SCHEME.match(text)
    scheme = found[1].lower() if found else ""
    if scheme == "file":
        return _file(text)
    if scheme in _KIND_OF_SCHEME:
        if not text[len(scheme) :].startswith("://"):
            raise BadInput(f"{scheme}: in a camera address is followed by // and the host")
        kind = _KIND_OF_SCHEME[scheme]
        return _whip(text) if kind is Kind.WHIP else _network(text, scheme, kind)
    if scheme in _OTHERS:
        raise BadInput(f"{scheme}:// is no kind of camera here: use {_USABLE}")
    return _path(text)


def with_password(text: str, password: str) -> str:
    """An address with this password for its user, escaped. Raises BadInput."""
    parse(text)
    found = _NETWORK.fullmatch(text.strip())
    userinfo, at, place = found["authority"].rpartition("@") if found else ("", "", "")
    user = userinfo.partition(":")[0]
    if found is None or not at or not user:
        raise BadInput("a password goes with an address that names its user: rtsp://user@host/path")
    scheme = text.strip().partition("://")[0]
    return f"{scheme}://{user}:{quote(password, safe='')}@{place}{found['rest']}"


def parse_beside(address: str, text: str) -> Address:
    """Understand the address of another stream of the same camera: a whole one, or what comes
    after the host of `address` (`/Streaming/Channels/102`), with the login of that one. Raises
    BadInput."""
    text = text.strip()
    found = _NETWORK.fullmatch(address.strip())
    if not text.startswith("/") or text.startswith("//") or found is None:
        return parse(text)
    return parse(f"{address.strip().partition('://')[0]}://{found['authority']}{text}")


def of_file(path: Path) -> Address:
    """The address of a video file, whatever its name looks like."""
    return Address(Kind.FILE, str(path), shown_file(str(path)))


def file_address(path: Path) -> str:
    """The text of such an address."""
    return f"file:{quote(str(path.absolute()))}"


def host_and_port(address: Address) -> tuple[str, int]:
    """Return the host name and the port of a network address, the scheme's own port if none."""
    parts = urlsplit(address.secret_location)
    assert parts.hostname is not None, "parse() lets no address without a host through"
    standard = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
    return parts.hostname, parts.port or standard[parts.scheme]


_KIND_OF_SCHEME: Final = {
    "rtsp": Kind.RTSP,
    "rtsps": Kind.RTSP,
    "whip": Kind.WHIP,
    "whep+http": Kind.WHEP,
    "whep+https": Kind.WHEP,
    "http": Kind.MJPEG,
    "https": Kind.MJPEG,
}
_OTHERS_TEXT: Final = """
ftp hls mms onvif rtmp rtmps rtp rtspt rtspu sftp smb srt tcp udp webrtc whep ws
wss
"""
_OTHERS: Final = frozenset(_OTHERS_TEXT.split())
"""Schemes that people try. Of others even the name is not repeated: it may be half a password."""
_USABLE: Final = (
    "rtsp://, rtsps://, http:// or https:// for MJPEG, whip://, whep+http://, whep+https://, "
    "/dev/video0 or the path of a video file"
)
_ENCODE: Final = (
    "this address cannot be understood; in a user name, password or path write @ as %40, / as %2F, "
    ": as %3A, # as %23, ? as %3F and a space as %20"
)

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_NETWORK = re.compile(r"[^:]+://(?P<authority>[^/?#]*)(?P<rest>.*)")
_HOST = re.compile(r"([\w.-]+|\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\])(?::(\d{1,5}))?")
_USER = re.compile(r"[\w.-]{1,32}")
_WHIP = re.compile(r"whip://[\w.-]{0,64}/?", re.IGNORECASE)
_RELATIVE = re.compile(r"[\w ,+~()-]+/(.*/)?[^/]+\.\w{1,5}")
"""`clips/gate.mp4`, and not `camera.local/stream`."""
_DEVICE = re.compile(r"/dev/(video\d{1,3}|v4l/by-(id|path)/[\w.:-]{1,200})")


def _network(text: str, scheme: str, kind: Kind) -> Address:
    parts = _NETWORK.fullmatch(text)
    assert parts is not None, "the caller has seen the scheme"
    userinfo, at, place = parts["authority"].rpartition("@")
    rest = parts["rest"]
    host = _HOST.fullmatch(place)
    if not place and not userinfo:
        raise BadInput("this address names no host: write for instance rtsp://camera.local/stream")
    if host is None or (host[2] and not 0 < int(host[2]) < 65536) or re.search(r"[@\s\\]", rest):
        raise BadInput(_ENCODE)
    user, colon, password = userinfo.partition(":")
    opened = scheme.removeprefix("whep+")
    known = user if colon and (not user or _USER.fullmatch(user)) else MASK
    shown_login = f"{known}{colon and ':' + MASK}{at}" if at else ""
    login = f"{_quoted(user)}{colon}{_quoted(password)}{at}"
    return Address(
        kind,
        f"{opened}://{login}{place}{rest}",
        f"{scheme}://{shown_login}{place}{shown_rest(rest)}",
    )


def _quoted(part: str) -> str:
    """What is encoded already stays as it is."""
    return quote(part, safe="%!$&'()*+,;=:-._~")


def _whip(text: str) -> Address:
    if not _WHIP.fullmatch(text):
        raise BadInput("a camera for publishers is written whip:// and at most a name after it")
    return Address(Kind.WHIP, text, text)


def _file(text: str) -> Address:
    """`file:/path` and `file:///path`, with % escapes."""
    path = text[len("file:") :]
    if path.startswith("//"):
        host, slash, path = path[2:].partition("/")
        path = slash + path
        if host not in ("", "localhost"):
            path = ""
    if not path.startswith("/") or any(letter in path for letter in "@:?#"):
        raise BadInput(
            "a file's address is file:// and a full path; write @ in it as %40, : as %3A, ? as %3F "
            "and # as %23"
        )
    return of_file(Path(unquote(path)))


def _path(text: str) -> Address:
    """A path is what begins like one, or has nothing of a network address."""
    if not text.startswith(("/", "./", "../")) or text.startswith("//"):
        strange = any(letter in text for letter in ":@\"'<>|\\") or not PLAIN_NAME.fullmatch(
            text.replace("/", "")
        )
        if strange or text.startswith("//") or ("/" in text and not _RELATIVE.fullmatch(text)):
            raise BadInput(
                f"this is no camera address: use {_USABLE} (from / or ./ on where its name is "
                "unusual)"
            )
    if _DEVICE.fullmatch(text):
        return Address(Kind.DEVICE, text, text)
    return of_file(Path(text))

"""Camera addresses: which kind of source one names, and how to show it without its secrets.

An address is an operator's own text and often holds a password. Everything that is printed,
logged, stored in an event or put into an exception goes through `redacted`.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from lfrd.errors import BadInput

MAX_LENGTH = 2048


class Kind(StrEnum):
    """How pictures reach us."""

    RTSP = "rtsp"
    FILE = "file"
    WHIP = "whip"
    WHEP = "whep"


_KIND_OF_SCHEME = {
    "rtsp": Kind.RTSP,
    "rtsps": Kind.RTSP,
    "file": Kind.FILE,
    "whip": Kind.WHIP,
    "whep+http": Kind.WHEP,
    "whep+https": Kind.WHEP,
}

_SECRET_VALUE = re.compile(
    r"(?i)((?:pass(?:word|wd)?|pwd|token|secret|auth|key|sig(?:nature)?)=)[^&/;?#\s]+"
)
_USERINFO = re.compile(r"(?is)\b([a-z][a-z0-9+.-]*://)([^@:]*):.*@")
_SCHEME = re.compile(r"(?i)^([a-z][a-z0-9+.-]*):(//)?")


def redacted(text: str) -> str:
    """Return the text with every password and token in it replaced by `***`.

    Removes too much rather than too little: all between the first colon of the user part and
    the last `@` goes, because people write passwords with a bare `@` or `/` in them.
    """
    return _SECRET_VALUE.sub(r"\1***", _USERINFO.sub(r"\1\2:***@", text))


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed address: `location` is what the library opens and may hold a password."""

    kind: Kind
    location: str = field(repr=False)
    shown: str

    @property
    def encrypted(self) -> bool:
        """Whether the address asks for TLS."""
        return self.location.startswith(("rtsps:", "https:"))


def parse(text: str) -> Address:
    """Understand an address, or raise BadInput with one sentence that holds no secret."""
    if not text or len(text) > MAX_LENGTH or any(ord(c) < 32 for c in text):
        raise BadInput(f"a camera address is one line of 1 to {MAX_LENGTH} printable characters")
    found = _SCHEME.match(text)
    # a single letter before the colon is a Windows drive, and "name:…" without // is a file name
    if found is None or (found[2] is None and found[1].lower() != "file"):
        return Address(Kind.FILE, str(Path(text)), text)
    scheme = found[1].lower()
    kind = _KIND_OF_SCHEME.get(scheme)
    if kind is None:
        raise BadInput(
            f"{scheme}:// is no kind of camera: use rtsp://, rtsps://, whip://, whep+http://, "
            "whep+https:// or the path of a video file"
        )
    if kind is Kind.FILE:
        path = unquote(urlsplit(text).path)
        return Address(kind, path, path)
    if kind is Kind.WHIP:
        return Address(kind, text, redacted(text))
    _check_network(text)
    return Address(kind, scheme.removeprefix("whep+") + text[len(scheme) :], redacted(text))


def file_address(path: Path) -> str:
    """The address of a video file, whatever its name looks like."""
    return f"file:{quote(str(path.absolute()))}"


def host_and_port(address: Address) -> tuple[str, int]:
    """Return the host name and the port of a network address, the scheme's own port if none."""
    parts = urlsplit(address.location)
    assert parts.hostname is not None, "parse() lets no address without a host through"
    standard = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
    return parts.hostname, parts.port or standard[parts.scheme]


def _check_network(text: str) -> None:
    shown = redacted(text)
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise BadInput(_ENCODE.format(shown=shown)) from None  # its text would hold the password
    if "@" in parts.path and ":" in parts.netloc and "@" not in parts.netloc:
        raise BadInput(_ENCODE.format(shown=shown))
    if not host:
        raise BadInput(f"{shown} names no host: write for instance rtsp://camera.local/stream")


_ENCODE = (
    "{shown} cannot be understood: write @ in a user name, password or path as %40, / as %2F, "
    ": as %3A and # as %23"
)

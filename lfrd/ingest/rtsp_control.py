"""Questions to an RTSP server on a connection of our own, before or after FFmpeg asks.

FFmpeg follows a redirect to any host, with the password, and says nothing of it; and it does not
tell which logins a server takes. No password is ever sent from here.
"""

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final
from urllib.parse import urlsplit

from lfrd.errors import SourceError
from lfrd.ingest.address import Address, host_and_port
from lfrd.ingest.reach import addresses_of

TIMEOUT_S: Final = 3.0
_HEAD_LIMIT: Final = 16_384
_SAME_HOST_HOPS: Final = 3
_STATUS = re.compile(r"RTSP/\d\.\d (\d{3})")
_GSTREAMER = re.compile(r"(?im)^server:.*gstreamer")
_LOCATION = re.compile(r"(?im)^location:[ \t]*(\S+)")


@contextmanager
def redirects_refused(address: Address, trusted: ssl.SSLContext | None) -> Iterator[None]:
    """Raises SourceError where the server redirects to another host.

    `trusted` is for rtsps. A server that cannot be asked, or is never done, is left to FFmpeg. That
    opens the stream inside: GStreamer's servers prepare a stream when they are asked for it, and
    refuse everybody while they take that back, so that the connection to one stays for so long.
    """
    with ExitStack() as kept:
        _follow(address, trusted if address.encrypted else None, kept)
        yield


def _follow(address: Address, tls: ssl.SSLContext | None, kept: ExitStack) -> None:
    host, port = host_and_port(address)
    url = _bare(address)
    for _ in range(_SAME_HOST_HOPS):
        location = _redirect(host, port, url, tls, kept)
        if location is None:
            return
        parts = _split(location)
        if parts is None or not _is_same(parts[0], host, port):
            raise SourceError(
                f"{address.shown} sends us on to another host, which would get the password too: "
                "give the address it leads to, or set [sources] redirects = true"
            )
        port, url = parts[1] or port, location


def only_sha256(head: str) -> bool:
    """Whether an answer of RTSP asks for a login in no way but digests that are not MD5."""
    asked = re.findall(r"(?im)^www-authenticate:[ \t]*(\w+)(.*)$", head)
    algorithms = [
        (re.search(r'(?i)algorithm="?([\w-]+)', rest) or ["", "MD5"])[1].upper()
        for scheme, rest in asked
        if scheme.lower() == "digest"
    ]
    basic = any(scheme.lower() == "basic" for scheme, _ in asked)
    return bool(algorithms) and not basic and "MD5" not in algorithms


def describe(address: Address) -> str:
    """The head of the answer to DESCRIBE without a login, "" where there is none."""
    host, port = host_and_port(address)
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT_S) as plain:
            return _ask(plain, "DESCRIBE", _bare(address), 1)
    except OSError:
        return ""


def _redirect(
    host: str, port: int, url: str, tls: ssl.SSLContext | None, kept: ExitStack
) -> str | None:
    """Where the server sends who asks for this, if it does: the methods that FFmpeg begins with."""
    with ExitStack() as opened:
        try:
            talk = opened.enter_context(socket.create_connection((host, port), timeout=TIMEOUT_S))
            if tls is not None:
                talk = opened.enter_context(tls.wrap_socket(talk, server_hostname=host))
            for number, method in enumerate(("OPTIONS", "DESCRIBE"), 1):
                head = _ask(talk, method, url, number)
                status = _STATUS.match(head)
                if status is not None and status[1].startswith("3"):
                    found = _LOCATION.search(head)
                    return found[1] if found else ""
            if _GSTREAMER.search(head):
                kept.push(opened.pop_all())
        except OSError:  # what is wrong is said by who opens the stream
            return None
    return None


def _ask(talk: socket.socket, method: str, url: str, number: int) -> str:
    accept = "Accept: application/sdp\r\n" if method == "DESCRIBE" else ""
    talk.sendall(f"{method} {url} RTSP/1.0\r\n{accept}CSeq: {number}\r\n\r\n".encode())
    read = b""
    while b"\r\n\r\n" not in read and len(read) < _HEAD_LIMIT:
        part = talk.recv(4096)
        if not part:
            break
        read += part
    return read.decode("latin-1")


def _bare(address: Address) -> str:
    """The address without user and password, as it is asked for."""
    parts = urlsplit(address.secret_location)
    place = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{place}{parts.path}{'?' * bool(parts.query)}{parts.query}"


def _split(location: str) -> tuple[str, int | None] | None:
    try:
        parts = urlsplit(location)
        return (parts.hostname, parts.port) if parts.hostname else None
    except ValueError:
        return None


def _is_same(other: str, host: str, port: int) -> bool:
    if other.lower() == host.lower():
        return True
    theirs = addresses_of(other, port)
    return bool(theirs) and theirs <= addresses_of(host, port)

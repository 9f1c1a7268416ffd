"""Who is calling: the peer's system user on the Unix socket, or a personal token; on TCP a token.

Loopback TCP can be reached by every local user and, through a browser, by every web page that a
local user visits. Hence a token for each request, and `Host` and `Origin` must name this machine
(a page that rebinds its own host name to 127.0.0.1 still sends that name).
"""

import asyncio
import ipaddress
import pwd
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from starlette.datastructures import Headers

_UCRED = struct.Struct("iII")
"""struct ucred of unix(7): process, user and group id."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection: `uid` is its system user, None on TCP."""

    uid: int | None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, such as `user:anna`; `uid` where the kernel said so, None where a token did."""

    principal: str
    uid: int | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused: 401 unknown, 403 not allowed. `actor` is the system user at the
    other end, where there is one."""

    status: int
    detail: str
    actor: str | None = None


WhoseToken = Callable[[str], str | None]
"""Gives the principal whose token a secret is."""


class SocketLike(Protocol):
    """What is asked of asyncio's view of a socket."""

    @property
    def family(self) -> int: ...

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes: ...


def peer_of(sock: SocketLike) -> Peer:
    """Ask the kernel who connected (SO_PEERCRED holds since `connect` and cannot be forged)."""
    if sock.family != socket.AF_UNIX:
        return Peer(None)
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    _pid, uid, _gid = _UCRED.unpack(raw)
    return Peer(int(uid))


async def identify(peer: Peer, headers: Headers, whose: WhoseToken) -> Caller | Refusal:
    """Who asks, or why they may not.

    On the Unix socket a token takes the place of the system user, where several people share one;
    a wrong token is refused there too, so that a mistyped token does not make its sender act as the
    system user.
    """
    if peer.uid is None and not _names_this_machine(headers):
        return Refusal(403, "Host and Origin must name this machine's loopback address")
    if "authorization" not in headers and (user := await system_user(peer)) is not None:
        return Caller(user, peer.uid)
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    principal = whose(secret.strip()) if scheme.lower() == "bearer" else None
    if principal is None:
        return Refusal(401, "this address needs a valid bearer token", await system_user(peer))
    return Caller(principal, None)


async def system_user(peer: Peer) -> str | None:
    """The principal of the peer's system user; None on TCP."""
    if peer.uid is None:
        return None
    # A user data base on the network may take its time: not on the loop.
    return await asyncio.to_thread(_name_of, peer.uid)


def _name_of(uid: int) -> str:
    try:
        return f"user:{pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user:#{uid}"


def _names_this_machine(headers: Headers) -> bool:
    hosts = headers.getlist("host")
    origins = headers.getlist("origin")
    if len(hosts) != 1 or len(origins) > 1:
        return False
    if not _is_loopback_name(f"//{hosts[0]}"):
        return False
    return not origins or _is_loopback_name(origins[0])


def _is_loopback_name(address: str) -> bool:
    """Whether `//host:port` or `scheme://host:port` is `localhost` or a loopback address."""
    try:
        host = urlsplit(address).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

"""Which address is connected to: looked up, checked and connected to as that one address.

A name that leads somewhere else at the next look-up is checked again at the next connection, and
what was checked is what is connected to.
"""

import asyncio
import ipaddress
import socket
import ssl
from pathlib import Path

from lfrd.errors import ConfigError
from lfrd.outward.endpoint import Unreachable

LOOK_UP_S = 5.0

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA = frozenset(
    map(ipaddress.ip_address, ("169.254.169.254", "100.100.100.200", "192.0.0.192",
                               "fd00:ec2::254", "fd20:ce::254"))
)  # fmt: skip
"""Where machines in a cloud find the secrets of their own."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def why_not(address: Ip, *, private: bool) -> str | None:
    """Why nothing is sent to an address; None where it may be."""
    inner = _inside(address)
    if inner in _METADATA or inner.is_link_local:
        return "is a link-local or metadata address, to which nothing is sent"
    if inner.is_multicast or inner.is_unspecified or (inner.version == 4 and inner.is_reserved):
        return "is no address of one machine"
    if not private and not inner.is_global:
        return "is a private address: allow it with private = true at this endpoint"
    return None


def _inside(address: Ip) -> Ip:
    """The IPv4 address that an IPv6 one stands for."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


async def checked_address(host: str, port: int, *, private: bool) -> str:
    """An address of `host` that may be connected to. Raises Unreachable."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(LOOK_UP_S):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise Unreachable(f"the look-up of {host} took longer than {LOOK_UP_S:.0f} s") from None
    except (OSError, UnicodeError):
        raise Unreachable(f"{host} is not known here") from None
    why = "has no address"
    for item in found:
        text = str(item[4][0])
        refused = why_not(ipaddress.ip_address(text.partition("%")[0]), private=private)
        if refused is None:
            return text
        why = refused
    raise Unreachable(f"{host} {why}")


class NamedContext(ssl.SSLContext):
    """Checks the certificate for a name, although the connection is to an address."""

    checked_name: str

    def wrap_socket(
        self,
        sock: socket.socket,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: str | bytes | None = None,  # noqa: ARG002 - the address
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        return super().wrap_socket(
            sock, server_side, do_handshake_on_connect, suppress_ragged_eofs, self.checked_name,
            session,
        )  # fmt: skip

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,  # noqa: ARG002 - the address
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return super().wrap_bio(incoming, outgoing, server_side, self.checked_name, session)


def tls_for(name: str, ca_file: Path | None) -> NamedContext:
    """A context that trusts what the system trusts, or `ca_file` alone. Raises ConfigError."""
    context = NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.checked_name = name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if ca_file is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"the certificates in {ca_file} cannot be read: {error}") from None
    return context

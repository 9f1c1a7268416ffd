"""How far the address of a camera may lead: which files, which hosts, and whose redirects.

A user who may add a camera gives an address to a program with rights of its own, inside a network
of its own. What it may not reach is refused in one sentence that tells nothing of what is there.
"""

import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lfrd.errors import SourceError
from lfrd.ingest.address import Address, host_and_port

OUTSIDE: Final = (
    "is in no folder whose files may be cameras: put the video there, or name its folder in "
    "[sources] folders"
)


@dataclass(frozen=True, slots=True)
class Reach:
    """`folders`: where a video file may lie, None is anywhere. `redirects`: whether an RTSP server
    may send us on to another host. `link_local`: whether HTTP requests (WHEP, MJPEG) may go to
    link-local addresses, where machines in a cloud find the secrets of their own."""

    folders: tuple[Path, ...] | None = None
    redirects: bool = False
    link_local: bool = False

    def has_file(self, path: Path) -> bool:
        """Whether a file lies where files may lie, whatever links lead there."""
        if self.folders is None:
            return True
        try:
            real = path.resolve()
            return any(real.is_relative_to(folder.resolve()) for folder in self.folders)
        except (OSError, RuntimeError, ValueError):  # a loop of links, or no path at all
            return False

    def check_host(self, address: Address) -> None:
        """Raises SourceError for a link-local host; one that is unknown is left to who connects."""
        if self.link_local:
            return
        if any(_is_link_local(found) for found in addresses_of(*host_and_port(address))):
            raise SourceError(
                f"{address.shown} leads to a link-local address, which is not asked over HTTP: "
                "give the camera's address in your network, or set [sources] link_local = true"
            )


ANYWHERE: Final = Reach()
"""Any file, no redirects, no link-local host: of a camera that the configuration declares."""


def addresses_of(host: str, port: int) -> frozenset[str]:
    """Every address of a host, none where it is unknown."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return frozenset()
    return frozenset(str(item[4][0]) for item in found)


def _is_link_local(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (inner or address).is_link_local

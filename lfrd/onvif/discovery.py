"""Which cameras are on the local network (WS-Discovery): ask all, and listen for some seconds.

An answer counts only for the host that it came from: one that names another host could have us ask,
with the user's login, a machine of somebody's choice.
"""

import asyncio
import ipaddress
import socket
import struct
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from lfrd.onvif import soap

GROUP: Final = ("239.255.255.250", 3702)
ANSWERS_LIMIT, DEVICES_LIMIT = 2000, 256
AGAIN_S: Final = 0.5
"""Datagrams get lost: each question is put twice."""
_KINDS = ("dn:NetworkVideoTransmitter", "tds:Device")
_DISCOVERY = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
_TO = "urn:schemas-xmlsoap-org:ws:2005:04:discovery"


@dataclass(frozen=True, slots=True)
class Device:
    """Something that answered: the host that the answer came from, where it takes questions, and
    what it calls itself. `refused`: why it is not asked, in half a sentence."""

    host: str
    address: str
    name: str = ""
    hardware: str = ""
    refused: str | None = None


async def discover(
    seconds: float, interfaces: Sequence[str] = (), group: tuple[str, int] = GROUP
) -> list[Device]:
    """Devices that answer within `seconds`, by host, through these network interfaces or all of
    them. Raises OSError where nothing can be sent through any."""
    names = interfaces or [name for _, name in socket.if_nameindex() if name != "lo"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.setblocking(False)
        channel.bind(("", 0))
        channel.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        questions = {f"urn:uuid:{uuid.uuid4()}": kind for kind in _KINDS}
        _ask(channel, questions, names, group)
        devices: dict[str, Device] = {}
        until_s, again_s = time.monotonic() + seconds, time.monotonic() + AGAIN_S
        for _ in range(ANSWERS_LIMIT):
            left_s = until_s - time.monotonic()
            if left_s <= 0 or len(devices) >= DEVICES_LIMIT:
                break
            wait_s = max(0.0, min(left_s, again_s - time.monotonic()))
            try:
                async with asyncio.timeout(wait_s):
                    content, sender = await asyncio.get_running_loop().sock_recvfrom(channel, 65535)
            except TimeoutError:
                again_s = float("inf")
                if time.monotonic() < until_s:
                    _ask(channel, questions, names, group)
                continue
            device = device_of(content, sender[0], frozenset(questions))
            if device is not None and devices.get(device.host, device).refused == device.refused:
                devices.setdefault(device.host, device)
            elif device is not None and device.refused is None:
                devices[device.host] = device
    return sorted(devices.values(), key=lambda device: socket.inet_aton(device.host))


def _ask(
    channel: socket.socket,
    questions: dict[str, str],
    interfaces: Sequence[str],
    group: tuple[str, int],
) -> None:
    failed: OSError | None = None
    sent = 0
    for name in interfaces:
        for message_id, kind in questions.items():
            try:
                index = socket.if_nametoindex(name)
                way = struct.pack("@4s4si", b"\0" * 4, b"\0" * 4, index)
                channel.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, way)
                channel.sendto(_question(message_id, kind), group)
                sent += 1
            except OSError as error:  # an interface that is down, or has no address
                failed = error
    if not sent:
        raise failed or OSError("this machine has no network interface")


def _question(message_id: str, kind: str) -> bytes:
    header = (
        f"<wsa:Action>{_DISCOVERY}/Probe</wsa:Action><wsa:MessageID>{message_id}</wsa:MessageID>"
        f"<wsa:To>{_TO}</wsa:To>"
    )
    return soap.envelope(f"<wsd:Probe><wsd:Types>{kind}</wsd:Types></wsd:Probe>", header)


def device_of(content: bytes, sender: str, questions: frozenset[str]) -> Device | None:
    """What an answer to one of our questions says of its sender; None for anything else."""
    try:
        message = soap.parse(content)
    except soap.BadMessage:
        return None
    if soap.text(message, "RelatesTo").removeprefix("uuid:") not in questions:
        return None
    match = soap.first(message, "ProbeMatch")
    if match is None:
        return None
    scopes = soap.text(match, "Scopes").split()
    name, hardware = (_scope(scopes, kind) for kind in ("name", "hardware"))
    addresses = [text for text in soap.text(match, "XAddrs").split() if host_of(text) == sender]
    refused = None
    if ipaddress.ip_address(sender).is_link_local:
        refused = "it has a link-local address only: give it one of your network"
    elif not addresses:
        refused = "it names no address of its own host, and others are not followed"
    return Device(sender, next(iter(addresses), ""), name, hardware, refused)


def host_of(address: str) -> str | None:
    """The host of an address of the web; None for any other."""
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and not parts.username and parts.port != 0
        return parts.hostname if usable else None
    except ValueError:
        return None


def _scope(scopes: Sequence[str], kind: str) -> str:
    """`onvif://www.onvif.org/name/Front%20door`: what stands last."""
    for scope in scopes:
        place, _, value = scope.rpartition(f"/{kind}/")
        if place.endswith("onvif.org"):
            shown = unquote(value)[:64]
            return shown if shown.isprintable() else ""
    return ""

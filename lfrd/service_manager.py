"""Tells systemd how we are (sd_notify(3)): a datagram to the socket it names, if it names one."""

import os
import socket
from collections.abc import Mapping


def tell(state: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Send a state such as `READY=1` or `STOPPING=1`; False where nobody listens."""
    address = environment.get("NOTIFY_SOCKET")
    if not address:
        return False
    if address.startswith("@"):  # the abstract namespace
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.sendto(state.encode(), address)
    return True

"""Which addresses are connected to."""

import ipaddress
import socket

import pytest

from lfrd.outward.endpoint import Unreachable
from lfrd.outward.reach import checked_address, why_not


@pytest.mark.parametrize(
    "text",
    ["169.254.169.254", "169.254.1.1", "fe80::1", "fd00:ec2::254", "100.100.100.200", "192.0.0.192",
     "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "224.0.0.1", "0.0.0.0",
     "255.255.255.255", "ff02::1", "::"],
)  # fmt: skip
def test_nothing_is_ever_sent_there(text: str) -> None:
    assert why_not(ipaddress.ip_address(text), private=True)


@pytest.mark.parametrize(
    "text",
    ["10.0.0.1", "192.168.1.1", "172.16.0.1", "127.0.0.1", "::1", "fd12::1", "100.64.0.1",
     "::ffff:10.0.0.1", "64:ff9b::a00:1"],
)  # fmt: skip
def test_a_private_network_has_to_be_allowed(text: str) -> None:
    address = ipaddress.ip_address(text)
    assert why_not(address, private=False)
    assert why_not(address, private=True) is None


@pytest.mark.parametrize("text", ["1.1.1.1", "2606:4700:4700::1111"])
def test_a_public_address_is_fine(text: str) -> None:
    assert why_not(ipaddress.ip_address(text), private=False) is None


async def test_a_name_is_checked_by_what_it_leads_to(monkeypatch: pytest.MonkeyPatch) -> None:
    leads_to = ["169.254.169.254", "10.1.1.1", "93.184.216.34"]

    def look_up(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in leads_to]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert await checked_address("hook.example", 443, private=False) == "93.184.216.34"
    leads_to.pop()
    with pytest.raises(Unreachable, match="private = true"):
        await checked_address("hook.example", 443, private=False)
    leads_to.pop()
    with pytest.raises(Unreachable, match="link-local or metadata"):
        await checked_address("hook.example", 443, private=True)


async def test_an_unknown_name_is_said() -> None:
    with pytest.raises(Unreachable, match=r"no\.such\.host\.invalid is not known"):
        await checked_address("no.such.host.invalid", 443, private=False)

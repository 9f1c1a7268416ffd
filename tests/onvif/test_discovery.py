"""Who is on the network: answers to our questions, and of nobody else's host."""

import asyncio

import pytest

from lfrd.onvif.discovery import device_of, discover
from support.onvif_device import answering, match

ASKED = frozenset({"urn:uuid:1"})


def found(*datagrams: str | bytes, seconds: float = 0.5) -> list[object]:
    def make(message_id: str) -> list[bytes]:
        return [item if isinstance(item, bytes) else match(message_id, item) for item in datagrams]

    with answering(make) as group:
        return list(asyncio.run(discover(seconds, ["lo"], group)))


def test_a_camera_that_answers_is_found_once_with_its_name() -> None:
    address = "http://127.0.0.1:8000/onvif/device_service"
    (device,) = found(f"http://[fe80::1]/onvif {address}", address, b"\xff\x00", b"<a>")
    assert (device.host, device.address) == ("127.0.0.1", address)  # type: ignore[attr-defined]
    assert (device.name, device.hardware) == ("Front door", "D4")  # type: ignore[attr-defined]


def test_an_answer_that_names_another_host_is_not_followed() -> None:
    (device,) = found("http://192.0.2.66/onvif/device_service")
    assert device.address == ""
    assert "others are not followed" in device.refused


@pytest.mark.parametrize(
    ("content", "sender"),
    [
        pytest.param(match("urn:uuid:2", "http://192.0.2.1/"), "192.0.2.1", id="nobody asked"),
        pytest.param(b"<!DOCTYPE a [<!ENTITY a 'a'>]>" + match("urn:uuid:1", "http://192.0.2.1/"),
                     "192.0.2.1", id="document type"),
        pytest.param(b"<a>" * 10_000, "192.0.2.1", id="deep"),
        pytest.param(b"<a>" + b"<b/>" * 30_000 + b"</a>", "192.0.2.1", id="many"),
        pytest.param(b"", "192.0.2.1", id="empty"),
    ],
)  # fmt: skip
def test_what_is_no_answer_to_us_is_passed_over(content: bytes, sender: str) -> None:
    assert device_of(content, sender, ASKED) is None


def test_a_link_local_sender_is_named_and_not_asked() -> None:
    device = device_of(match("urn:uuid:1", "http://169.254.169.254/"), "169.254.169.254", ASKED)
    assert device is not None
    assert "link-local" in (device.refused or "")


@pytest.mark.parametrize("address", [
    "ftp://192.0.2.1/", "http://u:p@192.0.2.1/", "http://[/", "http://192.0.2.1:99999/", "x",
])  # fmt: skip
def test_other_addresses_are_none(address: str) -> None:
    device = device_of(match("urn:uuid:1", address), "192.0.2.1", ASKED)
    assert device is not None
    assert device.address == ""

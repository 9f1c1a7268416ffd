"""One device is asked for its streams, and whatever it answers stays within bounds."""

import asyncio
import datetime
import time

import pytest

from lfrd.onvif import device as onvif
from lfrd.onvif.device import Answer, Login
from lfrd.onvif.discovery import Device
from support.onvif_device import PASSWORD, USER, OnvifDevice, serving

LOGIN = Login(USER, PASSWORD)


def ask(device: OnvifDevice, login: Login | None = LOGIN) -> Answer:
    with serving(device):
        return asyncio.run(onvif.ask(Device("127.0.0.1", device.address), login))


@pytest.mark.parametrize("profile_t", [False, True], ids=["S", "T"])
def test_main_and_small_stream_of_a_camera(profile_t: bool) -> None:
    answer = ask(OnvifDevice(profile_t=profile_t))
    assert answer.problem is None
    assert (answer.maker, answer.model) == ("Acme", "Dome 4")
    assert answer.main is not None
    assert answer.look is not None
    assert answer.main.address == "rtsp://127.0.0.1:554/Streaming/Channels/101"
    # Not the one of another shape, nor the one too narrow for a face.
    assert answer.look.address == "rtsp://127.0.0.1:554/Streaming/Channels/102"
    assert (answer.main.codec, answer.main.fps, len(answer.streams)) == ("H264", 25.0, 4)


def test_a_camera_whose_clock_is_years_off_takes_the_login() -> None:
    clock = datetime.datetime(2001, 2, 3, 4, 5, 6, tzinfo=datetime.UTC)
    assert ask(OnvifDevice(clock=clock)).problem is None


def test_a_camera_that_tells_its_time_to_no_stranger_is_asked_all_the_same() -> None:
    refusal = (401, {}, b"")
    assert ask(OnvifDevice(instead={"GetSystemDateAndTime": refusal})).main is not None


def test_a_wrong_password_is_tried_once() -> None:
    device = OnvifDevice()
    answer = ask(device, Login(USER, "wrong"))
    assert "refuses this user or password" in (answer.problem or "")
    assert device.refused == 1
    assert "wrong" not in repr(Login(USER, "wrong"))


def test_without_a_user_it_says_what_is_missing() -> None:
    assert "--user" in (ask(OnvifDevice(), None).problem or "")
    assert ask(OnvifDevice(open=True), None).main is not None


def test_other_hosts_in_its_addresses_are_taken_for_its_own() -> None:
    """Behind a translating router, or a trap: nothing but the device itself is asked or added."""
    answer = ask(OnvifDevice(host="192.0.2.99"))
    assert {stream.address.partition(":554")[0] for stream in answer.streams} == {
        "rtsp://127.0.0.1"
    }


BOMB = (
    b'<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&b;&x;</l>'
)


@pytest.mark.parametrize(
    ("status", "headers", "content", "said"),
    [
        pytest.param(200, {}, BOMB, "document type", id="entities"),
        pytest.param(200, {}, b"<a>" * 500_000, "KB", id="huge"),
        pytest.param(200, {}, b"<a>" * 100_000, "nested", id="deep"),
        pytest.param(200, {}, b"\x00\xff", "no XML", id="noise"),
        pytest.param(200, {}, b'<?xml version="1.0" encoding="no-such"?><a/>', "no XML", id="code"),
        pytest.param(200, {}, b"<a/>", "no media service", id="nothing"),
        pytest.param(302, {"Location": "http://192.0.2.1/"}, b"", "HTTP 302", id="redirect"),
        pytest.param(500, {}, b"", "HTTP 500", id="fault"),
        pytest.param(401, {"WWW-Authenticate": "Digest realm"}, b"", "", id="bad challenge"),
        pytest.param(401, {"WWW-Authenticate": "Basic realm=x"}, b"", "refuses", id="basic"),
    ],
)
def test_hostile_answers(status: int, headers: dict[str, str], content: bytes, said: str) -> None:
    device = OnvifDevice(instead={"GetServices": (status, headers, content)})
    answer = ask(device)
    assert answer.problem is not None
    assert said in answer.problem
    assert not answer.streams


def test_the_password_is_never_sent() -> None:
    """Also where a device asks for it in the clear."""
    bodies: list[str] = []

    class Listening(OnvifDevice):
        def answer(self, action: str, body: str) -> tuple[int, dict[str, str], bytes]:
            bodies.append(body)
            return super().answer(action, body)

    basic = (401, {"WWW-Authenticate": "Basic realm=x"}, b"")
    ask(Listening(instead={"GetProfiles": basic}))
    assert bodies
    assert not any("s3cret" in body for body in bodies)


def test_a_device_that_never_ends_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onvif, "DEVICE_S", 0.2)

    class Slow(OnvifDevice):
        def answer(self, action: str, body: str) -> tuple[int, dict[str, str], bytes]:
            time.sleep(0.5)
            return super().answer(action, body)

    assert "to answer" in (ask(Slow()).problem or "")


@pytest.mark.parametrize("path", ["\u202e/x", "/a b", "/" + "x" * 5000, "\n/y"])
def test_strange_stream_addresses_are_left_out(path: str) -> None:
    assert "no stream" in (ask(OnvifDevice(path=path + "{n}")).problem or "")


def test_many_profiles_are_bounded() -> None:
    device = OnvifDevice(sizes=((640, 360),) * 500)
    ask(device)
    assert device.asked.count("GetStreamUri") == onvif.PROFILES_LIMIT

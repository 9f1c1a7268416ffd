"""Addresses are understood or refused, and never give their password away."""

import traceback
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.errors import BadInput
from lfrd.ingest.address import Kind, host_and_port, parse, parse_beside, with_password
from lfrd.ingest.settings import CameraSettings


@pytest.mark.parametrize(
    ("text", "kind", "location"),
    [
        ("rtsp://cam/1", Kind.RTSP, "rtsp://cam/1"),
        ("RTSPS://u:p%40w@cam:7441/1", Kind.RTSP, "rtsps://u:p%40w@cam:7441/1"),
        ("rtsp://[fd00::1]:554/1", Kind.RTSP, "rtsp://[fd00::1]:554/1"),
        ("clips/a.mp4", Kind.FILE, "clips/a.mp4"),
        ("/clips/12:30 gate.mp4", Kind.FILE, "/clips/12:30 gate.mp4"),
        ("./12:30.mp4", Kind.FILE, "12:30.mp4"),
        ("file:///clips/a%20b.mp4", Kind.FILE, "/clips/a b.mp4"),
        ("whip://", Kind.WHIP, "whip://"),
        ("https://u:p@cam/video.mjpg", Kind.MJPEG, "https://u:p@cam/video.mjpg"),
        ("/dev/video0", Kind.DEVICE, "/dev/video0"),
        ("/dev/v4l/by-id/usb-046d_C920-index0", Kind.DEVICE, "/dev/v4l/by-id/usb-046d_C920-index0"),
        ("whep+https://host/whep", Kind.WHEP, "https://host/whep"),
    ],
)
def test_what_each_address_asks_for(text: str, kind: Kind, location: str) -> None:
    address = parse(text)
    assert (address.kind, address.secret_location) == (kind, location)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rtsp://",
        "rtsp://:554/x",
        "rtsp://cam:port/x",
        "ftp://cam/x",
        "rtmp://cam/x",
        "rtsp://cam/x\nrtsp://other",
        "rtsp://cam/" + "x" * 3000,
        "rtsp://user:pa/ss@cam/x",
        "rtsp://user:12/34@cam/x",
        "rtsp://user:pa#ss@cam/x",
        "192.168.1.20:554/stream1",
        "12:30.mp4",
        "rtsp:/cam/1",
        "file:a.mp4",
        "file://cam/a.mp4",
        "whip://gate/x",
    ],
)
def test_what_cannot_be_understood_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(text)
    message = str(caught.value)
    assert "\n" not in message
    assert not any(secret in message for secret in ("pa/ss", "12/34", "34@", "p[w", "ss@"))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://u:secret@cam/1", "rtsp://u:***@cam/1"),
        ("rtsp://user:p@ss@cam:8554/live", "rtsp://user:***@cam:8554/live"),
        ("rtsp://me@mail.com:Secret1@cam/live", "rtsp://***:***@cam/live"),
        ("rtsp://Secret1@cam/live", "rtsp://***@cam/live"),
        ("rtsp://:Secret1@cam/live", "rtsp://:***@cam/live"),
        (" rtsp://u:secret@cam/live ", "rtsp://u:***@cam/live"),
        ("RTSP://u:secret@[fd00::1]:554/ch1", "rtsp://u:***@[fd00::1]:554/ch1"),
        ("rtsp://cam/1?username=x&password=1234&n=1", "rtsp://cam/1?username=x&password=***&***"),
        ("rtsp://cam/ch1?loginuse=admin&loginpas=1234", "rtsp://cam/ch1?***&loginpas=***"),
        ("rtsp://cam/user=x_password=tlJwpbo6_channel=1.sdp", "rtsp://cam/***"),
        ("rtsps://cam:7441/AbCdEf123456?enableSrtp", "rtsps://cam:7441/***?***"),
        ("whep+https://cam/whep?token=secret", "whep+https://cam/whep?token=***"),
        ("rtsp://cam/live#Secret1", "rtsp://cam/live#***"),
        ("rtsp://cam/Streaming/Channels/101", "rtsp://cam/Streaming/Channels/101"),
        ("rtsp://cam/cam/realmonitor?channel=1&subtype=0", None),
        ("rtsp://cam:554/h264Preview_01_main", None),
        ("rtsp://cam/axis-media/media.amp?videocodec=h264", None),
        ("/clips/12:30 gate.mp4", None),
        ("/clips/x@y/gate.mp4", "/clips/***/gate.mp4"),
    ],
)
def test_an_address_prints_masked(text: str, shown: str | None) -> None:
    address = parse(text)
    assert address.shown == (shown or text)
    settings = CameraSettings("gate", text)
    assert {str(address), f"{address}", f"{settings.address:}"} == {address.shown}
    for secret in ("ecret", "tlJw", "1234", "AbCd", "p@ss"):
        assert secret not in repr(address) + repr(settings)


def test_what_is_opened_is_understood_as_it_was_meant() -> None:
    address = parse("rtsp://me@mail.com:p@ss@cam/x")
    assert address.secret_location == "rtsp://me%40mail.com:p%40ss@cam/x"
    assert host_and_port(address) == ("cam", 554)


MARKER = "Zq9Secret"
PLACES = (
    f"rtsp://u:{MARKER}@h/x", f"rtsp://me@mail.com:{MARKER}@h/x", f"admin:{MARKER}@h/x",
    f" rtsp://u:{MARKER}@h/x", f"'rtsp://u:{MARKER}@h/x'", f'"rtsp://u:{MARKER}@h/x"',
    f"rtsp:/u:{MARKER}@h/x", f"rtsp:u:{MARKER}@h/x", f"rtsp//u:{MARKER}@h/x",
    f"//u:{MARKER}@h/x", f"rtsp:\\\\u:{MARKER}@h", f"http://u:{MARKER}@h/x",
    f"rtsp://u:a/{MARKER}@h/x", f"rtsp://u:a#{MARKER}@h", f"rtsp://u:a?{MARKER}@h/x",
    f"rtsp://u:a@b/{MARKER}@h/x", f"rtsp://{MARKER}@h/x", f"rtsp://u:{MARKER}",
    f"rtsp://u {MARKER}@h",
    f"rtsp://h/{MARKER}", f"rtsp://h/x?{MARKER}", f"rtsp://h/x?loginpas={MARKER}",
    f"rtsp://h/x?a={MARKER}", f"rtsp://h/user=u_password={MARKER}_channel=1",
    f"whip://u:{MARKER}@x", f"whep+https://u:{MARKER}@h/x", f"{MARKER}://h/x", f"{MARKER}:x@h/x",
    f"file://u:{MARKER}@h/x", f"file:u:{MARKER}@h/x", f"ftp://u:{MARKER}@h/x",
    f"rtsp：//u：{MARKER}＠h/x", f"rtsp://u:{MARKER}@h:port/x", f"rtsp://u:{MARKER}@h:99999/x",
    f"rtsp://u:{MARKER}@/x", f"rtsp://u:[{MARKER}@h/x",
    f"192.168.1.2/{MARKER}", f"cam.local/{MARKER}",
    f"192.168[.1.2/{MARKER}", f"cam/{MARKER}",
)  # fmt: skip


@pytest.mark.parametrize("text", PLACES)
def test_no_place_for_a_secret_shows_it(text: str) -> None:
    said = ""
    try:
        said = f"{parse(text)} {parse(text)!r} {CameraSettings('gate', text)!r}"
    except BadInput as error:
        said = "".join(traceback.format_exception(error))
    assert said
    assert MARKER not in said


@given(st.text(min_size=6, max_size=40), st.sampled_from(["rtsp", "rtsps", "whep+https"]))
def test_an_encoded_password_never_shows(password: str, scheme: str) -> None:
    try:
        secret = quote("Zq" + password, safe="")
    except UnicodeEncodeError:
        return
    text = f"{scheme}://user:{secret}@cam.local/stream"
    address = parse(text)
    settings = CameraSettings("gate", text, bearer_token=secret)
    for shown in (address.shown, repr(address), repr(settings), str(address)):
        assert secret not in shown
    assert secret in address.secret_location


@given(st.text(max_size=60))
def test_any_text_is_understood_or_refused(text: str) -> None:
    for candidate in (text, f"rtsp://{text}", f"whep+http://u:{text}", f"file:{text}", f"/{text}"):
        try:
            parse(candidate)
        except BadInput:
            continue


@given(st.text(st.sampled_from("rtsp:/@.a1?&=[]#%h"), max_size=40))
def test_a_password_shows_wherever_it_stands_in_no_address(text: str) -> None:
    for place in range(len(text)):
        try:
            address = parse(text[:place] + "@Zq9Secret:" + text[place:])
        except BadInput:
            continue
        host = address.secret_location.partition("://")[2].partition("/")[0].rpartition("@")[2]
        if not host.startswith("Zq9Secret"):  # what is written as the host is meant to be one
            assert "Zq9Secret" not in address.shown or address.kind is Kind.FILE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rtsp://anna@h/x", "rtsp://anna:zq%40%2F%3A@h/x"),
        ("rtsp://anna:old@h:554/x?a=1", "rtsp://anna:zq%40%2F%3A@h:554/x?a=1"),
        ("whep+https://me@mail.com@h/x", "whep+https://me@mail.com:zq%40%2F%3A@h/x"),
        (" rtsps://anna@[::1]:322/ ", "rtsps://anna:zq%40%2F%3A@[::1]:322/"),
    ],
)
def test_a_password_is_put_into_an_address_as_it_is(text: str, expected: str) -> None:
    given = with_password(text, "zq@/:")
    assert given == expected
    assert "zq" not in parse(given).shown


@pytest.mark.parametrize(
    "text",
    ["rtsp://h/x", "rtsp://:zq@h/x", "rtsp://@h/x", "clip.mp4", "/dev/video0", "whip://a", ""],
)
def test_a_password_without_a_user_is_refused(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        with_password(text, "zq")
    assert "zq" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "text", "expected"),
    [
        ("rtsp://u:p@cam:8554/1?a=b", "/2", "rtsp://u:p@cam:8554/2"),
        ("rtsps://cam/1", "/cam/realmonitor?channel=1&subtype=1",
         "rtsps://cam/cam/realmonitor?channel=1&subtype=1"),
        ("rtsp://u:p@cam/1", "rtsp://other/2", "rtsp://other/2"),
    ],
)  # fmt: skip
def test_another_stream_of_the_same_camera(address: str, text: str, expected: str) -> None:
    assert parse_beside(address, text).secret_location == expected


@pytest.mark.parametrize("text", ["rtsp:2", "//elsewhere/2", ""])
def test_what_is_no_other_stream_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        parse_beside("rtsp://u:p@cam/1", text)

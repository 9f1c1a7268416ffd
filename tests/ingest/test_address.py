"""Addresses are understood or refused, and never give their password away."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.errors import BadInput
from lfrd.ingest.address import Kind, host_and_port, parse, redacted
from lfrd.ingest.settings import CameraSettings


@pytest.mark.parametrize(
    ("text", "kind", "location"),
    [
        ("rtsp://cam/1", Kind.RTSP, "rtsp://cam/1"),
        ("RTSPS://u:p%40w@cam:7441/1", Kind.RTSP, "rtsps://u:p%40w@cam:7441/1"),
        ("rtsp://[fd00::1]:554/1", Kind.RTSP, "rtsp://[fd00::1]:554/1"),
        ("clips/a.mp4", Kind.FILE, "clips/a.mp4"),
        ("/clips/12:30 gate.mp4", Kind.FILE, "/clips/12:30 gate.mp4"),
        ("12:30.mp4", Kind.FILE, "12:30.mp4"),
        ("file:///clips/a%20b.mp4", Kind.FILE, "/clips/a b.mp4"),
        ("whip://", Kind.WHIP, "whip://"),
        ("whep+https://host/whep", Kind.WHEP, "https://host/whep"),
    ],
)
def test_what_each_address_asks_for(text: str, kind: Kind, location: str) -> None:
    address = parse(text)
    assert (address.kind, address.location) == (kind, location)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rtsp://",
        "rtsp://:554/x",
        "rtsp://cam:port/x",
        "ftp://cam/x",
        "http://cam/x.mjpeg",
        "rtsp://cam/x\nrtsp://other",
        "rtsp://cam/" + "x" * 3000,
        "rtsp://user:pa/ss@cam/x",
        "rtsp://user:12/34@cam/x",
        "rtsp://user:p[w@cam/x",
        "rtsp://user:pa#ss@cam/x",
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


def test_a_bare_at_sign_in_a_password_is_tolerated() -> None:
    assert host_and_port(parse("rtsp://user:p@ss@cam/x")) == ("cam", 554)
    assert parse("rtsp://user:p@ss@cam/x").shown == "rtsp://user:***@cam/x"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://u:secret@cam/1", "rtsp://u:***@cam/1"),
        ("rtsp://cam/1?user=u&password=secret&n=1", "rtsp://cam/1?user=u&password=***&n=1"),
        ("rtsp://cam/user=u_password=secret_channel=1.sdp", "rtsp://cam/user=u_password=***"),
        ("whep+https://cam/w?token=secret", "whep+https://cam/w?token=***"),
        ("opening rtsp://u:a b@c/@1 failed", "opening rtsp://u:***@1 failed"),
        ("rtsp://a/b:c@d", "rtsp://a/b:***@d"),
    ],
)
def test_redacted(text: str, shown: str) -> None:
    assert redacted(text) == shown


@given(st.text(min_size=6, max_size=40), st.sampled_from(["rtsp", "rtsps", "whep+https"]))
def test_an_encoded_password_never_shows(password: str, scheme: str) -> None:
    try:
        secret = quote("Zq" + password, safe="")
    except UnicodeEncodeError:
        return
    text = f"{scheme}://user:{secret}@cam.local/stream"
    address = parse(text)
    settings = CameraSettings("gate", text, bearer_token=secret)
    for shown in (address.shown, repr(address), repr(settings), redacted(text)):
        assert secret not in shown
    assert secret in address.location


@given(st.text(max_size=60))
def test_any_text_is_understood_or_refused(text: str) -> None:
    for candidate in (text, f"rtsp://{text}", f"whep+http://u:{text}"):
        try:
            parse(candidate)
        except BadInput:
            continue

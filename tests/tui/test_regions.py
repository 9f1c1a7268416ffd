"""Regions as text and as lines; addresses with dots for what is secret."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lfrd.errors import BadInput
from lfrd.wire.cameras import Regions
from tui.drawing import FACE_RGB, Drawing
from tui.regions import HALO_RGB, MASK_RGB, ZONE_RGB, outlined, polygons_text, read_regions
from tui.screens.aim_screen import Frames
from tui.widgets.address import DOT, masked

PARTS = st.text(st.characters(codec="utf-8", exclude_characters=DOT, exclude_categories=("Cs",)))
FIGURE = st.integers(0, 1000).map(lambda n: n / 1000)
POLYGONS = st.lists(st.lists(st.tuples(FIGURE, FIGURE), min_size=3, max_size=8).map(tuple))


@given(POLYGONS.map(tuple), POLYGONS.map(tuple))
def test_what_is_written_is_read_again(
    include: tuple[tuple[tuple[float, float], ...], ...],
    privacy: tuple[tuple[tuple[float, float], ...], ...],
) -> None:
    regions = Regions(include=include[:32], privacy=privacy[:32])
    assert read_regions(polygons_text(include[:32]), polygons_text(privacy[:32])) == regions


@given(st.text(st.sampled_from("01.,; \n-e+xn"), max_size=60))
def test_any_text_is_regions_or_one_sentence(text: str) -> None:
    with contextlib.suppress(BadInput):
        read = read_regions("", text)
        assert len(read.privacy) == sum(bool(line.strip()) for line in text.splitlines())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0.1,0.1 0.9", "include zone 2: give x,y for three corners or more"),
        ("0,0 1,0 0,1 1", "include zone 2: give x,y"),
        ("a,b c,d e,f", "include zone 2: write corners as numbers"),
        ("0,0 1,0 0,10", "include zone 2: corners are fractions"),
        ("0,0 1,0 0,nan", "include zone 2: corners are fractions"),
    ],
)
def test_a_wrong_line_is_named(line: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read_regions(f"0,0 1,0 0,1\n\n{line}", "")


def test_too_many_are_refused() -> None:
    with pytest.raises(BadInput, match="at most 32"):
        read_regions("0,0 1,0 0,1\n" * 33, "")


def test_a_zone_has_a_whole_line_and_a_mask_a_dashed_one() -> None:
    square = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))
    grey = Image.new("RGB", (640, 360), (90, 90, 90))
    top = [(x, 90) for x in range(170, 470)]
    zone = outlined(grey, Regions(include=(square,)))
    assert {zone.getpixel(at) for at in top} == {ZONE_RGB}
    mask = outlined(grey, Regions(privacy=(square,)))
    assert {mask.getpixel(at) for at in top} == {MASK_RGB, HALO_RGB}
    assert mask.getpixel((320, 180)) == grey.getpixel((320, 180)) == (90, 90, 90)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("rtsp://cam.local:554/x?y=1", "rtsp://cam.local:554/x?y=1"),
        ("rtsp://cam.local:", "rtsp://cam.local:"),
        ("rtsp://[fe80::1]:554/x", "rtsp://[fe80::1]:554/x"),
        ("rtsp://op:s", "rtsp://op:•"),
        ("rtsp://op:12345678", "rtsp://op:••••••••"),
        ("rtsp://op:12@34", "rtsp://op:••@34"),
        ("rtsp://op:p@ss:w/rd@cam/x", "rtsp://op:•••••••••@cam/x"),
        ("rtsp://op@mail:secret@cam", "rtsp://op@mail:••••••@cam"),
        ("rtsp:/op:secret@cam", "rtsp:••••••••••@cam"),
        ("whep+https://cam/x?token=abc&y=2", "whep+https://cam/x?token=•••&y=2"),
        ("/srv/clips/a:b.mp4", "/srv/clips/a:b.mp4"),
        ("whip://phone", "whip://phone"),
    ],
)
def test_what_is_secret_in_an_address_is_dots(typed: str, shown: str) -> None:
    assert masked(typed) == shown


@given(PARTS, PARTS, PARTS)
def test_a_password_is_dots_whatever_it_holds(user: str, password: str, rest: str) -> None:
    user = user.replace(":", "").replace("@", "")
    start = f"rtsp://{user}:"
    shown = masked(f"{start}{password}@{rest}")
    assert len(shown) == len(start) + len(password) + 1 + len(rest)
    assert shown[len(start) : len(start) + len(password)] == DOT * len(password)


@pytest.mark.parametrize(
    "text",
    [
        "admin:zq@h/x",
        "rtsp://me@mail.com:zq@h/x",
        "rtsp://h/x?loginpas=zq",
        "rtsp://h/u_password=zq",
    ],
)
def test_unusual_addresses_hide_their_password_too(text: str) -> None:
    assert "zq" not in masked(text)


def test_a_region_is_drawn_taken_back_closed_and_removed() -> None:
    drawing = Drawing(Regions())
    assert drawing.corner().corner().corners == ((0.5, 0.5),)  # twice at one place is once
    assert drawing.close("include") is None
    for x, y in ((0.1, 0.1), (0.9, 0.1), (0.5, 2.0)):
        drawing = drawing.at(x, y).corner()
    assert drawing.corners[-1] == (0.5, 1.0)  # the cursor stays in the picture
    closed = drawing.back().at(0.5, 0.9).corner().close("include")
    assert closed is not None
    assert closed.regions.include == (((0.1, 0.1), (0.9, 0.1), (0.5, 0.9)),)
    assert closed.at(0.05, 0.9).remove() is None
    gone = closed.at(0.5, 0.3).remove()
    assert gone is not None
    assert gone.regions == Regions()


def test_the_gauge_shows_how_large_a_face_has_to_be() -> None:
    grey = Image.new("RGB", (96, 54), "grey")
    far, near = (Drawing(Regions()).over(grey, width) for width in (3840, 640))

    def blue(image: Image.Image) -> int:
        return sum(pixel == FACE_RGB for pixel in image.get_flattened_data())

    assert blue(near) > 2 * blue(far) > 0


def test_a_stream_of_pictures_is_cut_where_they_end() -> None:
    one, two = b"\xff\xd8one\xff\xd9", b"\xff\xd8two\xff\xd9"
    frames = Frames()
    assert frames.feed(b"--b\r\n" + one[:4]) is None
    assert frames.feed(one[4:] + b"\r\n--b\r\n" + two + b"--b" + one[:2]) == two
    assert frames.feed(one[2:]) == one
    with pytest.raises(BadInput, match="does not end"):
        frames.feed(b"\xff\xd8" + b"x" * 9_000_000)

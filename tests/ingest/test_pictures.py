"""The decoder's frame becomes planes, without a copy where there need be none."""

from fractions import Fraction

import av
import numpy as np
import pytest

from lfrd.errors import BadInput, SourceError
from lfrd.ingest.pictures import FrameView, check_size, planes_of, without_combs
from lfrd.ingest.settings import Correction

RNG = np.random.default_rng(3)


def frame(width: int, height: int, pixel_format: str = "yuv420p") -> av.VideoFrame:
    rgb = RNG.integers(0, 255, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    rgb = rgb.repeat(8, 0).repeat(8, 1)[:height, :width]
    return av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixel_format)


def test_planar_420_is_viewed_not_copied() -> None:
    source = frame(100, 50)
    planes = planes_of(source)
    assert planes.y.__array_interface__["data"][0] == source.planes[0].buffer_ptr
    assert not planes.y.flags.writeable
    assert np.array_equal(planes.y, source.to_ndarray()[:50])


def test_the_views_keep_the_picture_alive() -> None:
    planes = planes_of(frame(320, 240))
    before = planes.y.copy()
    for _ in range(20):
        frame(320, 240)
    assert np.array_equal(planes.y, before)


@pytest.mark.parametrize("size", [(16, 16), (17, 33), (641, 359), (1920, 1080)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    width, height = size
    planes = planes_of(frame(width, height))
    assert (planes.width_px, planes.height_px) == size
    assert planes.u.shape == ((height + 1) // 2, (width + 1) // 2)


@pytest.mark.parametrize("pixel_format", ["yuv422p", "yuv444p", "yuv420p10le", "nv12", "gray"])
def test_other_pixel_formats_are_converted(pixel_format: str) -> None:
    reference = planes_of(frame_of(pixel_format="yuv420p"))
    planes = planes_of(frame_of(pixel_format=pixel_format))
    assert np.abs(planes.y.astype(int) - reference.y).mean() < 2
    if pixel_format != "gray":
        assert np.abs(planes.u.astype(int) - reference.u).mean() < 3
    assert not planes.full_range


def frame_of(pixel_format: str) -> av.VideoFrame:
    rgb = np.zeros((64, 96, 3), np.uint8)
    rgb[:, :48] = (200, 40, 90)
    rgb[:, 48:] = (30, 180, 220)
    return av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixel_format)


def test_the_stream_s_own_words_on_colour_are_kept() -> None:
    for pixel_format, colour_range, full in (
        ("yuv420p", 1, False),
        ("yuv420p", 2, True),
        ("yuvj420p", 0, True),
    ):
        source = frame(64, 48, pixel_format)
        source.color_range = colour_range
        assert planes_of(source).full_range is full
    for space, height, bt709 in ((1, 48, True), (5, 1080, False), (2, 48, False), (2, 1080, True)):
        source = frame(64, height)
        source.colorspace = space
        assert planes_of(source).bt709 is bt709


@pytest.mark.parametrize("size", [(8, 8), (15, 400), (8000, 5000)])
def test_sizes_that_no_camera_has_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(SourceError, match=f"{size[0]}x{size[1]}"):
        check_size(av.VideoFrame(*size, "yuv420p"), "rtsp://cam/1")


def test_a_picture_is_turned_clockwise() -> None:
    source = frame(64, 32)
    upright = planes_of(source)
    for degrees, turns in ((90, 3), (180, 2), (270, 1)):
        planes = planes_of(source, Correction(rotate_deg=degrees))
        assert np.array_equal(planes.y, np.rot90(upright.y, turns))
        assert np.array_equal(planes.u, np.rot90(upright.u, turns))


@pytest.mark.parametrize(
    ("sent", "declared", "aspect", "square"),
    [
        ((960, 1080), Fraction(2), None, (1920, 1080)),
        ((352, 576), Fraction(32, 11), None, (1024, 576)),
        ((720, 480), Fraction(8, 9), None, (720, 540)),
        ((960, 1080), None, "16:9", (1920, 1080)),
        ((640, 480), Fraction(1), "16:9", (854, 480)),
        ((640, 360), Fraction(1), None, (640, 360)),
        ((640, 360), Fraction(100, 99), None, (640, 360)),
        ((640, 360), Fraction(50), None, (640, 360)),
        ((7680, 4320), Fraction(2), None, (10862, 3054)),
    ],
)
def test_pixels_become_square(
    sent: tuple[int, int],
    declared: Fraction | None,
    aspect: str | None,
    square: tuple[int, int],
) -> None:
    planes = planes_of(frame(*sent), Correction(aspect=aspect), lambda: declared)
    assert (planes.width_px, planes.height_px) == square
    assert planes.u.shape == ((square[1] + 1) // 2, (square[0] + 1) // 2)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuvj420p", "yuv422p", "yuv420p10le", "nv12"])
@pytest.mark.parametrize(
    ("correction", "declared"),
    [
        (Correction(), None),
        (Correction(rotate_deg=90), None),
        (Correction(aspect="4:3"), None),
        (Correction(deinterlace="on"), None),
        (Correction(), Fraction(2)),
        (Correction(), Fraction(1)),
    ],
)
def test_the_luma_alone_is_that_of_all_planes(
    pixel_format: str, correction: Correction, declared: Fraction | None
) -> None:
    source = frame(101, 51, pixel_format)
    view = FrameView(source, correction, lambda: declared)
    whole = planes_of(source, correction, lambda: declared).y
    assert np.array_equal(view.luma(), whole)
    assert np.array_equal(view.planes().y, whole)
    assert view.planes() is view.planes()
    assert np.array_equal(view.luma(), whole)


def test_the_luma_alone_is_viewed_not_copied() -> None:
    source = frame(100, 50)
    luma = FrameView(source).luma()
    assert luma.__array_interface__["data"][0] == source.planes[0].buffer_ptr
    assert not luma.flags.writeable


def test_combs_go_where_something_moved_and_nowhere_else() -> None:
    still = RNG.integers(90, 110, (64, 96)).repeat(1, 0).astype(np.uint8)
    still = np.sort(still, axis=0)  # no line is above both its neighbours
    woven = still.copy()
    woven[0::2, 20:40] = 200  # a bar stood here at the moment of the even lines
    woven[1::2, 30:50] = 200  # and here at the other
    mended = without_combs(woven)
    assert np.array_equal(mended[:, :17], still[:, :17])
    assert (mended[1:-2, 22:28] == 200).all(), "the even lines say where it is"
    assert mended[1:-2, 42:48].max() < 130
    assert np.array_equal(without_combs(still), still)


@pytest.mark.parametrize("rows", [1, 2, 3, 33])
def test_planes_of_few_lines_have_no_combs(rows: int) -> None:
    assert without_combs(np.zeros((rows, 16), np.uint8)).shape == (rows, 16)


@pytest.mark.parametrize("wrong", [{"rotate_deg": 45}, {"aspect": "16x9"}, {"aspect": "99:1"}])
def test_a_correction_that_cannot_be_is_refused(wrong: dict) -> None:
    with pytest.raises(BadInput):
        Correction(**wrong)

"""The decoder's frame becomes planes, without a copy where there need be none."""

import av
import numpy as np
import pytest

from lfrd.errors import SourceError
from lfrd.ingest.pictures import check_size, planes_of

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

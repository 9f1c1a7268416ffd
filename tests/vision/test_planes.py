"""Scaling, cropping and conversion from the planes give what a full conversion would give."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.types import Planes
from lfrd.vision.align import ARCFACE_POINTS, crop_matrix
from lfrd.vision.planes import (
    CropScratch,
    _resize,
    crop_into,
    planes_from_rgb,
    rgb_full,
    scaled_into,
)


def _smooth_rgb(width: int, height: int, seed: int = 1) -> np.ndarray:
    """A colourful picture without detail finer than the chroma planes can carry."""
    coarse = np.random.default_rng(seed).integers(20, 236, (height // 20, width // 20, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def _crop(planes: Planes, matrix: np.ndarray) -> np.ndarray:
    out = np.empty((112, 112, 3), np.uint8)
    crop_into(planes, matrix, out, CropScratch(112))
    return out


def _scaled(planes: Planes, width_px: int, height_px: int) -> np.ndarray:
    out = np.empty((height_px, width_px, 3), np.uint8)
    scaled_into(planes, out, "bgr")
    return out


@pytest.mark.parametrize(("width", "height", "mean"), [(320, 240, 1.5), (321, 241, 3)])
def test_a_photo_survives_its_planes(width: int, height: int, mean: float) -> None:
    """An odd side stretches the chroma by half a pixel, no more."""
    rgb = _smooth_rgb(320, 240)
    rgb = cv2.resize(rgb, (width, height))
    back = rgb_full(planes_from_rgb(rgb)).astype(int)
    assert back.shape == rgb.shape
    assert np.abs(back - rgb).mean() < mean


def test_video_range_601_agrees_with_opencv() -> None:
    rgb = _smooth_rgb(320, 240)
    i420 = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)
    flat = i420.reshape(-1)
    u, v = flat[320 * 240 :].reshape(2, 120, 160)
    ours = rgb_full(Planes(i420[:240], u, v)).astype(int)
    theirs = cv2.cvtColor(i420, cv2.COLOR_YUV2RGB_I420)
    assert np.abs(ours - theirs).mean() < 3  # OpenCV repeats chroma pixels, we interpolate
    assert np.abs(ours - rgb).mean() < np.abs(theirs.astype(int) - rgb).mean()


@pytest.mark.parametrize("bt709", [False, True])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize(
    "rgb",
    [(255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255), (224, 172, 105)],
)
def test_every_colour_coding_gives_its_colours_back(
    rgb: tuple[int, int, int], full_range: bool, bt709: bool
) -> None:
    red, blue = (0.2126, 0.0722) if bt709 else (0.299, 0.114)
    luma = red * rgb[0] + (1 - red - blue) * rgb[1] + blue * rgb[2]
    u, v = (rgb[2] - luma) / (2 * (1 - blue)), (rgb[0] - luma) / (2 * (1 - red))
    if full_range:
        coded = luma, u + 128, v + 128
    else:
        coded = luma * 219 / 255 + 16, u * 224 / 255 + 128, v * 224 / 255 + 128
    y, u, v = (np.clip(np.rint(value), 0, 255).astype(np.uint8) for value in coded)
    planes = Planes(np.full((8, 8), y), np.full((4, 4), u), np.full((4, 4), v), full_range, bt709)
    assert np.abs(rgb_full(planes).astype(int) - rgb).max() <= 3
    assert np.abs(_scaled(planes, 4, 4)[..., ::-1].astype(int) - rgb).max() <= 3


def test_scaling_agrees_with_converting_first() -> None:
    planes = planes_from_rgb(_smooth_rgb(640, 360))
    ours = _scaled(planes, 320, 180).astype(int)
    theirs = cv2.resize(rgb_full(planes), (320, 180), interpolation=cv2.INTER_AREA)[..., ::-1]
    assert np.abs(ours - theirs).mean() < 1.5


def test_scaling_writes_into_the_given_array_and_reads_strided_planes() -> None:
    planes = planes_from_rgb(_smooth_rgb(320, 240))
    wide = np.zeros((240, 384), np.uint8)
    wide[:, :320] = planes.y
    strided = Planes(wide[:, :320], planes.u, planes.v, full_range=True)
    wider = np.full((128, 192, 3), 7, np.uint8)
    scaled_into(strided, wider[:120, :160], "bgr")
    assert np.array_equal(wider[:120, :160], _scaled(planes, 160, 120))
    assert (wider[120:] == 7).all()
    assert (wider[:, 160:] == 7).all()


@pytest.mark.parametrize("inter_eye_px", [12, 24, 35, 60])
@pytest.mark.parametrize("angle", [0, 30, -100])
def test_a_crop_agrees_with_warping_the_converted_picture(inter_eye_px: int, angle: int) -> None:
    planes = planes_from_rgb(_smooth_rgb(640, 480))
    matrix = _matrix(inter_eye_px, angle, middle=(320, 240))
    theirs = cv2.warpAffine(rgb_full(planes), matrix, (112, 112))
    assert np.abs(_crop(planes, matrix).astype(int) - theirs).mean() < 1.5


@pytest.mark.parametrize("inter_eye_px", [80, 150, 300, 420])
def test_a_large_face_is_averaged_not_aliased(inter_eye_px: int) -> None:
    noise = np.random.default_rng(0).normal(128, 30, (2400, 2400, 1)).repeat(3, axis=2)
    planes = planes_from_rgb(np.clip(noise, 0, 255).astype(np.uint8))
    matrix = _matrix(inter_eye_px, 20, middle=(1200, 1200))
    pixels_averaged = (inter_eye_px / 35.2) ** 2
    aliased = cv2.warpAffine(rgb_full(planes), matrix, (112, 112)).std()
    assert _crop(planes, matrix).std() < 1.7 * aliased / np.sqrt(pixels_averaged)


def test_outside_the_picture_a_crop_is_black() -> None:
    planes = planes_from_rgb(np.full((200, 200, 3), 200, np.uint8))
    half = _crop(planes, _matrix(35, 0, middle=(0, 100)))
    assert half[:, :40].max() <= 2
    assert half[:, 72:].min() >= 198
    far = _crop(planes, _matrix(150, 0, middle=(5000, 5000)))
    assert far.max() <= 2


def test_video_black_is_black_too() -> None:
    planes = Planes(
        np.full((100, 100), 235, np.uint8),
        np.full((50, 50), 128, np.uint8),
        np.full((50, 50), 128, np.uint8),
    )
    crop = _crop(planes, _matrix(35, 0, middle=(0, 50)))
    assert crop[:, :40].max() <= 2
    assert crop[40:100, 72:].min() >= 253


def test_a_mapping_without_extent_gives_a_black_crop() -> None:
    planes = planes_from_rgb(np.full((200, 200, 3), 200, np.uint8))
    assert not _crop(planes, crop_matrix(np.full((5, 2), 50, np.float32))).any()


@given(st.integers(0, 2**32 - 1))
def test_no_landmarks_break_a_crop(seed: int) -> None:
    random = np.random.default_rng(seed)
    planes = planes_from_rgb(np.full((90, 160, 3), 200, np.uint8))
    landmarks = random.uniform(-300, 500, (5, 2)) * 10.0 ** random.integers(-3, 4)
    _crop(planes, crop_matrix(landmarks.astype(np.float32)))


def test_scratch_keeps_nothing_of_a_face() -> None:
    scratch = CropScratch(112)
    out = np.empty((112, 112, 3), np.uint8)
    planes = planes_from_rgb(_smooth_rgb(640, 480))
    crop_into(planes, _matrix(120, 5, middle=(320, 240)), out, scratch)
    assert out.any()
    assert not scratch.region.any()
    assert not scratch.yuv.any()
    assert not scratch.mixed.any()


def _matrix(inter_eye_px: float, angle_deg: float, middle: tuple[float, float]) -> np.ndarray:
    """The alignment of a face of this size and roll whose nose is at `middle`."""
    angle, scale = np.radians(angle_deg), inter_eye_px / 35.2
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (ARCFACE_POINTS - ARCFACE_POINTS[2]) @ turn.T + middle
    return crop_matrix(points.astype(np.float32))


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_a_whole_factor_gives_what_linear_interpolation_gives(factor: int) -> None:
    plane = np.random.default_rng(factor).integers(0, 255, (36 * factor, 64 * factor), np.uint8)
    expected = cv2.resize(plane, (64, 36), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(_resize(plane, np.empty((36, 64), np.uint8)), expected)

"""Quality measures move the way they should."""

import cv2
import numpy as np
import pytest

from lfrd.vision.align import ARCFACE_POINTS
from lfrd.vision.quality import (
    ELEVATION_OF_PITCH_DEG,
    NOSE_DEPTH,
    TURNED_PITCH_DEG,
    TURNED_YAW_DEG,
    elevation_deg,
    face_size_px,
    inter_eye_px,
    is_turned,
    measure,
    pose_deg,
)

FRONTAL = ARCFACE_POINTS.astype(np.float32)


def _turned(yaw_deg: float, pitch_deg: float) -> np.ndarray:
    """Landmarks of a head in three dimensions, turned and seen from far away."""
    model = np.array(
        [[-0.5, -0.575, 0], [0.5, -0.575, 0], [0, 0, NOSE_DEPTH], [-0.4, 0.575, 0], [0.4, 0.575, 0]]
    )
    yaw, pitch = np.radians([yaw_deg, pitch_deg])
    across = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    up = np.array(
        [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    )
    return (model @ (up @ across).T)[:, :2].astype(np.float32) * 50 + 200


@pytest.mark.parametrize("yaw", [-40, -15, 0, 15, 40])
def test_yaw_is_the_angle_a_turned_head_has(yaw: float) -> None:
    assert pose_deg(_turned(yaw, 0)) == pytest.approx((yaw, 0), abs=1)


@pytest.mark.parametrize("pitch", [-30, -10, 0, 10, 30])
def test_pitch_is_positive_when_looking_up(pitch: float) -> None:
    assert pose_deg(_turned(0, pitch)) == pytest.approx((0, pitch), abs=1)


@pytest.mark.parametrize("roll", [-90, -30, 45, 180])
def test_roll_changes_neither(roll: float) -> None:
    angle = np.radians(roll)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    rolled = (_turned(20, -10) @ turn.T).astype(np.float32)
    assert pose_deg(rolled) == pytest.approx(pose_deg(_turned(20, -10)), abs=0.1)


def test_impossible_landmarks_are_as_far_from_frontal_as_can_be() -> None:
    assert pose_deg(np.zeros((5, 2), np.float32)) == (90.0, 0.0)
    upside = FRONTAL.copy()
    upside[3:, 1] = 0  # the mouth above the eyes
    assert pose_deg(upside)[1] == 90.0


def test_blur_darkness_and_distance_lower_the_rank() -> None:
    crop = np.random.default_rng(0).integers(60, 200, (112, 112, 3), np.uint8)
    good = measure(crop, FRONTAL * 2, 0.9)
    assert good.inter_eye_px == pytest.approx(2 * inter_eye_px(FRONTAL))
    assert 0 < good.overall <= 1
    assert measure(cv2.GaussianBlur(crop, (15, 15), 5), FRONTAL * 2, 0.9).overall < good.overall
    assert measure(crop // 20, FRONTAL * 2, 0.9).overall < good.overall
    assert measure(crop, FRONTAL, 0.9).overall < good.overall
    assert measure(crop, FRONTAL * 2, 0.5).overall < good.overall
    assert measure(np.zeros_like(crop), FRONTAL * 2, 0.9).overall == 0


def test_elevation_goes_through_what_was_measured_and_never_rises_with_pitch() -> None:
    for pitch_deg, above_deg in ELEVATION_OF_PITCH_DEG:
        assert elevation_deg(pitch_deg) == pytest.approx(above_deg)
    assert elevation_deg(-13.15) == pytest.approx(15.0)
    found = [elevation_deg(pitch_deg) for pitch_deg in np.linspace(-90, 90, 400)]
    assert (np.diff(found) <= 0).all()
    assert (found[0], found[-1]) == (90.0, -90.0)


@pytest.mark.parametrize("yaw", [-70, -40, 0, 40, 70])
def test_a_face_is_as_large_from_the_side_as_from_the_front(yaw: float) -> None:
    assert face_size_px(_turned(yaw, 0)) == pytest.approx(50, abs=0.5)
    assert inter_eye_px(_turned(yaw, 0)) == pytest.approx(50 * np.cos(np.radians(yaw)), abs=0.5)


@pytest.mark.parametrize("pitch", [-40, 40])
def test_a_face_is_as_large_looking_up_and_down(pitch: float) -> None:
    assert face_size_px(_turned(0, pitch)) == pytest.approx(50, abs=0.5)


@pytest.mark.parametrize("roll", [-90, 30, 180])
def test_a_tilted_face_is_as_large(roll: float) -> None:
    angle = np.radians(roll)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    tilted = (_turned(60, 0) @ turn.T).astype(np.float32)
    assert face_size_px(tilted) == pytest.approx(50, abs=0.5)


def test_landmarks_that_fall_together_have_no_size_and_are_turned() -> None:
    assert face_size_px(np.full((5, 2), 7, np.float32)) == 0.0
    assert is_turned(np.full((5, 2), 7, np.float32))


@pytest.mark.parametrize(
    ("yaw", "pitch", "expected"),
    [
        (0, 0, False),
        (TURNED_YAW_DEG - 2, 0, False),
        (TURNED_YAW_DEG + 2, 0, True),
        (-TURNED_YAW_DEG - 2, 0, True),
        (0, TURNED_PITCH_DEG - 2, False),
        (0, -TURNED_PITCH_DEG - 2, True),
        (0, TURNED_PITCH_DEG + 2, True),
    ],
)
def test_a_face_takes_care_that_is_turned_far_to_either_side(
    yaw: float, pitch: float, expected: bool
) -> None:
    assert is_turned(_turned(yaw, pitch)) is expected

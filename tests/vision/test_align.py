"""The similarity transform finds the rotation, scale and shift that it should."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.transform import SimilarityTransform

from lfrd.vision.align import (
    ARCFACE_POINTS,
    around_box,
    crop_matrix,
    loosened,
    patch_matrix,
    similarity,
    to_frame,
)


@given(
    angle=st.floats(-np.pi, np.pi),
    scale=st.floats(0.05, 20),
    shift_x=st.floats(-2000, 2000),
    shift_y=st.floats(-2000, 2000),
)
def test_a_known_similarity_is_found_again(
    angle: float, scale: float, shift_x: float, shift_y: float
) -> None:
    real, imaginary = scale * np.cos(angle), scale * np.sin(angle)
    truth = np.array([[real, -imaginary, shift_x], [imaginary, real, shift_y]])
    moved = ARCFACE_POINTS @ truth[:, :2].T + truth[:, 2]
    assert np.allclose(similarity(ARCFACE_POINTS, moved), truth, atol=1e-6)


@given(st.integers(0, 2**32 - 1))
def test_it_agrees_with_scikit_image_on_points_that_do_not_fit(seed: int) -> None:
    points = np.random.default_rng(seed).uniform(0, 1000, (5, 2))
    if np.linalg.det(_covariance(points)) <= 1e-3:
        return  # a mirrored face: there scikit-image decomposes, and no true face looks so
    estimate = SimilarityTransform.from_estimate(points, ARCFACE_POINTS)
    assert np.allclose(similarity(points, ARCFACE_POINTS), estimate.params[:2], atol=1e-6)


def test_frontal_landmarks_are_left_where_they_are() -> None:
    identity = np.array([[1, 0, 0], [0, 1, 0]])
    assert np.allclose(crop_matrix(ARCFACE_POINTS.astype(np.float32)), identity, atol=1e-5)


def test_landmarks_that_fall_together_give_a_mapping_without_extent() -> None:
    matrix = crop_matrix(np.full((5, 2), 31, np.float32))
    assert not matrix[:, :2].any()
    assert np.isfinite(matrix).all()


def _covariance(points: np.ndarray) -> np.ndarray:
    centred = points - points.mean(axis=0)
    return (ARCFACE_POINTS - ARCFACE_POINTS.mean(axis=0)).T @ centred


@given(angle=st.floats(-np.pi, np.pi), inter_eye_px=st.floats(5, 500), nose_x=st.floats(0, 4000))
def test_a_patch_shows_the_face_upright_in_its_middle(
    angle: float, inter_eye_px: float, nose_x: float
) -> None:
    scale = inter_eye_px / 35.24
    real, imaginary = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([[real, -imaginary], [imaginary, real]])
    landmarks = (ARCFACE_POINTS @ turn.T + [nose_x, 300]).astype(np.float32)
    matrix = patch_matrix(landmarks)
    inside = landmarks @ matrix[:, :2].T + matrix[:, 2]
    assert inside.mean(axis=0) == pytest.approx(ARCFACE_POINTS.mean(axis=0) * 1.5 + 44, abs=0.1)
    assert inside[1] - inside[0] == pytest.approx([52.9, 0], abs=0.5)
    assert to_frame(matrix, inside.astype(np.float32)) == pytest.approx(landmarks, abs=0.05)


def _moved(matrix: np.ndarray, *points: tuple[float, float]) -> np.ndarray:
    return np.array(points) @ matrix[:, :2].T + matrix[:, 2]


def test_a_box_comes_into_the_middle_with_its_longer_side_as_long_as_asked() -> None:
    matrix = around_box(np.array([100, 200, 140, 260], np.float32), 192, 80.0)
    corners = _moved(matrix, (100, 200), (140, 260))
    assert corners[1, 1] - corners[0, 1] == pytest.approx(80)
    assert corners[1, 0] - corners[0, 0] == pytest.approx(80 * 40 / 60), "nothing is stretched"
    assert corners.mean(axis=0) == pytest.approx([96, 96])


def test_a_box_without_extent_still_gives_a_mapping() -> None:
    matrix = around_box(np.full(4, 7, np.float32), 192, 80.0)
    assert np.isfinite(matrix).all()
    assert np.linalg.det(matrix[:, :2]) > 0


def test_a_looser_crop_shows_the_face_smaller_about_the_middle_and_lower() -> None:
    tight = crop_matrix(ARCFACE_POINTS.astype(np.float32))
    looser = loosened(tight, 0.5, 3.0)
    assert _moved(looser, (56, 56), (0, 0)) == pytest.approx(
        np.array([[56, 59], [28, 31]]), abs=1e-3
    )
    assert _moved(tight, (0, 0)) == pytest.approx(np.array([[0, 0]]), abs=1e-3), "it is a copy"

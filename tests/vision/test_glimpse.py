"""A glimpse tells that something else is there, of whatever size and light, and keeps nobody."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.types import F32, U8
from lfrd.vision.glimpse import SIDE, Glimpses

BOX = np.array([300, 200, 400, 320], np.float32)


def head(seed: int, left: int = 300, top: int = 200, *, scale: int = 1, light: float = 1.0) -> U8:
    """A picture with somebody's head and collar at a place: patches of grey, each one's own."""
    picture = np.full((720, 1280), 110, np.uint8)
    patches = np.random.default_rng(seed).uniform(20, 235, (8, 8)) * light
    around = np.clip(patches, 0, 255).astype(np.uint8).repeat(24 * scale, 0).repeat(20 * scale, 1)
    y, x = top - 36 * scale, left - 30 * scale
    picture[y : y + around.shape[0], x : x + around.shape[1]] = around
    return picture


def moved(x: float, y: float, scale: float = 1.0) -> F32:
    sides = (BOX[2:] - BOX[:2]) * scale
    return np.array([x, y, x + sides[0], y + sides[1]], np.float32)


def test_the_first_time_nothing_has_changed() -> None:
    glimpses = Glimpses()
    assert not glimpses.changed(1, head(1), BOX)
    assert not glimpses.changed(2, head(2), BOX), "each track is compared with itself"


def test_somebody_who_stays_is_no_change_whatever_the_sensor_adds() -> None:
    glimpses = Glimpses()
    noise = np.random.default_rng(5)
    for _ in range(5):
        noisy = np.clip(head(1) + noise.normal(0, 8, (720, 1280)), 0, 255).astype(np.uint8)
        assert not glimpses.changed(1, noisy, BOX)


def test_whoever_walks_comes_nearer_or_into_another_light_is_no_change() -> None:
    glimpses = Glimpses()
    glimpses.changed(1, head(1), BOX)
    assert not glimpses.changed(1, head(1, 340, 210), moved(340, 210))
    assert not glimpses.changed(1, head(1, 340, 210), moved(347, 216)), "a box is never exact"
    assert not glimpses.changed(1, head(1, 400, 300, scale=2), moved(400, 300, 2.0))
    assert not glimpses.changed(1, head(1, 400, 300, scale=2, light=0.5), moved(400, 300, 2.0))


def test_somebody_else_in_the_same_place_is_a_change_and_then_it_is_them() -> None:
    glimpses = Glimpses()
    glimpses.changed(1, head(1), BOX)
    assert glimpses.changed(1, head(2), BOX)
    assert not glimpses.changed(1, head(2), BOX), "it is compared with the last time"


def test_a_track_that_ended_is_forgotten_and_nothing_of_it_is_left() -> None:
    glimpses = Glimpses()
    glimpses.changed(1, head(1), BOX)
    first = glimpses._last[1]
    assert first.any()
    glimpses.changed(1, head(1), BOX)
    assert not first.any(), "overwritten when the next one comes"
    second = glimpses._last[1]
    glimpses.forget(1)
    glimpses.forget(1)
    assert not second.any()
    assert not glimpses._last
    assert not glimpses.changed(1, head(2), BOX)


def test_nobody_can_be_known_by_it() -> None:
    glimpses = Glimpses()
    glimpses.changed(1, head(1), BOX)
    assert glimpses._last[1].shape == (SIDE, SIDE)


@pytest.mark.parametrize(
    "box",
    [
        [-500, -500, -400, -380],  # beyond the picture
        [1279, 100, 1400, 220],  # less than eight columns of it are left
        [300, 200, 303, 203],  # too small to have cells
        [400, 320, 300, 200],  # inside out
    ],
)
def test_where_there_is_nothing_to_see_the_last_glimpse_stays(box: list[float]) -> None:
    glimpses = Glimpses()
    glimpses.changed(1, head(1), BOX)
    assert not glimpses.changed(1, head(2), np.array(box, np.float32))
    assert glimpses.changed(1, head(2), BOX)


def test_a_picture_of_one_grey_is_no_change() -> None:
    glimpses = Glimpses()
    grey = np.full((720, 1280), 90, np.uint8)
    glimpses.changed(1, head(1), BOX)
    assert not glimpses.changed(1, grey, BOX)
    assert not glimpses.changed(2, grey, BOX)


def test_a_face_at_the_edge_is_compared_by_what_is_seen_of_it() -> None:
    glimpses = Glimpses()
    left = moved(10, 40)
    first, second = (head(seed)[160:, 290:] for seed in (1, 2))
    assert not glimpses.changed(1, first, left)
    assert not glimpses.changed(1, first, left)
    assert glimpses.changed(1, second, left)


@given(
    st.lists(st.tuples(*[st.floats(-3000, 3000, width=32)] * 4), min_size=1, max_size=5),
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
)
def test_no_box_and_no_picture_breaks_it(
    boxes: list[tuple[float, float, float, float]], shape: tuple[int, int]
) -> None:
    glimpses = Glimpses()
    luma = np.random.default_rng(1).integers(0, 255, shape, np.uint8)
    for box in boxes:
        glimpses.changed(1, luma, np.array(box, np.float32))
    for last in glimpses._last.values():
        assert np.linalg.norm(last) == pytest.approx(1.0, abs=1e-4)

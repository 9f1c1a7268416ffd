"""Nothing may be missed: who comes slowly, who turns round, who stands in the dark."""

import numpy as np
import pytest

from lfrd.types import U8
from lfrd.vision.motion import LINGER_S, MotionGate

HZ = 8.0
STILL_S = 2.0


def scene(seed: int = 1, grey: float = 110.0, noise: float = 4.0) -> U8:
    """A wall of blocks with the noise of a sensor."""
    blocks = np.random.default_rng(7).uniform(-30, 30, (27, 48)).repeat(40, 0).repeat(40, 1)
    rough = np.random.default_rng(seed).normal(0, noise, blocks.shape)
    return np.clip(grey + blocks + rough, 0, 255).astype(np.uint8)


def with_face(picture: U8, left: float, top: int = 400, side: int = 60, by: int = 40) -> U8:
    """Somebody, in a face's size, at a place."""
    picture = picture.copy()
    x = round(left)
    picture[top : top + side, x : x + side] = np.clip(
        picture[top : top + side, x : x + side].astype(int) - by, 0, 255
    )
    return picture


def test_where_only_the_sensor_is_noisy_a_look_is_taken_every_so_often() -> None:
    gate = MotionGate(STILL_S)
    looks = [number / HZ for number in range(160) if gate.lets(scene(number), number / HZ)]
    later = [at_s for at_s in looks if at_s > LINGER_S]
    assert later, "it must not sleep for ever"
    assert np.diff(later) == pytest.approx(STILL_S)


def test_whoever_enters_is_looked_at_at_once() -> None:
    gate = MotionGate(STILL_S)
    for number in range(20):
        gate.lets(scene(number), number / HZ)
    assert gate.lets(with_face(scene(20), 900), 20 / HZ)
    after = [gate.lets(with_face(scene(21 + n), 900), (21 + n) / HZ) for n in range(4)]
    assert all(after), "and for a while after the last movement"


@pytest.mark.parametrize("px_a_second", [8.0, 15.0, 40.0])
def test_a_slow_approach_is_seen_though_no_two_pictures_differ(px_a_second: float) -> None:
    gate = MotionGate(1000.0)
    looks = []
    for number in range(int(12 * HZ)):
        picture = with_face(scene(number), 900 + px_a_second * number / HZ)
        if gate.lets(picture, number / HZ) and number / HZ > LINGER_S:
            looks.append(number / HZ)
    moved_px = [px_a_second * gap for gap in np.diff([0.0, *looks])]
    assert looks
    assert max(moved_px) < 60, "nobody comes nearer by more than a face without a look"


def test_somebody_who_stands_still_and_turns_round_is_looked_at() -> None:
    """Hair, then a face: the place is the same, the grey is not."""
    gate = MotionGate(1000.0)
    for number in range(40):
        gate.lets(with_face(scene(number), 900, by=60), number / HZ)
    assert gate.lets(with_face(scene(40), 900, by=20), 40 / HZ)


def test_a_dark_scene_still_shows_movement() -> None:
    gate = MotionGate(1000.0)
    for number in range(40):
        gate.lets(scene(number, grey=35.0, noise=6.0), number / HZ)
    assert gate.lets(with_face(scene(40, grey=35.0, noise=6.0), 900, side=120, by=-25), 40 / HZ)


def test_another_size_and_a_clock_set_back_are_looked_at() -> None:
    gate = MotionGate(1000.0)
    for number in range(40):
        gate.lets(scene(number), number / HZ)
    assert gate.lets(scene(41)[:720, :1280], 41 / HZ)
    assert gate.lets(scene(42)[:720, :1280], 0.0)


def test_nothing_of_the_pictures_is_left() -> None:
    gate = MotionGate(STILL_S)
    gate.lets(scene(), 0.0)
    held = gate._reference
    assert held.any()
    gate.clear()
    assert not held.any()
    assert gate.lets(scene(), 0.1)

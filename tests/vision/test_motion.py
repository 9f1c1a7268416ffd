"""Nothing may be missed: who comes slowly, who turns round, who stands in the dark."""

import functools

import numpy as np
import pytest

from lfrd.types import U8
from lfrd.vision.motion import LINGER_S, SLOWER_BY, STILL_LOOKS_APART, MotionGate, SceneCut

HZ = 8.0
STILL_S = 2.0


NOISES = 8
"""The noise of as many pictures; the next ones have it again, in that order."""


def scene(number: int = 1, grey: float = 110.0, noise: float = 4.0) -> U8:
    """A wall of blocks with the noise of a sensor."""
    return _scene(number % NOISES, grey, noise)


@functools.lru_cache(maxsize=2 * NOISES)
def _scene(seed: int, grey: float, noise: float) -> U8:
    blocks = np.random.default_rng(7).uniform(-30, 30, (27, 48)).astype(np.float32)
    rough = np.random.default_rng(seed).standard_normal((1080, 1920), np.float32)
    rough *= np.float32(noise)
    rough += blocks.repeat(40, 0).repeat(40, 1) + np.float32(grey)
    picture = np.clip(rough, 0, 255, out=rough).astype(np.uint8)
    picture.flags.writeable = False
    return picture


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
    noisy = [scene(seed) for seed in range(6)]
    looks = [at / HZ for at in range(480) if gate.lets(noisy[at % 6], at / HZ)]
    apart_s = np.diff([at_s for at_s in looks if at_s >= LINGER_S])
    longest_s = STILL_LOOKS_APART * STILL_S
    expected = np.minimum(STILL_S * SLOWER_BY ** np.arange(len(apart_s)), longest_s)
    assert apart_s == pytest.approx(expected, abs=1 / HZ)
    assert apart_s[-1] == pytest.approx(longest_s), "it must not sleep for ever"


def test_after_a_movement_still_looks_come_as_soon_as_before() -> None:
    gate = MotionGate(STILL_S)
    noisy = [scene(seed) for seed in range(6)]
    for at in range(480):
        gate.lets(noisy[at % 6], at / HZ)
    moved = with_face(scene(1), 900)
    assert gate.lets(moved, 60.0)
    looks = [at_s for at_s in np.arange(61, 70, 1 / HZ) if gate.lets(moved, at_s)]
    assert looks[0] == pytest.approx(60.0 + STILL_S, abs=1 / HZ)


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


def other_scene() -> U8:
    """Another room: bright where the first one is dark."""
    return 255 - scene()


def test_the_first_picture_is_no_cut_and_the_same_scene_is_none() -> None:
    cut = SceneCut()
    assert not any(cut.noticed(scene(seed)) for seed in range(6))


def test_another_scene_is_a_cut_once_and_so_is_the_way_back() -> None:
    cut = SceneCut()
    pictures = [scene(1), scene(2), other_scene(), other_scene(), scene(3), scene(4)]
    noticed = [cut.noticed(picture) for picture in pictures]
    assert noticed == [False, False, True, False, True, False]


def test_people_who_come_near_are_no_cut() -> None:
    cut = SceneCut()
    cut.noticed(scene(1))
    third = with_face(scene(2), left=0, top=0, side=1080, by=60)[:, : 1920 * 2 // 5]
    near = scene(2).copy()
    near[:, : third.shape[1]] = third
    assert not cut.noticed(near), "two fifths of the picture"
    assert not cut.noticed(scene(3)), "and they leave"


def test_light_that_fades_or_is_switched_is_no_cut() -> None:
    cut = SceneCut()
    assert not any(cut.noticed(scene(1, grey=grey)) for grey in range(110, 60, -5))
    assert not cut.noticed(scene(1, grey=110)), "every cell changed, and none beside the others"


def test_a_stream_that_comes_back_in_another_size_is_a_cut() -> None:
    cut = SceneCut()
    cut.noticed(scene())
    assert cut.noticed(scene()[:720, :1280])
    assert not cut.noticed(scene()[:720, :1280])


def test_a_cut_leaves_nothing_of_the_pictures() -> None:
    cut = SceneCut()
    cut.noticed(scene())
    first = cut._before
    assert first.any()
    cut.noticed(other_scene())
    assert not first.any(), "overwritten when the next one comes"
    second = cut._before
    cut.clear()
    assert not second.any()
    assert not cut.noticed(scene()), "there is no picture before it"

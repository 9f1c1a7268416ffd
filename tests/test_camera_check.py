from dataclasses import replace

import numpy as np
import pytest

from lfrd.camera_check import FaceMeasures, advise
from lfrd.ingest.probe import CameraProbe
from lfrd.types import Planes
from lfrd.vision.lighting import coarse_rgb, mean_luma

GOOD_STREAM = CameraProbe(
    codec="h264", width_px=1920, height_px=1080, fps=25.0, decoder="software", first_frame_s=0.2,
    keyframe_interval_s=1.0, bit_rate_kbps=4000.0, frames=250, frames_damaged=0, seconds=10.0,
)  # fmt: skip
GOOD_FACES = FaceMeasures(80, 120, 52.0, 80.0, 0.95, 150.0, 0.45)


def test_a_good_camera_needs_nothing() -> None:
    assert advise(GOOD_STREAM, GOOD_FACES, 24.0) == ("The camera is well set up for matching.",)


@pytest.mark.parametrize(
    ("stream", "faces", "words"),
    [
        ({"frames_damaged": 50}, {}, "damaged"),
        ({"fps": 4.0}, {}, "pictures a second"),
        ({"keyframe_interval_s": 10.0}, {}, "keyframe"),
        ({"width_px": 640, "height_px": 360}, {}, "substream"),
        ({}, {"mean_luma": 0.05}, "dark"),
        ({}, {"mean_luma": 0.95}, "overexposed"),
        ({}, {"inter_eye_median_px": 10.0, "inter_eye_largest_px": 15.0}, "nobody can be matched"),
        ({}, {"inter_eye_median_px": 26.0}, "make good matches"),
        ({}, {"sharpness_median": 5.0}, "blurred"),
        ({}, {"faces": 0, "inter_eye_median_px": None, "inter_eye_largest_px": None}, "No face"),
    ],
)
def test_each_fault_is_named(stream: dict, faces: dict, words: str) -> None:
    said = advise(replace(GOOD_STREAM, **stream), replace(GOOD_FACES, **faces), 24.0)
    assert any(words in line for line in said), said


def test_mean_luma_knows_the_range() -> None:
    chroma = np.full((8, 8), 128, np.uint8)
    black = Planes(np.full((16, 16), 16, np.uint8), chroma, chroma)
    assert mean_luma(black) == 0.0
    assert mean_luma(replace(black, full_range=True)) == pytest.approx(16 / 255)


def test_a_preview_is_flat_cells_of_the_same_size() -> None:
    rgb = np.random.default_rng(3).integers(0, 255, (360, 640, 3), np.uint8)
    flat = coarse_rgb(rgb)
    assert flat.shape == rgb.shape
    assert len(np.unique(flat.reshape(-1, 3), axis=0)) <= 16 * 9

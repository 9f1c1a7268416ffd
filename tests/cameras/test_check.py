import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from lfrd.cameras.check import FaceMeasures, Seen, advise, look, measures
from lfrd.ingest.probe import CameraProbe
from lfrd.types import Planes
from lfrd.vision import packs
from lfrd.vision.engine import Vision
from lfrd.vision.planes import planes_from_rgb, turned
from lfrd.vision.quality import EYE_TO_MOUTH, NOSE_DEPTH, coarse_rgb, elevation_deg, mean_luma
from support.photos import SIX_FACES, photo_planes, photo_rgb

GOOD_STREAM = CameraProbe(
    codec="h264", width_px=1920, height_px=1080, fps=25.0, decoder="software", first_frame_s=0.2,
    keyframe_interval_s=1.0, bit_rate_kbps=4000.0, frames=250, frames_damaged=0, seconds=10.0,
)  # fmt: skip
GOOD_FACES = FaceMeasures(80, 120, 52.0, 80.0, 0.95, 150.0, 0.45, 4.0, 12.0, 0.1)


def test_a_good_camera_needs_nothing() -> None:
    assert advise(GOOD_STREAM, GOOD_FACES, 24.0) == ("The camera is well set up for matching.",)


@pytest.mark.parametrize(
    ("stream", "faces", "words"),
    [
        ({"frames_damaged": 50}, {}, "damaged"),
        ({"fps": 4.0}, {}, "pictures a second"),
        ({"keyframe_interval_s": 10.0}, {}, "keyframe"),
        ({"keyframe_interval_s": None, "keyframe_waited_s": 21.0}, {}, "only after 21 s"),
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


@pytest.mark.parametrize(
    ("faces", "words"),
    [
        ({"elevation_median_deg": 31.6}, "about 32 degrees above: fewer are recognised"),
        ({"elevation_median_deg": 31.6}, "at 4 m distance it may hang 1.1 m above eye level"),
        ({"elevation_median_deg": 58.0}, "about 58 degrees above: nobody is recognised"),
        ({"share_turned": 0.8, "elevation_median_deg": None}, "80% of the faces are turned aside"),
        ({"share_turned": 0.8}, "move the camera towards where people look"),
        ({"elevation_median_deg": None}, "Too few faces looked this way"),
        (
            {"elevation_median_deg": None, "yaw_median_deg": None, "share_turned": None},
            "Too few faces were seen to tell",
        ),
    ],
)
def test_how_faces_are_seen_is_told(faces: dict, words: str) -> None:
    said = advise(GOOD_STREAM, replace(GOOD_FACES, **faces), 24.0)
    assert [line for line in said if words in line] == list(said), said


def test_a_camera_below_eye_level_and_small_faces_get_no_word_about_angles() -> None:
    assert len(advise(GOOD_STREAM, replace(GOOD_FACES, elevation_median_deg=-40.0), 24.0)) == 1
    unknown = {"elevation_median_deg": None, "yaw_median_deg": None, "share_turned": None}
    small = {"inter_eye_median_px": 10.0, "inter_eye_largest_px": 15.0}
    said = advise(GOOD_STREAM, replace(GOOD_FACES, **unknown, **small), 24.0)
    assert len(said) == 1, said


def seen_with(yaws_deg: Sequence[float], across_px: float = 40.0) -> Seen:
    """Faces of one size turned by these angles, with the nose at mid-height: pitch 0."""
    seen = Seen()
    for yaw_deg in yaws_deg:
        width, height = across_px * np.cos(np.radians(yaw_deg)), across_px * EYE_TO_MOUTH
        nose = NOSE_DEPTH * across_px * np.sin(np.radians(yaw_deg))
        points = [[0, 0], [width, 0], [width / 2 + nose, height / 2], [0, height], [width, height]]
        seen.sizes_px.append(float(width))
        seen.pose(np.array(points, np.float32))
    return seen


def test_ten_faces_are_needed() -> None:
    few = measures(seen_with([0.0] * 9), 24.0)
    assert (few.elevation_median_deg, few.yaw_median_deg, few.share_turned) == (None, None, None)
    enough = measures(seen_with([0.0] * 10), 24.0)
    assert enough.elevation_median_deg == pytest.approx(elevation_deg(0.0), abs=0.01)
    assert (enough.yaw_median_deg, enough.share_turned) == (0.0, 0.0)
    small = measures(seen_with([0.0] * 10, across_px=20.0), 24.0)
    assert small.yaw_median_deg is None


def test_faces_turned_aside_count_for_yaw_alone() -> None:
    found = measures(seen_with([-60.0] * 12 + [10.0] * 9), 24.0)
    assert found.yaw_median_deg == pytest.approx(60.0, abs=0.1)
    assert found.share_turned == pytest.approx(12 / 21)
    assert found.elevation_median_deg is None


def still(path: Path) -> Planes:
    """A photo as a camera with a picture 640 px wide sees it."""
    return planes_from_rgb(cv2.resize(photo_rgb(path), (640, 360), interpolation=cv2.INTER_AREA))


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
async def test_a_camera_that_hangs_turned_is_noticed(pack: packs.Pack, degrees: int) -> None:
    hangs = turned(photo_planes(SIX_FACES), -degrees)
    seen = Seen()
    async with Vision(pack, threads=1) as vision:
        for _ in range(4):
            await look(vision, hangs, 24.0, seen)
    assert seen.turn_deg == degrees


@pytest.mark.shared
@pytest.mark.parametrize(
    ("elevation", "above"),
    [(1, "nobody is recognised"), (2, "fewer are recognised"), (3, None), (4, None)],
    ids=["+60", "+30", "0", "-30"],
)
async def test_real_faces_tell_how_high_a_camera_hangs(
    shared: Path, pack: packs.Pack, elevation: int, above: str | None
) -> None:
    seen = Seen()
    async with Vision(pack, threads=1) as vision:
        for path in sorted((shared / "media" / "frmdb").glob(f"*/*/Img_[234]{elevation}.JPG")):
            await look(vision, await asyncio.to_thread(still, path), 24.0, seen)
    assert seen.frames >= 60
    said = [line for line in advise(GOOD_STREAM, measures(seen, 24.0), 24.0) if "above:" in line]
    assert len(said) == (above is not None), said
    assert above is None or above in said[0]

"""Squeezed, turned and interlaced pictures score as the upright, square, progressive original."""

import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from support.program import lfrd
from support.video import reshaped

LISTED = "lin-manuel-miranda"
SECONDS = 6.0
MOST_LOST = 0.02

SHAPES: dict[str, dict] = {
    "2:1 pixels": {"size": (960, 1080), "pixel_aspect": Fraction(2)},
    "half D1": {"size": (352, 576), "pixel_aspect": Fraction(32, 11)},
    "interlaced": {"size": (1280, 720), "interlaced": True},
}
TURNED = (90, 180, 270)
"""By how many degrees a camera may be mounted clockwise."""

pytestmark = [pytest.mark.e2e, pytest.mark.shared]


@pytest.fixture(scope="module")
def original(shared: Path) -> Path:
    return shared / "media" / "hamilton" / "short_hamilton_clip.mp4"


@pytest.fixture(scope="module")
def photos(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    shutil.copy(shared / "media" / "hamilton" / f"{LISTED}.png", folder)
    return folder


def best_score(clip: Path, photos: Path, *corrected: str) -> float:
    ran = lfrd("try", clip, "--watchlist", photos, "--every-frame", "--json", *corrected)
    assert ran.code == 0, ran.err
    return max((line["score"] for line in ran.lines if "score" in line), default=0.0)


@pytest.fixture(scope="module")
def expected(original: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> float:
    as_it_is = reshaped(original, tmp_path_factory.mktemp("clip") / "a.mp4", seconds=SECONDS)
    return best_score(as_it_is, photos)


@pytest.mark.parametrize("shape", SHAPES)
def test_scores_are_those_of_the_original(
    original: Path, photos: Path, expected: float, tmp_path: Path, shape: str
) -> None:
    made = reshaped(original, tmp_path / "a.mp4", seconds=SECONDS, **SHAPES[shape])
    assert expected > 0.6
    assert best_score(made, photos) >= expected - MOST_LOST


@pytest.mark.parametrize("mounted_deg", TURNED)
def test_a_camera_that_hangs_otherwise_scores_as_upright_once_it_is_told(
    original: Path, photos: Path, expected: float, tmp_path: Path, mounted_deg: int
) -> None:
    turned = reshaped(
        original, tmp_path / "a.mp4", seconds=SECONDS, quarter_turns=mounted_deg // 90
    )
    assert best_score(turned, photos) == 0.0, "nothing says that it is turned: nobody is raised"
    upright = ("--rotate", str(360 - mounted_deg))
    assert best_score(turned, photos, *upright) >= expected - MOST_LOST


def test_labelled_clips_of_it_are_measured_upright_too(
    original: Path, photos: Path, tmp_path: Path
) -> None:
    turned = reshaped(original, tmp_path / "a.mp4", seconds=SECONDS, quarter_turns=1)
    (tmp_path / "a.csv").write_text(f"0,20,,{LISTED}\n20,82,,\n82,150,{LISTED},\n")
    measured = ("evaluate", turned, "--watchlist", photos, "--labels", tmp_path / "a.csv",
                "--require-raised", "1")  # fmt: skip
    ran = lfrd(*measured, "--rotate", "270", "--require-wrong-at-most", "0")
    assert ran.code == 0, ran.err
    assert lfrd(*measured).code == 1, "nobody is raised"

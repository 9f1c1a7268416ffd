"""What a camera costs is reckoned from what was done, and a clip is read as often as it takes."""

from pathlib import Path

import numpy as np
import pytest

from lfrd.clock import SystemClock
from lfrd.errors import BadInput, SourceError
from lfrd.evaluate.capacity import (
    DECODING,
    DETECTION,
    REST,
    SAMPLES,
    TEMPLATES,
    USABLE,
    Load,
    Looked,
    cost_of,
    decode,
)
from support.video import clip, encode, moving_picture

LOOKED = Looked(detect_ms=10.0, template_ms=20.0, faces=1.0)


def test_a_cameras_cost_is_what_a_second_of_its_video_takes() -> None:
    load = Load(cpu_s=6.0, wall_s=4.0, pictures=500, searched=160, templates=40)
    cost = cost_of(load, 25.0, 6.0, LOOKED)  # twenty seconds of video
    assert cost.processors == pytest.approx(0.3)
    assert (cost.searches_hz, cost.templates_hz) == (8.0, 2.0)
    assert cost.parts == pytest.approx(
        {DECODING: 0.15, DETECTION: 0.08, TEMPLATES: 0.04, REST: 0.03}
    )
    assert cost.limit == DECODING
    assert (load.ms_a_picture, load.pictures_a_s) == (12.0, 125.0)


@pytest.mark.parametrize(("processors", "fit"), [(1, 2), (2, 5), (8, 20)])
def test_cameras_fit_into_the_part_of_the_processors_that_is_usable(
    processors: int, fit: int
) -> None:
    cost = cost_of(Load(6.0, 4.0, 500, 160, 40), 25.0, 6.0, LOOKED)
    assert cost.cameras(processors) == fit
    assert fit <= USABLE * processors / cost.processors < fit + 1


def test_parts_that_alone_take_longer_than_together_leave_no_rest() -> None:
    cost = cost_of(Load(1.0, 1.0, 500, 160, 0), 25.0, 6.0, Looked(10.0, None, 0.0))
    assert (cost.parts[REST], cost.parts[TEMPLATES]) == (0.0, 0.0)


def test_a_clip_is_read_over_and_over(tmp_path: Path) -> None:
    short = clip(tmp_path / "a.mp4", width=96, height=64, frames=30, fps=20)
    found = decode(short, SystemClock(), 0.3, 1 / 8)
    assert (found.width_px, found.height_px, found.fps, found.codec) == (96, 64, 20.0, "h264")
    assert 0 < found.decode_ms < 50
    assert 0 < found.spared_ms < 50
    assert 2 <= len(found.samples) <= SAMPLES
    first, second = found.samples[:2]
    assert not np.array_equal(first.y, second.y)


def test_a_single_picture_is_no_camera(tmp_path: Path) -> None:
    single = encode(tmp_path / "one.mp4", moving_picture(96, 64, 1))
    with pytest.raises(BadInput, match="single picture"):
        decode(single, SystemClock(), 0.3, 1 / 8)


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no video\n" * 999)
    with pytest.raises(SourceError, match="no video"):
        decode(tmp_path / "a.mp4", SystemClock(), 0.3, 1 / 8)

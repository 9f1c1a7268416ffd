"""Clips as they really are: how many pictures, and when."""

from pathlib import Path

import av
import numpy as np
import pytest
from video import clip, encode, moving_picture

from lfrd.clock import SystemClock
from lfrd.errors import SourceError
from lfrd.ingest.times import ClipTimes, TimesReader


def times(path: Path) -> ClipTimes:
    return TimesReader(path, SystemClock()).read()


def stamped_alike(path: Path, frames: int) -> Path:
    """A clip whose pictures all claim the same time."""
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "tune": "zerolatency"}
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        pictures = (av.VideoFrame.from_ndarray(p, "rgb24") for p in moving_picture(frames=frames))
        for picture in (*pictures, None):
            for packet in stream.encode(picture):
                packet.pts = packet.dts = 0
                container.mux(packet)
    return path


def test_pictures_are_counted_and_timed(tmp_path: Path) -> None:
    found = times(clip(tmp_path / "a.mp4", frames=30, fps=10))
    assert found.frames == 30
    assert found.stamped
    assert found.at_s == pytest.approx(np.arange(30) / 10, abs=0.002)


def test_what_the_container_says_is_not_believed(tmp_path: Path) -> None:
    whole = clip(tmp_path / "a.mkv", frames=100).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) // 2])
    assert 10 < times(cut).frames < 90


def test_missing_and_equal_stamps_are_noticed(tmp_path: Path) -> None:
    bare = times(encode(tmp_path / "a.h264", moving_picture(frames=12)))
    assert (bare.frames, bare.stamped) == (12, False)
    alike = times(stamped_alike(tmp_path / "a.mkv", 12))
    assert (alike.frames, alike.stamped) == (12, False)
    assert (np.diff(alike.at_s) > 0).all()


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("not a video\n" * 1000)
    with pytest.raises(SourceError, match="no video"):
        times(text)
    with pytest.raises(SourceError, match="does not exist"):
        times(tmp_path / "none.mp4")


def test_a_stopped_reader_returns(tmp_path: Path) -> None:
    reader = TimesReader(clip(tmp_path / "a.mp4", frames=30), SystemClock())
    reader.stop()
    assert reader.read().frames == 0

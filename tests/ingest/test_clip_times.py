"""Clips as they really are: how many pictures, and when."""

import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from lfrd.clock import SystemClock
from lfrd.errors import SourceError
from lfrd.ingest.address import of_file
from lfrd.ingest.clip_times import ClipTimes, TimesReader
from lfrd.ingest.file import FileSource
from lfrd.ingest.source import Picture, StreamInfo, Wanted
from support.video import clip, encode, moving_picture


def times(path: Path) -> ClipTimes:
    return TimesReader(path, SystemClock()).read()


def stamped_alike(path: Path, frames: int, options: dict[str, str] | None = None) -> Path:
    """A clip whose pictures all claim the same time."""
    with av.open(str(path), "w") as container:
        options = options or {"preset": "ultrafast", "tune": "zerolatency"}
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
    assert alike.at_s == pytest.approx(np.arange(12) / 25)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.ts"])
def test_equal_stamps_go_by_the_frame_rate(tmp_path: Path, name: str) -> None:
    found = times(stamped_alike(tmp_path / name, 40))
    assert found.at_s == pytest.approx(np.arange(40) / 25)


@pytest.mark.parametrize("fps", [5, 10, 50])
def test_a_bare_stream_goes_by_the_rate_in_its_codec(tmp_path: Path, fps: int) -> None:
    found = times(encode(tmp_path / "a.h264", moving_picture(frames=30), fps=fps))
    assert found.at_s == pytest.approx(np.arange(30) / fps)


def test_a_variable_frame_rate_is_kept(tmp_path: Path) -> None:
    """Pictures 20 ms to 3 s apart, as a screen or a camera that sends what moves gives them."""
    expected_ms = np.cumsum([0, 20, 20, 500, 40, 3000, 33, 33, 1000, 20, 250, 40])
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for at_ms, rgb in zip(expected_ms, moving_picture(frames=12), strict=True):
            picture = av.VideoFrame.from_ndarray(rgb, "rgb24")
            picture.pts, picture.time_base = int(at_ms), Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    found = times(path)
    assert found.stamped
    assert found.at_s == pytest.approx(expected_ms / 1000, abs=1e-3)


class Noting:
    """A sink that wants few pictures, and keeps those that it is given. Implements `Sink`."""

    decoding = True
    stopping = False
    period_s = 0.2
    wanted = Wanted.EVERY

    def __init__(self) -> None:
        self.given: list[Picture] = []

    def wait(self, seconds: float) -> bool:
        time.sleep(max(0.0, seconds))
        return False

    def opened(self, info: StreamInfo) -> None: ...

    def packet(self, size_bytes: int, keyframe: bool) -> None: ...

    def trouble(self, kind: str) -> None: ...

    def picture(self, picture: Picture) -> None:
        self.given.append(picture)


@pytest.mark.parametrize("name", ["a.h264", "a.mkv"])
def test_a_file_without_times_takes_as_long_as_its_pictures(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "a.h264":
        encode(path, moving_picture(frames=20))
    else:
        stamped_alike(path, 20)
    clock, sink = SystemClock(), Noting()
    began_s = clock.monotonic_s()
    FileSource(of_file(path), clock).run(sink)
    assert len(sink.given) == 20
    assert 19 / 25 <= clock.monotonic_s() - began_s < 3.0
    arrived_s = [picture.arrived_at_s - began_s for picture in sink.given]
    assert (np.array(arrived_s) >= np.arange(20) / 25 - 0.02).all()


def test_pictures_that_are_all_stamped_alike_are_all_decoded(tmp_path: Path) -> None:
    """Else the time, which goes by pictures, would go too slowly."""
    b_frames = {"preset": "fast", "bf": "2", "b-adapt": "0"}
    path = stamped_alike(tmp_path / "a.mkv", 60, b_frames)
    sink = Noting()
    FileSource(of_file(path), SystemClock(), paced=False).run(sink)
    assert len(sink.given) >= 59  # the first is not yet known to be repeated


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

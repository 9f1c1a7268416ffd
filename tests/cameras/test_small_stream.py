"""Where a camera's small stream may be, and whether it shows what the large one shows."""

import numpy as np
import pytest

from lfrd.cameras.small_stream import Likeness, View, advise, compare, other_path
from lfrd.ingest.address import parse
from lfrd.types import Frame, Planes


@pytest.mark.parametrize(
    ("large", "small"),
    [
        ("rtsp://u:p@cam/Streaming/Channels/101", "/Streaming/Channels/102"),
        ("rtsp://cam/Streaming/Channels/1201?a=b", "/Streaming/Channels/1202?a=b"),
        ("rtsp://cam/cam/realmonitor?channel=1&subtype=0", "/cam/realmonitor?channel=1&subtype=1"),
        ("rtsp://cam/h264Preview_01_main", "/h264Preview_01_sub"),
        ("rtsp://cam:554/stream1", "/stream2"),
        ("rtsp://cam/unicast/c1/s0/live", "/unicast/c1/s1/live"),
        ("rtsp://cam/live/main", "/live/sub"),
        ("rtsp://cam/Streaming/Channels/102", None),
        ("rtsp://cam/mainstreet", None),
        ("http://cam/stream1", None),
        ("clip.mp4", None),
    ],
)
def test_how_makers_name_the_small_stream(large: str, small: str | None) -> None:
    assert other_path(parse(large)) == small


async def _view(
    width: int, height: int, *, seed: int = 1, delay_s: float = 0.0, seconds: float = 12.0
) -> View:
    """A view of something that moves irregularly, so many seconds late."""
    scene = np.random.default_rng(seed).integers(20, 200, (9, 16)).astype(np.uint8)
    jumps = np.random.default_rng(9).integers(0, 60, 200)
    view = View()
    for number in range(int(seconds * 10)):
        at_s = number / 10
        moment = max(0, int((at_s - delay_s) * 2))
        cells = scene.copy()
        cells[4, moment % 16] = jumps[moment] * 4
        luma = np.kron(cells, np.ones((height // 9, width // 16), np.uint8))
        half = np.zeros((luma.shape[0] // 2, luma.shape[1] // 2), np.uint8)
        await view.note(Frame("c", number, at_s, at_s, at_s, Planes(luma, half, half)))
    return view


async def test_the_same_view_in_another_size() -> None:
    likeness = compare(await _view(1280, 720), await _view(320, 180))
    assert likeness is not None
    assert likeness.view > 0.95
    assert likeness.same_aspect
    assert (likeness.width_px, likeness.height_px) == (320, 180)
    assert likeness.later_s == pytest.approx(0.0, abs=0.11)


async def test_another_view_another_shape_and_nothing_seen() -> None:
    other = compare(await _view(1280, 720), await _view(320, 180, seed=2))
    assert other is not None
    assert other.view < 0.5
    narrow = compare(await _view(1280, 720), await _view(320, 234))
    assert narrow is not None
    assert not narrow.same_aspect
    assert compare(await _view(1280, 720), View()) is None


async def test_by_how_much_the_large_one_comes_later() -> None:
    likeness = compare(await _view(1280, 720, delay_s=2.0), await _view(320, 180))
    assert likeness is not None
    assert likeness.later_s == pytest.approx(2.0, abs=0.2)


LOOK = parse("rtsp://u:hunter2@cam/Streaming/Channels/102")
ALIKE = Likeness(640, 360, 0.97, True, 0.1)


def test_what_is_advised() -> None:
    (found,) = advise("hall", ALIKE, LOOK, is_set=False)
    assert "--look /Streaming/Channels/102" in found
    assert advise("hall", ALIKE, LOOK, is_set=True) == []
    assert advise("hall", None, None, is_set=False) == []
    assert "no picture" in advise("hall", None, LOOK, is_set=True)[0]
    other = Likeness(640, 360, 0.1, True, None)
    assert "another view" in advise("hall", other, LOOK, is_set=True)[0]
    assert advise("hall", other, LOOK, is_set=False) == [], "what nobody asked about"
    assert "shape" in advise("hall", Likeness(640, 480, 0.9, False, None), LOOK, is_set=True)[0]
    assert "2.5 s" in advise("hall", Likeness(640, 360, 0.9, True, 2.5), LOOK, is_set=True)[0]


def test_a_secret_in_an_address_is_not_in_the_advice() -> None:
    look = parse("rtsp://cam/user=admin&password=hunter2&channel=1&subtype=1")
    (found,) = advise("hall", ALIKE, look, is_set=False)
    assert "hunter2" not in found
    assert "--look ADDRESS" in found

"""The small stream of a camera: which address it may have, and whether it shows the same view.

For `camera test`. Pictures are compared as a few hundred grey cells, in which no face can be
recognised, and of which nothing is kept.
"""

import re
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from urllib.parse import urlsplit

import numpy as np

from lfrd.ingest.address import Address, Kind
from lfrd.types import F32, F64, Frame
from lfrd.vision.motion import view_cells

_OTHERS: Final = (
    (r"(/Streaming/Channels/\d+)01\b", r"\g<1>02"),
    (r"\bsubtype=0\b", "subtype=1"),
    (r"(Preview_\d+)_main\b", r"\1_sub"),
    (r"/stream1\b", "/stream2"),
    (r"/media/video1\b", "/media/video2"),
    (r"(/unicast/c\d+)/s0\b", r"\1/s1"),
    (r"/videoMain\b", "/videoSub"),
    (r"/onvif1\b", "/onvif2"),
    (r"(/live/ch\d*)0\b", r"\g<1>1"),
    (r"(/(?:av|ch)\d+)_0\b", r"\1_1"),
    (r"(/live)?/main\b", r"\1/sub"),
)
"""How makers name the large stream, and the small one beside it."""

SAME_VIEW: Final = 0.8
"""Cells of one view correlate by more, whatever codecs and sharpness do; two views of one hall
rarely by 0.5."""
SAME_ASPECT: Final = 0.03
LATEST_S: Final = 1.5
"""The large stream may come so much later: after that a face that the small one has seen may be
gone in it."""
_LAG_S: Final = 4.0
_STEP_S: Final = 0.1
_CLEAR_PEAK: Final = 0.5
_NOTED: Final = 60 * 30


def other_path(address: Address) -> str | None:
    """What may come after the host for the small stream, told from how the large one is named."""
    if address.kind is not Kind.RTSP:
        return None
    parts = urlsplit(address.secret_location)
    rest = parts.path + (f"?{parts.query}" if parts.query else "")
    for pattern, other in _OTHERS:
        changed, count = re.subn(pattern, other, rest, count=1, flags=re.IGNORECASE)
        if count and changed != rest:
            return changed
    return None


class View:
    """What a stream shows, as cells; bounded, the oldest pictures are forgotten."""

    def __init__(self) -> None:
        self.size_px = (0, 0)
        self._noted: deque[tuple[float, F32]] = deque(maxlen=_NOTED)

    async def note(self, frame: Frame) -> None:
        """Add a picture."""
        planes = frame.planes
        self.size_px = (planes.width_px, planes.height_px)
        self._noted.append((frame.arrived_at_s, view_cells(planes.y)))

    def mean(self) -> F32:
        """All pictures in one, f32[18, 32]."""
        return np.asarray(np.mean([cells for _, cells in self._noted], axis=0), np.float32)

    def movement(self) -> tuple[F64, F32]:
        """When pictures came, and how much changed in each since the one before."""
        times = np.array([at_s for at_s, _ in self._noted], np.float64)[1:]
        cells = [cells for _, cells in self._noted]
        changes = [float(np.abs(b - a).mean()) for a, b in pairwise(cells)]
        return times, np.array(changes, np.float32)

    @property
    def seen(self) -> bool:
        """Whether there is enough to compare."""
        return len(self._noted) >= 2


@dataclass(frozen=True, slots=True)
class Likeness:
    """How the small stream compares: `view` is the correlation of what the two show, -1 to 1;
    `later_s` by how much the large one comes later, None where too little moved to tell."""

    width_px: int
    height_px: int
    view: float
    same_aspect: bool
    later_s: float | None


def compare(large: View, small: View) -> Likeness | None:
    """None where one of them has shown too little."""
    if not (large.seen and small.seen):
        return None
    (large_w, large_h), (width_px, height_px) = large.size_px, small.size_px
    aspect = (width_px / height_px) / (large_w / large_h)
    return Likeness(
        width_px,
        height_px,
        _correlation(large.mean().ravel(), small.mean().ravel()),
        abs(aspect - 1) <= SAME_ASPECT,
        _later_s(large, small),
    )


def _later_s(large: View, small: View) -> float | None:
    """The lag at which the movement in both agrees best."""
    (times, moved), (small_times, small_moved) = large.movement(), small.movement()
    begin_s, end_s = max(times[0], small_times[0]), min(times[-1], small_times[-1])
    grid = np.arange(begin_s, end_s, _STEP_S)
    if len(grid) * _STEP_S < 2 * _LAG_S:
        return None
    ours = np.interp(grid, times, moved).astype(np.float32)
    theirs = np.interp(grid, small_times, small_moved).astype(np.float32)
    most = round(_LAG_S / _STEP_S)
    scores = {
        lag: _correlation(ours[max(0, lag) : len(grid) + min(0, lag)],
                          theirs[max(0, -lag) : len(grid) + min(0, -lag)])
        for lag in range(-most, most + 1)
    }  # fmt: skip
    best = max(scores, key=lambda lag: scores[lag])
    return best * _STEP_S if scores[best] >= _CLEAR_PEAK else None


def _correlation(some: F32, others: F32) -> float:
    """Pearson's; 0 where one of them does not vary."""
    one, other = some - some.mean(), others - others.mean()
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / length if length > 0 else 0.0


def advise(
    camera_id: str, likeness: Likeness | None, look: Address | None, *, is_set: bool
) -> list[str]:
    """What to do about the small stream `look`: one that `is_set`, or was tried for its name."""
    if look is None or likeness is None:
        return ["The small stream gave no picture during the test."] if is_set else []
    if not is_set and not (likeness.view >= SAME_VIEW and likeness.same_aspect):
        return []
    size = f"{likeness.width_px} x {likeness.height_px}"
    said = []
    if likeness.view < SAME_VIEW:
        said.append(
            f"The small stream ({size}) shows another view than the large one: faces are looked "
            "for in the small one, so only what both show is found. Give the other stream of the "
            f"same camera, or `lfrd camera change {camera_id} --look none`."
        )
    elif not likeness.same_aspect:
        said.append(
            f"The small stream ({size}) has another shape than the large one: people look thin or "
            "broad in one of them. Set both to the same, such as 16:9, in the camera."
        )
    elif not is_set:
        said.append(
            f"The camera sends the same view in {size}, too: with `lfrd camera change "
            f"{camera_id} --look {_plain(look)}` the large stream is decoded only while there are "
            "faces."
        )
    if likeness.later_s is not None and likeness.later_s > LATEST_S:
        said.append(
            f"The large stream comes {likeness.later_s:.1f} s after the small one: people who pass "
            "quickly may be gone. Lower the delay or the keyframe interval of the large one."
        )
    return said


def _plain(look: Address) -> str:
    """What comes after the host, where nothing in it may be a secret."""
    parts = urlsplit(look.secret_location)
    rest = parts.path + (f"?{parts.query}" if parts.query else "")
    if not look.shown.endswith(rest):
        return "ADDRESS"
    return f"'{rest}'" if "?" in rest or "&" in rest else rest

"""Whether the face that a track follows looks as it did a moment ago, at next to no cost.

Between two looks a track could come to follow another face: two people cross, one leaves where
another one stands. A glimpse is the face and what is around it as SIDE x SIDE grey cells, eight
across, by which no face can be recognised; compared with the one before, it tells that something
else is there now. It is no proof of the contrary: that takes a look.
"""

import cv2
import numpy as np

from lfrd.types import F32, U8

SIDE = 8
AROUND = 1.5
"""Cells cover the box and so much of what is around it: hair and collar change with the person."""

ALIKE = 0.6
"""Correlation of two glimpses of one face a tenth of a second apart; less is reason for doubt."""

AS_AT_LOOK = 0.66
"""Glimpses of one face correlate by more than this up to a second later in seven of ten cases in a
crowd and nine at a table, those of two people in one of eleven and one of twenty: then a doubt
needs no look."""


class Glimpses:
    """The last glimpse of each track of one camera, and the one at its last look; each is
    overwritten when the next one comes, and when the track ends."""

    def __init__(self) -> None:
        self._last: dict[int, F32] = {}
        self._at_look: dict[int, F32] = {}

    def changed(self, track_id: int, luma: U8, box: F32) -> bool:
        """Whether the track's face, in `box` f32[4] of the luma plane u8[h, w], looks unlike the
        last time; the first time nothing has changed."""
        now = _glimpse(luma, box)
        before = self._last.get(track_id)
        if now is None:
            return False
        self._last[track_id] = now
        if before is None:
            return False
        alike = float(np.vdot(before, now))
        before.fill(0.0)
        return alike < ALIKE

    def looked(self, track_id: int) -> None:
        """A look has just shown who this is."""
        if (last := self._last.get(track_id)) is not None:
            self._at_look.setdefault(track_id, np.zeros_like(last))[:] = last

    def as_at_look(self, track_id: int) -> bool:
        """Whether the last glimpse is much as it was at the last look."""
        then, now = self._at_look.get(track_id), self._last.get(track_id)
        return then is not None and now is not None and float(np.vdot(then, now)) >= AS_AT_LOOK

    def forget(self, track_id: int) -> None:
        """The track has ended."""
        for kept in (self._last.pop(track_id, None), self._at_look.pop(track_id, None)):
            if kept is not None:
                kept.fill(0.0)


def _glimpse(luma: U8, box: F32) -> F32 | None:
    """Grey cells f32[SIDE, SIDE] of mean 0 and length 1; None where too little of the face is in
    the picture, or where all of it is of one grey."""
    left, top, right, bottom = box.tolist()
    beside, above = (AROUND - 1) / 2 * (right - left), (AROUND - 1) / 2 * (bottom - top)
    height, width = luma.shape
    first, last = max(0, int(left - beside)), min(width, int(right + beside))
    upper, lower = max(0, int(top - above)), min(height, int(bottom + above))
    if last - first < SIDE or lower - upper < SIDE:
        return None
    step = max(1, min(last - first, lower - upper) // (4 * SIDE))
    around = luma[upper:lower:step, first:last:step]
    cells = cv2.resize(around, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    cells -= cv2.mean(cells)[0]
    length = cv2.norm(cells)
    if length == 0.0:
        return None
    cells /= length
    return cells

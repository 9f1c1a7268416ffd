"""Whether anything moved, at a small part of what looking for faces costs.

The luma plane is shrunk to cells, and the cells are compared with those of the last picture that
was worth a look, not with the picture before: a person who comes slowly adds up until cells have
changed. The cells are too coarse to recognise anybody by, and are overwritten all the same.
"""

import cv2
import numpy as np

from lfrd.types import F32, U8

COLUMNS = 64
"""Cells across the picture: a face that can be matched reaches over several of them."""

ROWS_A_CELL = 4
"""So many rows of a cell are read, at most, spread evenly: reading them all tells no more."""

STEP = 12
"""A cell has changed when its mean grey differs by more than this, of 255. Noise of the sensor and
what a codec adds lie below it: they are averaged over the pixels of a cell."""

LEAST_CELLS = 2
"""One cell may flicker (a clock, a lamp of a router)."""

STILL_LOOKS_APART = 4.0
SLOWER_BY = 1.5
"""Factor of the wait from one look without movement to the next one."""

LINGER_S = 0.5
"""Looks go on for so long after the last movement: a face may have been blurred by it."""


CUT_SHARE, CUT_LIKENESS = 0.25, 0.32
"""Where more of the cells than this have changed from one look to the next, and they correlate with
those before by less than this, the camera shows another scene: the people in it now were not in the
last one. Cuts of films correlate by up to 0.30, fast pans by 0.34 and more; a light that is
switched on changes every cell, and their correlation little."""


VIEW_COLUMNS, VIEW_ROWS = 32, 18


def view_cells(luma: U8) -> F32:
    """What a picture with this luma plane u8[h, w] shows as grey cells, f32[18, 32] of 0 to 255,
    whatever its size: enough to tell one view from another, and no person in it."""
    cells = cv2.resize(luma, (VIEW_COLUMNS, VIEW_ROWS), interpolation=cv2.INTER_AREA)
    return np.asarray(cells, np.float32)


class SceneCut:
    """Notices that a picture is of another scene than the last one: a cut, a camera that was
    turned, a stream that came back. For one task."""

    def __init__(self) -> None:
        self._before: U8 = np.zeros((0, 0), np.uint8)

    def noticed(self, luma: U8) -> bool:
        """Whether the picture with this luma plane u8[h, w] begins another scene."""
        cells = _shrunk(luma, rows_a_cell=1)
        another = bool(self._before.size) and (
            cells.shape != self._before.shape or _is_cut(cells, self._before)
        )
        self.clear()
        self._before = cells
        return another

    def clear(self) -> None:
        """Overwrite and forget the last picture."""
        self._before.fill(0)
        self._before = np.zeros((0, 0), np.uint8)


class MotionGate:
    """Which pictures of one camera are worth a look; for one thread, times in seconds.

    After `still_look_s` a picture is worth one even if nothing moved; the longer nothing moves the
    rarer, down to one in STILL_LOOKS_APART of that time.
    """

    def __init__(self, still_look_s: float) -> None:
        assert still_look_s > 0, still_look_s
        self._still_look_s = self._wait_s = still_look_s
        self._reference: U8 = np.zeros((0, 0), np.uint8)
        self._moved_at_s = self._looked_at_s = float("-inf")

    def lets(self, luma: U8, at_s: float) -> bool:
        """Whether the picture with this luma plane u8[h, w] is worth a look; if so, the next ones
        are compared with it."""
        cells = _shrunk(luma)
        if self._differs(cells):
            self._moved_at_s = at_s
        since_move_s, since_look_s = at_s - self._moved_at_s, at_s - self._looked_at_s
        set_back = since_look_s < 0  # a clock that was set anew
        if since_move_s <= LINGER_S or set_back:
            self._wait_s = self._still_look_s
        elif since_look_s < self._wait_s - 1e-6:
            cells.fill(0)
            return False
        else:
            longest_s = STILL_LOOKS_APART * self._still_look_s
            self._wait_s = min(SLOWER_BY * self._wait_s, longest_s)
        self._looked_at_s = at_s
        self.clear()
        self._reference = cells
        return True

    def clear(self) -> None:
        """Overwrite and forget what the last picture looked like."""
        self._reference.fill(0)
        self._reference = np.zeros((0, 0), np.uint8)

    def _differs(self, cells: U8) -> bool:
        if cells.shape != self._reference.shape:
            return True
        if cv2.norm(cells, self._reference, cv2.NORM_INF) <= STEP:
            return False  # no cell has changed: to know that takes half as long as to count them
        return _changed(cells, self._reference) >= LEAST_CELLS


def _is_cut(cells: U8, before: U8) -> bool:
    if _changed(cells, before) <= CUT_SHARE * cells.size:
        return False
    now, then = (np.subtract(grey, grey.mean(), dtype=np.float32) for grey in (cells, before))
    lengths = float(np.linalg.norm(now) * np.linalg.norm(then))
    return lengths == 0.0 or float(np.vdot(now, then)) < CUT_LIKENESS * lengths


def _changed(cells: U8, before: U8) -> int:
    """How many cells changed."""
    return int(np.count_nonzero(cv2.absdiff(cells, before) > STEP))


def _shrunk(luma: U8, rows_a_cell: int = ROWS_A_CELL) -> U8:
    """The mean of each cell, of so many of its rows. Cells are squares of whole pixels; what is
    left over at the right and lower edge, less than a cell, is not looked at."""
    height, width = luma.shape
    side = max(1, width // COLUMNS)
    rows, columns = max(1, height // side), max(1, width // side)
    stride = max(1, side // rows_a_cell)
    whole = luma[: rows * side : stride, : columns * side]
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)

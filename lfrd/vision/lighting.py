"""How light and sharp a picture is, as advice for whoever puts up a camera."""

import cv2
import numpy as np

from lfrd.types import U8, Planes

CELLS_ACROSS = 16
"""A preview shows at most this many cells across: enough to aim by, too few to know anybody."""


def mean_luma(planes: Planes) -> float:
    """Mean brightness in 0..1, from every eighth sample in both directions."""
    sparse = planes.y[::8, ::8].astype(np.float32)
    low, span = (0.0, 255.0) if planes.full_range else (16.0, 219.0)
    return float(np.clip((sparse.mean() - low) / span, 0.0, 1.0))


def coarse_rgb(rgb: U8, cells_across: int = CELLS_ACROSS) -> U8:
    """The picture u8[h, w, 3] reduced to a grid of flat cells, at its own size."""
    height, width = rgb.shape[:2]
    down = max(1, round(height * cells_across / width))
    small = cv2.resize(rgb, (cells_across, down), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)

"""From rough landmarks in a frame to aligned crops."""

import math
from collections.abc import Sequence

import numpy as np

from lfrd.types import CROP_SIDE_PX, F32, F64, U8, Planes
from lfrd.vision.align import (
    PATCH_SIDE_PX,
    around_box,
    crop_matrix,
    loosened,
    patch_matrix,
    to_frame,
)
from lfrd.vision.finder import Finder
from lfrd.vision.planes import CropScratch, crop_into
from lfrd.vision.quality import face_size_px, inter_eye_px

TRUSTED_SHIFT = 0.5
"""Landmarks found in the second look may lie this far from the first ones, on average, in sizes of
the face; others belong to another face or to none."""

VIEWS = 3
"""Crops of one careful look (see `Aligner.views`)."""

WIDE_PX, WIDE_FACE_PX = 192, 80.0
CLOSE_PX, CLOSE_SCALE = 384, 2.4
"""A patch with the whole head, and one with the face alone, 84 px between the eyes."""

TIGHT, LOOSE, LOOSE_DOWN_PX = 0.94, 0.88, 2.5
"""On a profile the landmarks crowd together and the face fills the crop too much: two of the three
crops show it smaller. Measured on mugshots of known yaw (docs/accuracy.md)."""


class Aligner:
    """Cuts aligned crops out of planes; belongs to one thread.

    The detector sees a whole frame coarsely: the landmarks of small, large and tilted faces are
    loose. So it looks again at a patch in which the face stands upright at the size it knows best.
    A detector whose input cannot be that small does without. `strong` is the detector that is
    better at turned faces, and slower; None where the pack has none.
    """

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._patches = {
            side_px: (np.zeros((side_px, side_px, 3), np.uint8), CropScratch(side_px))
            for side_px in (WIDE_PX, PATCH_SIDE_PX, CLOSE_PX)
        }
        self._crop_scratch = CropScratch(CROP_SIDE_PX)

    def crop(self, planes: Planes, landmarks: F32, out: U8, strong: Finder | None = None) -> None:
        """Write the face with these landmarks f32[5, 2] into `out`, u8[112, 112, 3] RGB."""
        finder = strong or self._finder
        if finder.takes_patches and inter_eye_px(landmarks) > 1.0:
            landmarks = self._seen_again(planes, landmarks, finder, patch_matrix(landmarks))
        crop_into(planes, crop_matrix(landmarks), out, self._crop_scratch)

    def views(
        self, planes: Planes, box: F32, landmarks: F32, outs: Sequence[U8], strong: Finder
    ) -> None:
        """Write the face in `box` f32[4] with these landmarks f32[5, 2] into VIEWS crops, each from
        another way to find its landmarks: where they are uncertain the mean of several is better
        than any one of them.
        """
        matrix = around_box(box, WIDE_PX, WIDE_FACE_PX)
        wide = self._seen_again(planes, landmarks, strong, matrix, WIDE_PX)
        close = self._seen_again(planes, wide, strong, _close(wide), CLOSE_PX)
        direct = self._seen_again(planes, landmarks, strong, _close(landmarks), CLOSE_PX)
        crops = (
            loosened(crop_matrix(wide), LOOSE, LOOSE_DOWN_PX),
            crop_matrix(close),
            loosened(crop_matrix(direct), TIGHT, 0.0),
        )
        for crop, out in zip(crops, outs, strict=True):
            crop_into(planes, crop, out, self._crop_scratch)

    def _seen_again(
        self,
        planes: Planes,
        landmarks: F32,
        finder: Finder,
        matrix: F64,
        side_px: int = PATCH_SIDE_PX,
    ) -> F32:
        """The landmarks as `finder` sees them in the patch of this matrix; those given where it
        sees no such face."""
        patch, scratch = self._patches[side_px]
        try:
            crop_into(planes, matrix, patch, scratch, finder.colour)
            faces = finder.find_in_patch(patch)
        finally:
            patch.fill(0)
        if not len(faces):
            return landmarks
        found = [to_frame(matrix, points) for points in faces.landmarks]
        shifts = [_mean_distance(points, landmarks) for points in found]
        nearest = shifts.index(min(shifts))
        trusted = shifts[nearest] <= TRUSTED_SHIFT * face_size_px(landmarks)
        return found[nearest] if trusted else landmarks


def _mean_distance(first: F32, second: F32) -> float:
    pairs = list(zip(first.tolist(), second.tolist(), strict=True))
    return sum(math.dist(here, there) for here, there in pairs) / len(pairs)


def _close(landmarks: F32) -> F64:
    return patch_matrix(landmarks, CLOSE_PX, CLOSE_SCALE)

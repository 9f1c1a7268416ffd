"""From rough landmarks in a frame to an aligned crop."""

import numpy as np

from lfrd.types import CROP_SIDE_PX, F32, U8, Planes
from lfrd.vision.align import PATCH_SIDE_PX, crop_matrix, patch_matrix, to_frame
from lfrd.vision.finder import Finder
from lfrd.vision.planes import CropScratch, crop_into
from lfrd.vision.quality import inter_eye_px

TRUSTED_SHIFT = 0.5
"""Landmarks found in the second look may lie this far from the first ones, on average, in
distances between the eyes; others belong to another face or to none."""


class Aligner:
    """Cuts aligned crops out of planes; belongs to one thread.

    The detector sees a whole frame coarsely: the landmarks of small, large and tilted faces are
    loose. So it looks again at a patch in which the face stands upright at the size it knows best.
    A detector whose input cannot be that small does without.
    """

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._patch = np.zeros((PATCH_SIDE_PX, PATCH_SIDE_PX, 3), np.uint8)
        self._patch_scratch = CropScratch(PATCH_SIDE_PX)
        self._crop_scratch = CropScratch(CROP_SIDE_PX)

    def crop(self, planes: Planes, landmarks: F32, out: U8) -> None:
        """Write the face with these landmarks f32[5, 2] into `out`, u8[112, 112, 3] RGB."""
        if self._finder.takes_patches and inter_eye_px(landmarks) > 1.0:
            landmarks = self._second_look(planes, landmarks)
        crop_into(planes, crop_matrix(landmarks), out, self._crop_scratch)

    def _second_look(self, planes: Planes, landmarks: F32) -> F32:
        matrix = patch_matrix(landmarks)
        try:
            crop_into(planes, matrix, self._patch, self._patch_scratch, self._finder.colour)
            faces = self._finder.find_in_patch(self._patch)
        finally:
            self._patch.fill(0)
        if not len(faces):
            return landmarks
        found = [to_frame(matrix, points) for points in faces.landmarks]
        shifts = [float(np.linalg.norm(points - landmarks, axis=1).mean()) for points in found]
        nearest = int(np.argmin(shifts))
        trusted = shifts[nearest] <= TRUSTED_SHIFT * inter_eye_px(landmarks)
        return found[nearest] if trusted else landmarks

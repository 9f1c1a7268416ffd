"""Where a face must go so that a recognition model can read it."""

import numpy as np
import numpy.typing as npt

from lfrd.types import CROP_SIDE_PX, F32

F64 = npt.NDArray[np.float64]

ALIGNMENT = "arcface-112-similarity"
"""Names the way faces are aligned; part of what makes two templates comparable."""

ARCFACE_POINTS = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ],
    np.float64,
)
"""Eyes, nose and mouth corners in a 112 x 112 crop (ArcFace's reference points)."""

PATCH_SIDE_PX = 256
PATCH_SCALE = 1.5
"""A patch shows a face upright, 53 px between the eyes, with room around it. There the detector
places landmarks best: of 3,164 LFW dev pairs 11 are wrong instead of 15 (with smaller patches 15
or more), and tilted heads gain far more."""


def crop_matrix(landmarks: F32) -> F64:
    """The similarity f64[2, 3] that brings `landmarks` f32[5, 2] nearest to the ArcFace points."""
    return similarity(landmarks.astype(np.float64), ARCFACE_POINTS)


def patch_matrix(landmarks: F32, side_px: int = PATCH_SIDE_PX, scale: float = PATCH_SCALE) -> F64:
    """The similarity f64[2, 3] that brings a face upright into the middle of a square patch,
    `scale` times as large as in a crop."""
    matrix = scale * crop_matrix(landmarks)
    matrix[:, 2] += (side_px - scale * CROP_SIDE_PX) / 2
    return matrix


def around_box(box: F32, side_px: int, face_px: float) -> F64:
    """The similarity f64[2, 3] that brings a box f32[4] into the middle of a square patch, upright
    as it is, its longer side `face_px` long."""
    left, top, right, bottom = box.astype(np.float64).tolist()
    scale = face_px / max(right - left, bottom - top, 1.0)
    x, y = side_px / 2 - scale * (left + right) / 2, side_px / 2 - scale * (top + bottom) / 2
    return np.array([[scale, 0.0, x], [0.0, scale, y]])


def loosened(matrix: F64, scale: float, down_px: float) -> F64:
    """A crop's matrix with the face smaller about the middle of the crop, and lower by so much."""
    looser = scale * matrix
    looser[:, 2] += (1 - scale) * CROP_SIDE_PX / 2
    looser[1, 2] += down_px
    return looser


def to_frame(matrix: F64, points: F32) -> F32:
    """Where points f32[n, 2] of a crop or patch lie in the frame it was cut from."""
    back = np.linalg.inv(matrix[:, :2])
    return np.asarray((points - matrix[:, 2]) @ back.T, np.float32)


def similarity(source: F64, target: F64) -> F64:
    """The rotation, scale and shift f64[2, 3] with least squared error from source to target.

    Points are f64[n, 2]. Umeyama, "Least-squares estimation of transformation parameters between
    two point patterns", 1991. In the plane a rotation with scale is one complex factor, so the
    closed form needs no decomposition and a mirror image cannot come out. Points that all fall
    together give a factor of 0.
    """
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    from_x, from_y = (source - source_mean).T
    to_x, to_y = (target - target_mean).T
    spread = float(from_x @ from_x + from_y @ from_y)
    if spread == 0.0:
        real = imaginary = 0.0
    else:
        real = float(from_x @ to_x + from_y @ to_y) / spread
        imaginary = float(from_x @ to_y - from_y @ to_x) / spread
    linear = np.array([[real, -imaginary], [imaginary, real]])
    return np.column_stack([linear, target_mean - linear @ source_mean])

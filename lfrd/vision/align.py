"""Where a face must go so that a recognition model can read it."""

import numpy as np

from lfrd.types import CROP_SIDE_PX, F32, F64

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
    back = inverse(matrix)
    return np.asarray(points @ back[:, :2].T + back[:, 2], np.float32)


def inverse(matrix: F64) -> F64:
    """The mapping f64[2, 3] that leads back; `matrix` must have an extent. By hand: numpy takes
    several times as long for so small a matrix."""
    (a, b, x), (c, d, y) = matrix.tolist()
    area = a * d - b * c
    back = np.array([[d, -b, b * y - d * x], [-c, a, c * x - a * y]])
    back /= area
    return back


def similarity(source: F64, target: F64) -> F64:
    """The rotation, scale and shift f64[2, 3] with least squared error from source to target.

    Points are f64[n, 2]. Umeyama, "Least-squares estimation of transformation parameters between
    two point patterns", 1991. In the plane a rotation with scale is one complex factor, so the
    closed form needs no decomposition and a mirror image cannot come out. Points that all fall
    together give a factor of 0. Complex numbers, not arrays: for five points they are faster.
    """
    from_points, to_points = _as_complex(source), _as_complex(target)
    from_mean, to_mean = sum(from_points) / len(source), sum(to_points) / len(target)
    from_offsets = [point - from_mean for point in from_points]
    spread = sum(off.real * off.real + off.imag * off.imag for off in from_offsets)
    pairs = zip(from_offsets, to_points, strict=True)
    factor = sum(off.conjugate() * (to - to_mean) for off, to in pairs) / spread if spread else 0j
    shift = to_mean - factor * from_mean
    return np.array(
        [[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]]
    )


def _as_complex(points: F64) -> list[complex]:
    return [complex(x, y) for x, y in points.tolist()]

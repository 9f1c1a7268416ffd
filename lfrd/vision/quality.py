"""How good is this look at a face: size, pose, sharpness and exposure, from five landmarks."""

import math
from itertools import pairwise
from typing import Any, Final

import cv2
import numpy as np

from lfrd.types import F32, U8, Planes, Quality, Texture

NOSE_DEPTH = 0.5
"""How far the nose tip stands out before the eye line, in distances between the eyes."""

NOSE_DROP = 0.5
"""Where the nose tip lies between eye line (0) and mouth line (1) of a frontal face."""

EYE_TO_MOUTH = 1.15
"""Distance from eye line to mouth line, in distances between the eyes."""

GOOD_INTER_EYE_PX = 60.0
"""From here on more pixels do not make a better crop of 112 pixels."""


ELEVATION_OF_PITCH_DEG: Final = (
    (-26.6, 60.0),
    (-17.6, 30.0),
    (-8.7, 0.0),
    (-1.6, -30.0),
)
"""(median `pose_deg` pitch, camera elevation), in degrees, pitch rising.

Measured with the default detector at 640 px on the mugshots of twenty people in FRMDB (Contardo et
al., Sensors 23(4) 1939, 2023), taken from +60, +30, 0 and -30 degrees: 81 faces with a yaw under 25
degrees. A head's pitch is taken for the camera's, and faces differ: the quartiles of pitch lie 3 to
4 degrees beside the median, and 10 at +60, where also one face in three is not found at all.
"""

TURNED_YAW_DEG, TURNED_PITCH_DEG = 25.0, 15.0
"""A face turned further, by its five landmarks, is one whose landmarks a quick detector places
poorly."""


def is_turned(landmarks: F32) -> bool:
    """Whether a face with these landmarks f32[5, 2] is turned so far that it takes care."""
    yaw_deg, pitch_deg = pose_deg(landmarks)
    return abs(yaw_deg) > TURNED_YAW_DEG or abs(pitch_deg) > TURNED_PITCH_DEG


def inter_eye_px(landmarks: F32) -> float:
    """Distance between the eyes of landmarks f32[5, 2], in their pixels."""
    (right_x, right_y), (left_x, left_y) = landmarks[:2].tolist()
    return math.hypot(left_x - right_x, left_y - right_y)


def face_size_px(landmarks: F32) -> float:
    """The size of a face as the distance that its eyes have when seen from the front, in the
    pixels of landmarks f32[5, 2]: turning the head brings the eyes together, but not the eyes and
    the mouth."""
    right_eye, left_eye, _, right_mouth, left_mouth = (complex(x, y) for x, y in landmarks.tolist())
    down = abs((right_mouth + left_mouth) / 2 - (right_eye + left_eye) / 2)
    return max(abs(left_eye - right_eye), down / EYE_TO_MOUTH)


def measure(crop_rgb: U8, landmarks: F32, detector_score: float) -> Quality:
    """Quality of a look: aligned crop u8[112, 112, 3], landmarks f32[5, 2] in frame pixels."""
    yaw_deg, pitch_deg = pose_deg(landmarks)
    luma = cv2.cvtColor(crop_rgb, cv2.COLOR_RGB2GRAY)
    edges = cv2.Laplacian(luma, cv2.CV_32F)
    sharpness = _spread(edges) ** 2
    exposure = float(cv2.mean(luma)[0]) / 255.0
    luma.fill(0)  # they show the face
    # OpenCV gives its row buffers back with the last rows in them: the same work on black goes
    # through the same buffers and overwrites them.
    cv2.Laplacian(luma, cv2.CV_32F, dst=edges)
    size_px = inter_eye_px(landmarks)
    score = float(detector_score)  # may come as a numpy scalar
    overall = _overall(size_px, yaw_deg, pitch_deg, sharpness, exposure, score)
    return Quality(size_px, yaw_deg, pitch_deg, sharpness, exposure, score, overall)


def texture(crop_rgb: U8) -> Texture:
    """Measure an aligned crop u8[112, 112, 3]: in it the eyes lie about row 51, the mouth about
    row 92."""
    luma = cv2.cvtColor(crop_rgb, cv2.COLOR_RGB2GRAY)
    red, green, blue = cv2.split(crop_rgb)
    most = cv2.max(cv2.max(red, green), blue)
    least = cv2.min(cv2.min(red, green), blue)
    return Texture(
        contrast=_spread(luma),
        eyes=_spread(luma[40:62, 26:86]),
        mouth=_spread(luma[76:104, 34:78]),
        colour=float(cv2.mean(cv2.subtract(most, least))[0]),
    )


def _spread(values: Any) -> float:
    """The standard deviation of a picture of one channel."""
    return float(cv2.meanStdDev(values)[1][0, 0])


def potential(size_px: float, yaw_deg: float, pitch_deg: float, detector_score: float) -> float:
    """What `overall` would be of a sharp and well-lit crop: as far as landmarks can tell."""
    pose = math.cos(math.radians(yaw_deg)) * math.cos(math.radians(pitch_deg))
    return max(0.0, min(1.0, size_px / GOOD_INTER_EYE_PX) * pose * detector_score)


def potential_of(look: Quality) -> float:
    """The potential of a look that was measured."""
    return potential(look.inter_eye_px, look.yaw_deg, look.pitch_deg, look.detector_score)


def pose_deg(landmarks: F32) -> tuple[float, float]:
    """Rough (yaw, pitch) in degrees; 0 is frontal. Rolling the head changes neither.

    A head turned by an angle a moves the tip of the nose, which stands out by NOSE_DEPTH, sideways
    by depth x sin(a) while the eyes come closer by cos(a): the offset over the distance between
    the eyes is depth x tan(a). The same holds up and down against the eye-mouth distance. Yaw is
    positive towards the right edge of the picture, pitch when looking up.
    """
    # Plain numbers: this runs for every face of every frame, and arrays of two are slow.
    right_eye, left_eye, nose, right_mouth, left_mouth = (
        complex(x, y) for x, y in landmarks.tolist()
    )
    across = left_eye - right_eye
    width = abs(across)
    if width == 0.0:
        return 90.0, 0.0  # seen fully from the side, as far as two eyes tell
    middle = (right_eye + left_eye) / 2
    # Dividing by the direction of the eye line turns the head upright: x along it, y down.
    upright = across / width
    tip = (nose - middle) / upright
    height = (((right_mouth + left_mouth) / 2 - middle) / upright).imag
    yaw_deg = math.degrees(math.atan(tip.real / width / NOSE_DEPTH))
    if height <= 0.0:
        return yaw_deg, 90.0
    drop = tip.imag / height
    pitch_deg = math.degrees(math.atan((NOSE_DROP - drop) * EYE_TO_MOUTH / NOSE_DEPTH))
    return yaw_deg, pitch_deg


def elevation_deg(pitch_deg: float) -> float:
    """How far above eye level the camera of a face with this `pose_deg` pitch is, in degrees.

    Rough, and for the median of several people's faces: one face alone is off by 8 to 15 degrees
    in the middle up to +30, by 30 at +60; the median of ten people's is mostly within 15, at +60
    within 30. Straight lines through ELEVATION_OF_PITCH_DEG and beyond its ends, at most 90 up or
    down.
    """
    (low, high), *others = pairwise(ELEVATION_OF_PITCH_DEG)
    for left, right in others:
        if pitch_deg > left[0]:
            low, high = left, right
    slope = (high[1] - low[1]) / (high[0] - low[0])
    return max(-90.0, min(90.0, low[1] + slope * (pitch_deg - low[0])))


def _overall(
    size_px: float,
    yaw_deg: float,
    pitch_deg: float,
    sharpness: float,
    exposure: float,
    detector_score: float,
) -> float:
    """One number in 0..1 to rank looks by: the product of five factors, each 1 at its best.

    Size up to GOOD_INTER_EYE_PX, cosine of yaw and pitch, sharpness against that of a typical
    in-focus crop (a Laplacian variance of 100 counts half), exposure (full between 0.2 and 0.8,
    falling to 0 at black and white), and the detector's score.
    """
    focus = sharpness / (sharpness + 100.0)
    light = min(1.0, exposure / 0.2, (1.0 - exposure) / 0.2)
    return max(0.0, focus * light) * potential(size_px, yaw_deg, pitch_deg, detector_score)


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

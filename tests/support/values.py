"""Small values for tests, named after what they are."""

import numpy as np

from lfrd.types import Detections, Look, Match, Quality


def boxes_at(*centres: tuple[float, float], size_px: float = 40.0) -> Detections:
    """Detections of square faces around the given centres."""
    if not centres:
        return Detections.none()
    middle = np.array(centres, np.float32)
    half = size_px / 2
    boxes = np.concatenate([middle - half, middle + half], axis=1)
    offsets = np.array([[-0.2, -0.1], [0.2, -0.1], [0, 0.1], [-0.15, 0.25], [0.15, 0.25]])
    landmarks = middle[:, None] + (offsets * size_px)[None]
    return Detections(
        boxes.astype(np.float32),
        np.full(len(middle), 0.9, np.float32),
        landmarks.astype(np.float32),
    )


def quality(overall: float = 0.8, inter_eye_px: float = 50.0) -> Quality:
    return Quality(inter_eye_px, 0.0, 0.0, 100.0, 0.5, 0.9, overall)


def look(at_s: float, *matches: tuple[str, str, float], sequence: int | None = None) -> Look:
    """A look at time `at_s` with matches (entry, person, score), best first: the same alone as in
    the mean of the looks so far."""
    found = tuple(Match(*match) for match in matches)
    number = round(at_s * 25) if sequence is None else sequence
    return Look(number, at_s, at_s, at_s, quality(), found, found)

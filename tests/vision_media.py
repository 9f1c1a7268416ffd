"""Photos that come with installed packages, and so are there on every machine."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np

from lfrd.types import Planes
from lfrd.vision.planes import planes_from_rgb


def _in_package(package: str, path: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / path


SIX_FACES = _in_package("insightface", "data/images/t1.jpg")
ASTRONAUT = _in_package("skimage", "data/astronaut.png")


def photo_rgb(path: Path) -> np.ndarray:
    """A photo as u8[h, w, 3] RGB."""
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert bgr is not None, path
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def photo_planes(path: Path) -> Planes:
    """A photo as planes."""
    return planes_from_rgb(photo_rgb(path))

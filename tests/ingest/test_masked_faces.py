"""The promise behind masks, held by the real detector: a masked face is not found."""

from collections.abc import AsyncIterator

import numpy as np
import pytest_asyncio

from lfrd.ingest.masks import Masker, Polygon, Regions
from lfrd.types import Detections, Planes
from lfrd.vision import packs
from lfrd.vision.engine import Vision
from support.photos import SIX_FACES, photo_planes


@pytest_asyncio.fixture
async def vision(pack: packs.Pack) -> AsyncIterator[Vision]:
    async with Vision(pack, threads=1, pool_size=4) as vision:
        yield vision


def rectangle(planes: Planes, box: np.ndarray) -> Polygon:
    size = [planes.width_px, planes.height_px] * 2
    left, top, right, bottom = np.clip(box / size, 0.0, 1.0).tolist()
    return Polygon(((left, top), (right, top), (right, bottom), (left, bottom)))


def centres(faces: Detections) -> np.ndarray:
    return (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2


async def test_a_masked_face_is_not_found_and_the_others_are(vision: Vision) -> None:
    planes = photo_planes(SIX_FACES)
    faces = await vision.detect(planes)
    assert len(faces) == 6
    for hidden in range(6):
        mask = rectangle(planes, faces.boxes[hidden])
        masked = Masker(Regions(privacy=(mask,))).apply(planes)
        found = centres(await vision.detect(masked))
        distances = np.linalg.norm(found - centres(faces)[hidden], axis=1)
        width = faces.boxes[hidden, 2] - faces.boxes[hidden, 0]
        assert (distances > width / 2).all(), "the masked face was found"
        assert len(found) == 5


async def test_only_the_faces_inside_the_include_zone_are_found(vision: Vision) -> None:
    planes = photo_planes(SIX_FACES)
    half = Polygon(((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))
    masked = Masker(Regions(include=(half,))).apply(planes)
    found = await vision.detect(masked)
    assert 0 < len(found) < 6
    assert (centres(found)[:, 0] < planes.width_px / 2).all()


async def test_a_picture_that_is_masked_altogether_holds_nobody(vision: Vision) -> None:
    everything = Polygon(((0, 0), (1, 0), (1, 1), (0, 1)))
    masked = Masker(Regions(privacy=(everything,))).apply(photo_planes(SIX_FACES))
    assert len(await vision.detect(masked)) == 0

"""What is masked is black before anybody looks."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lfrd.errors import BadInput
from lfrd.ingest.masks import EVERYWHERE, Masker, Polygon, Regions, hidden_pixels
from lfrd.types import Planes

LEFT_HALF = Polygon(((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))
CENTRE = Polygon(((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)))


def grey(width: int, height: int) -> Planes:
    half = ((height + 1) // 2, (width + 1) // 2)
    planes = [np.full((height, width), 200, np.uint8), *(np.full(half, 90, np.uint8),) * 2]
    for plane in planes:
        plane.flags.writeable = False
    return Planes(*planes)


def test_a_privacy_mask_is_black_and_the_rest_untouched() -> None:
    planes = grey(64, 48)
    masked = Masker(Regions(privacy=(CENTRE,))).apply(planes)
    assert (masked.y[13:35, 17:47] == 16).all()
    assert (masked.u[7:17, 9:23] == 128).all()
    assert (masked.v[7:17, 9:23] == 128).all()
    assert (masked.y[:10] == 200).all()
    assert (masked.y[:, :14] == 200).all()
    assert (masked.u[:5] == 90).all()
    assert (planes.y == 200).all(), "the decoder's buffer is never written to"


@pytest.mark.parametrize("regions", [EVERYWHERE, Regions((LEFT_HALF,)), Regions((), (CENTRE,))])
def test_the_luma_alone_is_masked_as_that_of_all_planes(regions: Regions) -> None:
    for size in ((64, 48), (96, 54)):
        planes, masker = grey(*size), Masker(regions)
        assert np.array_equal(masker.luma(planes.y), masker.apply(planes).y)
        assert (planes.y == 200).all()


def test_outside_the_include_zones_everything_is_black_and_masks_win() -> None:
    masked = Masker(Regions(include=(LEFT_HALF,), privacy=(CENTRE,))).apply(grey(64, 48))
    assert (masked.y[:, 34:] == 16).all()
    assert (masked.y[20:28, 17:30] == 16).all()
    assert (masked.y[:10, :30] == 200).all()


def test_without_regions_the_planes_pass_untouched() -> None:
    planes = grey(64, 48)
    assert Masker(EVERYWHERE).apply(planes) is planes


def test_the_mask_follows_a_change_of_resolution() -> None:
    masker = Masker(Regions(privacy=(LEFT_HALF,)))
    for width, height in ((64, 48), (33, 17), (1280, 720)):
        masked = masker.apply(grey(width, height))
        assert (masked.y[:, : width // 2] == 16).all()
        assert (masked.y[:, width // 2 + 4 :] == 200).all()


def test_a_privacy_mask_whose_line_crosses_itself_hides_all_that_it_encloses() -> None:
    star = Polygon(((0.5, 0.05), (0.8, 0.95), (0.05, 0.4), (0.95, 0.4), (0.2, 0.95)))
    assert hidden_pixels(Regions(privacy=(star,)), 64, 64)[32, 32], "the middle is enclosed"


corner = st.tuples(st.floats(0, 1), st.floats(0, 1))


@given(st.lists(corner, min_size=3, max_size=8), st.integers(16, 70), st.integers(16, 70))
@example([(1.0, 1.0), (0.0, 1.0), (0.0, 0.0), (1.0, 0.0), (0.0, 1.0)], 16, 16)  # goes back
def test_every_pixel_inside_a_privacy_mask_is_hidden(
    corners: list[tuple[float, float]], width: int, height: int
) -> None:
    try:
        mask = Polygon(tuple(corners))
    except BadInput:
        return
    hidden = hidden_pixels(Regions(privacy=(mask,)), width, height)
    assert hidden.shape == (height, width)
    middles = [((ax + bx) / 2, (ay + by) / 2) for (ax, ay), (bx, by) in pairwise(corners)]
    for x, y in (*corners, *middles):  # corners and edges are the hardest to cover
        column, row = min(int(x * width), width - 1), min(int(y * height), height - 1)
        assert hidden[row, column]


@pytest.mark.parametrize(
    "corners",
    [
        ((0, 0), (1, 1)),
        ((0, 0), (1, 0), (1.2, 1)),
        ((0, 0), (0.5, 0.5), (1, 1)),
        ((0, 0), (float("nan"), 0), (1, 1)),
        tuple((i / 100, (i % 7) / 7) for i in range(65)),
    ],
    ids=["two corners", "outside", "a line", "no number", "too many"],
)
def test_a_polygon_that_is_none_is_refused(corners: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(BadInput):
        Polygon(corners)


def test_the_number_of_regions_is_bounded() -> None:
    with pytest.raises(BadInput):
        Regions(privacy=(CENTRE,) * 33)

"""The decoders put faces where the outputs say, and bound what a picture can cost."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lfrd.types import Planes
from lfrd.vision import detector
from lfrd.vision.detector import (
    TRIMMED,
    InputSize,
    choose_size,
    decode,
    fit_size,
    margins,
    output_shapes,
    suppress,
)

SIZE = InputSize(picture_width_px=64, picture_height_px=48, width_px=64, height_px=64)
FRAME = (128, 96)
"""The frame was scaled by half."""


def _outputs(family: detector.Family) -> list[np.ndarray]:
    return [np.zeros(shape[1:], np.float32) for shape in output_shapes(family, 1, SIZE)]


def test_yunet_cell_becomes_a_face_in_frame_pixels() -> None:
    outputs = _outputs("yunet")
    cell = 3 * 8 + 2  # row 3, column 2 of the 8 x 8 grid at stride 8
    outputs[0][cell] = outputs[1][cell] = 0.81
    outputs[2][cell] = [0.5, 0.25, np.log(2), np.log(4)]
    outputs[3][cell] = [0, 0, 1, 0, 0.5, 1, 0, 2, 1, 2]
    found = decode("yunet", outputs, SIZE, FRAME)
    assert found.skipped == 0
    faces = found.detections
    assert faces.scores == pytest.approx([0.81])
    # Centre (2.5, 3.25) x 8 = (20, 26), size (16, 32), all doubled.
    assert faces.boxes == pytest.approx(np.array([[24, 20, 56, 84]]))
    expected = np.array([[2, 3], [3, 3], [2.5, 4], [2, 5], [3, 5]]) * 8 * 2
    assert faces.landmarks[0] == pytest.approx(expected)


@pytest.mark.parametrize("anchor", [0, 1])
def test_scrfd_anchors_share_their_cell(anchor: int) -> None:
    outputs = _outputs("scrfd")
    # Row 1, column 2 of the 4 x 4 grid at stride 16, after the 8 x 8 grid at stride 8.
    prior = 2 * (8 * 8 + 1 * 4 + 2) + anchor
    outputs[0][prior] = 0.9
    outputs[1][prior] = [1, 0.5, 1, 1.5]
    outputs[2][prior] = np.arange(10) / 10
    faces = decode("scrfd", outputs, SIZE, FRAME).detections
    assert faces.scores == pytest.approx([0.9])
    assert faces.boxes == pytest.approx(np.array([[32, 16, 96, 80]]))
    expected = (np.arange(10).reshape(5, 2) / 10 + [2, 1]) * 16 * 2
    assert faces.landmarks[0] == pytest.approx(expected)


def _centerface(row: int, column: int, sides: tuple[float, float]) -> list[np.ndarray]:
    """The outputs for one face whose centre is in a cell of the 16 x 16 grid at stride 4; `sides`
    are the logarithms of height and width in cells."""
    outputs = _outputs("centerface")
    heat, scale, offset, points = outputs
    heat[0, row, column] = 0.75
    scale[:, row, column] = sides
    offset[:, row, column] = [0.25, -0.5]  # down, and to the left
    parts = [[0.25, 0.375], [0.75, 0.375], [0.5, 0.5], [0.25, 0.75], [0.75, 0.75]]
    points[:, row, column] = [part for x, y in parts for part in (y, x)]
    return outputs


def test_centerface_gives_y_before_x_and_landmarks_as_parts_of_the_box() -> None:
    outputs = _centerface(5, 7, (np.log(4), np.log(2)))
    faces = decode("centerface", outputs, SIZE, FRAME).detections
    assert faces.scores == pytest.approx([0.75])
    # Centre (7 - 0.5 + 0.5, 5 + 0.25 + 0.5) x 4 = (28, 23), size (8, 16), all doubled.
    assert faces.boxes == pytest.approx(np.array([[48, 30, 64, 62]]), abs=1e-4)
    parts = np.array([[0.25, 0.375], [0.75, 0.375], [0.5, 0.5], [0.25, 0.75], [0.75, 0.75]])
    assert faces.landmarks[0] == pytest.approx(parts * [16, 32] + [48, 30], abs=1e-4)


def test_centerface_leaves_out_what_is_too_unsure_and_keeps_the_better_of_two() -> None:
    outputs = _centerface(5, 7, (2.0, 2.0))
    outputs[0][0, 5, 8] = 0.8  # the next cell: the same face
    outputs[1][:, 5, 8] = 2.0
    outputs[0][0, 14, 14] = detector.SCORE_THRESHOLD["centerface"] - 0.01
    assert decode("centerface", outputs, SIZE, FRAME).detections.scores == pytest.approx([0.8])


@pytest.mark.parametrize("sides", [(300.0, 300.0), (1e30, 2.0), (np.inf, np.inf), (-1e30, 0.0)])
def test_centerface_scales_that_no_face_has_do_not_overflow(sides: tuple[float, float]) -> None:
    outputs = _centerface(5, 7, sides)
    with np.errstate(all="raise", under="ignore"):
        faces = decode("centerface", outputs, SIZE, FRAME).detections
    assert np.isfinite(faces.boxes).all()
    assert np.isfinite(faces.landmarks).all()
    assert np.abs(faces.boxes).max() < 2 * 4 * np.exp(8.0)


def test_centerface_looks_at_every_cell_of_every_picture() -> None:
    assert output_shapes("centerface", 2, InputSize(64, 32, 64, 32)) == (
        (2, 1, 8, 16), (2, 2, 8, 16), (2, 2, 8, 16), (2, 10, 8, 16),
    )  # fmt: skip


@pytest.mark.parametrize("family", ["yunet", "scrfd", "centerface"])
def test_nothing_found_gives_empty_arrays(family: detector.Family) -> None:
    found = decode(family, _outputs(family), SIZE, FRAME)
    assert len(found.detections) == 0
    assert found.skipped == 0


@pytest.mark.parametrize("family", ["yunet", "scrfd", "centerface"])
@given(seed=st.integers(0, 2**32 - 1))
def test_no_output_breaks_a_decoder(family: detector.Family, seed: int) -> None:
    random = np.random.default_rng(seed)
    wild = np.array([0, 1, -1, 0.7, 5, 1e4, -1e30, 1e30, np.inf, np.nan], np.float32)
    outputs = [random.choice(wild, output.shape) for output in _outputs(family)]
    with np.errstate(all="ignore"):
        found = decode(family, outputs, SIZE, FRAME)
    assert len(found.detections) <= detector.FACES_LIMIT


def test_the_largest_faces_are_kept_and_the_rest_counted() -> None:
    size = InputSize(320, 320, 320, 320)
    outputs = [np.zeros(shape[1:], np.float32) for shape in output_shapes("yunet", 1, size)]
    cells = np.arange(0, 1600, 8)  # 200 faces too small to overlap
    outputs[0][cells] = outputs[1][cells] = 0.9
    outputs[2][cells, 2:] = np.linspace(-2, 0, 200)[:, None]
    found = decode("yunet", outputs, size, (320, 320))
    assert len(found.detections) == detector.FACES_LIMIT
    assert found.skipped == 200 - detector.FACES_LIMIT
    areas = np.prod(found.detections.boxes[:, 2:] - found.detections.boxes[:, :2], axis=1)
    assert (np.diff(areas) <= 0).all()
    assert areas.min() > (np.exp(-2 + 2 * 130 / 199) * 8) ** 2


def test_suppression_keeps_the_better_of_two_overlapping_boxes() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10], [0, 0, 10, 3]], np.float32)
    scores = np.array([0.9, 0.8, 0.7, 0.6], np.float32)
    assert suppress(boxes, scores).tolist() == [0, 2, 3]


@given(st.integers(0, 2**32 - 1), st.integers(0, 40))
def test_suppression_agrees_with_a_plain_double_loop(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    corners = random.uniform(0, 50, (count, 2))
    boxes = np.hstack([corners, corners + random.uniform(1, 40, (count, 2))]).astype(np.float32)
    kept: list[int] = []
    for index in range(count):
        if all(_overlap(boxes[index], boxes[other]) <= detector.OVERLAP_LIMIT for other in kept):
            kept.append(index)
    scores = np.linspace(1, 0.5, count, dtype=np.float32)
    assert suppress(boxes, scores).tolist() == kept


def _overlap(first: np.ndarray, second: np.ndarray) -> np.float32:
    width = max(np.float32(0), min(first[2], second[2]) - max(first[0], second[0]))
    height = max(np.float32(0), min(first[3], second[3]) - max(first[1], second[1]))
    shared = width * height
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return shared / (areas[0] + areas[1] - shared)


@pytest.mark.parametrize(
    ("frame", "smallest_px", "expected"),
    [
        ((1920, 1080), 24, InputSize(640, 352, 640, 352)),
        ((3840, 2160), 24, InputSize(1280, 704, 1280, 704)),
        ((1920, 1080), 8, InputSize(1920, 1056, 1920, 1056)),
        ((1920, 1080), 60, InputSize(640, 352, 640, 352)),  # not below 640
        ((640, 350), 24, InputSize(640, 350, 640, 352)),
        ((300, 300), 24, InputSize(300, 300, 320, 320)),  # never enlarged
        ((1080, 1920), 24, InputSize(352, 640, 352, 640)),
    ],
)
def test_input_size(frame: tuple[int, int], smallest_px: float, expected: InputSize) -> None:
    assert choose_size(*frame, smallest_px) == expected


@given(st.integers(1, 8000), st.integers(1, 8000), st.floats(1, 1000))
def test_input_sizes_are_padded_to_multiples_of_32(width: int, height: int, least: float) -> None:
    size = choose_size(width, height, least)
    assert size.width_px % 32 == size.height_px % 32 == 0
    assert 0 <= size.width_px - size.picture_width_px < 32
    assert 0 <= size.height_px - size.picture_height_px < 32


def test_a_fixed_input_is_filled_as_far_as_the_frame_allows() -> None:
    assert fit_size(1920, 1080, (640, 640)) == InputSize(640, 360, 640, 640)
    assert fit_size(300, 600, (640, 640)) == InputSize(320, 640, 640, 640)


@given(st.integers(240, 4000), st.integers(240, 4000))
@example(296, 3146)
@example(3146, 296)
@example(5, 8000)
def test_less_than_a_face_is_left_out_at_the_edges(width: int, height: int) -> None:
    size = choose_size(width, height, 24)
    beside, above = margins(width, height, size)
    assert beside % 2 == above % 2 == 0
    assert 0 <= 2 * beside <= TRIMMED * width
    assert 0 <= 2 * above <= TRIMMED * height
    shown = Planes(
        np.zeros((height, width), np.uint8),
        *(np.zeros(((height + 1) // 2, (width + 1) // 2), np.uint8) for _ in range(2)),
    ).without(beside, above)
    assert (shown.width_px, shown.height_px) == (width - 2 * beside, height - 2 * above)


def test_what_is_left_out_is_made_up_for() -> None:
    size = InputSize(640, 352, 640, 352)
    assert margins(1920, 1080, size) == (0, 12)
    outputs = [np.zeros(shape[1:], np.float32) for shape in output_shapes("yunet", 1, size)]
    outputs[0][0] = outputs[1][0] = 0.9
    found = decode("yunet", outputs, size, (1920, 1080)).detections
    assert found.boxes[0].tolist() == [-12, 0, 12, 24]
    assert found.landmarks[0].tolist() == [[0, 12]] * 5

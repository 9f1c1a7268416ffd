"""The second look at a face: which landmarks are trusted, what is cut, and that nothing stays."""

from collections.abc import Callable
from typing import cast

import numpy as np
import pytest

from lfrd.types import F32, U8, Colour, Detections
from lfrd.vision import packs
from lfrd.vision.align import ARCFACE_POINTS, patch_matrix
from lfrd.vision.aligner import CLOSE_PX, TRUSTED_SHIFT, VIEWS, WIDE_PX, Aligner
from lfrd.vision.detector import choose_size
from lfrd.vision.finder import Finder
from lfrd.vision.quality import face_size_px
from lfrd.vision.session import Session
from support.photos import ASTRONAUT, photo_planes

PLANES = photo_planes(ASTRONAUT)
LANDMARKS = (ARCFACE_POINTS * 1.2 + [150, 60]).astype(np.float32)
BOX = np.array([180, 60, 270, 200], np.float32)


class Sees:
    """A detector that finds what it is told in a patch, and remembers the patches."""

    colour: Colour = "rgb"

    def __init__(self, finds: Callable[[U8], F32 | None], *, takes_patches: bool = True) -> None:
        self.takes_patches = takes_patches
        self.patches: list[U8] = []
        self.sides: list[int] = []
        self._finds = finds

    def find_in_patch(self, patch: U8) -> Detections:
        assert patch.any(), "there is something to see"
        self.patches.append(patch)
        self.sides.append(len(patch))
        found = self._finds(patch)
        if found is None:
            return Detections.none()
        boxes = np.tile(np.array([10, 10, 50, 50], np.float32), (len(found), 1))
        return Detections(boxes, np.full(len(found), 0.9, np.float32), found)


def nothing(_: U8) -> None:
    """No face is found."""


def crop_of(quick: Sees, strong: Sees | None = None) -> U8:
    out = np.zeros((112, 112, 3), np.uint8)
    aligner = Aligner(cast(Finder, quick))
    aligner.crop(PLANES, LANDMARKS, out, cast(Finder, strong) if strong else None)
    return out


def views_of(strong: Sees) -> list[U8]:
    outs = [np.zeros((112, 112, 3), np.uint8) for _ in range(VIEWS)]
    quick = Sees(nothing)
    Aligner(cast(Finder, quick)).views(PLANES, BOX, LANDMARKS, outs, cast(Finder, strong))
    assert not quick.patches, "the strong one looks"
    return outs


def in_patch(landmarks: F32, side_px: int = 256, scale: float = 1.5) -> F32:
    """Where these landmarks of the frame lie in the patch around LANDMARKS."""
    matrix = patch_matrix(LANDMARKS, side_px, scale)
    return np.asarray(landmarks @ matrix[:, :2].T + matrix[:, 2], np.float32)


def shifted(by: float) -> F32:
    """The landmarks, moved by so many sizes of the face."""
    return LANDMARKS + np.array([by * face_size_px(LANDMARKS), 0], np.float32)


def test_landmarks_that_are_seen_again_nearby_are_taken() -> None:
    seen = Sees(lambda _: in_patch(shifted(0.2))[None])
    there = Aligner(cast(Finder, Sees(nothing)))
    expected = np.zeros((112, 112, 3), np.uint8)
    there.crop(PLANES, shifted(0.2), expected)
    assert np.abs(crop_of(seen).astype(int) - expected).mean() < 0.5
    assert np.abs(crop_of(Sees(nothing)).astype(int) - expected).mean() > 5


@pytest.mark.parametrize("by", [TRUSTED_SHIFT + 0.05, -TRUSTED_SHIFT - 0.05, 3.0])
def test_another_face_in_the_patch_is_not_taken_for_this_one(by: float) -> None:
    as_given = crop_of(Sees(nothing))
    assert np.array_equal(crop_of(Sees(lambda _: in_patch(shifted(by))[None])), as_given)


def test_of_several_faces_the_nearest_is_taken() -> None:
    both = np.stack([in_patch(shifted(0.4)), in_patch(shifted(0.1))])
    assert np.array_equal(
        crop_of(Sees(lambda _: both)), crop_of(Sees(lambda _: in_patch(shifted(0.1))[None]))
    )


def test_a_turned_face_is_looked_at_with_the_strong_detector_only() -> None:
    quick, strong = Sees(nothing), Sees(nothing)
    crop_of(quick, strong)
    assert (len(quick.patches), len(strong.patches)) == (0, 1)


def test_a_detector_that_takes_no_patches_does_without() -> None:
    quick = Sees(nothing, takes_patches=False)
    assert crop_of(quick).any()
    assert not quick.patches


def test_a_careful_look_sees_the_head_and_twice_the_face_alone() -> None:
    strong = Sees(nothing)
    outs = views_of(strong)
    assert strong.sides == [WIDE_PX, CLOSE_PX, CLOSE_PX]
    assert all(out.any() for out in outs)
    assert not any(patch.any() for patch in strong.patches), "patches are overwritten"


def test_two_of_the_three_views_show_the_face_smaller() -> None:
    loose, plain, tight = views_of(Sees(nothing))
    alone = np.zeros((112, 112, 3), np.uint8)
    Aligner(cast(Finder, Sees(nothing))).crop(PLANES, LANDMARKS, alone)
    assert np.array_equal(plain, alone), "no other landmarks, no other crop"
    assert not np.array_equal(loose, plain)
    assert not np.array_equal(tight, plain)
    assert not np.array_equal(loose, tight)


def test_patches_are_overwritten_where_the_detector_breaks() -> None:
    def breaks(_: U8) -> None:
        raise RuntimeError("the device is gone")

    strong = Sees(breaks)
    with pytest.raises(RuntimeError, match="gone"):
        views_of(strong)
    with pytest.raises(RuntimeError, match="gone"):
        crop_of(strong)
    assert len(strong.patches) == 2
    assert not any(patch.any() for patch in strong.patches)


@pytest.mark.parametrize("landmarks", [np.zeros((5, 2)), np.full((5, 2), 1e6), LANDMARKS - 3000])
def test_landmarks_on_no_face_still_give_views(landmarks: F32) -> None:
    outs = [np.ones((112, 112, 3), np.uint8) for _ in range(VIEWS)]
    box = np.array([5, 5, 5, 5], np.float32)
    seen = Sees(nothing)
    seen.find_in_patch = lambda _: Detections.none()  # type: ignore[method-assign] # black too
    Aligner(cast(Finder, seen)).views(
        PLANES, box, landmarks.astype(np.float32), outs, cast(Finder, seen)
    )


@pytest.fixture(scope="module")
def finders(pack: packs.Pack) -> tuple[Finder, Finder]:
    """The quick and the strong detector of the default pack."""
    assert pack.landmarks is not None
    quick, strong = (
        Finder(Session(pack.read(model), label=model.file), model)
        for model in (pack.detector, pack.landmarks)
    )
    return quick, strong


def test_the_strong_detector_finds_the_same_face_as_the_quick_one(
    finders: tuple[Finder, Finder],
) -> None:
    size = choose_size(PLANES.width_px, PLANES.height_px, 24.0)
    first, second = (finder.find([PLANES], size)[0].detections for finder in finders)
    assert len(first) == len(second) == 1
    apart = np.linalg.norm(first.landmarks[0] - second.landmarks[0], axis=1)
    assert apart.max() < 0.2 * face_size_px(first.landmarks[0])


def test_views_of_a_face_agree_where_it_is(finders: tuple[Finder, Finder]) -> None:
    quick, strong = finders
    size = choose_size(PLANES.width_px, PLANES.height_px, 24.0)
    found = quick.find([PLANES], size)[0].detections
    rough = found.landmarks[0] + np.float32([6, -5])
    aligner = Aligner(quick)
    outs = [np.zeros((112, 112, 3), np.uint8) for _ in range(VIEWS)]
    aligner.views(PLANES, found.boxes[0], rough, outs, strong)
    for out in outs:
        padded = np.full((160, 160, 3), 110, np.uint8)
        padded[24:136, 24:136] = out[..., ::-1]  # YuNet takes BGR
        seen = quick.find_in_patch(padded)
        assert len(seen) == 1
        away = (seen.landmarks[0] - 24 - ARCFACE_POINTS).mean(axis=0)
        assert np.abs(away).max() < 6


def test_no_memory_of_a_patch_is_left_in_the_strong_detector(
    finders: tuple[Finder, Finder],
) -> None:
    quick, strong = finders
    outs = [np.zeros((112, 112, 3), np.uint8) for _ in range(VIEWS)]
    aligner = Aligner(quick)
    aligner.views(PLANES, BOX, LANDMARKS, outs, strong)
    assert not any(patch.any() for patch, _ in aligner._patches.values())
    patches = [arrays for size, arrays in strong._kept.items() if size.width_px != 512]
    assert len(patches) == 2
    for arrays in patches:
        assert not arrays.feed.any()
        assert not any(output.any() for output in arrays.outputs)

"""A frame's way where it is hard: crowds, tracks that never end, models that break."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from lfrd.counters import CameraCounters
from lfrd.deployment.pipeline import CAREFUL_LIMIT, LEAST_LOOKS_LIMIT, LOOKS_LIMIT
from lfrd.errors import InferenceFailed
from lfrd.ingest.pacing import CameraPacer, RateController
from lfrd.matching.live_search import LiveSearch
from lfrd.tracking.best_shot import BestShotRule
from lfrd.types import F32, Detections, Frame, Planes
from lfrd.vision import packs
from lfrd.vision.aligner import VIEWS
from lfrd.vision.engine import Vision
from lfrd.vision.planes import planes_from_rgb
from support.photos import somebody_in_a_room
from support.seeing import (
    PLANES,
    WALL,
    Heard,
    Seeing,
    Shown,
    frames_of,
    listing,
    picture,
    towards,
    watching,
)
from support.values import boxes_at


async def _frames(count: int, hz: float = 8.0) -> AsyncIterator[Frame]:
    async for frame in frames_of([PLANES] * count, hz):
        yield frame


def _crowd() -> Detections:
    """Two hundred faces in ten rows, larger towards the bottom."""
    rows = []
    for row in range(10):
        centres = [(30.0 + 62 * column, 35.0 + 68 * row) for column in range(20)]
        rows.append(boxes_at(*centres, size_px=62.0 + row))
    return Detections(
        np.concatenate([found.boxes for found in rows]),
        np.concatenate([found.scores for found in rows]),
        np.concatenate([found.landmarks for found in rows]),
    )


def followed(search: LiveSearch) -> list[int]:
    """The tracks that the search still knows: those that a review could silence."""
    return [n for n in range(1000) if search.tracks.silence("door", n, "nobody")]


async def test_two_hundred_faces_cost_a_bounded_number_of_looks_and_the_largest_come_first() -> (
    None
):
    seeing, counters = Seeing(_crowd()), CameraCounters()
    await watching(seeing)(_frames(2), counters)
    assert counters.faces_detected == 400
    assert counters.tracks == 200
    assert len(seeing.aligned_px) == LOOKS_LIMIT, "tracks begin with the second frame"
    eyes = np.linalg.norm(seeing.faces.landmarks[:, 1] - seeing.faces.landmarks[:, 0], axis=1)
    assert seeing.aligned_px == pytest.approx(sorted(eyes)[-LOOKS_LIMIT:])
    assert counters.looks_skipped["frame-full"] == 200 - LOOKS_LIMIT, "the rest is counted"
    assert seeing.held == 0


async def test_those_who_had_no_turn_have_it_in_the_next_frames() -> None:
    seeing, counters = Seeing(_crowd()), CameraCounters()
    await watching(seeing)(_frames(1 + 200 // LOOKS_LIMIT, hz=100.0), counters)
    assert counters.templates_made == 200


async def _of_two(
    frames: AsyncIterator[Frame], small: range, **given: bool
) -> AsyncIterator[Frame]:
    async for frame in frames:
        yield replace(frame, small=frame.sequence in small, **given)


async def test_where_only_faces_are_looked_for_no_template_is_made() -> None:
    seeing, counters = Seeing(boxes_at((300.0, 300.0), size_px=120.0)), CameraCounters()
    await watching(seeing)(_of_two(_frames(40), range(40), only_faces=True), counters)
    assert counters.faces_detected == 40
    assert (counters.templates_made, counters.tracks) == (0, 0)
    assert seeing.held == 0


async def _resized(frames: AsyncIterator[Frame], width: int, height: int) -> AsyncIterator[Frame]:
    async for frame in frames:
        if frame.small:
            luma = np.full((height, width), WALL, np.uint8)
            chroma = np.full((height // 2, width // 2), 128, np.uint8)
            frame = replace(frame, planes=Planes(luma, chroma, chroma))
        yield frame


@pytest.mark.parametrize(
    ("size_px", "tracks"), [((640, 360), 1), ((640, 480), 3)], ids=["same shape", "another"]
)
async def test_a_face_is_followed_from_one_stream_to_the_other_where_both_show_the_same(
    size_px: tuple[int, int], tracks: int
) -> None:
    seeing, counters = Seeing(boxes_at((300.0, 300.0), size_px=120.0)), CameraCounters()
    search = listing()
    frames = _resized(_of_two(_frames(60), range(20, 40)), *size_px)
    await watching(seeing, search)(frames, counters)
    assert counters.tracks == tracks
    assert counters.scene_cuts == 0
    assert not followed(search)
    assert seeing.held == 0


async def test_a_face_that_the_small_stream_has_shown_is_looked_at_in_the_first_large_frame() -> (
    None
):
    seeing, counters = Seeing(boxes_at((300.0, 300.0), size_px=120.0)), CameraCounters()

    async def frames() -> AsyncIterator[Frame]:
        async for frame in _resized(_of_two(_frames(2), range(1)), 640, 360):
            yield replace(frame, only_faces=frame.small)

    await watching(seeing)(frames(), counters)
    assert counters.templates_made == 1


async def test_on_a_full_machine_fewer_looks_are_taken_of_a_frame() -> None:
    seeing = Seeing(_crowd())
    rate = RateController(8.0, 1.0)
    for tenth in range(100):
        rate.took("hall", 1.0, tenth / 10)
    assert rate.hz == 1.0
    await watching(seeing)(_frames(2), CameraCounters(), pacer=CameraPacer(rate, "door"))
    assert len(seeing.aligned_px) == LEAST_LOOKS_LIMIT


async def test_a_track_that_never_ends_costs_a_fixed_number_of_looks_and_rare_checks() -> None:
    seeing, counters = Seeing(boxes_at((300.0, 300.0), size_px=120.0)), CameraCounters()
    await watching(seeing, max_looks=10)(_frames(8 * 120), counters)
    assert counters.tracks == 1
    assert seeing.searches == 10 + 9, "each look alone, and all but the first with the mean"
    rare = 120 / BestShotRule().longest_wait_s
    assert 10 + rare / 2 <= counters.templates_made <= 10 + rare
    assert counters.templates_made == seeing.probes.counts().made
    assert counters.looks_skipped["track-cap"] > 0
    assert seeing.held == 0


async def test_a_model_that_breaks_ends_the_camera_with_its_words_and_leaves_nothing() -> None:
    seeing = Seeing(boxes_at((300.0, 300.0), (600.0, 300.0), size_px=120.0), breaks_after=3)
    search = listing()
    watch = watching(seeing, search)
    with pytest.raises(ExceptionGroup) as failure:
        await watch(_frames(100), CameraCounters())
    found = failure.value.subgroup(InferenceFailed)
    assert found is not None
    assert seeing.held == 0
    assert not followed(search), "its tracks are forgotten too"


@pytest.mark.parametrize("ahead", [1, 4], ids=["live", "a file at full speed"])
async def test_where_nothing_moves_nobody_is_looked_for(ahead: int) -> None:
    seeing, counters = Seeing(Detections.none()), CameraCounters()
    watch = watching(seeing, frames_ahead=ahead)
    await watch(_still(_frames(40), moving={0, 20}), counters)
    assert counters.frames_detected == 2


@pytest.mark.parametrize("ahead", [1, 4], ids=["live", "a file at full speed"])
async def test_while_a_face_is_followed_every_turn_is_taken(ahead: int) -> None:
    """Somebody who stands still keeps their track, and is seen at once when they turn round."""
    seeing = Seeing(boxes_at((300.0, 300.0), size_px=120.0))
    counters = CameraCounters()
    watch = watching(seeing, frames_ahead=ahead)
    await watch(_still(_frames(80), moving={10}), counters)
    assert counters.frames_detected == 70
    assert counters.tracks == 1


async def _still(frames: AsyncIterator[Frame], moving: set[int]) -> AsyncIterator[Frame]:
    async for frame in frames:
        yield replace(frame, still=frame.sequence not in moving)


@pytest.mark.parametrize("somebody", [False, True])
async def test_the_pacer_is_told_whether_anybody_is_followed(somebody: bool) -> None:
    faces = boxes_at((300.0, 300.0), size_px=120.0) if somebody else Detections.none()
    pacer = CameraPacer(RateController(8.0, 8.0), "door", still_look_s=2.0)
    pacer.handed(39)
    watch = watching(Seeing(faces))
    await watch(_still(_frames(40), moving={3}), CameraCounters(), pacer=pacer)
    assert pacer.at_rest is not somebody


HERE = (300.0, 300.0)
NOSE = (300.0, 312.0)
"""Of a face of 120 px there."""
FACE = boxes_at(HERE, size_px=120.0)
SMALL = boxes_at((300.0, 307.0), size_px=50.0)
"""A face whose nose is at the same place, and whose eyes are 20 px apart."""


def _of(grey: int, count: int, *, wall: int = 128) -> list[Planes]:
    return [picture((*NOSE, grey), wall=wall)] * count


class Looked:
    """Where looks were taken: (track, frame)."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, int]] = []

    def looked(self, camera_id: str, track_id: int, sequence: int, box: F32) -> None:
        assert camera_id == "door"
        assert box.shape == (4,)
        self.taken.append((track_id, sequence))

    @property
    def sequences(self) -> list[int]:
        return [sequence for _, sequence in self.taken]


async def test_a_cut_ends_every_track() -> None:
    """The face is where one was before; whose it is must be asked anew."""
    faces = boxes_at(HERE, (700.0, 300.0), size_px=120.0)
    known = Shown(towards(0, 0.48, 1))
    seeing, heard, looked = Seeing(faces, {1: known}), Heard(), Looked()
    counters = CameraCounters()
    noses = (*NOSE, 1), (700.0, 312.0, 1)
    pictures = [picture(*noses)] * 2 + [picture(*noses, wall=30)] * 2
    search = listing(ada=towards(0))
    watch = watching(seeing, search, heard, looked)
    await watch(frames_of(pictures), counters)
    assert (counters.scene_cuts, counters.tracks, counters.tracks_split) == (1, 4, 0)
    assert sorted(looked.taken) == [(1, 1), (2, 1), (3, 3), (4, 3)]
    assert heard.ended == [1, 2, 3, 4]
    assert not heard.decisions, "one look each is not enough, and two of two scenes are not two"
    assert seeing.held == 0
    assert search.tracks.below["door"] == 4


async def test_without_a_cut_the_same_looks_are_enough() -> None:
    seeing, heard, counters = (
        Seeing(FACE, {1: Shown(towards(0, 0.48, 1))}),
        Heard(),
        CameraCounters(),
    )
    watch = watching(seeing, listing(ada=towards(0)), heard)
    await watch(frames_of(_of(1, 12)), counters)
    assert [(d.kind, d.track_id, d.looks) for d in heard.decisions] == [("raised", 1, 2)]
    assert (counters.scene_cuts, counters.tracks) == (0, 1)


async def test_a_face_that_is_exchanged_begins_a_track_and_takes_nothing_along() -> None:
    people = {1: Shown(towards(0, 0.48, 1)), 2: Shown(towards(0, 0.48, 2))}
    seeing, heard, looked, counters = Seeing(FACE, people), Heard(), Looked(), CameraCounters()
    search = listing(ada=towards(0))
    watch = watching(seeing, search, heard, looked)
    await watch(frames_of([*_of(1, 3), *_of(2, 14)]), counters)
    assert (counters.tracks, counters.tracks_split, counters.scene_cuts) == (2, 1, 0)
    assert heard.ended == [1, 2]
    assert [track_id for track_id, _ in looked.taken][:3] == [1, 2, 2]
    assert {decision.track_id for decision in heard.decisions} == {2}
    decision = heard.decisions[0]
    assert (decision.kind, decision.looks) == ("raised", 2), "two of its own, as anybody needs"
    assert decision.trail is not None
    for scored in decision.trail.looks:
        assert (scored.mean, scored.alone) == pytest.approx((0.48, 0.48), abs=1e-3)
    assert seeing.held == 0
    assert not followed(search)
    assert (search.tracks.below["door"], search.tracks.raised["door"]) == (1, 1)


@pytest.mark.parametrize("silenced", [False, True])
async def test_what_is_silent_on_the_old_passage_can_be_raised_on_the_new_one(
    silenced: bool,
) -> None:
    people = {
        1: Shown(towards(0, 0.55, 1)),
        2: Shown(towards(0, 0.65, 1)),  # the same person, more clearly
        3: Shown(towards(0, 0.55, 2)),
    }
    seeing, search, counters = Seeing(FACE, people), listing(ada=towards(0)), CameraCounters()
    heard = Heard(search, silenced=["ada"] if silenced else [])
    pictures = [*_of(1, 24), *_of(2, 24), *_of(3, 32)]
    await watching(seeing, search, heard)(frames_of(pictures), counters)
    assert set(seeing.looks) == {1, 2, 3}
    assert counters.tracks_split == 1
    kinds = [(decision.kind, decision.track_id) for decision in heard.decisions]
    raised = [("raised", 1), ("raised", 2)]
    assert [kind for kind in kinds if kind[0] == "raised"] == raised
    updated = {("updated", 1), ("updated", 2)}
    assert set(kinds) - set(raised) == (set() if silenced else updated)


@pytest.mark.parametrize(
    ("hidden", "changed", "sequences"),
    [
        (False, False, [1, 25, 49]),
        (True, True, [1, 25, 41, 65]),
        (False, True, [1, 25, 40, 64]),
        (True, False, [1, 25, 49]),
    ],
    ids=["no doubt", "hidden and unlike before", "unlike before", "hidden, and as it was"],
)
async def test_a_look_in_doubt_that_agrees_clears_the_doubt(
    hidden: bool, changed: bool, sequences: list[int]
) -> None:
    """Looks follow at their own pace: one comes out of turn, and the next ones wait for theirs.
    Where a glimpse shows the face as it was at the last look there is no doubt."""
    before, after = (_textured(seed, grey) for seed, grey in ((1, 1), (1 + changed, 2)))
    shown = Shown(towards(0))
    seeing = Seeing(FACE, {1: shown, 2: shown}, absent=range(38, 41) if hidden else ())
    looked, counters = Looked(), CameraCounters()
    watch = watching(seeing, listing(eve=towards(5)), observer=looked)
    await watch(frames_of([before] * 40 + [after] * 32), counters)
    assert looked.sequences == sequences
    assert (counters.tracks, counters.tracks_split) == (1, 0)


async def test_a_face_that_looks_unlike_itself_is_looked_at_at_once() -> None:
    """Geometry says nothing where one face takes the place of another; a glimpse does."""
    before, after = (_textured(seed, grey) for seed, grey in ((1, 1), (2, 2)))
    people = {1: Shown(towards(0)), 2: Shown(towards(1))}
    seeing, looked, counters = Seeing(FACE, people), Looked(), CameraCounters()
    watch = watching(seeing, listing(eve=towards(5)), observer=looked)
    await watch(frames_of([before] * 40 + [after] * 4), counters)
    assert looked.taken == [(1, 1), (1, 25), (2, 40)]
    assert (counters.tracks_split, counters.scene_cuts) == (1, 0)


def _textured(seed: int, grey: int) -> Planes:
    planes = picture()
    cells = np.random.default_rng(seed).integers(60, 200, (6, 6), np.uint8)
    planes.y[210:390, 210:390] = cells.repeat(30, 0).repeat(30, 1)
    planes.y[round(NOSE[1]), round(NOSE[0])] = grey
    return planes


async def test_after_all_its_looks_a_track_is_checked_and_a_newcomer_noticed() -> None:
    people = {1: Shown(towards(0)), 2: Shown(towards(1))}
    seeing, heard, looked, counters = Seeing(FACE, people), Heard(), Looked(), CameraCounters()
    watch = watching(seeing, listing(ada=towards(1)), heard, looked, max_looks=2)
    pictures = [*_of(1, 80), *_of(2, 40)]
    await watch(frames_of(pictures), counters)
    assert counters.tracks_split == 1
    assert heard.ended == [1, 2]
    raised = [(d.track_id, d.entry_id, d.looks) for d in heard.decisions if d.kind == "raised"]
    assert raised == [(2, "ada", 1)]
    firsts = [sequence for track_id, sequence in looked.taken if track_id == 1]
    assert len(firsts) > 2, "checks go on"
    newcomer = next(sequence for track_id, sequence in looked.taken if track_id == 2)
    assert 80 <= newcomer <= 80 + 8 * BestShotRule().longest_wait_s
    assert seeing.held == 0


NEARLY = Shown(towards(0, 0.38, 1))
"""Nearly ada: more looks may reach the bar."""


async def test_a_small_face_that_is_nearly_somebody_gets_a_few_careful_looks() -> None:
    seeing, counters, looked = Seeing(SMALL, {1: NEARLY}), CameraCounters(), Looked()
    watch = watching(seeing, listing(ada=towards(0)), observer=looked)
    await watch(frames_of(_of(1, 80)), counters)
    assert seeing.careful == CAREFUL_LIMIT
    assert len(looked.taken) == counters.templates_made, "the observer is told of all"
    assert looked.sequences.count(1) == 1 + VIEWS
    assert counters.templates_made == seeing.probes.counts().made == len(seeing.looks)
    assert seeing.held == 0


@pytest.mark.parametrize(
    ("faces", "shown", "has_views"),
    [(FACE, NEARLY, True), (SMALL, Shown(towards(0, 0.2, 1)), True), (SMALL, NEARLY, False)],
    ids=["large", "far from everybody", "the pack has no views"],
)
async def test_nobody_else_gets_a_careful_look(
    faces: Detections, shown: Shown, has_views: bool
) -> None:
    seeing = Seeing(faces, {1: shown}, has_views=has_views)
    watch = watching(seeing, listing(ada=towards(0)))
    await watch(frames_of(_of(1, 80)), CameraCounters())
    assert len(seeing.looks) > 2
    assert seeing.careful == 0


async def test_the_clearest_view_is_what_is_kept_of_a_careful_look() -> None:
    people = {1: NEARLY, 2: NEARLY, 3: Shown(towards(0, 0.7, 1), norm=20.0), 4: NEARLY}
    seeing = Seeing(SMALL, people, view_greys={1: (2, 3, 4)})
    heard = Heard()
    watch = watching(seeing, listing(ada=towards(0)), heard)
    await watch(frames_of(_of(1, 2)), CameraCounters())
    assert seeing.looks == [1, 2, 3, 4]
    (decision,), (sight,) = heard.decisions, heard.sights
    assert decision.looks == 1, "all views together are one look"
    assert decision.look.alone[0].score == pytest.approx(0.7, abs=1e-3)
    assert (sight.crop[0] == 3).all()
    # 1, 2 and 4 weigh 1, 1/3 and 1/3; the clear one a third of 2 x 2 x 2.
    total = (5 * NEARLY.vector + 8 * people[3].vector) / 3
    mean = decision.look.matches[0].score
    assert mean == pytest.approx(total[0] / np.linalg.norm(total), abs=1e-3)
    assert seeing.held == 0


THREE = [(300.0, 300.0), (600.0, 300.0), (900.0, 300.0)]
THREE_SMALL = boxes_at(*THREE, size_px=50.0)
THREE_NOSES = [(x, y + 5.0, 1) for x, y in THREE]


@pytest.mark.parametrize("crops", [1, 2, 3, 4, 5, 7, 12])
@pytest.mark.parametrize("probes", [1, 2, 3, 4, 6])
async def test_a_pool_that_runs_dry_in_a_careful_look_leaves_nothing_held(
    crops: int, probes: int
) -> None:
    seeing = Seeing(THREE_SMALL, {1: NEARLY}, crops=crops, probes=probes)
    counters = CameraCounters()
    watch = watching(seeing, listing(ada=towards(0)))
    await watch(frames_of([picture(*THREE_NOSES)] * 40), counters)
    assert seeing.held == 0
    assert seeing.careful > 0
    short = crops < 3 or probes < 3
    assert counters.looks_skipped["pool-full"] > 0 or not short
    assert counters.templates_made == seeing.probes.counts().made


@pytest.mark.parametrize("strong_view", [False, True])
@pytest.mark.parametrize("after", range(9))
async def test_a_model_that_breaks_in_a_careful_look_leaves_nothing_held(
    after: int, strong_view: bool
) -> None:
    people = {1: NEARLY, 2: Shown(NEARLY.vector, norm=11.0), 3: Shown(NEARLY.vector, norm=12.0)}
    greys = {1: (2, 3, 2)} if strong_view else {}
    seeing = Seeing(SMALL, people, breaks_after=after, view_greys=greys)
    search = listing(ada=towards(0))
    watch = watching(seeing, search)
    with pytest.raises(ExceptionGroup) as failure:
        await watch(frames_of(_of(1, 80)), CameraCounters())
    assert failure.value.subgroup(InferenceFailed) is not None
    assert after - VIEWS < len(seeing.looks) <= after, "views are looked at together"
    assert seeing.held == 0
    assert not followed(search)


@pytest.mark.parametrize("after", range(6))
async def test_a_camera_that_is_stopped_in_a_careful_look_leaves_nothing_held(after: int) -> None:
    people = {1: NEARLY, 2: Shown(NEARLY.vector, norm=11.0), 3: Shown(NEARLY.vector, norm=12.0)}
    seeing = Seeing(SMALL, people, hangs_after=after, view_greys={1: (2, 3, 2)})
    watch = watching(seeing, listing(ada=towards(0)))
    running = asyncio.create_task(watch(frames_of(_of(1, 80)), CameraCounters()))
    while len(seeing.looks) < after or not seeing.held:
        await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)
    assert seeing.held > 0
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert seeing.held == 0


async def test_a_turned_face_is_aligned_with_care_and_a_frontal_one_is_not() -> None:
    turned = replace(
        FACE, landmarks=FACE.landmarks + np.float32([[0, 0]] * 2 + [[20, 0]] + [[0, 0]] * 2)
    )
    far = Shown(towards(0, 0.1, 1))
    pictures = [picture((*NOSE, 1), (NOSE[0] + 20, NOSE[1], 1))] * 6
    for faces, shown, expected in ((FACE, NEARLY, 0), (turned, NEARLY, 1), (turned, far, 0)):
        seeing = Seeing(faces, {1: shown})
        watch = watching(seeing, listing(ada=towards(0)))
        await watch(frames_of(pictures), CameraCounters())
        assert len(seeing.aligned_px) >= 1, "the first look says whether it is worth the care"
        assert bool(seeing.turned) == bool(expected)
        assert seeing.held == 0


SCENES = st.lists(
    st.tuples(
        st.sampled_from([1, 2, 3]),  # who is there
        st.integers(1, 12),  # for so many frames
        st.sampled_from([128, 128, 20]),  # before which wall
    ),
    min_size=1,
    max_size=6,
)


@given(
    SCENES,
    st.sets(st.integers(0, 40)),
    st.sampled_from([FACE, SMALL]),
    st.integers(1, 6),
    st.integers(1, 6),
    st.integers(1, 4),
)
def test_whatever_passes_every_track_ends_once_and_nothing_is_held(
    scenes: list[tuple[int, int, int]],
    absent: set[int],
    faces: Detections,
    crops: int,
    probes: int,
    max_looks: int,
) -> None:
    people = {
        1: Shown(towards(0, 0.6, 1), norm=12.0),
        2: Shown(towards(0, 0.4, 2), norm=9.0),
        3: Shown(towards(5), norm=3.0),
    }
    seeing = Seeing(faces, people, crops=crops, probes=probes, absent=absent)
    search, counters, looked = listing(ada=towards(0)), CameraCounters(), Looked()
    heard = Heard(search)
    pictures = [planes for grey, count, wall in scenes for planes in _of(grey, count, wall=wall)]
    watch = watching(seeing, search, heard, looked, max_looks=max_looks)
    asyncio.run(watch(frames_of(pictures), counters))
    assert seeing.held == 0
    assert not followed(search)
    assert len(heard.ended) == counters.tracks
    known = search.tracks
    assert known.below["door"] + known.never_compared["door"] + known.raised["door"] == len(
        heard.ended
    )
    assert {decision.track_id for decision in heard.decisions} <= set(heard.ended)
    raised = [decision.track_id for decision in heard.decisions if decision.kind == "raised"]
    assert len(raised) == len(set(raised)) == known.raised["door"], "of each track once"
    assert counters.templates_made == seeing.probes.counts().made == len(looked.taken)
    walls = [wall for _, _, wall in scenes]
    cuts = sum(before != after for before, after in itertools.pairwise(walls))
    assert counters.scene_cuts == cuts
    assert {track_id for track_id, _ in looked.taken} <= set(heard.ended)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vision(pack: packs.Pack) -> AsyncIterator[Vision]:
    async with Vision(pack, threads=2, pool_size=8) as vision:
        yield vision


@pytest.mark.asyncio(loop_scope="module")
async def test_real_models_tell_when_somebody_else_stands_there(vision: Vision) -> None:
    """The astronaut goes, and one of six people stands in the very place at once."""
    first, second = (
        [planes_from_rgb(somebody_in_a_room(who, number)) for number in range(12)]
        for who in ("astronaut", "other")
    )
    for pictures, tracks, split in (([*first, *first], 1, 0), ([*first, *second], 2, 1)):
        counters, heard = CameraCounters(), Heard()
        watch = watching(vision, listing(eve=towards(0)), heard)
        await watch(frames_of(pictures), counters)
        assert (counters.tracks, counters.tracks_split, counters.scene_cuts) == (tracks, split, 0)
        assert len(heard.ended) == tracks
        assert (vision.counts.held, vision.crops_held) == (0, 0)

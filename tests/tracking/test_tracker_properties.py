"""What holds of the tracker whatever it is shown: any boxes, at any times."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lfrd.tracking.tracker import Tracker, TrackerRule
from lfrd.types import F32, Detections, TrackUpdate
from support.values import boxes_at

MOST = 5

Box = tuple[float, float, float, float]
Step = tuple[float, list[Box]]

POSITIONS = st.floats(-200, 4000, width=32)
SIDES = st.floats(0.5, 800, width=32)
BOXES = st.tuples(POSITIONS, POSITIONS, SIDES, SIDES)
NEARBY = st.tuples(st.floats(0, 120, width=32), st.floats(0, 60, width=32),
                   st.floats(30, 60, width=32), st.floats(30, 60, width=32))  # fmt: skip
"""Faces in one small place: whatever is seen there may be any of the tracks."""
WAITS_S = st.one_of(
    st.sampled_from([0.0, 0.04, 0.125, -0.04]), st.floats(-2.0, 3.0, allow_nan=False)
)
STEPS = st.lists(st.tuples(WAITS_S, st.lists(BOXES | NEARBY, max_size=9)), max_size=25)


def found(boxes: list[Box], number: int) -> Detections:
    """Detections (left, top, width, height) whose landmarks say which one of which step it is."""
    if not boxes:
        return Detections.none()
    sides = np.array(boxes, np.float32)
    landmarks = np.zeros((len(boxes), 5, 2), np.float32)
    landmarks[:, 0, 0], landmarks[:, 0, 1] = number, np.arange(len(boxes))
    corners = np.concatenate([sides[:, :2], sides[:, :2] + sides[:, 2:]], axis=1)
    return Detections(corners, np.full(len(boxes), 0.9, np.float32), landmarks)


def walk(tracker: Tracker, steps: list[Step], *, from_s: float = 0.0) -> list[TrackUpdate]:
    """One update for each step; a wait below zero is a step back in time."""
    updates, at_s = [], from_s
    for number, (wait_s, boxes) in enumerate(steps):
        at_s += wait_s
        updates.append(tracker.step(found(boxes, number), at_s))
    return updates


def live(update: TrackUpdate) -> list[int]:
    return [view.track_id for view in update.live]


@given(STEPS)
def test_a_live_track_goes_on_or_ends_and_never_both(steps: list[Step]) -> None:
    tracker = Tracker()
    before: set[int] = set()
    for update in [*walk(tracker, steps), tracker.close()]:
        now, ended = live(update), list(update.ended)
        assert len(now) == len(set(now)), "no id is live twice"
        assert len(ended) == len(set(ended)), "no id ends twice"
        assert not set(now) & set(ended)
        assert before <= set(now) | set(ended), "none vanishes without a word"
        assert set(ended) <= before, "only what was live ends"
        before = set(now)
    assert not before, "close ends all"
    assert not tracker.follows_any


@given(STEPS, STEPS)
def test_an_id_is_never_used_again(first: list[Step], later: list[Step]) -> None:
    """Not after its track ended, nor after the tracker was closed and is used anew."""
    tracker = Tracker()
    updates = [*walk(tracker, first), tracker.close(), *walk(tracker, later, from_s=-1.0),
               tracker.close()]  # fmt: skip
    gone: set[int] = set()
    known = 0
    for update in updates:
        new = sorted(set(live(update)) - set(range(known + 1)))
        assert new == list(range(known + 1, known + 1 + len(new))), "ids count up"
        known += len(new)
        assert gone.isdisjoint(live(update))
        assert gone.isdisjoint(update.ended)
        gone.update(update.ended)
    assert gone == set(range(1, known + 1)), "every track ended, once"


@given(STEPS)
def test_a_detection_is_of_one_track_and_of_this_step(steps: list[Step]) -> None:
    for number, update in enumerate(walk(Tracker(), steps)):
        seen = [tuple(view.landmarks[0].tolist()) for view in update.live if view.detected]
        assert len(seen) == len(set(seen)), "two tracks share a face"
        assert {step for step, _ in seen} <= {number}
        assert {int(index) for _, index in seen} <= set(range(len(steps[number][1])))


@given(STEPS)
def test_there_are_never_more_tracks_than_allowed_and_their_boxes_are_finite(
    steps: list[Step],
) -> None:
    for update in walk(Tracker(TrackerRule(max_tracks=MOST)), steps):
        assert len(update.live) <= MOST
        for view in update.live:
            left, top, right, bottom = view.box.tolist()
            assert np.isfinite(view.box).all()
            assert left <= right
            assert top <= bottom


@given(
    size_px=st.floats(20, 200),
    hz=st.floats(5, 30),
    turns=st.lists(
        st.lists(st.tuples(st.floats(0, 0.29), st.floats(0, 2 * np.pi)), min_size=6, max_size=6),
        min_size=2,
        max_size=60,
    ),
)
def test_slow_walkers_far_from_each_other_keep_their_ids(
    size_px: float, hz: float, turns: list[list[tuple[float, float]]]
) -> None:
    """Each goes less than 0.3 face sizes a step, wherever to, and stays over three from others."""
    homes = np.array([[2.0 + 8 * (n % 3), 2.0 + 8 * (n // 3)] for n in range(6)])
    places, tracker = homes.copy(), Tracker()
    tracker.step(_at(places, size_px), 0.0)
    begun: dict[int, int] = {}
    for number, moves in enumerate(turns, start=1):
        reach, angle = np.array(moves).T
        moved = places + np.stack([reach * np.cos(angle), reach * np.sin(angle)], axis=1)
        places = homes + np.clip(moved - homes, -2.4, 2.4)
        update = tracker.step(_at(places, size_px), number / hz)
        now = {view.track_id: _walker(view.box, places, size_px) for view in update.live}
        begun = begun or now
        assert now == begun, "each track is on its own walker"
        assert sorted(now.values()) == [0, 1, 2, 3, 4, 5]
        assert not update.ended


def _at(places: np.ndarray, size_px: float) -> Detections:
    centres = [(float(x), float(y)) for x, y in places * size_px]
    return boxes_at(*centres, size_px=size_px)


def _walker(box: F32, places: np.ndarray, size_px: float) -> int:
    """Who is in a box: the nearest, and less than a face away."""
    gaps = np.linalg.norm(places - (box[:2] + box[2:]) / 2 / size_px, axis=1)
    assert gaps.min() < 1
    return int(gaps.argmin())

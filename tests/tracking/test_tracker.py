import numpy as np
from builders import boxes_at
from hypothesis import given
from hypothesis import strategies as st

from lfrd.tracking.tracker import Tracker, TrackerRule
from lfrd.types import Detections


def walk(tracker: Tracker, frames: list[Detections], hz: float = 8.0) -> list[list[int]]:
    """Track ids live in each frame."""
    ids = []
    for number, detections in enumerate(frames):
        update = tracker.step(detections, number / hz)
        ids.append([view.track_id for view in update.live])
    return ids


def test_a_single_detection_is_not_a_passing_face() -> None:
    tracker = Tracker()
    assert tracker.step(boxes_at((50, 50)), 0.0).live == ()
    assert tracker.step(boxes_at(), 5.0).ended == ()
    assert tracker.close().ended == ()


def test_a_walking_face_keeps_its_id() -> None:
    frames = [boxes_at((50 + 30 * number, 100)) for number in range(20)]
    ids = walk(Tracker(), frames)
    assert ids[1:] == [[1]] * 19


def test_it_survives_missed_detections() -> None:
    frames = [boxes_at((50 + 20 * n, 100)) if n % 4 != 3 else boxes_at() for n in range(24)]
    tracker = Tracker()
    ids = {track for live in walk(tracker, frames) for track in live}
    assert ids == {1}


def test_two_faces_crossing_keep_their_ids() -> None:
    tracker = Tracker()
    first_of: dict[int, float] = {}
    for number in range(30):
        left, right = 100 + 20.0 * number, 700 - 20.0 * number
        update = tracker.step(boxes_at((left, 100), (right, 115)), number / 8)
        for view in update.live:
            centre = float(view.box[0] + view.box[2]) / 2
            first_of.setdefault(view.track_id, centre)
    assert len(first_of) == 2
    centres = {view.track_id: float(view.box[0] + view.box[2]) / 2 for view in update.live}
    for track_id, start in first_of.items():
        assert (start < 400) == (centres[track_id] > 400), "the tracks swapped at the crossing"


def test_a_lost_track_ends_once_and_a_comeback_is_new() -> None:
    tracker = Tracker()
    for number in range(3):
        tracker.step(boxes_at((50, 50)), number / 8)
    assert tracker.step(boxes_at(), 1.0).ended == ()
    assert tracker.step(boxes_at(), 2.0).ended == (1,)
    assert tracker.step(boxes_at(), 3.0).ended == ()
    tracker.step(boxes_at((50, 50)), 4.0)
    assert [view.track_id for view in tracker.step(boxes_at((50, 50)), 4.1).live] == [2]


def test_time_that_steps_back_does_not_break_it() -> None:
    tracker = Tracker()
    for at_s in (1.0, 1.1, 0.2, 0.3, 1.2):
        update = tracker.step(boxes_at((50, 50)), at_s)
    assert [view.track_id for view in update.live] == [1]
    assert np.isfinite(update.live[0].box).all()


def test_new_faces_beyond_the_bound_are_not_followed() -> None:
    tracker = Tracker(TrackerRule(max_tracks=3))
    centres = [(100.0 * number, 50.0) for number in range(10)]
    for at_s in (0.0, 0.1):
        update = tracker.step(boxes_at(*centres), at_s)
    assert len(update.live) == 3


@given(
    st.lists(
        st.lists(st.tuples(st.floats(0, 2000, width=32), st.floats(0, 2000, width=32)), max_size=6),
        max_size=15,
    )
)
def test_ids_are_unique_and_every_live_track_ends(
    scenes: list[list[tuple[float, float]]],
) -> None:
    tracker = Tracker()
    live_once: set[int] = set()
    ended: list[int] = []
    for number, centres in enumerate(scenes):
        update = tracker.step(boxes_at(*centres), number / 8)
        ids = [view.track_id for view in update.live]
        assert len(ids) == len(set(ids))
        live_once.update(ids)
        ended.extend(update.ended)
    ended.extend(tracker.close().ended)
    assert len(ended) == len(set(ended))
    assert live_once <= set(ended)

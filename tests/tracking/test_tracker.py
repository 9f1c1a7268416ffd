import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.tracking.tracker import Tracker, TrackerRule
from lfrd.types import Detections, TrackUpdate
from support.values import boxes_at


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


def _followed(tracker: Tracker, *centres: tuple[float, float], frames: int = 8) -> None:
    """Faces that stand still for a second."""
    for number in range(frames):
        update = tracker.step(boxes_at(*centres), number / 8)
    assert len(update.live) == len(centres)
    assert not any(view.doubtful for view in update.live)


def _doubtful(update: TrackUpdate) -> list[int]:
    return [view.track_id for view in update.live if view.doubtful]


def test_a_person_who_stands_or_walks_is_not_in_doubt() -> None:
    tracker = Tracker()
    for number in range(40):
        update = tracker.step(boxes_at((50 + 12 * number, 100), (900, 300)), number / 8)
        assert _doubtful(update) == []


def test_a_leap_is_in_doubt_until_a_look_is_trusted() -> None:
    rule, tracker = TrackerRule(), Tracker()
    _followed(tracker, (100, 100))
    just_not = 100 + 40 * (rule.doubt_leap - 0.05)
    assert _doubtful(tracker.step(boxes_at((just_not, 100)), 1.0)) == []
    tracker = Tracker()
    _followed(tracker, (100, 100))
    leapt = boxes_at((100 + 40 * (rule.doubt_leap + 0.05), 100))
    assert _doubtful(tracker.step(leapt, 1.0)) == [1], "and it is followed all the same"
    for number in range(9, 16):
        assert _doubtful(tracker.step(leapt, number / 8)) == [1], "it does not pass by itself"
    tracker.trust(1)
    assert _doubtful(tracker.step(leapt, 2.0)) == []


def test_a_face_that_was_not_seen_for_a_while_is_in_doubt() -> None:
    tracker = Tracker()
    _followed(tracker, (100, 100))
    tracker.step(boxes_at(), 1.0)  # last seen at 0.875
    assert _doubtful(tracker.step(boxes_at((100, 100)), 1.07)) == []
    tracker.step(boxes_at(), 1.2)
    assert _doubtful(tracker.step(boxes_at(), 1.25)) == [], "nobody is there to be looked at"
    assert _doubtful(tracker.step(boxes_at((100, 100)), 1.3)) == [1]


def test_two_who_part_are_in_doubt_and_a_third_is_not() -> None:
    tracker = Tracker()
    together = [*range(60, 12, -4), *[12] * 5]
    for number, gap in enumerate([*together, *range(12, 60, 4)]):
        update = tracker.step(boxes_at((100, 100), (100 + gap, 100), (800, 100)), number / 25)
        if number < len(together):
            assert _doubtful(update) == [], "as long as they are together nothing can be told"
    assert _doubtful(update) == [1, 2]


def test_something_else_may_say_that_a_track_is_in_doubt() -> None:
    tracker = Tracker()
    _followed(tracker, (100, 100), (500, 100))
    tracker.doubt(2)
    tracker.doubt(99)
    tracker.trust(99)
    assert _doubtful(tracker.step(boxes_at((100, 100), (500, 100)), 1.0)) == [2]


def test_a_track_that_follows_somebody_else_goes_on_under_a_new_id() -> None:
    tracker = Tracker()
    _followed(tracker, (100, 100), (500, 100))
    tracker.doubt(1)
    assert tracker.renumber(1) == 3
    update = tracker.step(boxes_at((104, 100), (500, 100), (900, 100)), 1.0)
    assert sorted(view.track_id for view in update.live) == [2, 3]
    assert _doubtful(update) == []
    assert update.ended == (), "who renumbers knows that the old one has ended"
    update = tracker.step(boxes_at((104, 100), (500, 100), (900, 100)), 1.1)
    assert sorted(view.track_id for view in update.live) == [2, 3, 4], "no id is given twice"
    assert sorted(tracker.close().ended) == [2, 3, 4]
    with pytest.raises(StopIteration):
        tracker.renumber(1)


def test_what_was_not_confirmed_yet_has_no_id_to_doubt() -> None:
    tracker = Tracker()
    tracker.step(boxes_at((100, 100)), 0.0)
    tracker.doubt(1)
    assert _doubtful(tracker.step(boxes_at((100, 100)), 0.1)) == []


def test_a_face_keeps_its_id_in_a_picture_of_another_size() -> None:
    tracker = Tracker()
    for number in range(4):
        tracker.step(boxes_at((100 + 10.0 * number, 50), size_px=20.0), number / 8)
    tracker.scale(3.0)
    update = tracker.step(boxes_at((420.0, 150), size_px=60.0), 4 / 8)
    assert [view.track_id for view in update.live] == [1]
    assert not update.live[0].doubtful


def test_it_sees_those_found_in_the_last_step() -> None:
    tracker = Tracker()
    assert not tracker.sees_any
    tracker.step(boxes_at((100, 50)), 0.0)
    assert tracker.sees_any
    tracker.step(boxes_at(), 0.1)
    assert (tracker.sees_any, tracker.follows_any) == (False, True)

from collections import Counter

from lfrd.counters import CameraCounters
from lfrd.matching.why import MINUTES_KEPT, CameraCounts, CountHistory, advice


def counted(**values: int) -> CameraCounters:
    return CameraCounters(frames_decoded=100, frames_detected=50, **values)


def test_a_span_has_what_was_counted_in_its_minutes() -> None:
    history, counters = CountHistory(), counted(faces_detected=10, tracks=2)
    counters.saw(40.0)
    counters.looks_skipped["too-small"] += 3
    history.note(120.0, counters, never=1, below=0, raised=0)
    counters.faces_detected, counters.tracks = 25, 3
    counters.looks_skipped["too-small"] += 4
    counters.saw(30.0)
    history.note(185.0, counters, never=1, below=1, raised=0)
    early = history.between(0, 179)
    assert (early.faces_detected, early.tracks, early.never_compared) == (10, 2, 1)
    assert (early.best_inter_eye_px, early.looks_skipped) == (40.0, Counter({"too-small": 3}))
    late = history.between(180, 10_000)
    assert (late.faces_detected, late.tracks, late.below, late.never_compared) == (15, 1, 1, 0)
    assert (late.best_inter_eye_px, late.looks_skipped) == (30.0, Counter({"too-small": 4}))
    both = history.between(0, 10_000)
    assert (both.faces_detected, both.best_inter_eye_px) == (25, 40.0)
    assert history.between(300, 400) == CameraCounts()


def test_asking_twice_in_a_minute_counts_nothing_twice() -> None:
    history, counters = CountHistory(), counted(faces_detected=5)
    history.note(60.0, counters, 0, 0, 0)
    history.note(70.0, counters, 0, 0, 0)
    assert history.between(0, 100).faces_detected == 5


def test_a_camera_that_starts_anew_counts_from_nothing() -> None:
    history = CountHistory()
    history.note(60.0, counted(faces_detected=50, tracks=9), never=4, below=2, raised=1)
    history.note(130.0, counted(faces_detected=7, tracks=1), never=5, below=2, raised=1)
    late = history.between(120, 180)
    assert (late.faces_detected, late.tracks) == (7, 1)
    assert (late.never_compared, late.below) == (1, 0)


def test_a_clock_that_is_set_back_loses_nothing() -> None:
    history, counters = CountHistory(), counted(faces_detected=5)
    history.note(600.0, counters, 0, 0, 0)
    counters.faces_detected = 9
    history.note(60.0, counters, 0, 0, 0)
    assert history.between(0, 10_000).faces_detected == 9


def test_a_day_is_kept_and_no_more() -> None:
    history, counters = CountHistory(), counted()
    for minute in range(MINUTES_KEPT + 10):
        counters.faces_detected += 1
        history.note(60.0 * minute, counters, 0, 0, 0)
    assert history.between(0, 1e9).faces_detected == MINUTES_KEPT


def test_advice_names_what_can_be_mended() -> None:
    assert "no picture" in advice(CameraCounts())[0]
    assert "no face" in advice(CameraCounts(frames_decoded=9))[0]
    small = CameraCounts(
        frames_decoded=9, frames_detected=9, faces_detected=9, never_compared=3,
        best_inter_eye_px=20.0, looks_skipped={"too-small": 8},
    )  # fmt: skip
    assert "20 px" in advice(small)[0]
    assert "faces are small" in advice(small)[1]
    turned = CameraCounts(
        frames_decoded=9, frames_dropped=20, frames_detected=9, faces_detected=9, below=2,
        never_compared=3, best_inter_eye_px=60.0, looks_skipped={"turned-away": 8, "pool-full": 1},
    )  # fmt: skip
    said = " ".join(advice(turned))
    assert all(words in said for words in ("turned away", "threads", "too slow", "2 tracks"))

"""What is said of a machine that is full, and that it is taken back."""

from typing import Any, cast

from lfrd.deployment.camera_watch import CameraWatch
from lfrd.deployment.counts import RunCounts
from lfrd.ingest.pacing import CameraPacer, PairPacer, RateController
from lfrd.tracking.best_shot import BestShotRule


def _watch(rate: RateController | None) -> CameraWatch:
    return CameraWatch(
        cast(Any, None), cast(Any, None), cast(Any, None), BestShotRule(),
        cast(RunCounts, None), rate=rate, still_look_s=2.0, media_clock=rate is None,
    )  # fmt: skip


def test_how_many_cameras_fit_is_said_while_not_all_do() -> None:
    rate = RateController(8.0, 2.0)
    watch = _watch(rate)
    for name in ("door", "hall", "yard"):
        assert isinstance(watch.pacer_for(name, paired=False), CameraPacer)
    assert watch.mind_load() is None
    rate.budget.less(0.0)
    rate.budget.share_out(0.0)
    said = watch.mind_load()
    assert said is not None
    assert "2 of 3 cameras are decoded in full" in said
    assert "about 2 cameras" in said
    for second in (2.5, 5.0):
        rate.budget.less(second)
        rate.budget.share_out(second)
    assert "fewer cameras" in (watch.mind_load() or "")
    rate.forget("door")
    rate.forget("hall")
    rate.forget("yard")
    assert watch.mind_load() is None


def test_a_camera_of_two_streams_counts_while_a_face_is_there() -> None:
    rate = RateController(8.0, 2.0)
    pacer = _watch(rate).pacer_for("door", paired=True)
    assert isinstance(pacer, PairPacer)
    assert rate.budget.counts == (0, 0)


def test_a_file_at_full_speed_is_never_too_much() -> None:
    watch = _watch(None)
    assert watch.pacer_for("clip", paired=False) is None
    assert watch.mind_load() is None

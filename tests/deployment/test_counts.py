"""What a deployment counts: over cameras that come and go, and over a restart."""

from dataclasses import dataclass
from typing import cast

import pytest

from lfrd.counters import CameraCounters
from lfrd.deployment.counts import RunCounts
from lfrd.deployment.recorder import EpisodeWriter
from lfrd.vision.engine import Vision
from lfrd.vision.pool import PoolCounts


@dataclass(slots=True)
class Made:
    """Stands for the models: only how many templates they made is asked."""

    counts: PoolCounts
    enrolled: int = 1


@dataclass(slots=True)
class Raised:
    """Stands for the writer of episodes."""

    raised: int = 0
    latencies_ms: tuple[float, ...] = ()


def counts_of(made: Made, raised: Raised | None = None) -> RunCounts:
    return RunCounts("d", cast(Vision, made), cast(EpisodeWriter, raised or Raised()), 0.0)


def test_a_camera_that_is_added_again_keeps_what_it_counted() -> None:
    counts = counts_of(Made(PoolCounts(0, 0, 0)))
    first, again, other = (CameraCounters(tracks=number) for number in (1, 2, 4))
    for camera_id, counters in (("door", first), ("hall", other), ("door", again)):
        counts.camera_begins(camera_id, counters)
    assert counts.cameras == {"door": again, "hall": other}
    assert counts.summary().tracks == 7


def test_work_begins_with_the_first_frame_of_any_camera() -> None:
    counts, late, early = counts_of(Made(PoolCounts(0, 0, 0))), CameraCounters(), CameraCounters()
    counts.camera_begins("late", late)
    counts.camera_begins("early", early)
    assert (counts.summary().wall_s, counts.summary().cpu_s) == (0.0, 0.0)
    early.took_frame(10.0)
    late.took_frame(12.0)
    early.took_frame(14.0)
    assert counts.summary().startup_s == pytest.approx(10.0)
    assert counts.summary().wall_s == 0.0, "it goes on"
    counts.camera_ends()
    assert counts.summary().wall_s > 0.0


def test_only_the_templates_of_this_run_count() -> None:
    made = Made(PoolCounts(5, 5, 0))
    counts = counts_of(made, Raised(2, (10.0, 30.0)))
    made.counts = PoolCounts(8, 7, 1)
    found = counts.summary()
    assert (counts.templates_made, found.templates_made, found.templates_destroyed) == (3, 3, 2)
    assert (found.candidates, found.templates_enrolled) == (2, 1)

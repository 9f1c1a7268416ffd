"""How long each camera gave pictures, and how long it should have."""

from lfrd.deployment.coverage import Coverage
from lfrd.ingest.settings import State


def test_what_a_camera_does_counts_as_active_or_down() -> None:
    states = {"door": State.LIVE, "hall": State.LOST, "yard": State.IDLE, "clip": State.ENDED}
    covered = Coverage(lambda: states, 100.0)
    covered.tick(110.0, paused=False)
    states["door"], states["hall"] = State.FROZEN, State.DEGRADED
    covered.tick(113.0, paused=False)
    covered.tick(120.0, paused=True)
    assert dict(covered.active_s) == {"door": 10.0, "hall": 3.0}
    assert dict(covered.down_s) == {"door": 3.0, "hall": 10.0}
    assert (covered.ran_s, covered.paused_s) == (20.0, 7.0)


def test_a_clock_that_stands_still_counts_nothing() -> None:
    covered = Coverage(lambda: {"door": State.LIVE}, 5.0)
    covered.tick(5.0, paused=False)
    covered.tick(4.0, paused=False)
    assert covered.ran_s == 0.0

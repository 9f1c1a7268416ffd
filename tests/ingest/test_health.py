"""Frozen, degraded, live: judged from a pulse and a time."""

import pytest

from lfrd.ingest.camera import Pulse, judge
from lfrd.ingest.settings import State


@pytest.mark.parametrize(
    ("pulse", "now_s", "state"),
    [
        (Pulse(100.0, 100.0), 100.1, State.LIVE),
        (Pulse(100.0, 100.0), 103.9, State.LIVE),
        (Pulse(100.0, 100.0), 104.0, State.FROZEN),
        (Pulse(130.0, 100.1), 130.0, State.LIVE),
        (Pulse(130.0, 100.0), 130.0, State.DEGRADED),
        (Pulse(100.0, 50.0), 110.0, State.FROZEN),
        (Pulse(100.0, 100.0, damaged_share=0.3), 100.1, State.DEGRADED),
        (Pulse(100.0, 100.0, damaged_share=0.2), 100.1, State.LIVE),
    ],
)
def test_judge(pulse: Pulse, now_s: float, state: State) -> None:
    verdict = judge(pulse, now_s)
    assert verdict.state is state
    assert verdict.reason


def test_an_unchanged_picture_is_called_what_it_is() -> None:
    assert "picture unchanged" in judge(Pulse(130.0, 100.0), 130.0).reason

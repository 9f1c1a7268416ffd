"""Faults, each done to a real daemon: it survives them, and is well soon after."""

import random
from pathlib import Path

import pytest

from support.faults import FAULTS, NEED_ROOT
from support.faulty_site import is_root
from support.kills import Kept, Toll, kill_once
from support.power_cut import PowerToll, cut_once

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("name", FAULTS)
async def test_a_site_survives(name: str, tmp_path: Path) -> None:
    if name in NEED_ROOT and not is_root():
        pytest.skip("only root may mount a file system")
    fewer = {"every": 4} if name == "ended_while_starting" else {}  # the benchmark takes all
    assert await FAULTS[name](tmp_path, **fewer) is not None  # which holds the seconds, too


async def test_nothing_that_was_acknowledged_is_lost_in_a_kill(tmp_path: Path) -> None:
    kept, toll, rng = Kept(), Toll(), random.Random(1)
    for _ in range(3):
        await kill_once(tmp_path / "state", kept, toll, rng, None)
    assert toll.lost == []
    assert toll.acknowledged["list"] + toll.acknowledged["deployment step"] > 0


async def test_nothing_that_was_acknowledged_is_lost_in_a_power_cut(tmp_path: Path) -> None:
    toll = PowerToll()
    await cut_once(tmp_path, toll, random.Random(1), cuts=6)
    assert (toll.lost, toll.damaged) == ([], 0)
    assert toll.writes_hurt > 0
    assert toll.control > 0, "losses are seen where there are some"

"""What a deployment counted is kept by camera, and added up over a restart."""

import json
from pathlib import Path

from lfrd.store import tallies
from lfrd.store.tallies import CameraTally, RunTally, Tallies, over_restart
from support.store import opened, start_deployment


def camera(camera_id: str, tracks: int, **skipped: int) -> CameraTally:
    return CameraTally(
        deployment_id="d", camera_id=camera_id, tracks=tracks, active_s=10.0,
        looks_skipped=json.dumps(skipped),
    )  # fmt: skip


def test_before_and_after_a_restart_are_counted_together() -> None:
    before = Tallies(
        RunTally(deployment_id="d", ran_s=60.0, paused_s=5.0, software='["1 a"]', is_open=True),
        {"door": camera("door", 3, blur=1), "hall": camera("hall", 1)},
    )
    now = Tallies(
        RunTally(deployment_id="d", ran_s=30.0, software='["1 a"]', is_open=True),
        {"door": camera("door", 2, blur=1, pose=4)},
    )
    both = over_restart(before, now)
    assert (both.run.ran_s, both.run.paused_s, both.run.software) == (90.0, 5.0, '["1 a"]')
    assert both.run.cut_offs == 1, "it was open, so a crash came between"
    assert both.run.is_open
    assert {name: item.tracks for name, item in both.cameras.items()} == {"door": 5, "hall": 1}
    assert json.loads(both.cameras["door"].looks_skipped) == {"blur": 2, "pose": 4}
    assert both.cameras["door"].active_s == 20.0


def test_a_deployment_that_was_suspended_was_not_cut_off() -> None:
    before = Tallies(RunTally(deployment_id="d", cut_offs=2))
    now = Tallies(RunTally(deployment_id="d", software='["2 b"]'))
    assert over_restart(before, now).run.cut_offs == 2


async def test_the_newer_counts_take_the_place_of_the_older(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        deployment = await db.write(start_deployment, principal="system")
        assert await db.read(lambda r: tallies.of(r, deployment.id)) == Tallies(
            RunTally(deployment_id=deployment.id)
        )
        for tracks in (1, 4):
            counted = Tallies(
                RunTally(deployment_id=deployment.id, ran_s=float(tracks)),
                {"door": CameraTally(deployment_id=deployment.id, camera_id="door",
                                     tracks=tracks)},
            )  # fmt: skip
            await db.write(lambda tx, c=counted: tallies.keep(tx, c), principal="system")
            assert await db.read(lambda r: tallies.of(r, deployment.id)) == counted

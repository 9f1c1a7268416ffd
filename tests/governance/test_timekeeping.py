"""A clock that is wrong at a start: nothing is erased by it, nothing waits for ever."""

import argparse
from pathlib import Path

import pytest

from lfrd.cli import clock as clock_command
from lfrd.errors import BadInput, Conflict, NotFound
from lfrd.governance import timekeeping
from lfrd.governance.timekeeping import DOUBT_LIMIT_S, SteadyClock, Timekeeping
from lfrd.health import HealthBoard, Status
from lfrd.site import Site
from lfrd.store import clock_care, episodes, watchlists
from lfrd.store.clock_care import Accepted
from lfrd.store.database import Database
from lfrd.store.keys import KeyStore, load_master_key
from lfrd.store.state_folder import StateFolder
from lfrd.vocabulary import DeploymentState
from support.site import (
    DAY_S,
    HOUR_S,
    SettableClock,
    config_on,
    deploy,
    governed,
    make_list,
    see_somebody,
)

YEARS_S = 10 * 365 * DAY_S


@pytest.fixture(autouse=True)
def unkept(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network time, whatever the machine that runs the tests has."""
    monkeypatch.setattr(timekeeping, "is_kept_by_network", lambda: False)


async def accept(folder: Path, clock: SettableClock) -> Accepted:
    """What `lfrd clock accept` does, by a clock of the test's own."""
    with StateFolder(folder) as state, KeyStore(state, load_master_key(state, {})) as keys:
        async with Database(state, keys, clock) as database:
            return await database.write(
                lambda tx: clock_care.accept(tx, "a radio clock says so"), principal="user:ada"
            )


async def faces(site: Site, episode_id: str) -> bool:
    try:
        seen = await site.database.read(lambda r: episodes.get(r, episode_id))
    except NotFound:  # the long timer is over as well
        return False
    return seen.faces_erased_at_s is None


def told(site: Site) -> str:
    return " ".join(site.health.now.reasons)


async def test_a_clock_far_ahead_at_a_start_erases_nothing_until_somebody_says_it_is_right(
    tmp_path: Path,
) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        listed = await make_list(site)
        row = await deploy(site, listed)
        episode = await see_somebody(site, row.id, listed)
    clock.set_by(YEARS_S)
    async with governed(tmp_path, clock) as site:
        await site.retention.sweep()
        assert await faces(site, episode.id), "nothing falls due by a doubted clock"
        assert (await site.deployments.get(row.id)).state is DeploymentState.ENDED
        assert "nothing is compared" in told(site)
        assert "lfrd clock accept" in told(site)
        assert site.health.now.status is Status.FAILED
        with pytest.raises(Conflict, match="clock"):
            await deploy(site, listed)
    clock.set_by(-YEARS_S)  # it was wrong: set right, nothing is lost
    async with governed(tmp_path, clock) as site:
        await site.retention.sweep()
        assert await faces(site, episode.id)
        assert "clock" not in told(site)
    clock.set_by(YEARS_S)  # it was right: an operator says so
    await accept(tmp_path, clock)
    async with governed(tmp_path, clock) as site:
        await site.retention.sweep()
        assert not await faces(site, episode.id)
        assert "clock" not in told(site)


async def test_a_clock_that_was_believed_in_the_future_is_mended(tmp_path: Path) -> None:
    clock = SettableClock()
    clock.set_by(YEARS_S)
    async with governed(tmp_path, clock) as site:
        listed = await make_list(site)
        row = await deploy(site, listed)
        episode = await see_somebody(site, row.id, listed)
    clock.set_by(-YEARS_S)
    async with governed(tmp_path, clock) as site:
        assert site.clock.wall_s() > clock.wall_s() + YEARS_S - HOUR_S
        assert "behind the time that lfrd goes by" in told(site)
        assert "lfrd clock accept" in told(site)
    done = await accept(tmp_path, clock)
    assert done.newest_s is not None
    assert done.newest_s > done.now_s + YEARS_S - HOUR_S
    async with governed(tmp_path, clock) as site:
        assert abs(site.clock.wall_s() - clock.wall_s()) < 1
        assert "clock" not in told(site)
        assert (await site.deployments.get(row.id)).state is DeploymentState.ENDED
        clock.advance(23 * HOUR_S)
        await site.retention.sweep()
        assert await faces(site, episode.id)
        clock.advance(2 * HOUR_S)
        await site.retention.sweep()
        assert not await faces(site, episode.id), "a day from now, not in ten years"
        kept = await site.database.read(lambda r: watchlists.get(r, listed))
        assert kept.confirmed_at_s == 0


@pytest.mark.parametrize("by", ["network", "time", "itself"])
async def test_doubt_ends_by_itself(tmp_path: Path, by: str) -> None:
    machine = SettableClock()
    async with governed(tmp_path, machine) as site:
        await make_list(site)
    started_s = machine.wall_s()
    machine.set_by(YEARS_S)
    kept = False
    health = HealthBoard()
    with StateFolder(tmp_path) as state, KeyStore(state, load_master_key(state, {})) as keys:
        clock = SteadyClock.over(machine)
        async with Database(state, keys, clock) as database:
            watch = Timekeeping(database, clock, health, lambda: kept)
            await watch.start()
            assert clock.is_doubted
            assert abs(clock.wall_s() - started_s) < 1
            machine.advance(DOUBT_LIMIT_S - 60)
            await watch.look()
            assert clock.is_doubted
            if by == "network":
                kept = True
            elif by == "time":
                machine.advance(61)
            else:
                machine.set_by(-YEARS_S)
            await watch.look()
    assert not clock.is_doubted
    assert abs(clock.wall_s() - machine.wall_s()) < 60
    assert health.now.status is Status.OK


async def test_a_step_while_it_runs_is_said_and_nothing_else(tmp_path: Path) -> None:
    machine, health = SettableClock(), HealthBoard()
    with StateFolder(tmp_path) as state, KeyStore(state, load_master_key(state, {})) as keys:
        clock = SteadyClock.over(machine)
        async with Database(state, keys, clock) as database:
            watch = Timekeeping(database, clock, health)
            await watch.start()
            assert health.now.status is Status.OK, "a first start has no log to go by"
            before_s = clock.wall_s()
            machine.set_by(DAY_S)
            await watch.look()
            assert health.now.status is Status.DEGRADED
            assert "24.0 h ahead" in health.now.reasons[0]
            assert clock.wall_s() == before_s
            machine.set_by(-DAY_S)
            await watch.look()
            assert health.now.status is Status.OK


async def test_the_command_says_what_it_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadInput, match="--reason"):
        await clock_command.run(argparse.Namespace(reason=" "), config_on(tmp_path))
    await clock_command.run(argparse.Namespace(reason="it is"), config_on(tmp_path))
    assert "the log ended with nothing; 0 rows" in capsys.readouterr().out
    await clock_command.run(argparse.Namespace(reason="it is"), config_on(tmp_path))
    assert "the log ended with an entry of 2" in capsys.readouterr().out

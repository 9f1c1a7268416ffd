"""Deployments on a real site: authority, clocks, restarts, heartbeat, urgency, snapshots."""

import asyncio
import json
from pathlib import Path

import pytest

from lfrd.api.routes.thresholds import why_nobody
from lfrd.config import Config
from lfrd.counters import CameraCounters
from lfrd.errors import BadInput, Conflict, Denied, NotFound
from lfrd.governance import planning, profile
from lfrd.governance.planning import Amendment, Plan
from lfrd.governance.schedules import Window
from lfrd.site import Site
from lfrd.store import audit_log, episodes, tallies, watchlists
from lfrd.store import deployments as stored
from lfrd.store.watchlists import NewEntry
from lfrd.vocabulary import Category, DeploymentState, ErasureKind, Role
from support.photos import astronaut
from support.site import (
    DAY_S,
    DOCUMENTS,
    HOUR_S,
    SettableClock,
    deploy,
    governed,
    make_list,
    plan_of,
    see_somebody,
)
from support.store import actions

SOON_S = 8.0
WEDNESDAY_NOON_S = 1_700_049_600.0
"""15 November 2023, 12:00 UTC."""


async def until_over(site: Site) -> None:
    async with asyncio.timeout(SOON_S):
        await site.deployments.until_over()


async def changes(site: Site) -> list[str]:
    """What was done with deployments."""
    return [action for action in await actions(site.database) if action.startswith("deployment.")]


async def counted_by(site: Site, camera_id: str) -> CameraCounters:
    """What a camera counts, once it takes part."""
    async with asyncio.timeout(SOON_S):
        while (counters := site.fleet.get(camera_id).counters) is None:
            await asyncio.sleep(0.02)
    return counters


async def test_everything_that_is_missing_is_said_at_once(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        plan = Plan(profile="standard", purpose="", use_case="locate-wanted", place="",
                    watchlist_ids=("nowhere",))  # fmt: skip
        row = await site.deployments.draft(plan, 20 * HOUR_S, principal="user:ada")
        verdict = await site.deployments.verdict(row.id, principal="user:ada")
        assert {finding.key for finding in verdict.missing} >= {
            "purpose", "place", "expectation", "duration", "authority", "watchlist.nowhere",
            "document.notice", "document.impact-assessment",
        }  # fmt: skip
        with pytest.raises(Conflict) as refused:
            await site.deployments.start_planned(row.id, principal="user:ada")
        assert all(finding.text in str(refused.value) for finding in verdict.missing)
        assert site.deployments.current is None
        with pytest.raises(BadInput, match="has no policy profile 'uk-police'"):
            await site.deployments.draft(
                plan_of("x", "uk-police"), 4 * HOUR_S, principal="user:ada"
            )


async def test_from_draft_to_erased(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        listed = await make_list(site)
        row = await deploy(site, listed)
        assert (row.authorised_by, row.started_by) == ("user:bo", "user:ada")
        assert row.policy_digest == site.deployments.policies.own.digest
        assert row.threshold != 0.45, "derived from the list, not the constant"
        episode = await see_somebody(site, row.id, listed)
        clock.advance(4 * HOUR_S)
        await until_over(site)
        ended = await site.deployments.get(row.id)
        assert (ended.state, ended.end_reason) == ("ended", "the planned end has come")
        clock.advance(20 * HOUR_S)
        await site.retention.sweep()
        read = await site.database.read(lambda r: episodes.get(r, episode.id))
        assert read.faces_erased_at_s is not None
        clock.advance(5 * HOUR_S)
        await site.retention.sweep()
        assert (await site.deployments.get(row.id)).state is DeploymentState.ERASED
        assert await site.database.read(lambda r: episodes.is_as_logged(r, episode.id))


@pytest.mark.parametrize("set_by_s", [-DAY_S, DAY_S])
async def test_setting_the_clock_neither_shortens_nor_lengthens(
    tmp_path: Path, set_by_s: float
) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        listed = await make_list(site)
        row = await deploy(site, listed, hours=2)
        episode = await see_somebody(site, row.id, listed)
        clock.set_by(set_by_s)
        clock.advance(HOUR_S)
        await asyncio.sleep(1.5)
        await site.retention.sweep()
        assert site.deployments.current is not None, "an hour is left"
        clock.advance(HOUR_S + 1)
        await until_over(site)
        clock.advance(21.9 * HOUR_S)
        await site.retention.sweep()
        shown = await site.database.read(lambda r: episodes.get(r, episode.id))
        assert shown.faces_erased_at_s is None, "24 h have not passed"
        clock.advance(0.2 * HOUR_S)
        await site.retention.sweep()
        shown = await site.database.read(lambda r: episodes.get(r, episode.id))
        assert shown.faces_erased_at_s is not None


async def test_a_clock_set_back_before_a_start_is_not_believed(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        row = await deploy(site, await make_list(site))
    before_s = clock.wall_s()
    clock.set_by(-DAY_S)
    async with governed(tmp_path, clock) as site:
        assert site.clock.wall_s() >= before_s
        assert (await site.deployments.get(row.id)).state is DeploymentState.RUNNING
    clock.set_by(2 * DAY_S)
    async with governed(tmp_path, clock) as site:
        ended = await site.deployments.get(row.id)
        assert ended.end_reason == "its window passed while the daemon was down"


async def test_a_restart_inside_the_window_goes_on(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        row = await deploy(site, await make_list(site))
        assert len(site.gallery) == 1
    clock.advance(HOUR_S)
    async with governed(tmp_path, clock) as site:
        current = site.deployments.current
        assert current is not None
        assert current.id == row.id
        assert len(site.gallery) == 1
        steps = await changes(site)
        assert steps[-2:] == ["deployment.suspend", "deployment.resume"]
        with pytest.raises(Conflict, match="is running"):
            await deploy(site, await make_list(site, "another"))
        clock.advance(3 * HOUR_S)
        await until_over(site)
    async with governed(tmp_path, clock) as site:
        assert site.deployments.current is None


async def test_lists_of_a_backup_are_compared_with_once_a_supervisor_has_confirmed_them(
    tmp_path: Path,
) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        watchlist_id = await make_list(site)
        deployment = await deploy(site, watchlist_id)
        await site.database.write(
            lambda tx: watchlists.close_restored(tx, clock.wall_s()), principal="user:root"
        )
    async with governed(tmp_path, clock) as site:
        ended = await site.database.read(lambda reader: stored.get(reader, deployment.id))
        assert ended.state is DeploymentState.ENDED
        assert "restored from a backup" in (ended.end_reason or "")
        with pytest.raises(Conflict, match="a supervisor looks it over and confirms it"):
            await deploy(site, watchlist_id)
        confirm = site.watchlists.confirm_list
        with pytest.raises(Denied):
            await confirm(watchlist_id, principal="user:ada", role=Role.OPERATOR)
        await confirm(watchlist_id, principal="user:bo", role=Role.SUPERVISOR)
        assert (await deploy(site, watchlist_id)).state is DeploymentState.RUNNING


async def test_a_restart_under_other_rules_ends_it(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        row = await deploy(site, await make_list(site))
    async with governed(tmp_path, clock, alert_face_data_h=12.0) as site:
        ended = await site.deployments.get(row.id)
        assert (ended.state, ended.end_reason) == ("ended", "the site's rules were changed")


async def test_the_lab_ends_with_the_daemon_and_leaves_no_list(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        listed = await make_list(site, category=Category.TEST)
        kept = await make_list(site, "never used", category=Category.TEST)
        row = await site.deployments.start(
            "lab", "a test", "the bench", (listed,), 600, principal="user:ada"
        )
    async with governed(tmp_path, clock) as site:
        assert (await site.deployments.get(row.id)).state is DeploymentState.ENDED
        assert [item.row.id for item in await site.watchlists.lists()] == [kept]


async def test_the_lab_takes_no_list_but_those_of_tests(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        listed = await make_list(site)
        with pytest.raises(Conflict, match="category 'wanted': a deployment of the lab erases"):
            await site.deployments.start("lab", "p", "q", (listed,), 60, principal="user:ada")
        planned = await site.deployments.draft(
            plan_of(listed, "lab"), 4 * HOUR_S, principal="user:ada"
        )
        with pytest.raises(Conflict, match="category 'wanted'"):
            await site.deployments.authorise(planned.id, principal="user:bo")
        await site.database.write(lambda tx: stored.authorise(tx, planned.id), principal="user:bo")
        with pytest.raises(Conflict, match="category 'wanted'"):
            await site.deployments.start_planned(planned.id, principal="user:ada")
        assert await site.deployments.page() == [await site.deployments.get(planned.id)]
    async with governed(tmp_path, clock) as site:
        assert [item.row.id for item in await site.watchlists.lists()] == [listed]


async def test_what_an_earlier_lfrd_used_in_the_lab_is_not_erased(tmp_path: Path) -> None:
    """Then any list could be used there, and would have gone at the next stop."""
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        listed = await make_list(site, category=Category.TEST)
        await site.deployments.start("lab", "p", "q", (listed,), 600, principal="user:ada")
        await site.database.write(
            lambda tx: tx.execute("UPDATE watchlist SET category = 'wanted'"), principal="test"
        )
    async with governed(tmp_path, clock) as site:
        assert [item.row.id for item in await site.watchlists.lists()] == [listed]


async def test_the_gate_shows_what_is_erased_after_use(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        listed = await make_list(site, category=Category.TEST)
        for rules, said in (
            ("lab", ["watchlist 'wanted' and its 1 entries are erased at the daemon's next stop"]),
            ("standard", []),
        ):
            row = await site.deployments.draft(
                plan_of(listed, rules), 4 * HOUR_S, principal="user:ada"
            )
            verdict = await site.deployments.verdict(row.id, principal="user:ada")
            assert [finding.text for finding in verdict.erases] == said


async def test_a_site_has_no_lab_unless_it_says_so(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock(), allow_lab=False) as site:
        with pytest.raises(BadInput, match=r"no policy profile 'lab'.*allow_lab = true"):
            await site.deployments.start("lab", "p", "q", ("x",), 60, principal="user:ada")
    assert Config().policy.allow_lab is False


async def test_an_extension_is_a_new_authorisation_within_the_limit(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock, authoriser_differs=True) as site:
        row = await deploy(site, await make_list(site))
        assert row.planned_end_at_s is not None
        assert row.started_at_s is not None
        later_s = row.planned_end_at_s + HOUR_S
        with pytest.raises(Conflict, match="another person"):
            await site.deployments.extend(row.id, later_s, principal="user:ada")
        with pytest.raises(BadInput, match="at most 12 hours"):
            await site.deployments.extend(
                row.id, row.started_at_s + 13 * HOUR_S, principal="user:bo"
            )
        await site.deployments.extend(row.id, later_s, principal="user:bo")
        clock.advance(4.5 * HOUR_S)
        await asyncio.sleep(1.5)
        assert site.deployments.current is not None
        clock.advance(HOUR_S)
        await until_over(site)


async def test_lost_operators_pause_matching_and_then_end_it(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock, heartbeat_min=10.0) as site:
        row = await deploy(site, await make_list(site))
        clock.advance(11 * 60)
        await asyncio.sleep(1.5)
        assert site.deployments.paused
        assert any("no operator" in reason for reason in site.health.now.reasons)
        assert site.fleet.get("gate").status.state.value == "idle"
        await site.deployments.present()
        await asyncio.sleep(1.5)
        assert not site.deployments.paused
        assert "deployment.go-on" in await changes(site)
        clock.advance(21 * 60)
        await until_over(site)
        assert (await site.deployments.get(row.id)).end_reason == "no operator was present"
        with pytest.raises(Conflict):
            await site.deployments.present()


async def test_somebody_pauses_matching_and_lets_it_go_on(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock, heartbeat_min=10.0) as site:
        with pytest.raises(Conflict, match="no deployment is running"):
            await site.deployments.pause(on=True, principal="user:ada")
        await deploy(site, await make_list(site))
        await site.deployments.pause(on=True, principal="user:ada")
        assert site.deployments.paused
        assert any("user:ada asked for it" in reason for reason in site.health.now.reasons)
        await site.deployments.present()
        await asyncio.sleep(1.5)  # that an operator is there does not end it
        assert site.deployments.paused
        assert site.fleet.get("gate").status.state.value == "idle"
        await site.deployments.pause(on=False, principal="user:bo")
        assert not site.deployments.paused
        said = await changes(site)
        assert said[-2:] == ["deployment.pause", "deployment.go-on"]


async def test_a_pause_that_is_over_at_once_ends_nothing(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        row = await deploy(site, await make_list(site))
        await counted_by(site, "gate")
        pause = site.deployments.pause
        await asyncio.gather(pause(on=True, principal="a"), pause(on=False, principal="a"))
        await asyncio.sleep(0.3)
        current = site.deployments.current
        assert current is not None, "it ended as if every camera had"
        assert current.id == row.id
        assert site.fleet.get("gate").status.state.value != "idle"


async def test_a_pause_that_somebody_asked_for_outlives_the_daemon(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock, heartbeat_min=10.0) as site:
        row = await deploy(site, await make_list(site))
        clock.advance(11 * 60)
        await asyncio.sleep(1.2)
        assert site.deployments.paused, "no operator is there"
        await site.deployments.pause(on=True, principal="user:ada")
        kept = await site.database.read(lambda r: tallies.of(r, row.id))
        assert kept.run.paused_by == "user:ada", "also after a crash"
    async with governed(tmp_path, clock, heartbeat_min=10.0) as site:
        await asyncio.sleep(0.1)
        assert site.deployments.paused
        assert any("user:ada asked for it" in reason for reason in site.health.now.reasons)
        assert site.fleet.get("gate").status.state.value == "idle"
        assert (await changes(site))[-1] == "deployment.resume", "it is logged once"
        await site.deployments.pause(on=False, principal="user:bo")
    async with governed(tmp_path, clock, heartbeat_min=10.0) as site:
        assert not site.deployments.paused


async def test_why_a_camera_raised_nobody_is_counted_over_a_restart(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        await deploy(site, await make_list(site))
        counters = await counted_by(site, "gate")
        counters.frames_decoded = counters.frames_detected = 50
        counters.faces_detected, counters.scene_cuts = 9, 1
        counters.looks_skipped["too-small"] += 4
        counters.saw(21.0)
        assert site.gallery.search is not None
        tracks = site.gallery.search.tracks
        for number in range(3):
            tracks.begin("gate", number)
            tracks.end("gate", number)
        before = await why_nobody("gate", site)
    for _ in range(2):
        clock.advance(100)
        async with governed(tmp_path, clock) as site:
            await counted_by(site, "gate")
            assert (await why_nobody("gate", site)) == before
            parts = await why_nobody("gate", site, since_s=clock.wall_s() - 10)
            assert (parts.faces_detected, parts.tracks_never_compared) == (0, 0)
    assert (before.faces_detected, before.tracks_never_compared, before.scene_cuts) == (9, 3, 1)
    assert (before.looks_skipped, before.best_inter_eye_px) == ({"too-small": 4}, 21.0)


URGENT = {"profile": "uk-police"}


async def test_a_plan_with_gaps_is_not_authorised_and_can_be_amended(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        listed = await make_list(site)
        plan = Plan(profile="standard", purpose="p", use_case="locate-wanted", place="",
                    watchlist_ids=("nowhere",))  # fmt: skip
        row = await site.deployments.draft(plan, 4 * HOUR_S, principal="user:ada")
        with pytest.raises(Conflict) as refused:
            await site.deployments.authorise(row.id, principal="user:bo")
        for word in ("the place", "expected", "impact assessment", "notice", "nowhere", "amend"):
            assert word in str(refused.value)
        for amendment in (
            Amendment(place="the station", watchlist_ids=(listed,)),
            Amendment(expectation="seen there", documents=DOCUMENTS),
        ):
            amended = await site.deployments.amend(row.id, amendment, principal="user:ada")
        assert (amended.place, amended.purpose) == ("the station", "p")
        authorised = await site.deployments.authorise(row.id, principal="user:bo")
        assert authorised.authorised_by == "user:bo"
        longer = await site.deployments.amend(
            row.id, Amendment(duration_s=5 * HOUR_S), principal="user:ada"
        )
        assert (longer.state, longer.authorised_by) == (DeploymentState.DRAFT, None)
        assert longer.planned_end_at_s == pytest.approx(
            (longer.planned_start_at_s or 0) + 5 * HOUR_S
        )
        with pytest.raises(Conflict, match="must be authorised first"):
            await site.deployments.start_planned(row.id, principal="user:ada")
        clock.advance(5 * HOUR_S)
        with pytest.raises(Conflict, match="planned end has passed"):
            await site.deployments.authorise(row.id, principal="user:bo")
        await site.deployments.amend(row.id, Amendment(starts_now=True), principal="user:ada")
        await site.deployments.authorise(row.id, principal="user:bo")
        started = await site.deployments.start_planned(row.id, principal="user:ada")
        with pytest.raises(Conflict, match=r"deployment\.amend.*is running"):
            await site.deployments.amend(started.id, Amendment(place="x"), principal="user:ada")


async def test_under_other_rules_a_plan_is_amended_before_it_is_authorised(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        row = await site.deployments.draft(
            plan_of(await make_list(site)), 4 * HOUR_S, principal="user:ada"
        )
    async with governed(tmp_path, clock, alert_face_data_h=12.0) as site:
        with pytest.raises(Conflict, match="rules were changed"):
            await site.deployments.authorise(row.id, principal="user:bo")
        await site.deployments.amend(row.id, Amendment(), principal="user:ada")
        await site.deployments.authorise(row.id, principal="user:bo")
        ended = await site.deployments.end(row.id, "not needed", principal="user:ada")
        assert (ended.state, ended.end_reason) == (DeploymentState.ENDED, "not needed")


async def test_an_urgent_start_is_ratified_by_somebody_else(tmp_path: Path) -> None:
    """On the lab's own rules it would not start at all; the police's gate wants a report first,
    so what is held here is the authority alone."""
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        listed = await make_list(site)
        row = await site.deployments.draft(plan_of(listed), HOUR_S, principal="user:ada")
        with pytest.raises(Conflict, match="knows no urgent start"):
            await site.deployments.start_urgent(
                row.id, "now", Role.SUPERVISOR, principal="user:ada"
            )
        with pytest.raises(NotFound):
            await site.deployments.start_urgent(
                "none", "now", Role.SUPERVISOR, principal="user:ada"
            )


async def test_an_urgent_start_that_erases_a_list_needs_the_role_that_may(tmp_path: Path) -> None:
    police = profile.load("uk-police").rules
    async with governed(tmp_path, SettableClock(), **URGENT) as site:
        row = await site.deployments.draft(
            plan_of(await make_list(site), "uk-police"), 4 * HOUR_S, principal="user:ada"
        )
        with pytest.raises(Denied, match="needs the role supervisor"):
            await site.database.write(
                lambda tx: planning.declare_urgent(tx, row.id, "now", police, Role.OPERATOR),
                principal="user:ada",
            )
        urgent = await site.database.write(
            lambda tx: planning.declare_urgent(tx, row.id, "now", police, Role.SUPERVISOR),
            principal="user:ada",
        )
        assert urgent.urgent_reason == "now"


async def make_urgent(site: Site, deployment_id: str) -> None:
    """As the police's profile would have it."""
    due_s = site.clock.wall_s() + 4 * HOUR_S
    await site.database.write(
        lambda tx: tx.execute(
            "UPDATE deployment SET urgent_reason = 'a child', ratify_by_at_s = ? WHERE id = ?",
            (due_s, deployment_id),
        ),
        principal="test",
    )


async def test_an_urgent_start_that_nobody_ratified_is_purged(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        listed = await make_list(site)
        row = await deploy(site, listed, hours=10)
        episode = await see_somebody(site, row.id, listed)
        await make_urgent(site, row.id)
        with pytest.raises(Conflict, match="another person"):
            await site.deployments.ratify(row.id, principal="user:ada")
        clock.advance(4 * HOUR_S - 60)
        await site.retention.sweep()
        assert site.deployments.current is not None
        clock.advance(120)
        with pytest.raises(Conflict, match="too late"):
            await site.deployments.ratify(row.id, principal="user:cy")
        await site.retention.sweep()
        purged = await site.deployments.get(row.id)
        assert (purged.state, purged.end_reason) == (
            "erased", "the urgent start was not ratified in time",
        )  # fmt: skip
        with pytest.raises(NotFound):
            await site.database.read(lambda r: episodes.get(r, episode.id))


async def test_a_ratified_urgent_start_stays(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        row = await deploy(site, await make_list(site), hours=10)
        await make_urgent(site, row.id)
        ratified = await site.deployments.ratify(row.id, principal="user:cy")
        assert ratified.ratified_by == "user:cy"
        with pytest.raises(Conflict):
            await site.deployments.ratify(row.id, principal="user:di")
        clock.advance(5 * HOUR_S)
        await site.retention.sweep()
        assert site.deployments.current is not None


async def test_a_list_that_changes_changes_the_snapshot_in_the_log(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        listed, other = await make_list(site), await make_list(site, "other")
        row = await deploy(site, listed)
        before = (await site.deployments.snapshots(row.id))[0]
        entry = await site.watchlists.add_entry(
            NewEntry(listed, "second", "b", "s"), principal="user:lists"
        )
        added = (await site.deployments.snapshots(row.id))[0]
        assert (before.entry_count, added.entry_count, added.changes) == (1, 2, 1)
        assert added.snapshot_hash != before.snapshot_hash
        clock.advance(1)
        await site.photos.add(entry.row.id, astronaut(), "p", principal="user:lists")
        assert len(site.gallery) == 2
        await site.eraser.erase(
            ErasureKind.ENTRY, entry.row.id, "deleted", principal="user:lists", role=Role.SUPERVISOR
        )
        assert len(site.gallery) == 1
        await site.eraser.erase(
            ErasureKind.WATCHLIST, other, "deleted", principal="user:lists", role=Role.SUPERVISOR
        )
        last = (await site.deployments.snapshots(row.id))[0]
        assert (last.entry_count, last.changes) == (1, 3), "another list is no business of it"
        assert (await changes(site)).count("deployment.snapshot-change") == 3


async def test_a_schedule_starts_each_window_once_and_not_after_its_end(tmp_path: Path) -> None:
    clock = SettableClock(wall_s=WEDNESDAY_NOON_S)
    async with governed(tmp_path, clock) as site:
        listed = await make_list(site)
        plan = plan_of(listed)
        windows = [Window("wednesday", "13:00", 2), Window("thursday", "13:00", 2)]
        expires_s = clock.wall_s() + 5 * DAY_S
        row = await site.schedules.add(plan, windows, "UTC", expires_s, principal="user:ada")
        clock.advance(1.5 * HOUR_S)
        await site.schedules.start_due()
        assert site.deployments.current is None, "it was not authorised"
        await site.schedules.authorise(row.id, principal="user:bo")
        await site.schedules.start_due()
        first = site.deployments.current
        assert first is not None
        assert (first.schedule_id, first.authorised_by) == (row.id, "user:bo")
        assert first.started_by == "system"
        await site.deployments.end(first.id, "enough for today", principal="user:ada")
        await site.schedules.start_due()
        assert site.deployments.current is None, "this window had its deployment"
        clock.advance(DAY_S)
        await site.schedules.start_due()
        second = site.deployments.current
        assert second is not None
        assert second.id != first.id
        clock.advance(2 * HOUR_S)
        await until_over(site)
        await site.schedules.revoke(row.id, principal="user:bo")
        clock.advance(5 * DAY_S + 22 * HOUR_S)
        await site.schedules.start_due()
        assert site.deployments.current is None


async def planned(site: Site, clock: SettableClock, planner: str) -> str:
    """A schedule whose first window opens in an hour; its id."""
    plan = plan_of(await make_list(site))
    row = await site.schedules.add(
        plan, [Window("wednesday", "13:00", 2)], "UTC", clock.wall_s() + 5 * DAY_S,
        principal=planner,
    )  # fmt: skip
    return row.id


async def test_a_schedule_is_authorised_by_another_than_who_planned_it(tmp_path: Path) -> None:
    clock = SettableClock(wall_s=WEDNESDAY_NOON_S)
    async with governed(tmp_path, clock, authoriser_differs=True) as site:
        schedule_id = await planned(site, clock, "user:ada")
        with pytest.raises(Conflict, match="another person than the one who planned"):
            await site.schedules.authorise(schedule_id, principal="user:ada")
        clock.advance(1.5 * HOUR_S)
        await site.schedules.start_due()
        assert site.deployments.current is None
        await site.schedules.authorise(schedule_id, principal="user:bo")
        await site.schedules.start_due()
        running = site.deployments.current
        assert running is not None
        assert running.planned_end_at_s is not None
        with pytest.raises(Conflict, match="authorise the extension"):
            await site.deployments.extend(
                running.id, running.planned_end_at_s + HOUR_S, principal="user:ada"
            )


async def test_rules_tightened_later_hold_for_a_schedule_authorised_before(tmp_path: Path) -> None:
    clock = SettableClock(wall_s=WEDNESDAY_NOON_S)
    async with governed(tmp_path, clock) as site:
        schedule_id = await planned(site, clock, "user:ada")
        await site.schedules.authorise(schedule_id, principal="user:ada")
    async with governed(tmp_path, clock, authoriser_differs=True) as site:
        clock.advance(1.5 * HOUR_S)
        await site.schedules.start_due()
        assert site.deployments.current is None
        assert any("the one who planned its schedule" in text for text in site.health.now.reasons)


async def test_a_scheduled_start_names_its_authoriser_everywhere(tmp_path: Path) -> None:
    clock = SettableClock(wall_s=WEDNESDAY_NOON_S)
    async with governed(tmp_path, clock) as site:
        schedule_id = await planned(site, clock, "user:ada")
        await site.schedules.authorise(schedule_id, principal="user:bo")
        clock.advance(1.5 * HOUR_S)
        await site.schedules.start_due()
        running = site.deployments.current
        assert running is not None
        assert (running.started_by, running.authorised_by) == ("system", "user:bo")
        steps = await site.database.read(
            lambda reader: [
                json.loads(text)
                for text in reader.column(
                    "SELECT payload FROM audit_leaf WHERE principal = 'system'"
                    " AND action IN ('deployment.authorise-standing', 'deployment.start')"
                )
            ]
        )
        assert len(steps) == 2
        for step in steps:
            assert (step["authorised_by"], step["schedule"]) == ("user:bo", schedule_id)


async def test_a_team_that_gives_no_sign_is_shown_logged_and_pauses_matching(
    tmp_path: Path,
) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock, street_team_min=10.0) as site:
        listed = await make_list(site)
        row = await site.deployments.draft(plan_of(listed), 4 * HOUR_S, principal="user:ada")
        await site.deployments.authorise(row.id, principal="user:bo")
        with pytest.raises(Conflict, match="a team is on the spot"):
            await site.deployments.start_planned(row.id, principal="user:ada")
        await site.deployments.start_planned(row.id, street_team=True, principal="user:ada")
        clock.advance(11 * 60)
        await site.deployments.present()
        await asyncio.sleep(1.5)
        assert site.deployments.paused
        assert site.deployments.team_away, "an operator alone is not enough"
        assert any("no team on the spot" in reason for reason in site.health.now.reasons)
        await site.deployments.present(street_team=True)
        await asyncio.sleep(1.5)
        assert not site.deployments.paused
        assert [step for step in await changes(site) if "team" in step] == [
            "deployment.team-away", "deployment.team-back",
        ]  # fmt: skip
        clock.advance(21 * 60)
        await until_over(site)
        ended = await site.deployments.get(row.id)
        assert ended.end_reason == "no team on the spot was present"
        record = await site.publication.record(row.id, "user:ada")
        assert record.downtime.team_absences == 2


async def test_rules_may_end_a_deployment_at_once_when_the_team_is_gone(tmp_path: Path) -> None:
    clock = SettableClock()
    rules = {"street_team_min": 10.0, "street_team_gone": "end"}
    async with governed(tmp_path, clock, **rules) as site:
        listed = await make_list(site)
        row = await site.deployments.draft(plan_of(listed), 4 * HOUR_S, principal="user:ada")
        await site.deployments.authorise(row.id, principal="user:bo")
        await site.deployments.start_planned(row.id, street_team=True, principal="user:ada")
        clock.advance(11 * 60)
        await until_over(site)
        assert "deployment.team-away" in await changes(site)
        assert "deployment.pause" not in await changes(site)


async def test_what_an_ended_deployment_left_open_is_named_and_may_lapse(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        listed = await make_list(site)
        row = await deploy(site, listed)
        episode = await see_somebody(site, row.id, listed)
        with pytest.raises(Conflict, match="after the end"):
            await site.reviews.lapse(row.id, "too early", principal="user:bo")
        await site.deployments.end(row.id, "over", principal="user:ada")
        first = await site.database.read(lambda r: audit_log.first_undecided(r, "user:bo"))
        assert first is not None
        with pytest.raises(Conflict) as refused:
            await site.audit.prove(first, principal="user:bo")
        assert episode.id in str(refused.value)
        assert f"lfrd deployment lapse {row.id}" in str(refused.value)
        assert await site.reviews.lapse(row.id, "nobody is left", principal="user:bo") == 1
        assert await site.reviews.lapse(row.id, "again", principal="user:bo") == 0
        await site.audit.prove(first, principal="user:bo")
        record = await site.publication.record(row.id, "user:bo")
        assert (record.alerts.unresolved, record.preliminary) == (1, ())

"""Reviewers' training, a team on the spot, the list's ceiling: asked for, recorded, and held to."""

from dataclasses import replace
from pathlib import Path

import pytest

from lfrd.errors import BadInput, Conflict, Denied
from lfrd.store.reviews import ReviewDecision
from lfrd.store.watchlists import NewEntry
from support.site import (
    DAY_S,
    HOUR_S,
    SettableClock,
    governed,
    make_list,
    plan_of,
    see_somebody,
)

ADA, BEN = "user:ada", "user:ben"


async def test_only_who_was_trained_decides_where_the_rules_want_it(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock, training_required=True) as site:
        listed = await make_list(site)
        row = await site.deployments.draft(plan_of(listed), 4 * HOUR_S, principal=ADA)
        await site.deployments.authorise(row.id, principal=BEN)
        with pytest.raises(Conflict, match="0 people have a training"):
            await site.deployments.start_planned(row.id, principal=ADA)
        for who, until_s in (("ben", clock.wall_s() - 1), ("ada", 9e9)):
            with pytest.raises(BadInput):
                await site.trainings.record(who, "the course", until_s, principal=ADA)
        until_s = clock.wall_s() + DAY_S
        made = await site.trainings.record("ben", "the course", until_s, principal=ADA)
        assert made.subject == BEN
        await site.deployments.start_planned(row.id, principal=ADA)
        episode = await see_somebody(site, row.id, listed)
        with pytest.raises(Denied, match="lfrd training add"):
            await site.reviews.submit(episode.id, ReviewDecision.MATCH, "", principal=ADA)
        await site.reviews.submit(episode.id, ReviewDecision.MATCH, "", principal=BEN)
        # The last one counts, also where it ends earlier.
        clock.advance(60)
        await site.trainings.record("ben", "ended", clock.wall_s() + 1, principal=ADA)
        clock.advance(2)
        other = await see_somebody(site, row.id, listed, 2)
        with pytest.raises(Denied):
            await site.reviews.submit(other.id, ReviewDecision.MATCH, "", principal=BEN)
        assert [item.what for item in await site.trainings.page(None, 100)] == ["ended"]


async def test_a_team_on_the_spot_is_said_at_the_start_and_in_the_record(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock(), street_team_required=True) as site:
        listed = await make_list(site)
        row = await site.deployments.draft(plan_of(listed), 4 * HOUR_S, principal=ADA)
        await site.deployments.authorise(row.id, principal=BEN)
        with pytest.raises(Conflict, match="--street-team"):
            await site.deployments.start_planned(row.id, principal=ADA)
        started = await site.deployments.start_planned(row.id, street_team=True, principal=ADA)
        assert started.street_team_at_s is not None
        assert (await site.publication.record(row.id, ADA)).authority.street_team
        facts = await site.database.read(
            lambda r: r.column("SELECT payload FROM audit_leaf WHERE action = 'deployment.start'")
        )
        assert '"street_team":true' in facts[0]


async def test_a_list_grows_no_further_than_its_authority_says(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        listed = await make_list(site)
        plan = replace(plan_of(listed), list_size_max=2)
        row = await site.deployments.draft(plan, 4 * HOUR_S, principal=ADA)
        await site.deployments.authorise(row.id, principal=BEN)
        await site.deployments.start_planned(row.id, principal=ADA)
        await site.watchlists.add_entry(NewEntry(listed, "second"), principal=ADA)
        with pytest.raises(Conflict, match="authorised with 2 entries at most"):
            await site.watchlists.add_entry(NewEntry(listed, "third"), principal=ADA)
        assert len(await site.watchlists.entries(listed, None)) == 2
        assert (await site.publication.record(row.id, ADA)).authority.list_size_max == 2

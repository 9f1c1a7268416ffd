"""Weekly schedules in practice: plan, authorise, revoke; start what is due."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

from lfrd.clock import Clock
from lfrd.errors import BadInput, Conflict, LfrdError
from lfrd.governance import schedule, two_person
from lfrd.governance.deployments import Deployments
from lfrd.governance.planning import Draft
from lfrd.governance.schedule import Plan, Window
from lfrd.health import HealthBoard
from lfrd.store import schedules as stored
from lfrd.store.database import Database
from lfrd.store.schedules import Schedule

log = logging.getLogger(__name__)

LOOK_EVERY_S = 10.0
STANDING_LIMIT_S = 366 * 24 * 3600.0
"""A standing authorisation lasts a year at most, then somebody looks at it anew."""


class Schedules:
    """Owns nothing that runs: what it starts belongs to Deployments."""

    def __init__(
        self, database: Database, deployments: Deployments, clock: Clock, health: HealthBoard
    ) -> None:
        self._database = database
        self._deployments = deployments
        self._clock = clock
        self._health = health

    async def list_all(self) -> list[Schedule]:
        """The newest schedules, newest first."""
        return await self._database.read(stored.list_all)

    async def add(
        self,
        plan: Plan,
        windows: Sequence[Window],
        timezone: str,
        expires_at_s: float,
        *,
        principal: str,
    ) -> Schedule:
        """Plan one. Raises BadInput, or Conflict where the policy allows none."""
        policy = self._deployments.policies.named(plan.profile)
        if not policy.rules.weekly_schedule:
            raise Conflict(f"{policy.name} allows no weekly schedule")
        schedule.check(windows, timezone, policy.rules.max_deployment_h)
        now_s = self._clock.wall_s()
        if not now_s < expires_at_s <= now_s + STANDING_LIMIT_S:
            raise BadInput("a standing authorisation expires within a year, and not in the past")
        return await self._database.write(
            lambda tx: stored.add(
                tx, plan.as_json(), schedule.windows_as_json(windows), timezone, expires_at_s
            ),
            principal=principal,
        )

    async def authorise(self, schedule_id: str, *, principal: str) -> Schedule:
        """Give the standing authorisation. Raises NotFound, BadInput where its profile is no
        longer this site's, Conflict."""
        row = await self._database.read(lambda reader: stored.get(reader, schedule_id))
        rules = self._deployments.policies.named(Plan.parse(row.plan).profile).rules
        return await self._database.write(
            lambda tx: two_person.authorise_schedule(tx, schedule_id, rules), principal=principal
        )

    async def revoke(self, schedule_id: str, *, principal: str) -> Schedule:
        """Take it back; nothing more starts under it. Raises NotFound, Conflict."""
        return await self._database.write(
            lambda tx: stored.revoke(tx, schedule_id), principal=principal
        )

    async def run(self) -> None:
        """Start what is due, until cancelled."""
        while True:
            await self.start_due()
            await asyncio.sleep(LOOK_EVERY_S)

    async def start_due(self) -> None:
        """Start the deployment whose window is open now and has not had one.

        What the gate refuses is said on the health board, and tried again while the window lasts.
        """
        now_s = self._clock.wall_s()
        for row in await self.list_all():
            component = f"schedule:{row.id}"
            draft = await self._due(row, now_s)
            if draft is None or self._deployments.current is not None:
                self._health.clear(component)
                continue
            try:
                assert row.authorised_by is not None
                await self._deployments.start_scheduled(draft, row.authorised_by)
            except LfrdError as error:
                self._health.degrade(component, f"a scheduled deployment does not start: {error}")
            else:
                self._health.clear(component)

    async def _due(self, row: Schedule, now_s: float) -> Draft | None:
        if not row.is_in_force(now_s):
            return None
        windows = schedule.windows_from(row.windows)
        opening = schedule.opening_at(windows, row.timezone, now_s)
        if opening is None:
            return None
        begin_s = opening.start_at_s
        if await self._database.read(lambda reader: stored.deployed(reader, row.id, begin_s)):
            return None
        plan = Plan.parse(row.plan)
        end_s = min(opening.end_at_s, row.expires_at_s)
        draft = Draft(
            plan.profile, plan.purpose, plan.use_case, plan.place, plan.watchlist_ids,
            end_s - begin_s, plan.expectation, plan.documents,
        )  # fmt: skip
        return replace(draft, start_at_s=begin_s, schedule_id=row.id)

"""Weekly schedules in practice: plan, authorise, revoke; start what is due."""

import asyncio
import json
import logging
import zoneinfo
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, time, timedelta

from lfrd.clock import Clock
from lfrd.errors import BadInput, Conflict, LfrdError
from lfrd.governance import two_person
from lfrd.governance.deployments import DeploymentService
from lfrd.governance.planning import Plan
from lfrd.health import HealthBoard
from lfrd.store import schedules as stored
from lfrd.store.database import Database
from lfrd.store.schedules import Schedule

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WINDOWS_LIMIT = 50
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Window:
    """One recurring window: `day` of DAYS, `start` as HH:MM, `hours` long.

    A window starts at a time of day in the schedule's own time zone and lasts a number of hours of
    elapsed time: in the night of a clock change it begins by the wall and ends by the stopwatch.
    """

    day: str
    start: str
    hours: float

    def __post_init__(self) -> None:
        if self.day not in DAYS:
            raise BadInput(f"a window's day is one of {', '.join(DAYS)}, not {self.day!r}")
        if _time_of(self.start) is None:
            raise BadInput(f"a window starts at HH:MM, not at {self.start!r}")
        if not 0 < self.hours <= 24:
            raise BadInput(f"a window lasts more than 0 and at most 24 hours, not {self.hours:g}")


@dataclass(frozen=True, slots=True)
class Opening:
    """One window of one week, in seconds since the epoch."""

    start_at_s: float
    end_at_s: float


def windows_as_json(windows: Sequence[Window]) -> str:
    return json.dumps([asdict(window) for window in windows])


def windows_from(text: str) -> tuple[Window, ...]:
    return tuple(Window(**kept) for kept in json.loads(text))


def check(windows: Sequence[Window], timezone: str, max_hours: float) -> None:
    """Raises BadInput for windows that overlap, are too long, or an unknown time zone."""
    if not 1 <= len(windows) <= WINDOWS_LIMIT:
        raise BadInput(f"a schedule has 1 to {WINDOWS_LIMIT} windows")
    too_long = [window for window in windows if window.hours > max_hours]
    if too_long:
        raise BadInput(f"a window lasts at most {max_hours:g} hours under this policy")
    _zone(timezone)
    week_h = sorted((_hour_of_week(window), window.hours) for window in windows)
    ends = [start + hours for start, hours in week_h]
    following = [start for start, _ in week_h[1:]] + [week_h[0][0] + 7 * 24]
    if any(end > start for end, start in zip(ends, following, strict=True)):
        raise BadInput("two windows of the schedule overlap")


def opening_at(windows: Sequence[Window], timezone: str, at_s: float) -> Opening | None:
    """The window that is open at `at_s`, if any."""
    zone = _zone(timezone)
    today = datetime.fromtimestamp(at_s, zone).date()
    for back in range(3):  # a window lasts 24 h at most: it began today or yesterday
        day = today - timedelta(days=back)
        for window in windows:
            start = _time_of(window.start)
            if DAYS.index(window.day) != day.weekday() or start is None:
                continue
            begin_s = datetime.combine(day, start, zone).timestamp()
            end_s = begin_s + window.hours * HOUR_S
            if begin_s <= at_s < end_s:
                return Opening(begin_s, end_s)
    return None


def _time_of(text: str) -> time | None:
    hours, colon, minutes = text.partition(":")
    if not (colon and len(hours) == len(minutes) == 2 and (hours + minutes).isdecimal()):
        return None
    if int(hours) > 23 or int(minutes) > 59:
        return None
    return time(int(hours), int(minutes))


def _hour_of_week(window: Window) -> float:
    start = _time_of(window.start)
    assert start is not None
    return DAYS.index(window.day) * 24 + start.hour + start.minute / 60


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(f"there is no time zone {name!r} on this machine") from None


log = logging.getLogger(__name__)

LOOK_EVERY_S = 10.0
STANDING_LIMIT_S = 366 * 24 * 3600.0
"""A standing authorisation lasts a year at most, then it is to be given anew."""


class Schedules:
    """Owns nothing that runs: what it starts belongs to DeploymentService."""

    def __init__(
        self, database: Database, deployments: DeploymentService, clock: Clock, health: HealthBoard
    ) -> None:
        self._database = database
        self._deployments = deployments
        self._clock = clock
        self._health = health

    async def page(self, after: str | None, limit: int) -> list[Schedule]:
        """Schedules, newest first; `after` is the id of the last one of the page before."""
        return await self._database.read(lambda reader: stored.page(reader, after, limit))

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
        check(windows, timezone, policy.rules.max_deployment_h)
        now_s = self._clock.wall_s()
        if not now_s < expires_at_s <= now_s + STANDING_LIMIT_S:
            raise BadInput("a standing authorisation expires within a year, and not in the past")
        return await self._database.write(
            lambda tx: stored.add(
                tx, plan.as_json(), windows_as_json(windows), timezone, expires_at_s
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
        for row in await self._database.read(stored.authorised):
            component = f"schedule:{row.id}"
            opening = await self._due(row, now_s)
            if opening is None or self._deployments.current is not None:
                self._health.clear(component)
                continue
            try:
                await self._deployments.start_scheduled(row, opening.start_at_s, opening.end_at_s)
            except LfrdError as error:
                self._health.degrade(component, f"a scheduled deployment does not start: {error}")
            else:
                self._health.clear(component)

    async def _due(self, row: Schedule, now_s: float) -> Opening | None:
        """The window that is open now and has had no deployment, as far as the schedule lasts."""
        if not row.is_in_force(now_s):
            return None
        opening = opening_at(windows_from(row.windows), row.timezone, now_s)
        if opening is None:
            return None
        begin_s = opening.start_at_s
        if await self._database.read(lambda reader: stored.deployed(reader, row.id, begin_s)):
            return None
        return replace(opening, end_at_s=min(opening.end_at_s, row.expires_at_s))

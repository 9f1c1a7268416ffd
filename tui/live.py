"""Follows the daemon: the whole state once, then what changes, again whenever it was away.

The stream is open before the state is read, so nothing falls between the two. An event says what
changed and never how: each one leads to a reading of its subject. Readings are idempotent, so an
event that the state already held does no harm.
"""

import asyncio
from typing import Protocol

from lfrd.client import Away, Back, Client, Reset
from lfrd.errors import LfrdError, NotFound
from lfrd.vocabulary import DeploymentState
from lfrd.wire.alerts import Alert, AlertState
from lfrd.wire.cameras import Camera, CameraRates
from lfrd.wire.deployments import Deployment
from lfrd.wire.events import EventKind, EventMessage
from lfrd.wire.health import Health, HealthChange, Me
from lfrd.wire.lists import Watchlist

PAGE = 50
MAX_OPEN_PAGES = 20
"""Of open candidates the newest thousand are listed; the others follow as these are decided."""

TO_COME = (DeploymentState.DRAFT, DeploymentState.AUTHORISED)
_OF_ALERTS = (EventKind.ALERT_RAISED, EventKind.ALERT_UPDATED, EventKind.ALERT_CLOSED)


class View(Protocol):
    """What can be shown; every call is quick and on the event loop."""

    in_order: asyncio.Lock
    """Held from asking for a candidate until the answer is shown, so that an older answer never
    takes the place of a newer one (a decision sent while an event is being followed up)."""

    def show_me(self, me: Me) -> None: ...
    def show_health(self, health: Health) -> None: ...
    def show_cameras(self, cameras: tuple[Camera, ...]) -> None: ...
    def show_rates(self, rates: tuple[CameraRates, ...]) -> None: ...
    def show_deployment(self, running: Deployment | None, last: Deployment | None) -> None: ...
    def show_lists(self, lists: tuple[Watchlist, ...]) -> None: ...
    def show_plans(self, plans: tuple[Deployment, ...]) -> None: ...
    def show_end_near(self) -> None: ...
    def show_alerts(self, alerts: tuple[Alert, ...]) -> None: ...
    def show_alert(self, alert: Alert) -> None: ...
    def forget_alert(self, alert_id: str) -> None: ...
    def show_better_look(self, alert_id: str) -> None: ...
    def show_away(self) -> None: ...
    def show_back(self) -> None: ...
    def show_error(self, error: LfrdError) -> None: ...


async def follow(client: Client, view: View) -> None:
    """Keep the view in step until cancelled. Raises what the daemon refuses for good (Denied)."""
    async for item in client.events():
        match item:
            case Away():
                view.show_away()
            case Back() | Reset():
                await _reload(client, view)
            case EventMessage() | HealthChange():
                await _apply(item, client, view)
            case rates:
                view.show_rates(rates)


async def _reload(client: Client, view: View) -> None:
    """Read everything. If the daemon goes away meanwhile, the stream says so next."""
    try:
        view.show_me(await client.me())
        view.show_health(await client.health())
        await _show_deployment(client, view)
        view.show_cameras(await client.cameras())
        view.show_lists(await client.watchlists())
        async with view.in_order:
            view.show_alerts(await _all_alerts(client))
    except LfrdError as error:
        view.show_error(error)
    else:
        view.show_back()


async def _all_alerts(client: Client) -> tuple[Alert, ...]:
    """The newest alerts of any state and every open one."""
    found = {alert.id: alert for alert in await client.alerts(limit=PAGE)}
    before: str | None = None
    for _ in range(MAX_OPEN_PAGES):
        page = await client.alerts(AlertState.OPEN, limit=PAGE, before=before)
        found.update((alert.id, alert) for alert in page)
        if len(page) < PAGE:
            break
        before = page[-1].id
    return tuple(found.values())


async def _apply(item: EventMessage | HealthChange, client: Client, view: View) -> None:
    """Read what this names."""
    try:
        if isinstance(item, HealthChange):
            view.show_health(await client.health())
        elif item.kind in _OF_ALERTS:
            await read_alert(item.subject_id, client, view)
            if item.kind is EventKind.ALERT_UPDATED:
                view.show_better_look(item.subject_id)
        elif item.kind is EventKind.CAMERA_CHANGED:
            view.show_cameras(await client.cameras())
        elif item.kind is EventKind.WATCHLIST_CHANGED:
            view.show_lists(await client.watchlists())
        elif item.kind is EventKind.DEPLOYMENT_CHANGED:
            await _show_deployment(client, view)
            view.show_health(await client.health())
        elif item.kind is EventKind.DEPLOYMENT_ENDING:
            await _show_deployment(client, view)
            view.show_end_near()
    except LfrdError as error:
        view.show_error(error)


async def _show_deployment(client: Client, view: View) -> None:
    """The running deployment; where none runs, also how the last one ended, and what is planned."""
    running, last = await client.current_deployment(), None
    if running is None:
        found = await client.deployments()
        over = (d for d in found if d.started_at_s and d.ended_at_s)
        last = max(over, key=lambda d: d.ended_at_s or 0.0, default=None)
        view.show_plans(tuple(d for d in found if d.state in TO_COME))
    view.show_deployment(running, last)


async def read_alert(alert_id: str, client: Client, view: View) -> None:
    """Show this candidate as it is now, or forget it. Raises LfrdError."""
    async with view.in_order:
        try:
            alert = await client.alert(alert_id)
        except NotFound:  # its time ran out between the event and the reading
            view.forget_alert(alert_id)
        else:
            view.show_alert(alert)

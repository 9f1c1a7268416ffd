"""Follows the daemon: the whole state once, then what changes, again whenever it was away.

The stream is open before the state is read, so nothing falls between the two. An event says what
changed and never how: each one leads to a reading of its subject. Readings are idempotent, so an
event that the state already held does no harm.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from lfrd.client import Away, Back, Client, Reset, Unreachable
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
SINGLY_MAX = 40
"""If more candidates than this changed since the last reading, all are read anew, in pages."""
PAUSE_S = 0.05
AGAIN_S = 1.0
"""After so long what could not be read is read again: a connection may have broken just then."""

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
    def show_news(self) -> None: ...
    def show_alerts(self, alerts: tuple[Alert, ...]) -> None: ...
    def show_alert(self, alert: Alert) -> None: ...
    def forget_alert(self, alert_id: str) -> None: ...
    def show_better_look(self, alert_id: str) -> None: ...
    def show_away(self) -> None: ...
    def show_back(self) -> None: ...
    def show_error(self, error: LfrdError) -> None: ...


@dataclass
class Pending:
    """What changed and is not read yet: each subject once, however often it is told of."""

    reload: bool = False
    alerts: dict[str, bool] = field(default_factory=dict)
    """By id, whether it may have another picture now."""
    health: bool = False
    cameras: bool = False
    lists: bool = False
    deployment: bool = False
    end_near: bool = False

    def with_later(self, later: "Pending") -> "Pending":
        """What is still to be read, and what came since."""
        alerts = {**self.alerts, **later.alerts}
        flags = ("reload", "health", "cameras", "lists", "deployment", "end_near")
        known = {name: getattr(self, name) or getattr(later, name) for name in flags}
        return Pending(alerts=alerts, **known)

    def take(self, item: EventMessage | HealthChange) -> None:
        """Note what an event names."""
        if isinstance(item, HealthChange):
            self.health = True
        elif item.kind in _OF_ALERTS:
            updated = item.kind is EventKind.ALERT_UPDATED
            self.alerts[item.subject_id] = updated or self.alerts.get(item.subject_id, False)
        elif item.kind is EventKind.CAMERA_CHANGED:
            self.cameras = True
        elif item.kind is EventKind.WATCHLIST_CHANGED:
            self.lists = True
        elif item.kind is EventKind.DEPLOYMENT_CHANGED:
            self.deployment = self.health = True
        elif item.kind is EventKind.DEPLOYMENT_ENDING:
            self.deployment = self.end_near = True


@dataclass
class Inbox:
    """What the stream said and is not read yet."""

    pending: Pending = field(default_factory=Pending)
    told: asyncio.Event = field(default_factory=asyncio.Event)
    is_away: bool = False


async def follow(client: Client, view: View) -> None:
    """Keep the view in step until cancelled. Raises what the daemon refuses for good (Denied).

    One task listens and another reads, so that a flood of events is told once for each subject.
    """
    inbox = Inbox()
    reader = asyncio.create_task(_read(inbox, client, view))
    try:
        async for item in client.events():
            if reader.done():
                break
            if isinstance(item, Away):
                inbox.pending, inbox.is_away = Pending(), True
                view.show_away()
            elif isinstance(item, Back | Reset):
                inbox.pending, inbox.is_away = Pending(reload=True), False
            elif isinstance(item, EventMessage | HealthChange):
                inbox.pending.take(item)
            else:
                view.show_rates(item)
            inbox.told.set()
        await reader
    finally:
        reader.cancel()
        with suppress(asyncio.CancelledError):
            await reader


async def _read(inbox: Inbox, client: Client, view: View) -> None:
    """Read what is pending, and again while more is; keys have their turn in between."""
    while True:
        await inbox.told.wait()
        inbox.told.clear()
        pending, inbox.pending = inbox.pending, Pending()
        try:
            if pending.reload:
                await _reload(client, view)
            else:
                await _apply(pending, client, view)
        except Unreachable as error:
            view.show_error(error)
            await asyncio.sleep(AGAIN_S)
            if not inbox.is_away:  # else all is read once it is back
                inbox.pending = pending.with_later(inbox.pending)
                inbox.told.set()
        except LfrdError as error:
            view.show_error(error)
        else:
            await asyncio.sleep(PAUSE_S if len(pending.alerts) > 1 else 0)


async def read_me(client: Client, view: View) -> None:
    """Show as whom this screen decides: the role may be another one now."""
    try:
        view.show_me(await client.me())
    except LfrdError as error:
        view.show_error(error)


async def _reload(client: Client, view: View) -> None:
    """Read everything. Raises LfrdError."""
    view.show_me(await client.me())
    view.show_health(await client.health())
    await _show_deployment(client, view)
    view.show_cameras(await client.cameras())
    view.show_lists(await client.watchlists())
    async with view.in_order:
        view.show_alerts(await _all_alerts(client))
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


async def _apply(pending: Pending, client: Client, view: View) -> None:
    """Read what is named. Raises LfrdError."""
    if pending.deployment:
        await _show_deployment(client, view)
    if pending.health:
        view.show_health(await client.health())
    if pending.end_near:
        view.show_end_near()
    if pending.cameras:
        view.show_cameras(await client.cameras())
    if pending.lists:
        view.show_lists(await client.watchlists())
    if pending.lists or pending.deployment:
        view.show_news()
    if len(pending.alerts) > SINGLY_MAX:
        async with view.in_order:
            view.show_alerts(await _all_alerts(client))
    for alert_id, updated in pending.alerts.items():
        if len(pending.alerts) <= SINGLY_MAX:
            await read_alert(alert_id, client, view)
        if updated:
            view.show_better_look(alert_id)


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

"""GET /v1/events: what changes, as server-sent events, from any kept position on."""

import asyncio
import functools
import logging
from collections.abc import Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lfrd.api.deps import MeterDep, SiteDep
from lfrd.api.paging import RESPONSES, Limit, Next, PagesDep, index_after
from lfrd.api.rates import RateMeter, running
from lfrd.api.views import health_change
from lfrd.errors import BadInput, StoreFailed
from lfrd.events import Event, Reset, Subscription
from lfrd.events import EventKind as StoredKind
from lfrd.site import Site
from lfrd.wire import sse
from lfrd.wire.events import EventKind, EventMessage, KeptEvents

log = logging.getLogger(__name__)

RATES_EVERY_S = 1.0
HEARTBEAT_EVERY_S = 10.0
WRITE_S = 10.0
"""A subscriber that reads nothing for so long is cut off; it may resume by its last id."""

LAST_WRITE_S = 0.2
ID_MAX = 2**63 - 1
ENCODED_KEPT = 64
"""Events whose text is kept for the subscribers that have yet to get them."""

KINDS = {
    StoredKind.CAMERA_CHANGED: EventKind.CAMERA_CHANGED,
    StoredKind.WATCHLIST_CHANGED: EventKind.WATCHLIST_CHANGED,
    StoredKind.DEPLOYMENT_CHANGED: EventKind.DEPLOYMENT_CHANGED,
    StoredKind.DEPLOYMENT_ENDING: EventKind.DEPLOYMENT_ENDING,
    StoredKind.EPISODE_RAISED: EventKind.ALERT_RAISED,
    StoredKind.EPISODE_UPDATED: EventKind.ALERT_UPDATED,
    StoredKind.EPISODE_CLOSED: EventKind.ALERT_CLOSED,
}

ALERTS = frozenset({EventKind.ALERT_RAISED, EventKind.ALERT_UPDATED, EventKind.ALERT_CLOSED})

router = APIRouter(tags=["events"])


class EventStream(Response):
    """An answer without an end: it stops with the daemon, the subscriber, or its slowness."""

    media_type = "text/event-stream"

    def __init__(
        self, site: Site, after_id: int, meter: RateMeter, stopping: asyncio.Event
    ) -> None:
        self.status_code = 200
        self.background: BackgroundTask | None = None
        self.init_headers()
        self._site = site
        self._after_id = after_id
        self._meter = meter
        self._stopping = stopping
        self._one_writer = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._send = send
        self._abort = scope["state"]["abort"]
        self._transport = scope["state"]["connection"].transport
        await send(
            {"type": "http.response.start", "status": 200, "headers": list(self.raw_headers)}
        )
        async with self._site.bus.subscribe(self._after_id) as subscription:
            await self._write(sse.position(self._after_id))
            await _until_one_ends(
                self._changes(subscription),
                self._rates(),
                self._health(),
                self._heartbeat(),
                self._stopping.wait(),
                _disconnected(receive),
            )
        await self._write(b"", last=True)

    async def _write(self, text: bytes, *, last: bool = False) -> None:
        """Send whole events, one writer at a time; who does not take them is cut off."""
        async with self._one_writer:
            try:
                async with asyncio.timeout(LAST_WRITE_S if last else WRITE_S):
                    await self._send(
                        {"type": "http.response.body", "body": text, "more_body": not last}
                    )
            except TimeoutError:
                log.warning("an event stream was cut off: its subscriber reads too slowly")
                self._abort()

    async def _changes(self, subscription: Subscription) -> None:
        try:
            async for item in subscription:
                if self._transport.is_closing():  # what is written now goes nowhere
                    return
                await self._write(_encode(item))
        except StoreFailed as error:
            log.error("an event stream ends, its replay failed: %s", error)
            return
        if subscription.ended is not None:
            log.info("an event stream ends: %s", subscription.ended.value)

    async def _rates(self) -> None:
        while True:
            said = self._meter.said(
                lambda: running(self._site.fleet.cameras()), self._site.clock.monotonic_s()
            )
            if said:
                await self._write(said)
            await asyncio.sleep(RATES_EVERY_S)

    async def _health(self) -> None:
        """The status now, and whenever it changes."""
        picture = self._site.health.now
        while True:
            await self._write(sse.encode(sse.HEALTH, health_change(picture).model_dump_json()))
            picture = await self._site.health.after(picture.version)

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_EVERY_S)
            await self._write(sse.HEARTBEAT)


@router.get(
    "/events",
    status_code=200,
    response_class=EventStream,
    responses={
        200: {
            "description": "Server-sent events: see EventMessage",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    },
)
async def follow_events(
    request: Request,
    site: SiteDep,
    meter: MeterDep,
    after: Annotated[int | None, Query(ge=0, le=ID_MAX)] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> EventStream:
    """Everything after event `after` (or the header Last-Event-ID, which wins), then live.

    Without either it starts now. The first block carries the position it starts from.
    """
    after_id = _resume_from(last_event_id)
    if after_id is None:
        after_id = after
    if after_id is None:
        after_id = await site.bus.newest_id()
    return EventStream(site, after_id, meter, request.app.state.stopping)


@router.get("/events/kept", responses=RESPONSES)
async def list_events(
    site: SiteDep,
    pages: PagesDep,
    after: Annotated[int, Query(ge=0, le=ID_MAX)] = 0,
    kind: Annotated[tuple[EventKind, ...], Query(max_length=len(EventKind))] = (),
    limit: Limit = 100,
    following: Annotated[Next, Query(alias="next")] = None,
) -> KeptEvents:
    """What is kept of what changed, oldest first, in pages; `kind` may be repeated. The stream is
    at /v1/events."""
    place = index_after(following)
    after = after if place is None else place
    kinds = [stored for stored, shown in KINDS.items() if shown in kind]
    page = await site.bus.kept(after, limit + 1, kinds)
    return KeptEvents(
        events=tuple(map(_message, pages.cut(page.events, limit, lambda item: (item.id,)))),
        oldest_id=page.oldest_id,
        newest_id=page.newest_id,
        missed=not page.follows(after),
    )


def _resume_from(header: str | None) -> int | None:
    if not header:
        return None
    if not (header.isascii() and header.isdigit()) or len(header) > 19 or int(header) > ID_MAX:
        raise BadInput("Last-Event-ID must be the id of an event")
    return int(header)


@functools.lru_cache(maxsize=ENCODED_KEPT)
def _encode(item: Event | Reset) -> bytes:
    """As text, made once for all subscribers."""
    if isinstance(item, Reset):
        return sse.encode(sse.RESET, "{}", item.newest_id)
    return sse.encode(sse.CHANGE, _message(item).model_dump_json(), item.id)


def _message(event: Event) -> EventMessage:
    """Who closed an alert, and whether at once, is for nobody to learn from its event."""
    kind = KINDS[event.kind]
    request_id = None if kind in ALERTS else event.request_id
    return EventMessage(
        id=event.id, kind=kind, subject_id=event.subject_id, at_s=event.at_s, request_id=request_id
    )


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _until_one_ends(*parts: Coroutine[Any, Any, object]) -> None:
    """Run all; when the first returns (or fails) the others are cancelled and awaited."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(part) for part in parts]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()

"""What happened, told to subscribers after it was committed and never before.

An event is two ids and a kind: never a name, a score or an image; who may see more asks the API.
A subscriber that names the last event it saw gets what it missed from the table first, then goes
on live without gap or duplicate.
"""

import asyncio
import enum
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from lfrd.counters import Spread
from lfrd.errors import StoreFailed

QUEUE_LIMIT = 1_000
PAGE_SIZE = 500


class EventKind(enum.StrEnum):
    """The subject of each kind is the id of that thing."""

    CAMERA_CHANGED = "camera.changed"
    WATCHLIST_CHANGED = "watchlist.changed"
    DEPLOYMENT_CHANGED = "deployment.changed"
    DEPLOYMENT_ENDING = "deployment.ending"
    EPISODE_RAISED = "episode.raised"
    EPISODE_UPDATED = "episode.updated"
    EPISODE_CLOSED = "episode.closed"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; `id` grows and is never given twice, not even after a restart."""

    id: int
    kind: EventKind
    subject_id: str
    at_s: float
    request_id: str | None = None
    """The request that it is the work of; None: the daemon's own."""


@dataclass(frozen=True, slots=True)
class Reset:
    """What was missed is no longer kept: ask for everything anew; newer events follow."""

    newest_id: int


@dataclass(frozen=True, slots=True)
class EventPage:
    """Kept events in order, and the oldest and newest id there is (oldest = newest + 1: none)."""

    events: tuple[Event, ...]
    oldest_id: int
    newest_id: int

    def follows(self, after_id: int) -> bool:
        """Whether nothing is missing after an id: all that came after it is kept. Not so of one
        that was never given here (of the time before a restore, or made up)."""
        return self.oldest_id - 1 <= after_id <= self.newest_id


class Ended(enum.Enum):
    """Why a subscription stopped."""

    CLOSED = "the daemon is stopping"
    TOO_SLOW = "the subscriber fell too far behind; it may resume from the last event it saw"


class Page(Protocol):
    """Reads from the table."""

    def __call__(
        self, after_id: int, limit: int, kinds: Sequence[EventKind] = (), /
    ) -> Awaitable[EventPage]:
        """At most `limit` events after an id; of some kinds, or without any named of all."""


class Subscription:
    """A bounded queue of live events; iterate it inside `async with`.

    When more than QUEUE_LIMIT events wait, the subscriber is cut off: the iteration stops, and
    `ended` says why. It may subscribe again with the id of the last event it saw.
    """

    def __init__(self, bus: "EventBus", page: Page, after_id: int | None) -> None:
        self._bus = bus
        self._page = page
        self._after_id = after_id
        self._waiting: deque[tuple[Event, float]] = deque()
        self._ready = asyncio.Event()
        self.ended: Ended | None = None

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return len(self._waiting)

    async def __aenter__(self) -> "Subscription":
        self._bus.join(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bus.leave(self)

    def push(self, events: Sequence[Event]) -> None:
        """Called by the bus. Full: the subscriber is cut off."""
        if len(self._waiting) + len(events) > QUEUE_LIMIT:
            self.end(Ended.TOO_SLOW)
            return
        now_s = time.monotonic()
        self._waiting.extend((event, now_s) for event in events)
        self._ready.set()

    def end(self, reason: Ended) -> None:
        """Stop the iteration; what waits is dropped, since it can be resumed from the table."""
        if self.ended is None:
            self.ended = reason
        self._waiting.clear()
        self._bus.leave(self)
        self._ready.set()

    async def __aiter__(self) -> AsyncIterator[Event | Reset]:
        seen_id = 0
        if self._after_id is not None:
            seen_id = self._after_id
            async for item in self._missed(self._after_id):
                seen_id = item.newest_id if isinstance(item, Reset) else item.id
                yield item
        while self.ended is None:
            await self._ready.wait()
            self._ready.clear()
            while self._waiting:
                event, committed_at_s = self._waiting.popleft()
                if event.id > seen_id:
                    seen_id = event.id
                    yield event
                    self._bus.delivered.note(time.monotonic() - committed_at_s)

    async def _missed(self, after_id: int) -> AsyncIterator[Event | Reset]:
        """What the table holds after an id; live events gather meanwhile and overlap with it."""
        while self.ended is None:
            page = await self._read_page(after_id)
            if page is None:
                return
            if not page.follows(after_id):
                yield Reset(page.newest_id)
                return
            if not page.events:
                return
            for event in page.events:
                yield event
            after_id = page.events[-1].id

    async def _read_page(self, after_id: int) -> EventPage | None:
        """A page of the table; None where the store closed under the replay (`ended` says so)."""
        try:
            return await self._page(after_id, PAGE_SIZE)
        except StoreFailed:
            if self.ended is None:
                raise
            return None


class EventBus:
    """Hands committed events to the subscribers. For the event loop only."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._subscriptions: set[Subscription] = set()
        self._closed = False
        self.delivered = Spread()
        """From the commit until a subscriber has taken an event."""

    @property
    def subscribers(self) -> int:
        """How many there are."""
        return len(self._subscriptions)

    @property
    def behind(self) -> int:
        """How many events wait for the slowest subscriber."""
        return max((item.waiting for item in self._subscriptions), default=0)

    async def newest_id(self) -> int:
        """The id of the newest event, 0 where there has been none."""
        return (await self._page(0, 0)).newest_id

    async def kept(self, after_id: int, limit: int, kinds: Sequence[EventKind]) -> EventPage:
        """What the table holds after an id, oldest first; of some kinds, or of all."""
        return await self._page(after_id, limit, kinds)

    def subscribe(self, after_id: int | None = None) -> Subscription:
        """Events after `after_id` (kept ones first), or from now on where it is None."""
        return Subscription(self, self._page, after_id)

    def publish(self, events: Sequence[Event]) -> None:
        """Hand over what was just committed, in the order of its ids."""
        for subscription in tuple(self._subscriptions):
            subscription.push(events)

    def join(self, subscription: Subscription) -> None:
        self._subscriptions.add(subscription)
        if self._closed:
            subscription.end(Ended.CLOSED)

    def leave(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)

    def close(self) -> None:
        """End every subscription, and those that come later."""
        self._closed = True
        for subscription in tuple(self._subscriptions):
            subscription.end(Ended.CLOSED)

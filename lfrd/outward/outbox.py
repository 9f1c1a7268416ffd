"""The outbox: takes what waits for each endpoint and sends it, until it arrived or is given up.

Each endpoint has a task of its own, so that one that is slow or away holds up no other. Messages of
one subject leave one after the other; a message counts as delivered once that is on the disk, so
one may arrive twice (with the same id) and none is lost.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from math import inf
from types import TracebackType

from lfrd.clock import Clock
from lfrd.errors import NotFound, StoreFailed
from lfrd.health import HealthBoard
from lfrd.ids import new_id
from lfrd.outward.endpoint import DeliveryFailed, Endpoint, Letter, RefusedForGood, Unreachable
from lfrd.outward.images import disclosed
from lfrd.store import outbox
from lfrd.store.database import SYSTEM, Database
from lfrd.store.outbox import Message, MessageState, NewMessage, Tally
from lfrd.store.transaction import Reader, Transaction
from lfrd.supervise import Backoff
from lfrd.vocabulary import OutwardKind

log = logging.getLogger(__name__)

AT_ONCE = 32
"""Messages that are taken from the store together."""
SENDING = 8
"""Of these on their way at the same time, to one endpoint."""
IDLE_S = 1.0
STORE_RETRY_S = 5.0
PRUNE_EVERY_S = 60.0
REFUSALS = 4
"""So many refused messages of one round, and no other, mean that the endpoint takes none."""
SAID_AFTER = 3
"""Failures in a row of an endpoint until health says so."""

AWAY = Backoff(first_s=1.0, cap_s=120.0, jitter=0.5)
"""Between attempts at an endpoint that does not answer: one message is tried, not all."""
REFUSED = Backoff(first_s=5.0, cap_s=3600.0, jitter=0.5)
"""Between attempts at a message that was refused; others go on meanwhile."""


@dataclass(frozen=True, slots=True)
class EndpointState:
    """How an endpoint is. `failing_since_s` and `reason` are None while messages arrive."""

    endpoint: Endpoint
    tally: Tally
    oldest_waiting_at_s: float | None
    failing_since_s: float | None
    reason: str | None


@dataclass(slots=True)
class _Failing:
    """An endpoint to which nothing goes at present: since when (wall time), how often it was tried
    in a row, and when (monotonic time) it is tried again."""

    since_s: float
    count: int
    again_at_s: float
    reason: str


@dataclass(slots=True, eq=False)
class _Sender:
    """What sends to one endpoint. `wake`: look now; `ending`: send what is on its way, and end."""

    endpoint: Endpoint
    opened: AsyncExitStack
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


_Outcome = tuple[Message, DeliveryFailed | None]


class Outbox:
    """The messages of one site and their endpoints, open while entered; `run` sends.

    What has waited for `give_up_s` is given up with the reason of its last attempt.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        health: HealthBoard,
        endpoints: Sequence[Endpoint],
        *,
        give_up_s: float,
        required: int,
    ) -> None:
        self._first = tuple(endpoints)
        self._database = database
        self._clock = clock
        self._health = health
        self.give_up_s = give_up_s
        self._required = required
        self._failing: dict[str, _Failing] = {}
        self._senders: dict[str, _Sender] = {}
        self._tasks: asyncio.TaskGroup | None = None

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Who is told, in the order of the configuration."""
        return tuple(sender.endpoint for sender in self._senders.values())

    async def __aenter__(self) -> "Outbox":
        self._senders = await _opened(self._first)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        async with AsyncExitStack() as closing:
            for sender in self._senders.values():
                closing.push_async_callback(sender.opened.aclose)

    async def replace(self, endpoints: Sequence[Endpoint]) -> None:
        """Tell these from now on. One that was there stays as it is; of one that is there no more
        or is made anew, what is on its way arrives and is noted first, so that nothing is sent
        twice. What waits is sent to the one that now has its name, or is given up where none has.
        """
        there = self._senders
        kept = {sender.endpoint: sender for sender in there.values()}
        opened = await _opened([item for item in endpoints if item not in kept])
        await self._end([sender for sender in there.values() if sender.endpoint not in endpoints])
        self._senders = {item.id: kept.get(item) or opened[item.id] for item in endpoints}
        for name in there.keys() - self._senders.keys():
            self._failing.pop(name, None)
            self._health.clear(f"outbox:{name}")
            self._health.clear(f"outbox:{name}:dropped")
        for failing in self._failing.values():
            failing.again_at_s = 0.0  # who changed something wants to know whether it helped
        if self._tasks is not None:
            self._begin(self._tasks)
        self.wake()

    async def _end(self, senders: Sequence[_Sender]) -> None:
        for sender in senders:
            sender.ending.set()
            sender.wake.set()
        ending = [sender.task for sender in senders if sender.task is not None]
        if ending:  # bounded by how long a receiver may take to answer
            await asyncio.wait(ending)
        for sender in senders:
            await sender.opened.aclose()

    def wake(self) -> None:
        """Something was put down: look now."""
        for sender in self._senders.values():
            sender.wake.set()

    # what people ask ------------------------------------------------------------------------------

    async def states(self) -> tuple[EndpointState, ...]:
        """How each endpoint is."""
        there = self.endpoints

        def query(reader: Reader) -> list[tuple[Tally, float | None]]:
            return [
                (outbox.tally(reader, item.id), outbox.oldest_waiting_at_s(reader, item.id))
                for item in there
            ]

        found = await self._database.read(query)
        return tuple(
            EndpointState(
                endpoint, tally, oldest, failing.since_s if failing else None,
                failing.reason if failing else None,
            )
            for endpoint, (tally, oldest) in zip(there, found, strict=True)
            for failing in [self._failing.get(endpoint.id)]
        )  # fmt: skip

    async def page(
        self, endpoint: str | None, state: MessageState | None, before_id: int | None, limit: int
    ) -> list[Message]:
        """Messages, newest first."""
        return await self._database.read(
            lambda reader: outbox.page(reader, endpoint, state, before_id, limit)
        )

    async def get(self, row_id: int) -> Message:
        """Raises NotFound."""
        return await self._database.read(lambda reader: outbox.get(reader, row_id))

    async def redeliver(self, row_id: int, *, principal: str) -> Message:
        """Send once more what was delivered or given up. Raises NotFound, Conflict."""
        message = await self._database.write(
            lambda tx: outbox.again(tx, row_id), principal=principal
        )
        self.wake()
        return message

    async def test(self, endpoint: str, *, principal: str) -> Message:
        """Put down a message that says nothing, for one endpoint. Raises NotFound."""
        if endpoint not in self._senders:
            known = ", ".join(self._senders) or "none: [[webhook]], [mqtt], [ntfy], [smtp]"
            raise NotFound(f"there is no endpoint {endpoint}; the configuration has {known}")
        new = NewMessage(f"msg_{new_id()}", OutwardKind.TEST, f"test:{new_id()}", {})

        def write(tx: Transaction) -> Message:
            return outbox.get(tx, outbox.put(tx, endpoint, new))

        message = await self._database.write(write, principal=principal)
        failing = self._failing.get(endpoint)
        if failing is not None:
            failing.again_at_s = 0.0  # who asks is there to see it
        self.wake()
        return message

    # sending --------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send what waits, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(), name="outbox events")
            self._tasks = tasks
            try:
                self._begin(tasks)
                await asyncio.Event().wait()
            finally:
                self._tasks = None

    def _begin(self, tasks: asyncio.TaskGroup) -> None:
        """Have all send that do not yet, and give up what waits for others."""
        tasks.create_task(self._retire(), name="outbox of others")
        for sender in self._senders.values():
            if sender.task is None:
                name = f"outbox {sender.endpoint.id}"
                sender.task = tasks.create_task(self._serve(sender), name=name)

    async def _retire(self) -> None:
        def retire(tx: Transaction) -> int:
            return outbox.retire(tx, list(self._senders))

        with contextlib.suppress(StoreFailed):  # at the next start, then
            while await self._database.write(retire, principal=SYSTEM):
                pass

    async def _follow(self) -> None:
        """What is committed wakes the senders at once."""
        while True:
            async with self._database.events.subscribe() as changes:
                async for _ in changes:
                    self.wake()
            await asyncio.sleep(IDLE_S)  # cut off by a burst, or closing

    async def _serve(self, sender: _Sender) -> None:
        endpoint, pruned_at_s = sender.endpoint, -inf
        while not sender.ending.is_set():
            sender.wake.clear()
            pause_s = self._pause_s(endpoint)
            try:
                if time.monotonic() - pruned_at_s > PRUNE_EVERY_S:
                    await self._prune(endpoint)
                    pruned_at_s = time.monotonic()
                if pause_s <= 0 and await self._round(sender):
                    continue
            except StoreFailed as error:
                log.warning("the outbox waits for the disk: %s", error)
                await asyncio.sleep(STORE_RETRY_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(IDLE_S, pause_s) if pause_s > 0 else IDLE_S):
                    await sender.wake.wait()

    def _pause_s(self, endpoint: Endpoint) -> float:
        failing = self._failing.get(endpoint.id)
        return 0.0 if failing is None else failing.again_at_s - time.monotonic()

    async def _round(self, sender: _Sender) -> bool:
        """Send some of what is due; False where nothing was, or the endpoint is away."""
        endpoint = sender.endpoint
        limit = 1 if endpoint.id in self._failing else AT_ONCE
        now_s = self._clock.wall_s()
        found = await self._database.read(
            lambda reader: outbox.due(reader, endpoint.id, now_s, limit)
        )
        if not found:
            return False
        places = asyncio.Semaphore(SENDING)
        away = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tries = [
                tasks.create_task(self._try(sender, message, places, away)) for message in found
            ]
        tried = [outcome for outcome in (task.result() for task in tries) if outcome is not None]
        await self._database.write(lambda tx: self._note(tx, endpoint, tried), principal=SYSTEM)
        return self._judge(endpoint, tried)

    async def _try(
        self, sender: _Sender, message: Message, places: asyncio.Semaphore, away: asyncio.Event
    ) -> _Outcome | None:
        """Send one; None where the endpoint turned out to be away before its turn, or ends."""
        endpoint = sender.endpoint
        async with places:
            if away.is_set() or sender.ending.is_set():
                return None
            try:
                letter = await self._letter(endpoint, message)
            except StoreFailed:
                return None  # health says so; it is tried again
            try:
                await endpoint.way.send(letter)
            except Unreachable as error:
                away.set()
                return message, error
            except DeliveryFailed as error:
                return message, error
            return message, None

    async def _letter(self, endpoint: Endpoint, message: Message) -> Letter:
        image = None
        if endpoint.images and message.kind in (OutwardKind.CANDIDATE, OutwardKind.DECIDED):
            image = await self._database.write(
                partial(disclosed, message=message, required=self._required), principal=SYSTEM
            )
        return Letter(message.message_id, message.kind, message.at_s, message.stated, image)

    def _note(self, tx: Transaction, endpoint: Endpoint, tried: Sequence[_Outcome]) -> None:
        """What came of each, in one transaction."""
        for message, error in tried:
            if error is None:
                outbox.delivered(tx, message.id)
            elif isinstance(error, RefusedForGood):
                outbox.dead(tx, message.id, str(error))
            elif tx.at_s - message.since_s >= self.give_up_s:
                outbox.dead(tx, message.id, f"given up: {error}")
            else:
                outbox.failed(tx, message.id, str(error), tx.at_s + self._wait_s(message, error))
        lost = next((error for _, error in tried if isinstance(error, Unreachable)), None)
        if lost is not None:
            before_s = tx.at_s - self.give_up_s
            outbox.give_up_before(tx, endpoint.id, before_s, f"given up: {lost}")

    def _wait_s(self, message: Message, error: DeliveryFailed) -> float:
        if isinstance(error, Unreachable):
            return 0.0  # the endpoint waits as a whole
        wait_s = REFUSED.delay_s(message.attempts + 1, False, random.random())
        return max(wait_s, error.retry_after_s or 0.0)

    def _judge(self, endpoint: Endpoint, tried: Sequence[_Outcome]) -> bool:
        """Whether to go on at once; says to health what people should know."""
        trouble = self._trouble(endpoint, tried)
        if trouble is None:
            self._failing.pop(endpoint.id, None)
            self._health.clear(_component(endpoint))
            return bool(tried)
        failing = self._failing.get(endpoint.id) or _Failing(self._clock.wall_s(), 0, 0.0, "")
        failing.count += 1
        failing.reason = str(trouble)
        wait_s = AWAY.delay_s(failing.count, False, random.random())
        failing.again_at_s = time.monotonic() + max(wait_s, trouble.retry_after_s or 0.0)
        self._failing[endpoint.id] = failing
        if failing.count >= SAID_AFTER:
            self._say(endpoint, failing)
        return False

    def _trouble(self, endpoint: Endpoint, tried: Sequence[_Outcome]) -> DeliveryFailed | None:
        """What is wrong with the endpoint as a whole, not with one message: it does not answer, or
        refuses one after the other."""
        refused = [error for _, error in tried if error is not None]
        lost = next((error for error in refused if isinstance(error, Unreachable)), None)
        if lost is not None:
            return lost
        later = [error for error in refused if not isinstance(error, RefusedForGood)]
        many = len(later) >= REFUSALS or endpoint.id in self._failing
        return later[0] if later and many and len(later) == len(tried) else None

    def _say(self, endpoint: Endpoint, failing: _Failing) -> None:
        since = datetime.fromtimestamp(failing.since_s, UTC)
        self._health.degrade(
            _component(endpoint),
            f"the endpoint {endpoint.id} has taken no message since {since:%Y-%m-%d %H:%M} UTC: "
            f"{failing.reason}; its messages wait (lfrd outbox list)",
        )

    async def _prune(self, endpoint: Endpoint) -> None:
        while await self._database.write(
            lambda tx: outbox.prune(tx, endpoint.id), principal=SYSTEM
        ):
            pass
        tally = await self._database.read(lambda reader: outbox.tally(reader, endpoint.id))
        component = f"{_component(endpoint)}:dropped"
        if tally.waiting >= outbox.WAITING_MAX:
            self._health.degrade(
                component, f"{outbox.WAITING_MAX} messages wait for the endpoint {endpoint.id}: "
                "the oldest are dropped, and counted (lfrd outbox list)",
            )  # fmt: skip
        else:
            self._health.clear(component)


def _component(endpoint: Endpoint) -> str:
    return f"outbox:{endpoint.id}"


async def _opened(endpoints: Sequence[Endpoint]) -> dict[str, _Sender]:
    """Each with its way entered, or none of them."""
    async with AsyncExitStack() as undo:
        found = {}
        for endpoint in endpoints:
            opened = await undo.enter_async_context(AsyncExitStack())
            if isinstance(endpoint.way, contextlib.AbstractAsyncContextManager):
                await opened.enter_async_context(endpoint.way)
            found[endpoint.id] = _Sender(endpoint, opened)
        undo.pop_all()
        return found

"""Messages to other systems: /v1/outbox, for admins."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from lfrd.api.deps import ADMINS, PrincipalDep, SiteDep
from lfrd.api.editing import MADE, EditingDep
from lfrd.api.paging import RESPONSES, Limit, Next, PagesDep, index_after
from lfrd.outward.outbox import EndpointState
from lfrd.store import outbox as stored
from lfrd.wire import outbox as wire

router = APIRouter(prefix="/outbox", tags=["outbox"], dependencies=[ADMINS])

FAR = 2**53
"""Further than any id."""

MessageId = Annotated[int, Path(ge=1, le=FAR)]


@router.get("/endpoints")
async def list_endpoints(site: SiteDep) -> tuple[wire.OutboxEndpoint, ...]:
    """Who is told what happens, as the configuration says, and how that goes."""
    return tuple(_endpoint(state) for state in await site.outbox.states())


@router.get("/messages", responses=RESPONSES)
async def list_messages(
    site: SiteDep,
    pages: PagesDep,
    limit: Limit = 100,
    endpoint: Annotated[str | None, Query(max_length=63)] = None,
    state: wire.MessageState | None = None,
    following: Annotated[Next, Query(alias="next")] = None,
) -> tuple[wire.OutboxMessage, ...]:
    """Messages that wait, were delivered (kept for a day) or were given up (30 days), newest
    first."""
    stored_state = None if state is None else stored.MessageState(state.value)
    found = await site.outbox.page(endpoint, stored_state, index_after(following), limit + 1)
    return tuple(map(_message, pages.cut(found, limit, lambda item: (item.id,))))


@router.get("/messages/{message_id}")
async def get_message(message_id: MessageId, site: SiteDep) -> wire.OutboxMessage:
    """One message, and why it did not arrive."""
    return _message(await site.outbox.get(message_id))


@router.post("/messages/{message_id}/redeliver")
async def redeliver_message(
    message_id: MessageId, site: SiteDep, principal: PrincipalDep
) -> wire.OutboxMessage:
    """Send once more what was delivered or given up, with the same id."""
    return _message(await site.outbox.redeliver(message_id, principal=principal))


@router.post("/endpoints/{endpoint}/test", status_code=201, responses=MADE)
async def test_endpoint(
    endpoint: Annotated[str, Path(max_length=63)],
    site: SiteDep,
    principal: PrincipalDep,
    editing: EditingDep,
) -> wire.OutboxMessage:
    """Send a message of kind `test`, which says nothing; ask for it again to see whether it
    arrived."""
    made = _message(await site.outbox.test(endpoint, principal=principal))
    return editing.made(f"/v1/outbox/messages/{made.id}", made)


def _endpoint(state: EndpointState) -> wire.OutboxEndpoint:
    return wire.OutboxEndpoint(
        id=state.endpoint.id,
        place=state.endpoint.way.place,
        images=state.endpoint.images,
        waiting=state.tally.waiting,
        delivered=state.tally.delivered,
        dead=state.tally.dead,
        dropped=state.tally.dropped,
        oldest_waiting_at_s=state.oldest_waiting_at_s,
        failing_since_s=state.failing_since_s,
        reason=state.reason,
    )


def _message(message: stored.Message) -> wire.OutboxMessage:
    waiting = message.state is stored.MessageState.WAITING
    return wire.OutboxMessage(
        id=message.id,
        message_id=message.message_id,
        endpoint=message.endpoint,
        kind=message.kind,
        state=wire.MessageState(message.state.value),
        at_s=message.at_s,
        attempts=message.attempts,
        next_at_s=message.next_at_s if waiting else None,
        done_at_s=message.done_at_s,
        reason=message.reason,
        facts=message.stated,
    )

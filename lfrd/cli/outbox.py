"""`lfrd outbox`: who is told what happens, what waits for them, and what was given up."""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

from lfrd.cli.dates import shown
from lfrd.cli.reach import token_of
from lfrd.cli.terminal import note, say
from lfrd.client import PAGE_MAX, Client
from lfrd.errors import BadInput, Failure
from lfrd.wire.outbox import MessageState, OutboxEndpoint, OutboxMessage

LOOK_S = 0.2


async def run(options: argparse.Namespace, socket: Path) -> int:
    """Carry out one action."""
    async with Client.over_socket(socket, token_of(options)) as client:
        if options.action == "list":
            return await _list(client, options)
        if options.action == "retry":
            return await _retry(client, options)
        if options.action == "test":
            return await _test(client, options)
        return await _messages(client, options)


async def _list(client: Client, options: argparse.Namespace) -> int:
    found = await client.outbox_endpoints()
    if not found:
        note("nobody is told: see [[webhook]], [mqtt], [ntfy] and [smtp] in the configuration")
    for endpoint in found:
        say(endpoint.model_dump_json() if options.json else _endpoint(endpoint.printable()))
    return 0


async def _messages(client: Client, options: argparse.Namespace) -> int:
    state = "dead" if options.action == "dead" else options.state
    wanted = None if state is None else MessageState(state)
    left = options.limit
    async for message in _all(client, options.endpoint, wanted):
        if left == 0:
            note("there are older ones: --limit N")
            break
        left -= 1
        say(message.model_dump_json() if options.json else _message(message.printable()))
    return 0


async def _retry(client: Client, options: argparse.Namespace) -> int:
    if bool(options.id) == options.dead:
        raise BadInput("name the messages to send once more, or --dead for all that were given up")
    ids = options.id
    if options.dead:
        found = _all(client, options.endpoint, MessageState.DEAD)
        ids = sorted([message.id async for message in found])
    for row_id in ids:
        message = await client.redeliver(row_id)
        if options.json:
            say(message.model_dump_json())
    note(f"{len(ids)} message(s) wait to be sent once more")
    return 0


async def _test(client: Client, options: argparse.Namespace) -> int:
    """Wait until it arrived; exit with 1 where it did not."""
    message = await client.test_endpoint(options.endpoint)
    until_s = time.monotonic() + options.wait
    while message.state is MessageState.WAITING and not message.attempts:
        if time.monotonic() > until_s:
            break
        await asyncio.sleep(LOOK_S)
        message = await client.outbox_message(message.id)
    if options.json:
        say(message.model_dump_json())
    if message.state is MessageState.DELIVERED:
        if not options.json:
            say(f"{options.endpoint} has taken the test message {message.message_id}")
        return 0
    state = next(item for item in await client.outbox_endpoints() if item.id == options.endpoint)
    why = message.reason or state.reason or f"it waits behind {state.waiting - 1} others"
    raise Failure(f"the test message for {options.endpoint} has not arrived: {why}")


async def _all(
    client: Client, endpoint: str | None, state: MessageState | None
) -> AsyncIterator[OutboxMessage]:
    """Newest first."""
    following = None
    while True:
        page = await client.outbox_messages(endpoint, state, limit=PAGE_MAX, after=following)
        for message in page.items:
            yield message
        following = page.next
        if following is None:
            return


def _endpoint(item: OutboxEndpoint) -> str:
    counts = (
        f"{item.waiting} waiting, {item.delivered} delivered, {item.dead} dead, "
        f"{item.dropped} dropped"
    )
    lines = [f"{item.id:16} {item.place:32} {counts}"]
    if item.oldest_waiting_at_s is not None:
        lines.append(f"{'':16} the oldest waits since {shown(item.oldest_waiting_at_s)}")
    if item.failing_since_s is not None:
        lines.append(f"{'':16} no message taken since {shown(item.failing_since_s)}: {item.reason}")
    return "\n".join(lines)


def _message(item: OutboxMessage) -> str:
    line = (
        f"{item.id:>8}  {shown(item.at_s)}  {item.endpoint:16} {item.kind:22} {item.state:9} "
        f"{item.attempts} attempt(s)"
    )
    return line if item.reason is None else f"{line}: {item.reason}"

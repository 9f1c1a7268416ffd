"""`lfrd events`: what changed, and what changes."""

import argparse
from contextlib import aclosing
from pathlib import Path

from lfrd.cli.dates import shown
from lfrd.cli.reach import token_of
from lfrd.cli.terminal import note, say
from lfrd.client import PAGE_MAX, Away, Back, Client, Reset
from lfrd.errors import Failure, NotFound
from lfrd.wire.events import EventKind, EventMessage, KeptEvents
from lfrd.wire.health import HealthChange

ANEW = "Read all anew: `lfrd events` prints what is kept, `lfrd alert list` what is now"


async def run(options: argparse.Namespace, socket: Path) -> int:
    """Print what is kept, and with `--follow` what comes, until it is interrupted."""
    kinds = tuple(EventKind(kind) for kind in options.kind)
    async with Client.over_socket(socket, token_of(options)) as client:
        since = options.since
        if since is not None or not options.follow:
            since = await _kept(client, options, kinds, since or 0)
        if options.follow:
            await _follow(client, options, kinds, since)
    return 0


async def _kept(
    client: Client, options: argparse.Namespace, kinds: tuple[EventKind, ...], since: int
) -> int:
    """Print what is kept after an event; return the id to go on from."""
    page, following = await client.kept_events(since, kinds, limit=PAGE_MAX)
    if since > page.newest_id:
        if not options.follow:
            raise NotFound(f"{_unknown(since, page)}; `lfrd events --follow` goes on from now")
        note(f"{_unknown(since, page)}; this goes on from now")
        return page.newest_id
    if page.missed and since:
        note(f"events after {since} are kept no more: the oldest one is {page.oldest_id}. {ANEW}")
    newest = page.newest_id
    while True:
        for event in page.events:
            _print(options, event)
        if following is None:
            return max(newest, page.newest_id)
        page, following = await client.kept_events(since, kinds, limit=PAGE_MAX, after=following)


def _unknown(since: int, page: KeptEvents) -> str:
    """That no event has this id, and which there are."""
    span = f"{page.oldest_id} to {page.newest_id}"
    kept = f"kept are {span}" if page.oldest_id <= page.newest_id else "none is kept"
    return f"there is no event {since}: {kept} (was a backup restored?). {ANEW}"


async def _follow(
    client: Client, options: argparse.Namespace, kinds: tuple[EventKind, ...], since: int | None
) -> None:
    async with aclosing(client.events(since)) as stream:
        was_away = False
        async for item in stream:
            if isinstance(item, EventMessage):
                if not kinds or item.kind in kinds:
                    _print(options, item)
            elif isinstance(item, HealthChange) and options.health:
                _print_health(options, item)
            elif isinstance(item, Reset):
                note("events were missed for good: read everything again")
            elif isinstance(item, Away) and not was_away:
                was_away = True
                note(f"{item.reason}; trying again")
            elif isinstance(item, Back) and was_away:
                was_away = False
                note("the daemon is back")
    raise Failure("the event stream ended")  # it has no end


def _print(options: argparse.Namespace, event: EventMessage) -> None:
    if options.json:
        say(event.model_dump_json())
    else:
        at = shown(event.at_s, to_the_second=True)
        say(f"{event.id:>8}  {at}  {event.kind:19} {event.subject_id}")


def _print_health(options: argparse.Namespace, change: HealthChange) -> None:
    if options.json:
        say(change.model_dump_json())
    else:
        say(f"{'':>8}  health is {change.status}: {'; '.join(change.reasons) or 'all is well'}")

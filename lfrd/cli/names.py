"""What a name on the command line means, so that no id needs to be typed.

A thing is named by what people call it (a list by its name, an entry by LIST/REFERENCE or by its
reference, a deployment by its purpose, a token by its holder), or by the first or last characters
of its id. What may mean several is refused with what it could be.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from lfrd.client import Client
from lfrd.errors import BadInput, NotFound
from lfrd.vocabulary import DeploymentState
from lfrd.wire.alerts import Alert
from lfrd.wire.deployments import Deployment
from lfrd.wire.lists import Entry, Photo, Watchlist

T = TypeVar("T")

SHOWN = 10
"""So many things are named that could be meant."""
PART_OF_ID = 4
"""The first or last characters of an id are enough, so many at least."""
ENTRIES_LOOKED_THROUGH = 5_000
"""In a longer list a reference is found only as it is written."""
ALERTS_LOOKED_THROUGH = 200

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PART = re.compile(r"[0-9a-f-]+")


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """Something with its id, the names that people may use for it, and how it is shown."""

    item: T
    id: str
    names: tuple[str, ...]
    shown: str


def choose(kind: str, given: str, choices: Sequence[Choice[T]]) -> T:
    """The one that is meant: by its whole id or name as it is written, else by a name in other
    letters, else by a part of its id. Raises NotFound, or BadInput where several could be."""
    for means in (_by_word, _by_letters, _by_part):
        found = [choice for choice in choices if means(given, choice)]
        if len(found) == 1:
            return found[0].item
        if found:
            raise BadInput(f"{given!r} could be: {_listed(choice.shown for choice in found)}")
    raise NotFound(f"there is no {kind} {given!r}{_instead(given, choices)}")


async def list_of(client: Client, given: str) -> Watchlist:
    """A watchlist by its name."""
    lists = await client.watchlists()
    return choose("watchlist", given, [_as_choice(item) for item in lists])


async def list_ids(client: Client, names: Sequence[str]) -> tuple[str, ...]:
    """The ids of watchlists by their names."""
    lists = [_as_choice(item) for item in await client.watchlists()]
    return tuple(choose("watchlist", name, lists).id for name in names)


async def entry_of(client: Client, given: str) -> tuple[Watchlist, Entry]:
    """An entry, by LIST/REFERENCE or by a reference that only one list has."""
    lists = await client.watchlists()
    if _ID.fullmatch(given):
        entry = await client.entry(given)
        return choose("watchlist", entry.watchlist_id, [_as_choice(item) for item in lists]), entry
    readings = [(item, reference) for item in lists for reference in _references(given, item)]
    found = [
        _entry_choice(item, entry)
        for item, reference in readings
        for entry in await client.entries(item.id, reference)
    ]
    if len(found) > 1:
        raise BadInput(f"{given!r} could be: {_listed(choice.shown for choice in found)}")
    if found:
        return found[0].item
    several = [
        _entry_choice(item, entry)
        for item in {item.id: item for item, _ in readings}.values()
        if item.entries <= ENTRIES_LOOKED_THROUGH
        for entry in await client.entries(item.id)
    ]
    return choose("entry", given, several)


async def photo_of(client: Client, given: str) -> tuple[Entry, Photo]:
    """A photo of an entry, as `LIST/REFERENCE#2`: the number is the one that `entry show` has."""
    name, mark, number = given.rpartition("#")
    if not mark:
        raise BadInput(f"{given!r} names no photo: write LIST/REFERENCE#2, as `entry show` numbers")
    _, entry = await entry_of(client, name)
    return entry, numbered_photo(entry, number)


def numbered_photo(entry: Entry, number: str) -> Photo:
    """A photo by its number among those of the entry."""
    choices = [
        Choice(photo, photo.id, (str(n), photo.sha256), f"photo {n}")
        for n, photo in enumerate(entry.photos, start=1)
    ]
    return choose(f"photo of {entry.reference}", number, choices)


async def deployment_of(client: Client, given: str, *, to_come: bool = False) -> str:
    """The id of a deployment: `current`, `latest`, its purpose, or a part of its id. `to_come`:
    only those that have not ended are meant."""
    if _ID.fullmatch(given):
        return given
    if given == "current":
        running = await client.current_deployment()
        if running is None:
            raise NotFound("no deployment is running")
        return running.id
    known = await client.deployments()
    if to_come:
        over = (DeploymentState.ENDED, DeploymentState.ERASED)
        known = tuple(item for item in known if item.state not in over)
    if given == "latest" and known:
        return known[0].id
    choices = [_deployment_choice(item) for item in known]
    return choose("deployment", given, choices).id


async def alert_of(client: Client, given: str) -> str:
    """The id of an alert: by the reference, or a part of its id, among the newest ones."""
    if _ID.fullmatch(given):
        return given
    known = await client.alerts(limit=ALERTS_LOOKED_THROUGH)
    return choose("alert", given, [_alert_choice(item) for item in known]).id


async def schedule_of(client: Client, given: str) -> str:
    """The id of a schedule, by its purpose."""
    known = await client.governance.schedules()
    choices = [
        Choice(
            item.id, item.id, (item.purpose,), f"{item.purpose} at {item.place} ({_tail(item.id)})"
        )
        for item in known
    ]
    return choose("schedule", given, choices)


async def hold_of(client: Client, given: str) -> str:
    """The id of a legal hold, by its reason."""
    known = await client.governance.holds()
    choices = [
        Choice(item.id, item.id, (item.reason,), f"{item.kind}: {item.reason} ({_tail(item.id)})")
        for item in known
    ]
    return choose("hold", given, choices)


async def evaluation_of(client: Client, given: str) -> str:
    """The id of an evaluation report, by its pack."""
    known = [item for item in await client.governance.evaluations() if item.withdrawn_by is None]
    choices = [
        Choice(item.id, item.id, (item.report.pack,), f"{item.report.pack} ({_tail(item.id)})")
        for item in known
    ]
    return choose("evaluation", given, choices)


async def token_of_holder(client: Client, given: str) -> str:
    """The id of a valid token, by whose it is."""
    choices = [
        Choice(
            item.id,
            item.id,
            (item.principal, item.principal.removeprefix("user:")),
            f"{item.principal} ({_tail(item.id)})",
        )
        for item in await client.tokens()
        if item.revoked_at_s is None or item.id == given
    ]
    return choose("token", given, choices)


async def subject_of(client: Client, kind: str, given: str) -> str:
    """The id of what an erasure or a hold is about; what is gone is known by its id only."""
    if _ID.fullmatch(given):
        return given
    if kind == "watchlist":
        return (await list_of(client, given)).id
    if kind == "entry":
        return (await entry_of(client, given))[1].id
    if kind == "person":
        return (await entry_of(client, given))[1].person_id
    if kind == "photo":
        return (await photo_of(client, given))[1].id
    if kind == "episode":
        return await alert_of(client, given)
    return await deployment_of(client, given)


def _by_word(given: str, choice: Choice[T]) -> bool:
    return given == choice.id or given in choice.names


def _by_letters(given: str, choice: Choice[T]) -> bool:
    return _plain(given) in map(_plain, choice.names)


def _by_part(given: str, choice: Choice[T]) -> bool:
    part = given.removeprefix("…").lower()
    if len(part) < PART_OF_ID or not _PART.fullmatch(part):
        return False
    return choice.id.startswith(part) or choice.id.endswith(part)


def _plain(text: str) -> str:
    """As names are compared that people type: composed, in one case, without space around."""
    return unicodedata.normalize("NFC", text).strip().casefold()


def _instead(given: str, choices: Sequence[Choice[T]]) -> str:
    """What there is in its place: what looks like it, or everything where that is little."""
    if not choices:
        return ": there is none"
    near = set(difflib.get_close_matches(given, {c.names[0] for c in choices}, SHOWN))
    shown = [choice.shown for choice in choices if not near or choice.names[0] in near]
    return f"; there is: {_listed(shown)}"


def _listed(shown: Iterable[str]) -> str:
    found = sorted(shown)
    more = f", and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more


def _tail(item_id: str) -> str:
    """Enough of an id to name it by."""
    return f"…{item_id[-8:]}"


def _references(given: str, watchlist: Watchlist) -> list[str]:
    """The references that a text may mean on a list: all of it, or what follows the list's name."""
    found = [given]
    for at, char in enumerate(given):
        if char == "/" and _plain(given[:at]) == _plain(watchlist.name):
            found.append(given[at + 1 :])
    return [reference for reference in found if reference.strip()]


def _as_choice(item: Watchlist) -> Choice[Watchlist]:
    return Choice(item, item.id, (item.name,), item.name)


def _entry_choice(watchlist: Watchlist, entry: Entry) -> Choice[tuple[Watchlist, Entry]]:
    full = f"{watchlist.name}/{entry.reference}"
    return Choice((watchlist, entry), entry.id, (entry.reference, full), full)


def _deployment_choice(item: Deployment) -> Choice[Deployment]:
    shown = f"{item.purpose} at {item.place}, {item.state} ({_tail(item.id)})"
    return Choice(item, item.id, (item.purpose, f"{item.purpose} at {item.place}"), shown)


def _alert_choice(item: Alert) -> Choice[Alert]:
    shown = f"{item.reference} at {item.camera_id} ({_tail(item.id)})"
    return Choice(item, item.id, (item.reference,), shown)

"""`kill -9` at a random moment while lists, photos, reviews and deployments are written through the
API: whatever was acknowledged has to be there afterwards."""

import asyncio
import contextlib
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from lfrd.client import Client, Unreachable
from lfrd.demo.clip import listed_photo
from lfrd.errors import Conflict, NotFound
from lfrd.vocabulary import Category
from lfrd.wire.alerts import ReviewDecision, ReviewSubmit, Shown
from lfrd.wire.lists import EntryCreate, WatchlistCreate
from support.faulty_site import NOWHERE, WANTED, Site, add_cameras, deploy, enrol_somebody, site

LONGEST_S = 3.0
"""It is killed so long after it answers, at most."""
FIRST_LONGEST_S = 6.0
"""And the first time, since there is a deployment to be begun."""
SHOWN = Shown(face_px=200, reference_px=200, seen_s=5.0)


@dataclass(slots=True)
class Kept:
    """What was acknowledged and is to be there: ids, by what they are of."""

    lists: set[str] = field(default_factory=set)
    gone_lists: set[str] = field(default_factory=set)
    entries: set[str] = field(default_factory=set)
    photos: dict[str, str] = field(default_factory=dict)
    """Of which entry each is."""
    reviews: dict[str, str] = field(default_factory=dict)
    """By alert: the decision."""
    alerts: set[str] = field(default_factory=set)
    deployment: str = ""


@dataclass(slots=True)
class Toll:
    """Over all kills so far."""

    kills: int = 0
    acknowledged: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    healthy_s: list[float] = field(default_factory=list)
    """From the start of the process until it answers and is not failed, for each kill."""


async def kill_once(
    state: Path, kept: Kept, toll: Toll, rng: random.Random, address: str | None
) -> None:
    """Start, check what is to be there, write at random, kill."""
    began_s = time.monotonic()
    async with site(state, limit_s=60.0) as at:
        health = await at.client.health()
        assert health.status != "failed", health.reasons
        toll.healthy_s.append(time.monotonic() - began_s)
        toll.lost += await missing(at.client, kept)
        first = not kept.deployment
        if first:
            await _begin(at, kept, address)
        after_s = rng.random() * (FIRST_LONGEST_S if first else LONGEST_S)
        writing = asyncio.create_task(_write(at, kept, toll, rng))
        await asyncio.wait([writing], timeout=after_s)
        at.process.send_signal(signal.SIGKILL)
        await at.process.wait()
        writing.cancel()
        await asyncio.wait([writing])
        if not writing.cancelled() and (error := writing.exception()) is not None:
            for each in getattr(error, "exceptions", [error]):
                if not isinstance(each, Unreachable):
                    raise each
    toll.kills += 1


async def _begin(at: Site, kept: Kept, address: str | None) -> None:
    await add_cameras(at.client, {"gate": address or NOWHERE})
    known = {item.name: item.id for item in await at.client.watchlists()}
    listed = known.get(WANTED) or await enrol_somebody(at.client)  # a run may have been cut off
    kept.lists.add(listed)
    current = await at.client.current_deployment()
    kept.deployment = current.id if current else await deploy(at, listed)


async def _write(at: Site, kept: Kept, toll: Toll, rng: random.Random) -> None:
    """Until it is killed; each thing is noted once the daemon has acknowledged it."""
    photo = listed_photo()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_write_lists(at.client, kept, toll, random.Random(rng.random()), photo))
        tasks.create_task(_review(at.client, kept, toll, random.Random(rng.random())))
        tasks.create_task(_pause(at.client, kept, toll))


async def _write_lists(
    client: Client, kept: Kept, toll: Toll, rng: random.Random, photo: bytes
) -> None:
    while True:
        made = await client.create_watchlist(
            WatchlistCreate(name=f"l{rng.getrandbits(60):x}", category=Category.TEST,
                            purpose="test", owner="test")
        )  # fmt: skip
        _ack(kept.lists, made.id, toll, "list")
        for number in range(rng.randrange(1, 4)):
            entry = await client.add_entry(
                made.id, EntryCreate(reference=f"e{number}", basis="test", source="test")
            )
            _ack(kept.entries, entry.id, toll, "entry")
            added = await client.add_photo(entry.id, photo, "photo.jpg")
            kept.photos[added.id] = entry.id
            toll.acknowledged["photo"] += 1
        if rng.random() < 0.4:
            await _erase(client, kept, toll, made.id)


async def _erase(client: Client, kept: Kept, toll: Toll, listed: str) -> None:
    """From the request on it may be gone, and from the answer on it has to be."""
    entries = {entry.id for entry in await client.entries(listed)}
    kept.lists.discard(listed)
    kept.entries -= entries
    kept.photos = {photo: of for photo, of in kept.photos.items() if of not in entries}
    await client.delete_watchlist(listed)
    _ack(kept.gone_lists, listed, toll, "erasure")


async def _review(client: Client, kept: Kept, toll: Toll, rng: random.Random) -> None:
    """Decide about what the camera raised."""
    while True:
        for alert in await client.alerts(limit=20):
            if alert.id in kept.reviews:
                continue
            _ack(kept.alerts, alert.id, toll, "alert")
            decision = rng.choice([ReviewDecision.MATCH, ReviewDecision.UNSURE])
            with contextlib.suppress(Conflict):
                await client.submit_review(alert.id, ReviewSubmit(decision=decision, shown=SHOWN))
                kept.reviews[alert.id] = decision.value
                toll.acknowledged["review"] += 1
        await asyncio.sleep(0.1)


async def _pause(client: Client, kept: Kept, toll: Toll) -> None:
    """A step of the deployment, every now and then."""
    while True:
        await asyncio.sleep(0.7)
        await client.governance.pause(paused=True)
        await client.governance.pause(paused=False)
        toll.acknowledged["deployment step"] += 2


def _ack(known: set[str], subject: str, toll: Toll, kind: str) -> None:
    if subject not in known:
        known.add(subject)
        toll.acknowledged[kind] += 1


async def missing(client: Client, kept: Kept) -> list[str]:
    """What was acknowledged and is not there, or was to be gone and is."""
    lists = {item.id for item in await client.watchlists()}
    lost = [f"list {item}" for item in kept.lists - lists]
    lost += [f"list {item} came back" for item in kept.gone_lists & lists]
    found = [entry for item in kept.lists & lists for entry in await client.entries(item)]
    lost += [f"entry {item}" for item in kept.entries - {entry.id for entry in found}]
    photos = {photo.id for entry in found for photo in entry.photos}
    lost += [f"photo {item}" for item in kept.photos.keys() - photos]
    for alert_id in kept.alerts:
        try:
            alert = await client.alert(alert_id)
        except NotFound:
            lost.append(f"alert {alert_id}")
            continue
        decision = kept.reviews.get(alert_id)
        if decision is not None and (not alert.my_review or alert.my_review.decision != decision):
            lost.append(f"review of alert {alert_id}")
    return [*lost, *await _not_resumed(client, kept)]


async def _not_resumed(client: Client, kept: Kept) -> list[str]:
    if not kept.deployment:
        return []
    row = await client.deployment(kept.deployment)
    if row.state == "running":
        return []
    kept.deployment = ""
    passed = "planned end" in (row.end_reason or "") or "window" in (row.end_reason or "")
    return [] if passed else [f"deployment {row.id} did not go on: {row.end_reason}"]

"""A site under load that is going to be killed: imports, candidates, reviews and erasures at once.

    python -m benchmarks.governance_worker STATE SEED [CAMERA ADDRESS ...]

Every line on standard output is a promise: it is printed after the call that keeps it returned, or
after the event that tells of it arrived.
"""

import asyncio
import json
import random
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from lfrd.config import CameraSection, Config, ModelsSection, PolicySection, SiteSection
from lfrd.daemon import open_site
from lfrd.errors import Conflict, NotFound
from lfrd.events import Event, EventKind
from lfrd.governance.planning import Plan
from lfrd.ingest.settings import State
from lfrd.site import Site
from lfrd.store import episodes, watchlists
from lfrd.store.episodes import Evidence, NewEpisode
from lfrd.store.reviews import ReviewDecision
from lfrd.store.watchlists import Entry, NewEntry, NewWatchlist
from lfrd.vocabulary import Category, ErasureKind, Role

WHO = "user:bench"
MAIN = "main"
LIVE = "live"
"""What the ids of the cameras begin with that really send."""


def config_of(state: Path, addresses: Sequence[str] = ()) -> Config:
    live = [
        CameraSection(id=f"{LIVE}-{number}", address=address)
        for number, address in enumerate(addresses)
    ]
    return Config(
        site=SiteSection(node="bench", state_dir=state),
        models=ModelsSection(threads=1),
        policy=PolicySection(allow_lab=True),
        camera=(CameraSection(id="gate", address="rtsp://127.0.0.1:9/1"), *live),
    )


def promise(**kept: str) -> None:
    sys.stdout.write(json.dumps(kept) + "\n")
    sys.stdout.flush()


def photo() -> bytes:
    """The public domain photo that providers are checked with."""
    spec = find_spec("lfrd.vision")
    assert spec is not None
    assert spec.origin is not None
    return (Path(spec.origin).parent / "astronaut.png").read_bytes()


async def make_list(site: Site, name: str) -> str:
    made = await site.watchlists.create_list(
        NewWatchlist(name, Category.TEST, "bench", "bench"), principal=WHO
    )
    return made.row.id


async def import_one(site: Site, watchlist_id: str, reference: str) -> str:
    entry = await site.watchlists.add_entry(
        NewEntry(watchlist_id, reference, "consent", "bench", reviewer=WHO), principal=WHO
    )
    await site.photos.add(entry.row.id, photo(), reference, principal=WHO)
    return entry.row.id


async def main_list(site: Site) -> str:
    """The list that is compared with; made in the first round."""
    for item in await site.watchlists.lists():
        if item.row.name == MAIN:
            return item.row.id
    listed = await make_list(site, MAIN)
    await import_one(site, listed, "main-1")
    return listed


async def deployment(site: Site, listed: str) -> str:
    if site.deployments.current is not None:
        return site.deployments.current.id
    plan = Plan(
        profile="standard", purpose="bench", use_case="test", place="bench",
        watchlist_ids=(listed,), expectation="bench",
        documents=("impact-assessment: bench", "notice: bench"),
    )  # fmt: skip
    row = await site.deployments.draft(plan, 11 * 3600.0, principal=WHO)
    await site.deployments.authorise(row.id, principal="user:chief")
    await site.deployments.start_planned(row.id, principal=WHO)
    promise(op="deployment", id=row.id)
    return row.id


async def importing(site: Site, rng: random.Random) -> None:
    """New lists with somebody on them; some are erased right after."""
    while True:
        name = f"list {rng.getrandbits(60):x}"
        listed = await make_list(site, name)
        entry_id = await import_one(site, listed, name)
        promise(op="import", list=listed, entry=entry_id)
        if rng.random() < 0.7:
            promise(op="erasing", list=listed)
            await site.eraser.erase(
                ErasureKind.WATCHLIST, listed, "bench", principal=WHO, role=Role.SUPERVISOR
            )
            promise(op="erased", list=listed)


async def erasing(site: Site, rng: random.Random, listed: str, deployment_id: str) -> None:
    """People of the list that is compared with, erased while a candidate of theirs is open."""
    while True:
        entry_id = await import_one(site, listed, f"person {rng.getrandbits(60):x}")
        found = await site.database.read(lambda r: watchlists.entries(r, listed))
        entry = next(item for item in found if item.id == entry_id)
        new = _episode(entry, deployment_id, rng.getrandbits(30), site.vision.model_digest)
        episode = await site.database.write(lambda tx, n=new: episodes.add(tx, n), principal=WHO)
        promise(op="episode", id=episode.id)
        await site.eraser.erase(
            ErasureKind.PERSON, entry.person_id, "bench", principal=WHO, role=Role.SUPERVISOR
        )
        promise(op="erased-person", person=entry.person_id, entry=entry_id, episode=episode.id)
        await asyncio.sleep(rng.random() * 0.2)


async def reviewing(site: Site, rng: random.Random, listed: str, deployment_id: str) -> None:
    """Candidates, and decisions about them."""
    found = await site.database.read(lambda r: watchlists.entries(r, listed))
    entry = next(item for item in found if item.reference == "main-1")
    track = rng.getrandbits(30)
    while True:
        track += 1
        new = _episode(entry, deployment_id, track, site.vision.model_digest)
        episode = await site.database.write(lambda tx, n=new: episodes.add(tx, n), principal=WHO)
        promise(op="episode", id=episode.id)
        await _decide(site, rng, episode.id)
        await asyncio.sleep(rng.random() * 0.02)


async def _decide(site: Site, rng: random.Random, episode_id: str) -> None:
    decision = rng.choice(list(ReviewDecision))
    try:
        review = await site.reviews.submit(episode_id, decision, "bench", principal=WHO)
        promise(op="review", id=review.id, decision=decision.value)
        await site.reviews.finish(episode_id, principal=WHO)
        promise(op="final", id=review.id)
    except (Conflict, NotFound) as error:
        promise(op="refused", why=str(error))


async def watching(site: Site, rng: random.Random) -> None:
    """What the cameras themselves raise, once it was told of, and decisions about it."""
    async with site.bus.subscribe() as events:
        async for item in events:
            assert isinstance(item, Event)
            if item.kind == EventKind.CAMERA_CHANGED:
                camera = site.fleet.get(item.subject_id)
                if camera.status.state is State.LIVE:
                    promise(op="live", camera=camera.row.id)
            if item.kind != EventKind.EPISODE_RAISED:
                continue
            episode = await site.database.read(lambda r, i=item: episodes.get(r, i.subject_id))
            if episode.camera_id.startswith(LIVE):
                promise(op="raised", id=episode.id, camera=episode.camera_id)
                await _decide(site, rng, episode.id)


def _episode(entry: Entry, deployment_id: str, track: int, model: str) -> NewEpisode:
    face = random.Random(track).randbytes(20_000)
    return NewEpisode(
        deployment_id, "gate", track, entry.id, entry.person_id, entry.watchlist_id,
        entry.reference, 0.7, None, 0.5, model, 2, 1, 0.0, 0.0, None, Evidence(face, face, face),
    )  # fmt: skip


async def main(state: Path, seed: int, addresses: Sequence[str]) -> None:
    rng = random.Random(seed)
    async with open_site(config_of(state, addresses)) as site:
        listed = await main_list(site)
        deployment_id = await deployment(site, listed)
        promise(op="ready", deployment=deployment_id)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(watching(site, rng))
            tasks.create_task(importing(site, rng))
            tasks.create_task(erasing(site, random.Random(rng.random()), listed, deployment_id))
            for _ in range(2):
                tasks.create_task(
                    reviewing(site, random.Random(rng.random()), listed, deployment_id)
                )


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))

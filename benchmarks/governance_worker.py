"""A site under load that is going to be killed: imports, candidates, reviews and erasures at once.

    python -m benchmarks.governance_worker STATE SEED

Every line on standard output is a promise: it is printed after the call that keeps it returned.
"""

import asyncio
import json
import random
import sys
from importlib.util import find_spec
from pathlib import Path

from lfrd.config import CameraSection, Config, ModelsSection, PolicySection, SiteSection
from lfrd.daemon import open_site
from lfrd.errors import Conflict, NotFound
from lfrd.governance.planning import Plan
from lfrd.site import Site
from lfrd.store import episodes, watchlists
from lfrd.store.episodes import Evidence, NewEpisode
from lfrd.store.reviews import ReviewDecision
from lfrd.store.watchlists import Entry, NewEntry, NewWatchlist
from lfrd.vocabulary import Category, ErasureKind, Role

WHO = "user:bench"
MAIN = "main"


def config_of(state: Path) -> Config:
    return Config(
        site=SiteSection(node="bench", state_dir=state),
        models=ModelsSection(threads=1),
        policy=PolicySection(allow_lab=True),
        camera=(CameraSection(id="gate", address="rtsp://127.0.0.1:9/1"),),
    )


def promise(**kept: str) -> None:
    sys.stdout.write(json.dumps(kept) + "\n")
    sys.stdout.flush()


def photo() -> bytes:
    """The public domain photo that comes with scikit-image."""
    spec = find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    return (Path(spec.origin).parent / "data" / "astronaut.png").read_bytes()


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


async def reviewing(site: Site, rng: random.Random, listed: str, deployment_id: str) -> None:
    """Candidates, and decisions about them."""
    entry = (await site.database.read(lambda r: watchlists.entries(r, listed)))[0]
    track = rng.getrandbits(30)
    while True:
        track += 1
        new = _episode(entry, deployment_id, track, site.vision.model_digest)
        episode = await site.database.write(lambda tx, n=new: episodes.add(tx, n), principal=WHO)
        promise(op="episode", id=episode.id)
        decision = rng.choice(list(ReviewDecision))
        try:
            review = await site.reviews.submit(episode.id, decision, "bench", principal=WHO)
            promise(op="review", id=review.id, decision=decision.value)
            await site.reviews.finish(episode.id, principal=WHO)
            promise(op="final", id=review.id)
        except (Conflict, NotFound) as error:
            promise(op="refused", why=str(error))
        await asyncio.sleep(rng.random() * 0.02)


def _episode(entry: Entry, deployment_id: str, track: int, model: str) -> NewEpisode:
    face = random.Random(track).randbytes(20_000)
    return NewEpisode(
        deployment_id, "gate", track, entry.id, entry.person_id, entry.watchlist_id,
        entry.reference, 0.7, None, 0.5, model, 2, 1, 0.0, 0.0, None, Evidence(face, face, face),
    )  # fmt: skip


async def main(state: Path, seed: int) -> None:
    rng = random.Random(seed)
    async with open_site(config_of(state)) as site:
        listed = await main_list(site)
        deployment_id = await deployment(site, listed)
        promise(op="ready", deployment=deployment_id)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(importing(site, rng))
            for _ in range(2):
                tasks.create_task(
                    reviewing(site, random.Random(rng.random()), listed, deployment_id)
                )


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))

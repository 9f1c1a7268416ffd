"""A real site under a policy, with a list that may be compared with. For tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

from site_builder import config_on
from store_builders import raise_episode

from lfrd.clock import ManualClock
from lfrd.config import CameraSection, KeysSection, PolicySection
from lfrd.daemon import open_site
from lfrd.governance.planning import Plan
from lfrd.site import Site
from lfrd.store import watchlists
from lfrd.store.deployments import Deployment
from lfrd.store.episodes import Episode
from lfrd.store.watchlists import NewEntry, NewWatchlist
from lfrd.vocabulary import Category

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
DOCUMENTS = ("impact-assessment: DPIA 7", "notice: sign at the door")


class SettableClock(ManualClock):
    """A machine's clock that somebody sets, while time goes on at its own pace."""

    def set_by(self, seconds: float) -> None:
        self._wall_s += seconds


@asynccontextmanager
async def governed(
    folder: Path, clock: SettableClock, escrow: Path | None = None, **policy: str | float | bool
) -> AsyncIterator[Site]:
    """A site with one camera that answers nobody, under the policy `profile` (standard)."""
    camera = CameraSection(id="gate", address="rtsp://127.0.0.1:9/1")
    config = config_on(folder).model_copy(
        update={
            "camera": (camera,),
            "policy": PolicySection.model_validate({"allow_lab": True} | policy),
            "keys": KeysSection(escrow=escrow),
        }
    )
    async with open_site(config, clock=clock) as site:
        yield site


def photo() -> bytes:
    """A photo with one face, which comes with scikit-image."""
    spec = find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    return (Path(spec.origin).parent / "data" / "astronaut.png").read_bytes()


async def make_list(
    site: Site,
    name: str = "wanted",
    principal: str = "user:lists",
    category: Category = Category.WANTED,
) -> str:
    """A list with one person on it; its id."""
    made = await site.watchlists.create_list(
        NewWatchlist(name, category, "to find them", "the desk"), principal=principal
    )
    entry = await site.watchlists.add_entry(
        NewEntry(made.row.id, f"{name}-1", "warrant 12", "the court", reviewer="user:desk"),
        principal=principal,
    )
    await site.photos.add(entry.row.id, photo(), "photo", principal=principal)
    return made.row.id


def plan_of(watchlist_id: str, profile: str = "standard") -> Plan:
    return Plan(
        profile=profile, purpose="to find them", use_case="locate-wanted", place="the station",
        watchlist_ids=(watchlist_id,), expectation="they were seen there", documents=DOCUMENTS,
    )  # fmt: skip


async def deploy(site: Site, watchlist_id: str, hours: float = 4.0) -> Deployment:
    """A running deployment of the standard profile, planned by Ada and authorised by Bo."""
    plan = plan_of(watchlist_id, site.deployments.policies.own.name)
    row = await site.deployments.draft(plan, hours * HOUR_S, principal="user:ada")
    await site.deployments.authorise(row.id, principal="user:bo")
    return await site.deployments.start_planned(row.id, principal="user:ada")


async def see_somebody(
    site: Site, deployment_id: str, watchlist_id: str, track: int = 1
) -> Episode:
    """A candidate for the first entry of a list."""
    entry = (await site.database.read(lambda r: watchlists.entries(r, watchlist_id)))[0]
    return await site.database.write(
        lambda tx: raise_episode(tx, deployment_id, entry, track), principal="system"
    )

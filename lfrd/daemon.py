"""The composition root: opens every part in order, runs them together, closes in reverse."""

import asyncio
import contextlib
import functools
import gc
import logging
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from lfrd.cameras.fleet import Fleet, Reading
from lfrd.clock import Clock, process_age_s
from lfrd.config import Config, DetectionSection
from lfrd.deployment.decoys import Decoys
from lfrd.deployment.pipeline import LookObserver
from lfrd.deployment.run import Pace, RunContext
from lfrd.errors import StoreFailed
from lfrd.governance import profile
from lfrd.governance.denials import Denials
from lfrd.governance.deployments import DeploymentService
from lfrd.governance.erasure import Eraser
from lfrd.governance.missing_keys import report_missing_keys
from lfrd.governance.retention import Retention
from lfrd.governance.reviews import Reviews
from lfrd.governance.schedules import Schedules
from lfrd.governance.timekeeping import SteadyClock, Timekeeping
from lfrd.health import HealthBoard
from lfrd.ingest.camera import readers_at_work
from lfrd.lists.bulk_import import BulkImport
from lfrd.lists.expiry import Expiry
from lfrd.lists.model_change import ModelChange
from lfrd.lists.photos import Photos
from lfrd.lists.watchlists import Watchlists
from lfrd.matching.live_search import LiveGallery
from lfrd.matching.thresholds import Setting, Thresholds
from lfrd.process import share_heaps, tell, usable_cores
from lfrd.site import Site
from lfrd.store.database import SYSTEM, Database
from lfrd.store.keys import KeyStore, load_master_key
from lfrd.store.state_folder import StateFolder
from lfrd.store.templates import pack_in_use
from lfrd.store.vectors import VectorIndex
from lfrd.summary import Report
from lfrd.vision import packs
from lfrd.vision.engine import Vision

log = logging.getLogger(__name__)

STORE = "store"
"""Its name on the health board."""

STORE_LOOK_S = 1.0
COLLECT_AFTER = 10_000
"""New objects until the collector looks for cycles: a frame makes hundreds, and none in a cycle."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How this daemon differs from the plain one: `try`, `demo` and `evaluate` read files, and
    listen in."""

    reading: Reading | None = None
    pace: Pace | None = None
    report: Report | None = None
    observer: LookObserver | None = None
    new: bool = False
    """Begin with nothing although there are keys, whose database is gone."""


@asynccontextmanager
async def open_site(
    config: Config, manner: Manner | None = None, clock: Clock | None = None
) -> AsyncIterator[Site]:
    """Everything a site needs, open and running; leaving it ends a running deployment first."""
    share_heaps()
    born_at_s = time.monotonic() - process_age_s()
    manner, clock = manner or Manner(), SteadyClock.over(clock)
    policies = profile.for_site(
        config.policy.profile, config.policy.tightened, allow_lab=config.policy.allow_lab
    )
    async with AsyncExitStack() as parts:
        folder = parts.enter_context(StateFolder(config.site.state_dir))
        keys = parts.enter_context(KeyStore(folder, load_master_key(folder), config.keys.escrow))
        database = await parts.enter_async_context(Database(folder, keys, clock, new=manner.new))
        health, live = HealthBoard(), LiveGallery()
        timekeeping = Timekeeping(database, clock, health)
        await timekeeping.start()
        index = await parts.enter_async_context(VectorIndex(folder, keys))
        await index.sync(database)
        pack_name = await database.read(lambda reader: pack_in_use(reader, config.models.pack))
        made = await asyncio.to_thread(_vision, config, pack_name)
        vision = await parts.enter_async_context(made)
        parts.callback(_keep_locked, folder)
        fleet = Fleet(database, clock, health, config.camera, manner.reading, config.sources)
        parts.push_async_callback(fleet.life.close)
        pace = manner.pace or _live_pace(config.detection)
        eraser = Eraser(database, index, live)
        lists = _lists(config, clock, database, index, vision, live, eraser, health)
        context = RunContext(
            config, database, clock, health, fleet, vision, pace, born_at_s, lists.thresholds,
            manner.report, manner.observer,
        )  # fmt: skip
        deployments = DeploymentService(context, live, policies)
        retention = Retention(database, eraser, clock, health, policies, deployments.end_now)
        reviews = Reviews(database, clock, health, required=policies.own.rules.reviewers_required)
        decoys = Decoys(config.review, database, clock, health, fleet, vision, deployments)
        await decoys.check()
        await fleet.load()
        await deployments.recover()
        await retention.leave()  # what a crash left of the lab
        await retention.close_faceless()
        parts.push_async_callback(retention.leave)
        await report_missing_keys(database, health)
        site = Site(
            config=config,
            clock=clock,
            started_at_s=clock.wall_s(),
            database=database,
            bus=database.events,
            health=health,
            vision=vision,
            pack=pack_name,
            gallery=live,
            fleet=fleet,
            watchlists=lists.watchlists,
            imports=lists.imports,
            models=lists.models,
            thresholds=lists.thresholds,
            expiry=lists.expiry,
            deployments=deployments,
            schedules=Schedules(database, deployments, clock, health),
            eraser=eraser,
            retention=retention,
            reviews=reviews,
            denials=Denials(database, clock),
        )
        _spare_the_collector(parts)
        async with _at_work(site, timekeeping, decoys):
            yield site


def _keep_locked(folder: StateFolder) -> None:
    """A reader that is still inside FFmpeg keeps the process: until its end nobody else starts."""
    if readers_at_work():
        folder.keep_locked()


def _spare_the_collector(parts: AsyncExitStack) -> None:
    """What start-up made lives as long as the site: the collector need not walk it again, and
    frames leave it little to find."""
    gc.freeze()
    parts.callback(gc.unfreeze)
    parts.callback(gc.set_threshold, *gc.get_threshold())
    gc.set_threshold(COLLECT_AFTER)


@asynccontextmanager
async def _at_work(site: Site, timekeeping: Timekeeping, decoys: Decoys) -> AsyncIterator[None]:
    """The long-running coroutines, each of which ends the site if it fails."""
    stop, no_cameras = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(site.fleet.life.stay(no_cameras), name="cameras")
        clockwork = [
            tasks.create_task(site.reviews.run(), name="reviews"),
            tasks.create_task(site.expiry.run(), name="expiry"),
            tasks.create_task(site.models.run(), name="models"),
            tasks.create_task(site.retention.run(), name="retention"),
            tasks.create_task(site.schedules.run(), name="schedules"),
            tasks.create_task(timekeeping.run(), name="clock"),
            tasks.create_task(decoys.run(), name="decoys"),
            tasks.create_task(site.denials.run(), name="denials"),
            tasks.create_task(site.vision.stay_clean(), name="vision"),
            tasks.create_task(watch_store(site.database, site.health), name="store"),
        ]
        deployments = tasks.create_task(site.deployments.run(stop), name="deployments")
        try:
            yield
        finally:
            for task in clockwork:
                task.cancel()
            stop.set()
            await asyncio.wait([deployments])
            no_cameras.set()
            await site.denials.flush()


async def watch_store(database: Database, health: HealthBoard) -> None:
    """Health is red while the last write did not reach the disk, whoever asked for it.

    The one place that says so and takes it back: while it is red the disk is tried again and
    again, so that it gets well without anybody else having to write.
    """
    while True:
        if database.failure is None:
            health.clear(STORE)
        else:
            health.fail(STORE, f"writes do not reach the disk: {database.failure}")
            with contextlib.suppress(StoreFailed):
                await database.try_disk()
        await asyncio.sleep(STORE_LOOK_S)


@dataclass(frozen=True, slots=True)
class _Lists:
    """The parts that have to do with who is looked for."""

    thresholds: Thresholds
    watchlists: Watchlists
    imports: BulkImport
    models: ModelChange
    expiry: Expiry


def _lists(
    config: Config,
    clock: Clock,
    database: Database,
    index: VectorIndex,
    vision: Vision,
    live: LiveGallery,
    eraser: Eraser,
    health: HealthBoard,
) -> _Lists:
    setting = Setting(
        constant=config.matching.threshold,
        looks=config.matching.max_looks,
        demographic_factor=config.matching.demographic_factor,
        curves=config.site.state_dir / "curves",
    )
    thresholds = Thresholds(database, clock, vision.model_digest, setting)
    photos = Photos(database, index, vision, live, clock, thresholds)
    watchlists = Watchlists(database, index, photos, live, clock, vision.model_digest)
    expiry = Expiry(
        database, clock, health, live, config.lists.expired_kept_h * 3600,
        functools.partial(eraser.erase, reason="it has expired", principal=SYSTEM),
    )  # fmt: skip
    cache_dir = config.models.cache_dir or packs.default_cache_dir()
    models = ModelChange(database, index, cache_dir, config.models.pack)
    return _Lists(thresholds, watchlists, BulkImport(database, photos, clock), models, expiry)


def _live_pace(look: DetectionSection) -> Pace:
    return Pace(look.target_hz, floor_hz=look.floor_hz, still_look_s=look.still_look_s)


def _vision(config: Config, pack_name: str) -> Vision:
    cache_dir = config.models.cache_dir or packs.default_cache_dir()
    from lfrd.vision.providers import vision  # the first time it opens every model twice

    pack = packs.info(pack_name, cache_dir)  # its files are checked as they are opened
    threads = config.models.threads or usable_cores()
    return vision(pack, config.models.provider, cache_dir, threads=threads)


async def serve(config: Config, *, new: bool = False) -> None:
    """The daemon: from start to SIGTERM, SIGINT or SIGQUIT; `new` as in Manner."""
    stop = asyncio.Event()
    _mind_signals(stop)
    from lfrd.api.server import ApiServer  # half a second that `try` can do without

    async with open_site(config, Manner(new=new)) as site, ApiServer(site):
        log.info("lfrd answers on %s", config.socket_path)
        tell("READY=1")
        await stop.wait()
        tell("STOPPING=1")
        log.info("stopping")


ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
IDLE_SIGNALS = tuple(
    getattr(signal, name)
    for name in (
        "SIGHUP",
        "SIGUSR1",
        "SIGUSR2",
        "SIGALRM",
        "SIGVTALRM",
        "SIGPROF",
        "SIGIO",
        "SIGPWR",
    )
    if hasattr(signal, name)
)
"""Each would end a process that does not mind it. A terminal that is closed sends SIGHUP, and who
rotates logs or reloads other daemons sends one of the first three."""


def _mind_signals(stop: asyncio.Event) -> None:
    """Some ask for the end; all others are logged and change nothing."""
    loop = asyncio.get_running_loop()
    for number in ENDING:
        loop.add_signal_handler(number, stop.set)
    for number in IDLE_SIGNALS:
        loop.add_signal_handler(
            number, log.info, "%s is ignored: restart to read the configuration anew", number.name
        )

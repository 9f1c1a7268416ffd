"""The composition root: opens every part in order, runs them together, closes in reverse."""

import asyncio
import contextlib
import errno
import functools
import gc
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from lfrd.audit.verify import key_of
from lfrd.backup import last as backup_last
from lfrd.cameras.check import CameraCheck
from lfrd.cameras.fleet import Fleet
from lfrd.clock import Clock, process_age_s
from lfrd.config import Config
from lfrd.counters import Measures, Spread
from lfrd.deployment.camera_watch import CameraWatch
from lfrd.deployment.counts import RunCounts
from lfrd.deployment.coverage import Coverage
from lfrd.deployment.decoys import Decoys
from lfrd.deployment.pipeline import LookObserver
from lfrd.deployment.recorder import DecisionQueue, EpisodeWriter
from lfrd.deployment.run import DeploymentRun
from lfrd.deployment.runner import DeploymentRunner
from lfrd.errors import InferenceFailed, StoreFailed
from lfrd.evaluate.trials import Trials
from lfrd.governance import profile
from lfrd.governance.absences import Absences
from lfrd.governance.audit import AuditLog
from lfrd.governance.denials import Denials
from lfrd.governance.deployments import DeploymentService
from lfrd.governance.episodes import Episodes
from lfrd.governance.erasure import Eraser
from lfrd.governance.evaluations import Evaluations
from lfrd.governance.holds import Holds
from lfrd.governance.missing_keys import report_missing_keys
from lfrd.governance.outside_authority import Authorities
from lfrd.governance.profile import Policy, SitePolicies
from lfrd.governance.publication import Publication
from lfrd.governance.readiness import Readiness
from lfrd.governance.retention import Retention
from lfrd.governance.reviews import Reviews
from lfrd.governance.schedules import Schedules
from lfrd.governance.subjects import Subjects
from lfrd.governance.timekeeping import SteadyClock, Timekeeping
from lfrd.governance.trainings import Trainings
from lfrd.governance.two_person import MAY_ERASE
from lfrd.health import HealthBoard
from lfrd.ingest.camera import readers_at_work
from lfrd.ingest.pacing import RateController
from lfrd.lists.bulk_import import BulkImport
from lfrd.lists.expiry import Expiry
from lfrd.lists.model_change import ModelChange
from lfrd.lists.photos import Photos
from lfrd.lists.watchlists import Watchlists
from lfrd.matching.live_search import LiveGallery, LiveSearch
from lfrd.matching.thresholds import Thresholds
from lfrd.outward.build import Outward, filters_of
from lfrd.outward.telling import Telling
from lfrd.page_check import PageCheck
from lfrd.process import keep_small, share_heaps, tell, usable_cores
from lfrd.reload import Reload
from lfrd.site import Site
from lfrd.store import listings
from lfrd.store.checkpoints import CheckpointRules
from lfrd.store.database import SYSTEM, Database
from lfrd.store.deployments import Deployment
from lfrd.store.keys import KeyStore, load_master_key
from lfrd.store.state_folder import StateFolder
from lfrd.store.tallies import Tallies
from lfrd.store.templates import pack_in_use
from lfrd.store.transaction import Transaction
from lfrd.store.vectors import VectorIndex
from lfrd.summary import Report, SummaryLine
from lfrd.tracking.best_shot import BestShotRule
from lfrd.vision import packs
from lfrd.vision.engine import Vision
from lfrd.watchdog import Watchdog

log = logging.getLogger(__name__)

STORE = "store"
"""Its name on the health board."""

STORE_LOOK_S = 1.0
CUDA_THREADS = 2
"""On a GPU each thread's models take seconds and 0.7 GB to begin with, and one keeps most of it
busy."""
COLLECT_AFTER = 10_000
"""New objects until the collector looks for cycles: a frame makes hundreds, and none in a cycle."""


@asynccontextmanager
async def open_site(
    config: Config,
    clock: Clock | None = None,
    *,
    new: bool = False,
    media_clock: bool = False,
    detect_hz: float | None = None,
    must_open: bool = False,
    report: Report | None = None,
    observer: LookObserver | None = None,
    read_again: Callable[[], Config] | None = None,
    stop: asyncio.Event | None = None,
) -> AsyncIterator[Site]:
    """Everything that a site has, open and running; leaving it ends a running deployment first.

    `new`: begin with nothing although keys are there. `media_clock`: files at full speed, of which
    `detect_hz` pictures a second are looked at (None: all). Sources that `must_open` are not tried
    again. Raises StoppedAtStart where `stop` is set before the models are there."""
    share_heaps()
    clock, policies = SteadyClock.over(clock), _policies(config)
    health, live, measures = HealthBoard(), LiveGallery(), Measures()
    async with AsyncExitStack() as parts:
        folder = parts.enter_context(StateFolder(config.site.state_dir))
        required = policies.own.rules.reviewers_required
        telling = Telling(filters_of(config), required)
        database = await _open_database(parts, folder, config, clock, telling.follow, new=new)
        timekeeping = Timekeeping(database, clock, health)
        await timekeeping.start()
        index = await _open_index(parts, folder, database)
        vision = await _open_vision(parts, config, database, folder, stop or asyncio.Event())
        fleet = Fleet(database, clock, health, config.camera, config.sources,
                      every_frame=media_clock, must_open=must_open)  # fmt: skip
        parts.push_async_callback(fleet.life.close)
        outward = await parts.enter_async_context(Outward(
            config, database, clock, health, fleet, lambda: deployments.current is not None,
            telling, required))  # fmt: skip
        reload = Reload(config, read_again, fleet, health, outward)
        eraser = Eraser(database, index, live)
        thresholds = _thresholds(config, database, clock, vision)
        lists = _lists(config, clock, database, index, vision, live, eraser, health, thresholds)
        runner = DeploymentRunner(database, clock, vision, live, functools.partial(
            _make_run, reload, database, clock, health, fleet, vision, measures.candidate,
            media_clock=media_clock, detect_hz=detect_hz, report=report, observer=observer,
        ))  # fmt: skip
        readiness = Readiness(clock, fleet, vision, thresholds, policies)
        deployments = DeploymentService(database, clock, thresholds, policies, readiness, runner,
                                        _authorities(config))  # fmt: skip
        reviews = Reviews(database, clock, health, required=required)
        retention = Retention(database, eraser, clock, health, policies, deployments.end_now)
        log_of = _log(config, database, health)
        decoys = Decoys(config.review, database, clock, health, fleet, vision, deployments)
        site = Site(
            config=config, clock=clock, started_at_s=clock.wall_s(), database=database,
            bus=database.events, health=health, vision=vision, pack=vision.pack_name, gallery=live,
            fleet=fleet, camera_check=_camera_check(config, fleet, vision, database, clock),
            watchlists=lists.watchlists, photos=lists.photos, imports=lists.imports,
            models=lists.models, thresholds=thresholds, expiry=lists.expiry,
            deployments=deployments, schedules=Schedules(database, deployments, clock, health),
            eraser=eraser, holds=Holds(database), retention=retention, reviews=reviews,
            episodes=Episodes(database, vision, reviews, config.notice.groups),
            evaluations=Evaluations(database, clock), trials=Trials(database, clock),
            subjects=Subjects(database, lists.photos, config.matching.threshold, required),
            trainings=Trainings(database, clock), publication=Publication(
                database, clock, runner, config.notice, required),
            denials=Denials(database, clock), audit=log_of, absences=Absences(database, log_of),
            reload=reload, measures=measures, outbox=outward.outbox,
        )  # fmt: skip
        await _take_up(parts, site, decoys)
        _spare_the_collector(parts)
        async with _at_work(site, timekeeping, decoys, outward):
            yield site


def _camera_check(
    config: Config, fleet: Fleet, vision: Vision, database: Database, clock: Clock
) -> CameraCheck:
    return CameraCheck(fleet, vision, database, clock, config.detection.smallest_inter_eye_px)


def _policies(config: Config) -> SitePolicies:
    rules = config.policy
    return profile.for_site(rules.profile, rules.tightened, allow_lab=rules.allow_lab)


async def _take_up(parts: AsyncExitStack, site: Site, decoys: Decoys) -> None:
    """Go on with what was there before: the cameras, a deployment that was cut off, and what a
    crash left of the lab. Nothing of it before the pictures of decoys are found to be good."""
    await decoys.check()
    await site.fleet.load()
    await site.deployments.recover()
    await site.retention.leave()
    await site.retention.close_faceless()
    await site.database.write(listings.adopt, principal=SYSTEM)
    parts.push_async_callback(site.retention.leave)
    await report_missing_keys(site.database, site.health)


async def _open_database(
    parts: AsyncExitStack,
    folder: StateFolder,
    config: Config,
    clock: Clock,
    tell: Callable[[Transaction], None],
    *,
    new: bool,
) -> Database:
    keys = parts.enter_context(KeyStore(folder, load_master_key(folder), config.keys.escrow))
    audit = CheckpointRules(config.audit.every, config.audit.copy_to)
    database = Database(folder, keys, clock, new=new, audit=audit, tell=tell)
    return await parts.enter_async_context(database)


def _authorities(config: Config) -> Authorities:
    return Authorities(tuple(key_of(text) for text in config.authority.keys))


def _log(config: Config, database: Database, health: HealthBoard) -> AuditLog:
    url, key = config.audit.witness_url, config.audit.witness_key
    if url is None or key is None:
        return AuditLog(database)
    from lfrd.governance.witness import Witness  # its HTTP client is for those who have a witness

    return AuditLog(database, Witness(database, health, url, key_of(key)))


async def _open_index(
    parts: AsyncExitStack, folder: StateFolder, database: Database
) -> VectorIndex:
    index = await parts.enter_async_context(VectorIndex(folder, database.keys))
    await index.sync(database)
    return index


def _thresholds(config: Config, database: Database, clock: Clock, vision: Vision) -> Thresholds:
    return Thresholds(
        database,
        clock,
        vision.model_digest,
        constant=config.matching.threshold,
        looks=config.matching.max_looks,
        demographic_factor=config.matching.demographic_factor,
        curves=config.site.state_dir / "curves",
    )


def _make_run(
    reload: Reload,
    database: Database,
    clock: SteadyClock,
    health: HealthBoard,
    fleet: Fleet,
    vision: Vision,
    measured: Spread,
    deployment: Deployment,
    search: LiveSearch,
    policy: Policy,
    before: SummaryLine | None,
    counted: Tallies,
    *,
    media_clock: bool,
    detect_hz: float | None,
    report: Report | None,
    observer: LookObserver | None,
) -> DeploymentRun:
    """The run of one deployment with its parts; for the rest see `open_site`."""
    config = reload.now
    look, matching = config.detection, config.matching
    if not media_clock:
        rate: RateController | None = RateController(look.target_hz, look.floor_hz, vision.threads)
    else:
        rate = None if detect_hz is None else RateController(detect_hz, detect_hz, vision.threads)
    writer = EpisodeWriter(
        database, clock, deployment.id, vision.model_digest,
        cooldown_s=config.review.cooldown_s, media_clock=media_clock, report=report,
        measured=measured,
    )  # fmt: skip
    queue = DecisionQueue(writer)
    born_at_s = time.monotonic() - process_age_s()
    counts = RunCounts(deployment.id, vision, writer, born_at_s, before)
    best_shot = BestShotRule(
        smallest_inter_eye_px=look.smallest_inter_eye_px,
        max_yaw_deg=matching.max_yaw_deg,
        max_looks=matching.max_looks,
    )
    cameras = CameraWatch(
        vision, search, queue, best_shot, counts, rate=rate, still_look_s=look.still_look_s,
        media_clock=media_clock, observer=observer,
    )  # fmt: skip
    coverage = Coverage(fleet.states, clock.monotonic_s())
    return DeploymentRun(
        deployment, search, policy, cameras, queue, writer, counts, coverage, before=counted,
        database=database, clock=clock, health=health, life=fleet.life, vision=vision,
    )  # fmt: skip


def _keep_locked(folder: StateFolder) -> None:
    """A reader that is still inside FFmpeg keeps the process: until its end no other daemon
    starts."""
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
async def _at_work(
    site: Site, timekeeping: Timekeeping, decoys: Decoys, outward: Outward
) -> AsyncIterator[None]:
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
            tasks.create_task(site.audit.run(), name="audit"),
            tasks.create_task(_stay_clean(site), name="vision"),
            tasks.create_task(outward.run(), name="outward"),
            tasks.create_task(watch_store(site.database, site.health), name="store"),
            tasks.create_task(
                backup_last.watch(
                    StateFolder(site.config.site.state_dir),
                    lambda: site.reload.now.backup,
                    site.database,
                    site.clock,
                    site.health,
                ),
                name="backup",
            ),
            tasks.create_task(_page_check(site).run(), name="pages"),
            tasks.create_task(site.reload.run(), name="reload"),
            tasks.create_task(keep_small(site.database.shrink), name="memory"),
            tasks.create_task(_watchdog(site).run(), name="watchdog"),
        ]
        deployments = tasks.create_task(site.deployments.runner.run(stop), name="deployments")
        try:
            yield
        finally:
            for task in clockwork:
                task.cancel()
            stop.set()
            await asyncio.wait([deployments])
            no_cameras.set()
            await site.denials.flush()


async def _stay_clean(site: Site) -> None:
    """Models may break while they are overwritten too, with nobody in view of any camera."""
    try:
        await site.vision.stay_clean()
    except InferenceFailed as broken:
        if (running := site.deployments.runner.running) is not None:
            await running.announce(broken)
        raise


def _page_check(site: Site) -> PageCheck:
    database, folder = site.database, StateFolder(site.config.site.state_dir)
    return PageCheck(folder, database.keys, site.health, lambda: not database.waiting[0])


def _watchdog(site: Site) -> Watchdog:
    """What must never stand still, besides the event loop that it runs on."""
    probes = {"the writer": site.database.look_at_log, "inference": site.vision.answer}
    return Watchdog(probes, site.health)


async def watch_store(database: Database, health: HealthBoard) -> None:
    """Health is red while the last write did not reach the disk, whatever part of the daemon asked
    for it.

    The one place that says so and takes it back: while it is red the disk is tried again and
    again, so that it recovers without another write.
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

    watchlists: Watchlists
    photos: Photos
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
    thresholds: Thresholds,
) -> _Lists:
    photos = Photos(database, index, vision, live, clock, thresholds)
    watchlists = Watchlists(database, index, photos, live, clock, vision.model_digest)
    expiry = Expiry(
        database, clock, health, live, config.lists.expired_kept_h * 3600,
        functools.partial(
            eraser.erase, reason="it has expired", principal=SYSTEM, role=MAY_ERASE
        ),
    )  # fmt: skip
    cache_dir = config.models.cache_dir or packs.default_cache_dir()
    models = ModelChange(database, index, cache_dir, config.models.pack)
    return _Lists(watchlists, photos, BulkImport(database, photos, clock), models, expiry)


class StoppedAtStart(Exception):
    """The end was asked for while models were made and measured, which cannot be hurried."""


async def _open_vision(
    parts: AsyncExitStack,
    config: Config,
    database: Database,
    folder: StateFolder,
    stop: asyncio.Event,
) -> Vision:
    """The models; after them a reader that is still inside FFmpeg is minded."""
    pack_name = await database.read(lambda reader: pack_in_use(reader, config.models.pack))
    making = asyncio.ensure_future(asyncio.to_thread(_vision, config, pack_name))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((making, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not making.done():
            raise StoppedAtStart
        made = making.result()
    finally:
        making.cancel()
        stopping.cancel()
    vision = await parts.enter_async_context(made)
    parts.callback(_keep_locked, folder)
    return vision


def _vision(config: Config, pack_name: str) -> Vision:
    cache_dir = config.models.cache_dir or packs.default_cache_dir()
    from lfrd.vision.providers import vision  # the first time it opens every model twice

    pack = packs.info(pack_name, cache_dir)  # its files are checked as they are opened
    own = CUDA_THREADS if config.models.provider == "cuda" else usable_cores()
    threads = config.models.threads or own
    return vision(pack, config.models.provider, cache_dir, threads=threads)


async def serve(config: Config, read_again: Callable[[], Config], *, new: bool = False) -> None:
    """The daemon: from start to SIGTERM, SIGINT or SIGQUIT; the rest as in `open_site`."""
    stop = asyncio.Event()
    _mind_signals(stop)
    with contextlib.suppress(StoppedAtStart):
        await _serve(config, read_again, stop, new=new)


async def _serve(
    config: Config, read_again: Callable[[], Config], stop: asyncio.Event, *, new: bool
) -> None:
    from lfrd.api.server import ApiServer  # half a second that `try` can do without

    async with (
        open_site(config, new=new, read_again=read_again, stop=stop) as site,
        ApiServer(site),
    ):
        _mind_descriptors(site.health)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, site.reload.ask)
        log.info("lfrd answers on %s", config.socket_path)
        tell("READY=1")
        await stop.wait()
        tell("STOPPING=1")
        log.info("stopping")


DESCRIPTORS = "descriptors"
"""Its name on the health board."""
DESCRIPTORS_TOLD_S = 10.0


def _mind_descriptors(health: HealthBoard) -> None:
    """Say that a client could not be let in since no file can be opened any more; asyncio tries
    again after a second, and a while later it is taken back."""
    clearing: list[asyncio.TimerHandle] = []

    def heard(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in (errno.EMFILE, errno.ENFILE):
            loop.default_exception_handler(context)
            return
        health.degrade(
            DESCRIPTORS,
            "clients are not let in, since no more files may be opened: close some, or allow more "
            "(LimitNOFILE= of the service, `ulimit -n`)",
        )
        while clearing:
            clearing.pop().cancel()
        clearing.append(loop.call_later(DESCRIPTORS_TOLD_S, health.clear, DESCRIPTORS))

    asyncio.get_running_loop().set_exception_handler(heard)


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
rotates logs or reloads other daemons sends one of the first three. Once everything is open SIGHUP
has the configuration read anew."""


def _mind_signals(stop: asyncio.Event) -> None:
    """Some ask for the end; all others are logged and change nothing."""
    loop = asyncio.get_running_loop()
    for number in ENDING:
        loop.add_signal_handler(number, stop.set)
    for number in IDLE_SIGNALS:
        loop.add_signal_handler(number, log.info, "%s is ignored", number.name)

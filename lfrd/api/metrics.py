"""`GET /metrics`: the site's figures for Prometheus, as it is at this moment.

Nothing of a person is among them: labels are cameras, reasons, models and states alone.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

import lfrd
from lfrd.counters import Spread
from lfrd.health import Status
from lfrd.ingest.kept_packets import COUNTS
from lfrd.ingest.settings import State
from lfrd.outward.outbox import EndpointState
from lfrd.site import Site

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

FILES = ("lfrd.db", "lfrd.db-wal", "index.db", "keys.db")


async def metrics(request: Request) -> Response:
    """All figures, in the text format of Prometheus or in OpenMetrics, as it is asked for."""
    from prometheus_client import CollectorRegistry, ProcessCollector  # by who is scraped alone
    from prometheus_client.exposition import choose_encoder

    site: Site = request.app.state.site
    waiting, oldest_at_s = await site.episodes.open_since()
    endpoints = await site.outbox.states()
    sizes = await asyncio.to_thread(_sizes, site)
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    found = [
        *_site(site), *_cameras(site), *_work(site), *_store(site, sizes),
        *_outbox(site, endpoints),
        _gauge("reviews_waiting", "Candidates that are not decided yet", waiting),
        _gauge(
            "reviews_oldest_seconds", "Age of the oldest candidate that is not decided yet",
            0.0 if oldest_at_s is None else max(0.0, site.clock.wall_s() - oldest_at_s),
        ),
    ]  # fmt: skip
    registry.register(_Found(found))
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(registry), headers={"content-type": media_type})


class _Found:
    """What was read before, for the library's encoder."""

    def __init__(self, found: list[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        yield from self._found


def _site(site: Site) -> Iterator[Metric]:
    from prometheus_client.core import InfoMetricFamily

    yield InfoMetricFamily(
        "lfrd_build", "Version, model pack and provider",
        {"version": lfrd.__version__, "pack": site.pack, "provider": site.vision.provider},
    )  # fmt: skip
    status = site.health.now.status
    health = _family("gauge", "health", "1 for the status that the site has", "status")
    for one in Status:
        health.add_metric([one.value], float(one is status))
    yield health
    running = site.deployments.current
    yield _gauge("deployment_running", "1 while a deployment runs", running is not None)
    yield _gauge(
        "deployment_paused", "1 while it is paused, since no operator is there",
        running is not None and site.deployments.paused,
    )  # fmt: skip
    yield _gauge("gallery_templates", "Templates that faces are compared with", len(site.gallery))
    run = site.deployments.runner.running
    yield _gauge(
        "candidates_unwritten",
        "Candidates that are not on the disk yet",
        run.unwritten if run else 0,
    )
    yield _counter(
        "candidates", "Candidates raised in the running deployment", run.raised if run else 0
    )
    counts = site.vision.counts
    yield _counter("templates_made", "Templates of passers-by that were made", counts.made)
    yield _counter(
        "templates_destroyed", "Templates of passers-by that were overwritten", counts.destroyed
    )
    yield _gauge("templates_held", "Templates of passers-by in memory now", counts.held)
    yield _gauge("crops_held", "Crops of faces in memory now", site.vision.crops_held)
    yield _counter(
        "packets_kept", "Compressed pictures that were kept undecoded for a while", COUNTS.kept
    )
    yield _counter("packets_overwritten", "Of these, overwritten with zeros", COUNTS.overwritten)


_CAMERA_COUNTS = (
    ("frames_decoded", "Pictures that were decoded", "frames_decoded"),
    ("frames_detected", "Pictures that faces were looked for in", "frames_detected"),
    ("frames_corrupt", "Pictures that came damaged", "frames_corrupt"),
    ("faces_detected", "Faces that were found", "faces_detected"),
    ("tracks", "Passing faces", "tracks"),
    ("tracks_split", "Tracks that began because another had come to follow another person",
     "tracks_split"),
    ("scene_cuts", "Times that the whole picture was another one", "scene_cuts"),
    ("camera_templates_made", "Templates of passers-by that were made", "templates_made"),
    ("keyframes_only_seconds", "For how long keyframes alone were decoded", "keyframes_only_s"),
)  # fmt: skip


def _cameras(site: Site) -> Iterator[Metric]:
    """Counts are of the running deployment, and begin again with the next one."""
    cameras = site.fleet.cameras()
    states = _family(
        "gauge", "camera_state", "1 for the state that a camera has", "camera", "state"
    )
    fps = _family("gauge", "camera_fps", "Pictures a second that a camera sends", "camera")
    dropped = _family(
        "counter", "frames_dropped", "Pictures that no face was looked for in, by reason", "camera",
        "reason",
    )  # fmt: skip
    skipped = _family(
        "counter", "looks_skipped", "Looks at a face that were not compared, by reason", "camera",
        "reason",
    )  # fmt: skip
    counted = {name: _family("counter", name, text, "camera") for name, text, _ in _CAMERA_COUNTS}
    for item in cameras:
        camera_id, counters = item.row.id, item.counters
        for state in State:
            states.add_metric([camera_id, state.value], float(item.status.state is state))
        if item.status.fps is not None:
            fps.add_metric([camera_id], item.status.fps)
        if counters is None:
            continue
        dropped.add_metric([camera_id, "newer-came"], counters.frames_dropped)
        dropped.add_metric([camera_id, "damaged"], counters.frames_corrupt)
        for reason, count in sorted(counters.looks_skipped.items()):
            skipped.add_metric([camera_id, reason], count)
        for name, _, field in _CAMERA_COUNTS:
            counted[name].add_metric([camera_id], getattr(counters, field))
    yield from (states, fps, dropped, skipped, *counted.values())


def _work(site: Site) -> Iterator[Metric]:
    """Queues, and how long things take."""
    yield _gauge("inference_queue", "Calls that no inference thread has begun", site.vision.waiting)
    runs = _family("histogram", "inference_seconds", "Time of a batch", "work", "batch")
    for (work, batch), spread in sorted(site.vision.runs.items()):
        _add(runs, [work, str(batch)], spread)
    yield runs
    yield _histogram(
        "candidate_seconds", "From the arrival of the deciding look until the candidate was on the "
        "disk", site.measures.candidate,
    )  # fmt: skip
    yield _histogram(
        "event_seconds", "From a commit until a subscriber has taken its event", site.bus.delivered
    )
    yield _gauge("event_subscribers", "Open event streams", site.bus.subscribers)
    yield _gauge("events_behind", "Events that wait for the slowest of them", site.bus.behind)
    requests = _family("histogram", "request_seconds", "Requests answered", "method", "status")
    for (method, status), spread in sorted(site.measures.requests.items()):
        _add(requests, [method, status], spread)
    yield requests


def _store(site: Site, sizes: dict[str, int]) -> Iterator[Metric]:
    waiting, lag_s = site.database.waiting
    yield _gauge("database_queue", "Actions that are not on the disk yet", waiting)
    yield _gauge("database_lag_seconds", "For how long the oldest of them has waited", lag_s)
    yield _gauge(
        "database_failing",
        "1 while writes do not reach the disk",
        site.database.failure is not None,
    )
    yield _histogram(
        "commit_seconds", "From when an action was asked for until it was on the disk",
        site.database.commits,
    )  # fmt: skip
    free = sizes.pop("", 0)
    yield _gauge("disk_free_bytes", "Free on the disk of the state folder", free)
    files = _family("gauge", "file_bytes", "Size of a file of the state folder", "file")
    for name, size in sizes.items():
        files.add_metric([name], size)
    yield files


def _outbox(site: Site, endpoints: Sequence[EndpointState]) -> Iterator[Metric]:
    """What is told to other systems, by endpoint."""
    messages = _family("gauge", "outbox_messages", "Messages by state", "endpoint", "state")
    lag = _family("gauge", "outbox_lag_seconds", "Age of the oldest message that waits", "endpoint")
    failing = _family("gauge", "outbox_failing", "1 while messages do not arrive", "endpoint")
    now_s = site.clock.wall_s()
    for item in endpoints:
        name, oldest_at_s = item.endpoint.id, item.oldest_waiting_at_s
        for state in ("waiting", "delivered", "dead", "dropped"):
            messages.add_metric([name, state], getattr(item.tally, state))
        lag.add_metric([name], 0.0 if oldest_at_s is None else max(0.0, now_s - oldest_at_s))
        failing.add_metric([name], float(item.failing_since_s is not None))
    yield from (messages, lag, failing)


def _sizes(site: Site) -> dict[str, int]:
    """Of the files that there are; of the empty name what is free."""
    folder = site.config.site.state_dir
    found = {"": shutil.disk_usage(folder).free}
    for name in FILES:
        path = folder / name
        if path.exists():
            found[name] = path.stat().st_size
    return found


def _family(kind: str, name: str, text: str, *labels: str) -> Any:
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )

    kinds: dict[str, Any] = {
        "counter": CounterMetricFamily,
        "gauge": GaugeMetricFamily,
        "histogram": HistogramMetricFamily,
    }
    return kinds[kind](f"lfrd_{name}", text, labels=labels)


def _gauge(name: str, text: str, value: float) -> Metric:
    family = _family("gauge", name, text)
    family.add_metric([], float(value))
    return family  # type: ignore[no-any-return]  # made by name


def _counter(name: str, text: str, value: float) -> Metric:
    family = _family("counter", name, text)
    family.add_metric([], float(value))
    return family  # type: ignore[no-any-return]  # made by name


def _histogram(name: str, text: str, spread: Spread) -> Metric:
    family = _family("histogram", name, text)
    _add(family, [], spread)
    return family  # type: ignore[no-any-return]  # made by name


def _add(family: Any, labels: list[str], spread: Spread) -> None:
    buckets, sum_s = spread.read()
    family.add_metric(labels, buckets, sum_s)

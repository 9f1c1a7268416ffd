"""Pages of a million episodes and of 100,000 entries, and 10,000 events over broken connections."""

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import httpx

from benchmarks.report import Figure, Report
from lfrd.api.server import ApiServer
from lfrd.config import Config, ModelsSection, PolicySection, SiteSection
from lfrd.daemon import open_site
from lfrd.events import EventKind
from lfrd.governance.planning import Plan
from lfrd.site import Site
from lfrd.store import watchlists
from lfrd.store.transaction import Transaction
from lfrd.summary import percentile
from lfrd.vocabulary import Category
from lfrd.wire import sse

ENTRIES = 100_000
PAGE_MS = 20.0
TIMES = 60
WRITER = "user:bench"
EVENTS, CUT_EVERY = 10_000, 100
CAMERAS = 8
SPREAD_S = 30 * 24 * 3600.0
"""Over so long the episodes were raised."""


@asynccontextmanager
async def _site() -> AsyncIterator[tuple[Site, Path]]:
    with tempfile.TemporaryDirectory(prefix="lfrd-bench-") as temporary:
        config = Config(
            site=SiteSection(state_dir=Path(temporary)),
            models=ModelsSection(threads=1),
            policy=PolicySection(allow_lab=True),
        )
        async with open_site(config) as site, ApiServer(site):
            yield site, config.socket_path


async def measure_pages(report: Report, chosen: argparse.Namespace) -> None:
    async with _site() as (site, place):
        begun_s = time.monotonic()
        plan = Plan(
            profile="standard", purpose="a benchmark", use_case="test", place="here",
            watchlist_ids=(),
        )  # fmt: skip
        planned = await site.deployments.draft(plan, 3600.0, principal=WRITER)
        listed, start_s = await site.database.write(
            lambda tx: _fill(tx, chosen.rows, planned.id), principal=WRITER
        )
        # A site that has a million did not write them in one go: nothing of that goes on meanwhile.
        assert await site.database.checkpoint()
        await site.database.look_at_log()
        took_s = time.monotonic() - begun_s
        print(f"    {chosen.rows:,} episodes, {ENTRIES:,} entries in {took_s:.0f} s")
        middle_s = start_s + SPREAD_S / 2
        asked = {
            "alerts, newest": "/v1/alerts",
            "alerts, of one camera": "/v1/alerts?camera_id=camera-3",
            "alerts, open": "/v1/alerts?state=open",
            "alerts, of a day in the middle": (
                f"/v1/alerts?since_s={middle_s}&until_s={middle_s + 86400}"
            ),
            "alerts, of one entry": "/v1/alerts?entry_id=entry-77",
            "alerts, that I decided": "/v1/alerts?mine=decided",
            "alerts, that wait for me": "/v1/alerts?mine=waiting",
            "entries, first page": f"/v1/watchlists/{listed}/entries",
        }
        transport = httpx.AsyncHTTPTransport(uds=str(place))
        async with httpx.AsyncClient(transport=transport, base_url="http://x", timeout=30) as http:
            for name, path in asked.items():
                report.add(await _figure(http, name, path))
            deep = f"/v1/watchlists/{listed}/entries"
            for _ in range(40):  # a far page is reached by its cursor
                reply = await http.get(deep, params={"limit": 1000})
                deep = reply.links["next"]["url"].replace("limit=1000", "limit=100")
                deep = deep if deep.startswith("/") else f"/v1{deep}"
            report.add(await _figure(http, "entries, a page far down", deep))


async def _figure(http: httpx.AsyncClient, name: str, path: str) -> Figure:
    """The 95th percentile of the time to a page, over the socket."""
    took_ms, got = [], 0
    for _ in range(TIMES):
        begun_s = time.perf_counter()
        reply = await http.get(path)
        took_ms.append(1e3 * (time.perf_counter() - begun_s))
        assert reply.status_code == 200, reply.text
        got = len(reply.json())
    worst = percentile(took_ms, 0.95)
    assert worst is not None
    return Figure(
        name, round(worst, 1), "ms", at_most=PAGE_MS,
        note=f"95 %, {got} items; median {percentile(took_ms, 0.5):.1f}",
    )  # fmt: skip


def _fill(tx: Transaction, episodes: int, deployment_id: str) -> tuple[str, float]:
    """Rows as the daemon would have written them, without pictures: nothing here reads those."""
    listed = watchlists.add(
        tx, watchlists.NewWatchlist("large", Category.TEST, purpose="test", owner="test")
    )
    tx.execute(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " INSERT INTO person (id, created_at_s, principal) SELECT 'person-' || i, 0, 'b' FROM n",
        (ENTRIES - 1,),
    )
    tx.execute(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " INSERT INTO entry (id, watchlist_id, person_id, reference, category, basis, source,"
        " reviewer, under_18, under_18_reason, margin, status_checked_at_s, added_at_s, principal)"
        " SELECT 'entry-' || i, ?, 'person-' || i, printf('ref-%06d', i), 'test', 'b', 's', '', 0,"
        " '', 0, 0, 0, 'b' FROM n",
        (ENTRIES - 1, listed.id),
    )
    start_s = tx.at_s - SPREAD_S
    tx.execute(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)"
        " INSERT INTO episode (id, deployment_id, camera_id, track_id, entry_id, person_id,"
        " watchlist_id, reference, score, margin, threshold, model_digest, looks, sequence,"
        " media_at_s, captured_at_s, raised_at_s, latency_ms, state, closed_at_s,"
        " faces_erased_at_s)"
        " SELECT printf('episode-%08d', i), ?2, 'camera-' || (i % ?3), i, 'entry-' || (i % 1000),"
        " 'person-' || (i % 1000), ?4, printf('ref-%06d', i % 1000), 0.5, NULL, 0.4, 'e', 1, i, 0,"
        " 0, ?5 + i * ?6, 100, CASE WHEN i > ?7 THEN 'open' ELSE 'closed' END,"
        " CASE WHEN i > ?7 THEN NULL ELSE 1 END, CASE WHEN i > ?7 THEN NULL ELSE 1 END FROM n",
        (
            episodes - 1,
            deployment_id,
            CAMERAS,
            listed.id,
            start_s,
            SPREAD_S / episodes,
            episodes - episodes // 1000,
        ),
    )
    tx.execute(
        "INSERT INTO review (id, episode_id, principal, decision, reason, submitted_at_s,"
        " final_at_s) SELECT 'review-' || id, id, ?, 'not_match', '', 1, 2 FROM episode"
        " WHERE track_id % 50 = 1",
        (f"user:{os.environ.get('USER', 'root')}",),
    )
    return listed.id, start_s


async def measure_events(report: Report, _: argparse.Namespace) -> None:
    """A subscriber whose connection breaks every hundred events gets each event once."""
    async with _site() as (site, place):
        writing = asyncio.create_task(_write_events(site))
        got, connections = await _read_events(place)
        written = await writing
    lost = len(set(written) - set(got))
    twice = len(got) - len(set(got))
    report.add(
        Figure("events written", len(written), at_least=EVENTS),
        Figure("connections that broke", connections - 1),
        Figure("events lost", lost, at_most=0),
        Figure("events out of order or twice", twice + (got != sorted(got)), at_most=0),
    )


async def _write_events(site: Site) -> list[int]:
    """Events in commits of one to twenty, as fast as the disk takes them."""
    written: list[int] = []
    while len(written) < EVENTS:
        count = min(1 + len(written) % 20, EVENTS - len(written))
        first = len(written)

        def write(tx: Transaction, first: int = first, count: int = count) -> list[int]:
            for number in range(count):
                tx.event(EventKind.WATCHLIST_CHANGED, f"list-{first + number}")
            return [event.id for event in tx.events]

        written += await site.database.write(write, principal=WRITER)
        await asyncio.sleep(0)
    return written


async def _read_events(place: Path) -> tuple[list[int], int]:
    got: list[int] = []
    connections, last_id = 0, "0"
    transport = httpx.AsyncHTTPTransport(uds=str(place))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
        while len(got) < EVENTS:
            connections += 1
            decoder = sse.Decoder(last_id)
            until = len(got) + CUT_EVERY
            async with (
                http.stream(
                    "GET", "/v1/events", headers={"Last-Event-ID": last_id}, timeout=30
                ) as reply,
                aclosing(reply.aiter_lines()) as lines,
            ):
                async for line in lines:
                    for message in decoder.feed(line):
                        if message.event == sse.CHANGE:
                            got.append(json.loads(message.data)["id"])
                            last_id = message.last_id
                    if len(got) >= min(until, EVENTS):
                        break
    return got, connections

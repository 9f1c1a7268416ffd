"""A backup of 2 GB beside a daemon that answers and writes, and its restore.

    python -m benchmarks.backup [--gigabytes 2] [--folder DIR] [--fill-only]

Two clients call the API without a pause, one of them with writes, before the backup and during it.
The bars are the whole daemon's: a call that waits for the disk counts. A folder that is filled
already is used again.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from benchmarks.governance_erasure import QUALITY
from benchmarks.governance_worker import config_of, make_list
from benchmarks.program import until_it_answers
from benchmarks.report import Figure, Report
from lfrd.backup.sealing import Identity
from lfrd.client import Client
from lfrd.daemon import open_site
from lfrd.store import reference_images, watchlists
from lfrd.store.transaction import Transaction
from lfrd.wire.lists import WatchlistChange

PHOTO_BYTES = 200_000
BATCH = 50
BEFORE_S = 10.0
START_LIMIT_S = 60.0
LIST = "big"


async def fill(state: Path, gigabytes: float) -> None:
    """Entries with photos of random bytes, until the database is so large."""
    async with open_site(config_of(state)) as site:
        listed = await make_list(site, LIST)
        rng = np.random.default_rng(7)
        for first in range(0, int(gigabytes * 1e9 / (PHOTO_BYTES + 40_000)), BATCH):
            photos = [rng.bytes(PHOTO_BYTES) for _ in range(BATCH)]
            await site.database.write(
                lambda tx, f=first, p=photos: _enrol(tx, listed, f, p), principal="user:bench"
            )


def _enrol(tx: Transaction, listed: str, first: int, photos: list[bytes]) -> None:
    for number, photo in enumerate(photos, start=first):
        new = watchlists.NewEntry(listed, f"e{number}", "b", "s", reviewer="user:bench")
        entry = watchlists.add_entry(tx, new)
        crop, portrait = photo[:20_000], photo[:20_000]
        image = reference_images.NewReferenceImage(entry.id, photo, 9, 9, crop, portrait, QUALITY)
        reference_images.add(tx, image)


@asynccontextmanager
async def daemon(state: Path) -> AsyncIterator[tuple[Client, float]]:
    """A real one, and how long it took until it answered."""
    settings = os.environ | {"LFRD_SITE__STATE_DIR": str(state), "LFRD_POLICY__ALLOW_LAB": "true",
                             "LFRD_LOG__LEVEL": "error"}  # fmt: skip
    began_s = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lfrd", "run", env=settings
    )
    try:
        async with Client.over_socket(state / "api.sock") as client:
            await until_it_answers(client, START_LIMIT_S)
            yield client, time.monotonic() - began_s
    finally:
        process.terminate()
        await process.wait()


async def hammer(call: Callable[[], Awaitable[object]], until: asyncio.Event) -> list[float]:
    """How long each call took, in ms."""
    took = []
    while not until.is_set():
        began_s = time.perf_counter()
        await call()
        took.append((time.perf_counter() - began_s) * 1e3)
        await asyncio.sleep(0.01)
    return took


async def during(state: Path, client: Client, work: Awaitable[object]) -> tuple[list[float], ...]:
    """Latencies (ms) of reads and writes while `work` goes on."""
    until = asyncio.Event()
    listed = (await client.watchlists())[0]
    async with Client.over_socket(state / "api.sock") as other:
        reads = asyncio.create_task(hammer(other.health, until))
        writes = asyncio.create_task(hammer(
            lambda: client.change_watchlist(listed.id, WatchlistChange(colour="#00ff00")), until
        ))  # fmt: skip
        try:
            await work
        finally:
            until.set()
        return await reads, await writes


async def run_lfrd(state: Path, *arguments: str | Path) -> dict[str, float]:
    """A command's JSON."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lfrd", *map(str, arguments), "--json",
        env=os.environ | {"LFRD_SITE__STATE_DIR": str(state)}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(f"lfrd {arguments[0]} failed with code {process.returncode}")
    found: dict[str, float] = json.loads(out)
    return found


async def measure(report: Report, folder: Path) -> None:
    state, target, pair = folder / "state", folder / "bench.lfrd", Identity.new()
    identity = folder / "identity"
    for path in (target, identity):
        path.unlink(missing_ok=True)
    shutil.rmtree(folder / "restored", ignore_errors=True)
    pair.save(identity)
    async with daemon(state) as (client, _):
        before = await during(state, client, asyncio.sleep(BEFORE_S))
        began_s = time.monotonic()
        work = run_lfrd(state, "backup", target, "--recipient", pair.recipient.text)
        meanwhile = await during(state, client, work)
        took_s = time.monotonic() - began_s
    size = target.stat().st_size
    report.add(Figure("archive", round(size / 1e9, 2), "GB", at_least=1.9))
    report.add(Figure("backup, opened again", round(took_s, 1), "s"))
    for when, found in (("before", before), ("during the backup", meanwhile)):
        for kind, took in zip(("reads", "writes"), found, strict=True):
            bar = 100.0 if found is meanwhile else None
            p99 = round(float(np.percentile(took, 99)), 1)
            note = f"{len(took)} calls, longest {max(took):.0f} ms"
            report.add(Figure(f"API p99 {when}, {kind}", p99, "ms", at_most=bar, note=note))
    began_s = time.monotonic()
    restored = await run_lfrd(folder / "restored", "restore", target, "--identity", identity)
    report.add(Figure("restore", round(time.monotonic() - began_s, 1), "s", at_most=60.0,
                      note=f"{restored['entries']} entries"))  # fmt: skip
    async with daemon(folder / "restored") as (client, start_s):
        report.add(Figure("first answer of the restored site", round(start_s, 2), "s",
                          note="its index is made anew"))  # fmt: skip
        assert (await client.watchlists())[0].entries == restored["entries"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--fill-only", action="store_true")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if not (folder / "state" / "lfrd.db").exists():
            asyncio.run(fill(folder / "state", options.gigabytes))
        if options.fill_only:
            return 0
        report = Report("backup")
        asyncio.run(measure(report, folder))
        return report.finish(keep=options.gigabytes >= 2)


if __name__ == "__main__":
    sys.exit(main())

"""The outbox: a receiver that is away, 10,000 events, `kill -9` in between; and a million rows.

    python -m benchmarks.outbox [--events 10000] [--kills 6] [--folder DIR]

Writes results/outbox.json. A worker raises and closes candidates while the receiver is away, and
is killed; then the receiver comes back, refuses some and hangs up on some, and the worker is killed
while it sends.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from standardwebhooks import Webhook as Verifier

from benchmarks.report import Figure, Report
from lfrd.clock import SystemClock
from lfrd.health import HealthBoard
from lfrd.outward.endpoint import Endpoint, Filter
from lfrd.outward.outbox import Outbox
from lfrd.outward.post import Post
from lfrd.outward.telling import Telling
from lfrd.outward.webhook import Webhook
from lfrd.store import deployments, episodes, outbox, watchlists
from lfrd.store.checkpoints import CheckpointRules
from lfrd.store.database import Database
from lfrd.store.keys import KeyStore, load_master_key
from lfrd.store.outbox import MessageState, NewMessage
from lfrd.store.reference_images import Likeness
from lfrd.store.state_folder import StateFolder
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import Category, OutwardKind

SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
HOOK = "hook"
WHO = "user:bench"
AT_ONCE = 20
GIVE_UP_S = 3600.0
MILLION = 1_000_000
START_LIMIT_S = 60.0


@asynccontextmanager
async def opened(state: Path) -> AsyncIterator[Database]:
    """As the daemon opens it, with one endpoint that is told everything."""
    telling = Telling({HOOK: Filter()}, required=1)
    with StateFolder(state) as folder, KeyStore(folder, load_master_key(folder, {})) as keys:
        rules = CheckpointRules()
        async with Database(folder, keys, audit=rules, tell=telling.follow) as database:
            yield database


def prepare(tx: Transaction) -> tuple[str, watchlists.Entry]:
    """A running deployment and somebody to raise; made once."""
    running = deployments.running(tx)
    if running is not None:
        return running.id, watchlists.entries_with_reference(tx, "ref-1", None)[0]
    made = watchlists.add(tx, watchlists.NewWatchlist("bench", Category.TEST, "bench", "bench"))
    entry = watchlists.add_entry(tx, watchlists.NewEntry(made.id, "ref-1"))
    new = deployments.NewDeployment("lab", "bench", "test", "bench", 0.45, "d", "m")
    row = deployments.add(tx, new)
    deployments.authorise(tx, row.id)
    return deployments.start(tx, row.id).id, entry


def raise_one(tx: Transaction, deployment_id: str, entry: watchlists.Entry, track: int) -> str:
    face = episodes.Evidence(b"crop", b"portrait", None, likeness=Likeness(b"crop", b"portrait"))
    return episodes.add(
        tx,
        episodes.NewEpisode(
            deployment_id=deployment_id, camera_id="gate", track_id=track, entry_id=entry.id,
            person_id=entry.person_id, watchlist_id=entry.watchlist_id, reference=entry.reference,
            score=0.61, margin=None, threshold=0.45, model_digest="m", looks=2, sequence=track,
            media_at_s=0.0, captured_at_s=0.0, latency_ms=100.0, evidence=face,
        ),
    ).id  # fmt: skip


async def work(state: Path, url: str, alerts: int) -> None:
    """The worker: raise and close up to so many alerts, and send until nothing waits."""
    async with opened(state) as database:
        way = Webhook(Post(url, private=True), [SECRET])
        box = Outbox(
            database, SystemClock(), HealthBoard(), [Endpoint(HOOK, way)], give_up_s=GIVE_UP_S,
            required=1,
        )  # fmt: skip
        deployment_id, entry = await database.write(prepare, principal=WHO)
        async with box, asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(box.run())
            print(json.dumps({"op": "ready"}), flush=True)
            await _fill(database, deployment_id, entry, alerts)
            while (await database.read(lambda r: outbox.tally(r, HOOK))).waiting:
                await asyncio.sleep(0.1)
            sending.cancel()
        print(json.dumps({"op": "done"}), flush=True)


async def _fill(
    database: Database, deployment_id: str, entry: watchlists.Entry, alerts: int
) -> None:
    """Each line is a promise: it is printed once the alerts are raised and closed on the disk."""
    done = await database.read(_raised)
    while done < alerts:
        count = min(AT_ONCE, alerts - done)

        def raise_some(tx: Transaction, first: int = done, count: int = count) -> list[str]:
            return [raise_one(tx, deployment_id, entry, first + n) for n in range(count)]

        ids = await database.write(raise_some, principal=WHO)
        await database.write(_close_open, principal=WHO)
        print(json.dumps({"op": "alerts", "ids": ids}), flush=True)
        done += count


def _raised(reader: Reader) -> int:
    return reader.count("SELECT count(*) FROM episode")


def _close_open(tx: Transaction) -> None:
    for episode_id in tx.column("SELECT id FROM episode WHERE state = 'open'"):
        episodes.close(tx, episode_id)


class Receiver:
    """Checks each signature, refuses every fiftieth message and hangs up on every seventieth after
    it was read."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []
        self.forged = 0
        self.requests = 0
        self._verifier = Verifier(SECRET)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
                headers = {n.lower(): v.strip() for n, _, v in (x.partition(":") for x in head)}
                body = await reader.readexactly(int(headers["content-length"]))
                self.requests += 1
                if self.requests % 50 == 0:
                    writer.write(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n")
                    continue
                self._take(headers, body)
                if self.requests % 70 == 0:
                    break
                writer.write(b"HTTP/1.1 204 OK\r\n\r\n")
                await writer.drain()
        writer.close()

    def _take(self, headers: dict[str, str], body: bytes) -> None:
        try:
            told = self._verifier.verify(body, headers)
        except Exception:  # whatever is wrong with it
            self.forged += 1
            return
        self.seen.append((headers["webhook-id"], told["type"], told["data"].get("alert_id") or ""))


async def run_worker(
    state: Path, url: str, alerts: int, after_s: float | None
) -> tuple[list[str], bool]:
    """Start the worker and kill it so long after it was ready (None: let it end); the alerts that
    it promised, and whether it was killed."""
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.outbox", "--work", url, "--folder", str(state),
        "--events", str(alerts * 2), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert worker.stdout is not None
    async with asyncio.timeout(START_LIMIT_S):
        first = await worker.stdout.readline()
    assert b"ready" in first, "the worker did not come up"
    reading = asyncio.create_task(worker.stdout.read())
    if after_s is not None:
        await asyncio.wait([reading], timeout=after_s)
        if worker.returncode is None:
            worker.send_signal(signal.SIGKILL)
    lines = (await reading).split(b"\n")
    await worker.wait()
    assert worker.returncode == 0 or after_s is not None, "the worker failed"
    whole = [json.loads(line) for line in lines if line.endswith(b"}")]
    promised = [alert for line in whole for alert in line.get("ids", ())]
    return promised, worker.returncode == -signal.SIGKILL


async def deliver(report: Report, folder: Path, events: int, kills: int) -> None:
    state, rng, alerts = folder / "state", random.Random(7), events // 2
    receiver, promised = Receiver(), set[str]()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    server.close()  # away
    begun_s = time.monotonic()
    killed = 0
    for _ in range(kills // 2):
        alert_ids, was = await run_worker(state, url, alerts, rng.uniform(0.5, 3.0))
        promised, killed = promised | set(alert_ids), killed + was
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", port)
    for after_s in [*(rng.uniform(0.5, 4.0) for _ in range(kills - kills // 2)), None]:
        alert_ids, was = await run_worker(state, url, alerts, after_s)
        promised, killed = promised | set(alert_ids), killed + was
    took_s = time.monotonic() - begun_s
    server.close()
    async with opened(state) as database:
        rows = await database.read(lambda r: r.count("SELECT count(*) FROM outbox"))
        tally = await database.read(lambda r: outbox.tally(r, HOOK))
        known = set(await database.read(lambda r: r.column("SELECT message_id FROM outbox")))
        known_alerts = set(await database.read(lambda r: r.column("SELECT id FROM episode")))
    times = Counter(message_id for message_id, _, _ in receiver.seen)
    report.add(
        Figure("events put down", rows, at_least=events, note="receiver away at first"),
        Figure("kill -9 of the worker", killed, at_least=2),
        Figure("events that never arrived", len(known - times.keys()), at_most=0),
        Figure("promised alerts that are not there", len(promised - known_alerts), at_most=0),
        Figure("alerts out of order", _out_of_order(receiver), at_most=0),
        Figure("signatures that were wrong", receiver.forged, at_most=0),
        Figure("events that still wait or were given up", tally.waiting + tally.dead, at_most=0),
        Figure("events that arrived more than once", sum(n > 1 for n in times.values())),
        Figure("raised, sent and killed", round(took_s, 1), "s"),
    )


def _out_of_order(receiver: Receiver) -> int:
    """Alerts whose end arrived before they did."""
    first: dict[tuple[str, str], int] = {}
    for place, (_, kind, alert) in enumerate(receiver.seen):
        first.setdefault((alert, kind), place)
    late = len(receiver.seen)
    return sum(
        place < first.get((alert, OutwardKind.CANDIDATE.value), late)
        for (alert, kind), place in first.items()
        if kind == OutwardKind.DECIDED.value
    )


async def million(report: Report, folder: Path) -> None:
    """What is asked of the outbox at each message, with ten full endpoints."""
    async with opened(folder / "million") as database:
        await database.write(_fill_rows, principal=WHO)
        begun_s = time.monotonic()
        found = await database.read(lambda r: outbox.due(r, "e3", 4e9, 32))
        due_ms = (time.monotonic() - begun_s) * 1000
        new = NewMessage("msg", OutwardKind.CAMERA_LOST, "s1", {})
        begun_s = time.monotonic()
        await database.write(lambda tx: outbox.put(tx, "e3", new), principal=WHO)
        put_ms = (time.monotonic() - begun_s) * 1000
        begun_s = time.monotonic()
        await database.write(
            lambda tx: [outbox.delivered(tx, item.id) for item in found], principal=WHO
        )
        done_ms = (time.monotonic() - begun_s) * 1000
        begun_s = time.monotonic()
        await database.read(lambda r: outbox.page(r, "e3", MessageState.WAITING, None, 100))
        page_ms = (time.monotonic() - begun_s) * 1000
        tally = await database.read(lambda r: outbox.tally(r, "e3"))
    report.add(
        Figure("rows that wait", MILLION, note="ten endpoints, each full"),
        Figure("32 of them that are due", round(due_ms, 1), "ms", at_most=50),
        Figure("one more, and the oldest dropped", round(put_ms, 1), "ms", at_most=100),
        Figure("dropped and counted", tally.dropped, at_least=1),
        Figure("32 noted as delivered", round(done_ms, 1), "ms", at_most=200),
        Figure("a page of 100", round(page_ms, 1), "ms", at_most=50),
    )


def _fill_rows(tx: Transaction) -> None:
    tx.execute(
        "INSERT INTO outbox (message_id, endpoint, kind, subject, facts, at_s, since_s, state,"
        " behind, attempts, next_at_s)"
        " WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " SELECT 'msg', 'e' || (i % 10), 'camera.lost', 's' || (i / 20), '{}', i, i, 'waiting',"
        " (i / 10) % 2, 0, i FROM n",
        (MILLION - 1,),
    )
    tx.execute(
        "INSERT INTO outbox_tally SELECT endpoint, count(*), 0, 0, 0, NULL FROM outbox"
        " GROUP BY endpoint"
    )


async def measure(events: int, kills: int, folder: Path) -> int:
    report = Report("outbox")
    await deliver(report, folder, events, kills)
    await million(report, folder)
    return report.finish()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--work", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        asyncio.run(work(options.folder, options.work, options.events // 2))
        return 0
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        return asyncio.run(measure(options.events, options.kills, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())

"""The log: how fast audited actions are, how fast a large log is checked, how long a proof takes.

    python -m benchmarks.audit [--leaves 1000000] [--folder DIR]

Writes results/audit.json. The folder has to lie on a real disk: each commit waits for it.
"""

import argparse
import asyncio
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.report import Figure, Report
from lfrd.audit import verify
from lfrd.audit.export import export_folder
from lfrd.governance.absences import Absences, prepare
from lfrd.governance.audit import AuditLog
from lfrd.ids import new_id
from lfrd.store import absences, cameras, watchlists
from lfrd.store.audit import AuditClass
from lfrd.store.checkpoints import CheckpointRules
from lfrd.store.database import Database
from lfrd.store.keys import KeyStore, load_master_key
from lfrd.store.state_folder import StateFolder
from lfrd.store.transaction import Transaction
from lfrd.vocabulary import Category

LEAVES = 1_000_000
ACTIONS = 20_000
AT_ONCE = 512
PROOFS = 200
LISTED = 17_000
WHO = "user:bench"


@asynccontextmanager
async def signing(path: Path, copy: Path) -> AsyncIterator[Database]:
    """A database as the daemon opens it, with a copy of its checkpoints."""
    rules = CheckpointRules(copy=copy)
    with StateFolder(path) as folder, KeyStore(folder, load_master_key(folder, {})) as keys:
        async with Database(folder, keys, audit=rules) as database:
            yield database


async def actions(report: Report, folder: Path) -> None:
    """Actions that change something and log it, many at a time, and one after the other."""
    async with signing(folder / "actions", folder / "actions-copy") as database:
        synchronous = await database._writer.chore(lambda c: c.pragma("synchronous"))

        def add(number: int) -> object:
            return database.write(
                lambda tx: cameras.add(tx, f"cam-{number}", name="c", address="rtsp://host/1"),
                principal=WHO,
            )

        one_by_one = 300
        began_s = time.monotonic()
        for number in range(one_by_one):
            await add(number)  # type: ignore[misc]
        alone = one_by_one / (time.monotonic() - began_s)

        async def keep_adding(first: int) -> None:
            for number in range(first, one_by_one + ACTIONS, AT_ONCE):
                await add(number)  # type: ignore[misc]

        began_s = time.monotonic()
        await asyncio.gather(*(keep_adding(one_by_one + at) for at in range(AT_ONCE)))
        rate = ACTIONS / (time.monotonic() - began_s)
        logged = await database.read(lambda r: r.count("SELECT count(*) FROM audit_leaf"))
        signed = await database.read(lambda r: r.count("SELECT count(*) FROM audit_checkpoint"))
    assert logged == one_by_one + ACTIONS
    report.add(
        Figure("audited actions, many at a time", round(rate), "/s", at_least=2_000,
               note=f"{AT_ONCE} callers; {signed} checkpoints on two files meanwhile"),
        Figure("audited actions, one after the other", round(alone), "/s",
               note="each waits for the disk alone"),
        Figure("synchronous of the writing connection", float(str(synchronous)), at_least=2,
               note="2 is FULL"),
    )  # fmt: skip


def _fill(tx: Transaction, count: int) -> None:
    for _ in range(count):
        tx.audit(
            AuditClass.CONSULTATION, "episode.read-image", (new_id(), new_id()), {"image": "probe"}
        )


async def large(report: Report, folder: Path, leaves: int) -> None:
    """A log of a million leaves: made, exported, checked, proved."""
    place, out = folder / "large", folder / "export"
    async with signing(place, folder / "large-copy") as database:
        began_s = time.monotonic()
        for _ in range(0, leaves, 1_000):
            await database.write(lambda tx: _fill(tx, 1_000), principal=WHO)
        made_s = time.monotonic() - began_s
        log = AuditLog(database)
        proofs = []
        for number in range(PROOFS):
            index = number * (leaves - 1) // (PROOFS - 1)
            began_s = time.perf_counter()
            proof = await log.prove(index, principal=WHO)
            proofs.append(1e3 * (time.perf_counter() - began_s))
            proof.check([log.key])
        size_mb = (place / "lfrd.db").stat().st_size / 1e6
        began_s = time.monotonic()
        with export_folder(out) as writer:
            head, pieces = await log.export("a benchmark", principal=WHO)
            writer.feed(head.line)
            async for piece in pieces:
                writer.feed(piece)
            writer.feed(b"end\n")
            writer.finish()
        exported_s = time.monotonic() - began_s
        key = log.key.text
    began_s = time.monotonic()
    async with signing(place, folder / "large-copy"):
        opened_s = time.monotonic() - began_s
    checked_s = _check(out, key)
    proofs.sort()
    report.add(
        Figure(f"check of {leaves:,} leaves", round(checked_s, 1), "s", at_most=20.0,
               note="the file alone, in a Python of its own"),
        Figure("inclusion proof, median", round(proofs[len(proofs) // 2], 2), "ms", at_most=10.0),
        Figure("inclusion proof, 19 of 20", round(proofs[len(proofs) * 19 // 20], 2), "ms",
               at_most=10.0),
        Figure("inclusion proof, slowest", round(proofs[-1], 2), "ms"),
        Figure("export, checked before it has its name", round(exported_s, 1), "s"),
        Figure("opening that log at start", round(opened_s, 3), "s"),
        Figure("writing that log, 1,000 leaves an action", round(leaves / made_s), "/s"),
        Figure("the whole database", round(size_mb), "MB"),
    )  # fmt: skip


def _list_of(tx: Transaction, entries: int) -> str:
    new = watchlists.NewWatchlist("bench", Category.WANTED, "a benchmark", "the bench")
    listed = watchlists.add(tx, new)
    for number in range(entries):
        watchlists.add_entry(tx, watchlists.NewEntry(listed.id, f"ref-{number}"))
    return listed.id


async def absence(report: Report, folder: Path) -> None:
    """A list of 17,000: committed to, and proofs for people who are not on it."""
    proofs, sizes, whole, checks = [], [], [], []
    async with signing(folder / "absence", folder / "absence-copy") as database:
        listed = await database.write(lambda tx: _list_of(tx, LISTED), principal=WHO)
        began_s = time.monotonic()
        await prepare(database, [listed])
        signed_s = time.monotonic() - began_s
        began_s = time.monotonic()
        leaf = await database.write(lambda tx: absences.commit(tx, listed), principal=WHO)
        committed_s = time.monotonic() - began_s
        await database.sign_log()
        log = AuditLog(database)
        office = Absences(database, log)
        for number in range(PROOFS):
            began_s = time.perf_counter()
            proof = await office._proof(leaf, f"absent-{number}", WHO)
            text = proof.text
            proofs.append(1e3 * (time.perf_counter() - began_s))
            sizes.append(proof.proof_bytes)
            whole.append(len(text.encode()))
            began_s = time.perf_counter()
            verify.absence_of(text).check([log.key])
            checks.append(1e3 * (time.perf_counter() - began_s))
    proofs.sort()
    report.add(
        Figure(f"proof of absence, list of {LISTED:,}, median", round(proofs[PROOFS // 2], 2), "ms",
               at_most=10.0),
        Figure("proof of absence, 19 of 20", round(proofs[PROOFS * 19 // 20], 2), "ms",
               at_most=10.0),
        Figure("proof of absence, largest", max(sizes), "bytes", at_most=2048,
               note=f"as text; its file, with the leaf and its own proof, {max(whole):,}"),
        Figure("check of a proof of absence, median", round(sorted(checks)[PROOFS // 2], 2), "ms",
               at_most=10.0),
        Figure("committing to that list", round(committed_s, 2), "s"),
        Figure("signing its references, once", round(signed_s, 1), "s"),
    )  # fmt: skip


def _check(out: Path, key: str) -> float:
    """How long the file that runs alone takes."""
    began_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-I", verify.__file__, str(out), "--key", key], check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return time.monotonic() - began_s


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leaves", type=int, default=LEAVES)
    parser.add_argument("--folder", type=Path, default=Path(os.environ.get("TMPDIR", "/var/tmp")))
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    report = Report("audit")
    with tempfile.TemporaryDirectory(prefix="lfrd-bench-", dir=options.folder) as temporary:
        asyncio.run(actions(report, Path(temporary)))
        asyncio.run(absence(report, Path(temporary)))
        asyncio.run(large(report, Path(temporary), options.leaves))
    return report.finish(keep=options.leaves == LEAVES)


if __name__ == "__main__":
    raise SystemExit(main())

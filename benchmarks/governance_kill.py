"""Killed at a random moment, again and again: nothing that was promised may be missing."""

import asyncio
import json
import random
import signal
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.governance_worker import config_of
from lfrd.daemon import open_site
from lfrd.errors import LfrdError
from lfrd.site import Site
from lfrd.store import deployments, episodes, watchlists
from lfrd.store.erasures import Erasure
from lfrd.store.keys import load_master_key
from lfrd.store.sqlite import connect
from lfrd.store.state_folder import StateFolder
from lfrd.store.transaction import Transaction

START_LIMIT_S = 60.0
LONGEST_S = 2.0
"""How long after its first promise a site is killed, at most."""


@dataclass(slots=True)
class Toll:
    """What went wrong over all kills; all of it must be nought."""

    kills: int = 0
    promises: int = 0
    damaged: int = 0
    lost: int = 0
    half: int = 0
    notes: list[str] = field(default_factory=list)


async def kill_many(folder: Path, kills: int, seed: int) -> Toll:
    """Go on from where an earlier run with this folder and seed was cut off."""
    progress = folder / "progress.json"
    toll = Toll(**json.loads(progress.read_text())) if progress.exists() else Toll()
    while toll.kills < kills:
        number = toll.kills
        rng = random.Random(f"{seed}/{number}")
        lines = await _one(folder / "state", rng)
        await _check(folder / "state", lines, toll)
        toll.kills += 1
        toll.promises += len(lines)
        draft = progress.with_suffix(".new")
        draft.write_text(json.dumps({name: getattr(toll, name) for name in Toll.__slots__}))
        draft.replace(progress)
        if toll.kills % 10 == 0:
            print(f"  {toll.kills} kills, {toll.promises} promises", flush=True)
    return toll


async def _one(state: Path, rng: random.Random) -> list[dict[str, str]]:
    """Start the worker, kill it, return what it promised."""
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.governance_worker", str(state), str(rng.getrandbits(30)),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert worker.stdout is not None
    lines: list[bytes] = []
    kill_at_s = time.monotonic() + START_LIMIT_S
    while True:
        try:
            async with asyncio.timeout(max(0.0, kill_at_s - time.monotonic())):
                line = await worker.stdout.readline()
        except TimeoutError:
            break
        if not line:
            break
        lines.append(line)
        if b'"ready"' in line:
            kill_at_s = time.monotonic() + rng.random() * LONGEST_S
    if worker.returncode is None:
        worker.send_signal(signal.SIGKILL)
    rest = await worker.stdout.read()
    await worker.wait()
    whole = [line for line in b"".join([*lines, rest]).split(b"\n") if line.endswith(b"}")]
    return [json.loads(line) for line in whole]


async def _check(state: Path, lines: list[dict[str, str]], toll: Toll) -> None:
    damaged = await asyncio.to_thread(_damaged, state)
    toll.damaged += len(damaged)
    toll.notes += damaged
    if not any(line["op"] == "ready" for line in lines):
        toll.lost += 1
        toll.notes.append("the site did not come up")
        return
    async with open_site(config_of(state)) as site:
        lost = [*await _lost(site, lines), *await _not_resumed(site, lines)]
        half = await site.database.write(_half, principal="user:check")
    toll.lost += len(lost)
    toll.half += len(half)
    toll.notes += [*lost, *half]


def _damaged(state: Path) -> list[str]:
    """The databases that are not whole, as they lie there after the kill."""
    folder = StateFolder(state)
    master = load_master_key(folder, {})
    found = []
    for path, journal in (
        (folder.database_path, "wal"), (folder.index_path, "wal"), (folder.keys_path, "persist"),
    ):  # fmt: skip
        connection = connect(
            path,
            master.derive(f"pages of {path.name}"),
            journal=journal,
            vectors=True,  # type: ignore[arg-type]  # one of the two
        )
        if connection.value("PRAGMA integrity_check") != "ok":
            found.append(f"{path.name} is damaged")
        connection.close()
    return found


async def _not_resumed(site: Site, lines: list[dict[str, str]]) -> list[str]:
    """The deployment goes on, inside its window."""
    expected = next(line["deployment"] for line in lines if line["op"] == "ready")
    current = site.deployments.current
    return [] if current is not None and current.id == expected else ["it was not taken up again"]


async def _lost(site: Site, lines: list[dict[str, str]]) -> list[str]:
    """Promises that were not kept."""
    erasing = {line["list"] for line in lines if line["op"] == "erasing"}
    return await site.database.write(
        lambda tx: [f"{line['op']}: {line}" for line in lines if not _is_kept(tx, line, erasing)],
        principal="user:check",
    )


def _is_kept(tx: Transaction, line: dict[str, str], erasing: Iterable[str]) -> bool:
    op = line["op"]
    if op == "import" and line["list"] not in erasing:
        return _count(tx, "template WHERE entry_id = ?", line["entry"]) == 1
    if op == "erased":
        done = tx.first(Erasure, "WHERE subject_id = ? AND state = 'done'", (line["list"],))
        gone = not _count(tx, "watchlist WHERE id = ?", line["list"])
        return done is not None and gone and not tx.keys.has(watchlists.scope_of(line["list"]))
    if op == "episode":
        return _count(tx, "episode WHERE id = ?", line["id"]) == 1
    if op == "review":
        return _count(tx, "review WHERE id = ?", line["id"]) == 1
    if op == "final":
        return _count(tx, "review WHERE final_at_s IS NOT NULL AND id = ?", line["id"]) == 1
    return True


def _count(tx: Transaction, rest: str, value: str) -> int:
    return tx.count(f"SELECT count(*) FROM {rest}", (value,))


def _half(tx: Transaction) -> list[str]:
    """Episodes that lack a face, a log entry that speaks of it, or cannot be opened."""
    found = []
    recent = tx.column(
        "SELECT id FROM episode WHERE faces_erased_at_s IS NULL ORDER BY id DESC LIMIT 200"
    )
    for episode_id in recent:
        try:
            for which in ("probe", "reference", "scene"):
                episodes.read_image(tx, episode_id, which)  # type: ignore[arg-type]  # of three
        except LfrdError as error:
            found.append(f"half an episode: {error}")
            continue
        if not episodes.is_as_logged(tx, episode_id):
            found.append(f"episode {episode_id} is not as the log says")
    lists = tx.column("SELECT id FROM watchlist")
    found += [
        f"list {name} is there without its key"
        for name in lists
        if not tx.keys.has(watchlists.scope_of(name))
    ]
    running = deployments.running(tx)
    assert running is None or tx.keys.has(deployments.scope_of(running.id))
    return found

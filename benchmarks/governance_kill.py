"""Killed at a random moment, again and again: nothing that was promised may be missing.

    python -m benchmarks.governance_kill [--kills 100] [--seed 7] [--folder DIR]

A site with two live cameras raises, reviews, erases and imports until `kill -9`; then it is opened
again, and every promise it printed is looked for. A run that was cut off goes on where it stopped,
with the same seed; a larger number adds to it. Writes results/kills.json.
"""

import argparse
import asyncio
import json
import logging
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.governance_worker import config_of
from benchmarks.report import Figure, Report
from lfrd.daemon import open_site
from lfrd.demo.clip import cutouts, write_clip
from lfrd.demo.stream import rtsp_stream
from lfrd.errors import LfrdError
from lfrd.site import Site
from lfrd.store import deployments, episodes, watchlists
from lfrd.store.erasures import Erasure
from lfrd.store.keys import load_master_key
from lfrd.store.sqlite import connect
from lfrd.store.state_folder import StateFolder
from lfrd.store.transaction import Transaction
from lfrd.vision import packs
from lfrd.vision.engine import Vision

START_LIMIT_S = 60.0
LONGEST_S = 8.0
"""How long after it is ready a site is killed, at most: the one on the list of the clip comes into
the picture after two seconds."""

CAMERAS = 2
PACK = "yunet-sface"


@dataclass(slots=True)
class Toll:
    """What went wrong over all kills; all of it must be nought."""

    kills: int = 0
    promises: int = 0
    damaged: int = 0
    lost: int = 0
    half: int = 0
    of_kind: dict[str, int] = field(default_factory=dict)
    """Promises, by what was done."""
    notes: list[str] = field(default_factory=list)


async def kill_many(folder: Path, kills: int, seed: int) -> Toll:
    """Go on from where an earlier run with this folder and seed was cut off."""
    progress = folder / "progress.json"
    toll = Toll(**json.loads(progress.read_text())) if progress.exists() else Toll()
    clip = folder / "passers-by.mp4"
    if not clip.exists():
        await _compose(clip)
    async with rtsp_stream(clip) as address:
        addresses = [f"{address}&camera={number}" for number in range(CAMERAS)]
        while toll.kills < kills:
            rng = random.Random(f"{seed}/{toll.kills}")
            lines = await _one(folder / "state", rng, addresses)
            await _check(folder / "state", lines, toll, addresses)
            toll.kills += 1
            toll.promises += len(lines)
            toll.of_kind = dict(Counter(toll.of_kind) + Counter(line["op"] for line in lines))
            draft = progress.with_suffix(".new")
            draft.write_text(json.dumps({name: getattr(toll, name) for name in Toll.__slots__}))
            draft.replace(progress)
            if toll.kills % 10 == 0:
                print(
                    f"  {toll.kills} kills, {toll.promises} promises, lost {toll.lost}", flush=True
                )
    return toll


async def _compose(clip: Path) -> None:
    pack = packs.load(PACK, packs.default_cache_dir())
    async with Vision(pack, threads=1) as vision:
        people = await cutouts(vision)
    draft = clip.with_name(f"new-{clip.name}")
    await asyncio.to_thread(write_clip, draft, people)
    draft.replace(clip)


async def _one(state: Path, rng: random.Random, addresses: Sequence[str]) -> list[dict[str, str]]:
    """Start the worker, kill it, return what it promised."""
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.governance_worker", str(state), str(rng.getrandbits(30)),
        *addresses, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert worker.stdout is not None
    read = bytearray()
    kill_at_s = time.monotonic() + START_LIMIT_S
    after_s = rng.random() * LONGEST_S
    ready = False
    while True:
        try:
            async with asyncio.timeout(max(0.0, kill_at_s - time.monotonic())):
                part = await worker.stdout.read(65_536)
        except TimeoutError:
            break
        if not part:
            break
        read += part
        if not ready and b'"ready"' in read:
            ready, kill_at_s = True, time.monotonic() + after_s
    if worker.returncode is None:
        worker.send_signal(signal.SIGKILL)
    read += await worker.stdout.read()
    await worker.wait()
    if worker.returncode != -signal.SIGKILL:
        return []  # it ended by itself
    return [json.loads(line) for line in bytes(read).split(b"\n") if line.endswith(b"}")]


async def _check(
    state: Path, lines: list[dict[str, str]], toll: Toll, addresses: Sequence[str]
) -> None:
    damaged = await asyncio.to_thread(_damaged, state)
    toll.damaged += len(damaged)
    toll.notes += damaged
    if not any(line["op"] == "ready" for line in lines):
        toll.lost += 1
        toll.notes.append("the site did not come up, or ended by itself")
        return
    async with open_site(config_of(state, addresses)) as site:
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
    if op == "erased-person":
        done = tx.first(Erasure, "WHERE subject_id = ? AND state = 'done'", (line["person"],))
        gone = not _count(tx, "entry WHERE id = ?", line["entry"])
        return done is not None and gone and not _count(tx, STILL_OPEN, line["episode"])
    if op in ("episode", "raised"):
        return _count(tx, "episode WHERE id = ?", line["id"]) == 1
    if op == "review":
        return _count(tx, "review WHERE id = ?", line["id"]) == 1
    if op == "final":
        return _count(tx, "review WHERE final_at_s IS NOT NULL AND id = ?", line["id"]) == 1
    return True


STILL_OPEN = "episode WHERE (state = 'open' OR sealed_probe_crop IS NOT NULL) AND id = ?"


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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="(default: one of its own in ~/.cache)")
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    folder = options.folder or Path(
        os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "lfrd", f"kills-{options.seed}"
    )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    began_s = time.monotonic()
    toll = asyncio.run(kill_many(folder, options.kills, options.seed))
    for note in toll.notes[:20]:
        print(f"  {note}")
    report = Report("kills")
    report.add(
        Figure("kills", toll.kills, at_least=options.kills, note=f"seed {options.seed}"),
        Figure("promises checked", toll.promises, at_least=options.kills),
        *(
            Figure(f"promises: {kind}", toll.of_kind.get(kind, 0), at_least=1)
            for kind in ("live", "raised", "episode", "review", "final", "import", "erased",
                         "erased-person")
        ),
        Figure("databases damaged", toll.damaged, at_most=0),
        Figure("promises lost", toll.lost, at_most=0),
        Figure("episodes by halves", toll.half, at_most=0),
        Figure("took", round(time.monotonic() - began_s, 1), "s", note="since it went on"),
    )  # fmt: skip
    return report.finish()


if __name__ == "__main__":
    raise SystemExit(main())

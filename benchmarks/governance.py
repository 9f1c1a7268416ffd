"""What the governance promises, measured: memory, erasure, start-up, the cost of sealing.

    python -m benchmarks.governance [--seed 7] [--folder DIR] [SECTION ...]

Sections: memory, sealing, erasure, start. A section that breaks off counts as a missed bar, and the
others still run. All of them together write results/governance.json. Kills are governance_kill's.
"""

import argparse
import asyncio
import logging
import os
import random
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np

from benchmarks.governance_erasure import QUALITY, measure
from benchmarks.governance_worker import config_of, import_one, make_list
from benchmarks.non_retention import MEDIA, figures_of
from benchmarks.report import Figure, Report
from lfrd.daemon import open_site
from lfrd.ids import new_id
from lfrd.store import reference_images, watchlists
from lfrd.store.seal import DataKey, Label
from lfrd.store.transaction import Transaction
from lfrd.vocabulary import ErasureKind

TEMPLATES = 100_000
CAMERAS = 8
CANDIDATES_A_SECOND = 1.0
"""Of each camera: far more than any street gives; each is sealed once and looked at twice."""


async def memory(report: Report, _folder: Path, _options: argparse.Namespace) -> None:
    """Nobody off the list is in memory or on the disk after a deployment over the crowd clip."""
    report.add(*await figures_of(MEDIA / "video.mp4"))


async def erasure(report: Report, folder: Path, options: argparse.Namespace) -> None:
    """0 hits after erasing, with page encryption and without; a backup shows nobody."""
    for kind in (ErasureKind.WATCHLIST, ErasureKind.DEPLOYMENT):
        for encrypted in (True, False):
            place = folder / f"erasure-{kind}-{encrypted}-{os.getpid()}"
            left = await measure(place, encrypted=encrypted, kind=kind, seed=options.seed)
            pages = "encrypted" if encrypted else "plain"
            name = f"{kind}, {pages} pages"
            if not encrypted:
                report.add(Figure(f"{name}: hits before (control)", left.control, at_least=1))
            report.add(
                Figure(f"{name}: hits after", left.hits, at_most=0),
                Figure(f"{name}: backup's faces before", left.backup_control, at_least=200),
                Figure(f"{name}: backup's faces after", left.backup_faces, at_most=0),
            )


async def start(report: Report, folder: Path, _: argparse.Namespace) -> None:
    """From nothing to answering, a running deployment taken up again included."""
    state = folder / f"start-{os.getpid()}"
    async with open_site(config_of(state)) as site:
        listed = await make_list(site, "big")
        await import_one(site, listed, "first")
        model, dim = site.vision.model_digest, site.vision.dim
        vectors = np.random.default_rng(3).standard_normal((TEMPLATES - 1, dim)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        for at in range(0, len(vectors), 5_000):
            part = vectors[at : at + 5_000]
            await site.database.write(
                lambda tx, p=part, a=at: _fill(tx, listed, model, p, a), principal="user:bench"
            )
    async with open_site(config_of(state)):
        pass  # the index is made anew, once
    began_s = time.monotonic()
    async with open_site(config_of(state)) as site:
        took_s = time.monotonic() - began_s
        assert (await site.watchlists.lists())[0].templates == TEMPLATES
        began_s = time.monotonic()
        await site.deployments.start(
            "lab", "bench", "bench", (listed,), 600, principal="user:bench"
        )
        filled_s = time.monotonic() - began_s
        assert len(site.gallery) == TEMPLATES
    report.add(
        Figure(f"start with {TEMPLATES:,} templates", round(took_s, 2), "s", at_most=3.0,
               note="models loaded; Python's own imports apart"),
        Figure("then a deployment on all of them", round(filled_s, 2), "s"),
    )  # fmt: skip


def _fill(tx: Transaction, listed: str, model: str, vectors: np.ndarray, first: int) -> None:
    """Entries with a photo and a template each, as the store keeps them, without their log."""
    for number, vector in enumerate(vectors, start=first):
        entry = watchlists.add_entry(
            tx,
            watchlists.NewEntry(listed, f"e{number}", "b", "s",
                                reviewer="user:bench"),
        )  # fmt: skip
        photo = reference_images.add(
            tx, reference_images.NewReferenceImage(entry.id, b"%d" % number, 9, 9, b"c", b"p",
                                                   QUALITY)
        )  # fmt: skip
        row_id = new_id()
        tx.execute(
            "INSERT INTO template (id, reference_image_id, entry_id, model_digest, dim, made_at_s,"
            " principal, sealed_vector) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (row_id, photo.id, entry.id, model, len(vector), tx.at_s, tx.principal,
             reference_images.key_of(tx, photo.id).seal(
                 Label("template", row_id, model), vector.tobytes())),
        )  # fmt: skip


async def sealing(report: Report, _: Path, options: argparse.Namespace) -> None:
    """CPU of sealing each candidate's pictures and of opening them for two reviewers."""
    key, rng = DataKey(os.urandom(32)), random.Random(options.seed)
    crop, portrait, scene = (rng.randbytes(size) for size in (30_000, 20_000, 80_000))
    label, rounds = Label("probe-crop", "row"), 400
    began_s = time.process_time()
    for _round in range(rounds):
        sealed = [key.seal(label, blob) for blob in (crop, crop, portrait, portrait, scene)]
        for _reviewer in range(2):
            for blob in sealed[2:]:
                key.open(label, blob)
    one_s = (time.process_time() - began_s) / rounds
    share = 100 * one_s * CAMERAS * CANDIDATES_A_SECOND / len(os.sched_getaffinity(0))
    report.add(
        Figure("sealing and opening one candidate", round(one_s * 1e6), "us"),
        Figure(f"CPU at {CAMERAS} cameras", round(share, 3), "%", at_most=2.0,
               note="a candidate a second on each"),
    )  # fmt: skip


SECTIONS: dict[str, Callable[[Report, Path, argparse.Namespace], Awaitable[None]]] = {
    "memory": memory,
    "sealing": sealing,
    "erasure": erasure,
    "start": start,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    report = Report("governance")
    with tempfile.TemporaryDirectory(prefix="lfrd-bench-") as temporary:
        folder = options.folder or Path(temporary)
        for name in options.sections or SECTIONS:
            _run(name, report, folder, options)
    return report.finish(keep=not options.sections)


def _run(name: str, report: Report, folder: Path, options: argparse.Namespace) -> None:
    print(f"{name}:", flush=True)
    began_s = time.monotonic()
    try:
        asyncio.run(SECTIONS[name](report, folder, options))
    except Exception:
        traceback.print_exc()
        report.add(Figure(f"{name}: broke off", 1, at_most=0))
    report.add(Figure(f"{name}: took", round(time.monotonic() - began_s, 1), "s"))


if __name__ == "__main__":
    raise SystemExit(main())

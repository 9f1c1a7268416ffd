"""From the start of the process until it answers, with 100,000 templates.

The store is made once, by the store's own functions, and kept for the next run.
"""

import shutil
import time
from pathlib import Path

import numpy as np

from benchmarks.governance_erasure import QUALITY
from benchmarks.report import Figure, Report
from lfrd.config import Config, ModelsSection, PolicySection, SiteSection
from lfrd.daemon import open_site
from lfrd.store import reference_images, templates, watchlists
from lfrd.store.transaction import Transaction
from lfrd.types import Template
from lfrd.vocabulary import Category
from support.program import daemon

TEMPLATES = 100_000
IN_ONE = 1_000
ROUNDS = 5
START_BAR_S = 3.0
DIGITS = 2


async def measure(report: Report, folder: Path) -> None:
    """The median of some starts."""
    state = folder / f"start-{TEMPLATES}"
    if not (state / "complete").exists():
        await _make(state)
    took = [await _start(state) for _ in range(ROUNDS)]
    report.add(
        Figure(f"start with {TEMPLATES:,} templates", round(sorted(took)[ROUNDS // 2], DIGITS),
               "s", at_most=START_BAR_S, note=f"process to ready, median of {ROUNDS}"),
        Figure("slowest of them", round(max(took), DIGITS), "s"),
    )  # fmt: skip


async def _start(state: Path) -> float:
    began_s = time.monotonic()
    async with daemon(state) as (process, client):
        ready_s = time.monotonic() - began_s
        lists = await client.watchlists()
        assert sum(item.templates for item in lists) == TEMPLATES
        process.terminate()
        await process.wait()
    return ready_s


async def _make(state: Path) -> None:
    print(f"  making a store of {TEMPLATES:,} templates, once", flush=True)
    shutil.rmtree(state, ignore_errors=True)
    config = Config(
        site=SiteSection(node="bench", state_dir=state),
        models=ModelsSection(threads=1),
        policy=PolicySection(allow_lab=True),
    )
    async with open_site(config) as site:
        listed = await site.watchlists.create_list(
            watchlists.NewWatchlist("big", Category.TEST, "bench", "bench"), principal="user:bench"
        )
        rng = np.random.default_rng(3)
        model, dim = site.vision.model_digest, site.vision.dim
        for first in range(0, TEMPLATES, IN_ONE):
            vectors = rng.standard_normal((IN_ONE, dim)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            await site.database.write(
                lambda tx, v=vectors, f=first: _fill(tx, listed.row.id, model, v, f),
                principal="user:bench",
            )
    async with open_site(config):
        pass  # the index is made, once
    (state / "complete").touch(0o600)


def _fill(tx: Transaction, listed: str, model: str, vectors: np.ndarray, first: int) -> None:
    """Entries with a photo and a template each, as the store keeps and logs them."""
    for number, vector in enumerate(vectors, start=first):
        entry = watchlists.add_entry(
            tx, watchlists.NewEntry(listed, f"e{number}", "b", "s", reviewer="user:bench")
        )
        photo = reference_images.add(
            tx, reference_images.NewReferenceImage(entry.id, b"%d" % number, 9, 9, b"c", b"p",
                                                   QUALITY)
        )  # fmt: skip
        templates.add(tx, photo.id, Template(vector, model))

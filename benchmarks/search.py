"""The gallery against one BLAS product and against sqlite-vec, and how it grows.

    python -m benchmarks.search

Writes results/search.json.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable

import apsw
import numpy as np
import sqlite_vec

from benchmarks.report import Figure, Report
from lfrd.matching.gallery import Gallery, GalleryTemplate
from lfrd.types import F32

DIM, PROBES, TOP = 512, 16, 5
MIDDLE = 100_000
SIZES = (1_000, 3_000, 10_000, 30_000, MIDDLE, 300_000)
ROUNDS = 9
SQLITE_PROBES = 3


def main() -> int:
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":  # as the program sets it, before numpy loads
        one_thread = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.search"], one_thread)
    report = Report("search")
    probes = _unit(PROBES, 1)
    growth: dict[int, float] = {}
    for size in SIZES:
        known = _unit(size, 2)
        gallery = _filled(known)
        if size == MIDDLE:
            _against_product(report, gallery, known, probes)
            _against_sqlite(report, gallery, known, probes)
        growth[size] = _typical_ms(
            lambda g=gallery: g.search(probes, TOP),
            clock=time.process_time,  # type: ignore[misc]
        )
        held = sum(
            array.nbytes
            for array in (gallery._matrix, gallery._template_ids, gallery._entry_ids,
                          gallery._person_ids)
        )  # fmt: skip
        report.add(
            Figure(f"{size} templates, {PROBES} probes", round(growth[size], 2), "ms of processor",
                   note=f"{1e6 * growth[size] / size / PROBES:.1f} ns a template and probe"),
            Figure(f"{size} templates, memory against the matrix", round(held / known.nbytes, 3),
                   "x", at_most=1.1),
        )  # fmt: skip
        gallery.clear()
    factor = growth[SIZES[-1]] / growth[MIDDLE] / (SIZES[-1] / MIDDLE)
    report.add(Figure("growth from 100,000 to 300,000, against linear", round(factor, 2), "x",
                      at_most=1.3))  # fmt: skip
    return report.finish()


def _against_product(report: Report, gallery: Gallery, known: F32, probes: F32) -> None:
    """In turn, so that what else the machine does slows both."""

    def product() -> None:
        scores = known @ probes.T  # the faster of the two orders
        np.argpartition(scores, -TOP, axis=0)[-TOP:]

    ours, plain = [], []
    for _ in range(ROUNDS):
        plain.append(_typical_ms(product, 3))
        ours.append(_typical_ms(lambda: gallery.search(probes, TOP), 3))
    report.add(
        Figure("one BLAS product and top-k", round(statistics.median(plain), 2), "ms"),
        Figure("gallery", round(statistics.median(ours), 2), "ms"),
        Figure("gallery against product and top-k",
               round(statistics.median(ours) / statistics.median(plain), 2), "x", at_most=1.3),
    )  # fmt: skip


def _against_sqlite(report: Report, gallery: Gallery, known: F32, probes: F32) -> None:
    """The same vectors in vec0, in memory; both must name the same best entries."""
    connection = apsw.Connection(":memory:")
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    connection.execute(
        f"create virtual table known using vec0(vector float[{DIM}] distance_metric=cosine)"
    )
    with connection:
        connection.executemany(
            "insert into known(rowid, vector) values (?, ?)",
            ((row, vector.tobytes()) for row, vector in enumerate(known)),
        )
    taken = []
    for number, probe in enumerate(probes[:SQLITE_PROBES]):
        begun_s = time.perf_counter()
        rows = list(connection.execute(
            "select rowid from known where vector match ? and k = ?", (probe.tobytes(), TOP)
        ))  # fmt: skip
        taken.append(1e3 * (time.perf_counter() - begun_s))
        ours = [match.entry_id for match in gallery.search(probes[number : number + 1], TOP)[0]]
        assert ours == [_name(row) for (row,) in rows], "both are exact"
    each = _typical_ms(lambda: gallery.search(probes, TOP)) / PROBES
    report.add(
        Figure("sqlite-vec, one probe", round(statistics.median(taken), 1), "ms"),
        Figure("gallery, a probe among 16", round(each, 2), "ms"),
        Figure("sqlite-vec against gallery", round(statistics.median(taken) / each, 1), "x",
               at_least=20),
    )  # fmt: skip


def _unit(count: int, seed: int) -> F32:
    found = np.random.default_rng(seed).standard_normal((count, DIM), np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def _name(row: int) -> str:
    return f"018f3c1e-7a55-7c3e-9d2b-{row:012}"


def _filled(known: F32) -> Gallery:
    gallery = Gallery("digest", DIM)
    gallery.add(
        GalleryTemplate(_name(row), _name(row), _name(row), vector)
        for row, vector in enumerate(known)
    )
    return gallery


def _typical_ms(
    work: Callable[[], object],
    runs: int = ROUNDS,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    work()
    taken = []
    for _ in range(runs):
        begun_s = clock()
        work()
        taken.append(1e3 * (clock() - begun_s))
    return statistics.median(taken)


if __name__ == "__main__":
    sys.exit(main())

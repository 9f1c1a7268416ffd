"""Whether lists can be trusted: thresholds, identification, enrolment, measured on real faces.

    python -m benchmarks.identity [SECTION ...]

Needs the test media (LFRD_SHARED, default ../shared). Writes results/identity.json. Seed 1.

One look is judged at the thresholds where 1 % and 0.1 % of the strangers are raised, as such rates
are usually stated. Three fused looks are judged at the thresholds that the daemon derives from the
shipped curve with its demographic factor of 10, which are stricter; the others stand beside them.
The curve was fitted on one half of the people; what it promises is tested on the other half.
"""

import argparse
import asyncio
import contextlib
import io
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.report import Figure, Report
from lfrd.errors import BadInput
from lfrd.evaluate import calibrate, openset
from lfrd.evaluate.labelled import Embedded, embed, enlarged, find_people, numbered, read_errata
from lfrd.lists.commit_batcher import PHOTOS_AT_ONCE
from lfrd.lists.photo_gate import GateMode
from lfrd.lists.table import Row
from lfrd.matching import curve
from lfrd.matching.evidence import EvidenceRule
from lfrd.matching.threshold import DEMOGRAPHIC_FACTOR, Risk, derive
from lfrd.vision import packs, providers
from lfrd.vision.engine import Vision

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("LFRD_SHARED", ROOT.parent / "shared"))
LFW = SHARED / "media" / "lfw"
SEED = 1
LIST = 320
"""As many people have four photos or more: they are the list, everybody else is a stranger."""
RULE = EvidenceRule()
ENROLLED, ROUND = 1500, 100
"""Photos of the enrolment section, and how many are embedded, then imported, before the next."""

sys.path.append(str(ROOT / "tests"))  # the renderer of clips and the lists without a daemon


@dataclass(slots=True)
class Bench:
    """What the sections share."""

    report: Report
    vision: Vision
    pack: packs.Pack
    faces: Embedded


async def thresholds(bench: Bench) -> None:
    """The shipped curve's promise on the half of the people that it never saw."""
    shipped = curve.find(bench.pack.model_digest, None, RULE)
    _, others = calibrate.halves_of(bench.faces, SEED)
    tested = calibrate.test(shipped, others, RULE, _errata(), SEED)
    for test in tested.tests:
        bench.report.add(
            Figure(
                f"FPIR bound, list {test.entries}, target {test.target:g}, factor "
                f"{test.demographic_factor:g}", round(test.upper_95, 6), at_most=2 * test.target,
                note=f"{test.false_alerts} of {test.tracks} tracks at {test.threshold:g}",
            )
        )  # fmt: skip


async def identification(bench: Bench) -> None:
    """Verification and open-set identification of single looks and of fused tracks."""
    pairs = openset.read_pairs(LFW / "pairs_dev.tsv", LFW)
    verified = openset.verify(bench.faces, pairs)
    bench.report.add(
        Figure("verification, pairs_dev, ten-fold", round(100 * verified.accuracy, 3), "%",
               at_least=99.45, note=f"± {100 * verified.standard_error:.2f}, "
               f"best threshold {verified.threshold:.3f}")
    )  # fmt: skip
    shipped = curve.find(bench.pack.model_digest, None, RULE)
    one = openset.draw(bench.faces, LIST, 1, RULE, _errata(), SEED, least_photos=4)
    fused = openset.draw(bench.faces, LIST, 3, RULE, _errata(), SEED, least_photos=4)
    for target, bar_one, bar_fused in ((0.01, 3.0, 1.0), (0.001, 6.5, 1.5)):
        at = openset.measure(one, openset.threshold_for(one, target))
        _add_fnir(bench, f"one look, FNIR at FPIR {target:g}", at, bar_one)
        at = openset.measure(fused, openset.threshold_for(fused, target))
        _add_fnir(bench, f"3 looks, FNIR at FPIR {target:g}", at, bar_fused)
        for factor in (1.0, DEMOGRAPHIC_FACTOR):
            derived = derive(shipped, Risk(1 / target, factor), references=LIST, looks=3)
            at = openset.measure(fused, derived.threshold)
            name = f"3 looks, FNIR, derived for {target:g}, factor {factor:g}"
            _add_fnir(bench, name, at, bar_fused)


def _add_fnir(bench: Bench, name: str, at: openset.Measured, bar: float | None) -> None:
    note = (
        f"T {at.threshold:.3f}, {at.fnir.k} of {at.fnir.n} missed ({_interval(at)}), "
        f"{at.fpir.k} of {at.fpir.n} strangers raised, {at.misidentified} misidentified"
    )
    bench.report.add(Figure(name, round(100 * at.fnir.value, 3), "%", at_most=bar, note=note))


def _interval(at: openset.Measured) -> str:
    if not at.fnir.k:
        return f"at most {3 / at.fnir.n:.2%}, rule of three"
    return f"by subject 95 % {at.fnir_by_subject.lo:.2%} to {at.fnir_by_subject.hi:.2%}"


async def enrolment(bench: Bench) -> None:
    """Bulk import beside the bare rate of looking at the same photos (read, find, embed, measure),
    in turn, round by round: the median of the rounds, since other users of the machine and of its
    disk slow one of them now and then."""
    from support.lists import lists

    photos = _files(ENROLLED + 20)
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        async with lists(Path(folder) / "state", bench.pack, threads=_threads()) as site:
            await _embed_all(site.photos, photos[:20])
            watchlist_id = await site.make_list()
            run = await site.imports.begin(
                watchlist_id, "0" * 64, "bench", GateMode.WARN, ENROLLED, principal="user:bench"
            )
            before_mb = _peak_mb()
            for start in range(20, len(photos), ROUND):
                part = photos[start : start + ROUND]
                bare_s = await _embed_all(site.photos, part)
                rounds.append((bare_s, await _import_all(site.imports, run.run.id, part, start)))
            progress = await site.imports.progress(run.run.id)
    counts = ", ".join(f"{count} {outcome.value}" for outcome, count in progress.counts.items())
    bare_s, import_s = (statistics.median(times) for times in zip(*rounds, strict=True))
    ratio = statistics.median(bare / ours for bare, ours in rounds)
    whole = sum(bare for bare, _ in rounds) / sum(ours for _, ours in rounds)
    bench.report.add(
        Figure("photos read, found, embedded", round(ROUND / bare_s, 1), "a second"),
        Figure("bulk import of the same photos", round(ROUND / import_s, 1), "a second",
               note=counts),
        Figure("bulk import / bare rate", round(ratio, 3), at_least=0.9,
               note=f"median of {len(rounds)} rounds of {ROUND}; all together {whole:.3f}"),
        Figure("memory growth during the import", round(_peak_mb() - before_mb, 1), "MB",
               at_most=60),
    )  # fmt: skip


async def search(bench: Bench) -> None:
    """The search in memory gives what sqlite-vec's brute force gives, in the same order."""
    from lfrd.matching.gallery import Gallery, GalleryTemplate
    from lfrd.store.templates import TemplateMatrix
    from lfrd.types import Template
    from support.lists import lists

    count, probes, top = 5000, 1000, 10
    rng = np.random.default_rng(SEED)
    vectors = rng.normal(size=(count + probes, bench.vision.dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = tuple(f"e{n:06}" for n in range(count))
    digest = bench.pack.model_digest
    gallery = Gallery(digest, bench.vision.dim)
    gallery.add(GalleryTemplate(i, i, i, v) for i, v in zip(ids, vectors, strict=False))
    same = 0
    with tempfile.TemporaryDirectory() as folder:
        async with lists(Path(folder) / "state", bench.pack) as site:
            await site.index.add(TemplateMatrix(digest, ids, ids, ids, ids, vectors[:count]))
            for probe in vectors[count:]:
                hits = await site.index.search(Template(probe, digest), top)
                found = gallery.search(probe[None], top)[0]
                same += [hit.entry_id for hit in hits] == [match.entry_id for match in found]
    bench.report.add(
        Figure("probes with identical ids and order", same, f"of {probes}", at_least=probes,
               note=f"{count} templates, best {top}, against sqlite-vec")
    )  # fmt: skip


async def passages(bench: Bench) -> None:
    """Rendered passages at the threshold that is derived for the whole list."""
    from benchmarks.passages import walk

    shipped = curve.find(bench.pack.model_digest, None, RULE)
    await walk(bench.report, bench.vision, shipped, listed=12, strangers=8, passages=20)


SECTIONS: tuple[Callable[[Bench], Awaitable[None]], ...] = (
    identification, thresholds, search, enrolment, passages
)  # fmt: skip


def _errata() -> calibrate.Errata:
    return read_errata(ROOT / "tests" / "data" / "lfw_errata.txt")


def _files(count: int) -> list[bytes]:
    """LFW photos, doubled, as JPEG files; the first of a person each."""
    files = []
    for person in sorted(LFW.iterdir()):
        if not person.is_dir():
            continue
        rgb = np.asarray(Image.open(sorted(person.iterdir())[0]).convert("RGB"), np.uint8)
        out = io.BytesIO()
        Image.fromarray(enlarged(rgb)).save(out, "JPEG", quality=92)
        files.append(out.getvalue())
        if len(files) == count:
            break
    return files


async def _embed_all(photos, files: list[bytes]) -> float:
    """Seconds for all of them, as many at a time as the importer sends."""
    waiting = iter(files)

    async def worker() -> None:
        for data in waiting:
            with contextlib.suppress(BadInput):  # two people on it: the import refuses it too
                await photos.look(data, "bench")

    return await _together(worker)


async def _import_all(imports, run_id: str, files: list[bytes], first: int) -> float:
    """The same as rows of an import, numbered from `first`."""
    waiting = iter(enumerate(files, start=first))

    async def worker() -> None:
        for number, data in waiting:
            row = Row(number, f"p{number}", f"{number}.jpg")
            await imports.add_row(run_id, row, data, principal="user:bench")

    return await _together(worker)


async def _together(worker: Callable[[], Awaitable[None]]) -> float:
    began_s = time.monotonic()
    await asyncio.gather(*(worker() for _ in range(PHOTOS_AT_ONCE)))
    return time.monotonic() - began_s


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _threads() -> int:
    return len(os.sched_getaffinity(0))


async def _faces(vision: Vision, cache: Path | None, provider: str) -> Embedded:
    """Every photo of LFW as the model sees it; kept in `cache` for the next run, if given."""
    photos = find_people(LFW)
    if cache is not None and cache.is_file():  # noqa: ASYNC240  # nothing else runs yet
        kept = np.load(cache)
        known = str(kept["digest"]) == f"{vision.model_digest} {provider}" and "norms" in kept
        if known and len(kept["vectors"]) == len(photos):
            return Embedded(photos, numbered(photos), kept["vectors"], (), kept["norms"])
    found = await embed(vision, photos)
    if cache is not None and not found.missed:
        np.savez(cache, vectors=found.vectors, norms=found.norms,
                 digest=f"{vision.model_digest} {provider}")  # fmt: skip
    return found


async def _run(names: list[str], cache: Path | None, provider: str) -> int:
    report = Report("identity")
    pack = packs.load(packs.DEFAULT_PACK, packs.default_cache_dir())
    report.models = {"pack": pack.name, "template": pack.model_digest}
    made = providers.vision(pack, provider, packs.default_cache_dir(), threads=_threads())
    async with made as vision:
        began_s = time.monotonic()
        faces = await _faces(vision, cache, provider)
        report.add(
            Figure("LFW dev photos with a face", len(faces), f"of {len(faces) + len(faces.missed)}",
                   note=f"{time.monotonic() - began_s:.0f} s")
        )  # fmt: skip
        for section in SECTIONS:
            if not names or section.__name__ in names:
                began_s = time.monotonic()
                await section(Bench(report, vision, pack, faces))
                print(f"  ({section.__name__}: {time.monotonic() - began_s:.0f} s)")
    return report.finish(keep=not names and provider == "cpu")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = [section.__name__ for section in SECTIONS]
    parser.add_argument("section", nargs="*", help=f"any of {', '.join(known)}; default all")
    parser.add_argument("--cache", type=Path, help="keep the templates here between runs (.npz)")
    parser.add_argument(
        "--provider", default="cpu", help="as in [models]; cpu: in eight bits where that is faster"
    )
    options = parser.parse_args()
    if unknown := [name for name in options.section if name not in known]:
        parser.error(f"no such section: {', '.join(unknown)}")
    return asyncio.run(_run(options.section, options.cache, options.provider))


if __name__ == "__main__":
    sys.exit(main())

"""Is one passage one person? Real walkers cross, hide each other, turn back and change places.

    python -m benchmarks.crossing [--json] [--seed N] [--only KIND] [--encoded half|all|none]

Needs the test media (LFRD_SHARED, default ../shared). Writes results/crossing.json.

Five people are cut out of a real street and walk on paths of which everything is known; each scene
goes through the pipeline at three paces (25 fps, 8 Hz, and with frames lost), against a list of
strangers, and against the same list with one of the walkers on it. Passages, purity and splits are
counted in the second run, alerts in both. A passage is a track with at least one look at a walker;
a look is of the walker whose face its box overlaps best, of those who are half visible at least.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.crossing_picture import render
from benchmarks.crossing_runs import PACES, Noted, RememberingVision, run
from benchmarks.crossing_scenes import KINDS, Scene, scenes
from benchmarks.crossing_walkers import Street, street
from benchmarks.media import SHARED
from benchmarks.report import Figure, Report
from lfrd.evaluate.labelled import find_people, template_of
from lfrd.types import F32
from lfrd.vision import packs

LFW = SHARED / "media" / "lfw"
SEED: Final = 1
VARIATIONS: Final = 2
PEOPLE: Final = 5
STRANGERS: Final = 320
PURE: Final = 99.0
LEAST_PASSAGES: Final = 200
NAMED: Final = 6


@dataclass(frozen=True, slots=True)
class Tried:
    """A scene at a pace: against strangers only, and with one of its walkers on the list."""

    scene: Scene
    pace: str
    strangers: Noted
    listed: Noted


async def _measured(options: argparse.Namespace, report: Report) -> None:
    pack = packs.load(packs.DEFAULT_PACK, packs.default_cache_dir())
    report.models = {"pack": pack.name, "detector": pack.detector_digest,
                     "template": pack.model_digest}  # fmt: skip
    kinds = [options.only] if options.only else list(KINDS)
    planned = [_encoded(scene, options.encoded)
               for scene in scenes(options.seed, kinds, options.variations, PEOPLE)]  # fmt: skip
    began_s = time.monotonic()
    async with RememberingVision(pack, threads=len(os.sched_getaffinity(0))) as vision:
        _tell("cutting out the walkers")
        cut = await street(vision, PEOPLE)
        vision.forget()
        _add_walkers(report, cut)
        strangers = await _strangers(vision)
        tried = await _all(vision, planned, cut, strangers)
    for kind in kinds:
        _add(report, kind, [one for one in tried if one.scene.kind == kind])
    for pace in PACES:
        _add(report, pace.name, [one for one in tried if one.pace == pace.name])
    for name, wanted in (("with noise", True), ("without noise", False)):
        _add(report, name, [one for one in tried if bool(one.scene.noise) is wanted])
    for name, wanted in (("compressed", True), ("not compressed", False)):
        _add(report, name, [one for one in tried if one.scene.encoded is wanted])
    _add_total(report, tried, whole=not options.only)
    report.add(Figure("the whole run", round(time.monotonic() - began_s), "s"))


def _encoded(scene: Scene, which: str) -> Scene:
    return scene if which == "half" else replace(scene, encoded=which == "all")


async def _all(
    vision: RememberingVision, planned: Sequence[Scene], cut: Street, strangers: F32
) -> list[Tried]:
    """Every scene at every pace; the next one is painted meanwhile."""
    tried: list[Tried] = []
    coming = asyncio.create_task(asyncio.to_thread(render, planned[0], cut))
    for number, scene in enumerate(planned):
        clip = await coming
        if number + 1 < len(planned):
            coming = asyncio.create_task(asyncio.to_thread(render, planned[number + 1], cut))
        await asyncio.gather(*(vision.detect(planes) for planes in clip.planes))
        reference = cut.walkers[scene.listed].reference
        lists = [None, reference]
        runs = iter(await asyncio.gather(
            *(run(vision, scene, clip, pace, strangers, listed)
              for pace in PACES for listed in lists)
        ))  # fmt: skip
        tried += [Tried(scene, pace.name, next(runs), next(runs)) for pace in PACES]
        vision.forget()
        merged = sum(len(people) > 1 for one in tried[-len(PACES) :]
                     for people in one.listed.passages().values())  # fmt: skip
        _tell(f"{number + 1:>3} of {len(planned)}  {scene.name:<26} {merged} merged")
    return tried


async def _strangers(vision: RememberingVision) -> F32:
    """The templates f32[n, D] of the first photos of as many people of LFW."""
    first = {photo.person: photo.path for photo in reversed(find_people(LFW))}
    paths = [first[person] for person in sorted(first)][: STRANGERS + 20]
    room = asyncio.Semaphore(8)

    async def one(path: Path) -> F32 | None:
        async with room:
            found = await template_of(vision, path)
            return None if found is None else found.vector

    found = [vector for vector in await asyncio.gather(*map(one, paths)) if vector is not None]
    vision.forget()
    return np.stack(found[:STRANGERS])


def _add_walkers(report: Report, cut: Street) -> None:
    """Whether the material is what it should be: five people, each like themselves only."""
    means = np.stack([walker.mean for walker in cut.walkers])
    alike = means @ means.T - np.eye(len(means))
    own = [walker.likeness for walker in cut.walkers]
    frames = ", ".join(str(len(walker.cutouts)) for walker in cut.walkers)
    report.add(
        Figure("walkers, likeness of the most alike two", round(float(alike.max()), 3),
               at_most=0.3, note=f"{len(own)} people, {frames} frames"),
        Figure("walkers, likeness to themselves, least", round(min(own), 3), at_least=0.6),
    )  # fmt: skip


def _add(report: Report, name: str, tried: Sequence[Tried]) -> None:
    """One line of the table; nothing where there was no such scene."""
    if tried:
        report.add(_purity(name, tried, None))


def _purity(name: str, tried: Sequence[Tried], bar: float | None) -> Figure:
    passages = [people for one in tried for people in one.listed.passages().values()]
    pure = sum(len(people) == 1 for people in passages)
    looks = [look for one in tried for look in one.listed.looks]
    walkers = sum(len(one.listed.walkers()) for one in tried)
    nobody = sum(look.walker is None for look in looks)
    splits = sum(one.listed.splits() for one in tried)
    false = sum(one.listed.false_alerts() + one.strangers.false_alerts() for one in tried)
    raised = sum(one.listed.raised() for one in tried)
    return Figure(
        f"{name}, one person only", round(100 * pure / max(1, len(passages)), 1), "%",
        at_least=bar,
        note=f"{pure} of {len(passages)}, {splits} splits, "
        f"{(len(looks) - nobody) / max(1, walkers):.1f} looks a walker, {nobody} on nobody, "
        f"{false} false alerts, raised in {raised} of {len(tried)}",
    )  # fmt: skip


def _add_total(report: Report, tried: Sequence[Tried], *, whole: bool) -> None:
    """The figures that have bars; `whole`: whether all kinds were tried."""
    merged: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for one in tried:
        name = f"{one.scene.name} {one.pace}"
        merged[name] += sum(len(people) > 1 for people in one.listed.passages().values())
        wrong[name] += one.listed.false_alerts()
    passages = sum(len(one.listed.passages()) for one in tried)
    templates = sum(one.listed.templates + one.strangers.templates for one in tried)
    unlisted = sum(one.strangers.false_alerts() for one in tried)
    raised = sum(one.listed.raised() for one in tried)
    report.add(
        Figure("passages", passages, at_least=LEAST_PASSAGES if whole else None,
               note=f"{len(tried) // len(PACES)} scenes at {len(PACES)} paces"),
        _purity("passages", tried, PURE),
        Figure("merges", sum(merged.values()), note=_named(merged)),
        Figure("splits", sum(one.listed.splits() for one in tried)),
        Figure("templates made", templates, note="in both runs of each scene and pace"),
        Figure("false alerts, nobody listed", unlisted, at_most=0,
               note=f"list of {STRANGERS} strangers at a constant threshold"),
        Figure("false alerts, one walker listed", sum(wrong.values()), at_most=0,
               note=f"another entry, or where the listed walker is not; {_named(wrong)}"),
        Figure("listed walker raised", round(100 * raised / max(1, len(tried)), 1), "%",
               note=f"in {raised} of {len(tried)} runs"),
    )  # fmt: skip


def _named(counts: Counter[str]) -> str:
    """In how many runs something was, and where most."""
    where = +counts
    worst = ", ".join(f"{name} ({n})" for name, n in where.most_common(NAMED))
    return f"in {len(where)} runs" + (f": {worst}" if worst else "")


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON only")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", choices=KINDS, metavar="KIND",
                        help=f"one of: {'; '.join(KINDS)}")  # fmt: skip
    parser.add_argument("--variations", type=int, default=VARIATIONS,
                        help="scenes of each kind and number of walkers")  # fmt: skip
    parser.add_argument("--encoded", choices=("half", "all", "none"), default="half",
                        help="which scenes are compressed with H.264, default half")  # fmt: skip
    options = parser.parse_args()
    report = Report("crossing")
    kept = (options.only, options.seed, options.variations, options.encoded)
    with contextlib.redirect_stdout(sys.stderr if options.json else sys.stdout):
        asyncio.run(_measured(options, report))
        code = report.finish(keep=kept == (None, SEED, VARIATIONS, "half"))
    if options.json:
        figures = [asdict(figure) | {"passed": figure.passed} for figure in report.figures]
        print(json.dumps(figures, indent=2))
    return code


if __name__ == "__main__":
    sys.exit(main())

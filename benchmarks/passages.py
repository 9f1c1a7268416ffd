"""LFW faces walking through a rendered scene, by way of `lfrd try`, the whole program."""

import asyncio
import contextlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from benchmarks.program import printed_by
from benchmarks.report import Figure, Report
from lfrd.errors import BadInput
from lfrd.evaluate.labelled import enlarged
from lfrd.lists.enrolment import enrol
from lfrd.matching.curve import Curve
from lfrd.matching.threshold import Risk, derive
from lfrd.stats import wilson
from lfrd.vision.engine import Vision

if TYPE_CHECKING:
    from support.lfw_clip import Passage

SHARED = Path(os.environ.get("LFRD_SHARED", Path(__file__).resolve().parents[1].parent / "shared"))
LFW = SHARED / "media" / "lfw"
SEED = 1
ONE_IN = 1000
LOOKS = 16
LARGER_LISTS = (50, 320)
LEAST_PHOTOS = 12
MIDDLE_SIZE = 0.925
"""Half of the passages are smaller."""


async def walk(
    report: Report,
    vision: Vision,
    measured: Curve,
    *,
    listed: int,
    strangers: int,
    passages: int,
) -> None:
    """So many passages of each person at the threshold for a list of the `listed` ones."""
    from support.lfw_clip import passage_at, plan, render

    people = {
        person.name: sorted(person.iterdir()) for person in sorted(LFW.iterdir()) if person.is_dir()
    }
    rng = np.random.default_rng(SEED)
    able = [name for name, photos in people.items() if len(photos) >= LEAST_PHOTOS]
    walkers = await _alone(vision, people, [able[n] for n in rng.permutation(len(able))])
    walkers = walkers[: listed + strangers]
    wanted, others = walkers[:listed], walkers[listed:]
    derived = derive(measured, Risk(ONE_IN), references=listed, looks=LOOKS)
    planned = plan({name: people[name][1:] for name in walkers}, passages, SEED)
    with tempfile.TemporaryDirectory() as folder:
        clip = await asyncio.to_thread(render, Path(folder) / "walk.mp4", planned)
        photos = Path(folder) / "list"
        photos.mkdir()
        for name in wanted:
            _double(people[name][0], photos / f"{name}.png")
        lines = await _try(clip, photos, derived.threshold)
    best: dict[Passage, float] = {}
    false = []
    for line in lines[:-1]:
        passage = passage_at(planned, line["entry"], line["at_s"])
        if passage is not None:
            best[passage] = max(best.get(passage, -1.0), line["score"])
        elif line["event"] == "candidate":
            false.append(line["entry"])
    mated = sum(passage.person in wanted for passage in planned)
    rate = wilson(len(best), mated)
    report.add(
        Figure("rendered passages, TPIR", round(100 * rate.value, 2), "%", at_least=98.0,
               note=f"{rate.k} of {rate.n} at the derived {derived.threshold:.3f} "
               f"(list {listed}, 1 in {ONE_IN}), 95 % {rate.lo:.1%} to {rate.hi:.1%}"),
        Figure("rendered passages, false episodes", len(false), at_most=0,
               note=f"{len(planned) - mated} passages of {len(others)} strangers, "
               f"{lines[-1]['tracks']} tracks"),
    )  # fmt: skip
    for entries in LARGER_LISTS:
        _add_larger(report, measured, entries, best, mated)


def _add_larger(
    report: Report, measured: Curve, entries: int, best: "Mapping[Passage, float]", mated: int
) -> None:
    """How many of the passages reach the threshold of a longer list, and who does not."""
    threshold = derive(measured, Risk(ONE_IN), references=entries, looks=LOOKS).threshold
    missed = [passage for passage, score in best.items() if score < threshold]
    reached = wilson(len(best) - len(missed), mated)
    people = Counter(passage.person for passage in missed)
    blurred = sum(passage.blur > 0 for passage in missed)
    small = sum(passage.size < MIDDLE_SIZE for passage in missed)
    report.add(
        Figure(f"the same, TPIR for a list of {entries}", round(100 * reached.value, 2), "%",
               note=f"{reached.k} of {reached.n} reach {threshold:.3f}; of {len(missed)} too low "
               f"{blurred} were blurred and {small} small, of {len(people)} people, most "
               f"{max(people.values(), default=0)} of one"),
    )  # fmt: skip


async def _try(clip: Path, photos: Path, threshold: float) -> list[dict]:
    printed = await printed_by(
        "try", str(clip), "--watchlist", str(photos), "--every-frame", "--json",
        threshold=threshold,
    )  # fmt: skip
    return [json.loads(line) for line in printed.splitlines()]


async def _alone(vision: Vision, people: dict[str, list[Path]], names: list[str]) -> list[str]:
    """The people whose first photo shows nobody else: a reference photo must."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photo.png"
        for name in names:
            _double(people[name][0], path)
            with contextlib.suppress(BadInput):
                await enrol(path.read_bytes(), vision, name=name)
                found.append(name)
    return found


def _double(photo: Path, to: Path) -> None:
    rgb = np.asarray(Image.open(photo).convert("RGB"), np.uint8)
    Image.fromarray(enlarged(rgb)).save(to)

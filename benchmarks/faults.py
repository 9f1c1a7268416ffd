"""Every fault that a site has to survive, done to a real daemon: measured beside bars.

    PYTHONPATH=tests python -m benchmarks.faults [--kills 100] [--cuts 100] [--seed 7] [PART ...]

Parts: faults, start, power, kills. Once each was run, results/faults.json has all of them. Kills go
on where an earlier run with the same seed was cut off; a larger number adds to them.
"""

import argparse
import asyncio
import json
import logging
import os
import random
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict, fields
from pathlib import Path

from benchmarks import fault_start
from benchmarks.report import Figure, Report
from lfrd.demo.clip import cutouts, write_clip
from lfrd.demo.stream import rtsp_stream
from lfrd.vision import packs
from lfrd.vision.engine import Vision
from support.faults import FAULTS
from support.faulty_site import HEALTHY_BAR_S
from support.kills import Kept, Toll, kill_once
from support.power_cut import PowerToll, cut_once

SHOWN_LOST = 20


async def kills(report: Report, folder: Path, options: argparse.Namespace) -> None:
    """`kill -9` while lists, photos, reviews and deployments are written through the API."""
    place = folder / f"kills-{options.seed}"
    place.mkdir(exist_ok=True)
    progress = place / "progress.json"
    kept, toll = _progress(progress)
    clip = folder / "passers-by.mp4"
    if not clip.exists():
        await _compose(clip)
    async with rtsp_stream(clip) as address:
        while toll.kills < options.kills:
            rng = random.Random(f"{options.seed}/{toll.kills}")
            await kill_once(place / "state", kept, toll, rng, address)
            _keep(progress, kept, toll)
            if toll.kills % 10 == 0:
                count = sum(toll.acknowledged.values())
                print(f"  {toll.kills} kills, {count} acknowledged, lost {len(toll.lost)}",
                      flush=True)  # fmt: skip
    for item in toll.lost[:SHOWN_LOST]:
        print(f"  lost: {item}")
    after_kill = toll.healthy_s[1:] or [0.0]
    report.add(
        Figure("kills", toll.kills, at_least=options.kills, note=f"seed {options.seed}"),
        *(Figure(f"acknowledged: {kind}", toll.acknowledged[kind], at_least=1)
          for kind in ("list", "entry", "photo", "erasure", "alert", "review", "deployment step")),
        Figure("acknowledged things lost", len(toll.lost), at_most=0),
        Figure("healthy after a kill, the slowest", round(max(after_kill), 2), "s",
               at_most=HEALTHY_BAR_S),
        Figure("healthy after a kill, the median",
               round(sorted(after_kill)[len(after_kill) // 2], 2), "s"),
    )  # fmt: skip


def _progress(path: Path) -> tuple[Kept, Toll]:
    if not path.exists():
        return Kept(), Toll()
    saved = json.loads(path.read_text())
    kept = {
        name: set(value) if isinstance(value, list) else value
        for name, value in saved["kept"].items()
    }
    toll = saved["toll"] | {"acknowledged": Counter(saved["toll"]["acknowledged"])}
    return Kept(**kept), Toll(**toll)


def _keep(path: Path, kept: Kept, toll: Toll) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps({"kept": _values(kept), "toll": _values(toll)}, default=list))
    draft.replace(path)


def _values(of: Kept | Toll) -> dict[str, object]:
    return {item.name: getattr(of, item.name) for item in fields(of)}


async def _compose(clip: Path) -> None:
    pack = packs.load(packs.DEFAULT_PACK, packs.default_cache_dir())
    async with Vision(pack, threads=1) as vision:
        people = await cutouts(vision)
    draft = clip.with_name(f"new-{clip.name}")
    await asyncio.to_thread(write_clip, draft, people)
    draft.replace(clip)


async def power(report: Report, folder: Path, options: argparse.Namespace) -> None:
    """The power is cut at a random moment: what was not synced is lost, or torn."""
    toll = PowerToll()
    place = folder / f"power-{options.seed}"
    while toll.cuts < options.cuts:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        await cut_once(place, toll, random.Random(f"{options.seed}/{toll.cuts}"), options.cuts)
    for item in toll.lost[:SHOWN_LOST]:
        print(f"  lost: {item}")
    report.add(
        Figure("power cuts", toll.cuts, at_least=options.cuts, note=f"seed {options.seed}"),
        Figure("writes lost or torn by them", toll.writes_hurt, at_least=options.cuts),
        Figure("acknowledged before them", toll.acknowledged, at_least=options.cuts),
        Figure("acknowledged things lost by a cut", len(toll.lost), at_most=0),
        Figure("databases damaged by a cut", toll.damaged, at_most=0),
        Figure("control: lost if nothing were synced", toll.control, at_least=1),
        Figure("daemons that started on what was left", toll.started, at_least=1),
    )


async def faults(report: Report, folder: Path, _: argparse.Namespace) -> None:
    """One after the other, each on a site of its own."""
    for name, fault in FAULTS.items():
        place = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=folder))
        began_s = time.monotonic()
        try:
            found = await fault(place)
        except Exception:
            traceback.print_exc()
            report.add(Figure(f"{name}: not survived", 1, at_most=0))
        else:
            report.add(Figure(f"{name}: not survived", 0, at_most=0))
            report.add(*(Figure(f"{name}: {one.name}", round(one.value, 3), one.unit,
                                at_most=one.at_most) for one in found))  # fmt: skip
        finally:
            shutil.rmtree(place, ignore_errors=True)
        report.add(Figure(f"{name}: took", round(time.monotonic() - began_s, 1), "s"))


async def start(report: Report, folder: Path, _: argparse.Namespace) -> None:
    """The start with many templates."""
    await fault_start.measure(report, folder)


PARTS: dict[str, Callable[[Report, Path, argparse.Namespace], Awaitable[None]]] = {
    "faults": faults,
    "start": start,
    "power": power,
    "kills": kills,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--cuts", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="(default: one of its own in ~/.cache)")
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    folder = options.folder or Path(
        os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "lfrd", "faults"
    )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    known = folder / f"figures-{options.seed}.json"
    found = json.loads(known.read_text()) if options.parts and known.exists() else {}
    for name in options.parts or PARTS:
        print(f"{name}:", flush=True)
        began_s, part = time.monotonic(), Report("faults")
        asyncio.run(PARTS[name](part, folder, options))
        part.add(Figure(f"{name}: took", round(time.monotonic() - began_s, 1), "s"))
        found[name] = [asdict(figure) for figure in part.figures]
        known.write_text(json.dumps(found))
    whole = Report("faults")
    whole.figures = [Figure(**figure) for name in PARTS for figure in found.get(name, [])]
    return whole.finish(keep=found.keys() == PARTS.keys())


if __name__ == "__main__":
    raise SystemExit(main())

"""Real people in real video: what the program finds beside embedding every face of every frame.

    python -m benchmarks.real_video [SECTION ...]

Nothing here is rendered by us. Needs the test media (LFRD_SHARED, default ../shared). The naive
loop is insightface's own: SCRFD-500M, the same recogniser, every face of every frame, one look over
the threshold. Writes results/real_video.json.
"""

import argparse
import asyncio
import contextlib
import csv
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from benchmarks.media import CROWD, HAMILTON, SHARED, listed, watchlist
from benchmarks.peers import DETECTOR_SIDE_PX, make_pack
from benchmarks.program import printed_by
from benchmarks.report import Figure, Report
from lfrd.demo.stream import rtsp_stream
from lfrd.evaluate.shots import Raised, Shot, read_labels, score
from lfrd.vision import packs

THRESHOLD = 0.45
"""The lab's constant, for both."""

TEMPLATES_SHARE = 1 / 8
CROWD_TEMPLATES = 32
"""What the clip cost before looks were held against their track; half as much more is allowed."""

RUN_LIMIT_S = 400.0


@dataclass(frozen=True, slots=True)
class Clip:
    """A labelled clip; `least` person-shots are its bar, None as many as the naive loop raises."""

    name: str
    video: Path
    photos: dict[str, Path]
    labels: str
    least: int | None = None


def clips() -> tuple[Clip, ...]:
    """The clips of the shared media, with their labels as the program reads them."""
    dinner = SHARED / "media" / "dinner"
    return (
        Clip(
            "dinner",
            dinner / "clip.mp4",
            {path.stem: path for path in sorted((dinner / "refs").iterdir())},
            (dinner / "shots.csv").read_text(),
            least=41,
        ),
        Clip("hamilton", HAMILTON / "short_hamilton_clip.mp4", listed(), _hamilton_labels()),
    )


def _hamilton_labels() -> str:
    """Names as the photos have them; people who are not on the list are left out."""
    names = {"LinManuel": "lin-manuel-miranda", "Alex": "alex-lacamoire", "Obama": "obama"}
    text = (HAMILTON / "groundtruth_shots.csv").read_text()
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    lines = [
        f"{row['start']},{row['end']},{';'.join(names[who] for who in row['present'].split(';'))},"
        for row in rows
    ]
    return "\n".join(["start,end,present,optional", *lines]) + "\n"


async def offline(report: Report) -> None:
    """Every frame: who is raised, after how long, and what it costs, beside the naive loop."""
    for clip in clips():
        with _laid_out(clip) as (photos, labels):
            found = await _evaluate(clip, photos, labels)
            shots = read_labels(labels)
            naive = await asyncio.to_thread(naive_loop, clip, shots)
        totals, loop = found["totals"], score(shots, naive.raised)
        expected = sum(len(shot.present) for shot in shots)
        least = clip.least if clip.least is not None else loop.raised
        missed = [f"{shot['start']} {name}" for shot in found["shots"] for name in shot["missed"]]
        report.add(
            Figure(f"{clip.name}, person-shots raised of {expected}", totals["raised"],
                   at_least=least, note=f"95 % {totals['lo']:.1%} to {totals['hi']:.1%}; naive "
                   f"loop {loop.raised}, {len(loop.wrong)} wrong; missed {missed}"),
            Figure(f"{clip.name}, wrong identities", totals["wrong"], at_most=0),
            Figure(f"{clip.name}, templates", totals["templates"],
                   at_most=round(TEMPLATES_SHARE * naive.templates)
                   if clip.least is not None else None,
                   note=f"1 / {naive.templates / totals['templates']:.1f} of the naive loop's "
                   f"{naive.templates} on every frame"),
            Figure(f"{clip.name}, first face of 24 px to candidate, median",
                   totals["median_after_face_s"], "s", at_most=0.4),
        )  # fmt: skip


async def crowd(report: Report) -> None:
    """A street of strangers: nobody is raised, and looks are spent with care."""
    with tempfile.TemporaryDirectory() as folder, watchlist(Path(folder) / "l", listed()) as photos:
        lines = await _try(str(CROWD), photos, "--every-frame")
    report.add(
        Figure("crowd, strangers raised", len(lines) - 1, at_most=0),
        Figure("crowd, templates", lines[-1]["templates_made"], at_most=1.5 * CROWD_TEMPLATES,
               note=f"{lines[-1]['tracks']} tracks, {lines[-1]['tracks_split']} of them split off"),
    )  # fmt: skip


async def live(report: Report) -> None:
    """Eight searches a second over RTSP, in real time, beside every frame of the file."""
    for clip in clips():
        with _laid_out(clip) as (photos, labels):
            shots = read_labels(labels)
            whole = score(shots, _raised(await _try(str(clip.video), photos, "--every-frame")))
            async with rtsp_stream(clip.video) as address:
                lines = await _try(address, photos, "--seconds", f"{_duration_s(clip.video):.1f}")
        once = [one for one in _raised(lines) if one.frame < shots[-1].end]  # it plays in a loop
        found = score(shots, once)
        report.add(
            Figure(f"{clip.name} live at 8 Hz, person-shots raised", found.raised,
                   at_least=whole.raised - 1, note=f"every frame of the file: {whole.raised}; "
                   f"{lines[-1]['frames_detected']} of {lines[-1]['frames_decoded']} searched"),
            Figure(f"{clip.name} live at 8 Hz, wrong identities", len(found.wrong), at_most=0),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class NaiveRun:
    """What the naive loop raised, and the templates it made."""

    raised: tuple[Raised, ...]
    templates: int


def naive_loop(clip: Clip, shots: Sequence[Shot]) -> NaiveRun:
    """Every face of every frame in a shot."""
    with insight_app() as app:
        names, known = references(app, clip.photos)
        raised, templates = [], 0
        with av.open(str(clip.video)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if not any(shot.start <= number < shot.end for shot in shots):
                    continue
                for face in app.get(frame.to_ndarray(format="bgr24")):
                    templates += 1
                    scores = known @ face.normed_embedding
                    best = int(scores.argmax())
                    if scores[best] >= THRESHOLD:
                        raised.append(Raised(number, 0.0, names[best], float(scores[best])))
    return NaiveRun(tuple(raised), templates)


@contextlib.contextmanager
def insight_app() -> Iterator[Any]:
    """insightface's FaceAnalysis with SCRFD-500M and the default recogniser."""
    from insightface.app import FaceAnalysis

    with tempfile.TemporaryDirectory() as folder:
        pack = make_pack(Path(folder) / "pack")
        # The library prints while it loads; its lines must not get among ours.
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
            app = FaceAnalysis(name=str(pack), providers=["CPUExecutionProvider"])
            app.prepare(ctx_id=-1, det_size=(DETECTOR_SIDE_PX, DETECTOR_SIDE_PX))
        yield app


def references(app: Any, photos: dict[str, Path]) -> tuple[list[str], np.ndarray]:
    """Names and their templates f32[n, D]; close crops get room around the face."""
    found = {}
    for name, path in photos.items():
        picture = cv2.imread(str(path))
        room = max(picture.shape) // 3
        picture = cv2.copyMakeBorder(picture, *[room] * 4, cv2.BORDER_CONSTANT)
        faces = app.get(picture)
        if faces:
            found[name] = max(faces, key=lambda face: face.bbox[2] - face.bbox[0]).normed_embedding
    return list(found), np.stack(list(found.values()))


@contextlib.contextmanager
def _laid_out(clip: Clip) -> Iterator[tuple[Path, Path]]:
    """A folder of reference photos and a file of labels."""
    with tempfile.TemporaryDirectory() as folder:
        labels = Path(folder) / "labels.csv"
        labels.write_text(clip.labels)
        with watchlist(Path(folder) / "list", clip.photos) as photos:
            yield photos, labels


async def _evaluate(clip: Clip, photos: Path, labels: Path) -> dict[str, Any]:
    printed = await _run(
        "evaluate", str(clip.video), "--watchlist", str(photos), "--labels", str(labels), "--json",
        "--baseline", "--baseline-every", "2",
    )  # fmt: skip
    return json.loads(printed)


async def _try(source: str, photos: Path, *options: str) -> list[dict[str, Any]]:
    printed = await _run("try", source, "--watchlist", str(photos), "--json", *options)
    lines = [json.loads(line) for line in printed.splitlines()]
    return [line for line in lines if line["event"] in {"candidate", "summary"}]


async def _run(*arguments: str) -> bytes:
    return await printed_by(*arguments, threshold=THRESHOLD, limit_s=RUN_LIMIT_S)


def _raised(lines: Sequence[dict[str, Any]]) -> list[Raised]:
    return [
        Raised(line["frame"], line["at_s"], line["entry"], line["score"])
        for line in lines
        if line["event"] == "candidate"
    ]


def _duration_s(video: Path) -> float:
    with av.open(str(video)) as container:
        assert container.duration is not None
        return container.duration / av.time_base


Section = Callable[[Report], Awaitable[None]]
SECTIONS: tuple[Section, ...] = (offline, crowd, live)


async def _measure(names: Sequence[str]) -> int:
    report = Report("real_video")
    pack = packs.load(packs.DEFAULT_PACK, packs.default_cache_dir())
    report.models = {"pack": pack.name, "template": pack.model_digest}
    for section in SECTIONS:
        if not names or section.__name__ in names:
            await section(report)
    return report.finish(keep=not names)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = [section.__name__ for section in SECTIONS]
    parser.add_argument("section", nargs="*", help=f"any of {', '.join(known)}; default all")
    names = parser.parse_args().section
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no such section: {', '.join(unknown)}")
    return asyncio.run(_measure(names))


if __name__ == "__main__":
    sys.exit(main())

"""How well faces are found and told apart, measured on the production path.

    python -m benchmarks.accuracy [SECTION ...] [--provider cpu|openvino]

Needs the test media (LFRD_SHARED, default ../shared). Writes results/accuracy.json.
"""

import argparse
import asyncio
import csv
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks import clips
from benchmarks.report import Figure, Report
from lfrd.lists.photo_face import detect_in_photo
from lfrd.types import F32, Detections, Planes
from lfrd.vision.align import ARCFACE_POINTS
from lfrd.vision.engine import Crop, Vision
from lfrd.vision.packs import DEFAULT_PACK, load
from lfrd.vision.planes import planes_from_rgb
from lfrd.vision.providers import vision

SHARED = Path(os.environ.get("LFRD_SHARED", Path(__file__).resolve().parents[1].parent / "shared"))
FOLDS = 10
_AT_ONCE = 8
"""Photos under way at the same time."""

CONTROL_FALL = 0.15
"""Swapped colours or skipped alignment must cost at least this many percent points."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photos, and whether they show one person."""

    first: Path
    second: Path
    same: bool


@dataclass(frozen=True, slots=True)
class Verification:
    """Accuracies in %: at the threshold best on all pairs, mean and standard error over ten
    folds; and with each fold judged by the threshold that is best on the other nine."""

    single: float
    error: float
    threshold: float
    held_out: float


async def lfw_pairs(vision: Vision, report: Report) -> None:
    """Verification on the LFW dev pairs, and what happens with swapped colours or no alignment."""
    pairs = _read_pairs(SHARED / "media" / "lfw")
    vectors, missing = await _templates(vision, pairs, _plain, _landmarks)
    result = verification(pairs, vectors)
    report.add(
        Figure("LFW dev pairs, best single threshold", result.single, "%", at_least=99.45,
               note=f"± {result.error} over ten folds, {len(pairs)} pairs, at {result.threshold}"),
        Figure("LFW dev pairs, threshold of other folds", result.held_out, "%"),
        Figure("LFW dev photos without a face found", missing),
    )  # fmt: skip
    for name, change, points in (
        ("colours swapped", _swapped, _landmarks),
        ("alignment skipped", _plain, _box_points),
    ):
        others, _ = await _templates(vision, pairs, change, points)
        fallen = verification(pairs, others).single
        most = round(result.single - CONTROL_FALL, 3)
        report.add(Figure(f"LFW control: {name}", fallen, "%", at_most=most, note="must fall"))


async def groups_recall(vision: Vision, report: Report) -> None:
    """Annotated noses of the group photos that lie in a detected box."""
    folder = SHARED / "media" / "groups"
    with (folder / "annotations.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["nose_x"]]
    found = 0
    for image in sorted({row["image"] for row in rows}):
        boxes = (await detect_in_photo(vision, _planes(folder / image))).boxes
        for row in rows:
            if row["image"] == image:
                point = np.array([float(row["nose_x"]), float(row["nose_y"])])
                found += bool(_holds(boxes, point).any())
    report.add(Figure("group photos, noses found", found, f"of {len(rows)}", at_least=len(rows)))


async def detection_recall(vision: Vision, report: Report) -> None:
    """Annotated boxes that a detected box overlaps by half (intersection over union)."""
    folder = SHARED / "media" / "detection"
    found = total = 0
    for listing in ("testing.xml", "training.xml"):
        for image in ElementTree.parse(folder / listing).iter("image"):
            boxes = (await detect_in_photo(vision, _planes(folder / image.attrib["file"]))).boxes
            for box in image.iter("box"):
                left, top = float(box.attrib["left"]), float(box.attrib["top"])
                width, height = float(box.attrib["width"]), float(box.attrib["height"])
                truth = np.array([left, top, left + width, top + height])
                found += bool((_overlap(boxes, truth) >= 0.5).any())
                total += 1
    report.add(Figure("detection photos, boxes found", found, f"of {total}", at_least=42))


SECTIONS: tuple[Callable[[Vision, Report], Awaitable[None]], ...] = (
    groups_recall,
    detection_recall,
    clips.hamilton,
    clips.crowd,
    clips.backs,
    clips.service,
    lfw_pairs,
)


def verification(pairs: list[Pair], vectors: dict[Path, F32]) -> Verification:
    """Accuracy of "same" and "different"; a photo without a face scores 0."""
    scores = np.array([float(vectors[pair.first] @ vectors[pair.second]) for pair in pairs])
    same = np.array([pair.same for pair in pairs])
    fold = np.empty(len(pairs), int)  # matched and unmatched pairs are spread evenly
    fold[np.argsort(same, kind="stable")] = np.arange(len(pairs)) % FOLDS
    single, held_out = [], []
    best = best_threshold(scores, same)
    for number in range(FOLDS):
        inside = fold == number
        others = best_threshold(scores[~inside], same[~inside])
        single.append(100 * np.mean((scores[inside] >= best) == same[inside]))
        held_out.append(100 * np.mean((scores[inside] >= others) == same[inside]))
    return Verification(
        single=round(float(np.mean(single)), 3),
        error=round(float(np.std(single, ddof=1) / np.sqrt(FOLDS)), 3),
        threshold=round(best, 4),
        held_out=round(float(np.mean(held_out)), 3),
    )


def best_threshold(scores: npt.NDArray[np.float64], same: npt.NDArray[np.bool_]) -> float:
    """The score from which on "same" is right most often; the middle of the best gap."""
    order = np.argsort(scores)
    ordered, truth = scores[order], same[order]
    # Right with the threshold below index i: unmatched pairs before it, matched ones from it on.
    right = (
        np.concatenate([[0], np.cumsum(~truth)])
        + truth.sum()
        - np.concatenate([[0], np.cumsum(truth)])
    )
    best = int(np.argmax(right))
    edges = np.concatenate([[ordered[0] - 1e-3], ordered, [ordered[-1] + 1e-3]])
    return float((edges[best] + edges[best + 1]) / 2)


def _read_pairs(folder: Path) -> list[Pair]:
    def photo(name: str, number: str) -> Path:
        return folder / name / f"{name}_{int(number):04}.jpg"

    with (folder / "pairs_dev.tsv").open() as lines:
        return [
            Pair(photo(row["name1"], row["num1"]), photo(row["name2"], row["num2"]),
                 row["same"] == "1")
            for row in csv.DictReader(lines, delimiter="\t")
        ]  # fmt: skip


async def _templates(
    vision: Vision,
    pairs: list[Pair],
    change: Callable[[Crop], None],
    points: Callable[[Detections, int], F32],
) -> tuple[dict[Path, F32], int]:
    """A vector for each photo, of the face nearest to its middle; zeros where there is none."""
    vectors: dict[Path, F32] = {}
    photos = sorted({path for pair in pairs for path in (pair.first, pair.second)})
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(path: Path) -> None:
        async with room:
            planes = _planes(path, enlarge=2)
            faces = await detect_in_photo(vision, planes)
            if not len(faces):
                vectors[path] = np.zeros(vision.dim, np.float32)
                return
            index = _central(faces, planes)
            crop = await vision.align(planes, points(faces, index))
            assert crop is not None
            change(crop)
            probe = await vision.embed(crop)
            assert probe is not None
            vectors[path] = probe.array.copy()
            probe.release()
            crop.release()

    await asyncio.gather(*(one(path) for path in photos))
    return vectors, sum(not vector.any() for vector in vectors.values())


def _plain(_: Crop) -> None:
    """Leave the crop as it is."""


def _swapped(crop: Crop) -> None:
    crop.array[...] = crop.array[..., ::-1].copy()


def _landmarks(faces: Detections, index: int) -> F32:
    return np.asarray(faces.landmarks[index])


def _box_points(faces: Detections, index: int) -> F32:
    """Points that make the aligner cut out the bare box, whatever the face does in it."""
    box = faces.boxes[index]
    side = float(max(box[2:] - box[:2]))
    corner = (box[:2] + box[2:]) / 2 - side / 2
    return np.asarray(corner + ARCFACE_POINTS / 112 * side, np.float32)


def _central(faces: Detections, planes: Planes) -> int:
    middle = np.array([planes.width_px, planes.height_px]) / 2
    centres = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2
    return int(np.argmin(np.hypot(*(centres - middle).T)))


def _planes(path: Path, *, enlarge: int = 1) -> Planes:
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert bgr is not None, path
    if enlarge > 1:
        bgr = cv2.resize(bgr, None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_CUBIC)
    return planes_from_rgb(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8))


def _holds(boxes: F32, point: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    inside = (boxes[:, :2] <= point) & (point <= boxes[:, 2:])
    return np.asarray(inside.all(axis=1))


def _overlap(boxes: F32, truth: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    sides = np.minimum(boxes[:, 2:], truth[2:]) - np.maximum(boxes[:, :2], truth[:2])
    shared = np.prod(np.maximum(sides, 0), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) + np.prod(truth[2:] - truth[:2])
    return np.asarray(shared / (areas - shared), np.float64)


async def _run(names: list[str], wanted: str) -> int:
    """Another provider than the stock one is measured by the same photos, and kept apart."""
    stock = wanted == "cpu"
    report = Report("accuracy" if stock else f"accuracy-{wanted}")
    with tempfile.TemporaryDirectory() as cache:
        pack = load(DEFAULT_PACK, Path(cache))
        threads = len(os.sched_getaffinity(0))
        opened = vision(pack, wanted, Path(cache), threads=threads)
        report.models = {"pack": pack.name, "detector": pack.detector_digest,
                         "template": pack.model_digest, "provider": opened.provider}  # fmt: skip
        async with opened:
            for section in SECTIONS:
                if not names or section.__name__ in names:
                    started_s = time.monotonic()
                    await section(opened, report)
                    print(f"  ({section.__name__}: {time.monotonic() - started_s:.0f} s)")
    return report.finish(keep=not names or not stock)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = [section.__name__ for section in SECTIONS]
    parser.add_argument(
        "section", nargs="*", help=f"any of {', '.join(known)}; default all; only all are kept"
    )
    parser.add_argument("--provider", default="cpu", help="for the photos; clips run on cpu")
    chosen = parser.parse_args()
    names = chosen.section
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no such section: {', '.join(unknown)}")
    return asyncio.run(_run(names, chosen.provider))


if __name__ == "__main__":
    sys.exit(main())

"""Small, steep and turned faces: CCTV stills and mugshots of people whose pose is known.

    python -m benchmarks.poses [--folder DIR]

One portrait a person is the reference. Five stills of each are fused as the looks of one track are;
mugshots are looked at as somebody who stands still is. SCRFD-500M, which may not ship, is the
yardstick on the same people in the same run. Needs the test media (LFRD_SHARED, default ../shared);
`--folder` names another folder of the same form. Writes results/poses.json.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.media import SHARED
from benchmarks.real_video import THRESHOLD, insight_app
from benchmarks.report import Figure, Report
from lfrd.deployment.pipeline import CLEAR, NEAR, UNCLEAR
from lfrd.evaluate.labelled import find_people
from lfrd.lists.photo_face import detect_in_photo
from lfrd.lists.photo_file import read_photo
from lfrd.matching.evidence import WEIGHT_POWER, EvidenceRule
from lfrd.types import F32, Planes
from lfrd.vision import packs
from lfrd.vision.engine import Crop, Vision
from lfrd.vision.planes import planes_from_rgb
from lfrd.vision.quality import face_size_px, is_turned

FRMDB = SHARED / "media" / "frmdb"
LFW = SHARED / "media" / "lfw"
SMALLEST_PX = 8.0
READ_SIDE_PX = 1200
STILLS = 5
LOOKS = 3
"""A mugshot is somebody who stands there for as many looks, half a second apart."""

STRANGERS = 1200
PROFILES, STEEP = ("Img_13", "Img_53"), ("Img_22", "Img_42")
"""Mugshots at eye level, 90 degrees to either side; from 30 degrees above, 45 to either side."""


@dataclass(frozen=True, slots=True)
class Person:
    """One person's pictures."""

    name: str
    portrait: Path
    stills: tuple[Path, ...]
    mugshots: dict[str, Path]


@dataclass(slots=True)
class Looks:
    """The looks at one person, of which the mean is taken as the pipeline takes it."""

    total: F32 = field(default_factory=lambda: np.zeros(0, np.float32))
    best: F32 = field(default_factory=lambda: np.zeros(0, np.float32))
    last_norm: float = 0.0

    def add(self, vector: F32, norm: float, known: F32, share: float = 1.0) -> None:
        """Take a look in, and how near it alone is to each of `known` f32[n, D]."""
        weighed = vector * share * norm**WEIGHT_POWER
        self.total = self.total + weighed if self.total.size else weighed
        self.last_norm = norm
        scores = known @ vector
        self.best = np.maximum(self.best, scores) if self.best.size else scores

    def short(self, known: F32) -> float:
        """How far the nearest of `known` is below the threshold, by the mean or by any look."""
        return THRESHOLD - max(float(self.best.max()), float(self.mean(known).max()))

    def mean(self, known: F32) -> F32:
        """Similarity of the mean to each of `known`."""
        return np.asarray(known @ (self.total / np.linalg.norm(self.total)), np.float32)


def people_of(folder: Path) -> list[Person]:
    """Everybody in the folder; raises SystemExit where there is nobody."""
    found = []
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        name = place.name
        stills = sorted((place / f"{name}_Frames").iterdir())[:STILLS]
        mugshots = {path.stem: path for path in sorted((place / f"{name}_Mugshots").iterdir())}
        found.append(Person(name, place / f"{name}.jpg", tuple(stills), mugshots))
    if not found:
        raise SystemExit(f"{folder} holds nobody")
    return found


def picture(path: Path) -> np.ndarray:
    """u8[h, w, 3] RGB, no side longer than READ_SIDE_PX."""
    rgb = read_photo(path.read_bytes(), name=path.name).rgb
    factor = READ_SIDE_PX / max(rgb.shape)
    if factor < 1:
        rgb = cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(rgb)


class Ours:
    """Looks as the pipeline takes them: the default pack, with care where somebody is near."""

    def __init__(self, vision: Vision) -> None:
        self._vision = vision
        self.careful = 0
        self._clearest = 0.0

    async def reference(self, path: Path) -> F32:
        """The template of a portrait."""
        planes = planes_from_rgb(picture(path))
        faces = await detect_in_photo(self._vision, planes)
        crop = await self._vision.align(planes, faces.landmarks[0])
        return (await self._template(crop))[0]

    async def look(self, looks: Looks, path: Path, known: F32, *, smallest_px: float) -> None:
        """The largest face of a picture; nothing where there is none of this size."""
        planes = planes_from_rgb(picture(path))
        side_px = smallest_px if smallest_px == SMALLEST_PX else 24 * max(planes.y.shape) / 640
        faces = await self._vision.detect(planes, smallest_inter_eye_px=side_px)
        if len(faces) and face_size_px(faces.landmarks[0]) >= smallest_px:
            await self._take(looks, planes, faces.boxes[0], faces.landmarks[0], known)

    async def _take(
        self, looks: Looks, planes: Planes, box: F32, landmarks: F32, known: F32
    ) -> None:
        if is_turned(landmarks) and looks.total.size and not self._is_clear(looks, known):
            crop = await self._vision.align_turned(planes, box, landmarks)
        else:
            crop = await self._vision.align(planes, landmarks)
        vector, norm = await self._template(crop)
        self._clearest = max(self._clearest, norm)
        looks.add(vector, norm, known)
        short = looks.short(known)
        if 0 < short <= NEAR and is_turned(landmarks):
            self.careful += 1
            views = await self._vision.views(planes, box, landmarks)
            for view in views:
                looks.add(*await self._template(view), known, 1 / len(views))

    def _is_clear(self, looks: Looks, known: F32) -> bool:
        """Whether a clear look has said that nobody on the list is near."""
        return looks.last_norm >= CLEAR * self._clearest and looks.short(known) > UNCLEAR

    async def _template(self, crop: Crop | None) -> tuple[F32, float]:
        assert crop is not None
        try:
            probe = await self._vision.embed(crop)
        finally:
            crop.release()
        assert probe is not None
        try:
            return probe.array.copy(), probe.norm
        finally:
            probe.release()


def yardstick(app: Any, path: Path) -> tuple[F32, float] | None:
    """What SCRFD-500M and the same recogniser make of the largest face of a picture."""
    faces = app.get(np.ascontiguousarray(picture(path)[..., ::-1]))
    if not faces:
        return None
    largest = max(faces, key=lambda face: face.bbox[2] - face.bbox[0])
    return largest.normed_embedding, float(np.linalg.norm(largest.embedding))


def verdict(scores: Sequence[F32], threshold: float) -> tuple[int, int]:
    """Row i is of person i: how many reach the threshold as themselves, and as somebody else."""
    right = sum(bool(row[i] >= threshold) for i, row in enumerate(scores))
    wrong = sum(bool(np.delete(row, i).max() >= threshold) for i, row in enumerate(scores))
    return right, wrong


async def stills(report: Report, ours: Ours, app: Any, people: Sequence[Person]) -> None:
    """Five stills of CCTV cameras fused, by us and by the yardstick."""
    known = np.stack([await ours.reference(person.portrait) for person in people])
    theirs = np.stack([_must(yardstick(app, person.portrait))[0] for person in people])
    nobody = np.full(len(people), -1.0, np.float32)
    scores, plain, weighed = [], [], []
    for person in people:
        looks, equal, by_norm = Looks(), Looks(), Looks()
        for still in person.stills:
            await ours.look(looks, still, known, smallest_px=SMALLEST_PX)
            found = yardstick(app, still)
            if found is not None:
                equal.add(found[0], 1.0, theirs)
                by_norm.add(*found, theirs)
        scores.append(looks.mean(known) if looks.total.size else nobody)
        plain.append(equal.mean(theirs) if equal.total.size else nobody)
        weighed.append(by_norm.mean(theirs) if by_norm.total.size else nobody)
    right, wrong = verdict(scores, THRESHOLD)
    bar, bar_wrong = verdict(plain, THRESHOLD)
    other, other_wrong = verdict(weighed, THRESHOLD)
    report.add(
        Figure(f"stills fused, right of {len(people)}", right, at_least=bar,
               note=f"SCRFD-500M: {bar} right, {bar_wrong} wrong as a plain mean, {other} and "
               f"{other_wrong} weighed as ours; {ours.careful} careful looks"),
        Figure("stills fused, wrong", wrong, at_most=1),
    )  # fmt: skip


async def mugshots(
    report: Report, ours: Ours, app: Any, people: Sequence[Person], threshold: float
) -> None:
    """Known poses, at the threshold that keeps the promise."""
    known = np.stack([await ours.reference(person.portrait) for person in people])
    theirs = np.stack([_must(yardstick(app, person.portrait))[0] for person in people])
    rule = EvidenceRule()
    for what, names, bar in (
        ("eye level, yaw 90", PROFILES, 64.0),
        ("30 degrees above, yaw 45", STEEP, 88.0),
        ("eye level, yaw 45", ("Img_23", "Img_43"), None),
        ("30 degrees above, yaw 0", ("Img_32",), None),
        ("30 degrees above, yaw 90", ("Img_12", "Img_52"), None),
        ("60 degrees above, yaw 0", ("Img_31",), None),
    ):
        matched, of_yardstick, total = 0, 0, 0
        for index, person in enumerate(people):
            for name in names:
                path = person.mugshots[name]
                looks, fused = Looks(), -1.0
                for taken in range(LOOKS):
                    await ours.look(looks, path, known, smallest_px=24.0)
                    if looks.total.size:
                        mean = float(looks.mean(known)[index]) - rule.handicap(taken + 1.0)
                        alone = float(looks.best[index]) - rule.handicap(1.0)
                        fused = max(fused, mean, alone)
                matched += fused >= threshold
                found = yardstick(app, path)
                of_yardstick += bool(
                    found is not None and float(theirs[index] @ found[0]) >= THRESHOLD
                )
                total += 1
        report.add(
            Figure(f"mugshots, {what}", round(100 * matched / total, 1), "%", at_least=bar,
                   note=f"{matched} of {total} at {threshold:.3f}; SCRFD-500M "
                   f"{100 * of_yardstick / total:.0f} % at {THRESHOLD}"),
        )  # fmt: skip


async def promise(report: Report, ours: Ours, vision: Vision) -> float:
    """The threshold at which strangers of LFW, looked at with all this care, match as rarely as
    plain looks do at THRESHOLD."""
    photos = {photo.person: photo.path for photo in reversed(find_people(LFW))}
    paths = [photos[name] for name in sorted(photos)][:STRANGERS]
    plain, norms = [], []
    planes_of = []
    for path in paths:
        rgb = picture(path)
        planes = planes_from_rgb(cv2.resize(rgb, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
        faces = await detect_in_photo(vision, planes)
        if not len(faces):
            continue
        crop = await vision.align(planes, faces.landmarks[0])
        vector, norm = await ours._template(crop)
        plain.append(vector)
        norms.append(norm)
        planes_of.append((planes, faces.boxes[0], faces.landmarks[0]))
    known = np.stack(plain)
    apart = ~np.eye(len(known), dtype=bool)
    rate = float(((known @ known.T)[apart] >= THRESHOLD).mean())
    rows = []
    for index, (planes, box, landmarks) in enumerate(planes_of):
        careful = Looks()
        others = np.delete(known, index, 0)
        await ours._take(careful, planes, box, landmarks, others)
        rows.append(careful.mean(others))
    scores = np.sort(np.concatenate(rows))[::-1]
    threshold = float(scores[max(0, round(rate * len(scores)))])
    report.add(
        Figure("LFW strangers, threshold of the same promise", round(threshold, 4),
               note=f"{len(known)} people; plain looks reach {THRESHOLD} at {rate:.1e}, careful "
               f"ones at {float((scores >= THRESHOLD).mean()):.1e}"),
    )  # fmt: skip
    return max(threshold, 0.0)


def _must(found: tuple[F32, float] | None) -> tuple[F32, float]:
    assert found is not None, "no face in a portrait"
    return found


async def _measure(folder: Path) -> int:
    report = Report("poses")
    pack = packs.load(packs.DEFAULT_PACK, packs.default_cache_dir())
    report.models = {"pack": pack.name, "template": pack.model_digest}
    people = people_of(folder)
    with insight_app() as app:
        async with Vision(pack, threads=2) as vision:
            await stills(report, Ours(vision), app, people)
            threshold = await promise(report, Ours(vision), vision)
            await mugshots(report, Ours(vision), app, people, threshold)
    return report.finish(keep=folder == FRMDB)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FRMDB)
    return asyncio.run(_measure(parser.parse_args().folder))


if __name__ == "__main__":
    sys.exit(main())

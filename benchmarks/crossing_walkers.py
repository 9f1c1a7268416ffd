"""Walkers cut out of a real street with soft edges: face, hair and shoulders, as they move.

The clip's faces are linked from frame to frame, and each person's longest steady stretch is kept
in which nobody nearer stands before their head. GrabCut (Rother, Kolmogorov and Blake, SIGGRAPH
2004) finds the outline inside a head and shoulders prior, with the difference from the empty
street as its first guess. Deterministic: the same clip and models give the same walkers.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import av
import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.media import CROWD
from lfrd.ingest.pictures import planes_of
from lfrd.types import F32, U8, Planes
from lfrd.vision.engine import Vision
from lfrd.vision.planes import rgb_full
from lfrd.vision.quality import inter_eye_px, pose_deg

FACE_PX: Final = 80
"""Width of every walker's face in their cut-outs, px."""

BESIDE, ABOVE, BELOW = 2.2, 2.0, 4.6
"""How far a cut-out reaches from the middle of the face, in face widths."""

SMALLEST_PX: Final = 42.0
"""Least width of a face in the clip, px: smaller ones hold no detail to enlarge."""

LEAST_FRAMES: Final = 30
RESERVED: Final = 6
"""The last frames of a stretch: never shown, the reference is made of the best of them."""

DIFFERENT: Final = 0.3
"""Mean templates of two people are less alike than this."""

SAME: Final = 0.4
"""Every look in a stretch is at least so like its mean."""

MAX_YAW_DEG: Final = 30.0
MUCH_NEARER: Final = 1.25

REACHES: Final = (1.5, 0.9)
"""How far somebody nearer hides those behind, in widths of their face to each side: with their
arms, or, where nothing else is left of a person, with their body."""

SMOOTH: Final = 15
"""Frames over which the path of a cut-out is averaged: what is quicker is the person's motion."""

OPEN_PX: Final = 470
"""Above this row of the clip there is nobody."""

GrayMask = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Cutout:
    """One moment of a walker: rgb u8[h, w, 3] times its alpha u8[h, w], box f32[4] of the face.

    The middle of the face's smoothed path is `MIDDLE`; the box moves about it as the head does.
    """

    rgb: U8
    alpha: U8
    box: F32


@dataclass(frozen=True, slots=True)
class Walker:
    """A person of the clip: consecutive cut-outs, the template f32[D] of a frame that is not among
    them, their mean template, how like it the looks are on average, and the distance between the
    eyes in face widths, which all but a twentieth of the frames have."""

    name: str
    cutouts: tuple[Cutout, ...]
    reference: F32
    mean: F32
    likeness: float
    eyes: float


@dataclass(frozen=True, slots=True)
class Street:
    """Walkers, the largest first, and what is seen of the street above them, where it is empty:
    rgb u8[OPEN_PX, 1280, 3]."""

    walkers: tuple[Walker, ...]
    empty: U8


MIDDLE: Final = (BESIDE * FACE_PX, ABOVE * FACE_PX)
_SIZE: Final = (round(2 * BESIDE * FACE_PX), round((ABOVE + BELOW) * FACE_PX))


@dataclass(frozen=True, slots=True)
class _Face:
    """One face of one frame: box f32[4], landmarks f32[5, 2] in the clip's px, template f32[D]."""

    frame: int
    box: F32
    landmarks: F32
    vector: F32

    @property
    def x(self) -> float:
        return float(self.box[0] + self.box[2]) / 2

    @property
    def y(self) -> float:
        return float(self.box[1] + self.box[3]) / 2

    @property
    def width(self) -> float:
        return float(self.box[2] - self.box[0])


@dataclass(slots=True)
class _Line:
    """One person's faces in the order of frames."""

    faces: list[_Face] = field(default_factory=list)


async def street(vision: Vision, count: int) -> Street:
    """Cut `count` walkers out of the crowd clip. Raises AssertionError where it has not so many."""
    planes = await asyncio.to_thread(_decoded)
    faces = await asyncio.gather(*(_faces(vision, n, p) for n, p in enumerate(planes)))
    stretches = _different(_stretches(faces))
    assert len(stretches) >= count, f"only {len(stretches)} walkers in {CROWD}"
    pictures = [rgb_full(p) for p in planes]
    shifts = _shifts(pictures)
    empty = _median(pictures, shifts)
    walkers = await asyncio.gather(
        *(
            asyncio.to_thread(_walker, f"w{n + 1}", stretch, faces, pictures, empty, shifts)
            for n, stretch in enumerate(stretches[:count])
        )
    )
    return Street(tuple(walkers), empty[:OPEN_PX, 320:1600])


def _decoded() -> list[Planes]:
    with av.open(str(CROWD)) as container:
        return [planes_of(frame) for frame in container.decode(video=0)]


async def _faces(vision: Vision, frame: int, planes: Planes) -> list[_Face]:
    """The faces of a frame that are large enough, with their templates."""
    found = await vision.detect(planes, smallest_inter_eye_px=SMALLEST_PX / 3)
    faces = []
    for box, landmarks in zip(found.boxes, found.landmarks, strict=True):
        if box[2] - box[0] < SMALLEST_PX:
            continue
        crop = await vision.align(planes, landmarks)
        assert crop is not None
        probe = await vision.embed(crop)
        assert probe is not None
        faces.append(_Face(frame, box, landmarks, probe.array.copy()))
        probe.release()
        crop.release()
    return faces


def _lines(frames: Sequence[Sequence[_Face]]) -> list[_Line]:
    """Faces linked to the nearest of the frames before, where they look alike."""
    lines: list[_Line] = []
    for faces in frames:
        pairs = []
        for face in faces:
            for line in lines:
                last = line.faces[-1]
                gap = np.hypot(face.x - last.x, face.y - last.y) / last.width
                like = max(float(face.vector @ known.vector) for known in line.faces[-5:])
                if face.frame - last.frame <= 12 and gap < 0.6:
                    pairs.append((gap - 0.5 * like, id(face), face, id(line), line))
        done: set[int] = set()
        for _, face_id, face, line_id, line in sorted(pairs, key=lambda pair: pair[0]):
            if done.isdisjoint((face_id, line_id)):
                line.faces.append(face)
                done |= {face_id, line_id}
        lines += [_Line([face]) for face in faces if id(face) not in done]
    return lines


def _stretches(frames: Sequence[Sequence[_Face]]) -> list[list[_Face]]:
    """Each person's longest stretch of usable frames, those with most frames and pixels first."""
    found = []
    for line in _lines(frames):
        for reach in REACHES:
            best = _longest(line, frames, reach)
            if len(best) >= LEAST_FRAMES:
                found.append(best)
                break
    return sorted(found, key=lambda faces: -len(faces) * float(np.mean([f.width for f in faces])))


def _longest(line: _Line, frames: Sequence[Sequence[_Face]], reach: float) -> list[_Face]:
    """The longest run of usable faces without a gap of more than three frames."""
    mean = _mean(line.faces)
    best: list[_Face] = []
    run: list[_Face] = []
    for face in line.faces:
        if not _usable(face, frames[face.frame], mean, reach):
            continue
        if run and face.frame - run[-1].frame > 4:
            run = []
        run.append(face)
        if len(run) > len(best):
            best = list(run)
    return best


def _usable(face: _Face, others: Sequence[_Face], mean: F32, reach: float) -> bool:
    """Whether the face is turned to the camera, itself, and neither its head nor, by somebody much
    nearer, its body is hidden."""
    yaw_deg, _ = pose_deg(face.landmarks)
    if abs(yaw_deg) > MAX_YAW_DEG or float(face.vector @ mean) < SAME:
        return False
    for other in others:
        beside, below = abs(other.x - face.x), other.y - face.y
        both = (face.width + other.width) / 2
        head = np.hypot(beside / both, below / (1.3 * both)) < 1.05
        body = beside < face.width / 2 + reach * other.width and below > -1.2 * face.width
        nearer = other is not face and other.width > face.width
        if nearer and (head or (body and other.width > MUCH_NEARER * face.width)):
            return False
    return True


def _different(stretches: list[list[_Face]]) -> list[list[_Face]]:
    """Without those who look like somebody before them."""
    kept: list[list[_Face]] = []
    for faces in stretches:
        if all(float(_mean(faces) @ _mean(other)) < DIFFERENT for other in kept):
            kept.append(faces)
    return kept


def _mean(faces: Sequence[_Face]) -> F32:
    total = np.sum([face.vector for face in faces], axis=0)
    return np.asarray(total / np.linalg.norm(total), np.float32)


def _shifts(pictures: Sequence[U8]) -> list[tuple[float, float]]:
    """How far the camera had moved in each frame, px, by the phase correlation of what is high
    above the people; the first frame is at (0, 0)."""
    grey = [cv2.cvtColor(p[100:560, 400:1300], cv2.COLOR_RGB2GRAY).astype(np.float32)
            for p in pictures]  # fmt: skip
    window = cv2.createHanningWindow((900, 460), cv2.CV_32F)
    shifts, x, y = [(0.0, 0.0)], 0.0, 0.0
    for before, now in pairwise(grey):
        (dx, dy), _ = cv2.phaseCorrelate(before, now, window)
        x, y = x + dx, y + dy
        shifts.append((x, y))
    return shifts


def _median(pictures: Sequence[U8], shifts: Sequence[tuple[float, float]]) -> U8:
    """The street without those who move: the median of the steadied frames."""
    height, width = pictures[0].shape[:2]
    steadied = []
    for picture, (x, y) in list(zip(pictures, shifts, strict=True))[::9]:
        matrix = np.array([[1, 0, -x], [0, 1, -y]], np.float32)
        steadied.append(cv2.warpAffine(picture, matrix, (width, height),
                                       borderMode=cv2.BORDER_REPLICATE))  # fmt: skip
    return np.asarray(np.median(np.stack(steadied), axis=0), np.uint8)


def _walker(
    name: str, stretch: Sequence[_Face], frames: Sequence[Sequence[_Face]],
    pictures: Sequence[U8], empty: U8, shifts: Sequence[tuple[float, float]],
) -> Walker:  # fmt: skip
    shown, kept_back = stretch[:-RESERVED], stretch[-RESERVED:]
    numbers = np.arange(shown[0].frame, shown[-1].frame + 1)
    at = [face.frame for face in shown]
    boxes = np.stack(
        [np.interp(numbers, at, [face.box[n] for face in shown]) for n in range(4)], axis=1
    )
    path = _smooth(np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2,
                             boxes[:, 2] - boxes[:, 0]], axis=1))  # fmt: skip
    cutouts = []
    for number, box, (x, y, width) in zip(numbers.tolist(), boxes, path, strict=True):
        scale = FACE_PX / width
        to_cut = np.array(
            [[scale, 0, MIDDLE[0] - scale * x], [0, scale, MIDDLE[1] - scale * y]], np.float64
        )
        rgb = _cut(pictures[number], to_cut)
        behind = _cut(empty, _moved(to_cut, shifts[number]))
        own = _on(box, to_cut)
        others = [_on(face.box, to_cut) for face in frames[number]
                  if np.hypot(face.x - x, face.y - y) > 0.5 * width]  # fmt: skip
        alpha = _alpha(rgb, behind, own, others)
        weight = cv2.merge([alpha, alpha, alpha])
        shaded = np.asarray(cv2.multiply(rgb, weight, scale=1 / 255), np.uint8)
        cutouts.append(Cutout(shaded, alpha, own))
    mean = _mean(shown)
    reference = max(kept_back, key=lambda face: float(face.vector @ mean))
    widths = np.interp(at, numbers, path[:, 2]).tolist()
    eyes = [inter_eye_px(f.landmarks) / width for f, width in zip(shown, widths, strict=True)]
    likeness = float(np.mean([face.vector @ mean for face in shown]))
    return Walker(name, tuple(cutouts), reference.vector, mean, likeness,
                  float(np.percentile(eyes, 5)))  # fmt: skip


def _smooth(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Averaged over SMOOTH frames, and the ends continued in a straight line."""
    half = SMOOTH // 2
    front = 2 * values[0] - values[half:0:-1]
    back = 2 * values[-1] - values[-2 : -half - 2 : -1]
    whole = np.concatenate([front, values, back])
    kernel = np.ones(SMOOTH) / SMOOTH
    return np.stack([np.convolve(column, kernel, "valid") for column in whole.T], axis=1)


def _cut(picture: U8, to_cut: npt.NDArray[np.float64]) -> U8:
    flags = cv2.INTER_CUBIC if to_cut[0, 0] > 1 else cv2.INTER_LINEAR
    found = cv2.warpAffine(picture, to_cut, _SIZE, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.uint8)


def _moved(
    to_cut: npt.NDArray[np.float64], shift: tuple[float, float]
) -> npt.NDArray[np.float64]:  # fmt: skip
    """The same for the empty street, which is steadied on the first frame."""
    moved = to_cut.copy()
    moved[:, 2] += to_cut[:, :2] @ np.array(shift)
    return moved


def _on(box: npt.NDArray[np.floating], to_cut: npt.NDArray[np.float64]) -> F32:
    corners = to_cut[:, :2] @ np.asarray(box, np.float64).reshape(2, 2).T + to_cut[:, 2:]
    return corners.T.reshape(4).astype(np.float32)


_SHRUNK: Final = 4


def _alpha(rgb: U8, behind: U8, own: F32, others: Sequence[F32]) -> U8:
    """The person's outline u8[h, w], 255 inside: GrabCut at a quarter of the size, softened."""
    size = (_SIZE[0] // _SHRUNK, _SIZE[1] // _SHRUNK)
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    empty = cv2.resize(behind, size, interpolation=cv2.INTER_AREA)
    apart = cv2.GaussianBlur(cv2.absdiff(small, empty).max(axis=2), (3, 3), 0)
    boxes = [np.asarray(box / _SHRUNK, np.float32) for box in (own, *others)]
    mask = _prior(boxes[0], boxes[1:], size, np.asarray(apart, np.uint8))
    model = np.zeros((1, 65))  # of the inside, and one of the outside
    cv2.setRNGSeed(1)
    cv2.grabCut(small, mask, (0, 0, 1, 1), model, model.copy(), 2, cv2.GC_INIT_WITH_MASK)
    inside = np.where((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD), 255, 0).astype(np.uint8)
    closed = cv2.morphologyEx(inside, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    blurred = cv2.GaussianBlur(_largest(np.asarray(closed, np.uint8)), (0, 0), 1.0)
    soft = np.clip((blurred.astype(np.float32) - 96) * 1.6, 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(soft, _SIZE, interpolation=cv2.INTER_CUBIC), np.uint8)


def _prior(
    own: F32, others: Sequence[F32], size: tuple[int, int], apart: GrayMask
) -> GrayMask:  # fmt: skip
    """What is surely, probably, or not the person, as GrabCut's mask u8[h, w]."""
    columns, rows = np.meshgrid(np.arange(size[0]), np.arange(size[1]))

    def head(box: F32, across: float, down: float, up: float = 0.0) -> npt.NDArray[np.bool_]:
        width = box[2] - box[0]
        x = (columns - (box[0] + box[2]) / 2) / (across * width)
        y = (rows - (box[1] + box[3]) / 2 + up * width) / (down * width)
        return np.asarray(x * x + y * y < 1)

    face = float(own[2] - own[0])
    x = np.abs(columns - (own[0] + own[2]) / 2) / face
    y = (rows - (own[1] + own[3]) / 2) / face
    shoulders = (y > 0.75) & (x < np.clip(0.7 + 1.6 * (y - 0.75), 0, 1.95))
    mask = np.full((size[1], size[0]), cv2.GC_BGD, np.uint8)
    mask[head(own, 0.98, 1.35, 0.2) | shoulders] = cv2.GC_PR_BGD
    mask[(mask == cv2.GC_PR_BGD) & (apart > 18) & (head(own, 0.8, 1.15, 0.15)
         | ((y > 1.0) & (x < np.clip(0.5 + 1.2 * (y - 0.9), 0, 1.6))))] = cv2.GC_PR_FGD  # fmt: skip
    for other in others:
        mask[head(other, 0.85, 1.1, 0.1)] = cv2.GC_BGD
    neck_and_chest = (y > 0) & (x < np.where(y < 1.4, 0.3, 0.7))
    mask[head(own, 0.5, 0.82, 0.13) | neck_and_chest] = cv2.GC_FGD
    return mask


def _largest(inside: GrayMask) -> GrayMask:
    """Only the largest piece, which holds the face."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(inside)
    if len(stats) < 2:
        return inside
    biggest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return np.where(labels == biggest, inside, 0).astype(np.uint8)

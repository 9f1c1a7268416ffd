"""One clip of the crossing rig through the pipeline: who each look and each candidate was of."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np

from benchmarks.crossing_picture import Clip, Seen
from benchmarks.crossing_scenes import FPS, Scene
from lfrd.counters import CameraCounters
from lfrd.deployment.pipeline import run_camera
from lfrd.deployment.recorder import Sight
from lfrd.matching.live_search import LiveSearch, Scope
from lfrd.store.templates import TemplateMatrix
from lfrd.tracking.best_shot import BestShotRule
from lfrd.types import F32, Decision, Detections, Frame, Planes
from lfrd.vision.engine import SMALLEST_INTER_EYE_PX, Vision
from lfrd.vision.packs import Pack

THRESHOLD: Final = 0.45
OVERLAP: Final = 0.25
"""A look is of a face whose box shares so much of the area of both with it."""

VISIBLE: Final = 0.5
BARELY: Final = 0.2
"""Shares of a face: seen, and just enough for what was found to be that face at all."""

LISTED: Final = "listed"
"""The entry of the walker who is on the list."""


class RememberingVision(Vision):
    """Finds the faces of a picture once, however often the same clip is run."""

    def __init__(self, pack: Pack, *, threads: int) -> None:
        super().__init__(pack, threads=threads)
        self._found: dict[tuple[int, float], Detections] = {}

    async def detect(
        self, planes: Planes, *, smallest_inter_eye_px: float = SMALLEST_INTER_EYE_PX
    ) -> Detections:
        """As Vision; planes are told apart by which object they are."""
        key = (id(planes), smallest_inter_eye_px)
        if key not in self._found:
            self._found[key] = await super().detect(
                planes, smallest_inter_eye_px=smallest_inter_eye_px
            )
        return self._found[key]

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        return self

    def forget(self) -> None:
        """Before the planes go: another object may come to lie where one was."""
        self._found.clear()


@dataclass(frozen=True, slots=True)
class Pace:
    """Which frames of a clip are given to the pipeline: every `every`-th, or some lost at random,
    a share of 10 to 30 % and up to two bursts of 3 to 8."""

    name: str
    every: int = 1
    lossy: bool = False

    def sequences(self, count: int, seed: int) -> list[int]:
        """Numbers of the frames that arrive, in order."""
        if not self.lossy:
            return list(range(0, count, self.every))
        rng = np.random.default_rng(seed)
        lost = rng.random(count) < rng.uniform(0.1, 0.3)
        for _ in range(int(rng.integers(1, 3))):
            start = int(rng.integers(count // 4, count - 8))
            lost[start : start + int(rng.integers(3, 9))] = True
        return [number for number in range(count) if not lost[number]]


PACES: Final = (Pace("25 fps"), Pace("8 Hz", every=3), Pace("lossy", lossy=True))


@dataclass(frozen=True, slots=True)
class LookAt:
    """A template was made for a passage; `walker` None: of nobody whose face was there to see."""

    track_id: int
    sequence: int
    walker: int | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry was raised or updated for a passage; `right`: it is the listed walker, in place."""

    track_id: int
    entry_id: str
    right: bool


@dataclass(slots=True)
class Noted:
    """What one run did: told by the pipeline, as its observer and as where its alerts go."""

    scene: Scene
    pace: Pace
    truth: tuple[tuple[Seen, ...], ...]
    sequences: list[int]
    looks: list[LookAt] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    templates: int = 0

    def looked(self, camera_id: str, track_id: int, sequence: int, box: F32) -> None:  # noqa: ARG002
        """See LookObserver."""
        walker = whose(box, self.truth[sequence], VISIBLE)
        self.looks.append(LookAt(track_id, sequence, walker))

    async def record(self, camera_id: str, decision: Decision, sight: Sight) -> None:  # noqa: ARG002
        """See DecisionSink."""
        seen = self.truth[decision.look.sequence]
        at = whose(sight.box, seen, BARELY)
        right = decision.entry_id == LISTED and self.scene.listed == at
        self.candidates.append(Candidate(decision.track_id, decision.entry_id, right))

    def track_ended(self, camera_id: str, track_id: int) -> None:
        """See DecisionSink."""

    def passages(self) -> dict[int, set[int]]:
        """Who was looked at in each passage that had a look at somebody."""
        found: dict[int, set[int]] = defaultdict(set)
        for look in self.looks:
            if look.walker is not None:
                found[look.track_id].add(look.walker)
        return found

    def walkers(self) -> set[int]:
        """Who is seen at some time."""
        return {walker for walker, _ in self._visible()}

    def splits(self) -> int:
        """Passages beyond the first of each time in which a walker was seen without a break."""
        extra = 0
        for walker, (first, last) in self._visible():
            ids = {look.track_id for look in self.looks
                   if look.walker == walker and first <= look.sequence <= last}  # fmt: skip
            extra += max(0, len(ids) - 1)
        return extra

    def false_alerts(self) -> int:
        """Passages and entries of which a candidate was not right."""
        return len({(c.track_id, c.entry_id) for c in self.candidates if not c.right})

    def raised(self) -> bool:
        """Whether the listed walker was, in place."""
        return any(candidate.right for candidate in self.candidates)

    def _visible(self) -> list[tuple[int, tuple[int, int]]]:
        """Walkers and the first and last frame of each time they were seen without a break."""
        open_: dict[int, tuple[int, int]] = {}
        found = []
        for sequence in self.sequences:
            now = {seen.walker for seen in self.truth[sequence] if seen.share >= VISIBLE}
            over = [known for known, (_, last) in open_.items()
                    if known not in now or self._cut(last, sequence)]  # fmt: skip
            found += [(walker, open_.pop(walker)) for walker in over]
            for walker in now:
                first, _ = open_.get(walker, (sequence, sequence))
                open_[walker] = (first, sequence)
        return found + list(open_.items())

    def _cut(self, before: int, now: int) -> bool:
        at_s = self.scene.cuts_at_s
        return at_s is not None and before / FPS < at_s <= now / FPS


def whose(box: F32, seen: Sequence[Seen], least_share: float) -> int | None:
    """The walker whose face a box overlaps best; None without one, or where less of it is seen."""
    there = [(_overlap(box, face.box), face) for face in seen if face.share >= BARELY]
    overlap, face = max(there, key=lambda pair: pair[0], default=(0.0, None))
    if face is None or overlap < OVERLAP or face.share < least_share:
        return None
    return face.walker


def _overlap(one: F32, other: F32) -> float:
    """The area that two boxes f32[4] share, of what they cover together."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    if (sides <= 0).any():
        return 0.0
    areas = [float(np.prod(box[2:] - box[:2])) for box in (one, other)]
    shared = float(np.prod(sides))
    return shared / (sum(areas) - shared)


async def run(
    vision: Vision, scene: Scene, clip: Clip, pace: Pace, strangers: F32, listed: F32 | None
) -> Noted:
    """The clip at a pace, against a list of strangers f32[n, D] and perhaps one walker's f32[D]."""
    sequences = pace.sequences(len(clip.planes), scene.seed)
    noted = Noted(scene, pace, clip.truth, sequences)
    counters = CameraCounters()
    search = LiveSearch("crossing", vision.model_digest, vision.dim, THRESHOLD)
    search.fill(_matrix(vision.model_digest, strangers, listed), {}, Scope(frozenset({"list"})))

    async def frames() -> AsyncIterator[Frame]:
        for sequence in sequences:
            at_s = sequence / FPS
            yield Frame("camera", sequence, at_s, at_s, at_s, clip.planes[sequence])

    await run_camera(
        "camera", frames(), counters, vision=vision, search=search, decisions=noted,
        best_shot=BestShotRule(), observer=noted,
    )  # fmt: skip
    search.close()
    noted.templates = counters.templates_made
    return noted


def _matrix(digest: str, strangers: F32, listed: F32 | None) -> TemplateMatrix:
    ids = [f"stranger-{number}" for number in range(len(strangers))]
    vectors = strangers
    if listed is not None:
        ids.append(LISTED)
        vectors = np.concatenate([strangers, listed[None]])
    names = tuple(ids)
    return TemplateMatrix(digest, names, names, names, ("list",) * len(names), vectors)

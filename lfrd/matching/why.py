"""Why a camera raised no candidate: from counts to what an operator can do about it. Pure.

Counts are kept minute by minute while a deployment runs, so that "the last half hour" can be asked
for. They are numbers of faces, tracks and looks; nothing in them is about any one person.
"""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from lfrd.counters import CameraCounters

MATCHED_INTER_EYE_PX = 32.0
"""From this distance between the eyes on, faces are recognised with some confidence."""

CUTS_A_TRACK = 1.0
"""More changes of the whole picture than tracks are no accident."""

MINUTE_S = 60.0
MINUTES_KEPT = 24 * 60
"""The oldest minute is forgotten when there is a newer one: a day, longer than most deployments."""


@dataclass(frozen=True, slots=True)
class CameraCounts:
    """What a camera did in some span of time; `best_inter_eye_px` is of the largest face."""

    frames_decoded: int = 0
    frames_dropped: int = 0
    frames_detected: int = 0
    faces_detected: int = 0
    tracks: int = 0
    tracks_split: int = 0
    scene_cuts: int = 0
    never_compared: int = 0
    below: int = 0
    raised: int = 0
    best_inter_eye_px: float = 0.0
    looks_skipped: Mapping[str, int] = field(default_factory=Counter)

    def __add__(self, other: "CameraCounts") -> "CameraCounts":
        sums = {name: getattr(self, name) + getattr(other, name) for name in _SUMMED}
        best = max(self.best_inter_eye_px, other.best_inter_eye_px)
        skipped = Counter(self.looks_skipped) + Counter(other.looks_skipped)
        return CameraCounts(**sums, best_inter_eye_px=best, looks_skipped=skipped)

    def since(self, before: "CameraCounts") -> "CameraCounts":
        """What was added since `before`; the largest face stays what it is."""
        sums = {name: getattr(self, name) - getattr(before, name) for name in _SUMMED}
        skipped = Counter(self.looks_skipped) - Counter(before.looks_skipped)
        return CameraCounts(**sums, best_inter_eye_px=self.best_inter_eye_px, looks_skipped=skipped)


_SUMMED = tuple(
    known.name
    for known in fields(CameraCounts)
    if known.name not in {"best_inter_eye_px", "looks_skipped"}
)


def counts_of(
    counters: CameraCounters, never_compared: int, below: int, raised: int
) -> CameraCounts:
    """Everything so far; the largest face is that since it was last asked for (see `note`)."""
    return CameraCounts(
        counters.frames_decoded, counters.frames_dropped, counters.frames_detected,
        counters.faces_detected, counters.tracks, counters.tracks_split, counters.scene_cuts,
        never_compared, below, raised, counters.recent_inter_eye_px,
        Counter(counters.looks_skipped),
    )  # fmt: skip


class CountHistory:
    """One camera's counts by the minute, from what it counted so far, told every now and then."""

    def __init__(self) -> None:
        self.best_inter_eye_px = 0.0
        """Of the largest face of all."""
        self._source: CameraCounters | None = None
        self._before = CameraCounts()
        self._minutes: deque[tuple[float, CameraCounts]] = deque(maxlen=MINUTES_KEPT)

    def note(
        self, at_s: float, counters: CameraCounters, never: int, below: int, raised: int
    ) -> None:
        """What was added since the last time belongs to the minute of `at_s`. A camera that was
        started anew counts from 0 again, its tracks' ends do not."""
        now = counts_of(counters, never, below, raised)
        counters.recent_inter_eye_px = 0.0
        self.best_inter_eye_px = max(self.best_inter_eye_px, now.best_inter_eye_px)
        if counters is not self._source:
            ended = self._before
            self._before = CameraCounts(
                never_compared=ended.never_compared, below=ended.below, raised=ended.raised
            )
            self._source = counters
        added = now.since(self._before)
        self._before = now
        minute_s = at_s - at_s % MINUTE_S
        if self._minutes and self._minutes[-1][0] >= minute_s:  # a clock set back: the same minute
            self._minutes[-1] = (self._minutes[-1][0], self._minutes[-1][1] + added)
        else:
            self._minutes.append((minute_s, added))

    def minutes(self, since_s: float, until_s: float) -> tuple[tuple[float, CameraCounts], ...]:
        """The minutes that overlap this span, each with when it began."""
        return tuple(
            (minute_s, counts)
            for minute_s, counts in self._minutes
            if minute_s + MINUTE_S > since_s and minute_s <= until_s
        )

    def between(self, since_s: float, until_s: float) -> CameraCounts:
        """The sum of the minutes that overlap this span."""
        found = CameraCounts()
        for _, counts in self.minutes(since_s, until_s):
            found = found + counts
        return found


def advice(counts: CameraCounts) -> tuple[str, ...]:
    """Sentences, the most helpful first; nothing in them is about any one person."""
    if not counts.frames_decoded:
        return ("no picture arrived: see the camera's state",)
    if not counts.faces_detected:
        return ("no face was found: is the camera aimed at faces, in light, from the front?",)
    found = []
    skipped = Counter(counts.looks_skipped)
    best = counts.best_inter_eye_px
    if 0 < best < MATCHED_INTER_EYE_PX:
        found.append(
            f"the largest face had {best:.0f} px between the eyes, {MATCHED_INTER_EYE_PX:.0f} are "
            "needed to match and 45 to 60 are good: come nearer, or use the full resolution"
        )
    never = counts.never_compared
    if skipped["too-small"] > skipped["turned-away"] and never:
        found.append(f"{never} tracks were never compared, mostly because faces are small")
    elif skipped["turned-away"] and never:
        found.append(
            f"{never} tracks were never compared, mostly because heads are turned away: "
            "move the camera towards where people look"
        )
    if counts.scene_cuts > CUTS_A_TRACK * max(1, counts.tracks):
        found.append(
            f"the picture changed as a whole {counts.scene_cuts} times, and each time everybody "
            "was followed anew: does the camera turn, or does the stream break off?"
        )
    if counts.tracks_split > counts.tracks / 4:
        found.append(
            f"{counts.tracks_split} of {counts.tracks} tracks began because another one had come "
            "to follow another person: people hide one another here, a camera higher up or at a "
            "narrower way sees them apart"
        )
    if skipped["pool-full"]:
        found.append("more faces came at once than can be compared: give the machine more threads")
    if counts.frames_dropped > counts.frames_detected:
        found.append("most frames are dropped: the machine is too slow for its cameras")
    if counts.below:
        found.append(
            f"{counts.below} tracks were compared and stayed below the threshold: they are "
            "strangers, or the reference photos are poor (see their findings)"
        )
    return tuple(found)

"""What `lfrd evaluate` says of labelled clips: its JSON, and the same for people. Pure.

The JSON is a contract (docs/api.md): fields may be added, none is removed or changed in meaning.
"""

import json
import statistics
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from lfrd.evaluate.naive import Naive
from lfrd.evaluate.shots import LATE_FRAMES, Raised, Score, Shot, shot_of
from lfrd.evaluate.shots import score as score_of
from lfrd.stats import Rate, wilson
from lfrd.types import F64


@dataclass(frozen=True, slots=True)
class PlayedClip:
    """One clip after its run. `at_s` f64[frames] are the times of its pictures in seconds since the
    first; `templates_by_shot` counts those made in each shot's frames, `templates` all of the clip.
    """

    clip: str
    labels: str
    at_s: F64
    shots: tuple[Shot, ...]
    score: Score
    templates_by_shot: tuple[int, ...]
    templates: int
    wall_s: float
    naive: Naive | None = None

    @property
    def frames(self) -> int:
        return len(self.at_s)

    def start_s(self, place: int) -> float:
        """When a shot's first picture is shown."""
        return float(self.at_s[self.shots[place].start])

    def end_s(self, place: int) -> float:
        """When the first picture after a shot is shown; at the clip's end, its last one."""
        return float(self.at_s[min(self.shots[place].end, self.frames - 1)])


@dataclass(frozen=True, slots=True)
class Versions:
    """Without these a figure cannot be repeated; `model` is the digest of the template space."""

    lfrd: str
    pack: str
    model: str
    onnxruntime: str


@dataclass(frozen=True, slots=True)
class Setting:
    """How the clips were played. `detect_hz` None: every frame was searched."""

    versions: Versions
    threshold: float
    list_size: int
    detect_hz: float | None
    baseline_every: int | None


@dataclass(frozen=True, slots=True)
class ClipFigures:
    """`templates_outside_shots`: made in frames that are in no shot."""

    clip: str
    labels: str
    frames: int
    seconds: float
    templates: int
    templates_outside_shots: int
    wall_s: float


@dataclass(frozen=True, slots=True)
class RaisedFigures:
    """An expected person was raised, `after_s` seconds after the shot's first frame, and
    `after_face_s` after the first in which a face was large enough: None where nothing
    looked, which the naive loop does. It takes every n-th frame, so that is as true as they are
    close."""

    entry: str
    frame: int
    after_s: float
    after_face_s: float | None
    score: float


@dataclass(frozen=True, slots=True)
class ShotFigures:
    """`clip` is the number of the clip, from 0; `start_s` and `end_s` are media times."""

    clip: int
    start: int
    end: int
    start_s: float
    end_s: float
    expected: tuple[str, ...]
    optional: tuple[str, ...]
    raised: tuple[RaisedFigures, ...]
    missed: tuple[str, ...]
    templates: int


@dataclass(frozen=True, slots=True)
class WrongFigures:
    """A person was raised who was not there."""

    clip: int
    entry: str
    frame: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Totals:
    """Person-shots expected and raised with the 95 % interval of the rate (Wilson), raises of
    people who were not there, templates, and the medians of `after_s` and `after_face_s`: None
    where there is none."""

    expected: int
    raised: int
    lo: float
    hi: float
    wrong: int
    templates: int
    median_s: float | None
    median_after_face_s: float | None
    wall_s: float

    @property
    def rate(self) -> Rate:
        return Rate(self.raised, self.expected, self.lo, self.hi)


@dataclass(frozen=True, slots=True)
class Baseline(Totals):
    """The same of the naive loop, which looked at every `every`-th frame. It has no tracks, so its
    looks at one wrong person in one shot count as one `wrong`; `wrong_looks` counts them all."""

    every: int
    wrong_looks: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything, in the order of the JSON."""

    clips: tuple[ClipFigures, ...]
    shots: tuple[ShotFigures, ...]
    wrong: tuple[WrongFigures, ...]
    totals: Totals
    baseline: Baseline | None
    versions: Versions
    threshold: float
    list_size: int
    detect_hz: float | None
    late_frames: int

    def as_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))


def figures(played: Sequence[PlayedClip], setting: Setting) -> Figures:
    """Add up what was played."""
    shots = tuple(
        _shot(number, clip, place)
        for number, clip in enumerate(played)
        for place in range(len(clip.shots))
    )
    wrong = tuple(
        WrongFigures(number, one.entry, one.frame, round(one.at_s, 3))
        for number, clip in enumerate(played)
        for one in clip.score.wrong
    )
    clips = tuple(
        ClipFigures(
            clip.clip, clip.labels, clip.frames, round(float(clip.at_s[-1]), 3), clip.templates,
            clip.templates - sum(clip.templates_by_shot), round(clip.wall_s, 3),
        )
        for clip in played
    )  # fmt: skip
    return Figures(
        clips=clips,
        shots=shots,
        wrong=wrong,
        totals=_totals(shots, len(wrong), clips),
        baseline=_baseline(played, setting.baseline_every),
        versions=setting.versions,
        threshold=setting.threshold,
        list_size=setting.list_size,
        detect_hz=setting.detect_hz,
        late_frames=LATE_FRAMES,
    )


def text(found: Figures) -> list[str]:
    """Lines for people: a table of shots for each clip, and the totals."""
    lines: list[str] = []
    for number, clip in enumerate(found.clips):
        lines += [f"{clip.clip}: {clip.frames:,} frames, {clip.seconds:.1f} s", *_HEAD]
        lines += [_shot_line(shot) for shot in found.shots if shot.clip == number]
        lines += [
            f"  wrong: {one.entry} at frame {one.frame} ({one.at_s:.2f} s)"
            for one in found.wrong
            if one.clip == number
        ]
        if clip.templates_outside_shots:
            lines.append(f"  {clip.templates_outside_shots} templates in frames outside any shot")
        lines.append("")
    return [*lines, *totals_text(found)]


def totals_text(found: Figures) -> list[str]:
    """The totals for people."""
    totals, versions = found.totals, found.versions
    lines = [
        f"raised: {rate_text(totals.rate)} of person-shots",
        f"wrong identities: {totals.wrong} in {len(found.shots)} shots",
        f"time to candidate: {_median(totals)}",
        f"templates: {totals.templates:,}, in {totals.wall_s:.1f} s",
    ]
    if found.baseline is not None:
        loop = found.baseline
        lines.append(
            f"naive loop, every {_nth(loop.every)}frame: {rate_text(loop.rate)}, {loop.wrong} "
            f"wrong identities ({loop.wrong_looks} looks), {_median(loop)}, {loop.templates:,} "
            f"templates, in {loop.wall_s:.1f} s"
        )
    pace = "every frame" if found.detect_hz is None else f"{found.detect_hz:g} frames a second"
    lines.append(
        f"threshold {found.threshold:g}, {found.list_size} on the list, {pace} searched; lfrd "
        f"{versions.lfrd}, {versions.pack} {versions.model[:12]}, onnxruntime "
        f"{versions.onnxruntime}"
    )
    return lines


def rate_text(rate: Rate) -> str:
    """Counts and interval; a rate of nothing is not said to be 0 %."""
    if not rate.n:
        return "no person was expected"
    return f"{rate.k} of {rate.n}, {rate.value:.1%} (95 %: {rate.lo:.1%} to {rate.hi:.1%})"


_ROW = "  {:>13}  {:>15}  {:<28}  {:<36}  {:>9}"
_HEAD = (_ROW.format("frames", "seconds", "expected", "raised after", "templates"),)


def _shot_line(shot: ShotFigures) -> str:
    raised = [f"{one.entry} {one.after_s:.2f} s" for one in shot.raised]
    return _ROW.format(
        f"{shot.start}-{shot.end}",
        f"{shot.start_s:.2f}-{shot.end_s:.2f}",
        ", ".join(shot.expected) or "-",
        ", ".join([*raised, *(f"{name} MISSED" for name in shot.missed)]) or "-",
        shot.templates,
    )


def _shot(number: int, clip: PlayedClip, place: int) -> ShotFigures:
    shot, start_s = clip.shots[place], clip.start_s(place)
    raised = clip.score.by_shot[place]
    face_s = _first_face_s(clip, place)
    there = {one.entry for one in raised}
    return ShotFigures(
        number, shot.start, shot.end, round(start_s, 3), round(clip.end_s(place), 3),
        shot.present, shot.optional,
        tuple(
            RaisedFigures(
                one.entry, one.frame, _after_s(one, start_s),
                None if face_s is None else max(0.0, _after_s(one, face_s)), round(one.score, 4),
            )
            for one in raised
        ),
        tuple(name for name in shot.present if name not in there),
        clip.templates_by_shot[place],
    )  # fmt: skip


def _after_s(one: Raised, start_s: float) -> float:
    return round(one.at_s - start_s, 3)


def _totals(shots: Sequence[ShotFigures], wrong: int, clips: Sequence[ClipFigures]) -> Totals:
    rate = wilson(
        sum(len(shot.raised) for shot in shots), sum(len(shot.expected) for shot in shots)
    )
    raised = [one for shot in shots for one in shot.raised]
    faces_s = [one.after_face_s for one in raised if one.after_face_s is not None]
    return Totals(
        rate.n, rate.k, round(rate.lo, 6), round(rate.hi, 6), wrong,
        sum(clip.templates for clip in clips), _middle([one.after_s for one in raised]),
        _middle(faces_s),
        round(sum(clip.wall_s for clip in clips), 3),
    )  # fmt: skip


def _first_face_s(clip: PlayedClip, place: int) -> float | None:
    """When the first face that is large enough was seen in a shot; None where it is not known."""
    faces = clip.naive.faces if clip.naive is not None else ()
    shot = clip.shots[place]
    found = bisect_left(faces, shot.start)
    if found == len(faces) or faces[found] >= shot.end:
        return None
    return float(clip.at_s[faces[found]])


def _baseline(played: Sequence[PlayedClip], every: int | None) -> Baseline | None:
    """The loop's looks judged by the same labels and the same rule."""
    if every is None:
        return None
    raised = wrong = looks = templates = 0
    wall_s, after_s, faces_s = 0.0, list[float](), list[float]()
    for clip in played:
        assert clip.naive is not None, clip.clip
        judged = score_of(clip.shots, clip.naive.raised)
        raised += judged.raised
        starts = [shot.start for shot in clip.shots]
        wrong += len({(shot_of(clip.shots, starts, o.frame), o.entry) for o in judged.wrong})
        looks += len(judged.wrong)
        templates += clip.naive.templates
        wall_s += clip.naive.wall_s
        for place, found in enumerate(judged.by_shot):
            face_s = _first_face_s(clip, place)
            after_s += [_after_s(one, clip.start_s(place)) for one in found]
            faces_s += [max(0.0, _after_s(one, face_s)) for one in found if face_s is not None]
    rate = wilson(raised, sum(len(shot.present) for clip in played for shot in clip.shots))
    return Baseline(
        rate.n, rate.k, round(rate.lo, 6), round(rate.hi, 6), wrong, templates, _middle(after_s),
        _middle(faces_s), round(wall_s, 3), every, looks,
    )  # fmt: skip


def _middle(values: Sequence[float]) -> float | None:
    return round(statistics.median(values), 3) if values else None


def _median(totals: Totals) -> str:
    if totals.median_s is None:
        return "-"
    face_s = totals.median_after_face_s
    text = f"median {totals.median_s:.2f} s from the shot's start"
    return text if face_s is None else f"{text}, {face_s:.2f} s from the first face large enough"


def _nth(every: int) -> str:
    return "" if every == 1 else {2: "2nd ", 3: "3rd "}.get(every, f"{every}th ")

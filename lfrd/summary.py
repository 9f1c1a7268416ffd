"""What a deployment says while it runs, as values: `lfrd try` and `lfrd demo` print them.

The JSON form is a contract (docs/api.md): one object a line, `event` first.
"""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import ClassVar

Report = Callable[["CandidateLine | SummaryLine"], None]


@dataclass(frozen=True, slots=True)
class CandidateLine:
    """A track was raised as an entry (`candidate`), or its evidence grew (`update`).

    `frame` and `at_s` are the number and media time of the deciding look; `latency_ms` runs from
    the look's arrival to the commit, None where a file is read as fast as possible.
    """

    event: str
    entry: str
    camera: str
    frame: int
    at_s: float
    score: float
    threshold: float
    latency_ms: float | None
    track: int
    looks: int
    ambiguous: bool
    digits: ClassVar[dict[str, int]] = {"at_s": 3, "score": 4, "latency_ms": 1}


@dataclass(frozen=True, slots=True)
class SummaryLine:
    """The counts of a deployment; `wall_s` from the first frame until the last track closed,
    `tracks_split` the tracks that began because another one had come to follow another person."""

    event: str
    frames_decoded: int
    frames_detected: int
    frames_dropped: int
    tracks: int
    candidates: int
    templates_made: int
    templates_destroyed: int
    templates_enrolled: int
    startup_s: float
    wall_s: float
    cpu_s: float
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    deployment_id: str
    tracks_split: int = 0
    digits: ClassVar[dict[str, int]] = {
        "startup_s": 3,
        "wall_s": 3,
        "cpu_s": 3,
        "latency_p50_ms": 1,
        "latency_p95_ms": 1,
    }


def as_json(line: CandidateLine | SummaryLine) -> str:
    """One line of JSON, numbers rounded to what they are good for."""
    values: dict[str, str | int | float | bool | None] = {}
    for item in fields(line):
        value = getattr(line, item.name)
        places = line.digits.get(item.name)
        values[item.name] = round(value, places) if places and value is not None else value
    return json.dumps(values)


def as_text(line: CandidateLine | SummaryLine) -> str:
    """The same for people."""
    if isinstance(line, SummaryLine):
        return _summary_text(line)
    word = "CANDIDATE" if line.event == "candidate" else "  better "
    delay = "" if line.latency_ms is None else f", {line.latency_ms:.0f} ms after it was seen"
    doubt = "  AMBIGUOUS: another person is over the threshold too" if line.ambiguous else ""
    return (
        f"{line.at_s:8.2f} s  {word}  {line.entry}  on {line.camera}, frame {line.frame}, "
        f"score {line.score:.3f} (threshold {line.threshold:.3f}){delay}{doubt}"
    )


def percentile(values: Iterable[float], part: float) -> float | None:
    """The nearest-rank percentile (`part` in 0..1); None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def _summary_text(line: SummaryLine) -> str:
    rows = [
        ("frames", f"{line.frames_decoded} decoded, {line.frames_detected} searched for faces, "
                   f"{line.frames_dropped} dropped"),
        ("tracks", f"{line.tracks} passing faces, {line.candidates} candidates, "
                   f"{line.tracks_split} begun in the middle because another person came"),
        ("templates", f"{line.templates_made} made, {line.templates_destroyed} destroyed "
                      f"({line.templates_enrolled} enrolled)"),
        ("time", f"{line.wall_s:.1f} s after {line.startup_s:.1f} s of start-up, "
                 f"{line.cpu_s:.1f} s of CPU"),
    ]  # fmt: skip
    if line.latency_p50_ms is not None and line.latency_p95_ms is not None:
        rows.append(("latency", f"median {line.latency_p50_ms:.0f} ms, "
                                f"95 % within {line.latency_p95_ms:.0f} ms"))  # fmt: skip
    return "\n".join(f"{name:>10}  {text}" for name, text in rows)


def as_summary_json(line: SummaryLine) -> str:
    """The counts as the deployment's record keeps them."""
    return json.dumps(asdict(line))


def from_summary_json(text: str | None) -> SummaryLine | None:
    """The counts that `as_summary_json` wrote; None where none were kept."""
    kept = json.loads(text or "{}")
    return SummaryLine(**kept) if kept else None


def over_restart(before: SummaryLine, now: SummaryLine) -> SummaryLine:
    """The counts of one deployment over a restart. A percentile of two parts is not known."""
    apart = before.latency_p50_ms is not None and now.latency_p50_ms is not None
    return replace(
        now,
        frames_decoded=before.frames_decoded + now.frames_decoded,
        frames_detected=before.frames_detected + now.frames_detected,
        frames_dropped=before.frames_dropped + now.frames_dropped,
        tracks=before.tracks + now.tracks,
        tracks_split=before.tracks_split + now.tracks_split,
        candidates=before.candidates + now.candidates,
        templates_made=before.templates_made + now.templates_made,
        templates_destroyed=before.templates_destroyed + now.templates_destroyed,
        templates_enrolled=before.templates_enrolled + now.templates_enrolled,
        wall_s=before.wall_s + now.wall_s,
        cpu_s=before.cpu_s + now.cpu_s,
        latency_p50_ms=None if apart else now.latency_p50_ms or before.latency_p50_ms,
        latency_p95_ms=None if apart else now.latency_p95_ms or before.latency_p95_ms,
    )

"""What a deployment counted, in all and by camera, over every restart: numbers, never faces."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar

from lfrd.store.transaction import Reader, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTally:
    """`software` is a JSON list. `cut_offs`: so often a crash lost the counts of up to a minute;
    `is_open` while another one might. `paused_by` asked for its pause; '' is nobody."""

    TABLE: ClassVar[str] = "run_tally"

    deployment_id: str
    ran_s: float = 0.0
    paused_s: float = 0.0
    software: str = "[]"
    cut_offs: int = 0
    is_open: bool = False
    paused_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraTally:
    """`active_s` it gave pictures, `down_s` it should have; `looks_skipped` is JSON, by reason.
    Of the tracks that ended some were never compared, some stayed `below` the threshold, some were
    `raised`; `best_inter_eye_px` is of the largest face."""

    TABLE: ClassVar[str] = "camera_tally"

    deployment_id: str
    camera_id: str
    active_s: float = 0.0
    down_s: float = 0.0
    frames_decoded: int = 0
    frames_detected: int = 0
    frames_dropped: int = 0
    faces_detected: int = 0
    tracks: int = 0
    tracks_split: int = 0
    scene_cuts: int = 0
    never_compared: int = 0
    below: int = 0
    raised: int = 0
    best_inter_eye_px: float = 0.0
    looks_skipped: str = "{}"


@dataclass(frozen=True, slots=True)
class Tallies:
    """All of one deployment; `cameras` by id."""

    run: RunTally
    cameras: dict[str, CameraTally] = field(default_factory=dict)


_APART = {"deployment_id", "camera_id", "best_inter_eye_px", "looks_skipped"}
_SUMMED = tuple(item.name for item in fields(CameraTally) if item.name not in _APART)


def of(reader: Reader, deployment_id: str) -> Tallies:
    """What was counted; nothing for one that has not begun, or is from an earlier lfrd."""
    run = reader.first(RunTally, "WHERE deployment_id = ?", (deployment_id,))
    found = reader.find(CameraTally, "WHERE deployment_id = ?", (deployment_id,))
    cameras = {item.camera_id: item for item in found}
    return Tallies(run or RunTally(deployment_id=deployment_id), cameras)


def keep(tx: Transaction, tallies: Tallies) -> None:
    """Write what was counted so far, in the place of what was there."""
    deployment_id = tallies.run.deployment_id
    tx.execute("DELETE FROM run_tally WHERE deployment_id = ?", (deployment_id,))
    tx.execute("DELETE FROM camera_tally WHERE deployment_id = ?", (deployment_id,))
    tx.insert(tallies.run)
    for camera in tallies.cameras.values():
        tx.insert(camera)


def over_restart(before: Tallies, now: Tallies) -> Tallies:
    """Both together; the former was open only if a crash came between."""
    run = replace(
        now.run,
        ran_s=before.run.ran_s + now.run.ran_s,
        paused_s=before.run.paused_s + now.run.paused_s,
        software=_either(before.run.software, now.run.software),
        cut_offs=before.run.cut_offs + before.run.is_open,
    )
    return Tallies(run, summed([*before.cameras.values(), *now.cameras.values()]))


def summed(tallies: Sequence[CameraTally]) -> dict[str, CameraTally]:
    """One for each camera, whatever number of times it began."""
    found: dict[str, CameraTally] = {}
    for item in tallies:
        known = found.get(item.camera_id)
        found[item.camera_id] = item if known is None else _sum(known, item)
    return found


def _sum(one: CameraTally, other: CameraTally) -> CameraTally:
    skipped = Counter(json.loads(one.looks_skipped)) + Counter(json.loads(other.looks_skipped))
    sums = {name: getattr(one, name) + getattr(other, name) for name in _SUMMED}
    best = max(one.best_inter_eye_px, other.best_inter_eye_px)
    skipped_json = json.dumps(skipped, sort_keys=True)
    return replace(one, **sums, best_inter_eye_px=best, looks_skipped=skipped_json)


def _either(before: str, now: str) -> str:
    return json.dumps(list(dict.fromkeys([*json.loads(before), *json.loads(now)])))

"""What a camera counted over the time of a deployment, by five minutes: numbers, never faces."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lfrd.store.transaction import Reader, Transaction

SPAN_S = 300.0
"""Coarser than the minutes of the running deployment: a single passing face at night is not told to
the minute for ever."""
READ_MAX = 10_000
"""A month of one camera."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraFlow:
    """The `SPAN_S` from `at_s` on."""

    TABLE: ClassVar[str] = "camera_flow"

    deployment_id: str
    camera_id: str
    at_s: float
    frames_detected: int = 0
    frames_dropped: int = 0
    faces_detected: int = 0
    tracks: int = 0
    never_compared: int = 0
    candidates: int = 0


def keep(tx: Transaction, rows: Sequence[CameraFlow]) -> None:
    """Write what was counted, in the place of what was there. Of the five minutes in which the
    daemon was started anew the larger part stays."""
    for row in rows:
        tx.execute(
            "INSERT INTO camera_flow VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET frames_detected = excluded.frames_detected,"
            " frames_dropped = excluded.frames_dropped, faces_detected = excluded.faces_detected,"
            " tracks = excluded.tracks, never_compared = excluded.never_compared,"
            " candidates = excluded.candidates WHERE excluded.tracks >= tracks",
            (row.deployment_id, row.camera_id, row.at_s, row.frames_detected, row.frames_dropped,
             row.faces_detected, row.tracks, row.never_compared, row.candidates),
        )  # fmt: skip


def between(
    reader: Reader, camera_id: str, deployment_id: str | None, since_s: float, until_s: float
) -> list[CameraFlow]:
    """What overlaps this span, oldest first; of one deployment, or of all."""
    return reader.find(
        CameraFlow,
        "WHERE camera_id = ? AND (? IS NULL OR deployment_id = ?) AND at_s > ? AND at_s <= ?"
        " ORDER BY at_s LIMIT ?",
        (camera_id, deployment_id, deployment_id, since_s - SPAN_S, until_s, READ_MAX),
    )


def drop_before(tx: Transaction, before_s: float) -> int:
    """Forget what was counted so long ago; the sums of a deployment stay (lfrd.store.tallies)."""
    return tx.execute("DELETE FROM camera_flow WHERE at_s < ?", (before_s,))


def has_before(reader: Reader, before_s: float) -> bool:
    """Whether there is any."""
    return reader.value("SELECT 1 FROM camera_flow WHERE at_s < ? LIMIT 1", (before_s,)) is not None

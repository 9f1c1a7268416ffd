"""How each camera was in a deployment: since when in which state, and why. Nothing of people."""

from dataclasses import dataclass
from typing import ClassVar

from lfrd.store import deployments
from lfrd.store.transaction import Reader, Transaction

KEPT_MAX = 1_000
"""Of one camera in one deployment; beyond them the oldest goes."""
REASON_CHARACTERS_MAX = 500
_INT_MAX = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraPast:
    """One state; `until_s` is when the next one began or the deployment ended, None: it lasts."""

    TABLE: ClassVar[str] = "camera_state"

    id: int
    deployment_id: str
    camera_id: str
    state: str
    reason: str
    at_s: float
    until_s: float | None


def note(tx: Transaction, camera_id: str, state: str, reason: str, at_s: float) -> None:
    """A camera's state changed; kept where a deployment runs."""
    running = deployments.running(tx)
    if running is None:
        return
    tx.execute(
        "INSERT INTO camera_state (deployment_id, camera_id, state, reason, at_s)"
        " VALUES (?, ?, ?, ?, ?)",
        (running.id, camera_id, state, reason[:REASON_CHARACTERS_MAX], at_s),
    )
    tx.execute(
        "DELETE FROM camera_state WHERE id IN (SELECT id FROM camera_state WHERE camera_id = ?"
        " AND deployment_id = ? ORDER BY id DESC LIMIT -1 OFFSET ?)",
        (camera_id, running.id, KEPT_MAX),
    )


def page(
    reader: Reader, camera_id: str, deployment_id: str | None, before_id: int | None, limit: int
) -> list[CameraPast]:
    """The newest first; of one deployment, or of all."""
    return reader.query(
        CameraPast,
        "SELECT s.*, coalesce((SELECT n.at_s FROM camera_state AS n WHERE n.camera_id = s.camera_id"
        " AND n.deployment_id = s.deployment_id AND n.id > s.id ORDER BY n.id LIMIT 1),"
        " d.ended_at_s) AS until_s"
        " FROM camera_state AS s JOIN deployment AS d ON d.id = s.deployment_id"
        " WHERE s.camera_id = ? AND (? IS NULL OR s.deployment_id = ?) AND s.id < ?"
        " ORDER BY s.id DESC LIMIT ?",
        (camera_id, deployment_id, deployment_id, before_id or _INT_MAX, limit),
    )


def forget(tx: Transaction, deployment_id: str) -> int:
    """All of one deployment; how many rows went."""
    return tx.execute("DELETE FROM camera_state WHERE deployment_id = ?", (deployment_id,))

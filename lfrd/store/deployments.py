"""Deployments: the only state in which faces are compared. Their rules come from a profile; here
is what was decided, by whom, and which steps follow which.

    draft → authorised → running → ended → erased
"""

import enum
import hashlib
from dataclasses import dataclass
from typing import ClassVar

from lfrd.errors import Conflict
from lfrd.events import EventKind
from lfrd.governance.audit import AuditClass
from lfrd.ids import new_id
from lfrd.store import watchlists
from lfrd.store.keys import Scope
from lfrd.store.transaction import Reader, Transaction


class DeploymentState(enum.StrEnum):
    DRAFT = "draft"
    AUTHORISED = "authorised"
    RUNNING = "running"
    ENDED = "ended"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Deployment:
    """One use of the machine. `summary` is JSON text, written at the end."""

    TABLE: ClassVar[str] = "deployment"

    id: str
    profile: str
    state: DeploymentState
    purpose: str
    use_case: str
    place: str
    threshold: float
    detector_digest: str
    embedder_digest: str
    created_at_s: float
    planned_end_at_s: float | None
    authorised_at_s: float | None
    authorised_by: str | None
    started_at_s: float | None
    started_by: str | None
    ended_at_s: float | None
    ended_by: str | None
    end_reason: str | None
    erased_at_s: float | None
    summary: str | None
    principal: str


@dataclass(frozen=True, slots=True)
class NewDeployment:
    """What somebody plans."""

    profile: str
    purpose: str
    use_case: str
    place: str
    threshold: float
    detector_digest: str
    embedder_digest: str
    planned_end_at_s: float | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Which list, in which state, a deployment compares with."""

    TABLE: ClassVar[str] = "deployment_watchlist"

    deployment_id: str
    watchlist_id: str
    entry_count: int
    snapshot_hash: str
    taken_at_s: float
    principal: str


def scope_of(deployment_id: str) -> Scope:
    """Whose key seals the faces of this deployment's episodes."""
    return Scope("deployment", deployment_id)


def add(tx: Transaction, new: NewDeployment) -> Deployment:
    """Make a draft and its key."""
    deployment = Deployment(
        id=new_id(),
        profile=new.profile,
        state=DeploymentState.DRAFT,
        purpose=new.purpose,
        use_case=new.use_case,
        place=new.place,
        threshold=new.threshold,
        detector_digest=new.detector_digest,
        embedder_digest=new.embedder_digest,
        created_at_s=tx.at_s,
        planned_end_at_s=new.planned_end_at_s,
        authorised_at_s=None,
        authorised_by=None,
        started_at_s=None,
        started_by=None,
        ended_at_s=None,
        ended_by=None,
        end_reason=None,
        erased_at_s=None,
        summary=None,
        principal=tx.principal,
    )
    tx.insert(deployment)
    tx.keys.create(scope_of(deployment.id))
    _log(tx, deployment.id, "deployment.add")
    return deployment


def get(reader: Reader, deployment_id: str) -> Deployment:
    """Raises NotFound."""
    return reader.get(Deployment, deployment_id)


def list_all(reader: Reader, limit: int = 100) -> list[Deployment]:
    """The newest deployments, newest first."""
    return reader.find(Deployment, "ORDER BY id DESC LIMIT ?", (limit,))


def running(reader: Reader) -> Deployment | None:
    """The one that runs, if any."""
    return reader.first(Deployment, "WHERE state = 'running'")


def authorise(tx: Transaction, deployment_id: str) -> Deployment:
    """draft → authorised, by `tx.principal`."""
    _step(
        tx, deployment_id, "deployment.authorise", "UPDATE deployment SET state = 'authorised',"
        " authorised_at_s = ?, authorised_by = ? WHERE id = ? AND state = 'draft'",
        (tx.at_s, tx.principal, deployment_id),
    )  # fmt: skip
    return get(tx, deployment_id)


def start(tx: Transaction, deployment_id: str) -> Deployment:
    """authorised → running. Raises Conflict where another one runs."""
    other = running(tx)
    if other is not None:
        raise Conflict(f"deployment {other.id} is running: end it first")
    _step(
        tx, deployment_id, "deployment.start", "UPDATE deployment SET state = 'running',"
        " started_at_s = ?, started_by = ? WHERE id = ? AND state = 'authorised'",
        (tx.at_s, tx.principal, deployment_id),
    )  # fmt: skip
    return get(tx, deployment_id)


def end(tx: Transaction, deployment_id: str, *, reason: str, summary: str) -> Deployment:
    """running → ended; `summary` is JSON text of counts. Also for one that was never started."""
    _step(
        tx, deployment_id, "deployment.end", "UPDATE deployment SET state = 'ended',"
        " ended_at_s = ?, ended_by = ?, end_reason = ?, summary = ?"
        " WHERE id = ? AND state IN ('draft', 'authorised', 'running')",
        (tx.at_s, tx.principal, reason, summary, deployment_id),
    )  # fmt: skip
    return get(tx, deployment_id)


def erase(tx: Transaction, deployment_id: str) -> Deployment:
    """ended → erased: destroy the key first, then the sealed faces of its episodes.

    The record stays. Bytes are gone from the files once `Database.checkpoint` has returned True.
    """
    if get(tx, deployment_id).state != DeploymentState.ENDED:
        raise Conflict(f"deployment {deployment_id} has not ended, or is erased already")
    tx.keys.destroy(scope_of(deployment_id))
    tx.execute(
        "UPDATE episode_rival SET sealed_reference_portrait = NULL"
        " WHERE episode_id IN (SELECT id FROM episode WHERE deployment_id = ?)",
        (deployment_id,),
    )
    episodes = tx.execute(
        "UPDATE episode SET sealed_probe_crop = NULL, sealed_reference_crop = NULL,"
        " sealed_probe_portrait = NULL, sealed_reference_portrait = NULL, sealed_scene = NULL"
        " WHERE deployment_id = ?",
        (deployment_id,),
    )
    tx.execute(
        "UPDATE deployment SET state = 'erased', erased_at_s = ? WHERE id = ?",
        (tx.at_s, deployment_id),
    )
    tx.audit(AuditClass.ERASURE, "deployment.erase", (deployment_id,), {"episodes": episodes})
    tx.event(EventKind.DEPLOYMENT_CHANGED, deployment_id)
    return get(tx, deployment_id)


def take_snapshot(tx: Transaction, deployment_id: str, watchlist_id: str) -> Snapshot:
    """Record which entries and photos of a list the deployment compares with."""
    watchlists.get(tx, watchlist_id)
    rows = tx.rows(
        "SELECT entry.id, entry.person_id, reference, reference_image.sha256 FROM entry"
        " LEFT JOIN reference_image ON entry_id = entry.id WHERE watchlist_id = ?"
        " ORDER BY entry.id, reference_image.id",
        (watchlist_id,),
    )
    digest = hashlib.sha256()
    entry_ids = set()
    for row in rows:
        entry_ids.add(row[0])
        digest.update(repr(row).encode())
    snapshot = Snapshot(
        deployment_id, watchlist_id, len(entry_ids), digest.hexdigest(), tx.at_s, tx.principal
    )
    tx.insert(snapshot)
    tx.audit(
        AuditClass.PERIOD_OF_USE, "deployment.snapshot", (deployment_id, watchlist_id),
        {"entries": snapshot.entry_count, "hash": snapshot.snapshot_hash},
    )  # fmt: skip
    return snapshot


def snapshots(reader: Reader, deployment_id: str) -> list[Snapshot]:
    """The lists that a deployment compares with."""
    return reader.find(Snapshot, "WHERE deployment_id = ? ORDER BY watchlist_id", (deployment_id,))


def _step(
    tx: Transaction,
    deployment_id: str,
    action: str,
    sql: str,
    values: tuple[str | float, ...],
) -> None:
    """Move a deployment on, or raise Conflict where its state does not allow it."""
    before = get(tx, deployment_id)
    if not tx.execute(sql, values):
        raise Conflict(f"{action}: deployment {deployment_id} is {before.state}")
    _log(tx, deployment_id, action)


def _log(tx: Transaction, deployment_id: str, action: str) -> None:
    tx.audit(AuditClass.PERIOD_OF_USE, action, (deployment_id,))
    tx.event(EventKind.DEPLOYMENT_CHANGED, deployment_id)

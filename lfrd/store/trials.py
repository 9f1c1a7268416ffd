"""Passages of consenting test subjects ("seeded" people), counted by an operator or a schedule."""

from dataclasses import dataclass
from typing import ClassVar

from lfrd.errors import BadInput, Conflict
from lfrd.ids import new_id
from lfrd.store import deployments, watchlists
from lfrd.store.audit import AuditClass, Fact
from lfrd.store.deployments import Deployment
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import Category


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPassage:
    """One passage of one subject in front of one camera; it may lie ahead, where it is planned."""

    TABLE: ClassVar[str] = "trial_passage"

    id: str
    deployment_id: str
    camera_id: str
    entry_id: str
    passed_at_s: float
    counted_at_s: float
    principal: str
    subject_group: str | None = None
    not_compared: bool = False
    """Whether somebody noted that no face was compared (a failure to acquire)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPassage(TrialPassage):
    """With the reference of its entry; None once that is gone."""

    reference: str | None


@dataclass(frozen=True, slots=True)
class Raised:
    """An episode as far as a trial needs it."""

    id: str
    camera_id: str
    entry_id: str
    raised_at_s: float


def count(
    tx: Transaction,
    camera_id: str,
    entry_id: str,
    passed_at_s: float,
    subject_group: str | None = None,
    *,
    not_compared: bool = False,
) -> TrialPassage:
    """Count a passage in the running deployment; one that is counted already is given back, with
    the note that no face was compared where that is new.

    Raises NotFound; BadInput where the entry is not of category `test`, has expired by
    then, is of another group before, the time is outside the deployment, or what lies ahead is said
    not to have been compared; Conflict where none
    runs, and where the entry is on none of its lists.
    """
    running = _deployment(tx, entry_id, passed_at_s)
    if not_compared and passed_at_s > tx.at_s:
        raise BadInput("whether a face was compared is noted when the person has passed")
    before = tx.first(
        TrialPassage,
        "WHERE deployment_id = ? AND camera_id = ? AND entry_id = ? AND passed_at_s = ?",
        (running.id, camera_id, entry_id, passed_at_s),
    )
    if before is not None:
        return _note_not_compared(tx, before) if not_compared else before
    known = tx.value(
        "SELECT subject_group FROM trial_passage WHERE deployment_id = ? AND entry_id = ?"
        " AND subject_group IS NOT NULL LIMIT 1", (running.id, entry_id),
    )  # fmt: skip
    assert known is None or isinstance(known, str)
    if known is not None and subject_group not in (None, known):
        raise BadInput(f"this person is of the group {known} in passages before")
    passage = TrialPassage(
        id=new_id(),
        deployment_id=running.id,
        camera_id=camera_id,
        entry_id=entry_id,
        passed_at_s=passed_at_s,
        counted_at_s=tx.at_s,
        principal=tx.principal,
        subject_group=subject_group if known is None else known,
        not_compared=not_compared,
    )
    tx.insert(passage)
    facts: dict[str, Fact] = {"deployment": running.id}
    if not_compared:
        facts["not_compared"] = True
    tx.audit(AuditClass.COLLECTION, "trial.passage", (entry_id,), facts)
    return passage


def _note_not_compared(tx: Transaction, passage: TrialPassage) -> TrialPassage:
    if not passage.not_compared:
        tx.execute("UPDATE trial_passage SET not_compared = 1 WHERE id = ?", (passage.id,))
        tx.audit(
            AuditClass.ALTERATION, "trial.passage.not-compared", (passage.entry_id,),
            {"deployment": passage.deployment_id},
        )  # fmt: skip
    return tx.get(TrialPassage, passage.id)


def _deployment(tx: Transaction, entry_id: str, passed_at_s: float) -> Deployment:
    """The running deployment, if the entry takes part in a trial in it at that time."""
    running = deployments.running(tx)
    if running is None:
        raise Conflict("no deployment runs: a passage is counted while one does")
    entry = watchlists.get_entry(tx, entry_id)
    if watchlists.get(tx, entry.watchlist_id).category is not Category.TEST:
        raise BadInput("only people on a list of category test take part in a trial")
    lists = {snapshot.watchlist_id for snapshot in deployments.snapshots(tx, running.id)}
    if entry.watchlist_id not in lists:
        raise Conflict("the running deployment does not compare with the list of this entry")
    if entry.expires_at_s is not None and passed_at_s >= entry.expires_at_s:
        raise BadInput("the entry has expired by then: no face is compared with it")
    end_s = running.planned_end_at_s
    if passed_at_s < (running.started_at_s or 0.0) or (end_s is not None and passed_at_s > end_s):
        raise BadInput("the passage is outside the running deployment")
    return running


def take_back(tx: Transaction, passage_id: str) -> TrialPassage:
    """Count a passage no more: the key was pressed by mistake. Raises NotFound."""
    passage = tx.get(TrialPassage, passage_id)
    assert tx.execute("DELETE FROM trial_passage WHERE id = ?", (passage_id,)) == 1
    tx.audit(
        AuditClass.ALTERATION, "trial.passage.taken-back", (passage.entry_id,),
        {"deployment": passage.deployment_id},
    )  # fmt: skip
    return passage


def passages(reader: Reader, deployment_id: str) -> list[TrialPassage]:
    """In the order of time. Raises NotFound where there is no such deployment."""
    deployments.get(reader, deployment_id)
    return reader.find(
        TrialPassage, "WHERE deployment_id = ? ORDER BY passed_at_s, id", (deployment_id,)
    )


def named_passages(
    reader: Reader, deployment_id: str, after: tuple[float, str] | None, limit: int
) -> list[NamedPassage]:
    """Some of them with their references, newest first; `after`: time and id of the last one of the
    page before. Raises NotFound as `passages`."""
    deployments.get(reader, deployment_id)
    at_s, row_id = after or (None, None)
    return reader.query(
        NamedPassage,
        "SELECT trial_passage.*, reference FROM trial_passage"
        " LEFT JOIN entry ON entry.id = entry_id WHERE deployment_id = ?1"
        " AND (?2 IS NULL OR (passed_at_s, trial_passage.id) < (?2, ?3))"
        " ORDER BY passed_at_s DESC, trial_passage.id DESC LIMIT ?4",
        (deployment_id, at_s, row_id, limit),
    )


def raised(reader: Reader, deployment_id: str) -> list[Raised]:
    """The deployment's episodes about those who take part, in the order of time."""
    return reader.query(
        Raised,
        "SELECT id, camera_id, entry_id, raised_at_s FROM episode WHERE deployment_id = ?1"
        " AND entry_id IN (SELECT entry_id FROM trial_passage WHERE deployment_id = ?1)"
        " ORDER BY raised_at_s, id",
        (deployment_id,),
    )

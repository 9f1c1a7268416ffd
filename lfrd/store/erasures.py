"""Erasures: from the first step to the receipt, and the rows that each step takes away.

The order is fixed: the key is destroyed, rows are deleted, vectors leave the index, both logs are
emptied into their files, and only then is the receipt written. A row of this table stands for each
erasure under way, so that a crash anywhere in between is gone on from.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from lfrd.errors import Conflict
from lfrd.events import EventKind
from lfrd.ids import new_id
from lfrd.store import camera_states, deployments, episodes, holds, reference_images, watchlists
from lfrd.store.audit import AuditClass
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import DeploymentState, ErasureKind


class ErasureState(enum.StrEnum):
    """`asked`: nothing is gone yet. `deleted`: rows are gone, the files are not clean yet."""

    ASKED = "asked"
    DELETED = "deleted"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """With `done_at_s` and `leaf_id` it is the receipt; the counts say what went."""

    TABLE: ClassVar[str] = "erasure"

    id: str
    kind: ErasureKind
    subject_id: str
    reason: str
    state: ErasureState
    asked_at_s: float
    principal: str
    entries: int = 0
    templates: int = 0
    images: int = 0
    episodes: int = 0
    done_at_s: float | None = None
    leaf_id: int | None = None


ON_HOLD = "this, or part of it, is on legal hold: release the hold first (`lfrd hold list`)"

SEALED = (
    "sealed_probe_crop = NULL, sealed_reference_crop = NULL, sealed_probe_portrait = NULL,"
    " sealed_reference_portrait = NULL, sealed_scene = NULL"
)


def ask(tx: Transaction, kind: ErasureKind, subject_id: str, reason: str) -> Erasure:
    """Note that an erasure begins, or find the one under way.

    Raises NotFound, or Conflict for what is on legal hold and for a deployment that has not ended.
    """
    known = tx.first(Erasure, "WHERE subject_id = ? AND kind = ? AND state <> 'done'",
                     (subject_id, kind))  # fmt: skip
    if known is not None:
        return known
    _must_exist(tx, kind, subject_id)
    if _held(tx, kind, subject_id):
        raise Conflict(ON_HOLD)
    return _begun(tx, kind, subject_id, reason, ErasureState.ASKED)


def unfinished(reader: Reader) -> list[Erasure]:
    """The erasures without a receipt, oldest first."""
    return reader.find(Erasure, "WHERE state <> 'done' ORDER BY asked_at_s, id")


def receipts(
    reader: Reader, after: tuple[float, str] | None = None, limit: int = 200
) -> list[Erasure]:
    """Erasures, those under way included, newest first; `after`: when the last one of the page
    before was asked for, and its id."""
    return reader.page(Erasure, ("asked_at_s", "id"), after, limit)


def get(reader: Reader, erasure_id: str) -> Erasure:
    """Raises NotFound."""
    return reader.get(Erasure, erasure_id)


def list_erased_at_s(reader: Reader, watchlist_id: str) -> float | None:
    """When the erasure of a list was complete; None while it is there."""
    erased = reader.first(
        Erasure, "WHERE subject_id = ? AND kind = ? AND state = 'done'",
        (watchlist_id, ErasureKind.WATCHLIST),
    )  # fmt: skip
    return erased.done_at_s if erased else None


def find(reader: Reader, erasure_id: str) -> Erasure | None:
    """None where it was withdrawn."""
    return reader.first(Erasure, "WHERE id = ?", (erasure_id,))


_TEMPLATES_OF = {
    ErasureKind.WATCHLIST: "watchlist_id = ?",
    ErasureKind.PERSON: "person_id = ?",
    ErasureKind.ENTRY: "entry_id = ?",
    ErasureKind.PHOTO: "reference_image_id = ?",
}


def templates_and_entries(reader: Reader, erasure: Erasure) -> tuple[list[str], set[str]]:
    """The ids of what the running search has to forget; the entry of an erased photo stays, with
    what its other photos scored."""
    condition = _TEMPLATES_OF.get(erasure.kind)
    if condition is None:
        return [], set()
    rows = reader.rows(
        "SELECT template.id AS template_id, entry_id FROM template"  # noqa: S608
        f" JOIN entry ON entry.id = entry_id WHERE {condition}",  # one of the literals above
        (erasure.subject_id,),
    )
    found = [(row.text("template_id"), row.text("entry_id")) for row in rows]
    entries = set() if erasure.kind is ErasureKind.PHOTO else {entry_id for _, entry_id in found}
    return [template_id for template_id, _ in found], entries


def destroy_key(tx: Transaction, erasure: Erasure) -> bool:
    """The first step: from here on no copy of these faces can be opened. May be repeated.

    False, and the erasure is withdrawn, where a hold came into force after it was asked for.
    """
    if _held(tx, erasure.kind, erasure.subject_id):
        tx.execute("DELETE FROM erasure WHERE id = ? AND state = 'asked'", (erasure.id,))
        return False
    if erasure.kind is ErasureKind.WATCHLIST:
        tx.keys.destroy(watchlists.scope_of(erasure.subject_id))
    elif erasure.kind is ErasureKind.DEPLOYMENT:
        tx.keys.destroy(deployments.scope_of(erasure.subject_id))
    elif erasure.kind is ErasureKind.PERSON:
        tx.keys.destroy_parts(_parts_of_person(tx, erasure.subject_id))
    elif erasure.kind is ErasureKind.ENTRY:
        photos = reference_images.of_entry(tx, erasure.subject_id)
        tx.keys.destroy_parts([photo.id for photo in photos])
    elif erasure.kind is ErasureKind.PHOTO:
        tx.keys.destroy_parts([erasure.subject_id])
    return True


def _parts_of_person(tx: Transaction, person_id: str) -> list[str]:
    """What has a key of its own and shows this person: photos, episodes, rivals beside others."""
    return tx.column(
        "SELECT reference_image.id FROM reference_image JOIN entry ON entry.id = entry_id"
        " WHERE person_id = ?1 UNION ALL SELECT id FROM episode WHERE person_id = ?1"
        " UNION ALL SELECT episode_id || '/' || person_id FROM episode_rival WHERE person_id = ?1",
        (person_id,),
    )


def deleted(tx: Transaction, erasure: Erasure) -> Erasure:
    """The rows of this erasure are gone."""
    tx.execute(
        "UPDATE erasure SET state = 'deleted', entries = ?, templates = ?, images = ?,"
        " episodes = ? WHERE id = ? AND state = 'asked'",
        (erasure.entries, erasure.templates, erasure.images, erasure.episodes, erasure.id),
    )
    return replace(erasure, state=ErasureState.DELETED)


def receipt(tx: Transaction, erasure_id: str) -> Erasure:
    """The files are clean: write the receipt, in the table and in the log; once."""
    erasure = get(tx, erasure_id)
    if erasure.state is ErasureState.DONE:
        return erasure
    leaf_id = tx.audit(
        AuditClass.ERASURE, "erasure.receipt", (erasure.id, erasure.subject_id),
        {"kind": erasure.kind.value, "entries": erasure.entries, "templates": erasure.templates,
         "images": erasure.images, "episodes": erasure.episodes,
         **({"list": erasure.subject_id} if erasure.kind is ErasureKind.WATCHLIST else {})},
    )  # fmt: skip
    tx.execute(
        "UPDATE erasure SET state = 'done', done_at_s = ?, leaf_id = ? WHERE id = ?",
        (tx.at_s, leaf_id, erasure.id),
    )
    return get(tx, erasure.id)


def delete_list(tx: Transaction, erasure: Erasure) -> Erasure:
    """The rows of a list; its key is destroyed by now. Also where the list is gone already."""
    listed = "SELECT id FROM entry WHERE watchlist_id = ?"
    counted = replace(
        erasure,
        entries=_count(tx, f"FROM entry WHERE id IN ({listed})", erasure.subject_id),
        templates=_count(tx, f"FROM template WHERE entry_id IN ({listed})", erasure.subject_id),
        images=_count(tx, f"FROM reference_image WHERE entry_id IN ({listed})",
                      erasure.subject_id),
    )  # fmt: skip
    watchlists.delete(tx, erasure.subject_id)
    return deleted(tx, counted)


def delete_entry(tx: Transaction, erasure: Erasure) -> Erasure:
    """An entry with its photos; their keys are destroyed by now. Also where it is gone already."""
    counted = replace(
        erasure,
        entries=_count(tx, "FROM entry WHERE id = ?", erasure.subject_id),
        templates=_count(tx, "FROM template WHERE entry_id = ?", erasure.subject_id),
        images=_count(tx, "FROM reference_image WHERE entry_id = ?", erasure.subject_id),
    )
    watchlists.delete_entry(tx, erasure.subject_id)
    return deleted(tx, counted)


def delete_photo(tx: Transaction, erasure: Erasure) -> Erasure:
    """A photo with its templates; its key is destroyed by now. Also where it is gone already."""
    counted = replace(
        erasure,
        templates=_count(tx, "FROM template WHERE reference_image_id = ?", erasure.subject_id),
        images=_count(tx, "FROM reference_image WHERE id = ?", erasure.subject_id),
    )
    reference_images.delete(tx, erasure.subject_id)
    return deleted(tx, counted)


def delete_person(tx: Transaction, erasure: Erasure) -> Erasure:
    """A person's entries on all lists, and the faces in every episode that shows them."""
    person_id = erasure.subject_id
    listed = "SELECT id FROM entry WHERE person_id = ?"
    counted = replace(
        erasure,
        entries=_count(tx, f"FROM entry WHERE id IN ({listed})", person_id),
        templates=_count(tx, f"FROM template WHERE entry_id IN ({listed})", person_id),
        images=_count(tx, f"FROM reference_image WHERE entry_id IN ({listed})", person_id),
    )
    subjects = [person_id]
    for entry in watchlists.entries_of_person(tx, person_id):
        subjects.append(entry.id)
        watchlists.delete_entry(tx, entry.id)
    tx.execute("DELETE FROM person WHERE id = ?", (person_id,))
    tx.execute("UPDATE episode_rival SET sealed_reference_portrait = NULL, reference = ''"
               " WHERE person_id = ?", (person_id,))  # fmt: skip
    for episode_id in tx.column(
        "SELECT episode_id FROM episode_rival WHERE person_id = ?", (person_id,)
    ):
        tx.event(EventKind.EPISODE_UPDATED, episode_id)
    tx.execute("UPDATE episode SET reference = '' WHERE person_id = ?", (person_id,))
    _forget_words(tx, person_id)
    blanked = blank(tx, "person_id = ?", (person_id,))
    forget_links(tx, subjects)
    return deleted(tx, replace(counted, episodes=blanked))


def _forget_words(tx: Transaction, person_id: str) -> None:
    """What people wrote about the episodes that show a person: it may name them."""
    shown = (
        "(SELECT id FROM episode WHERE person_id = ?1"
        " UNION SELECT episode_id FROM episode_rival WHERE person_id = ?1)"
    )
    for table, column in (("review", "reason"), ("outcome", "note")):
        tx.execute(
            f"UPDATE {table} SET {column} = '' WHERE episode_id IN {shown}",  # noqa: S608  # our own
            (person_id,),
        )


def delete_deployment(tx: Transaction, erasure: Erasure) -> Erasure:
    """The faces of a deployment's episodes; its key is destroyed by now. The record stays."""
    blanked = blank(tx, "deployment_id = ?", (erasure.subject_id,))
    if deployments.get(tx, erasure.subject_id).state == DeploymentState.ENDED:
        deployments.mark_erased(tx, erasure.subject_id)
        camera_states.forget(tx, erasure.subject_id)
    return deleted(tx, replace(erasure, episodes=blanked))


def oldest_faces(reader: Reader) -> dict[str, float]:
    """When the oldest episode was raised that has faces and is not on hold, by deployment."""
    rows = reader.rows(
        "SELECT deployment_id, min(raised_at_s) AS oldest_s FROM episode"  # noqa: S608
        f" WHERE faces_erased_at_s IS NULL AND id NOT IN ({holds.EPISODES_HELD})"
        " GROUP BY deployment_id"
    )
    return {row.text("deployment_id"): row.real("oldest_s") for row in rows}


def blank_due(tx: Transaction, deployment_id: str, raised_before_s: float) -> Erasure | None:
    """The faces of one deployment's episodes whose short timer has run out, those on hold apart.

    One transaction; the erasure is open until the files are clean. None where nothing was due.
    """
    count = blank(
        tx, f"deployment_id = ? AND raised_at_s <= ? AND id NOT IN ({holds.EPISODES_HELD})",
        (deployment_id, raised_before_s),
    )  # fmt: skip
    if not count:
        return None
    return note_deleted(tx, ErasureKind.EPISODES, deployment_id, "the time for face data is over",
                        blanked=count)  # fmt: skip


def note_asked(tx: Transaction, kind: ErasureKind, subject_id: str, reason: str) -> Erasure:
    """An erasure whose key is gone already and whose rows go in this very transaction."""
    return _begun(tx, kind, subject_id, reason, ErasureState.ASKED)


def note_deleted(
    tx: Transaction,
    kind: ErasureKind,
    subject_id: str,
    reason: str,
    *,
    templates: int = 0,
    blanked: int = 0,
) -> Erasure:
    """An erasure whose rows went in this very transaction, or that was in memory only; `blanked`
    episodes lost their faces by it."""
    return _begun(
        tx, kind, subject_id, reason, ErasureState.DELETED, templates=templates, blanked=blanked
    )


def _begun(
    tx: Transaction,
    kind: ErasureKind,
    subject_id: str,
    reason: str,
    state: ErasureState,
    *,
    templates: int = 0,
    blanked: int = 0,
) -> Erasure:
    erasure = Erasure(
        id=new_id(),
        kind=kind,
        subject_id=subject_id,
        reason=reason,
        state=state,
        asked_at_s=tx.at_s,
        principal=tx.principal,
        templates=templates,
        episodes=blanked,
    )
    tx.insert(erasure)
    return erasure


def deployments_without_faces(reader: Reader) -> list[deployments.Deployment]:
    """The deployments that have an episode whose faces are erased."""
    return reader.find(
        deployments.Deployment,
        "WHERE EXISTS (SELECT 1 FROM episode WHERE deployment_id = deployment.id"
        " AND faces_erased_at_s IS NOT NULL)",
    )


def droppable(reader: Reader, deployment_id: str, raised_before_s: float, limit: int) -> list[str]:
    """The episodes of a deployment that are this old, have no faces and are not on hold."""
    return reader.column(
        "SELECT id FROM episode WHERE deployment_id = ? AND raised_at_s <= ?"  # noqa: S608
        f" AND faces_erased_at_s IS NOT NULL AND id NOT IN ({holds.EPISODES_HELD}) LIMIT ?",
        (deployment_id, raised_before_s, limit),
    )


def drop_episodes(tx: Transaction, episode_ids: Sequence[str]) -> int:
    """The long timer: what is left of episodes, with their reviews and their links in the log."""
    dropped = 0
    for episode_id in episode_ids:
        dropped += tx.execute(
            "DELETE FROM episode WHERE id = ? AND faces_erased_at_s IS NOT NULL", (episode_id,)
        )
    forget_links(tx, episode_ids)
    return dropped


def blank(tx: Transaction, condition: str, values: Sequence[str | float]) -> int:
    """Take the faces out of the episodes that fit `condition` (our own text), and destroy their
    keys, so that backups show none either; how many had any."""
    parts = tx.column(
        "SELECT episode_id || '/' || person_id FROM episode_rival WHERE episode_id IN"  # noqa: S608
        f" (SELECT id FROM episode WHERE {condition} AND faces_erased_at_s IS NULL)",
        values,
    )
    tx.execute(
        "UPDATE episode_rival SET sealed_reference_portrait = NULL WHERE episode_id IN"  # noqa: S608
        f" (SELECT id FROM episode WHERE {condition})",
        values,
    )
    ids = tx.column(
        f"SELECT id FROM episode WHERE {condition} AND faces_erased_at_s IS NULL",  # noqa: S608
        values,
    )
    tx.keys.destroy_parts([*ids, *parts])
    for episode_id in ids:
        tx.execute(
            f"UPDATE episode SET {SEALED}, faces_erased_at_s = ? WHERE id = ?",  # noqa: S608
            (tx.at_s, episode_id),
        )
        tx.event(EventKind.EPISODE_UPDATED, episode_id)
        episodes.lapse(tx, episode_id)
    return len(ids)


def close_faceless(tx: Transaction) -> None:
    """Close what was erased by an lfrd that left it open, to be decided without a face."""
    for episode_id in tx.column(
        "SELECT id FROM episode WHERE state = 'open' AND faces_erased_at_s IS NOT NULL"
    ):
        episodes.lapse(tx, episode_id)


def forget_links(tx: Transaction, subject_ids: Sequence[str]) -> int:
    """Erase the salts of the log entries about some subjects: the entries still verify, and no
    longer say whom they are about."""
    return sum(
        tx.execute(
            "UPDATE audit_leaf SET subjects = NULL, salt = NULL WHERE subjects IS NOT NULL"
            " AND id IN (SELECT leaf_id FROM audit_link WHERE subject_id = ?)",
            (subject_id,),
        )
        for subject_id in dict.fromkeys(subject_ids)
    )


def has_links_before(reader: Reader, at_s: float) -> bool:
    """Whether any log entry older than `at_s` still says whom it is about."""
    found = reader.value(
        "SELECT 1 FROM audit_leaf WHERE at_s < ? AND salt IS NOT NULL LIMIT 1", (at_s,)
    )
    return found is not None


def forget_links_before(tx: Transaction, at_s: float) -> int:
    """The same for all log entries older than `at_s`, the receipts of erasures included."""
    return tx.execute(
        "UPDATE audit_leaf SET subjects = NULL, salt = NULL WHERE at_s < ? AND salt IS NOT NULL",
        (at_s,),
    )


def has_words_before(reader: Reader, at_s: float) -> bool:
    """Whether an erasure, or a hold that was released, before `at_s` still says why."""
    found = reader.value(
        "SELECT 1 FROM erasure WHERE done_at_s < ? AND reason <> '' LIMIT 1", (at_s,)
    )
    return found is not None or holds.has_words_before(reader, at_s)


def forget_words_before(tx: Transaction, at_s: float) -> None:
    """Erase why: a reason that somebody typed may name whom it was about."""
    tx.execute("UPDATE erasure SET reason = '' WHERE done_at_s < ? AND reason <> ''", (at_s,))
    holds.forget_words_before(tx, at_s)


def _count(tx: Transaction, rest: str, subject_id: str) -> int:
    return tx.count(f"SELECT count(*) {rest}", (subject_id,))


def _held(reader: Reader, kind: ErasureKind, subject_id: str) -> bool:
    count = {
        ErasureKind.WATCHLIST: holds.on_list,
        ErasureKind.PERSON: holds.on_person,
        ErasureKind.DEPLOYMENT: holds.on_deployment,
        ErasureKind.ENTRY: holds.on_entry,
        ErasureKind.PHOTO: holds.on_photo,
    }.get(kind)
    return count is not None and count(reader, subject_id) > 0


def _must_exist(reader: Reader, kind: ErasureKind, subject_id: str) -> None:
    if kind is ErasureKind.WATCHLIST:
        watchlists.get(reader, subject_id)
    elif kind is ErasureKind.ENTRY:
        watchlists.get_entry(reader, subject_id)
    elif kind is ErasureKind.PHOTO:
        reference_images.get(reader, subject_id)
    elif kind is ErasureKind.DEPLOYMENT:
        state = deployments.get(reader, subject_id).state
        if state is not DeploymentState.ENDED:
            raise Conflict(f"deployment {subject_id} is {state}: only an ended one can be erased")
    elif not reader.count("SELECT count(*) FROM episode WHERE person_id = ?", (subject_id,)):
        reader.get(watchlists.Person, subject_id)

"""Legal holds: what must not be erased, because two different people said so, with a reason.

A hold asked for by one person has no effect. The database itself refuses to delete a list, entry
or photo on hold (triggers of migration 2); what is only blanked, the faces of episodes, is asked
for here.
"""

from dataclasses import dataclass
from typing import ClassVar

from lfrd.errors import BadInput, Conflict
from lfrd.ids import new_id
from lfrd.store import deployments, episodes, watchlists
from lfrd.store.audit import AuditClass
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import HoldKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """In force from `confirmed_at_s` to `released_at_s`."""

    TABLE: ClassVar[str] = "legal_hold"

    id: str
    kind: HoldKind
    subject_id: str
    reason: str
    asked_at_s: float
    principal: str
    confirmed_at_s: float | None = None
    confirmed_by: str | None = None
    released_at_s: float | None = None
    released_by: str | None = None
    release_reason: str | None = None


IN_FORCE = "confirmed_at_s IS NOT NULL AND released_at_s IS NULL"

EPISODES_HELD = f"""
    SELECT subject_id FROM legal_hold WHERE {IN_FORCE}
    UNION SELECT episode.id FROM legal_hold CROSS JOIN episode ON deployment_id = subject_id
        WHERE {IN_FORCE}
    UNION SELECT episode.id FROM legal_hold CROSS JOIN episode ON person_id = subject_id
        WHERE {IN_FORCE}
    UNION SELECT episode.id FROM legal_hold CROSS JOIN episode ON watchlist_id = subject_id
        WHERE {IN_FORCE}
    UNION SELECT episode_id FROM legal_hold CROSS JOIN episode_rival ON person_id = subject_id
        WHERE {IN_FORCE}
"""  # noqa: S608  # a constant of ours
"""The ids of the episodes whose faces must stay, by whichever hold, among other ids. Holds are few:
what they hold is looked up from them, by its indexes."""


def ask(tx: Transaction, kind: HoldKind, subject_id: str, reason: str) -> Hold:
    """Ask for a hold, as `tx.principal`; it has no effect before another person confirms it."""
    if not reason.strip():
        raise BadInput("a legal hold needs a reason")
    _must_exist(tx, kind, subject_id)
    hold = Hold(
        id=new_id(),
        kind=kind,
        subject_id=subject_id,
        reason=reason.strip(),
        asked_at_s=tx.at_s,
        principal=tx.principal,
    )
    tx.insert(hold)
    tx.audit(AuditClass.DECISION, "hold.ask", (hold.id, subject_id), {"kind": kind.value})
    return hold


def confirm(tx: Transaction, hold_id: str) -> Hold:
    """Put a hold in force (who may, says lfrd.governance.two_person).

    Raises NotFound, or Conflict where it is confirmed or released already.
    """
    hold = tx.get(Hold, hold_id)
    if hold.confirmed_at_s is not None or hold.released_at_s is not None:
        raise Conflict(f"hold {hold_id} is confirmed or released already")
    _must_exist(tx, hold.kind, hold.subject_id)
    tx.execute(
        "UPDATE legal_hold SET confirmed_at_s = ?, confirmed_by = ? WHERE id = ?",
        (tx.at_s, tx.principal, hold_id),
    )
    tx.audit(AuditClass.DECISION, "hold.confirm", (hold_id, hold.subject_id))
    return tx.get(Hold, hold_id)


def release(tx: Transaction, hold_id: str, reason: str) -> Hold:
    """End a hold, or take back one that was asked for: the timers then apply at once."""
    if not reason.strip():
        raise BadInput("releasing a legal hold needs a reason")
    hold = tx.get(Hold, hold_id)
    if hold.released_at_s is not None:
        raise Conflict(f"hold {hold_id} is released already")
    tx.execute(
        "UPDATE legal_hold SET released_at_s = ?, released_by = ?, release_reason = ? WHERE id = ?",
        (tx.at_s, tx.principal, reason.strip(), hold_id),
    )
    tx.audit(AuditClass.DECISION, "hold.release", (hold_id, hold.subject_id))
    return tx.get(Hold, hold_id)


def page(reader: Reader, after: str | None, limit: int) -> list[Hold]:
    """Holds, newest first; `after`: the id of the last one of the page before."""
    return reader.page(Hold, ("id",), None if after is None else (after,), limit)


def on_list(reader: Reader, watchlist_id: str) -> int:
    """How many holds keep a list or an entry on it."""
    return reader.count(
        f"SELECT count(*) FROM legal_hold WHERE {IN_FORCE} AND (subject_id = ? OR subject_id IN"  # noqa: S608
        " (SELECT person_id FROM entry WHERE watchlist_id = ?))",
        (watchlist_id, watchlist_id),
    )


def on_entry(reader: Reader, entry_id: str) -> int:
    """How many holds keep an entry: by its list or its person."""
    return reader.count(
        f"SELECT count(*) FROM legal_hold JOIN entry ON subject_id IN (person_id, watchlist_id)"  # noqa: S608
        f" WHERE {IN_FORCE} AND entry.id = ?",
        (entry_id,),
    )


def on_photo(reader: Reader, photo_id: str) -> int:
    """How many holds keep a photo: those that keep its entry."""
    entry_id = reader.value("SELECT entry_id FROM reference_image WHERE id = ?", (photo_id,))
    return 0 if entry_id is None else on_entry(reader, str(entry_id))


def on_person(reader: Reader, person_id: str) -> int:
    """How many holds keep a person, a list they are on, or an episode that shows them."""
    return reader.count(
        f"SELECT count(*) FROM legal_hold WHERE {IN_FORCE} AND (subject_id = ?1 OR subject_id IN"  # noqa: S608
        " (SELECT watchlist_id FROM entry WHERE person_id = ?1) OR subject_id IN"
        " (SELECT id FROM episode WHERE person_id = ?1 UNION SELECT deployment_id FROM episode"
        "  WHERE person_id = ?1 UNION SELECT episode_id FROM episode_rival WHERE person_id = ?1))",
        (person_id,),
    )


def on_deployment(reader: Reader, deployment_id: str) -> int:
    """How many episodes of a deployment are held; a hold on it counts even without any."""
    held = reader.count(
        f"SELECT count(*) FROM episode WHERE deployment_id = ? AND id IN ({EPISODES_HELD})",  # noqa: S608
        (deployment_id,),
    )
    return held or reader.count(
        f"SELECT count(*) FROM legal_hold WHERE {IN_FORCE} AND subject_id = ?",  # noqa: S608
        (deployment_id,),
    )


def _must_exist(reader: Reader, kind: HoldKind, subject_id: str) -> None:
    tables = {
        HoldKind.EPISODE: episodes.Episode,
        HoldKind.DEPLOYMENT: deployments.Deployment,
        HoldKind.PERSON: watchlists.Person,
        HoldKind.WATCHLIST: watchlists.Watchlist,
    }
    reader.get(tables[kind], subject_id)


FORGOTTEN = "forgotten"
"""In the place of a reason whose time is over."""


def has_words_before(reader: Reader, at_s: float) -> bool:
    """Whether a hold that was released before `at_s` still says why."""
    found = reader.value(
        "SELECT 1 FROM legal_hold WHERE released_at_s < ? AND reason <> ? LIMIT 1",
        (at_s, FORGOTTEN),
    )
    return found is not None


def forget_words_before(tx: Transaction, at_s: float) -> None:
    """Erase the reasons of such holds."""
    tx.execute(
        "UPDATE legal_hold SET reason = ?1, release_reason = ?1 WHERE released_at_s < ?2",
        (FORGOTTEN, at_s),
    )

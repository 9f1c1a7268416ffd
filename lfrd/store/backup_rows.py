"""What of the database a backup and a restore need to know: whose key is to be gone when, and what
is there without its key."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from lfrd.audit.verify import PublicKey
from lfrd.store import (
    audit_log,
    deployments,
    erasures,
    holds,
    reference_images,
    watchlists,
)
from lfrd.store.audit import AuditClass, Fact
from lfrd.store.keys import Scope
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import ErasureKind

REASON = "erased after the backup was made"


@dataclass(frozen=True, slots=True)
class FacesOf:
    """An episode with faces that is not on hold; `parts` have its keys."""

    deployment_id: str
    raised_at_s: float
    parts: tuple[str, ...]


def episodes_with_faces(reader: Reader) -> list[FacesOf]:
    """Episodes whose faces go when their time is over."""
    rows = reader.rows(
        "SELECT id, deployment_id, raised_at_s, (SELECT json_group_array(id || '/' || person_id)"  # noqa: S608
        " FROM episode_rival WHERE episode_id = id) AS rivals FROM episode"
        f" WHERE faces_erased_at_s IS NULL AND id NOT IN ({holds.EPISODES_HELD})"
    )
    found = []
    for row in rows:
        parts = (row.text("id"), *json.loads(row.text("rivals")))
        found.append(FacesOf(row.text("deployment_id"), row.real("raised_at_s"), parts))
    return found


def ends_of_lists(reader: Reader) -> dict[str, float]:
    """When lists expire that do, and are not on hold."""
    rows = reader.rows("SELECT id, expires_at_s FROM watchlist WHERE expires_at_s IS NOT NULL")
    ends = {row.text("id"): row.real("expires_at_s") for row in rows}
    return {key: end_s for key, end_s in ends.items() if not holds.on_list(reader, key)}


def ends_of_photos(reader: Reader) -> dict[str, float]:
    """When the entries of photos expire that do, by photo."""
    rows = reader.rows(
        "SELECT reference_image.id AS id, entry.id AS entry_id, expires_at_s FROM reference_image"
        " JOIN entry ON entry.id = entry_id WHERE expires_at_s IS NOT NULL"
    )
    ends = [(row.text("id"), row.text("entry_id"), row.real("expires_at_s")) for row in rows]
    held = {entry_id for _, entry_id, _ in ends if holds.on_entry(reader, entry_id)}
    return {photo: end_s for photo, entry_id, end_s in ends if entry_id not in held}


def log_size(reader: Reader) -> int:
    """How many leaves the log has."""
    return reader.count("SELECT count(*) FROM audit_leaf")


def forget_copy_of_log(tx: Transaction) -> None:
    """The copy of the checkpoints may not be on this machine: another one is begun."""
    tx.execute("DELETE FROM meta WHERE name = 'audit_copied_to'")


@dataclass(frozen=True, slots=True)
class Reapplied:
    """How much was taken away since its keys are gone."""

    lists: int = 0
    entries: int = 0
    photos: int = 0
    episodes: int = 0


def reapply(tx: Transaction) -> Reapplied:
    """Take away what has lost its key: it was erased after the backup. Each gets its receipt when
    the daemon starts. What is on hold stays, without its face."""
    lists = [
        row.id
        for row in tx.find(watchlists.Watchlist)
        if not tx.keys.has(watchlists.scope_of(row.id)) and not holds.on_list(tx, row.id)
    ]
    for watchlist_id in lists:
        erasure = erasures.note_asked(tx, ErasureKind.WATCHLIST, watchlist_id, REASON)
        erasures.delete_list(tx, erasure)
    parts = tx.keys.part_ids()
    photos = _without_part(
        tx, "SELECT id, entry_id AS owner FROM reference_image WHERE own_key = 1", parts
    )
    photos = {photo: entry for photo, entry in photos.items() if not holds.on_photo(tx, photo)}
    for photo_id in photos:
        erasure = erasures.note_asked(tx, ErasureKind.PHOTO, photo_id, REASON)
        erasures.delete_photo(tx, erasure)
    entries = 0
    for entry_id in dict.fromkeys(photos.values()):
        if not reference_images.of_entry(tx, entry_id) and not holds.on_entry(tx, entry_id):
            erasure = erasures.note_asked(tx, ErasureKind.ENTRY, entry_id, REASON)
            erasures.delete_entry(tx, erasure)
            entries += 1
    return Reapplied(len(lists), entries, len(photos), _blank_episodes(tx, parts))


def _without_part(tx: Transaction, query: str, parts: set[str]) -> dict[str, str]:
    return {
        row.text("id"): row.text("owner") for row in tx.rows(query) if row.text("id") not in parts
    }


def _blank_episodes(tx: Transaction, parts: set[str]) -> int:
    gone = _without_part(
        tx, "SELECT id, deployment_id AS owner FROM episode WHERE own_key = 1"
        " AND faces_erased_at_s IS NULL", parts,
    )  # fmt: skip
    by_deployment: dict[str, list[str]] = {}
    for episode_id, owner in gone.items():
        by_deployment.setdefault(owner, []).append(episode_id)
    for deployment_id, episode_ids in by_deployment.items():
        blanked = sum(erasures.blank(tx, "id = ?", (one,)) for one in episode_ids)
        erasures.note_deleted(tx, ErasureKind.EPISODES, deployment_id, REASON, blanked=blanked)
    for row in tx.find(deployments.Deployment, "WHERE state = 'ended'"):
        if not tx.keys.has(Scope("deployment", row.id)):
            erasure = erasures.note_asked(tx, ErasureKind.DEPLOYMENT, row.id, REASON)
            erasures.delete_deployment(tx, erasure)
    for rival, owner in _without_part(
        tx, "SELECT episode_id || '/' || person_id AS id, episode_id AS owner FROM episode_rival"
        " WHERE own_key = 1 AND sealed_reference_portrait IS NOT NULL", parts,
    ).items():  # fmt: skip
        tx.execute(
            "UPDATE episode_rival SET sealed_reference_portrait = NULL, reference = ''"
            " WHERE episode_id = ? AND person_id = ?", (owner, rival.rpartition("/")[2]),
        )  # fmt: skip
    return len(gone)


def log_state(reader: Reader) -> tuple[int, bytes, str, list[PublicKey]]:
    """The size of the log, its root, its origin, and the keys that signed it."""
    size = log_size(reader)
    return size, audit_log.root_at(reader, size), audit_log.origin(reader), audit_log.keys(reader)


MADE = "backup.make"
"""An archive that was made, as the log calls it."""


def log_made(tx: Transaction, facts: Mapping[str, Fact]) -> None:
    """An archive in the log, once: it shows faces to whoever has the private key. `sha256` of the
    facts says which."""
    again = "SELECT count(*) FROM audit_leaf WHERE action = ? AND instr(payload, ?) > 0"
    if not tx.count(again, (MADE, str(facts["sha256"]))):
        tx.audit(AuditClass.DISCLOSURE, MADE, (), facts)


def counts(reader: Reader) -> tuple[int, int, int]:
    """How many lists, entries and episodes there are."""
    lists, entries, episodes = (
        reader.count(f"SELECT count(*) FROM {table}")  # noqa: S608  # names of ours
        for table in ("watchlist", "entry", "episode")
    )
    return lists, entries, episodes

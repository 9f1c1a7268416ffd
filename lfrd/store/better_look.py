"""A clearly better look at the same track takes the place of the one that an episode shows."""

import os
from dataclasses import dataclass
from typing import ClassVar

from lfrd.errors import Conflict
from lfrd.events import EventKind
from lfrd.governance.audit import SALT_BYTES, AuditClass
from lfrd.store.episodes import Evidence, commit_faces, key_of
from lfrd.store.seal import BlobKind, Label
from lfrd.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Seen:
    """When a look was taken (see lfrd.types)."""

    sequence: int
    media_at_s: float
    captured_at_s: float


@dataclass(frozen=True, slots=True)
class _Kept:
    """What of an episode's pictures stays when the look changes."""

    TABLE: ClassVar[str] = "episode"

    id: str
    deployment_id: str
    entry_id: str
    model_digest: str
    sealed_reference_crop: bytes | None
    sealed_reference_portrait: bytes | None
    sealed_scene: bytes | None
    own_key: bool


def show(tx: Transaction, episode_id: str, seen: Seen, evidence: Evidence) -> None:
    """Replace the time and the pictures of the deciding look; the old ones are gone.

    The new pictures are committed to in the log like those of the raise. Raises Conflict where the
    episode is closed, or its faces were erased.
    """
    kept = tx.get(_Kept, episode_id)
    key = key_of(tx, kept)

    def opened(kind: BlobKind, sealed: bytes | None) -> bytes | None:
        return None if sealed is None else key.open(Label(kind, kept.id, kept.model_digest), sealed)

    def seal(kind: BlobKind, image: bytes) -> bytes:
        return key.seal(Label(kind, kept.id, kept.model_digest), image)

    scene = evidence.scene or opened("scene", kept.sealed_scene)
    salt = os.urandom(SALT_BYTES)
    faces = commit_faces(
        salt,
        evidence.probe_crop,
        opened("episode-reference", kept.sealed_reference_crop),
        evidence.probe_portrait,
        opened("episode-portrait", kept.sealed_reference_portrait),
        scene,
    )
    changed = tx.execute(
        "UPDATE episode SET sequence = ?, media_at_s = ?, captured_at_s = ?, faces_salt = ?,"
        " faces_commitment = ?, sealed_probe_crop = ?, sealed_probe_portrait = ?,"
        " sealed_scene = ?"
        " WHERE id = ? AND state = 'open' AND sealed_probe_crop IS NOT NULL",
        (
            seen.sequence,
            seen.media_at_s,
            seen.captured_at_s,
            salt,
            faces,
            seal("probe-crop", evidence.probe_crop),
            seal("probe-portrait", evidence.probe_portrait),
            None if scene is None else seal("scene", scene),
            episode_id,
        ),
    )
    if not changed:
        raise Conflict(f"episode {episode_id} is closed, or its faces were erased")
    tx.audit(
        AuditClass.ALTERATION,
        "episode.better-look",
        (episode_id, kept.deployment_id, kept.entry_id),
        {"sequence": seen.sequence, "faces": faces.hex()},
    )
    tx.event(EventKind.EPISODE_UPDATED, episode_id)

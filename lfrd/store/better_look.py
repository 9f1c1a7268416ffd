"""A clearly better look at the same track takes the place of the one that an episode shows."""

import os
from dataclasses import dataclass

from lfrd.errors import Conflict
from lfrd.events import EventKind
from lfrd.store.audit import SALT_BYTES, AuditClass
from lfrd.store.episodes import Evidence, SealedEpisode, commit_faces, key_of
from lfrd.store.seal import BlobKind, Label
from lfrd.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Seen:
    """When a look was taken (see lfrd.types)."""

    sequence: int
    media_at_s: float
    captured_at_s: float


def show(tx: Transaction, episode_id: str, seen: Seen, evidence: Evidence) -> None:
    """Replace the time and the pictures of the deciding look; the old ones are gone.

    The new pictures are committed to in the log like those of the raise. Raises Conflict where the
    episode is closed, or its faces were erased.
    """
    kept = tx.get(SealedEpisode, episode_id)
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
        "UPDATE episode SET sequence = :sequence, media_at_s = :media_at_s,"
        " captured_at_s = :captured_at_s, faces_salt = :salt, faces_commitment = :faces,"
        " sealed_probe_crop = :probe, sealed_probe_portrait = :portrait, sealed_scene = :scene"
        " WHERE id = :id AND state = 'open' AND sealed_probe_crop IS NOT NULL",
        {
            "id": episode_id,
            "sequence": seen.sequence,
            "media_at_s": seen.media_at_s,
            "captured_at_s": seen.captured_at_s,
            "salt": salt,
            "faces": faces,
            "probe": seal("probe-crop", evidence.probe_crop),
            "portrait": seal("probe-portrait", evidence.probe_portrait),
            "scene": None if scene is None else seal("scene", scene),
        },
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

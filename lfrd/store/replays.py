"""The pictures that a machine compares again: an episode's own crops, opened for a replay."""

import hmac
from dataclasses import dataclass

from lfrd.errors import NotFound
from lfrd.store.audit import AuditClass
from lfrd.store.episodes import SealedEpisode, commit_faces, key_of
from lfrd.store.seal import BlobKind, Label
from lfrd.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Crops:
    """The aligned crops as image files; `as_committed` says that all pictures of the episode are
    the ones whose digests it committed to when they were sealed."""

    probe: bytes
    reference: bytes
    as_committed: bool


def open_crops(tx: Transaction, episode_id: str) -> Crops:
    """Open both crops, and log that `tx.principal` had them compared again.

    Raises NotFound where they were erased.
    """
    episode = tx.get(SealedEpisode, episode_id)
    key = key_of(tx, episode)
    tx.audit(AuditClass.CONSULTATION, "episode.replay", (episode_id,))

    def opened(kind: BlobKind, sealed: bytes | None) -> bytes | None:
        label = Label(kind, episode.id, episode.model_digest)
        return None if sealed is None else key.open(label, sealed)

    probe = opened("probe-crop", episode.sealed_probe_crop)
    reference = opened("episode-reference", episode.sealed_reference_crop)
    if probe is None or reference is None:
        raise NotFound(f"the faces of episode {episode_id} were erased: nothing is left to replay")
    again = commit_faces(
        episode.faces_salt or b"", probe, reference,
        opened("probe-portrait", episode.sealed_probe_portrait),
        opened("episode-portrait", episode.sealed_reference_portrait),
        opened("scene", episode.sealed_scene),
    )  # fmt: skip
    return Crops(probe, reference, hmac.compare_digest(again, episode.faces_commitment or b""))
